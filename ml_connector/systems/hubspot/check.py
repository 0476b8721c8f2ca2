"""Asks the account whether everything that a sync needs is there. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator

from ml_connector.http import stop, stopping
from ml_connector.systems.hubspot.client import HubSpotClient
from ml_connector.systems.hubspot.errors import NAME, SCOPES
from ml_connector.systems.hubspot.invoice_check import check_invoices
from ml_connector.systems.hubspot.properties import (
    COMPANIES,
    NOT_UNIQUE,
    Present,
    Property,
    kinds,
    needed,
    present,
)
from ml_connector.systems.hubspot.scopes import needed_scopes
from ml_connector.systems.hubspot.transaction_store import check_transactions
from ml_connector.systems.registry import Finding

CREATE = "Run `ml-connector setup` for this target; it shows what it would create, and `--yes` creates it."


def check(client: HubSpotClient) -> Iterator[Finding]:
    """What was found. Raises Stopped when the token is refused, for then there is nothing more to ask."""
    yield account(client)
    yield _scopes(client)
    for kind in kinds(client.settings):
        there = present(client, kind)
        for one in needed(kind, client.settings):
            yield _property(one, there.get(one.name))
        for name in client.settings.flows.companies.match if kind == COMPANIES else ():
            yield _match(name, there.get(name))
    yield from check_invoices(client)
    yield from check_transactions(client)


def account(client: HubSpotClient) -> Finding:
    """Whose token it is. Raises Stopped when it is refused, or when it is another account's than the one configured."""
    with stopping(NAME, "asking for the account"):
        answer = client.get(client.routes.account)
    portal, wanted = str(answer.data.get("portalId")), client.settings.portal
    if wanted is not None and portal != wanted:
        raise stop(
            NAME,
            "configuration",
            f"the access token belongs to account {portal}, and connections.yaml says `portal: {wanted}`",
            "Enter the token of the right account with `ml-connector credentials set`, or correct `portal`.",
        )
    kind = str(answer.data.get("accountType") or "unknown").replace("_", " ").lower()
    left = answer.headers.get("x-hubspot-ratelimit-daily-remaining")
    calls = f"; {int(left):,} calls left today" if left and left.isdigit() else ""
    zone, currency = answer.data.get("timeZone"), answer.data.get("companyCurrency")
    return Finding("credentials", True, f"Account {portal} ({kind}), {zone}, {currency}{calls}.")


def _scopes(client: HubSpotClient) -> Finding:
    given = client.scopes()
    if given is None:
        return Finding("scopes", True, "HubSpot does not say what the token may do; the first delivery shows it.")
    wanted = list(dict.fromkeys(needed_scopes(client.settings)))
    if missing := [scope for scope in wanted if scope not in given]:
        return Finding(
            "scopes",
            False,
            f"The token lacks {', '.join(missing)}.",
            "HubSpot would refuse calls that need them. The schema scopes to write are needed by setup alone.",
            SCOPES,
        )
    return Finding("scopes", True, f"The token has the {len(wanted)} scopes that are needed.")


def _property(one: Property, found: Present | None) -> Finding:
    subject = f"{one.kind}: {one.name}"
    if found is None:
        return Finding(
            subject,
            False,
            f"HubSpot has no property {one.name} of {one.kind}.",
            "Nothing is delivered before it is there.",
            CREATE,
        )
    if one.unique and not found.unique:
        return Finding(
            subject,
            False,
            f"{one.name} is to hold our key, and it is not unique.",
            "The same customer could become two records, so nothing is delivered.",
            NOT_UNIQUE,
        )
    if found.read_only:
        return Finding(
            subject,
            False,
            f"{one.name} cannot be written: HubSpot fills it itself.",
            "Nothing is delivered as long as it is mapped.",
            f"Leave it out in connections.yaml: `{one.name}: null` under `fields`.",
        )
    what = "Unique." if one.unique else f"Of the type {found.type}."
    if found.type not in ("string", "bool", "phone_number") and one.type == "string" and one.name != "lifecyclestage":
        what += " A customer with a value that does not fit is refused."
    return Finding(subject, True, what)


def _match(name: str, found: Present | None) -> Finding:
    if found is not None:
        how = "read by its unique value" if found.unique else "searched for"
        return Finding(f"match: {name}", True, f"Companies are {how}.")
    return Finding(
        f"match: {name}",
        False,
        f"HubSpot has no property {name} of companies.",
        "Nothing is delivered as long as companies are to be matched by it.",
        "Correct `match` in connections.yaml.",
    )
