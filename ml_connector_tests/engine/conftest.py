"""Fixtures of the engine's tests: a ledger, a world, an account, and the steps of a sync."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from ml_connector.engine.deliver import FlowReport, deliver, is_due
from ml_connector.engine.poll import PollReport, poll
from ml_connector.engine.ports import Entity
from ml_connector.engine.windows import Windows
from ml_connector.store.database import Database
from ml_connector.store.deliveries import Deliveries, State
from ml_connector.store.landing import Landings
from ml_connector.store.ledger import Ledger
from ml_connector.store.vault import Vault, new_key, parse_key
from ml_connector_tests.databases import new_database
from ml_connector_tests.engine.world import CONTACTS, CUSTOMERS, START, Account, Clock, Members, World

TARGET = "mailbox"
WINDOWS = Windows(START, 60)


@dataclass
class Sync:
    """One company with one target."""

    ledger: Ledger
    clock: Clock = field(default_factory=Clock)
    flow: Members = field(default_factory=Members)
    runs: int = 0
    world: World = field(init=False)
    account: Account = field(init=False)

    def __post_init__(self) -> None:
        self.world = World(self.clock)
        self.account = Account(self.clock)

    def read(
        self,
        *entities: Entity,
        whole: bool = False,
        overlap: timedelta = timedelta(minutes=10),
    ) -> list[PollReport]:
        """Everything as a poll reads it, or only these entities."""
        return [
            poll(
                self.world,
                entity,
                self.ledger,
                run_id=self._run(),
                clock=self.clock,
                whole=whole,
                overlap=overlap,
            )
            for entity in entities or (CUSTOMERS, CONTACTS)
        ]

    def deliver(self, *, only: Sequence[str] | None = None) -> FlowReport:
        return deliver(
            self.flow,
            self.account,
            self.ledger,
            TARGET,
            "world",
            WINDOWS,
            run_id=self._run(),
            clock=self.clock,
            only=only,
        )

    def sync(self) -> FlowReport:
        self.read()
        return self.deliver()

    def remap(self, fingerprint: str) -> None:
        self.flow = replace(self.flow, fingerprint=fingerprint)

    @property
    def due(self) -> bool:
        return is_due(self.flow, self.ledger, TARGET, self.clock())

    @property
    def book(self) -> Deliveries:
        return self.ledger.deliveries(TARGET, self.flow.name, self.flow.entity, self.flow.secondary)

    def state(self, key: str) -> State:
        return self.book.states([key])[key]

    def _run(self) -> str:
        self.runs += 1
        return f"run-{self.runs}"


@pytest.fixture
def sync(tmp_path: Path) -> Iterator[Sync]:
    with open_sync(tmp_path) as opened:
        yield opened


@pytest.fixture
def sync_on_both(database: Database, tmp_path: Path) -> Sync:
    """The same on SQLite and on PostgreSQL."""
    return sync_on(database, tmp_path)


@contextmanager
def open_sync(folder: Path) -> Iterator[Sync]:
    database = new_database(folder / "ledger.db")
    try:
        yield sync_on(database, folder)
    finally:
        database.close()


def sync_on(database: Database, folder: Path) -> Sync:
    vault = Vault.open(database, parse_key(new_key()))
    return Sync(Ledger(database, vault, Landings(folder / "landings", vault.landing_key), "nordic"))
