"""Customer invoices and credit notes, and what happens to them: released, paid, credited, voided.

Each of these posts a batch in the journal, so that the receivables there are what the invoices' balances add up to.
The numbers of invoices and of credit notes know nothing of each other: the same number can stand in both.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from ml_connector.simulators.visma.amounts import ZERO, Amount, SaleLine, decimal, shared, totals_of
from ml_connector.simulators.visma.chart import BANK, RECEIVABLES
from ml_connector.simulators.visma.desk import Desk
from ml_connector.simulators.visma.errors import not_found
from ml_connector.simulators.visma.invoice_rows import (
    CREDIT_NOTE,
    EXPANDS,
    INVOICE,
    UNRELEASED,
    Sale,
    application,
    document_row,
    lines_of,
)
from ml_connector.simulators.visma.journal import Journal
from ml_connector.simulators.visma.journal_rows import Entry
from ml_connector.simulators.visma.stamps import plain
from ml_connector.simulators.visma.tables import Table
from ml_connector.simulators.visma.vat import BASE_CURRENCY, RATES, VAT

Members = dict[str, Any]

FIRST_NUMBER = 100_001
FIRST_PAYMENT = 300_001


class NotPossible(Exception):
    """What was asked of a document cannot be done in its state; the text says why."""


@dataclass(frozen=True, slots=True)
class Order:
    """What an invoice is to be made of; see `Sale`."""

    customer: Members
    lines: Sequence[SaleLine]
    currency: str | None = None
    rate: Decimal | None = None
    day: date | None = None
    discount: Decimal = ZERO
    branch: str = "1"
    hold: bool = False
    text: str = ""
    project: str | None = None


class Sales:
    """Documents by kind (INVOICE, CREDIT_NOTE) and number. A moment (`at`) is aware; None means now."""

    def __init__(self, desk: Desk, journal: Journal) -> None:
        self._desk = desk
        self._journal = journal
        self.tables = {kind: Table(desk.zone, apart=tuple(EXPANDS.values())) for kind in (INVOICE, CREDIT_NOTE)}
        self._next = dict.fromkeys((INVOICE, CREDIT_NOTE), FIRST_NUMBER)
        self._payments = FIRST_PAYMENT

    def read(self, kind: str, number: str) -> Members:
        """The document with every block; 404."""
        table = self.tables[kind]
        key = int(number) if number.isascii() and number.isdigit() else 0
        if key not in table:
            raise not_found({INVOICE: "Customer invoice", CREDIT_NOTE: "Customer credit note"}[kind], number)
        return table.read(key)

    def make(self, order: Order, kind: str = INVOICE, *, at: datetime | None = None) -> Members:
        """A document that is not released."""
        number = str(self._next[kind])
        self._next[kind] += 1
        currency = order.currency or order.customer["currencyId"]
        day = order.day or (at or self._desk.settings.now()).astimezone(self._desk.zone).date()
        sale = Sale(
            kind,
            number,
            order.customer,
            order.lines,
            currency,
            order.rate or RATES[currency],
            day,
            self._stamp(at),
            order.discount,
            order.branch,
            order.hold,
            order.text,
            order.project,
        )
        return self._keep(document_row(sale))

    def release(self, kind: str, number: str, *, at: datetime | None = None) -> Members:
        """Hold or Balanced becomes Open, or Closed where nothing is to be paid; posts the batch."""
        row = self.read(kind, number)
        if row["status"] not in UNRELEASED:
            raise NotPossible(f"the document is {row['status']}")
        row |= {"hold": False, "status": _status(Amount.read(row, "balance"))}
        self._post(row, at)
        return self._keep(self._touched(row, at))

    def pay(
        self, number: str, amount: Decimal | None = None, reference: str = "", *, at: datetime | None = None
    ) -> Members:
        """A payment of so much in the document's currency; None: of all that is open."""
        row = self.read(INVOICE, number)
        paid = self._part(row, amount)
        day = self._day(at)
        payment = str(self._payments)
        self._payments += 1
        self._apply(row, application("Payment", payment, row["customer"]["number"], paid, day, reference), paid)
        text = f"Innbetaling faktura {number}"
        partner = row["customer"]["number"]
        entries = [
            Entry(BANK, paid, text, payment, partner=partner, kind="PMT"),
            Entry(RECEIVABLES, -paid, text, payment, partner=partner, kind="PMT"),
        ]
        rate = decimal(row["exchangeRate"])
        self._journal.post("AR", entries, day, text, at=at, currency=row["currencyId"], rate=rate)
        return self._keep(self._touched_by_payment(row, at))

    def credit(
        self,
        number: str,
        customer: Members,
        only: Collection[int] = (),
        *,
        at: datetime | None = None,
    ) -> tuple[Members, Members]:
        """A credit note for an invoice, or for the lines of it with these numbers, applied as far as it is open.

        Returns: the invoice and the credit note.
        """
        row = self.read(INVOICE, number)
        if row["status"] not in ("Open", "Closed"):
            raise NotPossible(f"the invoice is {row['status']}")
        lines = [line for at_, line in enumerate(lines_of(row), 1) if not only or at_ in only]
        if not lines:
            raise NotPossible("the invoice has no such lines")
        discount = ZERO if only else decimal(row["discountTotalInCurrency"])
        order = Order(
            customer,
            lines,
            row["currencyId"],
            decimal(row["exchangeRate"]),
            self._day(at),
            discount,
            row["branchNumber"]["number"],
            text=f"Kreditnota for faktura {number}",
            project=(row.get("project") or {}).get("id"),
        )
        note = self.make(order, CREDIT_NOTE, at=at)
        note |= {"status": "Open", "originatorDocRef": number, "customerRefNumber": row["customerRefNumber"]}
        self._post(note, at)
        owed, left = Amount.read(row, "balance"), Amount.read(note, "balance")
        if owed.doc > 0 and left.doc > 0:
            on_row, on_note = (owed, left if left.doc == owed.doc else owed) if left.doc >= owed.doc else (left, left)
            partner, day = row["customer"]["number"], self._day(at)
            self._apply(row, application(CREDIT_NOTE, note["referenceNumber"], partner, on_row, day, ""), on_row)
            self._apply(note, application(INVOICE, number, partner, on_note, day, ""), on_note)
            row = self._touched_by_payment(row, at)
        note["status"] = _status(Amount.read(note, "balance"))
        return self._keep(row), self._keep(self._touched(note, at))

    def void(self, number: str, *, at: datetime | None = None) -> Members:
        """The invoice was never valid: nothing is open any more, and what it posted is reversed."""
        row = self.read(INVOICE, number)
        if row["applications"]:
            raise NotPossible("something was paid or credited of the invoice")
        if row["status"] == "Voided":
            raise NotPossible("the invoice is Voided")
        if row["status"] not in UNRELEASED:
            self._post(row, at, sign=-1)
        row |= {"status": "Voided", "hold": False, **Amount().members("balance")}
        return self._keep(self._touched(row, at))

    def save(self, row: Members, *, modified_at: str | None = None, silent: bool = False) -> Members:
        """Keep a changed document as it is, modified now or at `modified_at`; `silent` leaves its stamp."""
        if not silent:
            row["lastModifiedDateTime"] = modified_at or self._desk.now()
        return self._keep(row)

    def move(self, kind: str, count: int) -> None:
        """The first documents in the order are modified and so move to the end."""
        table = self.tables[kind]
        for key in table.ids()[:count]:
            self.save(table.read(key))
            table.move_to_end(key)

    def _part(self, row: Members, amount: Decimal | None) -> Amount:
        """So much of what is open; the rest of it in the company's currency goes with the last payment."""
        if row["status"] != "Open":
            raise NotPossible(f"the invoice is {row['status']}")
        left = Amount.read(row, "balance")
        if amount is None or amount == left.doc:
            return left
        if not 0 < amount < left.doc:
            raise NotPossible(f"{amount} is not between 0 and the balance {left.doc}")
        return Amount.of(amount, decimal(row["exchangeRate"]))

    def _apply(self, row: Members, how: Members, amount: Amount) -> None:
        left = Amount.read(row, "balance") - amount
        row |= {**left.members("balance"), "status": _status(left), "applications": [*row["applications"], how]}

    def _post(self, row: Members, at: datetime | None, sign: int = 1) -> None:
        """The document's batch; a credit note's is the other way round, and so is that of a voided invoice."""
        if row["documentType"] == CREDIT_NOTE:
            sign = -sign
        number, partner = row["referenceNumber"], row["customer"]["number"]
        rate = decimal(row["exchangeRate"])
        totals = totals_of(lines_of(row), rate, decimal(row["discountTotalInCurrency"]))
        text = f"{'Faktura' if row['documentType'] == INVOICE else 'Kreditnota'} {number}"
        parts: list[tuple[str, Amount, str | None]] = [(RECEIVABLES, totals.amount, None)]
        for code, (of, vat) in totals.taxes.items():
            parts += [(account, -part, code) for account, part in _by_account(lines_of(row), code, of, rate)]
            parts.append((VAT[code].account, -vat, code))
        kind = "INV" if row["documentType"] == INVOICE else "CRM"
        entries = [
            Entry(account, amount if sign > 0 else -amount, text, number, vat=code, partner=partner, kind=kind)
            for account, amount, code in parts
            if amount.doc or account == RECEIVABLES
        ]
        self._journal.post(
            "AR",
            entries,
            self._day(at),
            text,
            at=at,
            currency=row["currencyId"],
            rate=rate if row["currencyId"] != BASE_CURRENCY else Decimal(1),
            branch=row["branchNumber"]["number"],
        )

    def _day(self, at: datetime | None) -> date:
        return (at or self._desk.settings.now()).astimezone(self._desk.zone).date()

    def _stamp(self, at: datetime | None) -> str:
        return self._desk.now() if at is None else plain(at, self._desk.zone)

    def _touched(self, row: Members, at: datetime | None) -> Members:
        return row | {"lastModifiedDateTime": self._stamp(at)}

    def _touched_by_payment(self, row: Members, at: datetime | None) -> Members:
        """Whether a payment stamps the invoice is one of the open questions (section 13)."""
        return self._touched(row, at) if self._desk.settings.payments_touch_invoices else row

    def _keep(self, row: Members) -> Members:
        row["timeStamp"] = self._desk.version()
        self.tables[row["documentType"]].put(int(row["referenceNumber"]), row)
        return row


def _by_account(lines: Sequence[SaleLine], code: str, of: Amount, rate: Decimal) -> list[tuple[str, Amount]]:
    """What the lines of a VAT code come to, less their share of the discount, by account."""
    sums: dict[str, Decimal] = {}
    for line in lines:
        if line.vat == code:
            account = line.account or VAT[code].sales
            sums[account] = sums.get(account, ZERO) + line.amount(rate).doc
    return list(zip(sums, shared(of, list(sums.values())), strict=True))


def _status(balance: Amount) -> str:
    return "Open" if balance.doc else "Closed"
