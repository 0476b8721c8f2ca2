"""Billing terms: where they begin and end, and what part of one is left (Chargebee reference, section 5.5)."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

Unit = Literal["day", "week", "month", "year"]
UNITS: tuple[Unit, ...] = ("day", "week", "month", "year")
MONTHS_A_YEAR = 12
_PER_MONTH = {"day": 365 / 12, "week": 365 / 84, "month": 1.0, "year": 1 / 12}


@dataclass(frozen=True)
class Calendar:
    """How a site counts: its time zone, and whether its terms run to the end of their last day."""

    time_zone: ZoneInfo
    whole_days: bool

    def first_moment(self, start: int) -> int:
        """Where a term really begins that somebody wants to begin then."""
        if not self.whole_days:
            return start
        local = datetime.fromtimestamp(start, self.time_zone)
        return int(local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp())

    def end(self, anchor: int, periods: int, period: int, unit: Unit) -> int:
        """The end of a term: so many terms after the anchor, so that 31 January does not slip to the 28th for ever.

        Exclusive, at the same clock time; or inclusive, one second before midnight.
        """
        local = datetime.fromtimestamp(anchor, self.time_zone)
        moved = _moved(local, periods * period, unit)
        moment = int(moved.astimezone(UTC).timestamp())
        return moment - 1 if self.whole_days else moment

    def next_start(self, end: int) -> int:
        """The beginning of the term after one that ended then."""
        return end + 1 if self.whole_days else end


def _moved(local: datetime, count: int, unit: Unit) -> datetime:
    """The same clock time later; the zone's rules decide what moment that is."""
    if unit in ("day", "week"):
        return local + timedelta(days=count * (7 if unit == "week" else 1))
    months = local.month - 1 + count * (MONTHS_A_YEAR if unit == "year" else 1)
    year, month = local.year + months // MONTHS_A_YEAR, months % MONTHS_A_YEAR + 1
    day = min(local.day, calendar.monthrange(year, month)[1])
    return local.replace(year=year, month=month, day=day)


def monthly(amount: int, period: int, unit: Unit) -> int:
    """An amount of one period as monthly recurring revenue."""
    return round(amount * _PER_MONTH[unit] / period)


def part(amount: int, numerator: int, denominator: int) -> int:
    """A share of an amount in whole minor units, halves away from zero."""
    if denominator == 0:
        return 0
    sign = -1 if amount < 0 else 1
    return sign * ((2 * abs(amount) * numerator + denominator) // (2 * denominator))
