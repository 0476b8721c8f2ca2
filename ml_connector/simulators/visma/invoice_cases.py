"""Seeded invoices: who bought what and when, what became of it, and the awkward ones among them.

With `awkward`, sets of at least 48 invoices hold each case at least once:

| case                | what is awkward                                                                            |
| ------------------- | ------------------------------------------------------------------------------------------ |
| `negative_line`     | one line takes back goods                                                                  |
| `zero_amount`       | the lines cancel out: nothing to pay, closed at once                                       |
| `no_cent_divides`   | three at 33.33 with 12.5 percent off, and VAT that ends in half a cent                     |
| `line_discounts`    | a discount on each line                                                                    |
| `whole_discount`    | a discount off the whole document, over two VAT rates                                      |
| `many_rates`        | lines with every VAT rate                                                                  |
| `exempt_only`       | nothing but exempt lines                                                                   |
| `foreign_currency`  | in euro, whoever the customer is                                                           |
| `foreign_part_paid` | in euro and partly paid                                                                    |
| `part_paid`         | partly paid, open                                                                          |
| `paid_twice`        | paid in two parts, closed                                                                  |
| `credited`          | credited as a whole                                                                        |
| `part_credited`     | its first line credited                                                                    |
| `paid_and_credited` | paid, then credited: the credit note stays open                                            |
| `no_email`          | its customer has no e-mail                                                                 |
| `customer_supplies` | its customer is a supplier as well                                                         |
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from ml_connector.simulators.people import generator
from ml_connector.simulators.visma.amounts import CENT, SaleLine, decimal
from ml_connector.simulators.visma.chart import ACTIVE_SUBACCOUNTS
from ml_connector.simulators.visma.invoice_rows import INVOICE
from ml_connector.simulators.visma.sales import Order, Sales
from ml_connector.simulators.visma.settings import VismaSettings
from ml_connector.simulators.visma.vat import BASE_CURRENCY, RATES

Members = dict[str, Any]

CASES = (
    "negative_line", "zero_amount", "no_cent_divides", "line_discounts", "whole_discount", "many_rates", "exempt_only",
    "foreign_currency", "foreign_part_paid", "part_paid", "paid_twice", "credited", "part_credited",
    "paid_and_credited", "no_email", "customer_supplies",
)  # fmt: skip
_GOODS = (
    ("Fyrstikker, eske", "12.90"), ("Rørdeler Ø22", "349.50"), ("Konsulenttime", "1450.00"), ("Tømmer, meter", "87.35"),
    ("Blåskjell, kg", "64.00"), ("Regnskapsføring", "2890.00"), ("Malingsspann 10 l", "799.00"), ("Frakt", "149.00"),
    ("Årsabonnement", "4995.00"), ("Håndsåpe 5 l", "219.90"),
)  # fmt: skip
_FATES = (("paid", 0.55), ("part_paid", 0.62), ("credited", 0.68), ("open", 0.9), ("balanced", 0.95), ("hold", 0.98))
_SEEDS = 20_000_000
_SPAN = 700
"""The invoices lie in the last so many days."""


@dataclass(frozen=True, slots=True)
class Buyers:
    """Who invoices are made for.

    Attributes:
        customer: the read model of the customer of an index.
        count: how many customers there are.
        without_email: the index of one that has none; None when there is none.
    """

    customer: Callable[[int], Members]
    count: int
    without_email: int | None


def make_invoices(sales: Sales, buyers: Buyers, settings: VismaSettings, base: datetime) -> dict[str, list[str]]:
    """All invoices of a new company; answers with the numbers of the awkward ones by case."""
    awkward: dict[str, list[str]] = {}
    for index in range(settings.invoices if buyers.count else 0):
        case = _whatat(index) if settings.awkward else None
        if case == "no_email" and buyers.without_email is None:
            case = None
        rng = generator(settings.seed, _SEEDS + index)
        days = _SPAN - (_SPAN - 5) * index // settings.invoices
        at = base - timedelta(days=days, minutes=int(rng.random() * 600))
        order = _order(buyers, rng, index, case)
        number = sales.make(order, at=at)["referenceNumber"]
        _live(sales, order.customer, rng, number, at, base, case)
        if case:
            awkward.setdefault(case, []).append(number)
    return awkward


def _whatat(index: int) -> str | None:
    turn, rest = divmod(index, 3)
    return CASES[turn % len(CASES)] if rest == 1 and (turn < len(CASES) or turn % 20 == 0) else None


def _order(buyers: Buyers, rng: random.Random, index: int, case: str | None) -> Order:
    buyer = index * 7 % buyers.count
    if case == "no_email" and buyers.without_email is not None:
        buyer = buyers.without_email
    elif case == "customer_supplies":
        buyer = 0  # supplier_rows.py makes a supplier of the first customers
    customer = buyers.customer(buyer)
    domestic = customer["currencyId"] == BASE_CURRENCY
    currency = "EUR" if case in ("foreign_currency", "foreign_part_paid") else customer["currencyId"]
    rate = Decimal(1)
    if currency != BASE_CURRENCY:
        rate = (RATES[currency] * Decimal(9800 + int(rng.random() * 400)) / 10_000).quantize(Decimal("0.0001"))
    lines = [_line(rng, domestic) for _ in range(1 + int(rng.random() * 4))]
    order = Order(customer, lines, currency, rate, branch="2" if rng.random() < 0.2 else "1")
    return _awkward(order, case)


def _line(rng: random.Random, domestic: bool) -> SaleLine:
    draw = rng.random
    text, price = _GOODS[int(draw() * len(_GOODS))]
    share = draw()
    vat = "3" if share < 0.7 else "31" if share < 0.85 else "33" if share < 0.95 else "5"
    quantity = Decimal(1 + int(draw() * 12)) / (2 if draw() < 0.1 else 1)
    subaccount = ACTIVE_SUBACCOUNTS[int(draw() * len(ACTIVE_SUBACCOUNTS))]
    return SaleLine(text, quantity, Decimal(price), vat if domestic else "52", subaccount)


def _awkward(order: Order, case: str | None) -> Order:
    """The order as its case wants it."""
    plain = SaleLine("Rørdeler Ø22", Decimal(4), Decimal("349.50"), "3", ACTIVE_SUBACCOUNTS[0])
    match case:
        case "negative_line":
            lines = [plain, replace(plain, description="Retur: Rørdeler Ø22", quantity=Decimal(-1))]
        case "zero_amount":
            lines = [plain, replace(plain, description="Omlevering", quantity=Decimal(-4))]
        case "no_cent_divides":
            lines = [replace(plain, quantity=Decimal(3), price=Decimal("33.33"), discount=Decimal("12.5"))]
        case "line_discounts":
            lines = [replace(line, discount=Decimal(10 + 5 * at)) for at, line in enumerate(order.lines)]
        case "whole_discount":
            lines = [plain, replace(plain, quantity=Decimal(7), price=Decimal("14.29"), vat="31")]
            return replace(order, lines=lines, discount=Decimal(100))
        case "many_rates":
            lines = [
                replace(plain, vat=vat, price=plain.price + CENT * at) for at, vat in enumerate(("3", "31", "33", "5"))
            ]
        case "exempt_only":
            lines = [replace(plain, vat="5"), replace(plain, vat="5", price=Decimal("0.01"))]
        case "part_credited":
            lines = [plain, replace(plain, quantity=Decimal(2))]
        case _:
            return order
    return replace(order, lines=lines)


def _live(
    sales: Sales, customer: Members, rng: random.Random, number: str, at: datetime, base: datetime, what: str | None
) -> None:
    """What becomes of an invoice until the day before `base`."""
    share = rng.random()
    fate = next((name for name, limit in _FATES if share < limit), "voided")
    if what is not None:
        fate = {"foreign_part_paid": "part_paid"}.get(what, what)
    if fate == "hold":
        sales.save(sales.read(INVOICE, number) | {"status": "Hold", "hold": True}, silent=True)
    if fate in ("hold", "balanced"):
        return
    row = sales.release(INVOICE, number, at=at + timedelta(hours=1))
    if row["status"] == "Closed":
        return
    day_before = base - timedelta(hours=25)
    later = min(at + timedelta(days=3 + int(rng.random() * 40)), day_before)
    at_last = min(later + timedelta(days=2, minutes=int(rng.random() * 600)), day_before)
    reference = f"BANK{int(number) * 7919 % 1_000_003}"
    match fate:
        case "paid" | "paid_and_credited":
            sales.pay(number, reference=reference, at=later)
        case "part_paid" | "paid_twice":
            sales.pay(number, (decimal(row["balanceInCurrency"]) / 3).quantize(CENT), reference, at=later)
        case "voided":
            sales.void(number, at=later)
    match fate:
        case "paid_twice":
            sales.pay(number, reference=f"{reference}-2", at=at_last)
        case "credited" | "paid_and_credited":
            sales.credit(number, customer, at=at_last)
        case "part_credited":
            sales.credit(number, customer, (1,), at=at_last)
