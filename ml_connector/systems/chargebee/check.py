"""Asks the site whether everything that a sync needs is there. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator

from ml_connector.http import CallProblem, Stopped
from ml_connector.systems.chargebee.client import ChargebeeClient
from ml_connector.systems.registry import Finding

LISTS = {"customers": "/customers", "invoices": "/invoices", "credit notes": "/credit_notes", "events": "/events"}


def check(client: ChargebeeClient) -> Iterator[Finding]:
    """What was found. Whether the key may write, and whether custom fields exist, nothing tells without writing."""
    settings = client.settings
    needed = ["customers", *(("invoices", "credit notes") if settings.flows.invoices else ())]
    needed += ["events"] if settings.events else []
    for name in needed:
        try:
            client.get(LISTS[name], {"limit": 1})
        except (CallProblem, Stopped) as problem:
            decision = problem.decision
            refused = isinstance(problem, Stopped)
            yield Finding(
                name,
                False,
                decision.reason,
                f"No {name} can be synced.",
                decision.advice or "Try again.",
                refused=refused,
            )
            if refused:
                return
        else:
            yield Finding(name, True, "They can be read.")
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
