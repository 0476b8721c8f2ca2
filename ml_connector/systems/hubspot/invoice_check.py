"""What `check` asks about the flows of invoices, besides properties and scopes."""

from __future__ import annotations

from collections.abc import Iterator

from ml_connector.http import CallProblem, Stopped
from ml_connector.systems.hubspot.client import HubSpotClient
from ml_connector.systems.hubspot.deals import DEALS
from ml_connector.systems.hubspot.properties import PAYMENTS, present
from ml_connector.systems.registry import Finding


def check_invoices(client: HubSpotClient) -> Iterator[Finding]:
    """Raises Stopped when the token is refused."""
    invoices = client.settings.flows.invoices
    if invoices is None:
        return
    if invoices.payments == "records":
        yield _payments(client)
    if invoices.deals is not None and invoices.deals.property is not None:
        yield _deals(client, invoices.deals.property)
    if invoices.line_key is None:
        what = "Line items have no key of ours: they are compared by content, and those that people add are archived."
        yield Finding("line items", True, what)


def _payments(client: HubSpotClient) -> Finding:
    """Payments need HubSpot payments or Stripe set up in the account (HubSpot reference, section 10)."""
    try:
        client.get(client.routes.objects(PAYMENTS), {"limit": "1"})
    except (CallProblem, Stopped) as problem:
        return Finding(
            "payments",
            False,
            f"HubSpot does not give its payments: {problem}",
            "Invoices would not be delivered, because their payments could not be.",
            "Set up HubSpot payments or Stripe in the account, or write `payments: properties`.",
        )
    return Finding("payments", True, "The account has payments.")


def _deals(client: HubSpotClient, name: str) -> Finding:
    found = present(client, DEALS).get(name)
    if found is not None:
        return Finding(f"deals: {name}", True, f"Deals are {'read by it' if found.unique else 'searched for'}.")
    return Finding(
        f"deals: {name}",
        False,
        f"HubSpot has no property {name} of deals.",
        "No invoice is delivered as long as deals are to be found by it.",
        "Correct `deals` in connections.yaml.",
    )
