"""A home with one company, nordic, whose Visma and Mailchimp are simulators on loopback, and how tests work with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import yaml
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluation

from ml_connector.accounts import connect_target
from ml_connector.config import Company, Config, Target
from ml_connector.defs.build import build_definitions
from ml_connector.defs.names import check_job, deliver_job, poll_job, range_tags
from ml_connector.defs.windows import partitions
from ml_connector.defs.work import Work, to_deliver
from ml_connector.home import Home, OpenHome
from ml_connector.simulators.mailchimp.addresses import subscriber_hash
from ml_connector.simulators.server import Served
from ml_connector_tests.loopback import HTTP

PROJECT = Path(__file__).parents[2]
MEMBERS = dg.AssetKey(["nordic", "mailchimp", "members"])
CUSTOMERS = dg.AssetKey(["nordic", "visma", "customers"])
CREDENTIALS = {"client_id": "isv_demo", "client_secret": "demo-secret"}

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass
class Place:
    """One home with the simulators it leads to."""

    home: Home
    visma: Served
    mailchimp: Served

    # --- the configuration ---------------------------------------------------------------------------------------

    def configure(
        self,
        *,
        window: str = "1h",
        days: int = 1,
        visma: Mapping[str, Any] | None = None,
        mailchimp: Mapping[str, Any] | None = None,
    ) -> None:
        """Write connections.yaml; further settings of the two systems go over the usual ones.

        Windows begin yesterday, or so many days ago. Each costs a lasting Dagster some events; one day keeps these few.
        """
        start = datetime.now(UTC).date() - timedelta(days=days)
        source = {
            "base_url": self.visma.url,
            "token_url": f"{self.visma.url}/connect/token",
            "company_id": "1234567",
            "retries": {"attempts": 1},
        }
        target = {
            "system": "mailchimp",
            "base_url": self.mailchimp.url,
            "audience": self.settings("mailchimp")["audience"],
            "flows": {"members": {"new_member_status": "subscribed"}},
        }
        company = {
            "timezone": "Europe/Oslo",
            "start": start,
            "window": window,
            "visma": source | dict(visma or {}),
            "targets": {"mailchimp": target | dict(mailchimp or {})},
        }
        self.write({"companies": {"nordic": company}})

    def write(self, document: Mapping[str, Any]) -> None:
        self.home.config_path.write_text(yaml.safe_dump(document, sort_keys=False))

    @property
    def config(self) -> Config:
        return self.home.config()

    @property
    def company(self) -> Company:
        return self.config.company("nordic")

    @property
    def target(self) -> Target:
        return self.config.target("nordic/mailchimp")

    def furnish(self) -> None:
        """Everything that a first run needs: credentials, and the merge fields of the audience."""
        with self.home.open() as home:
            tenant = self.settings("visma")["tenant_id"]
            home.vault.set_credentials("nordic/visma", {**CREDENTIALS, "tenant_id": tenant})
            home.vault.set_credentials("nordic/mailchimp", {"api_key": self.settings("mailchimp")["api_key"]})
            with connect_target(home, home.config.target("nordic/mailchimp")) as account:
                for step in account.setup():
                    step.apply()

    # --- the simulators ------------------------------------------------------------------------------------------

    def ask(self, system: str, method: str, call: str, body: Any = None) -> Any:
        url = f"{getattr(self, system).url}/_simulator/{call}"
        return HTTP.request(method, url, json=body).raise_for_status().json()

    def settings(self, system: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask(system, "GET", "settings")
        return found

    def faults(self, system: str, *rules: Mapping[str, Any]) -> None:
        self.ask(system, "POST", "faults", list(rules))

    def writes(self) -> list[str]:
        """The members that Mailchimp was asked to write since the last look, by their hash."""
        calls = self.ask("mailchimp", "GET", "calls")["log"]
        self.ask("mailchimp", "DELETE", "calls")
        return [call["path"].rpartition("/")[2] for call in calls if call["method"] in ("PUT", "PATCH")]

    def members(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("mailchimp", "GET", "members")["members"]
        return found

    def change(self, number: str, hours_ago: float = 0, **members: Any) -> None:
        """A customer changes at Visma, some time ago."""
        moment = datetime.now(UTC) - timedelta(hours=hours_ago)
        patch = {"name": f"Changed {moment.isoformat()}", "modified_at": moment.isoformat(), **members}
        self.ask("visma", "PATCH", f"customers/{number}", patch)

    def numbers(self) -> list[str]:
        """The numbers of customers who can be delivered."""
        customers = self.ask("visma", "GET", "state?count=1000")["customers"]["rows"]
        return [one["number"] for one in customers if one["status"] == "Active" and one["mainContact"]["email"]]

    def members_of(self, numbers: Iterable[str]) -> set[str]:
        """The hashes of the members that these customers are."""
        customers = {one["number"]: one for one in self.ask("visma", "GET", "state?count=1000")["customers"]["rows"]}
        return {subscriber_hash(customers[number]["mainContact"]["email"]) for number in numbers}

    # --- Dagster -------------------------------------------------------------------------------------------------

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        with dg.DagsterInstance.from_config(str(self.home.dagster_home)) as instance:
            yield instance

    def open(self) -> Any:
        return self.home.open()

    def definitions(self) -> dg.Definitions:
        return build_definitions(self.config, self.home)

    def now(self, hours: float = 0) -> datetime:
        return datetime.now(UTC) + timedelta(hours=hours)

    def windows(self, *hours_ago: float) -> list[str]:
        """The windows of some moments in the past."""
        now = datetime.now(UTC)
        return [self.company.windows.key(now - timedelta(hours=hours), now) for hours in hours_ago]

    def run(
        self, instance: dg.DagsterInstance, job: str, span: tuple[str, str] | None = None, **config: Any
    ) -> dg.ExecuteInProcessResult:
        """Run a job as a schedule or a sensor would, over a range of windows (by default the open one)."""
        found = self.definitions().resolve_job_def(job)
        tags = range_tags(*(span or (self.windows(0)[0],) * 2)) if job != check_job(self.target) else {}
        return found.execute_in_process(
            instance=instance, tags=dict(tags), run_config={**QUIET, **config}, raise_on_error=False
        )

    def poll(self, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
        return self.run(instance, poll_job(self.company.source))

    def deliver(
        self, instance: dg.DagsterInstance, span: tuple[str, str] | None = None, **config: Any
    ) -> dg.ExecuteInProcessResult:
        return self.run(instance, deliver_job(self.target), span, **config)

    def work(self, home: OpenHome, instance: dg.DagsterInstance) -> Work:
        """What a delivery would do now."""
        return to_deliver(home, instance, self.company, self.target, self.now())

    def check(self, instance: dg.DagsterInstance) -> Sequence[AssetCheckEvaluation]:
        """What the target's checks find."""
        return self.run(instance, check_job(self.target)).get_asset_check_evaluations()

    def statuses(
        self, instance: dg.DagsterInstance, windows: list[str], key: dg.AssetKey = MEMBERS
    ) -> list[str | None]:
        """What Dagster shows for these windows of an asset, by default the members."""
        found = instance.get_status_by_partition(key, windows, partitions(self.company.windows)) or {}
        return [status.value if (status := found.get(window)) else None for window in windows]


def materializations(instance: dg.DagsterInstance, key: dg.AssetKey) -> dict[str | None, dict[str, Any]]:
    """The newest figures of every window of an asset."""
    found: dict[str | None, dict[str, Any]] = {}
    for record in instance.fetch_materializations(key, limit=1000).records:
        event = record.asset_materialization
        if event is not None and event.partition not in found:
            found[event.partition] = {name: value.value for name, value in event.metadata.items()}
    return found


def events(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """What a run's log says, with the errors."""
    said = []
    for record in instance.get_records_for_run(run_id).records:
        entry = record.event_log_entry
        detail = entry.dagster_event.event_specific_data if entry.dagster_event else ""
        said.append(f"{entry.user_message} {detail}")
    return said
