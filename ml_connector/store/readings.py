"""The reading side of the ledger: what was read, from when, and where the newest version of every record lies."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, bindparam, exists, func, select, update

from ml_connector.store.among import among, hexadecimal
from ml_connector.store.database import Database
from ml_connector.store.tables import entity_state, landing, reading, source_row
from ml_connector.store.texts import storable
from ml_connector.store.vault import Vault

PAGE = 1_000  # rows that are made ready for the database at a time


class Known(NamedTuple):
    """What is known of a key: the newest landed version, where it lies, and whether a full read missed it since."""

    digest: bytes
    changed_at: datetime
    landing_id: int
    vanished: bool


class Landed(NamedTuple):
    """One row's place in a landing file."""

    key: str
    related: str | None
    changed_at: datetime
    digest: bytes
    position: int
    payload: bytes | None  # kept beside the key for secondary entities only


@dataclass(frozen=True, slots=True)
class Coverage:
    """How far an entity was read.

    Attributes:
        until: a read that began then has ended; None: never read.
        full_at: the last complete full read.
        brake: why it marked nothing as vanished, in words.
        stopped: why the last read did not end; None: it did.
    """

    until: datetime | None = None
    full_at: datetime | None = None
    brake: str | None = None
    stopped: str | None = None


class Readings:
    """What one company's source gave us."""

    def __init__(self, database: Database, vault: Vault, company: str) -> None:
        self._database = database
        self._vault = vault
        self._company = company

    def coverage(self, entity: str) -> Coverage:
        columns = (entity_state.c[name] for name in ("covered_until", "full_at", "brake", "stopped"))
        query = select(*columns).where(entity_state.c.company == self._company, entity_state.c.entity == entity)
        with self._database.connect() as connection:
            row = connection.execute(query).one_or_none()
        return Coverage(*row) if row else Coverage()

    def begin(self, entity: str, run_id: str, since: datetime | None, at: datetime) -> int:
        """Note that a read begins; returns its id."""
        with self._database.begin() as connection:
            created = connection.execute(
                reading.insert().values(
                    company=self._company,
                    entity=entity,
                    run_id=run_id,
                    whole=since is None,
                    since=since,
                    started_at=at,
                )
            )
            (key,) = created.inserted_primary_key or (0,)
        return int(key)

    def known(self, entity: str, keys: Iterable[str]) -> dict[str, Known]:
        """What is known of these keys."""
        query = select(
            source_row.c.key,
            source_row.c.digest,
            source_row.c.changed_at,
            source_row.c.landing_id,
            source_row.c.vanished_at.is_not(None),
        ).where(self._of(entity), among(source_row.c.key, keys))
        with self._database.connect() as connection:
            return {row[0]: Known(row[1], row[2], row[3], bool(row[4])) for row in connection.execute(query)}

    def files(self, entity: str) -> dict[int, str]:
        """The landing files in which a newest version lies, by landing."""
        query = select(landing.c.id, landing.c.path).where(
            landing.c.company == self._company,
            landing.c.entity == entity,
            landing.c.path.is_not(None),
            exists().where(self._of(entity), source_row.c.landing_id == landing.c.id),
        )
        with self._database.connect() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def seen(self, entity: str, reading_id: int, keys: Sequence[str], still: Mapping[str, datetime]) -> None:
        """Note that the read met these keys with the content that is already landed.

        Args:
            still: of some of them, the version that has that content again.
        """
        if not keys:
            return
        with self._database.begin() as connection:
            connection.execute(
                update(source_row).where(self._of(entity), among(source_row.c.key, keys)).values(seen_by=reading_id)
            )
            if still:
                connection.execute(
                    update(source_row)
                    .where(self._of(entity), source_row.c.key == bindparam("met"))
                    .values(changed_at=bindparam("version")),
                    [{"met": key, "version": at} for key, at in still.items()],
                )

    def met_again(self, entity: str, reading_id: int, digests: Mapping[str, bytes], lost: Collection[int] = ()) -> bool:
        """Note which of these keys the read met with the content that is already landed; True: all of them.

        One statement, and no row comes back: most pages of most reads bring nothing new.

        Args:
            digests: key -> digest of the row's content.
            lost: landings that do not count.
        """
        same = among(
            source_row.c.key.concat("\n").concat(hexadecimal(source_row.c.digest)),  # no key has a line break
            [f"{key}\n{digest.hex()}" for key, digest in digests.items()],
        )
        change = update(source_row).where(
            self._of(entity), among(source_row.c.key, digests), same, source_row.c.vanished_at.is_(None)
        )
        if lost:
            change = change.where(source_row.c.landing_id.not_in(lost))
        with self._database.begin() as connection:
            return connection.execute(change.values(seen_by=reading_id)).rowcount == len(digests)

    def land(self, entity: str, reading_id: int, path: str, rows: Sequence[Landed], at: datetime) -> int:
        """Make a finished landing file known, with a pointer to every row, in one transaction; returns its id."""
        with self._database.begin() as connection:
            landing_id = self._landing(connection, entity, reading_id, path, len(rows), at)
            same = {
                "company": self._company,
                "entity": entity,
                "landing_id": landing_id,
                "seq": landing_id,
                "seen_by": reading_id,
                "vanished_at": None,
            }
            for begin in range(0, len(rows), PAGE):
                page = [self._pointer(entity, row) for row in rows[begin : begin + PAGE]]
                self._database.upsert(connection, source_row, page, same=same)
        return landing_id

    def met(self, entity: str, reading_id: int) -> int:
        """How many distinct records the read has met."""
        query = select(func.count()).where(self._of(entity), source_row.c.seen_by == reading_id)
        with self._database.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def keys_met(self, entity: str, reading_id: int) -> list[str]:
        """The records that a read has met."""
        query = select(source_row.c.key).where(self._of(entity), source_row.c.seen_by == reading_id)
        with self._database.connect() as connection:
            return list(connection.execute(query).scalars())

    def first_landed(self, entity: str, since: datetime) -> int | None:
        """The seq of the first landing that was written at or after this moment; None: nothing has landed since."""
        query = select(func.min(landing.c.id)).where(
            landing.c.company == self._company, landing.c.entity == entity, landing.c.written_at >= since
        )
        with self._database.connect() as connection:
            seq = connection.execute(query).scalar_one()
        return None if seq is None else int(seq)

    def was_empty(self, entity: str, before: int) -> bool:
        """Whether the last read that ended before this one had no bound, and was given no row."""
        query = (
            select(reading.c.whole, reading.c.rows)
            .where(reading.c.company == self._company, reading.c.entity == entity, reading.c.id < before)
            .where(reading.c.finished_at.is_not(None))
            .order_by(reading.c.id.desc())
            .limit(1)
        )
        with self._database.connect() as connection:
            last = connection.execute(query).one_or_none()
        return last is not None and bool(last.whole) and last.rows == 0

    def missing(self, entity: str, reading_id: int) -> tuple[int, int]:
        """After a full read: how many records it no longer found, and how many there were."""
        present = and_(self._of(entity), source_row.c.vanished_at.is_(None))
        with self._database.connect() as connection:
            total = connection.execute(select(func.count()).where(present)).scalar_one()
            gone = connection.execute(
                select(func.count()).where(present, source_row.c.seen_by != reading_id)
            ).scalar_one()
        return int(gone), int(total)

    def vanish(self, entity: str, reading_id: int, at: datetime) -> None:
        """Mark what the full read no longer found; flows take the mark up like a new version."""
        with self._database.begin() as connection:
            mark = self._landing(connection, entity, reading_id, None, 0, at)
            connection.execute(
                update(source_row)
                .where(self._of(entity), source_row.c.vanished_at.is_(None), source_row.c.seen_by != reading_id)
                .values(vanished_at=at, seq=mark)
            )

    def finish(
        self,
        entity: str,
        reading_id: int,
        *,
        covered_until: datetime | None,
        at: datetime,
        rows: int,
        landed: int,
        vanished: int,
        calls: int,
        full: bool,
        brake: str | None,
        note: str | None,
    ) -> None:
        """The read has ended; `covered_until` is the moment it began, or None when it did not see everything."""
        with self._database.begin() as connection:
            connection.execute(
                update(reading)
                .where(reading.c.id == reading_id)
                .values(finished_at=at, rows=rows, landed=landed, vanished=vanished, calls=calls, note=note)
            )
            if covered_until is None:
                return
            state: dict[str, Any] = {"covered_until": covered_until, "stopped": None}
            self._keep(connection, entity, state | ({"full_at": at, "brake": brake} if full else {}))

    def stopped(self, entity: str, why: str) -> None:
        """The read did not end; people are told until one does."""
        with self._database.begin() as connection:
            self._keep(connection, entity, {"stopped": storable(why)})

    def secondary(self, entity: str, related: Sequence[str]) -> dict[str, list[bytes]]:
        """The rows of a secondary entity that belong to these records, each record's in the order of their keys."""
        query = (
            select(source_row.c.related, source_row.c.key, source_row.c.body)
            .where(self._of(entity), among(source_row.c.related, related), source_row.c.vanished_at.is_(None))
            .order_by(source_row.c.related, source_row.c.key)
        )
        found: dict[str, list[bytes]] = {}
        with self._database.connect() as connection:
            for owner, key, body in connection.execute(query):
                found.setdefault(owner, []).append(self._unseal(entity, key, body))
        return found

    def reference(self, entity: str) -> list[bytes]:
        """Every row of an entity of reference data."""
        query = (
            select(source_row.c.key, source_row.c.body)
            .where(self._of(entity), source_row.c.vanished_at.is_(None))
            .order_by(source_row.c.key)
        )
        with self._database.connect() as connection:
            return [self._unseal(entity, key, body) for key, body in connection.execute(query)]

    def _pointer(self, entity: str, row: Landed) -> dict[str, Any]:
        """What differs from row to row of a landing."""
        return {
            "key": row.key,
            "related": row.related,
            "changed_at": row.changed_at,
            "digest": row.digest,
            "position": row.position,
            "body": None if row.payload is None else self._seal(entity, row.key, row.payload),
        }

    def _landing(self, connection: Any, entity: str, reading_id: int, path: str | None, rows: int, at: datetime) -> int:
        created = connection.execute(
            landing.insert().values(
                company=self._company, entity=entity, reading_id=reading_id, path=path, rows=rows, written_at=at
            )
        )
        return int(created.inserted_primary_key[0])

    def _keep(self, connection: Connection, entity: str, state: Mapping[str, Any]) -> None:
        row = {"company": self._company, "entity": entity, **state}
        self._database.upsert(connection, entity_state, [row], list(state))

    def _of(self, entity: str) -> Any:
        return and_(source_row.c.company == self._company, source_row.c.entity == entity)

    def _context(self, entity: str, key: str) -> str:
        return f"source_row/{self._company}/{entity}/{key}"

    def _seal(self, entity: str, key: str, payload: bytes) -> bytes:
        return self._vault.seal(payload, self._context(entity, key))

    def _unseal(self, entity: str, key: str, body: bytes) -> bytes:
        return self._vault.unseal(body, self._context(entity, key))
