"""The real thing: three processes on PostgreSQL, a schedule that fires, and a backfill through the daemon."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ml_connector.home import Home
from ml_connector_tests.defs.place import Place
from ml_connector_tests.deploy.dagster_processes import Dagster, running, until

DELIVERED_FIRST = 5
WINDOWS = """query { assetNodeOrError(assetKey: {path: ["nordic", "mailchimp", "members"]}) { ... on AssetNode {
  assetPartitionStatuses { ... on TimePartitionStatuses { ranges { status startKey endKey } } } } } }"""
CHECKS = """query { assetNodeOrError(assetKey: {path: ["nordic", "mailchimp", "members"]}) { ... on AssetNode {
  assetChecksOrError { ... on AssetChecks { checks { name executionForLatestMaterialization {
    status } } } } } } }"""
STOP = """mutation ($id: String!) { stopSensor(id: $id) { __typename ... on PythonError { message } } }"""
SENSORS = """query { sensorsOrError(repositorySelector: {repositoryName: "__repository__",
  repositoryLocationName: "ml_connector"}) { ... on Sensors { results { name sensorState { id status } } } } }"""
BACKFILL = """mutation ($windows: [String!]!) { launchPartitionBackfill(backfillParams: {
  assetSelection: [{path: ["nordic", "mailchimp", "members"]}], partitionNames: $windows}) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
BACKFILLED = """query ($id: String!) { partitionBackfillOrError(backfillId: $id) {
  __typename ... on PartitionBackfill { status error { message } } } }"""


def windows(dagster: Dagster, status: str) -> list[str]:
    """The first window of every range in this state."""
    ranges = dagster.ask(WINDOWS)["assetPartitionStatuses"]["ranges"]
    return [found["startKey"] for found in ranges if found["status"] == status]


def ended(dagster: Dagster, job: str, status: str) -> bool:
    return any(run["status"] == status for run in dagster.runs(job))


def stop_sensor(dagster: Dagster, name: str) -> None:
    states = {found["name"]: found["sensorState"]["id"] for found in dagster.ask(SENSORS)["results"]}
    dagster.ask(STOP, id=states[name])


def backfilled(dagster: Dagster, backfill: str) -> bool:
    found = dagster.ask(BACKFILLED, id=backfill)
    assert found["status"] not in ("FAILED", "COMPLETED_FAILED"), found
    return bool(found["status"] == "COMPLETED_SUCCESS")


def written(place: Place) -> Counter[str]:
    """How often each member was written, and the write answered with success."""
    log: list[dict[str, Any]] = place.ask("mailchimp", "GET", "calls")["log"]
    done = [call for call in log if call["method"] == "PUT" and call["status"] == 200]
    return Counter(call["path"].rpartition("/")[2] for call in done)


def test_a_schedule_fires_and_a_backfill_sends_only_what_is_missing(
    place: Place, home: Home, tmp_path: Path, new_postgres: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The schedule polls, the sensor delivers, Mailchimp refuses the key halfway: windows are red. A backfill through
    the daemon sends the rest and turns them green, and the checks, launched after both by a sensor, turn green too. Our
    tables stand beside Dagster's in one database."""
    url = new_postgres().replace("postgresql://", "postgresql+psycopg2://")
    environment = {"DAGSTER_POSTGRES_URL": url, "ML_CONNECTOR_DATABASE_URL": url}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(place, "home", Home.locate({**home.environment(), **environment}))
    place.configure(window="1d", visma={"poll": "* * * * *"}, mailchimp={"connections": 1})
    place.furnish()
    place.writes()
    place.faults("mailchimp", {"fault": "expired_token", "path": "/members/", "after": DELIVERED_FIRST})
    folder = tmp_path / "dagster"
    folder.mkdir()
    with running(folder, environment) as dagster:
        until(lambda: ended(dagster, "nordic__poll", "SUCCESS"))
        until(lambda: ended(dagster, "nordic__deliver_mailchimp", "FAILURE"))
        stop_sensor(dagster, "nordic__deliver_mailchimp_sensor")
        assert len(place.members()) == DELIVERED_FIRST
        red = windows(dagster, "FAILED")
        assert red
        until(lambda: ended(dagster, "nordic__check_mailchimp", "SUCCESS"))
        assert not checked(dagster)["every_record_delivered"]

        place.faults("mailchimp")
        backfill = dagster.ask(BACKFILL, windows=red)["backfillId"]
        until(lambda: backfilled(dagster, backfill))
        assert windows(dagster, "FAILED") == []
        assert len(place.members()) == 12
        assert set(written(place).values()) == {1}
        until(lambda: all(checked(dagster).values()))
        assert dagster.run("daemon, health check").returncode == 0
        assert dagster.warnings() == []


def checked(dagster: Dagster) -> dict[str, bool]:
    """The newest verdict of each check."""
    checks = dagster.ask(CHECKS)["assetChecksOrError"]["checks"]
    newest = {one["name"]: one["executionForLatestMaterialization"] for one in checks}
    return {name: bool(found and found["status"] == "SUCCEEDED") for name, found in newest.items()}
