"""The inbox: events that webhooks told of, each once, stored before anything acts on them.

A row is `received` until somebody asked the system itself for the event: then it is `taken`, or `refused` where the
system knows no such event; a refused one that a person looked into is `handled`. What a poll finds that no webhook told
of gets a row, too, so that people see what was lost. Rows are kept for ever: an event may be told of again at any time
(Chargebee reference, section 5.3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import Connection

from ml_connector.store.among import among
from ml_connector.store.database import Database
from ml_connector.store.tables import inbox
from ml_connector.store.vault import Vault

RECEIVED, TAKEN, REFUSED, HANDLED = "received", "taken", "refused", "handled"
CHUNK = 500


class Inbox:
    """The events of one target."""

    def __init__(self, database: Database, vault: Vault, company: str, target: str) -> None:
        self._database = database
        self._vault = vault
        self._id = {"company": company, "target": target}

    def store(self, event_id: str, body: bytes, at: datetime) -> bool:
        """Store one event; False: it is known already, and nothing is changed."""
        with self._database.begin() as connection:
            return self.add(connection, [(event_id, body, at)]) == 1

    def add(self, connection: Connection, events: Sequence[tuple[str, bytes, datetime]]) -> int:
        """Store events within a transaction; those that are known already change nothing. Returns how many are new."""
        rows = [
            {
                **self._id,
                "event_id": event_id,
                "origin": "webhook",
                "state": RECEIVED,
                "received_at": at,
                "body": self._vault.seal(body, self._context(event_id)),
            }
            for event_id, body, at in events
        ]
        return sum(connection.execute(_unless_known(self._database, row)).rowcount for row in rows)

    def waiting(self, limit: int = CHUNK) -> list[str]:
        """Events that nobody has asked the system for, the oldest first."""
        query = select(inbox.c.event_id).where(self._mine(), inbox.c.state == RECEIVED)
        with self._database.connect() as connection:
            return list(
                connection.execute(query.order_by(inbox.c.received_at, inbox.c.event_id).limit(limit)).scalars()
            )

    def body(self, event_id: str) -> bytes | None:
        """What was received, as it came; None once it was taken, or where no webhook told of it."""
        query = select(inbox.c.body).where(self._mine(), inbox.c.event_id == event_id)
        with self._database.connect() as connection:
            sealed = connection.execute(query).scalar_one_or_none()
        return None if sealed is None else self._vault.unseal(sealed, self._context(event_id))

    def took(self, event_ids: Sequence[str], run_id: str, at: datetime) -> None:
        """The system has these, and they have landed. A refused one that turns up after all is taken, too."""
        with self._database.begin() as connection:
            for begin in range(0, len(event_ids), CHUNK):
                part = event_ids[begin : begin + CHUNK]
                connection.execute(
                    update(inbox)
                    .where(self._mine(), among(inbox.c.event_id, part), inbox.c.state != TAKEN)
                    .values(state=TAKEN, settled_at=at, run_id=run_id, reason=None, body=None)
                )

    def found(self, event_ids: Sequence[str], run_id: str, at: datetime) -> int:
        """A poll met these: they are taken. Returns how many of them no webhook had told of."""
        self.took(event_ids, run_id, at)
        same = {**self._id, "origin": "poll", "state": TAKEN, "received_at": at, "settled_at": at, "run_id": run_id}
        untold = 0
        with self._database.begin() as connection:
            for begin in range(0, len(event_ids), CHUNK):
                part = [*dict.fromkeys(event_ids[begin : begin + CHUNK])]
                known = select(func.count()).where(self._mine(), among(inbox.c.event_id, part))
                untold += len(part) - connection.execute(known).scalar_one()
                self._database.upsert(connection, inbox, [{"event_id": one} for one in part], [], same)
        return untold

    def refuse(self, event_ids: Sequence[str], reason: str, run_id: str, at: datetime) -> None:
        """The system knows no such events."""
        with self._database.begin() as connection:
            connection.execute(
                update(inbox)
                .where(self._mine(), among(inbox.c.event_id, event_ids), inbox.c.state == RECEIVED)
                .values(state=REFUSED, settled_at=at, run_id=run_id, reason=reason)
            )

    def refused(self, event_ids: Sequence[str]) -> set[str]:
        """Those of the events that the system did not know."""
        query = select(inbox.c.event_id).where(
            self._mine(), inbox.c.state == REFUSED, among(inbox.c.event_id, event_ids)
        )
        with self._database.connect() as connection:
            return set(connection.execute(query).scalars())

    def handled(self, connection: Connection, event_ids: Sequence[str], note: str, run_id: str, at: datetime) -> None:
        """A person looked into these refused events. One that the system knows after all is taken all the same."""
        connection.execute(
            update(inbox)
            .where(self._mine(), among(inbox.c.event_id, event_ids), inbox.c.state == REFUSED)
            .values(state=HANDLED, settled_at=at, run_id=run_id, reason=note)
        )

    def counts(self) -> Mapping[str, int]:
        """Events by state."""
        query = select(inbox.c.state, func.count()).where(self._mine()).group_by(inbox.c.state)
        with self._database.connect() as connection:
            return {row[0]: int(row[1]) for row in connection.execute(query)}

    def _mine(self) -> ColumnElement[bool]:
        return and_(inbox.c.company == self._id["company"], inbox.c.target == self._id["target"])

    def _context(self, event_id: str) -> str:
        return f"inbox/{self._id['company']}/{self._id['target']}/{event_id}"


def _unless_known(database: Database, row: Mapping[str, Any]) -> Any:
    """An insert that does nothing where the event is there."""
    insert = postgresql_insert if database.engine.dialect.name == "postgresql" else sqlite_insert
    return insert(inbox).values(row).on_conflict_do_nothing()
