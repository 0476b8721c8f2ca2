"""From a Visma invoice or credit note to what Chargebee imports, to the smallest unit: pure and total.

Chargebee wants every line's tax and the taxes of the whole document, and a total that these come to; a difference of
rounding goes into `round_off`, at most 99 (Chargebee reference, section 4.1). What it cannot express is rejected with
what to do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from ml_connector.engine.digests import digest_of
from ml_connector.engine.records import Desired, Mapped, Need, Record, Reject, Skip
from ml_connector.systems.chargebee.customers import UNREADABLE, VAT, id_of, parsed
from ml_connector.systems.chargebee.fields import as_text
from ml_connector.systems.chargebee.flow_settings import InvoicesSettings
from ml_connector.systems.chargebee.invoice_details import details_of, for_import
from ml_connector.systems.chargebee.money import NotMoney, minor
from ml_connector.systems.visma.models import CustomerDocument, DocumentLine

INVOICES = "visma.customer_invoices"
CREDIT_NOTES = "visma.customer_credit_notes"
INVOICE, CREDIT_NOTE = "Invoice", "CreditNote"
OPEN = "Open"
RELEASED = (OPEN, "Closed")
VOIDED = ("Voided", "Deleted")
MOST_ROUND_OFF = 99
MOST = 10**9
"""Pieces on a line, beyond which it is sent as one."""
OURS = re.compile(r"CB[A-Z2-7]{12}")
"""A reference of ours in Visma: documents that came from Chargebee do not go back."""
LONGEST = {"description": 250, "reference": 100}
IMPORTED_ANEW = re.compile(r".+--\d+")
"""What no invoice number may look like, so that no id of one is that of another's re-import."""
PAYMENTS = ("Payment", "Prepayment")
WRITE_OFFS = ("SmallBalanceWo",)
"""Types of applications that are money; credit notes are documents of their own."""


class Inexpressible(ValueError):
    """Chargebee cannot hold this; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Money:
    """A document's money in minor units; a credit note's amounts are what it takes back, above zero."""

    currency: str
    total: int
    round_off: int
    lines: Sequence[Mapping[str, Any]]
    taxes: Sequence[Mapping[str, Any]]
    discount: int

    def members(self) -> dict[str, Any]:
        discounts = [{"entity_type": "document_level_discount", "amount": self.discount}] if self.discount else []
        return {
            "currency_code": self.currency,
            "total": self.total,
            "line_items": list(self.lines),
            **({"taxes": list(self.taxes)} if self.taxes else {}),
            **({"discounts": discounts} if discounts else {}),
        }


def map_invoice(record: Record, settings: InvoicesSettings) -> Mapped:
    """What the invoice should be like.

    The body: `document`, the parameters of an import without ids; `payments` by Visma's number, and `paid`, their sum
    where only that is known; `voided`; `details`, what `update_details` changes; `money` and `terms`, digests of what
    cannot be changed (lines and amounts; days and payment reference); `customer`, the id of the customer; and, of an
    open one, `customer_vat`, which changes with the customer's VAT number (`invoice_details.py`).
    """
    document = read_document(record)
    if isinstance(document, Reject):
        return document
    if (left_out := _left_out(document, settings, INVOICE)) is not None:
        return left_out
    claim = id_of(settings.prefix, document.reference_number)
    if IMPORTED_ANEW.fullmatch(document.reference_number):
        return Reject(
            f"The number {document.reference_number} ends as the ids of invoices do that are imported anew, so the two "
            "could be mixed up: enter the invoice at Chargebee by hand.",
            "ambiguous number",
        )
    if claim is None or document.document_date is None or document.customer is None:
        return Reject("The invoice has no number that makes an id, no date, or no customer.", "unreadable")
    try:
        money = money_of(document)
        payments, paid = _payments(document, money)
    except (Inexpressible, NotMoney, ArithmeticError) as error:
        known = isinstance(error, Inexpressible | NotMoney)
        return Reject(str(error) if known else "An amount is beyond all bounds: correct it in Visma.", "inexpressible")
    details = details_of(document)
    voided = document.status in VOIDED
    frozen = money.members()
    terms = {
        "date": epoch(document.document_date),
        "due_date": epoch(max(document.document_due_date or document.document_date, document.document_date)),
        **_reference(document, settings),
    }
    body = {
        "document": {
            **frozen,
            **for_import(details),
            **terms,
            "price_type": "tax_exclusive",
            **({"round_off": money.round_off} if money.round_off else {}),
        },
        "payments": payments,
        "paid": paid,
        "voided": voided,
        "details": details,
        "money": digest_of(frozen).hex(),
        "terms": digest_of(terms).hex(),
    }
    return Desired(
        claim,
        body,
        create=not voided,
        rule="voided, and not at Chargebee" if voided else None,
        needs=_needs(document),
        basis={name: body[name] for name in ("money", "terms", "payments", "paid", "voided", "details")},
        not_before=_moment(document.document_date),
    )


def again_id(claim: str, version: int) -> str:
    """The id of an invoice that is imported anew: one that no other invoice's number makes."""
    return f"{claim}--{version}"


def map_credit_note(record: Record, settings: InvoicesSettings) -> Mapped:
    """What the credit note should be like; it needs the invoice that it is for."""
    document = read_document(record)
    if isinstance(document, Reject):
        return document
    if (left_out := _left_out(document, settings, CREDIT_NOTE)) is not None:
        return left_out
    claim = id_of(settings.credit_note_prefix, document.reference_number)
    if claim is None or document.document_date is None:
        return Reject("The credit note has no number that makes an id, or no date.", "unreadable")
    invoice = as_text(document.originator_doc_ref)
    if not invoice:
        return Reject(
            "The credit note names no invoice, and Chargebee takes none without. Enter it at Chargebee by hand.",
            "no invoice",
        )
    try:
        money = money_of(document)
    except (Inexpressible, NotMoney, ArithmeticError) as error:
        known = isinstance(error, Inexpressible | NotMoney)
        return Reject(str(error) if known else "An amount is beyond all bounds: correct it in Visma.", "inexpressible")
    voided = document.status in VOIDED
    frozen = money.members()
    body = {
        "document": {
            **frozen,
            "date": epoch(document.document_date),
            **({"round_off_amount": money.round_off} if money.round_off else {}),
            "create_reason_code": settings.reason,
        },
        "voided": voided,
        "money": digest_of(frozen).hex(),
    }
    key = f"{INVOICE}-{invoice}"
    return Desired(
        claim,
        body,
        create=not voided,
        rule="voided, and not at Chargebee" if voided else None,
        needs={"invoice": Need("invoices", key, key, record=True)},
        basis={name: body[name] for name in ("money", "voided")},
        not_before=_moment(document.document_date),
    )


def read_document(record: Record) -> CustomerDocument | Reject:
    """The document of a row; one that vanished has the status `Deleted`."""
    if record.key.startswith(UNREADABLE):
        return Reject("Visma.net sent this row without a type or a number, so nothing tells it apart.", "unreadable")
    document = parsed(CustomerDocument, record.payload)
    if isinstance(document, str):
        return Reject(f"Visma.net's row cannot be read: {document}.", "unreadable")
    return document.model_copy(update={"status": "Deleted"}) if record.vanished else document


def epoch(day: date) -> int:
    """The first second of a day, UTC; in every zone of Europe that is the same day."""
    return int(_moment(day).timestamp())


def money_of(document: CustomerDocument) -> Money:
    """The document's money. Raises `Inexpressible`, `NotMoney`."""
    currency = as_text(document.currency_id).upper()
    in_currency = document.amount_in_currency is not None
    total = _minor(document.amount_in_currency if in_currency else document.amount, currency, "total")
    vat = _minor(document.vat_total_in_currency if in_currency else document.vat_total, currency, "VAT", 0)
    off = document.discount_total_in_currency if in_currency else document.discount_total
    discount = abs(_minor(off, currency, "discount", 0))
    if total < 0:
        raise Inexpressible(
            "Its total is below zero, which Chargebee does not take: make a credit note of it in Visma."
        )
    lines, amounts = [], []
    for place, line in enumerate(document.lines, 1):
        amount = _minor(line.amount_in_currency if in_currency else line.amount, currency, f"amount of line {place}")
        if amount < 0:
            raise Inexpressible(
                f"Line {place} is below zero, which Chargebee does not take: make a credit note of it in Visma."
            )
        amounts.append(amount)
        lines.append({"id": f"l{place}", **_line(line, amount, currency, place, in_currency=in_currency)})
    taxes = _taxed(document, lines, amounts, vat, discount)
    round_off = total - (sum(amounts) - discount + vat)
    if abs(round_off) > MOST_ROUND_OFF:
        raise Inexpressible(
            f"The lines with discount and VAT come to {sum(amounts) - discount + vat}, and the total is {total} "
            f"{currency} in its smallest unit. Nothing was sent: correct the document in Visma."
        )
    return Money(currency, total, round_off, lines, taxes, discount)


def _line(line: DocumentLine, amount: int, currency: str, place: int, *, in_currency: bool) -> dict[str, Any]:
    """With its quantity and price where these give exactly its amount, else as one piece."""
    text = as_text(line.description) or as_text(line.inventory_number) or f"Line {place}"
    quantity, price = line.quantity, line.unit_price_in_currency if in_currency else line.unit_price
    shape = {"unit_amount": amount, "quantity": 1}
    if quantity is not None and price is not None and 1 < quantity < MOST and quantity % 1 == 0:
        try:
            unit = minor(price, currency)
        except NotMoney:
            unit = -1
        if unit * int(quantity) == amount and unit >= 0:
            shape = {"unit_amount": unit, "quantity": int(quantity)}
    return {"description": text[: LONGEST["description"]], **shape, "amount": amount, "entity_type": "adhoc"}


def _taxed(
    document: CustomerDocument, lines: Sequence[dict[str, Any]], amounts: Sequence[int], vat: int, discount: int
) -> list[dict[str, Any]]:
    """Give every line its tax; answers with the taxes of the document. Raises `Inexpressible`.

    A discount of the whole document is taken off every line by its share. That the tax of a line is rounded otherwise
    than Visma rounds, is settled on the largest.
    """
    whole = sum(amounts)
    left = Decimal(max(whole - discount, 0)) / whole if whole and discount else Decimal(1)
    if not vat:
        return []
    rates = {as_text(one.tax_id): one.vat_rate for one in document.tax_details if one.vat_rate is not None}
    due: dict[int, tuple[Decimal, int]] = {}
    for place, (line, amount) in enumerate(zip(document.lines, amounts, strict=True)):
        rate = rates.get(as_text(line.vat_code and line.vat_code.id))
        if rate and not 0 < rate <= 100:
            raise Inexpressible(f"The VAT rate of line {place + 1} is not between 0 and 100 %: correct it in Visma.")
        if rate:
            due[place] = (rate, int((amount * left * rate / 100).quantize(Decimal(1), ROUND_HALF_UP)))
    off = vat - sum(tax for _, tax in due.values())
    if due and off:
        largest = max(due, key=lambda place: due[place][1])
        due[largest] = (due[largest][0], due[largest][1] + off)
    if (
        not due
        or (abs(off) > max(len(lines), 1) and not document.discount_total)
        or min(tax for _, tax in due.values()) < 0
    ):
        raise Inexpressible(
            f"The VAT of the lines does not come to the document's VAT, {vat} in its smallest unit: correct the VAT "
            "codes of the lines in Visma."
        )
    sums: dict[Decimal, int] = {}
    for place, (rate, tax) in due.items():
        lines[place].update(tax1_name=_tax_name(rate), tax1_amount=tax)
        sums[rate] = sums.get(rate, 0) + tax
    return [{"name": _tax_name(rate), "rate": float(rate), "amount": tax} for rate, tax in sorted(sums.items())]


def _tax_name(rate: Decimal) -> str:
    return f"VAT {format(rate.normalize(), 'f')} %"


def _payments(document: CustomerDocument, money: Money) -> tuple[dict[str, dict[str, int | None]], int | None]:
    """What was paid, by Visma's number of the payment; and the sum, where only that is known.

    Visma shows what was paid in the company's currency alone (Visma reference, section 6). In another one the sum is
    what is not open any more, as long as nothing but payments took anything off. Raises `Inexpressible`, `NotMoney`.
    """
    applied = [one for one in document.applications if not one.voided]
    settled_otherwise = any(one.cash_discount_taken or one.doc_type in WRITE_OFFS for one in applied)
    if settled_otherwise and document.status not in VOIDED:
        raise Inexpressible(
            "Visma took something off it that nobody paid: a cash discount or a write-off. If Chargebee has it, record "
            "its payments there by hand and write the rest off; else enter it there as it is, or leave it out. Then "
            "take it off the problems with `ml-connector handled`."
        )
    found = [one for one in applied if one.doc_type in PAYMENTS and one.ref_nbr and one.amount_paid]
    payments: dict[str, dict[str, int | None]] = {}
    if not found:
        return payments, None
    foreign = document.amount_in_currency is not None and document.amount_in_currency != document.amount
    if foreign and len(found) < len(applied):
        raise Inexpressible(
            "Visma tells what was paid of it in the company's currency alone, and a credit note took something off, "
            f"too, so what was paid in {money.currency} is not known: enter it at Chargebee by hand."
        )
    for one in found:
        amount = None if foreign else _minor(one.amount_paid, money.currency, "payment", 0)
        if amount is not None and amount < 0:
            raise Inexpressible(f"The payment {one.ref_nbr} is below zero: correct it in Visma.")
        reference = str(one.ref_nbr)[: LONGEST["reference"]]
        before = payments.get(reference, {"amount": 0})["amount"] or 0
        day = one.application_date or document.document_date
        payments[reference] = {
            "amount": None if amount is None else before + amount,
            "date": epoch(day) if day else 0,
        }
    paid = money.total - _minor(document.balance_in_currency, money.currency, "balance", money.total)
    return dict(sorted(payments.items())), max(paid, 0) if foreign else None


def _reference(document: CustomerDocument, settings: InvoicesSettings) -> dict[str, Any]:
    number = as_text(document.payment_reference)[: LONGEST["reference"]]
    if not number or settings.payment_reference == "none":
        return {}
    return {"payment_reference_numbers": [{"type": settings.payment_reference, "number": number}]}


def _left_out(document: CustomerDocument, settings: InvoicesSettings, kind: str) -> Skip | None:
    if document.document_type != kind:
        return Skip("no invoice", f"It is a document of the type {document.document_type}.")
    if any(OURS.fullmatch(as_text(text)) for text in _references(document)):
        return Skip("came from Chargebee", "It stands there already.")
    day = document.document_date
    if day is not None and day < settings.from_:
        return Skip("before from", f"It is of {day}, and `from` is {settings.from_}.")
    if document.status not in (*RELEASED, *VOIDED):
        return Skip("not released", f"Its status is {document.status}.")
    return None


def _references(document: CustomerDocument) -> Sequence[str | None]:
    return (document.external_reference, document.customer_ref_number)


def _needs(document: CustomerDocument) -> dict[str, Need]:
    """The customer; and of an open invoice what the customer's VAT number was last, by digest.

    One that is settled keeps the VAT number that it was issued with.
    """
    number = as_text(document.customer and document.customer.number)
    needs = {"customer": Need("customers", number, number, record=True)}
    if document.status == OPEN:
        needs["customer_vat"] = Need("customers", number, number, fact=VAT, record=True, optional=True, decides=True)
    return needs


def _minor(value: Decimal | None, currency: str, what: str, default: int | None = None) -> int:
    if value is None or not value.is_finite():
        if default is not None and value is None:
            return default
        raise Inexpressible(f"The document has no usable {what}.")
    return minor(value, currency)


def _moment(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
