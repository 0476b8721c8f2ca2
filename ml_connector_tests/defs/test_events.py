"""What comes back from Chargebee, through Dagster: its poll job, its inbox sensor, its assets and its delivery."""

from __future__ import annotations

import logging
import warnings
from datetime import UTC, datetime

import dagster as dg
import pytest

from ml_connector.defs.names import RANGE_END_TAG, RANGE_START_TAG, check_job, deliver_job
from ml_connector_tests.defs.place import materializations
from ml_connector_tests.defs.two_way import DERIVED, EVENTS, JOURNALS, POLL, SENSOR, TwoWay
from ml_connector_tests.systems.chargebee.support import LINES

JOURNAL = "/v2/journaltransaction"


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


def test_a_poll_is_due_as_often_as_the_target_says(two_way: TwoWay, own: dg.DagsterInstance) -> None:
    """On the company's clocks; a tick asks for one run of the poll job, which reads the events."""
    two_way.configure_both(target={"poll": "7-59/20 * * * *"})
    repository = two_way.definitions().get_repository_def()
    schedule = repository.get_schedule_def(f"{POLL}_schedule")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("7-59/20 * * * *", "Europe/Oslo")
    assert schedule.job_name == POLL
    with dg.build_schedule_context(own, datetime.now(UTC), repository_def=repository) as context:
        (request,) = schedule.evaluate_tick(context).run_requests or []
    assert request.tags[RANGE_END_TAG] in two_way.windows(0, 0.01)
    assert two_way.run(own, schedule.job_name, **request.run_config).success
    assert two_way.statuses(own, two_way.windows(0), EVENTS) == ["MATERIALIZED"]


def test_a_round_logs_no_warning(
    two_way: TwoWay, instance: dg.DagsterInstance, caplog: pytest.LogCaptureFixture
) -> None:
    """A poll of Visma and a delivery to Chargebee, a poll of Chargebee and a delivery to Visma."""
    with caplog.at_level(logging.WARNING):
        assert two_way.poll(instance).success
        assert two_way.run(instance, deliver_job(two_way.config.target("nordic/chargebee"))).success
        assert two_way.read_events(instance).success
        assert two_way.post(instance).success
    assert len(two_way.batches()) == 1
    ours = [record for record in caplog.records if not record.name.startswith("uvicorn")]  # the stand-in servers' own
    assert [record.getMessage() for record in ours if record.levelno >= logging.WARNING] == []


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
