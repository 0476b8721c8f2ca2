"""From a Visma invoice or credit note to a HubSpot invoice with its line items: pure and total.

| Visma's status                | `hs_invoice_status` |
| ----------------------------- | ------------------- |
| Open                          | `open`              |
| Closed                        | `paid`              |
| Voided, or not there any more | `voided`            |
| anything before the release   | `draft`, if `drafts` |

The invoice is never billable: HubSpot neither collects money for it nor mails anybody (HubSpot reference, section 10).
A credit note is an invoice below zero, so that sums over a customer's invoices are right.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ml_connector.engine.records import Desired, Mapped, Need, Record, Reject, Skip
from ml_connector.systems.hubspot.fields import as_text
from ml_connector.systems.hubspot.invoice_lines import Amounts, Wrong, amounts_of, digits, lines_of
from ml_connector.systems.hubspot.invoice_settings import InvoicesSettings
from ml_connector.systems.hubspot.parties import UNREADABLE, parsed
from ml_connector.systems.hubspot.payments import paid_date, payments_of, references, status_of
from ml_connector.systems.hubspot.segments import segment_names, segment_properties
from ml_connector.systems.visma.models import CustomerDocument
from ml_connector.systems.visma.paths import read

INVOICES = "visma.customer_invoices"
CREDIT_NOTES = "visma.customer_credit_notes"

SIGNS: Mapping[str, int] = {
    "Invoice": 1,
    "DebitNote": 1,
    "FinCharge": 1,
    "CashSale": 1,
    "CreditNote": -1,
    "CashReturn": -1,
}
"""Types of documents that are invoices or the opposite (Visma reference, appendix)."""

STATUSES: Mapping[str, str] = {"Open": "open", "Closed": "paid", "Voided": "voided", "Deleted": "voided"}
UNRELEASED = frozenset(
    {"Hold", "Balanced", "Scheduled", "PendingPrint", "PendingEmail", "CreditHold", "CcHold", "Reserved"}
)
"""Before the release nothing is owed yet, and the document can still go (Visma reference, section 6)."""

NO_INVOICE = "no invoice"
CREDIT_NOTES_OFF = "credit notes are left alone"
BEFORE_FROM = "before from"
NOT_RELEASED = "not released"
GONE = "deleted, and not in HubSpot"

_CURRENCY = re.compile(r"[A-Z]{3}")


def map_invoice(
    record: Record, settings: InvoicesSettings, namespace: str, portal: str | None, *, contacts: bool
) -> Mapped:
    """What the invoice of this document should look like.

    The body holds `properties` without our key, which is the claim; `lines` and `payments` by their keys; `deal`, the
    reference by which a deal is found; and, from other flows, the ids of `company` and `contact`.

    Args:
        contacts: the target has contacts, so the customer's contact is linked to it.
    """
    document = _document(record)
    if isinstance(document, Reject):
        return document
    sign = SIGNS.get(document.document_type)
    if (skipped := _left_out(document, settings, sign)) is not None or sign is None:
        return skipped or Skip(NO_INVOICE, document.document_type)
    if (rejected := _refused(document)) is not None:
        return rejected
    amounts, lines = amounts_of(document, sign), lines_of(document, sign)
    if isinstance(amounts, Wrong):
        return Reject(*amounts)
    if isinstance(lines, Wrong):
        return Reject(*lines)
    body: dict[str, Any] = {
        "properties": {
            **_properties(document, settings, amounts),
            **segment_properties(settings.segments, (one.subaccount for one in document.lines), segment_names(record)),
        },
        "lines": {line.key: dict(line.properties) for line in lines},
    }
    if settings.payments == "records" and sign > 0:
        body["payments"] = {one.key: dict(one.properties) for one in payments_of(document, amounts)}
    if settings.deals is not None and settings.deals.property is not None:
        body["deal"] = as_text(read(document, settings.deals.equals))
    if portal is not None:
        body["portal"] = portal
    deleted = document.status == "Deleted"
    return Desired(
        f"{namespace}:{document.key}",
        body,
        create=not deleted,
        rule=GONE if deleted else None,
        needs=_needs(document, contacts),
        repeatable=settings.line_key is not None,  # else lines are created, and nothing tells those that come late
    )


def _document(record: Record) -> CustomerDocument | Reject:
    """The document of a row; one that vanished has the status `Deleted`."""
    if record.key.startswith(UNREADABLE):
        return Reject("Visma.net sent this row without a type or a number, so nothing tells it apart.", "unreadable")
    document = parsed(CustomerDocument, record.payload)
    if isinstance(document, str):
        return Reject(f"Visma.net's row cannot be read: {document}.", "unreadable")
    return document.model_copy(update={"status": "Deleted"}) if record.vanished else document


def _left_out(document: CustomerDocument, settings: InvoicesSettings, sign: int | None) -> Skip | None:
    """Why a rule leaves it alone."""
    if sign is None:
        return Skip(NO_INVOICE, f"It is a document of the type {document.document_type}.")
    if sign < 0 and not settings.credit_notes:
        return Skip(CREDIT_NOTES_OFF)
    day = document.document_date
    if settings.from_ is not None and day is not None and day < settings.from_:
        return Skip(BEFORE_FROM, f"It is of {day}, and `from` is {settings.from_}.")
    if document.status in UNRELEASED and not settings.drafts:
        return Skip(NOT_RELEASED, f"Its status is {document.status}.")
    return None


def _refused(document: CustomerDocument) -> Reject | None:
    """What nobody could make an invoice of."""
    if document.status not in STATUSES and document.status not in UNRELEASED:
        return Reject(f"Nobody knows what the status {document.status or '(none)'} means for HubSpot.", "status")
    if document.customer is None or not as_text(document.customer.number):
        return Reject("The document names no customer, so it belongs to no company.", "no customer")
    if not _CURRENCY.fullmatch(as_text(document.currency_id).upper()):
        return Reject("The document's currency is no code of three letters; HubSpot needs one.", "currency")
    return None


def _properties(document: CustomerDocument, settings: InvoicesSettings, amounts: Amounts) -> dict[str, str]:
    status = document.status or ""
    day, due = document.document_date, document.document_due_date
    return {
        **{name: as_text(read(document, path)) for name, path in settings.sources.items()},
        "hs_currency": as_text(document.currency_id).upper(),
        "hs_invoice_billable": "false",
        "hs_invoice_status": STATUSES.get(status, "draft"),
        "hs_number": as_text(document.reference_number),
        "hs_amount_billed": _money(amounts.total),
        "hs_invoice_date": f"{day}T00:00:00Z" if day else "",
        "hs_due_date": f"{due}T00:00:00Z" if due else "",
        "visma_document_type": as_text(document.document_type),
        "visma_document_number": as_text(document.reference_number),
        "visma_status": status,
        "visma_payment_status": status_of(document, amounts, status),
        "visma_invoice_date": as_text(day),
        "visma_due_date": as_text(due),
        "visma_paid_date": as_text(paid_date(document, amounts)),
        "visma_payments": references(document),
        "visma_net_total": _money(amounts.net),
        "visma_vat_total": _money(amounts.vat),
        "visma_total": _money(amounts.total),
        "visma_balance": "0" if STATUSES.get(status) == "voided" else _money(amounts.balance),
    }


def _needs(document: CustomerDocument, contacts: bool) -> dict[str, Need]:
    """The customer's company; and its contact, if it has one. The row knows the customer by its number alone."""
    number = as_text(document.customer and document.customer.number)
    needs = {"company": Need("companies", number, number, record=True)}
    if contacts:
        needs["contact"] = Need("contact_companies", number, number, fact="from", record=True, optional=True)
    return needs


def _money(amount: Decimal | None) -> str:
    return "" if amount is None else digits(amount)
