"""One Visma simulator for all tests, as new for each; accounts are opened on it over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from datetime import datetime
from typing import Any

import httpx
import pytest

from ml_connector.engine.records import SourceRow
from ml_connector.http import ApiClient, Retries
from ml_connector.http.clock import now
from ml_connector.simulators.server import serve
from ml_connector.simulators.visma import VismaSettings as Simulated
from ml_connector.simulators.visma import create_app
from ml_connector.systems.visma.account import VismaAccount, connect
from ml_connector.systems.visma.client import open_client
from ml_connector.systems.visma.settings import VismaCredentials, VismaSettings
from ml_connector_tests.loopback import client

CUSTOMERS = 230
QUICK = Retries(attempts=3, limits=5, first_pause=0.01, longest_pause=0.02, jitter=0.0, outages=100)


class Visma:
    """The simulator's controls, and what opens connections to it; those are closed with the test."""

    def __init__(self, url: str, http: httpx.Client, held: ExitStack) -> None:
        self.url = url
        self.held = held
        self.simulated = Simulated(customers=CUSTOMERS)
        self._http = http

    def start_over(self, **changes: Any) -> None:
        """A new simulator, but for these settings."""
        self.configure(**{**asdict(self.simulated), **changes})
        self.control("POST", "reset")

    def control(self, method: str, path: str, body: Any = None) -> Any:
        response = self._http.request(method, f"/_simulator/{path}", json=body)
        assert response.is_success, response.text
        return response.json()

    def configure(self, **changes: Any) -> None:
        self.control("POST", "settings", changes)

    def faults(self, *rules: dict[str, Any]) -> None:
        self.control("POST", "faults", list(rules))

    def patch(self, number: str, **members: Any) -> dict[str, Any]:
        row: dict[str, Any] = self.control("PATCH", f"customers/{number}", members)
        return row

    def log(self, path: str = "") -> list[dict[str, Any]]:
        return [call for call in self.control("GET", "calls")["log"] if call["path"].startswith(path)]

    def settings(self, **changes: Any) -> VismaSettings:
        return VismaSettings(
            **{"base_url": self.url, "token_url": f"{self.url}/connect/token", "retries": QUICK, **changes}
        )

    def credentials(self, **changes: Any) -> VismaCredentials:
        names = ("client_id", "client_secret", "tenant_id")
        return VismaCredentials(**{**{name: getattr(self.simulated, name) for name in names}, **changes})

    def account(
        self,
        credentials: VismaCredentials | None = None,
        clock: Callable[[], datetime] = now,
        **settings: Any,
    ) -> VismaAccount:
        opened = connect(self.settings(**settings), credentials or self.credentials(), "Europe/Oslo", clock)
        return self.held.enter_context(opened)

    def client(self, **settings: Any) -> ApiClient:
        """A client that may also write."""
        return self.held.enter_context(open_client(self.settings(**settings), self.credentials(), writing=True))

    def read(self, entity: str = "visma.customers", since: datetime | None = None, **settings: Any) -> list[SourceRow]:
        return rows(self.account(**settings), entity, since)


def rows(account: VismaAccount, entity: str = "visma.customers", since: datetime | None = None) -> list[SourceRow]:
    return [row for page in account.read(entity, since) for row in page.rows]


@pytest.fixture(scope="session")
def controls() -> Iterator[httpx.Client]:
    with (
        serve(create_app(Simulated(customers=CUSTOMERS))) as served,
        client(base_url=served.url) as http,
    ):
        yield http


@pytest.fixture
def visma(controls: httpx.Client) -> Iterator[Visma]:
    with ExitStack() as held:
        visma = Visma(str(controls.base_url).rstrip("/"), controls, held)
        visma.start_over()
        yield visma
