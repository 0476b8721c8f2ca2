"""Opening a database: what works, and what a person reads when it does not."""

from __future__ import annotations

import os
import resource
import shutil
import socket
import stat
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, func, make_url, select, text
from sqlalchemy.exc import DBAPIError

from ml_connector.errors import ConfigurationProblem
from ml_connector.store.database import Database
from ml_connector.store.tables import credential, entity_state
from ml_connector_tests.store.processes import python

ROW = {"company": "nordic", "entity": "visma.customers"}
PASSWORD = "correct-horse"


def refused(url: str) -> ConfigurationProblem:
    with pytest.raises(ConfigurationProblem) as caught:
        Database.open(url)
    problem = caught.value
    assert problem.exit_code == 2
    assert "nothing was written" in problem.meaning
    assert problem.action
    return problem


def test_a_block_that_raises_leaves_nothing(database: Database) -> None:
    """`begin` commits as a whole or not at all."""

    def fail_half_way() -> None:
        with database.begin() as connection:
            database.insert(connection, entity_state, [ROW])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    with database.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(entity_state)) == 0


def test_a_reading_connection_cannot_write(database: Database) -> None:
    """A write in `connect` would take its lock too late; the database refuses it, and the next `begin` writes."""
    with pytest.raises(DBAPIError, match=r"readonly|read-only"), database.connect() as connection:
        database.insert(connection, entity_state, [ROW])
    with database.begin() as connection:
        database.insert(connection, entity_state, [ROW])
    with database.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(entity_state)) == 1


def test_errors_show_no_values(database: Database) -> None:
    """An error of the database names the statement, and none of the personal data that it was given."""
    row = {"name": "secret-name", "sealed": None, "changed_at": None}
    with pytest.raises(DBAPIError) as caught, database.begin() as connection:
        connection.execute(credential.insert(), [row])
    shown = "".join(traceback.format_exception(caught.value))
    assert "credential" in shown
    assert "secret-name" not in shown


def test_threads_share_a_database(database: Database) -> None:
    """Writers in several threads wait for each other."""

    def write(number: int) -> None:
        for i in range(20):
            with database.begin() as connection:
                count = connection.scalar(select(func.count()).select_from(entity_state))
                database.insert(connection, entity_state, [{"company": f"{number}", "entity": f"{i} {count}"}])

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(entity_state)) == 80


def test_processes_share_a_sqlite_file(sqlite_template: Path, tmp_path: Path) -> None:
    """Two processes that read and then write in one transaction never fail for a lock that they cannot upgrade."""
    path = tmp_path / "shared.db"
    path.write_bytes(sqlite_template.read_bytes())
    code = """
import sys
from sqlalchemy import func, select
from ml_connector.store.database import Database
from ml_connector.store.tables import entity_state
database = Database.open(sys.argv[1])
for i in range(50):
    with database.begin() as connection:
        connection.scalar(select(func.count()).select_from(entity_state))
        database.insert(connection, entity_state, [{"company": sys.argv[2], "entity": str(i)}])
"""
    url = f"sqlite:///{path}"
    with python(code, url, "a") as one, python(code, url, "b") as two:
        for process in (one, two):
            _, errors = process.communicate(timeout=60)
            assert process.returncode == 0, errors
    database = Database.open(url)
    with database.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(entity_state)) == 100
    database.close()


def test_sqlite_survives_a_power_cut(tmp_path: Path) -> None:
    """Write-ahead log, and every commit is on the disk before it returns."""
    database = Database.open(f"sqlite:///{tmp_path / 'new.db'}")
    with database.connect() as connection:
        settings = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]
        enforced = connection.exec_driver_sql("PRAGMA foreign_keys").scalar()
    database.close()
    assert settings == ["wal", 2]
    assert enforced == 1


def test_a_new_sqlite_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Whatever the umask."""
    path = tmp_path / "new.db"
    Database.open(f"sqlite:///{path}").close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_every_postgresql_scheme_works(new_postgres: Callable[..., str], scheme: str) -> None:
    """Hosting providers write postgres://, and a bare postgresql:// must not ask for another driver."""
    url = make_url(new_postgres()).set(drivername=scheme).render_as_string(hide_password=False)
    database = Database.open(url)
    assert database.dialect == "postgresql"
    database.close()


def test_the_password_is_nowhere_to_be_seen(new_postgres: Callable[..., str]) -> None:
    """Neither in the repr nor in the message of a refused password, and the message says what to correct."""
    url = new_postgres()
    _create_secured_user(url)
    good = make_url(url).set(username="secured", password=PASSWORD)
    database = Database.open(good.render_as_string(hide_password=False))
    assert PASSWORD not in repr(database)
    database.close()
    problem = refused(good.set(password="wrong-horse").render_as_string(hide_password=False))
    assert "password authentication failed" in problem.what
    assert problem.action == "Correct user and password in ML_CONNECTOR_DATABASE_URL."
    assert "wrong-horse" not in str(problem)
    assert problem.__suppress_context__  # the driver's error would show it in a traceback


def test_a_password_with_a_bare_at_sign_is_explained() -> None:
    """It would be taken for a part of the host's name, and shown."""
    problem = refused("postgresql://user:pass@word@db.example.com/ledger")
    assert "percent-encoded" in problem.what
    assert "word" not in problem.what.replace("password", "")


def test_a_server_that_is_down() -> None:
    """The message names host, port and database, and asks to look at the server."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    problem = refused(f"postgresql://user:{PASSWORD}@127.0.0.1:{port}/ledger")
    assert f"127.0.0.1:{port}/ledger" in problem.what
    assert "server runs" in problem.action
    assert PASSWORD not in str(problem)


def test_a_postgresql_database_that_does_not_exist(new_postgres: Callable[..., str]) -> None:
    """The action is to create it."""
    problem = refused(make_url(new_postgres()).set(database="nowhere").render_as_string(hide_password=False))
    assert problem.action.startswith("Create the database")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "not a URL"),
        ("ledger.db", "not a URL"),
        ("mysql://host/ledger", "mysql://"),
        ("postgresql+asyncpg://host/ledger", "postgresql+asyncpg://"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("postgresql://host:port/ledger", "not a URL"),
    ],
)
def test_a_wrong_url_is_explained(url: str, words: str) -> None:
    """Before anything is contacted."""
    problem = refused(url)
    assert words in problem.what
    assert "postgresql://USER:PASSWORD@HOST" in problem.action


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    """The message names it."""
    problem = refused(f"sqlite:///{tmp_path}")
    assert str(tmp_path) in problem.what
    assert "Is a directory" in problem.what


def test_a_missing_folder(tmp_path: Path) -> None:
    """It is not created: a mistyped home must not begin a second ledger."""
    problem = refused(f"sqlite:///{tmp_path / 'typo' / 'ledger.db'}")
    assert "No such file or directory" in problem.what
    assert not (tmp_path / "typo").exists()


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    """It is left as it is."""
    path = tmp_path / "notes.db"
    path.write_text("these are my notes, and they are longer than the header of a database, which has 100 bytes" * 3)
    before = path.read_bytes()
    problem = refused(f"sqlite:///{path}")
    assert "not a database" in problem.what
    assert path.read_bytes() == before


def test_a_full_disk(tmp_path: Path) -> None:
    """A limit on the length of files stands in for it."""
    path = tmp_path / "ledger.db"
    Database.open(f"sqlite:///{path}").close()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        problem = refused(f"sqlite:///{path}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert problem.action.startswith("The disk is full or damaged")


@pytest.fixture
def world_readable() -> Iterator[Path]:
    """A folder that other users reach; those of pytest are closed to them."""
    folder = Path(tempfile.mkdtemp(prefix="mlc-"))
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


@pytest.mark.parametrize("kept", ["folder", "file"])
def test_no_permission(world_readable: Path, kept: str) -> None:
    """A home or a database file of another user is refused with its name."""
    path = world_readable / "ledger.db"
    Database.open(f"sqlite:///{path}").close()
    path.chmod(0o666 if kept == "folder" else 0o444)
    world_readable.chmod(0o555 if kept == "folder" else 0o777)
    as_root = os.geteuid() == 0
    if as_root:
        os.seteuid(65_534)  # nobody: root may do everything
    try:
        problem = refused(f"sqlite:///{path}")
    finally:
        if as_root:
            os.seteuid(0)
    assert "No permission" in problem.what
    assert str(world_readable if kept == "folder" else path) in problem.what


def test_a_user_without_the_right_to_create_tables(new_postgres: Callable[..., str]) -> None:
    """The action is the right that is missing."""
    url = new_postgres()
    _create_secured_user(url, rights="")
    secured = make_url(url).set(username="secured", password=PASSWORD)
    problem = refused(secured.render_as_string(hide_password=False))
    assert "GRANT CREATE" in problem.action


def _create_secured_user(url: str, rights: str = "GRANT CREATE ON SCHEMA public TO secured;") -> None:
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg2"))
    create = f"""
        DO $$ BEGIN CREATE ROLE secured LOGIN PASSWORD '{PASSWORD}';
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$; {rights}
    """
    with engine.begin() as connection:
        connection.execute(text(create))
    engine.dispose()
