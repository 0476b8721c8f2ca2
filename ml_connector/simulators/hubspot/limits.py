"""Rate limits: ten seconds, a day, search and associations (HubSpot reference, sections 6, 7 and 12)."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from ml_connector.simulators.hubspot.protocol import Reply
from ml_connector.simulators.hubspot.settings import HubspotSettings

SEARCH = "search"
ASSOCIATIONS = ("association_read", "association_write", "association_batch")


class Rolling:
    """Counts what happened in the last seconds."""

    def __init__(self) -> None:
        self._moments: deque[float] = deque()

    def count(self, seconds: float) -> int:
        horizon = time.monotonic() - seconds
        while self._moments and self._moments[0] <= horizon:
            self._moments.popleft()
        return len(self._moments)

    def add(self, times: int = 1) -> None:
        self._moments.extend([time.monotonic()] * times)


class Limits:
    """What was used of the limits. A call that is refused uses nothing."""

    def __init__(self, settings: HubspotSettings) -> None:
        self._settings = settings
        self._burst, self._search, self._associations = Rolling(), Rolling(), Rolling()
        self.upserts = Rolling()
        self._day = ""
        self.daily_used = self.associations_used = 0

    def take(self, call_class: str) -> Reply | None:
        """Count a call; the answer to give instead of it when there are too many."""
        settings = self._settings
        burst, daily, associations = settings.limits
        self._turn_of_day()
        is_association = call_class in ASSOCIATIONS
        if self.daily_used >= daily or (is_association and self.associations_used >= settings.association_daily):
            return self.refusal("DAILY", "You have reached your daily limit.")
        if call_class == SEARCH:
            if self._search.count(1.0) >= settings.search_per_second:
                return self.search_refusal()
            self._search.add()
        elif not (call_class == "association_batch" and settings.association_batches == "exempt"):
            if self._burst.count(settings.burst_seconds) >= burst:
                return self.burst_refusal()
            if is_association:
                if self._associations.count(settings.burst_seconds) >= associations:
                    return self.burst_refusal()
                self._associations.add()
            self._burst.add()
        self.daily_used += 1
        self.associations_used += is_association
        return None

    def headers(self, call_class: str) -> dict[str, str]:
        """What an answer tells of the limits; on search, nothing."""
        if call_class == SEARCH:
            return {}
        settings = self._settings
        burst, daily, _ = settings.limits
        left = max(0, burst - self._burst.count(settings.burst_seconds))
        return {
            "X-HubSpot-RateLimit-Daily": str(daily),
            "X-HubSpot-RateLimit-Daily-Remaining": str(max(0, daily - self.daily_used)),
            "X-HubSpot-RateLimit-Interval-Milliseconds": str(round(settings.burst_seconds * 1000)),
            "X-HubSpot-RateLimit-Max": str(burst),
            "X-HubSpot-RateLimit-Remaining": str(left),
            # Deprecated, and still sent.
            "X-HubSpot-RateLimit-Secondly": str(max(1, burst // 10)),
            "X-HubSpot-RateLimit-Secondly-Remaining": str(max(0, burst // 10 - 1)),
        }

    def burst_refusal(self) -> Reply:
        """429 for the ten seconds; never says when to come back."""
        return self.refusal("TEN_SECONDLY_ROLLING", "You have reached your ten_secondly_rolling limit.")

    def search_refusal(self) -> Reply:
        """429 on search; the sources have two shapes."""
        message = "You have reached your secondly limit."
        if self._settings.search_limit_body == "policy":
            return self.refusal("SECONDLY", message)
        return _too_many({"message": message, "category": "RATE_LIMITS"})

    def refusal(self, policy: str, message: str) -> Reply:
        return _too_many(
            {"message": message, "errorType": "RATE_LIMIT", "policyName": policy, "requestId": str(uuid4())}
        )

    def _turn_of_day(self) -> None:
        """The daily count begins anew at midnight in the portal's time zone."""
        today = self._settings.now().astimezone(ZoneInfo(self._settings.time_zone)).date().isoformat()
        if today != self._day:
            self._day, self.daily_used, self.associations_used = today, 0, 0


def _too_many(body: Mapping[str, Any]) -> Reply:
    return Reply(429, {"status": "error", "correlationId": str(uuid4()), **body})
