"""Windows: the half-open intervals of UTC time under which people see what was read and delivered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

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

    @property
    def length(self) -> timedelta:
        return timedelta(minutes=self.minutes)

    def key(self, moment: datetime, now: datetime) -> str:
        """The window that a moment counts to."""
        return self._begin(min(moment, now)).strftime(FORMAT)

    def keys(self, first: str, last: str) -> Iterator[str]:
        """Every window from the first to the last, both included."""
        begin, end = parse(first), parse(last)
        while begin <= end:
            yield begin.strftime(FORMAT)
            begin += self.length

    def _begin(self, moment: datetime) -> datetime:
        return self.start + max(0, (moment - self.start) // self.length) * self.length


def parse(key: str) -> datetime:
    """When a window begins."""
    return datetime.strptime(key, FORMAT).replace(tzinfo=UTC)
