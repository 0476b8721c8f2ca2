"""Schedules and sensors: what each tick asks for, and when it does nothing and why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg

from ml_connector.defs.names import (
    CHECKED_RUN_TAG,
    COMMAND_LINE,
    CONNECTION_TAG,
    LAUNCHED_BY_TAG,
    RANGE_END_TAG,
    RANGE_START_TAG,
)
from ml_connector.defs.runs import next_attempt
from ml_connector.defs.upkeep import create_pools
from ml_connector.store import lease
from ml_connector_tests.defs.place import MEMBERS, Place

DELIVERY = "nordic__deliver_mailchimp_sensor"
CHECKS = "nordic__check_mailchimp_sensor"
POLL = "nordic__poll_schedule"
FULL = "nordic__full_reread"
REFUSED = {"fault": "expired_token", "path": "/members/"}


def schedule(place: Place, instance: dg.DagsterInstance, name: str) -> dg.ScheduleExecutionData:
    definitions = place.definitions()
    context = dg.build_schedule_context(instance, datetime.now(UTC), repository_def=definitions.get_repository_def())
    with context:
        return definitions.get_repository_def().get_schedule_def(name).evaluate_tick(context)


def sensor(place: Place, instance: dg.DagsterInstance, name: str, cursor: str | None = None) -> dg.SensorExecutionData:
    definitions = place.definitions()
    repository = definitions.get_repository_def()
    with dg.build_sensor_context(instance, cursor=cursor, repository_def=repository) as context:
        return repository.get_sensor_def(name).evaluate_tick(context)


def on_its_way(place: Place, instance: dg.DagsterInstance, job: str, **tags: str) -> dg.DagsterRun:
    """A run that has not begun."""
    found = place.definitions().resolve_job_def(job)
    return instance.create_run_for_job(found, tags={**found.run_tags, **tags})


def launch(place: Place, instance: dg.DagsterInstance, tick: dg.SensorExecutionData) -> dg.ExecuteInProcessResult:
    """Run what a delivery tick asks for, as the daemon would."""
    (request,) = tick.run_requests or []
    return place.deliver(instance, (request.tags[RANGE_START_TAG], request.tags[RANGE_END_TAG]))


# --- schedules -------------------------------------------------------------------------------------------------------


def test_a_poll_tick_asks_for_one_run_over_every_window_not_covered(place: Place, own: dg.DagsterInstance) -> None:
    """One run over a range, from the first window that no read covers up to the open one."""
    place.configure(window="12h")
    (request,) = schedule(place, own, POLL).run_requests or []
    assert request.tags[RANGE_START_TAG] == place.windows(100)[0]
    assert request.tags[RANGE_END_TAG] in place.windows(0, 0.01)
    assert request.run_config["ops"]["nordic__visma__customers"] == {"config": {"full": False, "told_only": False}}
    place.poll(own)
    (request,) = schedule(place, own, POLL).run_requests or []
    assert request.tags[RANGE_START_TAG] in place.windows(0, 0.1)


def test_a_full_tick_reads_everything_again(place: Place, own: dg.DagsterInstance) -> None:
    """The weekly tick asks for the same job, with `full` for every entity."""
    (request,) = schedule(place, own, FULL).run_requests or []
    assert [op["config"] for op in request.run_config["ops"].values()] == [{"full": True, "told_only": False}] * 3


def test_a_poll_tick_skips_while_a_poll_is_on_its_way(place: Place, own: dg.DagsterInstance) -> None:
    """Also for one that waits in the queue; the reason names the run. A full tick queues up behind it."""
    run = on_its_way(place, own, "nordic__poll")
    assert run.run_id in (schedule(place, own, POLL).skip_message or "")
    assert schedule(place, own, FULL).run_requests


def test_crons_are_on_the_companys_clocks(place: Place) -> None:
    """Schedules carry the company's time zone, so that 05:00 is 05:00 there in summer and winter."""
    repository = place.definitions().get_repository_def()
    assert {one.execution_timezone for one in repository.schedule_defs} == {"Europe/Oslo"}
    assert repository.get_schedule_def(POLL).cron_schedule == "*/10 * * * *"


# --- delivery --------------------------------------------------------------------------------------------------------


def test_nothing_is_delivered_where_nothing_landed(place: Place, instance: dg.DagsterInstance) -> None:
    """An idle tick says so."""
    assert "Nothing is due" in (sensor(place, instance, DELIVERY).skip_message or "")


def test_what_landed_is_delivered(place: Place, instance: dg.DagsterInstance) -> None:
    """A tick after a poll asks for one run over the windows that the new versions lie in; then there is nothing due."""
    place.poll(instance)
    tick = sensor(place, instance, DELIVERY)
    (request,) = tick.run_requests or []
    assert request.tags[RANGE_START_TAG] == place.windows(100)[0]
    assert launch(place, instance, tick).success
    assert len(place.members()) == 12
    assert "Nothing is due" in (sensor(place, instance, DELIVERY).skip_message or "")


def test_a_tick_skips_while_a_delivery_is_on_its_way_or_another_program_works(
    place: Place, instance: dg.DagsterInstance
) -> None:
    """One run at a time per target, whoever runs it."""
    place.poll(instance)
    with place.home.open() as home, lease.hold(home.database, home.home.path, "nordic/mailchimp", "other", wait=False):
        assert "Another program" in (sensor(place, instance, DELIVERY).skip_message or "")
    run = on_its_way(place, instance, "nordic__deliver_mailchimp")
    assert run.run_id in (sensor(place, instance, DELIVERY).skip_message or "")


def test_failed_windows_are_run_again_with_a_new_key_after_a_wait(place: Place, instance: dg.DagsterInstance) -> None:
    """A stopped target is asked again a minute later, then more rarely; each attempt has a key of its own, because
    Dagster skips a repeated one without a word."""
    place.poll(instance)
    first = sensor(place, instance, DELIVERY)
    place.faults("mailchimp", REFUSED)
    assert not launch(place, instance, first).success
    assert "next attempt" in (sensor(place, instance, DELIVERY).skip_message or "")
    place.faults("mailchimp")
    failed = list(instance.get_run_records(dg.RunsFilter(tags={CONNECTION_TAG: "nordic/mailchimp"})))
    again = next_attempt(failed)
    assert again is not None
    assert again - datetime.fromtimestamp(failed[0].end_time or 0, UTC) == timedelta(minutes=1)
    assert (next_attempt(failed * 2) or again) - again == timedelta(minutes=4)
    assert next_attempt(failed * 20) == next_attempt(failed * 4)


def test_failed_windows_are_part_of_the_next_run(place: Place, instance: dg.DagsterInstance) -> None:
    """Windows that are red in Dagster are asked for, although the ledger has nothing due there any more."""
    place.poll(instance)
    span = (place.windows(5)[0], place.windows(0)[0])
    with place.home.open() as home:
        home.vault.delete_credentials("nordic/mailchimp")
    assert not place.deliver(instance, span).success
    place.furnish()
    assert place.deliver(instance).success  # by hand, the open window alone
    with place.home.open() as home:
        work = place.work(home, instance)
    assert not work.due
    assert place.windows(5)[0] in work.failed
    assert launch(place, instance, sensor(place, instance, DELIVERY)).success
    with place.home.open() as home:
        assert place.work(home, instance).failed == set()


def test_windows_in_which_nothing_changed_are_shown_as_delivered(place: Place, instance: dg.DagsterInstance) -> None:
    """A run reaches from where the last one ended up to the open window, so that no window stays missing."""
    place.configure(visma={"overlap": "12h"})
    place.poll(instance)
    assert place.deliver(instance, (place.windows(100)[0], place.windows(8)[0])).success
    place.change(place.numbers()[0], hours_ago=2)
    place.poll(instance)
    assert launch(place, instance, sensor(place, instance, DELIVERY)).success
    assert set(place.statuses(instance, place.windows(*range(10)))) == {"MATERIALIZED"}


def test_rejected_windows_are_not_run_again_and_again(place: Place, instance: dg.DagsterInstance) -> None:
    """With `on_rejected: fail` a red window whose records only a person can put right asks for no run."""
    place.configure(mailchimp={"on_rejected": "fail"})
    place.change(place.numbers()[0], mainContact={"email": "not an address"})
    place.poll(instance)
    assert not launch(place, instance, sensor(place, instance, DELIVERY)).success
    with place.home.open() as home:
        work = place.work(home, instance)
    assert (work.due, work.failed) == (False, set())


def test_a_target_with_its_own_cron_waits_for_it(place: Place, instance: dg.DagsterInstance) -> None:
    """`deliver:` decides when what landed is taken up; the first tick only starts the clock."""
    place.configure(mailchimp={"deliver": "0 5 * * *"})
    place.poll(instance)
    first = sensor(place, instance, DELIVERY)
    assert "waits for its time" in (first.skip_message or "")
    assert first.cursor
    same_day = sensor(place, instance, DELIVERY, first.cursor)
    assert "waits for its time" in (same_day.skip_message or "")
    assert same_day.cursor == first.cursor
    yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    due = sensor(place, instance, DELIVERY, yesterday)
    assert due.run_requests
    assert due.cursor is not None
    assert due.cursor > yesterday


# --- checks ----------------------------------------------------------------------------------------------------------


def test_every_delivery_is_checked_once(place: Place, instance: dg.DagsterInstance) -> None:
    """Successful or failed; a second tick asks for nothing, even when its cursor is lost."""
    place.poll(instance)
    place.faults("mailchimp", REFUSED)
    failed = place.deliver(instance)
    place.faults("mailchimp")
    delivered = place.deliver(instance)
    tick = sensor(place, instance, CHECKS)
    requests = tick.run_requests or []
    assert [request.run_key for request in requests] == [failed.run_id, delivered.run_id]
    for request in requests:
        job = place.definitions().resolve_job_def("nordic__check_mailchimp")
        assert job.execute_in_process(instance=instance, tags=request.tags).success
    for cursor in (tick.cursor, None):
        assert "has been checked" in (sensor(place, instance, CHECKS, cursor).skip_message or "")


def test_the_command_line_is_given_time_to_check_by_itself(place: Place, instance: dg.DagsterInstance) -> None:
    """A delivery of the command line that has just ended is left to it: it checks what it delivered."""
    run = on_its_way(place, instance, "nordic__deliver_mailchimp", **{LAUNCHED_BY_TAG: COMMAND_LINE})
    instance.report_run_failed(run)
    tick = sensor(place, instance, CHECKS)
    assert not tick.run_requests
    on_its_way(place, instance, "nordic__check_mailchimp", **{CHECKED_RUN_TAG: run.run_id})
    checked = sensor(place, instance, CHECKS, tick.cursor)
    assert not checked.run_requests
    assert checked.cursor != tick.cursor


# --- pools -----------------------------------------------------------------------------------------------------------


def test_ticks_create_the_pools_before_the_first_run(place: Place, own: dg.DagsterInstance) -> None:
    """Every connection has one slot before any run is queued; a limit that somebody set stays."""
    own.event_log_storage.set_concurrency_slots("nordic/visma", 3)
    sensor(place, own, DELIVERY)
    limits = {pool.name: pool.limit for pool in own.event_log_storage.get_pool_limits()}
    assert limits == {"nordic/visma": 3, "nordic/mailchimp": 1}
    assert create_pools(own, place.config) == []


def test_the_assets_use_these_pools(place: Place) -> None:
    """A run from the asset graph waits for the same slot as a run of a job."""
    graph = place.definitions().get_repository_def().asset_graph
    assert graph.get(MEMBERS).pools == {"nordic/mailchimp"}
