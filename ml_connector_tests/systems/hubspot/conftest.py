"""The HubSpot simulator, targets that deliver to it, and whole syncs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from ml_connector.store.database import Database
from ml_connector.store.landing import Landings
from ml_connector.store.ledger import Ledger
from ml_connector.store.vault import Vault, new_key, parse_key
from ml_connector.systems.hubspot.account import HubSpotAccount, connect
from ml_connector_tests.databases import new_database
from ml_connector_tests.systems.hubspot.support import QUICK, HubSpot, Sync, Target, serve_hubspot, settings

OpenTarget = Callable[..., Target]
OpenSync = Callable[..., Sync]


@pytest.fixture(scope="session")
def hubspot_server() -> Iterator[HubSpot]:
    """One simulator for all tests of the session; use `hubspot`."""
    with serve_hubspot() as served:
        yield served


@pytest.fixture
def hubspot(hubspot_server: HubSpot) -> HubSpot:
    """An empty portal, with the default settings, without faults and calls."""
    hubspot_server.start_over()
    return hubspot_server


@pytest.fixture
def open_account(hubspot: HubSpot) -> Iterator[Callable[..., HubSpotAccount]]:
    """Opens an account with these settings; it is not set up."""
    with ExitStack() as opened:

        def open_one(**others: Any) -> HubSpotAccount:
            retries = others.pop("retries", QUICK)
            return opened.enter_context(connect(settings(url=hubspot.url, **others), hubspot.credentials, retries))

        yield open_one


@pytest.fixture
def open_target(hubspot: HubSpot, open_account: Callable[..., HubSpotAccount]) -> OpenTarget:
    """Opens a target with these settings; the portal has every property that it needs."""

    def open_one(**others: Any) -> Target:
        account = open_account(**others)
        for step in account.setup():
            step.apply()
        hubspot.calls()
        return Target(hubspot, account)

    return open_one


@pytest.fixture
def target(open_target: OpenTarget) -> Target:
    """A target with the default settings."""
    return open_target()


@pytest.fixture
def open_sync(tmp_path: Path, open_target: OpenTarget) -> Iterator[OpenSync]:
    """A sync with these settings."""
    with closing(new_database(tmp_path / "ledger.db")) as database:
        vault = Vault.open(database, parse_key(new_key()))
        ledger = Ledger(database, vault, Landings(tmp_path / "landings", vault.landing_key), "nordic")

        def open_one(**others: Any) -> Sync:
            target = open_target(**others)
            return Sync(ledger, target.hubspot, target.account)

        yield open_one


@pytest.fixture
def sync(open_sync: OpenSync) -> Sync:
    return open_sync()


@pytest.fixture
def open_on_both(database: Database, tmp_path: Path, open_target: OpenTarget) -> OpenSync:
    """Every flow, with these blocks in place of the default ones, on SQLite and on PostgreSQL."""

    def open_one(**blocks: Any) -> Sync:
        vault = Vault.open(database, parse_key(new_key()))
        ledger = Ledger(database, vault, Landings(tmp_path / "landings", vault.landing_key), "nordic")
        every: dict[str, Any] = {
            name: {} for name in ("companies", "contacts", "suppliers", "invoices", "transactions")
        }
        target = open_target(flows=every | blocks)
        return Sync(ledger, target.hubspot, target.account)

    return open_one


@pytest.fixture
def sync_on_both(open_on_both: OpenSync) -> Sync:
    """With the default settings."""
    return open_on_both()


@pytest.fixture
def everything_on_both(open_on_both: OpenSync) -> Sync:
    """With what is off by default."""
    invoices = {"payments": "records", "segments": {"visma_region": 2}, "deals": {"only_open": True}}
    return open_on_both(invoices=invoices, transactions={"segments": {"region": 2}})
