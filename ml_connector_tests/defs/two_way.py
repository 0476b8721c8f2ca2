"""A company between Visma and Chargebee, both ways, and how tests work with it through Dagster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from ml_connector.config import Target
from ml_connector.defs.names import deliver_job, poll_job
from ml_connector_tests.defs.place import Place
from ml_connector_tests.simulators.chargebee_support import Chargebee
from ml_connector_tests.simulators.visma_support import Visma
from ml_connector_tests.systems.chargebee.support import LINES, events_block

JOURNALS = dg.AssetKey(["nordic", "chargebee_to_visma", "journals"])
EVENTS = dg.AssetKey(["nordic", "chargebee", "events"])
DERIVED = [dg.AssetKey(["nordic", "chargebee", name]) for name in ("documents", "recognitions", "subscriptions")]
POLL = "nordic__poll_chargebee"
SENSOR = f"{POLL}_inbox_sensor"


@dataclass
class TwoWay(Place):
    """A company whose Chargebee is read, too; it has one subscription and its first invoice."""

    chargebee: Chargebee
    books: Visma

    def configure_both(self, *, overlap: str = "2h", outages: int = 5, target: Mapping[str, Any] | None = None) -> None:
        """Write connections.yaml and store the credentials; further settings of Chargebee go over the usual ones.

        Visma counts as down after so many outages in a row.
        """
        source = {
            "base_url": self.books.url,
            "token_url": f"{self.books.url}/connect/token",
            "company_id": "1234567",
            "retries": {"attempts": 1, "outages": outages},
            "overlap": overlap,
        }
        block = {
            "system": "chargebee",
            "site": "acme",
            "base_url": self.chargebee.url,
            "calls_per_minute": 10_000,
            "retries": {"attempts": 1},
            "flows": {"customers": {}},
            "events": events_block(),
            **(target or {}),
        }
        start = datetime.now(UTC).date() - timedelta(days=1)
        company = {"timezone": "Europe/Oslo", "start": start, "visma": source, "targets": {"chargebee": block}}
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
