"""A real server whose answers a test scripts; what goes wrong on the wire comes from the simulators' faults."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ml_connector.http import ApiClient, ErrorTable, Retries
from ml_connector.simulators.faults import FaultPlan, Faults
from ml_connector.simulators.server import serve

QUICK = Retries(attempts=3, limits=5, first_pause=0.01, longest_pause=0.02, jitter=0.0, outages=100)


@dataclass
class Received:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Stub:
    """Answers `{"ok": true}`, or what `replies` hold, or what `reply` makes of a call."""

    received: list[Received] = field(default_factory=list)
    replies: deque[Response] = field(default_factory=deque)
    reply: Callable[[Received], Response] | None = None
    plan: FaultPlan = field(default_factory=FaultPlan)
    url: str = ""

    async def answer(self, request: Request) -> Response:
        received = Received(request.method, request.url.path, dict(request.headers), await request.body())
        self.received.append(received)
        if self.replies:
            return self.replies.popleft()
        return self.reply(received) if self.reply else JSONResponse({"ok": True})

    def faults(self, *rules: dict[str, Any]) -> None:
        self.plan.replace(rules)

    def client(self, **options: Any) -> ApiClient:
        return ApiClient(self.url, **{"name": "Acme", "errors": ErrorTable(), "retries": QUICK, **options})


class Line:
    """The one server of all tests; whose stub answers changes from test to test."""

    def __init__(self) -> None:
        self.stub = Stub()
        self.url = ""

    async def answer(self, request: Request) -> Response:
        return await self.stub.answer(request)


@pytest.fixture(scope="session")
def line() -> Iterator[Line]:
    line, plan = Line(), FaultPlan()
    routes = [Route("/{path:path}", line.answer, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])]
    with serve(Starlette(routes=routes, middleware=[Middleware(Faults, plan=plan)])) as served:
        line.url, line.stub.plan = served.url, plan
        yield line


@pytest.fixture
def stub(line: Line) -> Stub:
    line.stub.plan.rules = []
    line.stub = Stub(plan=line.stub.plan, url=line.url)
    return line.stub
