"""Leases: one run at a time, free the moment its process dies, and a dead run can be told from one that ended."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from ml_connector.errors import ConfigurationProblem
from ml_connector.store import lease
from ml_connector.store.database import Database
from ml_connector.store.tables import lease as lease_table
from ml_connector_tests.store.processes import await_ready, python

NAME = "nordic/mailchimp"
HOLDER = """
import sys, time
from pathlib import Path
from typing import Any
from ml_connector.store import lease
from ml_connector.store.database import Database
url, home, name, run_id = sys.argv[1:]
with lease.hold(Database.open(url), Path(home), name, run_id, wait=False) as held:
    assert held
    print("ready", flush=True)
    sys.stdin.readline()
"""


def names(database: Database) -> list[tuple[str, str]]:
    with database.connect() as connection:
        query = select(lease_table.c.name, lease_table.c.run_id).order_by(lease_table.c.run_id)
        return [(row.name, row.run_id) for row in connection.execute(query)]


@contextmanager
def another_process(database_url: str, home: Path, run_id: str) -> Iterator[int]:
    """A process that holds the lease; yields its id."""
    with python(HOLDER, database_url, str(home), NAME, run_id) as process:
        await_ready(process)
        yield process.pid


def beating() -> list[str]:
    """The heartbeats that still beat in this process."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("lease")]


def test_one_at_a_time(database: Database, tmp_path: Path) -> None:
    """A second one gets False; after the first has ended, True; other names are not concerned."""
    with lease.hold(database, tmp_path, NAME, "r1", wait=False) as first:
        assert first
        assert lease.is_held(database, tmp_path, NAME)
        with lease.hold(database, tmp_path, NAME, "r2", wait=False) as second:
            assert not second
        with lease.hold(database, tmp_path, "nordic/visma", "r3", wait=False) as other:
            assert other
        assert names(database) == [(NAME, "r1")]
    assert not lease.is_held(database, tmp_path, NAME)
    assert names(database) == []
    with lease.hold(database, tmp_path, NAME, "r2", wait=False) as second:
        assert second


def test_a_run_that_fails_frees_its_lease(database: Database, tmp_path: Path) -> None:
    """An exception ends the run, and it is not taken for a dead one."""

    def fail() -> None:
        with lease.hold(database, tmp_path, NAME, "r1", wait=False):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert not lease.is_held(database, tmp_path, NAME)
    assert names(database) == []
    assert not beating()


def test_asking_takes_nothing(database: Database, tmp_path: Path) -> None:
    """Whoever looks whether a lease is held is in nobody's way."""
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            lease.is_held(database, tmp_path, NAME)
            time.sleep(0.002)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for number in range(20):
            with lease.hold(database, tmp_path, NAME, f"r{number}", wait=False) as held:
                assert held
    finally:
        stop.set()
        thread.join()


def test_another_process_is_kept_out(database: Database, database_url: str, tmp_path: Path) -> None:
    """And the one who waits is told for whom."""
    told: list[str] = []
    with another_process(database_url, tmp_path, "r1") as process_id:
        with lease.hold(database, tmp_path, NAME, "r2", wait=False) as held:
            assert not held

        def announce(message: str) -> None:
            told.append(message)
            os.kill(process_id, signal.SIGKILL)

        with lease.hold(database, tmp_path, NAME, "r2", wait=True, announce=announce) as held:
            assert held
    (message,) = told
    assert "nordic/mailchimp is busy: run r1" in message
    assert f"process {process_id} on " in message
    assert "since 20" in message


def test_a_killed_holder_frees_its_lock_at_once(database: Database, database_url: str, tmp_path: Path) -> None:
    """failures.md 39: after kill -9 the next run starts at once, and the dead one stays listed until it is cleared."""
    with another_process(database_url, tmp_path, "dead") as process_id:
        now = datetime.now(UTC)
        assert lease.expired(database, tmp_path, now) == []
        os.kill(process_id, signal.SIGKILL)
        killed = time.monotonic()
        with lease.hold(database, tmp_path, NAME, "next", wait=True) as held:
            assert held
            assert time.monotonic() - killed < 10  # and not only when the heartbeat has expired
            assert names(database) == [(NAME, "dead"), (NAME, "next")]
            later = now + lease.EXPIRY + timedelta(seconds=1)
            assert "dead" in [one.run_id for one in lease.expired(database, tmp_path, later)]
    for _ in range(2):  # reading removes nothing
        (dead,) = lease.expired(database, tmp_path, now)
        assert (dead.name, dead.run_id) == (NAME, "dead")
        assert f"process {process_id} on " in dead.holder
    lease.clear(database, dead.name, dead.run_id)
    assert lease.expired(database, tmp_path, now) == []


def test_a_silent_holder_is_expired(database: Database, database_url: str, tmp_path: Path) -> None:
    """failures.md 39: a process that hangs keeps its lock, but its heartbeat is too old after a minute."""
    with another_process(database_url, tmp_path, "hanging") as process_id:
        os.kill(process_id, signal.SIGSTOP)
        now = datetime.now(UTC)
        assert lease.expired(database, tmp_path, now + timedelta(seconds=50)) == []
        (one,) = lease.expired(database, tmp_path, now + timedelta(seconds=61))
        assert one.run_id == "hanging"
        assert lease.is_held(database, tmp_path, NAME)


def test_the_heart_beats(database: Database, tmp_path: Path) -> None:
    """While the block runs, in transactions of its own, and no longer."""

    def beat_at() -> Any:
        with database.connect() as connection:
            return connection.execute(select(lease_table.c.heartbeat_at)).scalar_one()

    with lease.hold(database, tmp_path, NAME, "r1", wait=False, heartbeat=timedelta(milliseconds=20)):
        first = beat_at()
        deadline = time.monotonic() + 5
        while beat_at() == first and time.monotonic() < deadline:
            time.sleep(0.02)
        assert beat_at() > first
    assert names(database) == []
    assert not beating()


def test_a_run_that_ends_while_somebody_looks_is_not_expired(database: Database, tmp_path: Path) -> None:
    """It deletes its row before it frees its lock, so no look in between mistakes it for a dead one."""
    mistaken: list[lease.Lease] = []
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            mistaken.extend(lease.expired(database, tmp_path, datetime.now(UTC)))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for number in range(25):
            with lease.hold(database, tmp_path, NAME, f"r{number}", wait=True):
                pass
    finally:
        stop.set()
        thread.join()
    assert mistaken == []


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_lost_session_is_taken_up_again_or_falls_silent(database: Database, tmp_path: Path) -> None:
    """After the server cut the lock's session: the holder takes the lock again, unless another has it by then."""
    cut = text("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted")
    pace = timedelta(milliseconds=200)

    def silent_for_a_second() -> list[str]:
        now = datetime.now(UTC) + lease.EXPIRY - timedelta(seconds=1)
        return [one.run_id for one in lease.expired(database, tmp_path, now)]

    with lease.hold(database, tmp_path, NAME, "r1", wait=False, heartbeat=pace):
        for expected in (True, False):
            with database.connect() as connection:
                connection.execute(cut)
            if expected:
                deadline = time.monotonic() + 5
                while not lease.is_held(database, tmp_path, NAME) and time.monotonic() < deadline:
                    time.sleep(0.02)
                assert lease.is_held(database, tmp_path, NAME)
                continue
            with lease.hold(database, tmp_path, NAME, "r2", wait=True, heartbeat=pace) as held:
                assert held
                time.sleep(1)
                deadline = time.monotonic() + 10
                while (found := silent_for_a_second()) != ["r1"] and time.monotonic() < deadline:
                    time.sleep(0.1)
                assert found == ["r1"]


def test_a_home_that_cannot_be_written_is_explained(sqlite_template: Path, tmp_path: Path) -> None:
    """With the lock file's path."""
    database = Database.open(f"sqlite:///{sqlite_template}")
    (tmp_path / "locks").write_text("a file in place of the folder")
    with (
        pytest.raises(ConfigurationProblem, match="cannot be used") as caught,
        lease.hold(database, tmp_path, NAME, "r1", wait=False),
    ):
        pass
    assert str(tmp_path / "locks") in caught.value.what
    database.close()
