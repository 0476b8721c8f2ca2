"""Materializing source entities: a read over a range of windows, its figures, and the brake."""

from __future__ import annotations

import logging

import dagster as dg
import pytest
from sqlalchemy import select

from ml_connector.defs.jobs import read_config
from ml_connector.defs.names import CONNECTION_TAG, poll_job, source_key
from ml_connector.defs.work import FIRST_WINDOWS, to_read
from ml_connector.store import lease
from ml_connector.store.tables import landing
from ml_connector_tests.defs.place import CUSTOMERS, MEMBERS, Place, events, materializations

CLASSES = dg.AssetKey(["nordic", "visma", "customer_classes"])
POLL = "nordic__poll"


def test_a_poll_lands_what_the_source_gives(place: Place, instance: dg.DagsterInstance) -> None:
    """One run over a range reads each entity once, and every window shows the figures of that read."""
    span = tuple(place.windows(3, 0))
    done = place.run(instance, POLL, (span[0], span[1]))
    assert done.success
    found = materializations(instance, CUSTOMERS)
    assert sorted(str(window) for window in found) == place.windows(3, 2, 1, 0)
    figures = found[span[0]]
    assert (figures["rows"], figures["new_versions"], figures["since"], figures["whole"]) == (
        12,
        12,
        "the beginning",
        True,
    )
    assert figures["calls"] >= 1
    assert figures["reading"] >= 1
    assert found[span[1]] == figures
    assert list(materializations(instance, CLASSES)) == [None]


def test_what_belongs_to_records_is_read_after_them(place: Place, instance: dg.DagsterInstance) -> None:
    """Customers before contacts: so one poll is enough for a customer and the contacts that may say no."""
    place.poll(instance)
    with place.home.open() as home:
        readings = home.ledger("nordic").readings
        customers, contacts = (readings.coverage(f"visma.{name}").until for name in ("customers", "contacts"))
    assert customers is not None
    assert contacts is not None
    assert customers < contacts


def test_the_next_poll_asks_from_the_covered_moment_on(place: Place, instance: dg.DagsterInstance) -> None:
    """Only what changed comes again, and nothing but new versions lands."""
    place.poll(instance)
    place.change(place.numbers()[0])
    place.poll(instance)
    figures = materializations(instance, CUSTOMERS)[place.windows(0)[0]]
    assert (figures["new_versions"], figures["whole"]) == (1, False)
    assert figures["since"] != "the beginning"


def test_reference_data_is_read_once_a_day(place: Place, instance: dg.DagsterInstance) -> None:
    """A second poll within a day does not ask for the customer classes again, and says so."""
    place.poll(instance)
    place.poll(instance)
    assert "within a day" in materializations(instance, CLASSES)[None]["note"]


def test_a_full_reread_asks_for_everything(place: Place, instance: dg.DagsterInstance) -> None:
    """The run config `full` leaves the lower bound out, also for reference data."""
    place.poll(instance)
    assert place.run(instance, POLL, **read_config(place.company, place.company.source, full=True)).success
    figures = materializations(instance, CUSTOMERS)[place.windows(0)[0]]
    assert (figures["rows"], figures["new_versions"], figures["whole"]) == (12, 0, True)
    assert "rows" in materializations(instance, CLASSES)[None]


def test_a_full_reread_sweeps_no_landing_away_under_a_delivery(place: Place, instance: dg.DagsterInstance) -> None:
    """A delivery that began before the read may be about to open it; the next full read sweeps."""
    full = read_config(place.company, place.company.source, full=True)
    with place.home.open() as home:
        old = place.now(hours=-24 * 100)
        row = {"company": "nordic", "entity": "visma.customers", "reading_id": 1, "path": "nordic/old.parquet"}
        with home.database.begin() as connection:
            connection.execute(landing.insert().values(row | {"rows": 1, "written_at": old}))

        def kept() -> bool:
            with home.database.connect() as connection:
                return "nordic/old.parquet" in connection.scalars(select(landing.c.path)).all()

        with lease.hold(home.database, home.home.path, "nordic/mailchimp", "a delivery", wait=False):
            assert place.run(instance, POLL, **full).success
        assert kept()
        assert place.run(instance, POLL, **full).success
        assert not kept()


def test_a_poll_gives_way_to_another_one(
    place: Place, instance: dg.DagsterInstance, caplog: pytest.LogCaptureFixture
) -> None:
    """While the source's lease is held a run succeeds, reads nothing, materializes nothing, and says so."""
    with place.home.open() as home, lease.hold(home.database, home.home.path, "nordic/visma", "another", wait=False):
        done = place.poll(instance)
    assert done.success
    assert materializations(instance, CUSTOMERS) == {}
    assert "Another run works on nordic/visma" in "".join(events(instance, done.run_id))


def test_a_source_that_refuses_fails_the_windows_in_three_parts(place: Place, instance: dg.DagsterInstance) -> None:
    """Refused credentials fail the run with what happened, what it means and what to do; coverage does not advance."""
    with place.home.open() as home:
        home.vault.set_credentials("nordic/visma", {"client_id": "a", "client_secret": "b", "tenant_id": "c"})
    done = place.poll(instance)
    assert not done.success
    failed = [event.step_failure_data for event in done.all_events if event.is_step_failure]
    metadata = [data.user_failure_data.metadata for data in failed if data.user_failure_data]
    assert all(one["what"].value and one["meaning"].value and one["action"].value for one in metadata)
    assert {one["exit_code"].value for one in metadata} == {3}
    with place.home.open() as home:
        assert home.ledger("nordic").readings.coverage("visma.customers").until is None


def test_missing_credentials_fail_with_what_to_do(place: Place, instance: dg.DagsterInstance) -> None:
    """A run without credentials ends with the command that stores them, before anything is asked."""
    with place.home.open() as home:
        home.vault.delete_credentials("nordic/visma")
    done = place.poll(instance)
    assert not done.success
    assert "ml-connector credentials set nordic/visma" in "".join(events(instance, done.run_id))


def test_the_brake_turns_the_drift_check_red_and_a_good_full_read_green(
    place: Place, instance: dg.DagsterInstance
) -> None:
    """failures.md 37: if too many records vanish at once none is marked, and a check on the entity is red until a full
    re-read finds them again, or the brake is raised."""
    place.poll(instance)
    gone = place.numbers()[:3]
    for number in gone:
        place.ask("visma", "DELETE", f"customers/{number}")
    full = read_config(place.company, place.company.source, full=True)
    red = place.run(instance, POLL, **full).get_asset_check_evaluations()
    assert {one.asset_key: one.passed for one in red}[CUSTOMERS] is False
    place.configure(visma={"brake": 0.5})
    green = place.run(instance, POLL, **full).get_asset_check_evaluations()
    assert all(one.passed for one in green)
    assert materializations(instance, CUSTOMERS)[place.windows(0)[0]]["vanished"] == len(gone)


def test_a_poll_covers_every_window_since_the_last_one(place: Place, instance: dg.DagsterInstance) -> None:
    """failures.md 1: the range begins where the last read began; before any read, some windows back."""
    now, windows = place.now(), place.company.windows
    with place.home.open() as home:
        before = to_read(home, place.company, place.company.source, now)
        assert before.first == windows.key(now - FIRST_WINDOWS * windows.length, now)
        assert before.last == windows.key(now, now)
    place.poll(instance)
    with place.home.open() as home:
        after = to_read(home, place.company, place.company.source, place.now())
        later = to_read(home, place.company, place.company.source, place.now(hours=5))
    assert after.first in place.windows(0, 1)
    assert len(list(windows.keys(later.first, later.last))) in (6, 7)


def test_the_first_poll_and_delivery_reach_back_over_a_bounded_number_of_windows(
    place: Place, instance: dg.DagsterInstance
) -> None:
    """Whatever `start` is: each window costs Dagster events. What changed long ago still counts to its own window."""
    place.configure(days=90)
    old = place.numbers()[0]
    place.change(old, hours_ago=60 * 24)
    with place.home.open() as home:
        span = to_read(home, place.company, place.company.source, place.now())
        assert len(list(place.company.windows.keys(span.first, span.last))) == FIRST_WINDOWS + 1
    place.poll(instance)
    with place.home.open() as home:
        span = place.work(home, instance).span
        assert len(list(place.company.windows.keys(span.first, span.last))) <= FIRST_WINDOWS + 1
    assert place.deliver(instance, (span.first, span.last)).success
    assert materializations(instance, MEMBERS)[place.windows(60 * 24)[0]]["read"] == 1
    with place.home.open() as home:
        assert not place.work(home, instance).due


def test_a_run_from_the_asset_graph_is_tagged_with_what_it_works_on(place: Place, instance: dg.DagsterInstance) -> None:
    """A run that nobody's job tagged tags itself, so that it counts as on its way like any other."""
    key = source_key(place.company, "visma.customer_classes")
    job = place.definitions().resolve_implicit_global_asset_job_def()
    done = job.execute_in_process(instance=instance, asset_selection=[key])
    run = instance.get_run_by_id(done.run_id)
    assert run is not None
    assert run.tags[CONNECTION_TAG] == "nordic/visma"
    assert run.job_name != poll_job(place.company.source)


def test_a_poll_and_a_delivery_log_no_warning(
    place: Place, instance: dg.DagsterInstance, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing in an ordinary round is logged as a warning or worse."""
    with caplog.at_level(logging.WARNING):
        assert place.poll(instance).success
        assert place.deliver(instance).success
    ours = [record for record in caplog.records if not record.name.startswith("uvicorn")]  # the stand-in servers' own
    assert [record.getMessage() for record in ours if record.levelno >= logging.WARNING] == []
