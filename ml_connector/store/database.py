"""The database that remembers everything: SQLite for one host, PostgreSQL for several; the same tables on both."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from sqlalchemy import URL, Connection, Engine, ExceptionContext, Table, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from ml_connector import machine
from ml_connector.errors import ConfigurationProblem
from ml_connector.store import bulk, migrations

NOTHING_WRITTEN = "The ledger cannot be opened, so nothing was started and nothing was written."
BUSY_SECONDS = 30  # how long a SQLite transaction waits for another process's
WRITES = "ml_connector_writes"  # execution option: the transaction may write

# What the driver says when it cannot open the database, and what a person does about it.
ACTIONS = (
    ("password authentication failed", "Correct user and password in ML_CONNECTOR_DATABASE_URL."),
    ("no password supplied", "Add the password to ML_CONNECTOR_DATABASE_URL."),
    ("no pg_hba.conf entry", "Allow this host and user in the server's pg_hba.conf."),
    ("already exists", "Another program has a table of that name: use a database, or a schema, of its own."),
    ("does not exist", "Create the database and the user, or correct their names in ML_CONNECTOR_DATABASE_URL."),
    ("could not translate host name", "Correct the host in ML_CONNECTOR_DATABASE_URL."),
    ("permission denied", "Give the user the right to create tables in this database (GRANT CREATE ON SCHEMA public)."),
    (
        "not a database",
        "Point ML_CONNECTOR_DATABASE_URL (or ML_CONNECTOR_HOME) to the right file, or restore a backup.",
    ),
    ("malformed", "The file is damaged: restore a backup."),
    ("locked", "Find the program that keeps the file locked (a backup, a database browser) and end it."),
    ("disk is full", machine.SPACE),
    ("disk I/O error", machine.DISK),
    ("", "Check that the database server runs and can be reached from here."),
)


class Database:
    """A migrated database.

    `begin()` writes, `connect()` only reads; both yield a SQLAlchemy connection inside a transaction. On SQLite a
    transaction of `begin()` takes the write lock when it starts, so that two processes wait for each other and never
    have to give up half-way.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._reading = engine.execution_options(postgresql_readonly=True)
        self._writing = engine.execution_options(**{WRITES: True})

    @classmethod
    def open(cls, url: str) -> Self:
        """Open a database, and create or upgrade its tables.

        Args:
            url: `sqlite:///PATH` (the file is created, its folder is not) or `postgresql://USER:PASSWORD@HOST/DATABASE`.

        Raises:
            ConfigurationProblem: it cannot be reached, read or written, or belongs to a newer version.
        """
        target = _parse(url)
        if target.get_backend_name() == "sqlite":
            _prepare_file(Path(target.database or ""))
        database = cls(_engine(target))
        try:
            with database.connect() as connection:
                current = migrations.revision(connection)
            if current != migrations.HEAD:
                with database.begin() as connection:
                    migrations.upgrade(connection)
        except DBAPIError as error:
            database.close()
            raise _unavailable(target, error) from None
        except BaseException:
            database.close()
            raise
        return database

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.engine.dialect.name

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction that writes: committed at the end, rolled back when the block raises."""
        with self._writing.begin() as connection:
            yield connection

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A transaction that only reads; the database refuses to write in it."""
        with self._reading.connect() as connection:
            yield connection

    @staticmethod
    def insert(
        connection: Connection,
        table: Table,
        rows: Sequence[Mapping[str, Any]],
        same: Mapping[str, Any] = bulk.NOTHING,
    ) -> None:
        """See `bulk.insert`."""
        bulk.insert(connection, table, rows, same)

    @staticmethod
    def upsert(
        connection: Connection,
        table: Table,
        rows: Sequence[Mapping[str, Any]],
        update: Sequence[str] | None = None,
        same: Mapping[str, Any] = bulk.NOTHING,
    ) -> None:
        """See `bulk.upsert`."""
        bulk.upsert(connection, table, rows, update, same)

    def close(self) -> None:
        self.engine.dispose()

    def __repr__(self) -> str:
        return f"Database({self.engine.url.render_as_string(hide_password=True)})"


def _parse(url: str) -> URL:
    try:
        target = make_url(url)
    except (ArgumentError, ValueError):
        raise _wrong_url("The database URL is not a URL.") from None
    driver = target.drivername
    if driver in {"postgres", "postgresql"}:  # SQLAlchemy knows no "postgres", and may default to another driver
        driver = "postgresql+psycopg2"
    if driver not in {"sqlite", "sqlite+pysqlite", "postgresql+psycopg2"}:
        raise _wrong_url(f"The database URL begins with {target.drivername}://, which is not supported.")
    if driver.startswith("sqlite") and target.database in {None, "", ":memory:"}:
        raise _wrong_url("The database URL names no file.")
    if "@" in (target.host or ""):
        raise _wrong_url("The database URL holds more than one @: its password must be percent-encoded (@ is %40).")
    return target.set(drivername=driver)


def _wrong_url(what: str) -> ConfigurationProblem:
    action = "Set ML_CONNECTOR_DATABASE_URL to sqlite:////PATH/FILE or postgresql://USER:PASSWORD@HOST:5432/DATABASE."
    return ConfigurationProblem(what, NOTHING_WRITTEN, action)


def _prepare_file(path: Path) -> None:
    """Create the file for its owner alone, or find out why it cannot be used.

    An existing file is not opened here: closing it would drop the locks that this process holds on it for SQLite.
    """
    try:
        if path.is_dir():
            raise IsADirectoryError(21, "Is a directory")
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        effective = os.access in os.supports_effective_ids
        for wanted in (path, path.parent):  # SQLite writes its log beside the file
            if not os.access(wanted, os.R_OK | os.W_OK, effective_ids=effective):
                raise PermissionError(13, f"No permission to read and write {wanted}")
    except OSError as error:
        raise ConfigurationProblem(
            f"The database file {path} cannot be used: {error.strerror}.",
            NOTHING_WRITTEN,
            "Correct ML_CONNECTOR_HOME or ML_CONNECTOR_DATABASE_URL, or the owner and permissions of that folder.",
        ) from None


def _engine(target: URL) -> Engine:
    # hide_parameters: rows hold personal data, and errors end up in logs.
    if target.get_backend_name() == "sqlite":
        # lifo: each connection has a cache of its own, so the one that was used last is taken again
        engine = create_engine(target, hide_parameters=True, connect_args={"timeout": BUSY_SECONDS}, pool_use_lifo=True)
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    patience = {} if "connect_timeout" in target.query else {"connect_timeout": 10}
    engine = create_engine(
        target,
        hide_parameters=True,
        connect_args=patience,
        pool_pre_ping=True,
        executemany_mode="values_plus_batch",
    )
    event.listen(engine, "handle_error", _hide_details)
    return engine


def _set_up_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # the driver begins no transaction by itself; `_begin_sqlite` does
    # 4 MB for each connection: four times as much saves no CPU where 100,000 records are delivered.
    for setting in ("synchronous = FULL", "foreign_keys = ON", "cache_size = -4000"):
        connection.execute(f"PRAGMA {setting}")
    deadline = time.monotonic() + BUSY_SECONDS
    while True:  # a new file is switched once; SQLite does not wait by itself for others who have just opened it
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql(f"PRAGMA query_only = {'OFF' if writes else 'ON'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _hide_details(context: ExceptionContext) -> None:
    """Cut off what PostgreSQL adds to an error: the values of the row."""
    for error in (context.original_exception, context.sqlalchemy_exception):
        if error is not None:
            error.args = tuple(str(part).split("\nDETAIL:")[0] for part in error.args)


def _unavailable(target: URL, error: DBAPIError) -> ConfigurationProblem:
    reason = str(error.orig).strip().replace("\n", " ")
    if target.password:
        reason = reason.replace(str(target.password), "***")
    action = next(action for words, action in ACTIONS if words in reason)
    what = f"The database {target.render_as_string(hide_password=True)} cannot be opened: {reason}"
    return ConfigurationProblem(what, NOTHING_WRITTEN, action)
