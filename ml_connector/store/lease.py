"""Who works on a source or a target: one run at a time, across processes and hosts, the command line included.

The lock is the operating system's (a file lock beside SQLite) or PostgreSQL's (an advisory lock of a session), so it
is free the moment its holder dies. The row in the table `lease` tells people and the sensors who holds it: a row
whose lock is free, or whose heartbeat stopped, belongs to a run that is gone without having ended.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from filelock import FileLock, Timeout
from sqlalchemy import Connection, and_, delete, func, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from ml_connector.errors import ConfigurationProblem
from ml_connector.store.database import NOTHING_WRITTEN, Database
from ml_connector.store.tables import lease as lease_table

HEARTBEAT = timedelta(seconds=10)
EXPIRY = timedelta(seconds=60)
POLL_SECONDS = 0.25  # between two tries of a process that waits


@dataclass(frozen=True, slots=True)
class Lease:
    """Who works, or worked when it died, on what.

    Attributes:
        name: `nordic/mailchimp`, or `nordic/visma` for reading.
        run_id: the run that holds it.
        holder: for people: which process on which host.
        taken_at: since when.
        heartbeat_at: when it last said that it lives.
    """

    name: str
    run_id: str
    holder: str
    taken_at: datetime
    heartbeat_at: datetime


@contextmanager
def hold(
    database: Database,
    home: Path,
    name: str,
    run_id: str,
    wait: bool,
    announce: Callable[[str], None] = lambda _message: None,
    heartbeat: timedelta = HEARTBEAT,
) -> Iterator[bool]:
    """Hold a lease while the block runs.

    Args:
        wait: wait for a busy one; else the block gets False at once and must not work.
        announce: told once, in a sentence, for whom it waits.

    Yields:
        Whether the lease is held.
    """
    lock = _lock(database, home, name)
    try:
        if not _acquire(lock, database, name, wait, announce):
            yield False
            return
        mine = _enter(database, name, run_id)
        stop = threading.Event()
        arguments = (database, lock, mine, heartbeat, stop)
        beat = threading.Thread(target=_beat, name=f"lease of {name}", args=arguments, daemon=True)
        beat.start()
        try:
            yield True
        finally:
            stop.set()
            beat.join()
            clear(database, name, run_id)
    finally:
        lock.release()


def is_held(database: Database, home: Path, name: str) -> bool:
    """Whether a living process holds the lease."""
    return _lock(database, home, name).held()


def expired(database: Database, home: Path, now: datetime) -> list[Lease]:
    """The leases of runs that died or hang; they stay listed until `clear`.

    A run that ends deletes its row before it frees its lock. So a row that is still there after its lock was found
    free belongs to a run that did not end.
    """
    before = _leases(database)
    free = {name for name in {lease.name for lease in before} if not is_held(database, home, name)}
    seen = {(lease.name, lease.run_id, lease.taken_at) for lease in before}
    return [
        lease
        for lease in _leases(database)
        if (lease.name, lease.run_id, lease.taken_at) in seen
        and (lease.name in free or now - lease.heartbeat_at > EXPIRY)
    ]


def clear(database: Database, name: str, run_id: str) -> None:
    """Remove a lease from the list; frees no lock."""
    with database.begin() as connection:
        connection.execute(delete(lease_table).where(lease_table.c.name == name, lease_table.c.run_id == run_id))


class _Lock(Protocol):
    def acquire(self) -> bool:
        """Take it, or find it busy, without waiting for its holder."""
        ...

    def confirm(self) -> bool:
        """Whether it is still ours; tries to take it again where the server lost it."""
        ...

    def release(self) -> None: ...

    def held(self) -> bool:
        """Whether anybody holds it."""
        ...


class _FileLock:
    """A lock beside SQLite, freed by the kernel when its process dies."""

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / f"{quote(name, safe='')}.lock"
        self._lock = FileLock(self._path, thread_local=False)

    def acquire(self) -> bool:
        # `held` of another process takes the lock for a moment: a single try could mistake it for a run.
        return self._try(timeout=0.5)

    def confirm(self) -> bool:
        return True

    def release(self) -> None:
        self._lock.release()

    def held(self) -> bool:
        if not self._path.exists():
            return False
        free = self._try(timeout=0)
        self._lock.release()
        return not free

    def _try(self, timeout: float) -> bool:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=timeout, poll_interval=0.01)
        except Timeout:
            return False
        except OSError as error:
            raise ConfigurationProblem(
                f"The lock file {self._path} cannot be used: {error.strerror}.",
                NOTHING_WRITTEN,
                "Correct ML_CONNECTOR_HOME, or the owner and permissions of that folder.",
            ) from None
        return True


class _AdvisoryLock:
    """A lock of a PostgreSQL session of its own, freed by the server when the session ends."""

    def __init__(self, database: Database, name: str) -> None:
        self._engine = database.engine
        self._key = int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)
        self._session: Connection | None = None
        self._ours = False

    def acquire(self) -> bool:
        self._session = self._session or self._connect()
        self._ours = bool(self._session.scalar(select(func.pg_try_advisory_lock(self._key))))
        return self._ours

    def confirm(self) -> bool:
        try:
            if self._ours and self._session is not None:
                self._session.execute(select(1))
                return True
        except SQLAlchemyError:
            self._close()
        return self.acquire()

    def release(self) -> None:
        with suppress(SQLAlchemyError):  # a session that is gone has freed the lock
            if self._ours and self._session is not None:
                self._session.execute(select(func.pg_advisory_unlock(self._key)))
        self._close()

    def held(self) -> bool:
        query = text(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            " AND classid::bigint = :high AND objid::bigint = :low"
        )
        halves = {"high": self._key >> 32 & 0xFFFFFFFF, "low": self._key & 0xFFFFFFFF}
        with self._engine.connect() as connection:
            return bool(connection.scalar(query, halves))

    def _connect(self) -> Connection:
        session = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        session.detach()  # closing it ends the session, and with it the lock
        session.execute(text("SET tcp_keepalives_idle = 20"))  # the server notices a dead host within a minute
        session.execute(text("SET tcp_keepalives_interval = 10"))
        session.execute(text("SET tcp_keepalives_count = 3"))
        return session

    def _close(self) -> None:
        session, self._session, self._ours = self._session, None, False
        if session is not None:
            with suppress(SQLAlchemyError):
                session.close()


def _lock(database: Database, home: Path, name: str) -> _Lock:
    return _FileLock(home / "locks", name) if database.dialect == "sqlite" else _AdvisoryLock(database, name)


def _acquire(lock: _Lock, database: Database, name: str, wait: bool, announce: Callable[[str], None]) -> bool:
    if lock.acquire():
        return True
    if wait:
        announce(_whom(database, name))
        while not lock.acquire():
            time.sleep(POLL_SECONDS)
        return True
    return False


def _whom(database: Database, name: str) -> str:
    holders = [lease for lease in _leases(database) if lease.name == name]
    if not holders:
        return f"{name} is busy: another process has just begun to work on it. Waiting for it to end."
    newest = max(holders, key=lambda lease: lease.heartbeat_at)
    since = newest.taken_at.strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"{name} is busy: run {newest.run_id} ({newest.holder}) works on it since {since}. Waiting for it to end."


def _enter(database: Database, name: str, run_id: str) -> Lease:
    now = datetime.now(UTC)
    mine = Lease(name, run_id, f"process {os.getpid()} on {socket.gethostname()}", now, now)
    with database.begin() as connection:
        row = {
            "name": name,
            "run_id": run_id,
            "holder": mine.holder,
            "taken_at": now,
            "heartbeat_at": now,
        }
        database.upsert(connection, lease_table, [row])
    return mine


def _beat(database: Database, lock: _Lock, mine: Lease, every: timedelta, stop: threading.Event) -> None:
    """Keep the heartbeat fresh; a holder that lost its lock stays silent, so that others find it expired."""
    row = and_(lease_table.c.name == mine.name, lease_table.c.run_id == mine.run_id)
    while not stop.wait(every.total_seconds()):
        with suppress(SQLAlchemyError):  # the next beat tries again
            if lock.confirm():
                with database.begin() as connection:
                    connection.execute(update(lease_table).where(row).values(heartbeat_at=datetime.now(UTC)))


def _leases(database: Database) -> list[Lease]:
    columns = (lease_table.c[name] for name in ("name", "run_id", "holder", "taken_at", "heartbeat_at"))
    with database.connect() as connection:
        rows = connection.execute(select(*columns).order_by(lease_table.c.name, lease_table.c.taken_at))
        return [Lease(*row) for row in rows]
