"""How tests talk to any simulator: over HTTP only."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from typing import Any, ClassVar, TypeVar

import httpx
from starlette.applications import Starlette

from ml_connector.simulators.server import serve
from ml_connector.simulators.settings import SimulatorSettings
from ml_connector_tests.loopback import client

Settings = TypeVar("Settings", bound=SimulatorSettings)


class Simulated:
    """One simulator; every call returns the response as it came.

    Attributes:
        http: calls as the API's user, with its credentials.
        anonymous: calls without any, those of the control routes among them.
        patience: for how many seconds a control call is waited for.
    """

    patience: ClassVar[float] = 20
    http: httpx.Client

    def __init__(self, url: str, settings: SimulatorSettings) -> None:
        self.url = url
        self.started_with = settings
        self.anonymous = client(base_url=url, timeout=self.patience)

    def start_over(self) -> None:
        """The state and the settings of the start."""
        answer = self.anonymous.put("/_simulator/settings", json=asdict(self.started_with))
        assert answer.status_code == 200, answer.text
        self.control("reset", {})

    def configure(self, **settings: Any) -> None:
        """Change settings until the test ends."""
        self.control("settings", settings)

    def control(self, path: str, body: Any = None) -> Any:
        """A control call, which must succeed: POST with a body, else GET."""
        url = f"/_simulator/{path}"
        answer = self.anonymous.get(url) if body is None else self.anonymous.post(url, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()


Served = TypeVar("Served", bound=Simulated)


@contextlib.contextmanager
def serving(
    create_app: Callable[[Settings], Starlette], client: Callable[[str, Settings], Served], settings: Settings
) -> Iterator[Served]:
    """Serve a simulator with these settings for as long as the block runs."""
    with serve(create_app(replace(settings))) as served:
        simulated = client(served.url, settings)
        with simulated.http, simulated.anonymous:
            yield simulated
