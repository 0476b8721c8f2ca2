"""Straight-line recognition: what of an amount belongs to which month (Chargebee reference, section 5.5).

Days are those of the site's time zone, and every day weighs the same. Parts are whole minor units; what rounding leaves
over stands in the last month, so that the parts are the amount.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAY_END = time(23, 59, 59)


def day_of(moment: int, zone: ZoneInfo) -> date:
    """The day of an epoch second."""
    return datetime.fromtimestamp(moment, UTC).astimezone(zone).date()


def month_of(day: date) -> str:
    """`2026-11`."""
    return f"{day:%Y-%m}"


def end_of(month: str, zone: ZoneInfo) -> datetime:
    """The first moment after a month, aware."""
    return datetime.combine(_next(date.fromisoformat(f"{month}-01")), time(), zone).astimezone(UTC)


def last_day(month: str) -> date:
    return _next(date.fromisoformat(f"{month}-01")) - timedelta(days=1)


def spread(amount: int, starts: int, ends: int, not_before: date, zone: ZoneInfo) -> Mapping[str, int]:
    """Month -> its part of the amount; months with nothing are left out.

    Args:
        starts, ends: epoch seconds, `[starts, ends)`; an end at 23:59:59 is that of a day that counts (day-based
            billing).
        not_before: the day of the document. What was before its month belongs to its month: earlier ones are told.
    """
    first, end = day_of(starts, zone), _end_day(ends, zone)
    days = max((end - first).days, 1)
    own = month_of(not_before)
    weights: dict[str, int] = {}
    day = first
    left = days
    while left:
        following = _next(day)
        here = min((following - day).days, left)
        month = max(month_of(day), own)
        weights[month] = weights.get(month, 0) + here
        day, left = following, left - here
    parts: dict[str, int] = {}
    passed = given = 0
    for month in sorted(weights):
        passed += weights[month]
        due = _share(amount, passed, days)
        parts[month] = due - given
        given = due
    return {month: part for month, part in parts.items() if part}


def _share(amount: int, passed: int, days: int) -> int:
    """Towards zero, so that an amount and its opposite have opposite parts; all of it in the end."""
    share = abs(amount) * passed // days
    return share if amount >= 0 else -share


def _end_day(ends: int, zone: ZoneInfo) -> date:
    """The first day that no longer counts. A term that ends in the course of a day does not count that day: it began in
    the course of one."""
    moment = datetime.fromtimestamp(ends, UTC).astimezone(zone)
    return moment.date() + timedelta(days=1) if moment.time() >= DAY_END else moment.date()


def _next(day: date) -> date:
    """The first day of the next month."""
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
