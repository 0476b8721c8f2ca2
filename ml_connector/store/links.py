"""What the flows of one target are linked to, as its other flows see it: an invoice needs the id of its company.

A record that waits for another object is noted with the identity that it waits for, and becomes due in the same
transaction that records the object as delivered.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, exists, or_, select, update
from sqlalchemy.engine import Connection

from ml_connector.store.among import among
from ml_connector.store.database import Database
from ml_connector.store.tables import OTHER_LINK, alias, record_state, source_row, waiting


@dataclass(frozen=True, slots=True)
class Link:
    """An object at the target that a record is linked to.

    Attributes:
        key: the record.
        target_id: the identity.
        facts: what the target said about it.
    """

    key: str
    target_id: str
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a record last."""

    outcome: str
    rule: str | None
    reason: str | None


_LINK = (record_state.c.key, record_state.c.target_id, record_state.c.facts)


class Links:
    """One target's side of the ledger, across its flows."""

    def __init__(self, database: Database, company: str, target: str) -> None:
        self._database = database
        self._company = company
        self._target = target

    def held(self, flow: str, identities: Sequence[str]) -> dict[str, Link]:
        """Identity -> who is linked to it, for those that somebody is."""
        mine = select(*_LINK).where(self._of(record_state, flow))
        same = mine.where(among(record_state.c.claim, identities), record_state.c.target_id == record_state.c.claim)
        other = mine.where(among(record_state.c.target_id, identities), OTHER_LINK)
        with self._database.connect() as connection:
            rows = [*connection.execute(same), *connection.execute(other)]
        return {row[1]: Link(row[0], row[1], json.loads(row[2])) for row in rows}

    def called(self, flow: str, aliases: Sequence[str]) -> dict[str, list[Link]]:
        """Alias -> the objects whose records gave it."""
        query = (
            select(alias.c.alias, *_LINK)
            .join(record_state, and_(self._of(record_state, flow), record_state.c.key == alias.c.key))
            .where(self._of(alias, flow), among(alias.c.alias, aliases), record_state.c.target_id.is_not(None))
        )
        found: dict[str, list[Link]] = {}
        with self._database.connect() as connection:
            for name, key, target_id, facts in connection.execute(query):
                found.setdefault(name, []).append(Link(key, target_id, json.loads(facts)))
        return found

    def known(self, flow: str, names: Sequence[str]) -> set[str]:
        """Those of the names that are, or were, names of objects that records of the flow are linked to."""
        if not names:
            return set()
        query = select(alias.c.alias).where(self._of(alias, flow), among(alias.c.alias, names))
        with self._database.connect() as connection:
            called = set(connection.execute(query).scalars())
        return called | self.held(flow, names).keys()

    def of_records(self, flow: str, keys: Sequence[str]) -> dict[str, Link]:
        """Record -> the object that it wants, whoever is linked to it: several records can want the same."""
        query = select(record_state.c.key, record_state.c.claim).where(
            self._of(record_state, flow), among(record_state.c.key, keys), record_state.c.claim.is_not(None)
        )
        with self._database.connect() as connection:
            claims = {row[0]: str(row[1]) for row in connection.execute(query)}
        held = self.held(flow, list(set(claims.values()))) if claims else {}
        return {key: held[claim] for key, claim in claims.items() if claim in held}

    def told(self, flow: str, keys: Sequence[str]) -> dict[str, Told]:
        """Key -> what became of the record last."""
        query = select(record_state.c.key, record_state.c.outcome, record_state.c.rule, record_state.c.reason).where(
            self._of(record_state, flow), among(record_state.c.key, keys)
        )
        with self._database.connect() as connection:
            return {row[0]: Told(row[1], row[2], row[3]) for row in connection.execute(query)}

    def unattempted(self, flow: str, entity: str, keys: Sequence[str], now: datetime) -> list[str]:
        """Those of the known records of which the flow has still to take up a version, or that are due."""
        query = (
            select(source_row.c.key)
            .outerjoin(record_state, and_(self._of(record_state, flow), record_state.c.key == source_row.c.key))
            .where(
                source_row.c.company == self._company,
                source_row.c.entity == entity,
                among(source_row.c.key, keys),
                or_(
                    record_state.c.seq.is_(None),
                    record_state.c.seq < source_row.c.seq,
                    record_state.c.due_at <= now,
                ),
            )
        )
        with self._database.connect() as connection:
            return list(connection.execute(query).scalars())

    def wait(self, connection: Connection, flow: str, needs: Sequence[tuple[str, str, str]]) -> None:
        """Note records of a flow that wait: key, flow and identity of what they wait for."""
        rows = [
            {
                "company": self._company,
                "target": self._target,
                "needs_flow": needed,
                "needs_identity": identity,
                "flow": flow,
                "key": key,
            }
            for key, needed, identity in needs
        ]
        if rows:
            self._database.upsert(connection, waiting, rows, [])

    def is_awaited(self, connection: Connection, flow: str) -> bool:
        """Whether any record waits for something that this flow delivers, or follows it."""
        mine = (waiting.c.company == self._company, waiting.c.target == self._target, waiting.c.needs_flow == flow)
        return bool(connection.execute(select(exists().where(*mine))).scalar_one())

    def wake(
        self, connection: Connection, flow: str, identities: Sequence[str], now: datetime, *, again: bool = False
    ) -> None:
        """These are delivered: the records that waited for them are due now. `again`: they go on waiting."""
        if not identities:
            return
        awaited = and_(
            waiting.c.company == self._company,
            waiting.c.target == self._target,
            waiting.c.needs_flow == flow,
            among(waiting.c.needs_identity, identities),
        )
        sleepers: dict[str, list[str]] = {}
        for name, key in connection.execute(select(waiting.c.flow, waiting.c.key).where(awaited)):
            sleepers.setdefault(name, []).append(key)
        if not sleepers:
            return
        if not again:
            connection.execute(delete(waiting).where(awaited))
        for name, keys in sleepers.items():
            connection.execute(
                update(record_state)
                .where(self._of(record_state, name), among(record_state.c.key, keys))
                .values(due_at=now)
            )

    def renew(
        self, connection: Connection, flow: str, keys: Sequence[str], identities: Sequence[str], now: datetime
    ) -> None:
        """The target lost what these records want, or what has these identities: it is due, whatever was confirmed."""
        query = select(record_state.c.claim).where(
            self._of(record_state, flow), among(record_state.c.key, keys), record_state.c.claim.is_not(None)
        )
        lost = {*identities, *(connection.execute(query).scalars() if keys else ())}
        if lost:
            connection.execute(
                update(record_state)
                .where(self._of(record_state, flow), among(record_state.c.target_id, sorted(lost)))
                .values(digest=None, due_at=now)
            )

    def call(self, connection: Connection, flow: str, names: Mapping[str, Sequence[str]]) -> None:
        """Replace the aliases that these records gave themselves."""
        if not names:
            return
        connection.execute(delete(alias).where(self._of(alias, flow), among(alias.c.key, names)))
        rows = [
            {"company": self._company, "target": self._target, "flow": flow, "alias": name, "key": key}
            for key, given in names.items()
            for name in dict.fromkeys(given)
        ]
        if rows:
            self._database.upsert(connection, alias, rows, [])

    def _of(self, table: Any, flow: str) -> Any:
        return and_(table.c.company == self._company, table.c.target == self._target, table.c.flow == flow)
