"""The backlog of a flow: which versions it has still to take up.

Work is a difference: the versions that the source's side knows, less those that this flow's states already hold. So a
run that was killed, stopped or never started needs no bookkeeping of its own; asking again gives what is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Select, and_, exists, func, or_, select, union_all

from ml_connector.store.among import among
from ml_connector.store.database import Database
from ml_connector.store.landing import Landings
from ml_connector.store.tables import intent, landing, record_state, source_row

CHUNK = 1_000  # records at a time: every chunk costs a dozen statements, whatever it holds


class Version(NamedTuple):
    """The newest landed version of a record, with the moment of the change that made it work."""

    key: str
    changed_at: datetime
    landing_id: int
    position: int
    vanished: bool


class Backlog:
    """What one flow has to do."""

    def __init__(
        self,
        database: Database,
        landings: Landings,
        company: str,
        target: str,
        flow: str,
        entity: str,
        related: tuple[str, ...],
    ) -> None:
        self._database = database
        self._landings = landings
        self._company = company
        self._target = target
        self._flow = flow
        self._entity = entity
        self._related = related
        self._paths: dict[int, str] = {}
        self._id: dict[str, Any] = {"company": company, "target": target, "flow": flow}

    def newest(self, entities: Iterable[str]) -> int:
        """The seq of the newest version of these entities; 0 where nothing has landed."""
        query = select(func.coalesce(func.max(source_row.c.seq), 0)).where(
            source_row.c.company == self._company, among(source_row.c.entity, entities)
        )
        with self._database.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def has_work(self, taken_up_to: int, up_to: int, now: datetime) -> bool:
        """Whether a version is to be taken up, a record is due, or an outcome is open."""
        entities = [self._entity, *self._related]
        fresh = exists().where(
            source_row.c.company == self._company,
            source_row.c.entity.in_(entities),
            source_row.c.seq > taken_up_to,
            source_row.c.seq <= up_to,
        )
        due = exists().where(self._mine(record_state), record_state.c.due_at <= now)
        untold = or_(
            record_state.c.key.is_(None),
            and_(record_state.c.due_at.is_(None), record_state.c.last_tried < intent.c.started_at),
        )  # else a run has looked at the batch since, and the record says when to look again
        sent = (
            exists()
            .select_from(intent.outerjoin(record_state, self._same_intent()))
            .where(self._mine(intent), intent.c.reference.is_not(None), untold)
        )
        with self._database.connect() as connection:
            return bool(connection.execute(select(or_(fresh, due, sent))).scalar_one())

    def has_due(self, now: datetime) -> bool:
        """Whether a record's time has come."""
        query = select(exists().where(self._mine(record_state), record_state.c.due_at <= now))
        with self._database.connect() as connection:
            return bool(connection.execute(query).scalar_one())

    def fresh(self, taken_up_to: int, up_to: int) -> Iterator[list[Version]]:
        """Versions to take up, newest landing first, in chunks that lie together in the landing files."""
        return self._by_landing(self._fresh(taken_up_to, up_to))

    def touched(self, taken_up_to: int, up_to: int) -> Iterator[list[Version]]:
        """Records of which a related row (a contact) is new; their moment is that row's change."""
        if not self._related:
            return
        after = ""
        while True:
            chunk = self._versions(
                self._touched(taken_up_to, up_to)
                .where(source_row.c.key > after)
                .order_by(source_row.c.key)
                .limit(CHUNK)
            )
            if not chunk:
                return
            after = chunk[-1].key
            yield sorted(chunk, key=lambda version: (-version.landing_id, version.position))

    def due(self, now: datetime) -> Iterator[list[Version]]:
        """Records whose time has come again."""
        after = ""
        while True:
            query = (
                self._select(source_row.c.changed_at)
                .join(record_state, self._same_record())
                .where(record_state.c.due_at <= now, source_row.c.key > after)
                .order_by(source_row.c.key)
                .limit(CHUNK)
            )
            chunk = self._versions(query)
            if not chunk:
                return
            after = chunk[-1].key
            yield sorted(chunk, key=lambda version: (-version.landing_id, version.position))

    def named(self, keys: Sequence[str], up_to: int | None = None) -> Iterator[list[Version]]:
        """Exactly these records, as far as they are known; with `up_to`, only those with no newer version than that."""
        for begin in range(0, len(keys), CHUNK):
            query = self._select(source_row.c.changed_at).where(among(source_row.c.key, keys[begin : begin + CHUNK]))
            if up_to is not None:
                query = query.where(source_row.c.seq <= up_to)
            chunk = self._versions(query)
            if chunk:
                yield sorted(chunk, key=lambda version: (-version.landing_id, version.position))

    def everything(self, up_to: int) -> Iterator[list[Version]]:
        """Every record whose newest version is known up to this seq, in chunks that lie together in landing files."""
        return self._by_landing(self._select(source_row.c.changed_at).where(source_row.c.seq <= up_to))

    def outstanding(self, taken_up_to: int, up_to: int) -> Iterator[datetime]:
        """The moments of all versions that are still to be taken up."""
        queries = [self._fresh(taken_up_to, up_to)]
        if self._related:
            queries.append(self._touched(taken_up_to, up_to))
        moments = union_all(*(query.with_only_columns(_moment(query)) for query in queries))
        with self._database.connect() as connection:
            for (moment,) in connection.execution_options(yield_per=CHUNK).execute(moments):
                yield moment

    def _by_landing(self, query: Select[Any]) -> Iterator[list[Version]]:
        """Chunks in the order of the landing files, the newest first.

        Landing by landing, because each step then walks an index; sorting all that is left for every chunk would cost
        the square of their number.
        """
        landings = query.with_only_columns(source_row.c.landing_id).distinct()
        with self._database.connect() as connection:
            waiting = sorted(connection.execute(landings).scalars(), reverse=True)
        chunk: list[Version] = []
        for landing_id in waiting:
            after = -1
            while True:
                step = (
                    query.where(source_row.c.landing_id == landing_id, source_row.c.position > after)
                    .order_by(source_row.c.position)
                    .limit(CHUNK - len(chunk))
                )
                found = self._versions(step)
                chunk += found
                if len(chunk) < CHUNK:
                    break
                after = found[-1].position
                yield chunk
                chunk = []
        if chunk:
            yield chunk

    def _select(self, moment: Any) -> Select[Any]:
        return select(
            source_row.c.key,
            moment.label("moment"),
            source_row.c.landing_id,
            source_row.c.position,
            source_row.c.vanished_at.is_not(None),
        ).where(source_row.c.company == self._company, source_row.c.entity == self._entity)

    def _same_record(self) -> Any:
        return and_(
            record_state.c.company == self._company,
            record_state.c.target == self._target,
            record_state.c.flow == self._flow,
            record_state.c.key == source_row.c.key,
        )

    def _same_intent(self) -> Any:
        return and_(self._mine(record_state), record_state.c.key == intent.c.key)

    def _fresh(self, taken_up_to: int, up_to: int) -> Select[Any]:
        return (
            self._select(source_row.c.changed_at)
            .outerjoin(record_state, self._same_record())
            .where(
                source_row.c.seq > taken_up_to,
                source_row.c.seq <= up_to,
                or_(record_state.c.seq.is_(None), record_state.c.seq < source_row.c.seq),
            )
        )

    def _touched(self, taken_up_to: int, up_to: int) -> Select[Any]:
        row = source_row.alias("related_row")
        newest = (
            select(
                row.c.related.label("owner"),
                func.max(row.c.seq).label("seq"),
                func.max(row.c.changed_at).label("changed_at"),
            )
            .where(
                row.c.company == self._company,
                row.c.entity.in_(self._related),
                row.c.seq > taken_up_to,
                row.c.seq <= up_to,
                row.c.related.is_not(None),
            )
            .group_by(row.c.related)
            .subquery("newest")
        )
        return (
            self._select(newest.c.changed_at)
            .join(newest, newest.c.owner == source_row.c.key)
            .outerjoin(record_state, self._same_record())
            .where(
                source_row.c.seq <= up_to,  # a newer version of the record itself is taken up as such, later
                or_(record_state.c.seq.is_(None), record_state.c.seq < newest.c.seq),
            )
        )

    def _versions(self, query: Select[Any]) -> list[Version]:
        with self._database.connect() as connection:
            return [Version(row[0], row[1], row[2], row[3], bool(row[4])) for row in connection.execute(query).all()]

    def payloads(self, versions: Sequence[Version]) -> list[bytes]:
        """The landed rows of these versions, in the same order."""
        places: dict[int, list[tuple[int, int]]] = {}
        for index, version in enumerate(versions):
            places.setdefault(version.landing_id, []).append((version.position, index))
        payloads: list[bytes] = [b""] * len(versions)
        for landing_id, spots in places.items():
            spots.sort()
            rows = self._landings.payloads(self._path(landing_id), [position for position, _ in spots])
            for (_, index), payload in zip(spots, rows, strict=True):
                payloads[index] = payload
        return payloads

    def _path(self, landing_id: int) -> str:
        if landing_id not in self._paths:
            with self._database.connect() as connection:
                path = connection.execute(select(landing.c.path).where(landing.c.id == landing_id)).scalar_one()
            self._paths[landing_id] = str(path)
        return self._paths[landing_id]

    def _mine(self, table: Any) -> Any:
        return and_(table.c.company == self._company, table.c.target == self._target, table.c.flow == self._flow)


def _moment(query: Select[Any]) -> Any:
    return query.selected_columns["moment"]
