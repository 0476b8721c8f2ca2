"""The smallest simulator: a shelf of texts, to try the framework on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ml_connector.simulators.app import simulator_app
from ml_connector.simulators.control import json_response
from ml_connector.simulators.faults import FaultRule
from ml_connector.simulators.server import serve
from ml_connector.simulators.settings import SimulatorSettings


@dataclass
class ShelfSettings(SimulatorSettings):
    size: int = 3
    label: str | None = None
    limits: dict[str, int] = field(default_factory=lambda: {"width": 10, "height": 20})
    open: bool = True


@dataclass
class Shelf:
    """PUT /books/{name} puts a text there, GET /books lists all."""

    settings: ShelfSettings = field(default_factory=ShelfSettings)
    books: dict[str, str] = field(default_factory=dict)

    def state(self, offset: int, count: int) -> dict[str, Any]:
        return {"books": list(self.books.items())[offset : offset + count]}

    def reset(self) -> None:
        self.books.clear()

    def turn(self, _rule: FaultRule, _scope: object) -> None:
        self.books = dict(reversed(self.books.items()))


def shelf_app() -> Starlette:
    shelf = Shelf()

    async def put(request: Request) -> Response:
        text = (await request.body()).decode()
        shelf.books[request.path_params["name"]] = text
        return json_response({"name": request.path_params["name"]})

    async def find(_request: Request) -> Response:
        return json_response(shelf.books)

    return simulator_app(
        shelf,
        [Route("/books/{name}", put, methods=["PUT"]), Route("/books", find, methods=["GET"])],
        answers={
            "empty_page": lambda _rule, _scope: json_response({}),
            "rate_limit": lambda rule, scope: json_response({"wait": rule.retry_after, "path": scope["path"]}, 429),
        },
        hooks={"rows_move": shelf.turn},
    )


class ShelfClient(httpx.Client):
    """Talks to a shelf."""

    def put_book(self, name: str, text: str = "text") -> httpx.Response:
        return self.put(f"/books/{name}", content=text)

    def books(self) -> dict[str, str]:
        """What stands on the shelf, past all faults."""
        return dict(self.control("GET", "state")["books"])

    def fault(self, fault: str, **rule: object) -> None:
        self.faults({"fault": fault} | rule)

    def faults(self, *rules: dict[str, object]) -> None:
        self.control("POST", "faults", list(rules))

    def control(self, method: str, path: str, body: object = None) -> Any:
        return self.request(method, f"/_simulator/{path}", json=body).raise_for_status().json()


@contextlib.contextmanager
def serve_shelf() -> Iterator[ShelfClient]:
    with serve(shelf_app()) as served, ShelfClient(base_url=served.url, timeout=10) as client:
        yield client
