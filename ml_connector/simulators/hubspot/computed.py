"""Values that HubSpot works out itself (HubSpot reference, section 10)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from ml_connector.simulators.hubspot.object_types import COMPANIES, CONTACTS, DEALS, INVOICES, LINE_ITEMS, PAYMENTS
from ml_connector.simulators.hubspot.table import Record

if TYPE_CHECKING:
    from ml_connector.simulators.hubspot.portal import Portal

Values = Mapping[str, str]
Compute = Callable[["Portal", Record, Values], str | None]
_CENT = Decimal("0.01")


def number(values: Values, name: str) -> Decimal:
    """A kept number; 0 where there is none."""
    return Decimal(values.get(name) or "0")


def is_billable(values: Values) -> bool:
    return values.get("hs_invoice_billable") != "false"


def line_amount(values: Values) -> Decimal | None:
    """Quantity x price less the discount, which is an amount per unit or a percentage."""
    if not values.get("price") or not values.get("quantity"):
        return None
    unit = number(values, "price") - number(values, "discount")
    if values.get("hs_discount_percentage"):
        unit = number(values, "price") * (1 - number(values, "hs_discount_percentage") / 100)
    return (number(values, "quantity") * unit).quantize(_CENT)


def invoice_amount(portal: Portal, record: Record, values: Values) -> Decimal:
    """The sum of the line items; of a non-billable invoice what was sent, if it was."""
    if not is_billable(values) and values.get("hs_amount_billed"):
        return number(values, "hs_amount_billed")
    lines = portal.tables[LINE_ITEMS].records
    linked = portal.graph.of(INVOICES, record.id, LINE_ITEMS)
    return sum((line_amount(lines[one].values) or Decimal(0) for one in linked), Decimal(0))


def invoice_paid(portal: Portal, record: Record) -> Decimal:
    """The sum of the payments that succeeded."""
    payments = portal.tables[PAYMENTS].records
    linked = (payments[one].values for one in portal.graph.of(INVOICES, record.id, PAYMENTS))
    succeeded = (values for values in linked if values.get("hs_latest_status") == "succeeded")
    return sum((number(values, "hs_initial_amount") for values in succeeded), Decimal(0))


def _line_amount(_portal: Portal, _record: Record, values: Values) -> str | None:
    amount = line_amount(values)
    return None if amount is None else f"{amount:f}"


def _billed(portal: Portal, record: Record, values: Values) -> str:
    return f"{invoice_amount(portal, record, values):f}"


def _paid(portal: Portal, record: Record, _values: Values) -> str:
    return f"{invoice_paid(portal, record):f}"


def _balance(portal: Portal, record: Record, values: Values) -> str:
    if values.get("hs_invoice_status") in ("paid", "voided"):
        return "0"
    return f"{invoice_amount(portal, record, values) - invoice_paid(portal, record):f}"


def _latest(there: str, name: str) -> Compute:
    """A property of the record that was associated last."""

    def compute(portal: Portal, record: Record, _values: Values) -> str | None:
        linked = list(portal.graph.of(INVOICES, record.id, there))
        return portal.tables[there].records[linked[-1]].values.get(name) if linked else None

    return compute


def _contacts(here: str) -> Compute:
    def compute(portal: Portal, record: Record, _values: Values) -> str:
        return str(len(portal.graph.of(here, record.id, CONTACTS)))

    return compute


def _company(portal: Portal, record: Record, _values: Values) -> str | None:
    """The primary company of a contact."""
    linked = portal.graph.of(CONTACTS, record.id, COMPANIES)
    return next((str(one) for one, specs in linked.items() if ("HUBSPOT_DEFINED", 1) in specs), None)


COMPUTED: Mapping[str, Mapping[str, Compute]] = {
    CONTACTS: {"associatedcompanyid": _company},
    COMPANIES: {"num_associated_contacts": _contacts(COMPANIES)},
    DEALS: {"num_associated_contacts": _contacts(DEALS)},
    LINE_ITEMS: {"amount": _line_amount},
    INVOICES: {
        "hs_amount_billed": _billed,
        "hs_amount_billed_in_company_currency": _billed,
        "hs_amount_paid": _paid,
        "hs_balance_due": _balance,
        "hs_invoice_latest_contact_email": _latest(CONTACTS, "email"),
        "hs_invoice_latest_company_name": _latest(COMPANIES, "name"),
    },
}
