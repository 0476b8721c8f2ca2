"""The general ledger: batches with their lines, and every change to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from ml_connector.simulators.visma.amounts import ZERO, decimal
from ml_connector.simulators.visma.desk import Desk
from ml_connector.simulators.visma.errors import not_found
from ml_connector.simulators.visma.invoice_rows import day_text
from ml_connector.simulators.visma.journal_rows import Batch, Entry, batch_row
from ml_connector.simulators.visma.stamps import with_offset
from ml_connector.simulators.visma.tables import Selection, Table

Members = dict[str, Any]

_AMOUNTS = tuple(f"{side}{suffix}" for side in ("debitAmount", "creditAmount") for suffix in ("", "InCurrency"))
_TOTALS = tuple(f"{side}Total{suffix}" for side in ("debit", "credit", "control") for suffix in ("", "InCurrency"))


class Journal:
    """Batches by module and number. The numbers of one module know nothing of those of another."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._ids: dict[tuple[str, str], int] = {}
        self._last: Counter[str] = Counter()
        self._last_id = 0
        self.table = Table(desk.zone)

    def post(
        self,
        module: str,
        entries: Sequence[Entry],
        day: date,
        description: str,
        *,
        at: datetime | None = None,
        currency: str = "NOK",
        rate: Decimal = Decimal(1),
        status: str = "Posted",
        branch: str = "1",
        period: str | None = None,
    ) -> Members:
        """Make a batch with the module's next number, now or at a moment."""
        number, stamp = self._next_number(module), self._stamp(at)
        batch = Batch(module, number, entries, day, description, stamp, currency, rate, status, branch, period)
        return self._keep(*batch_row(batch))

    def reverse(self, module: str, number: str, day: date, *, at: datetime | None = None) -> Members:
        """Post the batch again with negative amounts, and mark it as voided; 404."""
        header, lines = self.read(module, number)
        stamp = self._stamp(at)
        self._keep(header | {"status": "Voided", "lastModifiedDateTime": stamp}, lines)
        reversing = header | {name: -header[name] or 0.0 for name in _TOTALS}
        reversing |= {
            "batchNumber": self._next_number(module),
            "originalBatchNumber": number,
            "reversingEntry": True,
            "transactionDate": day_text(day),
            "postPeriod": f"{day:%m%Y}",
            "financialPeriod": f"{day:%Y%m}",
            "lastModifiedDateTime": stamp,
        }
        return self._keep(reversing, [line | {name: -line[name] or 0.0 for name in _AMOUNTS} for line in lines])

    def read(self, module: str, number: str) -> tuple[Members, list[Members]]:
        """A batch without its lines, and the lines; 404."""
        batch_id = self._id(module, number)
        return self.table.read(batch_id), self.table.lines(batch_id)

    def whole(self, module: str, number: str) -> Members:
        header, lines = self.read(module, number)
        return header | {"journalTransactionLines": lines}

    def any_of(self, number: str) -> Members:
        """The batch of that number, the general ledger's if it has one: the path names no module (section 7)."""
        modules = [module for module, held in self._ids if held == number]
        if not modules:
            raise not_found("Journal transaction", number)
        return self.whole("GL" if "GL" in modules else modules[0], number)

    def change(
        self, header: Members, lines: list[Members], *, modified_at: str | None = None, silent: bool = False
    ) -> Members:
        """Keep a changed batch, modified now or at `modified_at`; `silent` leaves its stamp as it is."""
        if not silent:
            header["lastModifiedDateTime"] = modified_at or self._desk.now_with_offset()
        return self._keep(header, lines)

    def remove(self, module: str, number: str) -> None:
        """The batch vanishes, as one that was not posted may; 404."""
        self.table.remove(self._id(module, number))
        del self._ids[module, number]

    def balances(self, module: str) -> dict[str, dict[str, str]]:
        """Debit less credit in the base currency, by period and account."""
        sums: dict[str, dict[str, Decimal]] = {}
        for batch_id in self.table.ids():
            header = self.table.read(batch_id)
            if header["module"] != f"Module{module}":
                continue
            accounts = sums.setdefault(header["financialPeriod"], {})
            for line in self.table.lines(batch_id):
                amount = decimal(line["debitAmount"]) - decimal(line["creditAmount"])
                accounts[line["accountNumber"]] = accounts.get(line["accountNumber"], ZERO) + amount
        return {
            period: {account: str(amount) for account, amount in sorted(accounts.items())}
            for period, accounts in sorted(sums.items())
        }

    def move(self, count: int) -> None:
        """The first batches in the order are modified and so move to the end."""
        for batch_id in self.table.ids()[:count]:
            self.change(self.table.read(batch_id), self.table.lines(batch_id))
            self.table.move_to_end(batch_id)

    def page(self, selection: Selection, first: int, count: int) -> tuple[list[bytes], int]:
        """A page that counts lines, and how many lines there are (section 3, journal transaction exception).

        A batch whose lines lie on two pages is on both, each time with its header and only the lines of the page.

        Returns: batches as JSON without the closing brace.
        """
        texts, total = [], 0
        for row in self.table.select(selection):
            shown = row.lines[max(first - total, 0) : max(first + count - total, 0)]
            total += len(row.lines)
            if shown:
                texts.append(row.body + b',"journalTransactionLines":[' + b"},".join(shown) + b"}]")
        return texts, total

    def _stamp(self, at: datetime | None) -> str:
        return self._desk.now_with_offset() if at is None else with_offset(at, self._desk.zone)

    def _next_number(self, module: str) -> str:
        self._last[module] += 1
        return f"{self._last[module]:06d}"

    def _id(self, module: str, number: str) -> int:
        if (module, number) not in self._ids:
            raise not_found("Journal transaction", f"{module} {number}")
        return self._ids[module, number]

    def _keep(self, header: Members, lines: list[Members]) -> Members:
        key = (header["module"].removeprefix("Module"), header["batchNumber"])
        if key not in self._ids:
            self._last_id += 1
            self._ids[key] = self._last_id
        header["timeStamp"] = self._desk.version()
        self.table.put(self._ids[key], header, lines)
        return header | {"journalTransactionLines": lines}
