"""Materializing a target: windows with their own counts, what a stopped target leaves, and running it again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import pytest

from ml_connector.defs.build import build_definitions, configured
from ml_connector.defs.jobs import deliver_config
from ml_connector.defs.names import range_tags
from ml_connector.home import Home
from ml_connector.store import lease
from ml_connector_tests.defs.place import MEMBERS, Place, events, materializations

FAILED, DONE = "FAILED", "MATERIALIZED"
REFUSED = {"fault": "expired_token", "path": "/members/"}
COUNTS = ("read", "created", "updated", "unchanged", "skipped", "rejected", "failed")


def counts(figures: dict[str, object]) -> dict[str, object]:
    return {name: figures[name] for name in COUNTS if figures[name]}


@pytest.fixture
def changed(place: Place, instance: dg.DagsterInstance) -> dict[str, list[str]]:
    """Everything is delivered; then six customers change in three windows, and land. By window, oldest first."""
    place.configure(visma={"overlap": "12h"}, mailchimp={"connections": 1})
    assert place.poll(instance).success
    assert place.deliver(instance).success
    numbers, found = place.numbers(), {}
    for position, hours in enumerate((5, 3, 1)):
        pair = numbers[2 * position : 2 * position + 2]
        for number in pair:
            place.change(number, hours_ago=hours)
        found[place.windows(hours)[0]] = pair
    assert place.poll(instance).success
    place.writes()
    return found


def ends(changed: dict[str, list[str]]) -> tuple[str, str]:
    return min(changed), max(changed)


@contextmanager
def stopped_after(place: Place, calls: int) -> Iterator[None]:
    """Mailchimp refuses the key after some calls."""
    place.faults("mailchimp", {**REFUSED, "after": calls})
    yield
    place.faults("mailchimp")


def deliver_job() -> dg.JobDefinition:
    """The job as another process finds it."""
    home = Home.locate(os.environ)
    return build_definitions(configured(home), home).resolve_job_def("nordic__deliver_mailchimp")


def test_the_first_delivery_creates_everybody(place: Place, instance: dg.DagsterInstance) -> None:
    """The initial load counts to the first window; the other windows of the range are finished with nothing to do."""
    place.poll(instance)
    first, last = place.windows(100, 0)
    done = place.deliver(instance, (first, last))
    assert done.success
    found = materializations(instance, MEMBERS)
    assert sum(int(figures["read"]) for figures in found.values()) == len(place.members()) == 12
    assert counts(found[first])["created"] == found[first]["read"] > 0
    assert all(figures["audit_hash"] and figures["run_calls"] for figures in found.values())
    assert set(place.statuses(instance, sorted(str(window) for window in found))) == {DONE}
    assert "ml-connector record nordic KEY" in found[first]["what_next"]
    assert f"ml-connector record nordic --run {done.run_id}" in found[first]["what_next"]


def test_each_window_shows_its_own_counts(
    place: Place, instance: dg.DagsterInstance, changed: dict[str, list[str]]
) -> None:
    """A run over a range writes one materialization per window, with what happened to the records of that window."""
    first, last = ends(changed)
    assert place.deliver(instance, (first, last)).success
    found = materializations(instance, MEMBERS)
    assert {window: counts(found[window]) for window in changed} == {
        window: {"read": 2, "updated": 2} for window in changed
    }
    between = [window for window in place.company.windows.keys(first, last) if window not in changed]
    assert all(counts(found[window]) == {} for window in between)


def test_a_target_that_stops_leaves_only_the_windows_red_that_are_not_finished(
    place: Place, instance: dg.DagsterInstance, changed: dict[str, list[str]]
) -> None:
    """Windows of which every record was attempted are materialized, the others failed, and the check is red."""
    with stopped_after(place, 3):
        done = place.deliver(instance, ends(changed))
    assert not done.success
    sent = set(place.writes()[:3])
    for window, numbers in changed.items():
        finished = place.members_of(numbers) <= sent
        assert place.statuses(instance, [window]) == [DONE if finished else FAILED]
    assert FAILED in place.statuses(instance, list(changed))
    failed = next(event.step_failure_data for event in done.all_events if event.is_step_failure)
    assert failed.user_failure_data is not None
    assert failed.user_failure_data.metadata["exit_code"].value == 3
    red = {one.check_name: one for one in place.check(instance)}["every_record_delivered"]
    assert not red.passed
    assert "did not come to its end" in str(red.description)


def test_dagsters_own_reexecution_sends_only_what_is_missing(
    place: Place, changed: dict[str, list[str]], instance: dg.DagsterInstance
) -> None:
    """Re-executing the failed run over its windows turns them green; nobody is written twice."""
    with place.instance() as own:
        with stopped_after(place, 3):
            failed = place.deliver(own, ends(changed))
        assert not failed.success
        sent = place.writes()[:3]
        job = dg.reconstructable(deliver_job)
        options = dg.ReexecutionOptions(parent_run_id=failed.run_id)
        again = dg.execute_job(job, own, tags=dict(range_tags(*ends(changed))), reexecution_options=options)
        assert again.success
        assert set(place.statuses(own, list(changed))) == {DONE}
    expected = place.members_of(number for pair in changed.values() for number in pair)
    missing = place.writes()
    assert sorted(sent + missing) == sorted(expected)
    assert all(one.passed for one in place.check(instance))


def test_any_later_run_turns_failed_windows_of_its_range_green(
    place: Place, instance: dg.DagsterInstance, changed: dict[str, list[str]]
) -> None:
    """A plain run over the range does the same as a re-execution: running again is always the repair."""
    with stopped_after(place, 0):
        assert not place.deliver(instance, ends(changed)).success
    assert set(place.statuses(instance, list(changed))) == {FAILED}
    assert place.deliver(instance, ends(changed)).success
    assert set(place.statuses(instance, list(changed))) == {DONE}


def test_a_replay_sends_exactly_the_named_records(
    place: Place, instance: dg.DagsterInstance, changed: dict[str, list[str]]
) -> None:
    """Run config names records: these are sent, though the target has them, and nothing else that is due."""
    numbers = place.numbers()[-2:]
    done = place.deliver(instance, **deliver_config(place.target, numbers, reread=False))
    assert done.success
    assert set(place.writes()) == place.members_of(numbers)
    waiting = place.statuses(instance, list(changed))
    assert place.deliver(instance, ends(changed)).success
    assert len(place.writes()) == 6
    assert DONE not in waiting


def test_a_replay_does_not_paint_a_window_green_that_still_has_work(
    place: Place, instance: dg.DagsterInstance, changed: dict[str, list[str]]
) -> None:
    """One named record of a failed window is sent; the window stays red for the other."""
    with stopped_after(place, 0):
        assert not place.deliver(instance, ends(changed)).success
    window, pair = next(iter(changed.items()))
    assert place.deliver(instance, **deliver_config(place.target, pair[:1], reread=False)).success
    assert place.statuses(instance, [window]) == [FAILED]
    assert place.deliver(instance, **deliver_config(place.target, pair[1:], reread=False)).success
    assert place.statuses(instance, [window]) == [DONE]


def test_a_replay_can_read_the_source_again_first(place: Place, instance: dg.DagsterInstance) -> None:
    """`reread` brings what changed silently: its stamp never moved, so no poll would see it."""
    place.poll(instance)
    place.deliver(instance)
    number = place.numbers()[0]
    place.ask("visma", "PATCH", f"customers/{number}", {"name": "Renamed in silence", "silent": True})
    place.writes()
    assert place.deliver(instance, **deliver_config(place.target, [number], reread=True)).success
    (member,) = [one for one in place.members() if one["id"] in place.members_of([number])]
    assert member["merge_fields"]["COMPANY"] == "Renamed in silence"


def test_a_delivery_gives_way_to_another_one(place: Place, instance: dg.DagsterInstance) -> None:
    """While the target's lease is held a run succeeds, sends nothing and materializes nothing."""
    place.poll(instance)
    with place.home.open() as home, lease.hold(home.database, home.home.path, "nordic/mailchimp", "other", wait=False):
        done = place.deliver(instance)
    assert done.success
    assert materializations(instance, MEMBERS) == {}
    assert place.writes() == []
    assert "Another run works on nordic/mailchimp" in "".join(events(instance, done.run_id))


def test_rejected_records_fail_their_windows_where_that_is_configured(
    place: Place, instance: dg.DagsterInstance
) -> None:
    """`on_rejected: fail`: the window of a rejected record stays red, the others are green, the check shows the key."""
    place.poll(instance)
    place.deliver(instance)
    place.configure(visma={"overlap": "12h"}, mailchimp={"on_rejected": "fail"})
    good, bad = place.numbers()[:2]
    place.change(good, hours_ago=3)
    place.change(bad, hours_ago=1, mainContact={"email": "not an address"})
    place.poll(instance)
    red, green = place.windows(1, 3)
    assert not place.deliver(instance, (green, red)).success
    assert place.statuses(instance, [green, red]) == [DONE, FAILED]
    check = {one.check_name: one for one in place.check(instance)}["every_record_delivered"]
    assert not check.passed
    assert bad in str(check.metadata["records"])


def test_counts_add_up_in_every_window(place: Place, instance: dg.DagsterInstance) -> None:
    """failures.md 16: read is the sum of the outcomes, in the figures that Dagster shows and in the check."""
    place.poll(instance)
    place.deliver(instance, (place.windows(100)[0], place.windows(0)[0]))
    for figures in materializations(instance, MEMBERS).values():
        assert figures["read"] == sum(figures[name] for name in COUNTS[1:])
    assert {one.check_name: one.passed for one in place.check(instance)}["outcomes_add_up"]
