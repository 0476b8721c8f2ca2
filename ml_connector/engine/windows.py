"""Windows: the half-open intervals of UTC time under which people see what was read and delivered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache

FORMAT = "%Y-%m-%d-%H:%M"


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows of a company.

    A window is a label: it bounds no read and drops no record. What changed before the first window counts to the first
    one (the initial load), what claims to come from the future to the open one.

    Attributes:
        start: when the first window begins, aware, UTC.
        minutes: the length of a window; divides a day.
    """

    start: datetime
    minutes: int
    length: timedelta = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "length", timedelta(minutes=self.minutes))

    def key(self, moment: datetime, now: datetime) -> str:
        """The window that a moment counts to."""
        return _key(self.start, self.length, max(0, (min(moment, now) - self.start) // self.length))

    def keys(self, first: str, last: str) -> Iterator[str]:
        """Every window from the first to the last, both included."""
        begin, end = parse(first), parse(last)
        while begin <= end:
            yield begin.strftime(FORMAT)
            begin += self.length


@lru_cache(maxsize=1_000)
def _key(start: datetime, length: timedelta, number: int) -> str:
    """The window with this number; cached, because every record asks and few windows answer."""
    return (start + number * length).strftime(FORMAT)


def parse(key: str) -> datetime:
    """When a window begins."""
    return datetime.strptime(key, FORMAT).replace(tzinfo=UTC)
