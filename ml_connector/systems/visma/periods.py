"""Financial periods, and which of them the ledgers take (Visma reference, appendix, FinancialPeriodDto)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from ml_connector.http import ApiClient, TornAnswer
from ml_connector.http.actions import Action, Decision

PATH = "/v1/financialPeriod"
CLOSED = "closedInGeneralLedger"
CLOSED_FOR_CUSTOMERS = "closedInCustomerLedger"


@dataclass(frozen=True, slots=True)
class Period:
    """A month of the books.

    Attributes:
        name: `2026-11`, of the month in which it starts: whether `period` holds the year, too, is not documented.
        open: in the general ledger.
        for_customers: in the ledger of customers as well.
    """

    name: str
    start: date
    open: bool
    for_customers: bool

    @property
    def code(self) -> str:
        """As `financialPeriod` wants it: YYYYMM (section 6)."""
        return self.name.replace("-", "")


class Periods:
    """The periods of a company, in their order."""

    def __init__(self, periods: Iterable[Period]) -> None:
        self._periods = sorted(periods, key=lambda period: period.start)

    def of(self, name: str) -> Period | None:
        return next((period for period in self._periods if period.name == name), None)

    def open_from(self, name: str) -> Period | None:
        """The period of this name if it is open, else the next open one; None: there is none."""
        return next((period for period in self._periods if period.name >= name and period.open), None)

    def open_for_customers(self, name: str) -> Period | None:
        """As `open_from`, for documents of customers: both ledgers take them."""
        return next((period for period in self._periods if period.name >= name and period.for_customers), None)


def read_periods(client: ApiClient) -> Periods:
    """Ask for all periods, in one call. Raises `CallProblem`, `Stopped`."""
    answer = client.request("GET", PATH)
    rows = answer.data if isinstance(answer.data, list) else []
    periods = [period for row in rows if (period := _period(row)) is not None]
    if not periods:
        raise TornAnswer(Decision(Action.RETRY, "malformed answer", "no financial period was given"), answer.status)
    return Periods(periods)


def _period(row: Any) -> Period | None:
    if not isinstance(row, Mapping):
        return None
    try:
        start = datetime.fromisoformat(str(row.get("startDate"))).date()
    except ValueError:
        return None
    is_open = bool(row.get("active", True)) and not row.get(CLOSED)
    return Period(f"{start:%Y-%m}", start, is_open, is_open and not row.get(CLOSED_FOR_CUSTOMERS))
