"""How fast HubSpot is called: by the rate headers of its answers, and searches by a limit of their own.

The ten seconds are a rolling window of which only the rest is told (HubSpot reference, section 12), so calls are spread
over it once half of it is used; what other programs call meanwhile shows in the rest, too.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

from ml_connector.http import Pace

ASSOCIATIONS = {100: 100, 190: 150}
"""Calls of all kinds that a plan allows in ten seconds -> calls about associations among them (sections 7 and 12)."""
ASSOCIATIONS_A_DAY = 500_000
"""Calls about associations that HubSpot answers in a day, whatever the plan (section 7). No header tells of them."""
SEARCH_GAP = 0.25
"""Seconds between two searches: 5 a second are allowed for the whole account (section 6), and others search too."""


class RatePace(Pace):
    """Follows `X-HubSpot-RateLimit-*`.

    Args:
        connections: calls in flight at most.
        reserve: calls of the day that are left to other programs.
    """

    def __init__(self, connections: int, reserve: int = 0) -> None:
        super().__init__(connections, first_pause=2.0)
        self._reserve = reserve
        self._gap = 0.0  # seconds from one call to the next
        self._next_at = 0.0
        self._day_is_used = False

    def heed(self, headers: Mapping[str, str]) -> None:
        """Take in what is left of the ten seconds and of the day."""
        most, left = _number(headers, "max"), _number(headers, "remaining")
        interval, day = _number(headers, "interval-milliseconds"), _number(headers, "daily-remaining")
        with self._changed:
            if day is not None:
                self._day_is_used = day <= self._reserve
            if most and left is not None and interval is not None:
                share = interval / 1000 / most
                others = max(self._in_flight - 1, 0)  # perhaps not counted yet
                if left - others <= 0:
                    self._next_at = max(self._next_at, time.monotonic() + interval / 1000 / 4)
                self._gap = share if left - others < most / 2 else 0.0

    def _hold(self, now: float) -> float:
        if self._day_is_used:
            return max(_to_midnight(), self.patience + 1)
        seconds = max(super()._hold(now), self._next_at - now)
        if seconds <= 0:
            self._next_at = now + self._gap
        return seconds


class AssociationPace(Pace):
    """Calls about associations: at the pace of all others, and below ceilings of their own, in ten seconds and a day.

    The documents name them, the specification exempts the batches from the first (section 7): so the stricter holds.
    The day's calls are those of this connection; with what other runs and programs called, HubSpot may refuse earlier.

    Args:
        others: the pace of the account.
        interval: seconds in which the first ceiling holds.
        daily: the second ceiling.
    """

    def __init__(self, others: RatePace, interval: float = 10.0, daily: int = ASSOCIATIONS_A_DAY) -> None:
        super().__init__(others.connections)
        self._others = others
        self._interval = interval
        self._daily = daily
        self._day = _today()
        self._of_the_day = 0
        self._ceiling = min(ASSOCIATIONS.values())
        self._begun: deque[float] = deque()

    @contextmanager
    def turn(self) -> Iterator[None]:
        with super().turn(), self._others.turn():
            yield

    def heed(self, headers: Mapping[str, str]) -> None:
        self._others.heed(headers)
        if (most := _number(headers, "max")) is not None:
            with self._changed:
                self._ceiling = max((there for burst, there in ASSOCIATIONS.items() if burst <= most), default=most)

    def got_through(self) -> None:
        self._others.got_through()

    def brake(self, headers: Mapping[str, str], started: float, wait: float | None = None) -> None:
        self._others.brake(headers, started, wait)

    def _hold(self, now: float) -> float:
        while self._begun and self._begun[0] <= now - self._interval:
            self._begun.popleft()
        if (today := _today()) != self._day:
            self._day, self._of_the_day = today, 0
        if self._of_the_day >= self._daily:
            return max(_to_midnight(), self.patience + 1)
        seconds = super()._hold(now)
        if len(self._begun) >= self._ceiling:
            seconds = max(seconds, self._begun[0] + self._interval - now)
        if seconds <= 0:
            self._begun.append(now)
            self._of_the_day += 1
        return seconds


class SearchPace(Pace):
    """One search after the other, never more than four a second; their answers have no rate headers (section 6)."""

    def __init__(self, gap: float = SEARCH_GAP) -> None:
        super().__init__(1)
        self._gap = gap
        self._next_at = 0.0

    def _hold(self, now: float) -> float:
        seconds = max(super()._hold(now), self._next_at - now)
        if seconds <= 0:
            self._next_at = now + self._gap
        return seconds


def _number(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(f"x-hubspot-ratelimit-{name}") or ""
    return int(text) if text.isascii() and text.isdigit() else None


def _today() -> date:
    return datetime.now(UTC).date()


def _to_midnight() -> float:
    """Seconds until the day's calls are counted anew, as far as UTC tells: the account's own zone decides."""
    now = datetime.now(UTC)
    tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return (tomorrow - now).total_seconds()
