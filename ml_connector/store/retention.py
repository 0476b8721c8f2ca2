"""What is thrown away: landings that no newest version lies in any more, what crashed reads left behind, and the bodies
of events that were refused long ago.

The newest landed version of a key is never touched: its pointer keeps its file.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, delete, exists, select, update

from ml_connector.store.database import Database
from ml_connector.store.landing import Landings
from ml_connector.store.tables import inbox, landing, source_row

ABANDONED_AFTER = timedelta(days=1)  # no read writes a file for so long, or leaves it unrecorded


@dataclass(frozen=True, slots=True)
class Swept:
    """What was deleted.

    Attributes:
        landings: landings that hold no newest version.
        leftovers: files of reads that died.
    """

    landings: int
    leftovers: int


def sweep(database: Database, landings: Landings, now: datetime, keep: timedelta) -> Swept:
    """Delete landings older than `keep` that no record points to, and the leftovers of crashed reads.

    Rows go first, in one transaction: what is killed in between leaves files without a row, which are leftovers.
    """
    same = and_(source_row.c.company == landing.c.company, source_row.c.entity == landing.c.entity)
    unused = delete(landing).where(
        landing.c.written_at < now - keep,
        ~exists().where(same, source_row.c.landing_id == landing.c.id),
        ~exists().where(same, source_row.c.seq == landing.c.id),
    )
    refused = update(inbox).where(inbox.c.settled_at < now - keep, inbox.c.body.is_not(None)).values(body=None)
    with database.begin() as connection:
        connection.execute(refused)
        paths = list(connection.scalars(unused.returning(landing.c.path)))
    for path in paths:
        if path is not None:
            landings.delete(path)
    return Swept(len(paths), _leftovers(database, landings, now - ABANDONED_AFTER))


def _leftovers(database: Database, landings: Landings, before: datetime) -> int:
    """Delete files that were written before then and belong to no landing."""
    with database.connect() as connection:
        known = set(connection.scalars(select(landing.c.path)))
    old = [
        name
        for name in (*landings.files(), *landings.unfinished())
        if name not in known and (written := landings.written_at(name)) is not None and written < before
    ]
    for name in old:
        landings.delete(name)
    return len(old)
