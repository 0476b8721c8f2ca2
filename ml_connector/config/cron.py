"""Cron schedules of five fields, checked strictly: what is accepted here, Dagster accepts and means the same by it."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import product
from zoneinfo import ZoneInfo

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
FIELDS: Sequence[tuple[str, int, int, Sequence[str]]] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, MONTHS),
    ("weekday", 0, 7, WEEKDAYS),  # 0 and 7 are Sunday
)
LEAP_YEAR = 2024


@dataclass(frozen=True, slots=True)
class Cron:
    """A parsed schedule; `Cron.parse` makes one.

    Attributes:
        text: as written.
        minutes, hours, days, months, weekdays: what each field admits; weekdays count from Sunday = 0.
        either_day: both day fields are restricted, and then a day has to fit only one of them.
    """

    text: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool

    @classmethod
    def parse(cls, text: str) -> Cron:
        """Raises `ValueError` with a sentence for what is not a schedule, or never fires."""
        parts = text.split()
        if len(parts) != 5:
            raise ValueError('a schedule has five fields: minute hour day month weekday, like "*/10 * * * *"')
        minutes, hours, days, months, weekdays = (
            _field(part, *field) for part, field in zip(parts, FIELDS, strict=True)
        )
        if min(days) > max(monthrange(LEAP_YEAR, month)[1] for month in months):
            # Dagster fails on it even where a weekday stands beside it.
            raise ValueError(f'no month of "{parts[3]}" has a day {parts[2]}')
        restricted = parts[2] != "*" and parts[4] != "*"
        return cls(text, tuple(sorted(minutes)), tuple(sorted(hours)), days, months, weekdays, either_day=restricted)

    def next(self, after: datetime, zone: ZoneInfo) -> datetime:
        """The first moment after `after` (aware) at which it fires on the zone's wall clocks, in UTC."""
        day = after.astimezone(zone).date()
        while True:
            for hour, minute in product(self.hours, self.minutes) if self._admits(day) else ():
                moment = datetime.combine(day, time(hour, minute), zone).astimezone(UTC)
                if moment > after:
                    return moment
            day += timedelta(days=1)

    def _admits(self, day: date) -> bool:
        by_date, by_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        fits = (by_date or by_weekday) if self.either_day else (by_date and by_weekday)
        return fits and day.month in self.months


def _field(text: str, name: str, low: int, high: int, names: Sequence[str]) -> frozenset[int]:
    numbers: set[int] = set()
    for item in text.lower().split(","):
        span, slash, step = item.partition("/")
        if slash and not (step.isdecimal() and 0 < int(step) <= high):
            raise ValueError(f'the {name} field "{text}": a step is a number from 1 to {high}')
        if span == "*":
            first, last = low, high
        else:
            begin, dash, end = span.partition("-")
            first = _number(begin, text, name, low, high, names)
            last = _number(end, text, name, low, high, names) if dash else high if slash else first
        if "-" in span and first >= last:  # in some places Dagster reads 0-0 as every day
            raise ValueError(f'the {name} field "{text}": {span} does not go up')
        numbers.update(range(first, last + 1, int(step) if slash else 1))
    if name == "weekday":
        numbers = {number % 7 for number in numbers}
    if text != "*" and len(numbers) == len(range(low, high + 1)) - (name == "weekday"):
        raise ValueError(f'the {name} field "{text}": write * where everything is meant')  # it counts as no restriction
    return frozenset(numbers)


def _number(word: str, text: str, name: str, low: int, high: int, names: Sequence[str]) -> int:
    if word in names:
        return names.index(word) + (1 if names is MONTHS else 0)
    if word.isdecimal() and low <= int(word) <= high:
        return int(word)
    raise ValueError(f'the {name} field "{text}": {word!r} is not a number from {low} to {high}')
