"""Both simulators, and syncs between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ml_connector.store.landing import Landings
from ml_connector.store.ledger import Ledger
from ml_connector.store.vault import Vault, new_key, parse_key
from ml_connector_tests.databases import new_database
from ml_connector_tests.simulators.chargebee_support import Chargebee, serve_chargebee
from ml_connector_tests.simulators.visma_support import Visma, serve_visma
from ml_connector_tests.systems.chargebee.support import Sync, open_sync

OpenSync = Callable[..., Sync]


@pytest.fixture(scope="session")
def chargebee_site() -> Iterator[Chargebee]:
    with serve_chargebee(plan="custom") as served:
        yield served


@pytest.fixture
def chargebee(chargebee_site: Chargebee) -> Chargebee:
    """An empty site without limits."""
    chargebee_site.start_over()
    return chargebee_site


@pytest.fixture(scope="session")
def visma_company() -> Iterator[Visma]:
    with serve_visma() as served:
        yield served


@pytest.fixture
def visma(visma_company: Visma) -> Visma:
    """A company as at the start."""
    visma_company.start_over()
    return visma_company


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    database = new_database(tmp_path / "ledger.db")
    vault = Vault.open(database, parse_key(new_key()))
    yield Ledger(database, vault, Landings(tmp_path / "landings", vault.landing_key), "nordic")
    database.close()


@pytest.fixture
def open_one(ledger: Ledger, chargebee: Chargebee, visma: Visma) -> Iterator[OpenSync]:
    """Opens a sync with these settings."""
    with ExitStack() as opened:

        def opening(**changes: Any) -> Sync:
            return opened.enter_context(open_sync(ledger, chargebee, visma, **changes))

        yield opening


@pytest.fixture
def sync(open_one: OpenSync) -> Sync:
    """A sync with everything switched on, both ways."""
    return open_one()
