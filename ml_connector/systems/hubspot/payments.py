"""What Visma shows of payments: the balance, and what payments and credit notes took off the document; pure.

Whether a payment stamps its invoice as modified is not documented (Visma reference, section 13): where it does not, the
weekly full read brings it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from ml_connector.systems.hubspot.fields import as_text
from ml_connector.systems.hubspot.invoice_lines import ZERO, Amounts, digits, is_usable
from ml_connector.systems.visma.models import Application, CustomerDocument

PAYMENTS = frozenset({"Payment", "Prepayment", "CashSale"})
"""Types of documents that are money; the others are documents that were set off."""


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment as a record.

    Attributes:
        key: what tells it from the document's others.
        properties: as they are sent, texts.
    """

    key: str
    properties: Mapping[str, str]


def status_of(document: CustomerDocument, amounts: Amounts, visma_status: str) -> str:
    """`open`, `paid`, `credited` (a credit note: `set off`), each perhaps `partly`, `voided` or `unknown`."""
    if visma_status in ("Voided", "Deleted"):
        return "voided"
    if amounts.balance is None:
        return "unknown"
    if not amounts.total or amounts.balance == amounts.total:
        return "open" if amounts.balance else "paid"
    credited = not list(_money(document)) and any(not one.voided for one in document.applications)
    word = ("credited" if amounts.total > 0 else "set off") if credited else "paid"
    return f"partly {word}" if amounts.balance else word


def paid_date(document: CustomerDocument, amounts: Amounts) -> date | None:
    """When the last of it was paid; None while something is open."""
    days = [one.application_date for one in _money(document) if one.application_date is not None]
    return max(days) if days and amounts.balance == 0 else None


def references(document: CustomerDocument) -> str:
    """What was set off and by what, for people: `Payment 700001 (BANK77), CreditNote 100003`."""
    return ", ".join(dict.fromkeys(_named(one) for one in document.applications if not one.voided and one.ref_nbr))


def payments_of(document: CustomerDocument, amounts: Amounts) -> Sequence[Payment]:
    """The payments as records, as far as their amount is known in the document's currency.

    Visma shows what was paid in the company's currency alone (Visma reference, section 6). In another one it is known
    only where one payment is all that happened: then it is what is not open any more.
    """
    found = [one for one in _money(document) if one.ref_nbr and one.amount_paid is not None and one.application_date]
    if document.amount != document.amount_in_currency and document.amount_in_currency is not None:
        alone = len(found) == 1 and len([one for one in document.applications if not one.voided]) == 1
        if not alone or amounts.balance is None:
            return []
        return [_payment(document, found[0], abs(amounts.total - amounts.balance))]
    amounts_paid: dict[str, tuple[Application, Decimal]] = {}
    for one in found:
        if one.amount_paid is not None and is_usable(one.amount_paid) and one.amount_paid > 0:
            _, before = amounts_paid.get(_key(one), (one, ZERO))
            amounts_paid[_key(one)] = (one, before + one.amount_paid)
    return [_payment(document, one, amount) for one, amount in amounts_paid.values()]


def _money(document: CustomerDocument) -> Iterator[Application]:
    return (one for one in document.applications if one.doc_type in PAYMENTS and not one.voided)


def _payment(document: CustomerDocument, one: Application, amount: Decimal) -> Payment:
    return Payment(
        _key(one),
        {
            "hs_initial_amount": digits(amount),
            "hs_initiated_date": f"{one.application_date}T00:00:00Z",
            "hs_latest_status": "succeeded",
            "hs_currency_code": as_text(document.currency_id).upper(),
            "hs_reference_number": as_text(one.payment_ref) or as_text(one.ref_nbr),
            "hs_payment_method_type": "other",
            "hs_processor_type": "none",
        },
    )


def _named(one: Application) -> str:
    text = f"{as_text(one.doc_type)} {as_text(one.ref_nbr)}".strip()
    return f"{text} ({as_text(one.payment_ref)})" if one.payment_ref else text


def _key(one: Application) -> str:
    return f"{as_text(one.doc_type)}-{as_text(one.ref_nbr)}"
