"""Visma's general ledger as writers see it: open periods, batches by our reference, release."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import orjson

from ml_connector.http import ApiClient, CallProblem, RecordFailed
from ml_connector.http.actions import Action, Decision
from ml_connector.http.clock import now
from ml_connector.systems.visma.journals import LINES, BatchUnpacker, batches
from ml_connector.systems.visma.listings import CURRENCIES, JOURNAL_TRANSACTIONS
from ml_connector.systems.visma.periods import Periods, read_periods
from ml_connector.systems.visma.reader import Reader

PATH = JOURNAL_TRANSACTIONS.path
DEBIT, CREDIT = "debitAmountInCurrency", "creditAmountInCurrency"
GONE = "Voided"


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch of the general ledger.

    Attributes:
        number: within the module GL.
        period: `2026-11`.
        status: as Visma shows it.
    """

    number: str
    period: str
    status: str


class Ledger:
    """The general ledger of one company, for one run: periods are read once, and so is each period's list of batches.

    Args:
        reader: of that company, on a client that was opened for writing.
    """

    def __init__(self, reader: Reader) -> None:
        self.client: ApiClient = reader.client
        self._unpacker = BatchUnpacker(reader.unpacker(JOURNAL_TRANSACTIONS))
        self._page_size = reader.page_size
        self._periods: Periods | None = None
        self._base_currency: str | None = None
        self._asked_for_currency = False
        self._found: dict[str, tuple[datetime, Mapping[str, Sequence[Batch]]]] = {}

    @property
    def periods(self) -> Periods:
        """Raises `CallProblem`, `Stopped`."""
        if self._periods is None:
            self._periods = read_periods(self.client)
        return self._periods

    @property
    def base_currency(self) -> str | None:
        """The currency that the company keeps its books in; None where Visma names none.

        Raises `CallProblem`, `Stopped`.
        """
        if not self._asked_for_currency:
            rows = self.client.request("GET", CURRENCIES.path).data
            named = (row for row in rows if isinstance(row, Mapping) and row.get("isBaseCurrency"))
            self._base_currency = next((str(row.get("id")) for row in named), None)
            self._asked_for_currency = True
        return self._base_currency

    def misfit(self, body: Mapping[str, Any]) -> str | None:
        """Why the amounts of a change do not fit these books, whose currency is another; None: they do.

        Raises: `CallProblem`, `Stopped`.
        """
        own, members = self.base_currency, body["members"]
        led_to, rate, currency = body.get("base_currency"), members.get("exchangeRate"), members.get("currencyId")
        if own is None:
            return None
        if led_to is not None and led_to != own:
            found = f"Exchange rates at its source lead to {led_to}"
        elif rate is not None and currency == own:
            found = f"It comes with an exchange rate of {rate} for {currency}"
        else:
            return None
        return (
            f"{found}, and these books are kept in {own}, so it would be valued wrongly. Post it in Visma by hand, at "
            "the rate that is right there."
        )

    def forget_periods(self) -> None:
        self._periods = None

    def find(self, reference: str, periods: Iterable[str], as_of: datetime) -> Sequence[Batch]:
        """The batches that carry a reference of ours and are not voided, in these periods, as of a moment or later.

        Raises: `CallProblem`, `Stopped`.
        """
        found = [self._batches(period, as_of).get(reference, ()) for period in sorted(set(periods))]
        return [batch for batches_there in found for batch in batches_there]

    def release(self, batch: Batch) -> str | None:
        """Post a batch; answers with why it was refused, or None. A 200 may say `Failed` (section 7)."""
        try:
            answer = self.client.request("POST", f"{PATH}/{quote(batch.number, safe='')}/action/release", json={})
        except CallProblem as problem:
            return problem.decision.reason
        said = answer.data if isinstance(answer.data, Mapping) else {}
        if said.get("actionResult") == "Failed":
            return str(said.get("errorInfo") or "no reason was given")
        return None

    def lines(self, number: str) -> Sequence[Mapping[str, Any]]:
        """The lines of a batch. Raises `CallProblem`, `Stopped`."""
        return self.whole(number).get(LINES) or ()

    def whole(self, number: str) -> Mapping[str, Any]:
        """A batch with its lines. Raises `CallProblem`, `Stopped`."""
        answer = self.client.request("GET", f"{PATH}/{quote(number, safe='')}")
        if not isinstance(answer.data, Mapping):
            raise RecordFailed(Decision(Action.FAIL_RECORD, "malformed answer", f"GL {number} is no batch"))
        return answer.data

    def _batches(self, period: str, as_of: datetime) -> Mapping[str, Sequence[Batch]]:
        """By reference; read again where what is known is older than that moment."""
        if period not in self._found or self._found[period][0] < as_of:
            self._found[period] = (now(), self._read(period))
        return self._found[period][1]

    def _read(self, period: str) -> Mapping[str, Sequence[Batch]]:
        found: dict[str, list[Batch]] = {}
        params = {"periodId": period.replace("-", ""), "module": "GL"}
        for page in batches(self.client, PATH, params, self._page_size, self._unpacker):
            for row in page.rows:
                members = orjson.loads(row.payload)
                batch = Batch(str(members.get("batchNumber")), period, str(members.get("status")))
                references = {str(line.get("referenceNumber") or "") for line in members.get(LINES) or ()}
                for reference in references if batch.status != GONE else ():
                    found.setdefault(reference, []).append(batch)
        return found


def is_same(some: Iterable[Mapping[str, Any]], others: Iterable[Mapping[str, Any]]) -> bool:
    """Whether lines come to the same amounts per account."""
    return _per_account(some) == _per_account(others)


def _per_account(lines: Iterable[Mapping[str, Any]]) -> dict[str, Decimal]:
    """Debit less credit of each account; accounts with nothing left out."""
    sums: dict[str, Decimal] = {}
    for line in lines:
        amount = _amount(line.get(DEBIT)) - _amount(line.get(CREDIT))
        account = str(line.get("accountNumber"))
        sums[account] = sums.get(account, Decimal()) + amount
    return {account: amount for account, amount in sums.items() if amount}


def _amount(value: Any) -> Decimal:
    """A JSON number or decimal text; a float's shortest text is the number that was meant."""
    return Decimal(str(value or 0))
