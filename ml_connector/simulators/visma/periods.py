"""Financial periods: months, each open or closed per ledger (Visma reference, appendix, FinancialPeriodDto)."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from ml_connector.simulators.visma.invoice_rows import day_text

LEDGERS = (
    "closedInSupplierLedger",
    "closedInCustomerLedger",
    "closedInInventoryManagement",
    "closedInGeneralLedger",
    "closedInCashManagement",
    "closedInFixedAssets",
)
YEARS_BACK, YEARS_AHEAD = 2, 2
"""Years that exist besides the current one; a period outside of them does not exist."""


class Periods:
    """The periods of a company. The year before last is closed from the start.

    Args:
        today: the server's own day.
    """

    def __init__(self, today: date) -> None:
        self._years = range(today.year - YEARS_BACK, today.year + YEARS_AHEAD + 1)
        self._closed = {f"{today.year - YEARS_BACK}{month:02d}" for month in range(1, 13)}
        self._inactive: set[str] = set()

    def exists(self, period: str) -> bool:
        return len(period) == 6 and period.isdigit() and int(period[:4]) in self._years and 1 <= int(period[4:]) <= 12

    def is_open(self, period: str) -> bool:
        """Whether the general ledger takes batches of it."""
        return self.exists(period) and period not in self._closed | self._inactive

    def close(self, period: str) -> None:
        self._closed.add(period)

    def open(self, period: str) -> None:
        self._closed.discard(period)

    def rows(self) -> list[dict[str, Any]]:
        return [self._row(year, month) for year in self._years for month in range(1, 13)]

    def _row(self, year: int, month: int) -> dict[str, Any]:
        first = date(year, month, 1)
        following = (first + timedelta(days=32)).replace(day=1)
        period = f"{year}{month:02d}"
        return {
            "year": year,
            "period": f"{month:02d}",
            "startDate": day_text(first),
            "endDate": f"{datetime.combine(following - timedelta(days=1), time()):%Y-%m-%dT%H:%M:%S}",
            "description": f"{first:%Y-%m}",
            "active": period not in self._inactive,
            **dict.fromkeys(LEDGERS, period in self._closed),
        }
