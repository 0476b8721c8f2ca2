"""The log of API calls, and what every call shares: latency, and the server's `Date`."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from email.utils import format_datetime
from typing import Any

from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ml_connector.simulators.faults import CONTROL_PATH
from ml_connector.simulators.settings import SimulatorSettings

LOG_LENGTH = 2000


@dataclass
class CallLog:
    """What was called. A call that was cut without an answer has the status None.

    `busy_seconds` is the time that calls were under way, added up: two at once for a second are two seconds.
    """

    total: int = 0
    in_flight: int = 0
    max_concurrent: int = 0
    busy_seconds: float = 0.0
    by_route: Counter[str] = field(default_factory=Counter)
    log: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=LOG_LENGTH))

    def clear(self) -> None:
        self.total, self.max_concurrent, self.busy_seconds = 0, self.in_flight, 0.0
        self.by_route.clear()
        self.log.clear()

    def as_json(self) -> dict[str, Any]:
        return {
            "total": self.total,
            "by_route": dict(self.by_route),
            "max_concurrent": self.max_concurrent,
            "busy_seconds": self.busy_seconds,
            "log": list(self.log),
        }


class Calls:
    """Middleware that logs API calls, adds latency and the `Date` header; control calls only get the header."""

    def __init__(self, app: ASGIApp, calls: CallLog, settings: SimulatorSettings) -> None:
        self.app = app
        self.calls = calls
        self.settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        entry: dict[str, Any] = {}

        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = format_datetime(self.settings.now(), usegmt=True).encode()
                message = {**message, "headers": [*message.get("headers", ()), (b"date", date)]}
                entry["status"] = message["status"]
            await send(message)

        if scope["type"] != "http" or scope["path"].startswith(CONTROL_PATH):
            await self.app(scope, receive, send_dated)
            return
        entry.update(
            at=self.settings.now().isoformat(),
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"].decode("latin-1"),
            status=None,
        )
        calls = self.calls
        calls.total += 1
        calls.by_route[f"{scope['method']} {_route(scope)}"] += 1
        calls.log.append(entry)
        calls.in_flight += 1
        calls.max_concurrent = max(calls.max_concurrent, calls.in_flight)
        began = time.monotonic()
        try:
            if self.settings.latency_seconds:
                await asyncio.sleep(self.settings.latency_seconds)
            await self.app(scope, receive, send_dated)
        finally:
            calls.in_flight -= 1
            calls.busy_seconds += time.monotonic() - began


def _route(scope: Scope) -> str:
    """The path with its variable parts by name (`/v1/customer/{number}`); the plain path where no route fits."""
    for route in scope["app"].routes:
        if isinstance(route, Route) and route.matches(scope)[0] is not Match.NONE:
            return route.path_format
    return str(scope["path"])
