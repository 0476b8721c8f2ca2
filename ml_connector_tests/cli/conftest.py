"""A home that leads to simulators over real HTTP, and the command line in this process."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import yaml

from ml_connector.accounts import connect_source, connect_target
from ml_connector.cli import main
from ml_connector.cli.demo_home import furnish, give_credentials, set_up
from ml_connector.cli.simulators import Simulator
from ml_connector.engine.deliver import deliver
from ml_connector.engine.poll import poll
from ml_connector.home import Home
from ml_connector.simulators import mailchimp, visma
from ml_connector.simulators.server import serve
from ml_connector_tests.loopback import client

CUSTOMERS = 60
TARGET = "nordic/mailchimp"
FIRST = "10001"  # an ordinary customer with an address of its own
REFUSED = "fake@example.com"  # Mailchimp takes such an address for a fake one


@dataclass(frozen=True)
class Ran:
    """What a command printed and ended with."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def parts(self) -> list[str]:
        """The lines of an error; what happened comes first."""
        return self.err.strip().splitlines()


Cli = Callable[..., Ran]


@dataclass(frozen=True)
class World:
    """The simulators that a home leads to."""

    visma: Simulator
    mailchimp: Simulator
    http: httpx.Client

    @property
    def by_name(self) -> dict[str, Simulator]:
        return {"visma": self.visma, "mailchimp": self.mailchimp}

    def start_over(self) -> None:
        for one in self.by_name.values():
            one.control("settings", one.settings)
            one.control("reset", {})

    def settings(self, name: str, **changes: Any) -> None:
        self.by_name[name].control("settings", changes)

    def faults(self, name: str, *rules: dict[str, Any]) -> None:
        self.by_name[name].control("faults", list(rules))

    def change(self, number: str, **members: Any) -> None:
        """Change a customer at Visma; `silent=True` leaves its time of change as it was."""
        url = f"{self.visma.url}/_simulator/customers/{number}"
        self.http.patch(url, json=members).raise_for_status()

    def no_faults(self) -> None:
        for name in self.by_name:
            self.faults(name)

    def forget_calls(self) -> None:
        for one in self.by_name.values():
            self.http.delete(f"{one.url}/_simulator/calls").raise_for_status()

    def calls(self, name: str, *methods: str) -> list[str]:
        """Method and path of the calls that a simulator got, of these methods or of all."""
        log = self.by_name[name].control("calls")["log"]
        made = [f"{call['method']} {call['path']}" for call in log]
        return [call for call in made if not methods or call.split()[0] in methods]

    def members(self, status: str | None = None) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.mailchimp.control(f"members?status={status}" if status else "members")[
            "members"
        ]
        return found


@pytest.fixture(scope="module")
def servers() -> Iterator[World]:
    """One pair of simulators for the tests of a file, whose interrupted calls bother no other file; use `world`."""
    apps = {
        "visma": visma.create_app(visma.VismaSettings(customers=CUSTOMERS, awkward=False, contacts_share=0.5)),
        "mailchimp": mailchimp.create_app(mailchimp.MailchimpSettings(batch_seconds=0.05)),
    }
    with ExitStack() as stack:
        http = stack.enter_context(client())
        running = {}
        for name, app in apps.items():
            url = stack.enter_context(serve(app)).url
            settings = http.get(f"{url}/_simulator/settings").raise_for_status().json()
            running[name] = Simulator(name, url, settings)
        yield World(running["visma"], running["mailchimp"], http)


@pytest.fixture
def world(servers: World) -> World:
    """The simulators as at their start: 60 ordinary customers, an empty audience without our merge fields."""
    servers.start_over()
    return servers


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Runs one command in this process; `stdin` is what it reads."""

    def run(*arguments: str, stdin: str = "") -> Ran:
        capsys.readouterr()
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        code = main(list(arguments))
        printed = capsys.readouterr()
        return Ran(code, printed.out, printed.err)

    return run


@pytest.fixture(scope="module")
def prototype(servers: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with credentials; tests get copies of it, which is quicker than making a database for each."""
    home = Home.locate({}, tmp_path_factory.mktemp("prototype") / "home")
    furnish(home, servers.by_name)
    configuration = yaml.safe_load(home.config_path.read_text())
    configuration["companies"]["nordic"]["visma"]["retries"] = {"first_pause": 0.01, "jitter": 0}
    home.config_path.write_text(yaml.safe_dump(configuration, sort_keys=False))
    with home.open() as opened:
        give_credentials(opened, servers.by_name)
    return home.path


@pytest.fixture
def home(prototype: Path, tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home in force that leads to the simulators, with credentials."""
    for name in os.environ:
        if name.startswith(("ML_CONNECTOR_", "DAGSTER_HOME")):
            monkeypatch.delenv(name)
    shutil.copytree(prototype, tmp_path / "home")
    home = Home.locate({}, tmp_path / "home")
    for name, value in home.environment().items():
        monkeypatch.setenv(name, value)
    return home


@pytest.fixture
def empty_home(home: Home) -> Home:
    """The same without credentials."""
    with home.open() as opened:
        for name in opened.vault.credential_names():
            opened.vault.delete_credentials(name)
    return home


@pytest.fixture
def ready(home: Home, world: World) -> Home:
    """The same with everything that the audience needs; no call has been counted yet."""
    with home.open() as opened:
        set_up(opened)
    world.forget_calls()
    return home


def bring_over(home: Home) -> None:
    """A poll and a delivery without Dagster around them, which takes a tenth of the time."""
    run_id = str(uuid4())
    with home.open() as opened:
        company = opened.config.company("nordic")
        ledger = opened.ledger(company.name)
        with connect_source(opened, company.source) as source:
            for entity in company.entities:
                poll(source, entity, ledger, run_id=run_id, clock=_now, overlap=company.source.overlap)
        for target in company.targets.values():
            with connect_target(opened, target) as account:
                for flow in target.flows:
                    names = (target.name, target.system.name)
                    deliver(flow, account.writer(flow.name), ledger, *names, company.windows, run_id=run_id, clock=_now)


def _now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def synced(ready: Home, world: World) -> Home:
    """A home whose customers have all become members."""
    bring_over(ready)
    world.forget_calls()
    return ready


@pytest.fixture
def with_a_problem(synced: Home, world: World) -> str:
    """The number of a customer whose new address Mailchimp refuses."""
    world.change(FIRST, mainContact={"email": REFUSED})
    bring_over(synced)
    world.forget_calls()
    return FIRST


@pytest.fixture
def files() -> Callable[[Path], dict[str, tuple[int, bytes]]]:
    """What a folder holds: size and content of every file, to see whether something was written."""

    def look(folder: Path) -> dict[str, tuple[int, bytes]]:
        found = [path for path in folder.rglob("*") if path.is_file()]
        return {str(path.relative_to(folder)): (path.stat().st_size, path.read_bytes()) for path in found}

    return look
