"""What comes back from Chargebee, through Dagster: its poll job, its inbox sensor, its assets and its delivery."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from ml_connector.config import Target
from ml_connector.defs.names import RANGE_START_TAG, check_job, deliver_job, poll_job
from ml_connector.home import Home
from ml_connector_tests.defs.place import Place, materializations
from ml_connector_tests.simulators.chargebee_support import Chargebee, serve_chargebee
from ml_connector_tests.simulators.visma_support import Visma, serve_visma
from ml_connector_tests.systems.chargebee.support import LINES, events_block

JOURNALS = dg.AssetKey(["nordic", "chargebee_to_visma", "journals"])
EVENTS = dg.AssetKey(["nordic", "chargebee", "events"])
DERIVED = [dg.AssetKey(["nordic", "chargebee", name]) for name in ("documents", "recognitions", "subscriptions")]
POLL = "nordic__poll_chargebee"
SENSOR = f"{POLL}_inbox_sensor"
JOURNAL = "/v2/journaltransaction"


@pytest.fixture(scope="module")
def chargebee_site() -> Iterator[Chargebee]:
    with serve_chargebee(plan="custom") as served:
        yield served


@pytest.fixture(scope="module")
def visma_company() -> Iterator[Visma]:
    with serve_visma() as served:
        yield served


@dataclass
class TwoWay(Place):
    """A company whose Chargebee is read, too; it has one subscription and its first invoice."""

    chargebee: Chargebee
    books: Visma

    def configure_both(self) -> None:
        source = {
            "base_url": self.books.url,
            "token_url": f"{self.books.url}/connect/token",
            "company_id": "1234567",
            "retries": {"attempts": 1},
        }
        target = {
            "system": "chargebee",
            "site": "acme",
            "base_url": self.chargebee.url,
            "calls_per_minute": 10_000,
            "retries": {"attempts": 1},
            "flows": {"customers": {}},
            "events": events_block(),
        }
        start = datetime.now(UTC).date() - timedelta(days=1)
        company = {"timezone": "Europe/Oslo", "start": start, "visma": source, "targets": {"chargebee": target}}
        self.write({"companies": {"nordic": company}})
        with self.home.open() as home:
            names = ("client_id", "client_secret", "tenant_id")
            home.vault.set_credentials("nordic/visma", {name: getattr(self.books.settings, name) for name in names})
            home.vault.set_credentials("nordic/chargebee", {"api_key": self.chargebee.settings.api_key})

    def read_events(self, instance: dg.DagsterInstance, **config: Any) -> dg.ExecuteInProcessResult:
        (source,) = self.company.inward
        return self.run(instance, poll_job(source), **config)

    def post(self, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
        return self.run(instance, deliver_job(self.back))

    @property
    def target(self) -> Target:
        return self.back

    @property
    def back(self) -> Target:
        """What is written into Visma."""
        return self.config.target("nordic/chargebee_to_visma")

    def tick(self, instance: dg.DagsterInstance) -> dg.SensorExecutionData:
        repository = self.definitions().get_repository_def()
        with dg.build_sensor_context(instance, repository_def=repository) as context:
            return repository.get_sensor_def(SENSOR).evaluate_tick(context)

    def tell(self, *event_ids: str) -> None:
        """Webhooks arrive."""
        with self.home.open() as home:
            for event_id in event_ids:
                home.ledger("nordic").inbox("chargebee").store(event_id, b"{}", datetime.now(UTC))

    def inbox(self) -> dict[str, int]:
        with self.home.open() as home:
            return dict(home.ledger("nordic").inbox("chargebee").counts())

    def batches(self) -> list[dict[str, Any]]:
        """What stands in Visma's general ledger and came from Chargebee."""
        rows = self.books.books()["journals"]["rows"]
        return [row for row in rows if any(line["referenceNumber"].startswith("CB") for line in row[LINES])]


@pytest.fixture
def two_way(home: Home, chargebee_site: Chargebee, visma_company: Visma) -> TwoWay:
    chargebee_site.start_over()
    visma_company.start_over()
    place = TwoWay(home, None, None, chargebee_site, visma_company)  # type: ignore[arg-type]
    place.configure_both()
    item = {"item_price_id": "lisens", "item_type": "plan", "unit_price": 120_000}
    year = {"billing_period": 1, "billing_period_unit": "year", "tax_rate": 25, "tax_name": "MVA"}
    chargebee_site.subscribe(items=[item], **year)
    return place


def test_definitions_of_a_two_way_target_load_without_warnings(two_way: TwoWay) -> None:
    """What is made of events hangs on them in the graph, and the way back has jobs and sensors of its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        repository = two_way.definitions().get_repository_def()
    graph = repository.asset_graph
    assert all(graph.get(key).parent_keys == {EVENTS} for key in DERIVED)
    assert DERIVED[0] in graph.get(JOURNALS).parent_keys
    assert {POLL, deliver_job(two_way.back), check_job(two_way.back)} <= {job.name for job in repository.get_all_jobs()}
    assert repository.has_sensor_def(SENSOR)
    assert repository.has_sensor_def(f"{deliver_job(two_way.back)}_sensor")


def test_a_polled_event_becomes_one_transaction(two_way: TwoWay, instance: dg.DagsterInstance) -> None:
    """No webhook came: the poll finds it; running everything again posts nothing."""
    assert two_way.read_events(instance).success
    assert two_way.post(instance).success
    found = materializations(instance, JOURNALS)
    assert sum(int(figures["created"]) for figures in found.values()) == 1
    (batch,) = two_way.batches()
    assert sum(line["debitAmountInCurrency"] for line in batch[LINES]) == 1500
    assert set(two_way.inbox()) == {"taken"}
    assert two_way.read_events(instance).success
    assert two_way.post(instance).success
    assert len(two_way.batches()) == 1


def test_the_inbox_sensor_reads_what_webhooks_told_of(two_way: TwoWay, instance: dg.DagsterInstance) -> None:
    """It asks for a read of these alone; the forged one is refused, and then nothing waits."""
    assert "Nothing waits" in str(two_way.tick(instance).skip_message)
    told = [event["id"] for event in two_way.chargebee.events()]
    two_way.tell(*told, "ev_forged")
    (request,) = two_way.tick(instance).run_requests or []
    assert request.tags[RANGE_START_TAG] == two_way.windows(0)[0]
    assert two_way.read_events(instance, **request.run_config).success
    assert two_way.inbox() == {"taken": len(told), "refused": 1}
    assert "Nothing waits" in str(two_way.tick(instance).skip_message)
    assert two_way.post(instance).success
    assert len(two_way.batches()) == 1


def test_a_stopped_visma_fails_the_window_and_running_again_heals_it(
    two_way: TwoWay, instance: dg.DagsterInstance
) -> None:
    """Visma refuses tokens while events are delivered to it. Nothing was sent, so running again posts at once, once."""
    assert two_way.read_events(instance).success
    two_way.books.fault("expired_token", path=f"{JOURNAL}$", method="POST")
    stopped = two_way.post(instance)
    (window,) = {run.tags[RANGE_START_TAG] for run in instance.get_runs() if run.run_id == stopped.run_id}
    assert (stopped.success, two_way.statuses(instance, [window], JOURNALS)) == (False, ["FAILED"])
    assert two_way.batches() == []
    two_way.books.control("POST", "faults", [])
    assert two_way.run(instance, deliver_job(two_way.back), (window, window)).success
    assert two_way.statuses(instance, [window], JOURNALS) == ["MATERIALIZED"]
    assert len(two_way.batches()) == 1
