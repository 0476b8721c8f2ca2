"""Seeded batches of the general ledger and of the suppliers' ledger: wages, rent, purchases, travel, corrections.

With `awkward` there are, among at least 24 of them:

| case           | what is awkward                                                              |
| -------------- | ---------------------------------------------------------------------------- |
| `long`         | wages of 60 people: more lines than a small page holds                       |
| `thirds`       | 100 over three departments: 33.33, 33.33 and 33.34                           |
| `negative`     | a correction with negative amounts on the sides of what it corrects          |
| `voided`       | a batch and the one that reverses it                                         |
| `foreign`      | in euro                                                                      |
| `not_posted`   | status Balanced                                                              |
| `on_hold`      | status Hold                                                                  |
| `zero_line`    | a line that is neither debit nor credit                                      |
"""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from decimal import Decimal

from ml_connector.simulators.people import generator, person
from ml_connector.simulators.visma.amounts import Amount, cents, shared
from ml_connector.simulators.visma.chart import (
    ACTIVE_SUBACCOUNTS,
    BANK,
    INPUT_VAT,
    PAYABLES,
    PAYROLL_TAX,
    PAYROLL_TAX_DUE,
    PURCHASES,
    RENT,
    SUPPLIES,
    TAX_WITHHELD,
    TRAVEL,
    WAGES,
    WAGES_DUE,
)
from ml_connector.simulators.visma.journal import Journal
from ml_connector.simulators.visma.journal_rows import Entry
from ml_connector.simulators.visma.settings import VismaSettings
from ml_connector.simulators.visma.supplier_rows import FIRST_SUPPLIER
from ml_connector.simulators.visma.vat import RATES

CASES = ("long", "thirds", "negative", "voided", "foreign", "not_posted", "on_hold", "zero_line")
_SEEDS = 30_000_000
_SPAN = 700


def make_batches(journal: Journal, settings: VismaSettings, base: datetime) -> dict[str, list[str]]:
    """All batches that no invoice posts; answers with the keys (`GL-000001`) of the awkward ones by case."""
    awkward: dict[str, list[str]] = {}
    for index in range(settings.journals):
        rng = generator(settings.seed, _SEEDS + index)
        days = _SPAN - (_SPAN - 5) * index // settings.journals
        at = base - timedelta(days=days, minutes=int(rng.random() * 600))
        turn, rest = divmod(index, 3)
        case = CASES[turn] if settings.awkward and rest == 1 and turn < len(CASES) else None
        batch = _make(journal, settings, rng, index, at, case)
        if case:
            awkward.setdefault(case, []).append(batch)
    return awkward


def _make(
    journal: Journal, settings: VismaSettings, rng: random.Random, index: int, at: datetime, case: str | None
) -> str:
    day = at.date()
    if case is None and index % 3 == 2 and settings.suppliers:
        supplier = str(FIRST_SUPPLIER + index % settings.suppliers)
        if index % 2:
            batch = journal.post("AP", _purchase(rng, supplier, index), day, f"Faktura fra {supplier}", at=at)
        else:
            entries = _moved(PAYABLES, BANK, _amount(rng), f"Betaling {supplier}", supplier)
            batch = journal.post("AP", entries, day, f"Betaling {supplier}", at=at)
        return _key(batch["module"], batch["batchNumber"])
    entries, description = _general(rng, settings.seed, index, day, case)
    status = {"not_posted": "Balanced", "on_hold": "Hold"}.get(case or "", "Posted")
    euro = RATES["EUR"]
    if case == "foreign":
        entries = _moved(TRAVEL, BANK, Amount.of(Decimal("123.45"), euro), "Hotell, København")
        batch = journal.post("GL", entries, day, "Reise", at=at, currency="EUR", rate=euro)
    else:
        batch = journal.post("GL", entries, day, description, at=at, status=status)
    if case == "voided":
        journal.reverse("GL", batch["batchNumber"], day + timedelta(days=1), at=at + timedelta(days=1))
    return _key(batch["module"], batch["batchNumber"])


def _general(rng: random.Random, seed: int, index: int, day: date, case: str | None) -> tuple[list[Entry], str]:
    match case:
        case "thirds":
            parts = shared(_kroner(Decimal(100)), [Decimal(1)] * 3)
            entries = [
                Entry(SUPPLIES, part, "Fordelt kaffe", subaccount=f"{code}-0000")
                for part, code in zip(parts, ("10", "20", "30"), strict=True)
            ]
            return [*entries, Entry(BANK, _kroner(Decimal(-100)), "Fordelt kaffe")], "Fordeling på avdelinger"
        case "negative":
            amount = _kroner(Decimal("-1234.50"))
            text = "Korreksjon: husleie"
            return [Entry(RENT, amount, text, storno=True), Entry(BANK, -amount, text, storno=True)], text
        case "zero_line":
            return [
                *_moved(RENT, BANK, _amount(rng), "Husleie"),
                Entry(SUPPLIES, Amount(), "Til orientering"),
            ], "Husleie"
    if case == "long" or index % 4 == 0:
        return _wages(rng, seed, index, 60 if case == "long" else 2 + index % 7), f"Lønn {day:%m.%Y}"
    return _moved(RENT, BANK, _amount(rng), f"Husleie {day:%m.%Y}"), f"Husleie {day:%m.%Y}"


def _wages(rng: random.Random, seed: int, index: int, people: int) -> list[Entry]:
    """A line for each person, and what is due for all of them: tax withheld, payroll tax, the wages."""
    entries, paid = [], Amount()
    for one in range(people):
        wage = _kroner(cents(Decimal(28_000 + int(rng.random() * 3_500_000)) / 100 * 10))
        name = person(seed, _SEEDS + 100 * index + one).name
        entries.append(Entry(WAGES, wage, f"Lønn {name}", subaccount=ACTIVE_SUBACCOUNTS[one % len(ACTIVE_SUBACCOUNTS)]))
        paid += wage
    tax = _kroner(cents(paid.doc * Decimal("0.31")))
    contribution = _kroner(cents(paid.doc * Decimal("0.141")))
    return [
        *entries,
        Entry(PAYROLL_TAX, contribution, "Arbeidsgiveravgift"),
        Entry(PAYROLL_TAX_DUE, -contribution, "Arbeidsgiveravgift"),
        Entry(TAX_WITHHELD, -tax, "Forskuddstrekk"),
        Entry(WAGES_DUE, tax - paid, "Netto lønn"),
    ]


def _purchase(rng: random.Random, supplier: str, index: int) -> list[Entry]:
    net = _amount(rng)
    vat = _kroner(cents(net.doc / 4))
    text, number = f"Innkjøp {supplier}", f"{7000 + index}"
    return [
        Entry(PURCHASES, net, text, number, partner=supplier, kind="INV"),
        Entry(INPUT_VAT, vat, text, number, partner=supplier, kind="INV"),
        Entry(PAYABLES, -(net + vat), text, number, partner=supplier, kind="INV"),
    ]


def _moved(debit: str, credit: str, amount: Amount, text: str, partner: str | None = None) -> list[Entry]:
    return [Entry(debit, amount, text, partner=partner), Entry(credit, -amount, text, partner=partner)]


def _amount(rng: random.Random) -> Amount:
    return _kroner(Decimal(10_000 + int(rng.random() * 9_000_000)) / 100)


def _kroner(amount: Decimal) -> Amount:
    return Amount(cents(amount), cents(amount))


def _key(module: str, number: str) -> str:
    return f"{module.removeprefix('Module')}-{number}"
