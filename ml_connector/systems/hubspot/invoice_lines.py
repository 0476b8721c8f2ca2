"""A document's lines as HubSpot's line items, to the cent; pure.

HubSpot works out a line's amount as quantity x (price - discount per unit), and takes no price below zero (HubSpot
reference, section 10). So a line is written as it is at Visma only where that gives exactly its amount; else as one
piece at that price. What lies below zero is a price of nothing with a discount. VAT, a discount off the whole document
and its rounding are lines too, so that the lines add up to what the customer owes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import NamedTuple

from ml_connector.systems.hubspot.fields import as_text
from ml_connector.systems.visma.models import CustomerDocument, DocumentLine

ZERO = Decimal()
DIGITS = 15
"""Before the point; and the most that are taken behind it."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line item.

    Attributes:
        key: what tells it from the document's others: its number (`7`, and `7-2` for the second that has it), its place
            among those without (`at-1`), or `vat`, `discount`, `rounding`.
        amount: what it adds to the document.
        properties: as they are sent, texts; an empty one clears.
    """

    key: str
    amount: Decimal
    properties: Mapping[str, str]


class Amounts(NamedTuple):
    """A document's totals in its own currency, below zero for a credit note; a balance of None is not known."""

    total: Decimal
    balance: Decimal | None
    net: Decimal | None
    vat: Decimal


class Wrong(NamedTuple):
    """Why a document cannot be shown to the cent."""

    reason: str
    kind: str


def amounts_of(document: CustomerDocument, sign: int) -> Amounts | Wrong:
    """The totals; where the row has none in the document's currency, those in the company's."""
    here = _side(document)
    total, balance = here["amount"], here["balance"]
    wrong = [name for name, value in here.items() if value is not None and not is_usable(value)]
    if total is None or wrong:
        return Wrong(f"The document has no usable {wrong[0] if wrong else 'amount'}.", "unreadable")
    if sign < 0 and total < 0:
        return Wrong(
            f"It is a {document.document_type} with a total below zero ({digits(total)}). Whether that is less than "
            "nothing, or what is owed to the customer, is not known, so nothing was sent.",
            "credit note below zero",
        )
    if balance is None and document.status == "Closed":  # which says that nothing is open
        balance = ZERO
    vat, net = here["vat_total"] or ZERO, here["detail_total"]
    return Amounts(
        sign * total, None if balance is None else sign * balance, None if net is None else sign * net, sign * vat
    )


def lines_of(document: CustomerDocument, sign: int) -> Sequence[Line] | Wrong:
    """The line items, which add up to the document's total; or both sums."""
    amounts = amounts_of(document, sign)
    if isinstance(amounts, Wrong):
        return amounts
    with localcontext() as context:
        context.prec = 80
        lines: list[Line] = []
        numbered: Counter[int | None] = Counter()
        for place, line in enumerate(document.lines, 1):
            amount = line.amount if document.amount_in_currency is None else line.amount_in_currency
            if amount is None or not is_usable(amount):
                return Wrong(f"Line {_number(line, place)} has no usable amount.", "unreadable")
            numbered[line.line_number] += 1
            key = _key(line.line_number, numbered[line.line_number])
            lines.append(_line(document, line, key, place, sign * amount, sign))
        off = _side(document)["discount_total"] or ZERO
        if off:
            lines.append(_single(document, "discount", "Discount", -sign * off))
        gap = amounts.total - sum((line.amount for line in lines), ZERO)
        rounding = abs(document.rounding_diff or ZERO)
        if gap and (abs(gap) != rounding or abs(gap - amounts.vat) in (ZERO, rounding)) and amounts.vat:
            lines.append(_single(document, "vat", _vat_name(document), amounts.vat))
            gap -= amounts.vat  # where prices hold the VAT already, there is no gap, or it is the rounding
        if gap and abs(gap) == rounding:
            lines.append(_single(document, "rounding", "Rounding", gap))
            gap = ZERO
        if gap:
            return Wrong(
                f"The lines with discount and VAT add up to {digits(amounts.total - gap)}, and the document's "
                f"total is {digits(amounts.total)} {document.currency_id or ''}".rstrip()
                + ". Nothing was sent.",
                "does not add up",
            )
    return lines


def is_usable(amount: Decimal) -> bool:
    """Whether it is an amount of money, and not of an absurd length."""
    exponent = amount.as_tuple().exponent
    return isinstance(exponent, int) and -DIGITS <= exponent < DIGITS and amount.adjusted() < DIGITS


def _side(document: CustomerDocument) -> dict[str, Decimal | None]:
    """The document's amounts in its own currency, or else all of them in the company's (Visma reference, section 6)."""
    suffix = "" if document.amount_in_currency is None else "_in_currency"
    names = ("amount", "balance", "detail_total", "discount_total", "vat_total")
    return {name: getattr(document, f"{name}{suffix}") for name in names}


def _key(number: int | None, nth: int) -> str:
    """Numbers and places never meet; what has the same number is told apart by its order."""
    if number is None:
        return f"at-{nth}"
    return str(number) if nth == 1 else f"{number}-{nth}"


def _number(line: DocumentLine, place: int) -> int:
    return place if line.line_number is None else line.line_number


def _line(document: CustomerDocument, line: DocumentLine, key: str, place: int, amount: Decimal, sign: int) -> Line:
    name = as_text(line.description) or as_text(line.inventory_number) or f"Line {_number(line, place)}"
    properties = _shape(document, line, amount, sign)
    details = ""
    if properties["quantity"] == "1" and line.quantity not in (None, 1):
        details = _counted(document, line)
    return Line(
        key,
        amount,
        {
            **properties,
            "name": name,
            "description": details,
            "hs_sku": as_text(line.inventory_number),
            "hs_line_item_currency_code": _currency(document),
        },
    )


def _shape(document: CustomerDocument, line: DocumentLine, amount: Decimal, sign: int) -> dict[str, str]:
    """Quantity, price and discount that give the amount: as at Visma, where that is exact."""
    price = line.unit_price if document.amount_in_currency is None else line.unit_price_in_currency
    quantity = line.quantity
    if price is None or quantity is None or not (is_usable(price) and is_usable(quantity)) or price < 0:
        return _one(amount)
    quantity *= sign
    if quantity > 0 and quantity * price == amount:
        return _priced(quantity, price)
    if quantity < 0 and quantity * price == amount:
        return _priced(-quantity, ZERO, discount=price)
    percent = line.discount_percent
    reduced = quantity > 0 and percent is not None and is_usable(percent) and 0 < percent <= 100
    if percent is not None and reduced and quantity * price * (100 - percent) == amount * 100:
        return _priced(quantity, price, percent=percent)
    return _one(amount)


def _one(amount: Decimal) -> dict[str, str]:
    return _priced(Decimal(1), amount) if amount >= 0 else _priced(Decimal(1), ZERO, discount=-amount)


def _priced(quantity: Decimal, price: Decimal, discount: Decimal = ZERO, percent: Decimal = ZERO) -> dict[str, str]:
    return {
        "quantity": digits(quantity),
        "price": digits(price),
        "discount": digits(discount) if discount else "",
        "hs_discount_percentage": digits(percent) if percent else "",
    }


def _single(document: CustomerDocument, key: str, name: str, amount: Decimal) -> Line:
    properties = {**_one(amount), "name": name, "description": "", "hs_sku": ""}
    return Line(key, amount, properties | {"hs_line_item_currency_code": _currency(document)})


def _counted(document: CustomerDocument, line: DocumentLine) -> str:
    """How it was counted at Visma, for people, where the line item is one piece."""
    return ", ".join(_parts(document, line))


def _parts(document: CustomerDocument, line: DocumentLine) -> Iterator[str]:
    price = line.unit_price if document.amount_in_currency is None else line.unit_price_in_currency
    if line.quantity is not None and is_usable(line.quantity):
        at = f" x {digits(price)}" if price is not None and is_usable(price) else ""
        yield f"{digits(line.quantity)} {as_text(line.uom)}".rstrip() + at
    if line.discount_percent and is_usable(line.discount_percent):
        yield f"-{digits(line.discount_percent)} %"


def _vat_name(document: CustomerDocument) -> str:
    """With the rates, where the row says them."""
    rates = sorted({one.vat_rate for one in document.tax_details if one.vat_rate and is_usable(one.vat_rate)})
    return f"VAT {', '.join(digits(rate) for rate in rates)} %" if rates else "VAT"


def _currency(document: CustomerDocument) -> str:
    return as_text(document.currency_id).upper()


def digits(value: Decimal) -> str:
    """Digit by digit, without zeros that say nothing, or a sign of zero: 2.0 is 2, 349.50 is 349.5 and -0.00 is 0."""
    text = format(value if value else value.copy_abs(), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
