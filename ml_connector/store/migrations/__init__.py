"""The database's versions. Alembic is loaded only when there is something to upgrade: it costs half a second."""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path

from sqlalchemy import Connection, column, func, inspect, select, table

from ml_connector.errors import ConfigurationProblem

HEAD = "0005"  # the newest revision in versions/
VERSION_TABLE = "ml_connector_version"  # Dagster's Alembic may keep its own in the same database
LOCK = int.from_bytes(blake2b(b"ml-connector migration", digest_size=8).digest(), "big", signed=True)


def revision(connection: Connection) -> str | None:
    """The revision that the database has; None: it has none of our tables."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.scalar(select(column("version_num")).select_from(table(VERSION_TABLE)))


def upgrade(connection: Connection) -> None:
    """Bring the tables to HEAD, in the caller's transaction: wholly or not at all.

    Two processes that open a new database at once do it one after the other: on SQLite the transaction holds the
    write lock, on PostgreSQL it takes an advisory one.

    Raises:
        ConfigurationProblem: the database has a revision that this version does not know.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(LOCK)))
    current = revision(connection)
    if current == HEAD:
        return
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if current is not None and current not in known:
        raise ConfigurationProblem(
            f"The database has version {current}, and this ml-connector knows versions up to {HEAD}.",
            "It was upgraded by a newer ml-connector. Nothing was started and nothing was written.",
            "Install that version again, or restore the backup that was made before the upgrade.",
        )
    command.upgrade(config, "head")
