"""The life of an invoice (HubSpot reference, section 10)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from ml_connector.simulators.hubspot.computed import invoice_amount, invoice_paid, is_billable
from ml_connector.simulators.hubspot.errors import invalid, invalid_values
from ml_connector.simulators.hubspot.object_types import CONTACTS, INVOICES, LINE_ITEMS
from ml_connector.simulators.hubspot.portal import Portal
from ml_connector.simulators.hubspot.table import Record
from ml_connector.simulators.hubspot.times import milliseconds, shown

BILLED_ELSEWHERE = ("hs_amount_billed", "hs_number", "hs_external_createdate")
"""What a non-billable invoice may be given, perhaps; its status, too."""
_NEXT = {"draft": ("open",), "open": ("voided",), "paid": (), "voided": ()}
"""Where a PATCH can lead a billable invoice; `paid` comes from a payment alone."""


def check_invoice(portal: Portal, record: Record | None, changes: dict[str, str], has: Callable[[str], bool]) -> None:
    """Check and complete a write; `has` says whether a type of object is associated. Raises Problem."""
    settings = portal.settings
    before = record.values if record else {}
    _check_currency(portal, changes)
    billable = is_billable({**before, **changes})
    if record is not None and billable != is_billable(before):
        message = "hs_invoice_billable cannot be changed after creation"
        raise invalid_values(settings.portal_id, [("hs_invoice_billable", "READ_ONLY_VALUE", message)])
    if settings.nonbillable_fields == "refused" and (sent := [name for name in BILLED_ELSEWHERE if name in changes]):
        found = [(name, "READ_ONLY_VALUE", f"{name} is a read only property") for name in sent]
        raise invalid_values(settings.portal_id, found)
    if billable:
        changes.pop("hs_amount_billed", None)  # follows the line items
        _check_status(portal, before, changes, has)
        if record is None:
            _complete(portal, changes)
    elif settings.nonbillable_fields != "honoured":
        for name in (*BILLED_ELSEWHERE, "hs_invoice_status"):
            changes.pop(name, None)
    if record is None:
        changes.setdefault("hs_invoice_status", "draft")
        changes.setdefault("hs_invoice_billable", "true")


def delete_refusal(portal: Portal, record: Record) -> str:
    """Why an invoice cannot be archived; `""` where it can."""
    status = record.values.get("hs_invoice_status", "draft")
    if status == "draft" or (status == "open" and portal.settings.open_invoices_deletable):
        return ""
    return f"An invoice whose status is {status} cannot be deleted."


def settle(portal: Portal, invoice_id: int) -> None:
    """An open invoice whose payments suffice is paid."""
    table = portal.tables[INVOICES]
    record = table.find(invoice_id)
    if record is not None and record.values.get("hs_invoice_status") == "open":
        due = invoice_amount(portal, record, record.values)
        if invoice_paid(portal, record) >= due > 0:
            now = portal.now()
            table.change(record, {"hs_invoice_status": "paid", "hs_payment_date": shown(now)}, now)


def _check_currency(portal: Portal, changes: dict[str, str]) -> None:
    """One of the portal's, in upper case."""
    currency = changes.get("hs_currency")
    if currency is None:
        return
    wrong = currency not in portal.settings.currencies if portal.settings.unknown_currency == "refuse" else False
    if wrong or not currency or currency != currency.upper():
        message = f"{currency} was not one of the allowed options: [{', '.join(portal.settings.currencies)}]"
        raise invalid_values(portal.settings.portal_id, [("hs_currency", "INVALID_OPTION", message)])


def _check_status(portal: Portal, before: dict[str, str], changes: dict[str, str], has: Callable[[str], bool]) -> None:
    now = before.get("hs_invoice_status", "draft")
    wanted = changes.get("hs_invoice_status", now)
    if wanted == now:
        return
    if wanted not in _NEXT[now]:
        raise invalid(f"hs_invoice_status cannot go from {now} to {wanted or 'nothing'}.")
    if wanted == "open":
        missing = [there for there in (CONTACTS, LINE_ITEMS) if not has(there)]
        if missing:
            raise invalid(f"An invoice cannot be opened without associated {' and '.join(missing)}.")
        due = changes.get("hs_due_date") or before.get("hs_due_date")
        if due and portal.settings.past_due_open == "refuse":
            day = datetime.fromtimestamp(portal.now(), UTC) - timedelta(days=1)
            if milliseconds(due) < day.timestamp() * 1000:
                raise invalid("An invoice cannot be opened with a due date in the past.")


def _complete(portal: Portal, changes: dict[str, str]) -> None:
    """What HubSpot fills in where it was not sent."""
    now = shown(portal.now())
    changes["hs_invoice_date"] = changes.get("hs_invoice_date") or now
    changes["hs_due_date"] = changes.get("hs_due_date") or now
    changes["hs_number"] = changes.get("hs_number") or f"INV-{1001 + len(portal.tables[INVOICES].ids)}"
    tax_ids = portal.settings.tax_ids
    if changes.get("hs_tax_id") and changes["hs_tax_id"] not in tax_ids:
        message = f"{changes['hs_tax_id']} is not a tax id of this account"
        raise invalid_values(portal.settings.portal_id, [("hs_tax_id", "INVALID_OPTION", message)])
    if tax_ids:
        changes["hs_tax_id"] = changes.get("hs_tax_id") or tax_ids[0]
