"""What the token has to be allowed, for the flows that are switched on (HubSpot reference, section 2)."""

from __future__ import annotations

from collections.abc import Iterator

from ml_connector.systems.hubspot.properties import COMPANIES, CONTACTS, INVOICES
from ml_connector.systems.hubspot.settings import Settings

RIGHTS = ("read", "write")


def needed_scopes(settings: Settings) -> Iterator[str]:
    """The names of the scopes. Associations have none of their own: both ends have to be writable."""
    yield from _both(COMPANIES)
    if settings.flows.contacts is not None:
        yield from _both(CONTACTS)
    invoices = settings.flows.invoices
    if invoices is not None:
        yield from _both(INVOICES)
        yield from _objects("line_items")
        if invoices.line_key is not None:
            yield "e-commerce"  # line items have no schema scope
        if invoices.payments == "records":
            yield from _objects("commercepayments")
        if invoices.deals is not None:
            yield from _objects("deals")
            yield "crm.schemas.deals.read"
    yield from _transactions(settings)


def _transactions(settings: Settings) -> Iterator[str]:
    """Of the custom object, where the settings insist on one; else the check says whether there is one, and why not."""
    transactions = settings.flows.transactions
    if transactions is not None and transactions.store == "object":
        yield from _objects("custom")
        yield from (f"crm.schemas.custom.{right}" for right in RIGHTS)
    if transactions is not None and transactions.store == "invoices":
        yield from _both(INVOICES)


def _both(kind: str) -> Iterator[str]:
    yield from _objects(kind)
    yield from (f"crm.schemas.{kind}.{right}" for right in RIGHTS)


def _objects(kind: str) -> Iterator[str]:
    yield from (f"crm.objects.{kind}.{right}" for right in RIGHTS)
