"""Runs of the command line: the same jobs in this process, what they report, and whom they wait for."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta

import dagster as dg
import pytest

from ml_connector.defs.build import build_definitions
from ml_connector.defs.launch import replay, sync
from ml_connector.defs.names import CHECKED_RUN_TAG, CONNECTION_TAG, LAUNCHED_BY_TAG
from ml_connector.defs.upkeep import end_dead_runs
from ml_connector.errors import ConfigurationProblem
from ml_connector.store import lease
from ml_connector_tests.defs.place import MEMBERS, Place

REFUSED = {"fault": "expired_token", "path": "/members/"}
SYNC = "import os; from ml_connector.defs.launch import sync; from ml_connector.home import Home; "
SYNC += "sync(Home.locate(os.environ), 'nordic')"


@pytest.fixture(autouse=True)
def days(place: Place) -> None:
    """Windows of a day."""
    place.configure(window="1d")


def test_a_sync_reads_delivers_and_checks(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    """One entry per run, as `sync --json` prints them, and nothing on the console but what it is told to announce."""
    said: list[str] = []
    read, delivered = sync(place.home, "nordic", progress=said.append)
    begun = [text for text in said if ": " not in text]  # besides, once a second, how far it is
    assert begun == ["Reading nordic/visma", "Delivering to nordic/mailchimp"]
    assert capfd.readouterr() == ("", "")
    assert (read["company"], read["target"], read["flows"], read["problem"]) == ("nordic", "visma", [], None)
    assert {one["entity"]: one["rows"] for one in read["reads"]}["visma.customers"] == 12
    assert delivered["problem"] is None
    (flow,) = delivered["flows"]
    assert (flow["flow"], flow["read"], flow["created"], flow["failed"]) == ("members", 12, 12, 0)
    assert flow["calls"] >= 12
    assert {one["check"]: one["passed"] for one in delivered["checks"]} == {
        "every_record_delivered": True,
        "outcomes_add_up": True,
        "no_one_resubscribed": True,
    }
    assert json.dumps([read, delivered])


def test_a_sync_is_seen_in_dagster(place: Place, own: dg.DagsterInstance) -> None:
    """The runs are those of the jobs, tagged, over their windows, and name the code location for re-execution."""
    read, delivered = sync(place.home, "nordic")
    run = own.get_run_by_id(delivered["run_id"])
    assert run is not None
    assert (run.job_name, run.tags[CONNECTION_TAG]) == ("nordic__deliver_mailchimp", "nordic/mailchimp")
    assert run.tags[LAUNCHED_BY_TAG] == "ml-connector"
    assert run.remote_job_origin is not None
    assert run.remote_job_origin.location_name == "ml_connector"
    assert own.get_runs_count(dg.RunsFilter(tags={CHECKED_RUN_TAG: delivered["run_id"]})) == 1
    assert set(place.statuses(own, [delivered["windows"][0]])) == {"MATERIALIZED"}
    assert own.get_run_by_id(read["run_id"]) is not None


def test_a_second_sync_sends_only_what_changed(place: Place) -> None:
    """One changed customer is one record read and one member updated."""
    sync(place.home, "nordic")
    place.change(place.numbers()[0])
    _, delivered = sync(place.home, "nordic")
    assert (delivered["flows"][0]["read"], delivered["flows"][0]["updated"]) == (1, 1)


def test_a_stopped_target_is_reported_with_its_exit_code(place: Place) -> None:
    """The entry carries the three parts and exit code 3, the check is red, and the next sync sends what is missing."""
    place.faults("mailchimp", REFUSED)
    _, stopped = sync(place.home, "nordic")
    assert stopped["problem"]["exit_code"] == 3
    assert all(stopped["problem"][part] for part in ("what", "meaning", "action"))
    assert not {one["check"]: one["passed"] for one in stopped["checks"]}["every_record_delivered"]
    place.faults("mailchimp")
    _, delivered = sync(place.home, "nordic", "mailchimp")
    assert (delivered["problem"], delivered["flows"][0]["created"]) == (None, 12)


def test_a_source_that_is_down_does_not_keep_what_landed_from_being_delivered(place: Place) -> None:
    """The read's entry has the problem; the targets are delivered to all the same."""
    place.faults("mailchimp", REFUSED)
    sync(place.home, "nordic")
    place.faults("mailchimp")
    place.faults("visma", {"fault": "expired_token", "path": "/v1/"})
    read, delivered = sync(place.home, "nordic")
    assert read["problem"]["exit_code"] == 3
    assert delivered["problem"] is None
    assert delivered["flows"][0]["created"] == 12


def test_nothing_is_refused_where_nothing_has_landed(place: Place) -> None:
    """The source is down from the beginning: that is one problem, and not a second one for each target."""
    place.faults("visma", {"fault": "expired_token", "path": "/v1/"})
    read, delivered = sync(place.home, "nordic")
    assert read["problem"]["exit_code"] == 3
    assert delivered["problem"] is None


def test_a_replay_reports_the_named_records(place: Place) -> None:
    """Exactly these are read and updated, whether or not anything changed."""
    sync(place.home, "nordic")
    (replayed,) = replay(place.home, "nordic", "mailchimp", place.numbers()[:2])
    assert (replayed["flows"][0]["read"], replayed["flows"][0]["updated"]) == (2, 2)
    (reread,) = replay(place.home, "nordic", "mailchimp", place.numbers()[:1], reread=True)
    assert (reread["flows"][0]["read"], reread["problem"]) == (1, None)


def test_nothing_that_a_run_leaves_behind_holds_a_credential(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither Dagster's storage nor ours, nor what was printed, when everything works and when keys are refused."""
    secrets = [place.settings("mailchimp")["api_key"], place.settings("visma")["client_secret"]]
    sync(place.home, "nordic")
    place.faults("mailchimp", REFUSED)
    place.faults("visma", {"fault": "expired_token", "path": "/v1/"})
    place.change(place.numbers()[0])
    sync(place.home, "nordic")
    printed = "".join(capfd.readouterr())
    files = [path for path in place.home.path.rglob("*") if path.is_file()]
    assert any("storage" in path.parts or path.suffix == ".db" for path in files)
    for secret in secrets:
        assert secret not in printed
        assert [path for path in files if secret.encode() in path.read_bytes()] == []


def test_an_unknown_name_starts_nothing(place: Place, own: dg.DagsterInstance) -> None:
    """A wrong company or target is a configuration problem before any run."""
    for company, target in (("nordick", None), ("nordic", "mailchimpp")):
        with pytest.raises(ConfigurationProblem):
            sync(place.home, company, target)
    assert own.get_runs_count() == 0


def test_a_sync_waits_for_another_run_and_says_for_whom(place: Place) -> None:
    """While the target is busy the command waits, announces it, and then does its work."""
    said: list[str] = []
    waiting, done = threading.Event(), []

    def announce(text: str) -> None:
        said.append(text)
        if "busy" in text:
            waiting.set()

    with place.home.open() as home:
        with lease.hold(home.database, home.home.path, "nordic/mailchimp", "the other run", wait=False):
            command = threading.Thread(target=lambda: done.extend(sync(place.home, "nordic", progress=announce)))
            command.start()
            assert waiting.wait(60)
            assert place.members() == []
        command.join(60)
    assert done[1]["flows"][0]["created"] == 12
    assert any("the other run" in text for text in said)


def test_a_dead_run_is_ended_and_its_work_is_done_by_the_next(place: Place, own: dg.DagsterInstance) -> None:
    """failures.md 39: a process that is killed while it delivers leaves its run STARTED; who comes next ends it, and
    sends what is missing."""
    place.faults("mailchimp", {"fault": "slow", "path": "/members/", "after": 3, "seconds": 60})
    command = subprocess.Popen([sys.executable, "-c", SYNC])
    try:
        deadline = time.monotonic() + 90
        while len(place.members()) < 3 and time.monotonic() < deadline:
            time.sleep(0.1)
    finally:
        os.kill(command.pid, signal.SIGKILL)
        command.wait()
    place.faults("mailchimp")
    (dead,) = own.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
    assert dead.tags[CONNECTION_TAG] == "nordic/mailchimp"
    _, delivered = sync(place.home, "nordic")
    ended = own.get_run_by_id(dead.run_id)
    assert ended is not None
    assert ended.status is dg.DagsterRunStatus.FAILURE
    assert delivered["problem"] is None
    assert len(place.members()) == 12
    assert set(place.statuses(own, delivered["windows"])) == {"MATERIALIZED"}


def test_only_dead_runs_of_ours_are_ended(place: Place, own: dg.DagsterInstance) -> None:
    """A run that holds a lease lives, however silent; one without a lease is given time; others' are left alone."""
    definitions = build_definitions(place.config, place.home)
    job = definitions.resolve_job_def("nordic__deliver_mailchimp")

    def started(**tags: str) -> str:
        run = own.create_run_for_job(job, tags={**job.run_tags, **tags}, status=dg.DagsterRunStatus.STARTED)
        return run.run_id

    living, silent = started(), started()
    stranger = own.create_run_for_job(stranger_job(), status=dg.DagsterRunStatus.STARTED).run_id
    with place.home.open() as home:
        with lease.hold(home.database, home.home.path, "nordic/mailchimp", living, wait=False):
            assert end_dead_runs(home, own, {MEMBERS}) == []
            assert end_dead_runs(home, own, {MEMBERS}, silent_for=timedelta(0)) == [silent]
        assert end_dead_runs(home, own, {MEMBERS}, silent_for=timedelta(0)) == [living]
    run = own.get_run_by_id(stranger)
    assert run is not None
    assert run.status is dg.DagsterRunStatus.STARTED


def stranger_job() -> dg.JobDefinition:
    @dg.op
    def something() -> None:
        """Of another code location."""

    @dg.job
    def strange() -> None:
        something()

    return strange
