"""How far a run is, told every second while it goes on: from what it has written into the ledger so far."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from ml_connector.store.database import Database
from ml_connector.store.reads import reading_now
from ml_connector.store.reports import attempts

EVERY_SECONDS = 1.0

Look = Callable[[Connection, str], str]


@contextmanager
def watched(database: Database, run_id: str, say: Callable[[str], None], text: str, look: Look) -> Iterator[None]:
    """Say `text` now, and again with what `look` sees of the run for as long as the block lasts."""
    say(text)
    ended = threading.Event()

    def watch() -> None:
        # An interrupted command lets its next word raise: that ends this thread too, and the run notices by itself.
        with suppress(KeyboardInterrupt):
            while not ended.wait(EVERY_SECONDS):
                with suppress(SQLAlchemyError), database.connect() as connection:
                    say(f"{text}: {look(connection, run_id)}")

    watcher = threading.Thread(target=watch, name=f"progress of {run_id}", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def rows_read(connection: Connection, run_id: str) -> str:
    """The entity that is read, and how many new versions landed: a read writes them in files of thousands."""
    now = reading_now(connection, run_id)
    return "asking" if now is None else f"{now[0]}, {now[1]:,} new versions so far"


def records_delivered(connection: Connection, run_id: str) -> str:
    """How many attempts are recorded."""
    return f"{attempts(connection, run_id):,} records so far"
