"""The quota of calls (Visma reference, section 9).

A fixed window per company and client, told on every answer by four headers; `X-RateLimit-Reset` is in seconds left. A
burst limit is not documented but was met by an integrator.
"""

from __future__ import annotations

import math
import time
from collections import deque

from starlette.responses import Response
from starlette.types import Scope

from ml_connector.simulators.faults import FaultRule
from ml_connector.simulators.visma.errors import ApiError
from ml_connector.simulators.visma.settings import VismaSettings


class Quota:
    """Counts calls in a fixed window, and in the last second."""

    def __init__(self, settings: VismaSettings) -> None:
        self._settings = settings
        self.clear()

    def clear(self) -> None:
        self._window_ends = 0.0
        self._used = 0
        self._last_second: deque[float] = deque()

    def take(self) -> ApiError | None:
        """Count a call; the answer to give instead of it when there are too many."""
        settings, now = self._settings, time.monotonic()
        if now >= self._window_ends:
            self._window_ends, self._used = now + settings.rate_limit_window_seconds, 0
        while self._last_second and self._last_second[0] <= now - 1:
            self._last_second.popleft()
        if self._used >= settings.rate_limit:
            return _too_many(self._seconds_left())
        if settings.burst is not None and len(self._last_second) >= settings.burst:
            return _too_many(1)
        self._used += 1
        self._last_second.append(now)
        return None

    def headers(self) -> dict[str, str]:
        """The four headers, as they stand now."""
        limit = self._settings.rate_limit
        return _headers(limit, max(0, limit - self._used), self._seconds_left())

    def fault_answer(self, rule: FaultRule, _scope: Scope) -> Response:
        """The fault `rate_limit`: as if the window were used up for `retry_after` (1) seconds more."""
        seconds = 1 if rule.retry_after is None else rule.retry_after
        error = _too_many(seconds)
        error.headers |= _headers(self._settings.rate_limit, 0, seconds)
        return error.response()

    def _seconds_left(self) -> int:
        return max(1, math.ceil(self._window_ends - time.monotonic()))


def _too_many(seconds: int) -> ApiError:
    error = ApiError(429, "Rate limit is exceeded.")
    error.headers["retry-after"] = str(seconds)
    return error


def _headers(limit: int, remaining: int, seconds: int) -> dict[str, str]:
    return {
        "x-ratelimit-limit": str(limit),
        "x-ratelimit-remaining": str(remaining),
        "x-ratelimit-reset": str(seconds),
        "x-ratelimit-policy": "4-fixed-window",
    }
