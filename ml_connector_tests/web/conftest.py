"""A home with a Chargebee target, and a receiver that runs as a process of its own."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml

from ml_connector.home import Home
from ml_connector.simulators.server import bind
from ml_connector.store.vault import new_key
from ml_connector_tests.loopback import HTTP
from ml_connector_tests.systems.chargebee.support import events_block

USER, PASSWORD = "cb", "hemmelig"
BASIC = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
TARGET = "nordic/chargebee"


@dataclass
class Receiver:
    """A running receiver."""

    home: Home
    port: int
    process: subprocess.Popen[str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def hook(self) -> str:
        return f"{self.url}/webhooks/{TARGET}"

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def end(self) -> tuple[int, str]:
        """Its exit code, and all that it printed."""
        self.process.send_signal(signal.SIGTERM)
        printed, _ = self.process.communicate(timeout=30)
        return self.process.returncode, printed


def make_home(folder: Path, url: str = "https://acme.chargebee.com", **environment: str) -> Home:
    """A home whose company has one Chargebee target with events; `environment`: besides where it is."""
    folder.mkdir(parents=True, exist_ok=True)
    target = {"system": "chargebee", "site": "acme", "base_url": url, "calls_per_minute": 10_000}
    target |= {"events": events_block()}
    company = {
        "timezone": "Europe/Oslo",
        "start": "2026-11-01",
        "visma": {"company_id": "1234567"},
        "targets": {"chargebee": target},
    }
    (folder / "connections.yaml").write_text(yaml.safe_dump({"companies": {"nordic": company}}))
    (folder / "vault.key").write_text(new_key())
    (folder / "vault.key").chmod(0o600)
    home = Home.locate({"ML_CONNECTOR_HOME": str(folder), **environment})
    with home.open() as opened:
        opened.vault.set_credentials(
            TARGET, {"api_key": "test_key", "webhook_user": USER, "webhook_password": PASSWORD}
        )
    return home


def start(home: Home, port: int = 0) -> Receiver:
    """Start a receiver and wait until it can store events."""
    if port == 0:
        with bind() as free:
            port = free.getsockname()[1]
    command = [sys.executable, "-m", "ml_connector.cli", "webhooks", "--port", str(port)]
    environment = {**os.environ, **home.environment()}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    receiver = Receiver(home, port, process)
    for _ in range(600):
        try:
            if HTTP.get(f"{receiver.url}/healthz", timeout=5).status_code == 200:
                return receiver
        except httpx.TransportError:
            if process.poll() is not None:
                break
        time.sleep(0.05)
    raise AssertionError(f"the receiver did not start: {process.communicate(timeout=5)}")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return make_home(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def receiver(home: Home) -> Iterator[Receiver]:
    """One receiver for a module."""
    running = start(home)
    yield running
    running.end()


@pytest.fixture
def start_receiver() -> Iterator[Callable[..., Receiver]]:
    """Starts receivers that end with the test."""
    with ExitStack() as ended:

        def starting(home: Home, port: int = 0) -> Receiver:
            running = start(home, port)
            ended.callback(lambda: running.process.poll() is None and running.kill())
            return running

        yield starting
