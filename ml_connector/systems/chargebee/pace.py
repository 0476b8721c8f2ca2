"""How fast Chargebee is called: so many calls in any sixty seconds, as the site's plan says (reference, section 1)."""

from __future__ import annotations

from collections import deque

from ml_connector.http import Pace

WINDOW = 60.0
"""Seconds over which calls are counted."""


class MinutePace(Pace):
    """At most so many calls in any sixty seconds; a call that is turned away all the same makes everybody wait.

    Nothing in an answer tells how many are left, so they are counted here; other programs of the same site count, too,
    which is what the brake is for.

    Args:
        connections: calls in flight at most.
        calls: allowed in a minute.
    """

    def __init__(self, connections: int, calls: int, *, window: float = WINDOW) -> None:
        super().__init__(connections, patience=2 * WINDOW, first_pause=2.0, longest_pause=WINDOW)
        self._allowed = calls
        self._window = window
        self._started: deque[float] = deque(maxlen=calls)

    def _hold(self, now: float) -> float:
        seconds = super()._hold(now)
        if len(self._started) == self._allowed:
            seconds = max(seconds, self._started[0] + self._window - now)
        if seconds <= 0:
            self._started.append(now)
        return seconds
