"""A home with simulators for every test of this folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import dagster as dg
import pytest

from ml_connector.home import Home
from ml_connector.simulators import mailchimp, visma
from ml_connector.simulators.server import Served, serve
from ml_connector.store.vault import new_key
from ml_connector_tests.defs.place import PROJECT, Place
from ml_connector_tests.defs.two_way import TwoWay
from ml_connector_tests.simulators.chargebee_support import Chargebee, serve_chargebee
from ml_connector_tests.simulators.visma_support import Visma, serve_visma

SOURCE = visma.VismaSettings(customers=12, awkward=False, contacts_share=0)
TARGET = mailchimp.MailchimpSettings()


@pytest.fixture(scope="session")
def source_server() -> Iterator[Served]:
    """One Visma for all tests; use `place`."""
    with serve(visma.create_app(SOURCE)) as served:
        yield served


@pytest.fixture(scope="session")
def target_server() -> Iterator[Served]:
    """One Mailchimp for all tests; use `place`."""
    with serve(mailchimp.create_app(TARGET)) as served:
        yield served


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """An empty home, which the environment names."""
    home = Home.locate({}, tmp_path / "home")
    home.path.mkdir()
    shutil.copy(PROJECT / "dagster.yaml", home.path)
    home.key_file.write_text(new_key())
    home.key_file.chmod(0o600)
    for name in [name for name in os.environ if name.startswith(("ML_CONNECTOR_", "DAGSTER_"))]:
        monkeypatch.delenv(name)
    for name, value in home.environment().items():
        monkeypatch.setenv(name, value)
    return home


@pytest.fixture
def place(home: Home, source_server: Served, target_server: Served) -> Place:
    """A furnished home: twelve customers at Visma, nobody at Mailchimp, and windows from yesterday on."""
    place = Place(home, source_server, target_server)
    for system, settings in (("visma", SOURCE), ("mailchimp", TARGET)):
        place.ask(system, "POST", "settings", {k: v for k, v in asdict(settings).items() if k != "started_at"})
        place.ask(system, "POST", "reset", {})
    place.configure()
    place.furnish()
    place.writes()
    return place


@pytest.fixture(scope="session")
def chargebee_site() -> Iterator[Chargebee]:
    """One Chargebee for all tests; use `two_way`."""
    with serve_chargebee(plan="custom") as served:
        yield served


@pytest.fixture(scope="session")
def visma_company() -> Iterator[Visma]:
    """Another Visma, with books, for all tests; use `two_way`."""
    with serve_visma() as served:
        yield served


@pytest.fixture
def two_way(home: Home, chargebee_site: Chargebee, visma_company: Visma) -> TwoWay:
    """A furnished home whose Chargebee is read, too: one subscription, and nothing read yet."""
    chargebee_site.start_over()
    visma_company.start_over()
    place = TwoWay(home, None, None, chargebee_site, visma_company)  # type: ignore[arg-type]
    place.configure_both()
    item = {"item_price_id": "lisens", "item_type": "plan", "unit_price": 120_000}
    year = {"billing_period": 1, "billing_period_unit": "year", "tax_rate": 25, "tax_name": "MVA"}
    chargebee_site.subscribe(items=[item], **year)
    return place


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """A Dagster that is gone after the test."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def own(home: Home) -> Iterator[dg.DagsterInstance]:
    """The home's own Dagster, as other processes see it."""
    with dg.DagsterInstance.from_config(str(home.dagster_home)) as instance:
        yield instance
