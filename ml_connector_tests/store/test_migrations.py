"""The schema: made by migrations alone, by one process at a time, beside other people's tables."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from dagster_postgres import PostgresRunStorage
from sqlalchemy import Engine, create_engine, inspect, make_url, text

from ml_connector.errors import ConfigurationProblem
from ml_connector.store import migrations
from ml_connector.store.database import Database
from ml_connector.store.tables import metadata
from ml_connector_tests.store.processes import await_ready, go_on, python


def test_migrations_make_what_the_tables_say(database: Database) -> None:
    """Alembic finds no difference between `tables.py` and a migrated database."""
    with database.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": migrations.VERSION_TABLE, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []


def test_partial_indexes_and_lasting_numbers_are_migrated_too(sqlite_template: Path, tmp_path: Path) -> None:
    """What Alembic does not compare: SQLite's own text of every table and index."""
    plain = create_engine(f"sqlite:///{tmp_path / 'plain.db'}")
    metadata.create_all(plain)
    assert _statements(create_engine(f"sqlite:///{sqlite_template}")) == _statements(plain)


def test_head_is_the_newest_revision() -> None:
    """Opening compares with a constant, because loading Alembic costs half a second."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [migrations.HEAD]


def test_opening_again_changes_nothing(database: Database, database_url: str) -> None:
    """And needs no Alembic."""
    code = "import sys; from ml_connector.store.database import Database as D; D.open(sys.argv[1]).close()"
    code += "; sys.exit('alembic' in sys.modules)"
    with python(code, database_url) as process:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    with database.connect() as connection:
        assert migrations.revision(connection) == migrations.HEAD


def test_processes_that_open_a_new_database_at_once(empty_database_url: str) -> None:
    """One migrates, the others wait for it; all of them end well."""
    code = """
import sys
from alembic import command
from ml_connector.store.database import Database
print("ready", flush=True)
sys.stdin.readline()
Database.open(sys.argv[1]).close()
"""
    with ExitStack() as stack:
        processes = [stack.enter_context(python(code, empty_database_url)) for _ in range(3)]
        for process in processes:
            await_ready(process)
        for process in processes:
            go_on(process)
        for process in processes:
            _, errors = process.communicate(timeout=60)
            assert process.returncode == 0, errors
    assert set(metadata.tables) <= _table_names(empty_database_url)


def test_a_migration_that_fails_leaves_nothing(empty_database_url: str) -> None:
    """Tables come all together or not at all, so that the next opening starts afresh."""
    engine = _engine(empty_database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE record_state (note TEXT)"))
    with pytest.raises(ConfigurationProblem, match="already exists") as caught:
        Database.open(empty_database_url)
    assert "Another program has a table of that name" in caught.value.action
    assert set(inspect(engine).get_table_names()) == {"record_state"}
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE record_state"))
    engine.dispose()
    Database.open(empty_database_url).close()


def test_a_database_of_a_newer_version_is_refused(database: Database, database_url: str) -> None:
    """With what it means and what to do, and without a change to it."""
    with database.begin() as connection:
        connection.execute(text(f"UPDATE {migrations.VERSION_TABLE} SET version_num = '9999'"))
    with pytest.raises(ConfigurationProblem, match="has version 9999") as caught:
        Database.open(database_url)
    assert "newer ml-connector" in caught.value.meaning
    assert "Install that version" in caught.value.action
    with database.connect() as connection:
        assert migrations.revision(connection) == "9999"


@pytest.mark.parametrize("first", ["ours", "Dagster"])
def test_our_tables_live_beside_dagsters(new_postgres: Callable[..., str], first: str) -> None:
    """In one PostgreSQL database, whoever comes first: two version tables, no table in common."""
    url = new_postgres()

    def ours() -> None:
        Database.open(url).close()

    def dagsters() -> None:
        storage = PostgresRunStorage(
            postgres_url=make_url(url).set(drivername="postgresql+psycopg2").render_as_string(hide_password=False),
            should_autocreate_tables=True,
        )
        assert storage.get_run_ids() == []
        storage.dispose()

    for step in (ours, dagsters) if first == "ours" else (dagsters, ours):
        step()
    ours()
    dagsters()
    names = _table_names(url)
    assert set(metadata.tables) | {"runs", "alembic_version", migrations.VERSION_TABLE} <= names


def _engine(url: str) -> Engine:
    return create_engine(url.replace("postgresql://", "postgresql+psycopg2://"))


def _table_names(url: str) -> set[str]:
    engine = _engine(url)
    names = set(inspect(engine).get_table_names())
    engine.dispose()
    return names


def _statements(engine: Engine) -> dict[str, str]:
    """SQLite's text of every table and index of ours, without its layout."""
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")).all()
    engine.dispose()
    return {name: re.sub(r'[\s"]+', " ", sql) for name, sql in rows if name in metadata.tables or "_by_" in name}
