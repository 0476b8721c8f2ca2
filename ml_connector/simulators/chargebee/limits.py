"""Rate limits: calls in a minute, and calls at once (Chargebee reference, section 1: rate limits)."""

from __future__ import annotations

from collections import Counter, deque

from ml_connector.simulators.chargebee.errors import Problem, too_many_requests
from ml_connector.simulators.chargebee.settings import ChargebeeSettings


class Limits:
    """What was used of the limits, on the site's clock. A call that is refused uses nothing."""

    def __init__(self, settings: ChargebeeSettings) -> None:
        self._settings = settings
        self._moments: deque[float] = deque()
        self._blocked_until = 0.0
        self.in_flight: Counter[str] = Counter()

    def clear(self) -> None:
        self._moments.clear()
        self._blocked_until = 0.0

    def arrive(self, method: str) -> bool:
        """A call arrives; False when it is one too many at once. Pair it with `leave`."""
        self.in_flight[method] += 1
        if self.in_flight[method] <= self._settings.at_once(method):
            return True
        self._blocked_until = self._now() + self._settings.overload_seconds
        return False

    def leave(self, method: str) -> None:
        self.in_flight[method] -= 1

    def take(self) -> Problem | None:
        """Count a call; the refusal when there are too many."""
        now, most = self._now(), self._settings.per_minute
        if now < self._blocked_until <= now + self._settings.overload_seconds:
            return too_many_requests()
        if most is None:
            return None
        # The clock can be set back, too.
        while self._moments and not now - self._settings.window_seconds < self._moments[0] <= now:
            self._moments.popleft()
        if len(self._moments) >= most:
            return too_many_requests()
        self._moments.append(now)
        return None

    def _now(self) -> float:
        return self._settings.now().timestamp()
