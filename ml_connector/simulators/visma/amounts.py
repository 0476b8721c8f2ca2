"""Money, exact: hundredths as Decimal, in the document's currency and in the company's at once.

What is sent are JSON numbers; the shortest text of a float with two decimals is that number again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from ml_connector.simulators.visma.vat import VAT

CENT = Decimal("0.01")
ZERO = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount twice: `doc` in the document's currency, `base` in the company's (Visma reference, section 6)."""

    doc: Decimal = ZERO
    base: Decimal = ZERO

    @classmethod
    def of(cls, doc: Decimal, rate: Decimal) -> Amount:
        """An amount of the document, and what it is at this rate; both rounded to the cent."""
        rounded = cents(doc)
        return cls(rounded, cents(rounded * rate))

    @classmethod
    def read(cls, row: Mapping[str, Any], name: str) -> Amount:
        """The two members of a row."""
        return cls(decimal(row[f"{name}InCurrency"]), decimal(row[name]))

    def members(self, name: str) -> dict[str, float]:
        return {name: float(self.base), f"{name}InCurrency": float(self.doc)}

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.doc + other.doc, self.base + other.base)

    def __sub__(self, other: Amount) -> Amount:
        return Amount(self.doc - other.doc, self.base - other.base)

    def __neg__(self) -> Amount:
        return Amount(-self.doc, -self.base)


@dataclass(frozen=True, slots=True)
class SaleLine:
    """What is sold on one line; a negative quantity takes something back.

    Attributes:
        price: for one, in the document's currency.
        vat: the VAT code.
        discount: percent.
        account: of the general ledger; None: the VAT code's own.
        task: of the document's project.
    """

    description: str
    quantity: Decimal
    price: Decimal
    vat: str
    subaccount: str
    discount: Decimal = ZERO
    account: str | None = None
    task: str | None = None

    def gross(self, rate: Decimal) -> Amount:
        return Amount.of(self.quantity * self.price, rate)

    def rebate(self, rate: Decimal) -> Amount:
        return Amount.of(self.gross(rate).doc * self.discount / 100, rate)

    def amount(self, rate: Decimal) -> Amount:
        return self.gross(rate) - self.rebate(rate)


@dataclass(frozen=True, slots=True)
class Totals:
    """A document's totals; `detail - discount + vat = amount`, in both currencies, to the cent.

    Attributes:
        detail: the lines' amounts.
        discount: off the whole document, besides what is off its lines.
        taxes: VAT code -> what it is of, less its share of the discount; and the VAT.
    """

    detail: Amount
    discount: Amount
    taxes: Mapping[str, tuple[Amount, Amount]]

    @property
    def vat(self) -> Amount:
        return added(vat for _, vat in self.taxes.values())

    @property
    def amount(self) -> Amount:
        return self.detail - self.discount + self.vat

    def taxable(self, *, exempt: bool) -> Amount:
        return added(of for code, (of, _) in self.taxes.items() if VAT[code].exempt is exempt)


def totals_of(lines: Sequence[SaleLine], rate: Decimal, discount: Decimal = ZERO) -> Totals:
    """The totals of lines with a discount in the document's currency; VAT is rounded once for each code."""
    detail = added(line.amount(rate) for line in lines)
    off = Amount.of(discount, rate)
    codes = list(dict.fromkeys(line.vat for line in lines))
    sums = [added(line.amount(rate) for line in lines if line.vat == code) for code in codes]
    taxes = {}
    for code, of, less in zip(codes, sums, shared(off, [one.doc for one in sums]), strict=True):
        net = of - less
        taxes[code] = (net, Amount.of(net.doc * VAT[code].rate / 100, rate))
    return Totals(detail, off, taxes)


def shared(total: Amount, weights: Sequence[Decimal]) -> list[Amount]:
    """The total divided by weights; what does not divide evenly goes to the last share."""
    whole = sum(weights, ZERO)
    shares: list[Amount] = []
    for weight in weights[:-1]:
        part = weight / whole if whole else ZERO
        shares.append(Amount(cents(total.doc * part), cents(total.base * part)))
    return [*shares, total - added(shares)] if weights else []


def added(amounts: Iterable[Amount]) -> Amount:
    return sum(amounts, Amount())


def cents(value: Decimal) -> Decimal:
    """Rounded half up to the hundredth; never a negative zero."""
    return value.quantize(CENT, ROUND_HALF_UP) + ZERO


def decimal(value: object) -> Decimal:
    """A JSON number or text as Decimal, as it is written."""
    return Decimal(str(value))
