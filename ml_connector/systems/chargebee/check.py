"""Asks the site whether everything that a sync needs is there. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator

from ml_connector.http import CallProblem, Stopped
from ml_connector.systems.chargebee.client import ChargebeeClient
from ml_connector.systems.registry import Finding

NOT_CHARGEBEE = ("outage", "not found", "malformed answer")
LISTS = {"customers": "/customers", "invoices": "/invoices", "credit notes": "/credit_notes", "events": "/events"}


def check(client: ChargebeeClient) -> Iterator[Finding]:
    """What was found; the first answer that no site gives ends it."""
    settings = client.settings
    needed = ["customers", *(("invoices", "credit notes") if settings.flows.invoices else ())]
    needed += ["events"] if settings.events else []
    for name in needed:
        try:
            client.get(LISTS[name], {"limit": 1})
        except (CallProblem, Stopped) as problem:
            found = unreadable(client, name, problem)
            yield found
            if found.refused:
                return
        else:
            yield Finding(name, True, "They can be read.")
    yield Finding("rights", True, "Whether the key may write, no call tells without writing: give it full access.")
    yield Finding(
        "pace",
        True,
        f"At most {settings.calls_per_minute} calls a minute, as configured; other programs of the site count, too.",
    )
    field = settings.flows.customers.status_field
    if field is not None:
        yield Finding(
            f"custom field {field}",
            True,
            "Whether the site has it, no call tells.",
            "A customer is refused where the site lacks it.",
            f"See at Chargebee: Settings, Configure Chargebee, Custom fields, Customer: {field}, single-line text.",
        )


def unreadable(client: ChargebeeClient, name: str, problem: CallProblem | Stopped) -> Finding:
    """What a list says that was not given; it is there at every site, so its absence is a wrong address."""
    decision = problem.decision
    elsewhere = decision.kind in NOT_CHARGEBEE
    address = f"Try again later; or is {client.settings.address} wrong, which comes from `site`, or `base_url`?"
    action = decision.advice or (address if elsewhere else "Try again.")
    refused = elsewhere or isinstance(problem, Stopped)
    return Finding(name, False, decision.reason, f"No {name} can be synced.", action, refused=refused)
