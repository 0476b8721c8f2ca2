"""The delivering side of the ledger: which versions a flow has still to take up, and what became of the others.

Work is a difference: the versions that the source's side knows, less those that this flow's states already hold. So a
run that was killed, stopped or never started needs no bookkeeping of its own; asking again gives what is missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Row, Select, and_, bindparam, delete, exists, func, literal, or_, select, union_all, update
from sqlalchemy.engine import Connection

from ml_connector.store.among import among
from ml_connector.store.database import Database
from ml_connector.store.landing import Landings
from ml_connector.store.tables import OTHER_LINK, delivery, flow_state, intent, landing, record_state, source_row

CHUNK = 1_000  # records at a time: every chunk costs a dozen statements, whatever it holds


@dataclass(frozen=True, slots=True)
class FlowState:
    """How far a flow has come: every version with a seq up to `taken_up_to` was taken up."""

    fingerprint: str
    taken_up_to: int
    initial_done_at: datetime | None


class State(NamedTuple):
    """What the flow knows of one record; see the table `record_state`."""

    key: str
    claim: str | None
    stance: str | None
    target_id: str | None
    digest: bytes | None
    facts: Mapping[str, Any]
    seq: int
    outcome: str
    rule: str | None
    kind: str | None
    reason: str | None
    vendor_code: str | None
    due_at: datetime | None
    attempts: int
    first_seen: datetime
    last_tried: datetime
    run_id: str
    window: str


class Intent(NamedTuple):
    """A change that was about to be sent and whose outcome is not known.

    Attributes:
        reference: of the batch that carries it.
        astray: identities under which earlier writes without an answer may have put the object.
    """

    key: str
    operation: str
    claim: str
    stance: str
    digest: bytes
    reference: str | None
    started_at: datetime
    astray: tuple[str, ...] = ()


class Claimant(NamedTuple):
    """A record that wants or holds an identity at the target."""

    key: str
    claim: str | None
    stance: str
    target_id: str | None
    facts: Mapping[str, Any]


class Version(NamedTuple):
    """The newest landed version of a record, with the moment of the change that made it work."""

    key: str
    changed_at: datetime
    landing_id: int
    position: int
    vanished: bool


_STATE = (
    record_state.c.key,
    record_state.c.claim,
    record_state.c.stance,
    record_state.c.target_id,
    record_state.c.digest,
    record_state.c.facts,
    record_state.c.seq,
    record_state.c.outcome,
    record_state.c.rule,
    record_state.c.kind,
    record_state.c.reason,
    record_state.c.vendor_code,
    record_state.c.due_at,
    record_state.c.attempts,
    record_state.c.first_seen,
    record_state.c.last_tried,
    record_state.c.run_id,
    record_state.c.window,
)
_INTENT = (
    intent.c.key,
    intent.c.operation,
    intent.c.claim,
    intent.c.stance,
    intent.c.digest,
    intent.c.reference,
    intent.c.started_at,
    intent.c.astray,
)


class Deliveries:
    """One flow's side of the ledger."""

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

    # --- how far the flow has come -------------------------------------------------------------------------------

    def state(self) -> FlowState | None:
        query = select(flow_state.c.fingerprint, flow_state.c.taken_up_to, flow_state.c.initial_done_at).where(
            self._mine(flow_state)
        )
        with self._database.connect() as connection:
            row = connection.execute(query).one_or_none()
        return FlowState(*row) if row else None

    def transaction(self) -> AbstractContextManager[Connection]:
        return self._database.begin()

    def begin(self, fingerprint: str, minutes: int, start: datetime, *, again: bool) -> None:
        """Open the flow; `again` makes every record work once more, in the same transaction."""
        state = self._id | {
            "fingerprint": fingerprint,
            "taken_up_to": 0,
            "initial_done_at": None,
            "window_minutes": minutes,
            "start": start,
        }
        columns = ["fingerprint", "window_minutes", "start"] + (["taken_up_to"] if again else [])
        with self._database.begin() as connection:
            self._database.upsert(connection, flow_state, [state], columns)
            if again:
                connection.execute(update(record_state).where(self._mine(record_state)).values(seq=0))

    def took_up(self, up_to: int, at: datetime) -> None:
        """Every version up to this seq was taken up."""
        with self._database.begin() as connection:
            connection.execute(
                update(flow_state)
                .where(self._mine(flow_state))
                .values(taken_up_to=up_to, initial_done_at=func.coalesce(flow_state.c.initial_done_at, at))
            )

    def newest(self, entities: Iterable[str]) -> int:
        """The seq of the newest version of these entities; 0 where nothing has landed."""
        query = select(func.coalesce(func.max(source_row.c.seq), 0)).where(
            source_row.c.company == self._company, among(source_row.c.entity, entities)
        )
        with self._database.connect() as connection:
            return int(connection.execute(query).scalar_one())

    # --- what is to do -------------------------------------------------------------------------------------------

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

    # --- what became of it ---------------------------------------------------------------------------------------

    def states(self, keys: Sequence[str]) -> dict[str, State]:
        query = select(*_STATE).where(self._mine(record_state), among(record_state.c.key, keys))
        with self._database.connect() as connection:
            return {row[0]: _state(row) for row in connection.execute(query)}

    def claimants(self, identities: Sequence[str]) -> list[Claimant]:
        """Every record that wants or holds one of these identities: the recorded ones, and those on their way."""
        wanted = list(identities)
        recorded = select(
            record_state.c.key,
            record_state.c.claim,
            record_state.c.stance,
            record_state.c.target_id,
            record_state.c.facts,
        ).where(self._mine(record_state))
        wanting = recorded.where(among(record_state.c.claim, wanted))
        holding = recorded.where(among(record_state.c.target_id, wanted), OTHER_LINK)
        on_their_way = select(intent.c.key, intent.c.claim, intent.c.stance, literal(None), literal("{}")).where(
            self._mine(intent), among(intent.c.claim, wanted)
        )
        with self._database.connect() as connection:
            rows = [*chain.from_iterable(connection.execute(query) for query in (wanting, holding, on_their_way))]
        return [Claimant(row[0], row[1], row[2] or "firm", row[3], _facts(row[4])) for row in rows]

    def intents(self) -> list[Intent]:
        """What an earlier process was about to send and did not record."""
        with self._database.connect() as connection:
            rows = connection.execute(select(*_INTENT).where(self._mine(intent)))
            return [Intent._make((*row[:-1], tuple(json.loads(row[-1])) if row[-1] else ())) for row in rows]

    def intend(self, connection: Connection, intents: Sequence[Intent], run_id: str) -> None:
        """Note what is about to be sent."""
        if not intents:
            return
        rows = [
            {
                "key": one.key,
                "operation": one.operation,
                "claim": one.claim,
                "stance": one.stance,
                "digest": one.digest,
                "reference": one.reference,
                "astray": json.dumps(one.astray) if one.astray else None,
                "started_at": one.started_at,
            }
            for one in intents
        ]
        self._database.upsert(connection, intent, rows, same={**self._id, "run_id": run_id})

    def doubt(self, connection: Connection, intents: Sequence[Intent]) -> None:
        """Note since when these may still take effect; the batch that carries one stays known."""
        if not intents:
            return
        change = (
            update(intent)
            .where(self._mine(intent), intent.c.key == bindparam("doubted"))
            .values(started_at=bindparam("since"))
        )
        connection.execute(change, [{"doubted": one.key, "since": one.started_at} for one in intents])

    def remember(self, keys: Sequence[str], reference: str) -> None:
        """Note the batch that carries these changes."""
        with self._database.begin() as connection:
            connection.execute(
                update(intent).where(self._mine(intent), among(intent.c.key, keys)).values(reference=reference)
            )

    def forget(self, connection: Connection, keys: Sequence[str]) -> None:
        """The outcomes of these intents are recorded, or known never to come."""
        if keys:
            connection.execute(delete(intent).where(self._mine(intent), among(intent.c.key, keys)))

    def record(self, connection: Connection, states: Sequence[Mapping[str, Any]]) -> None:
        """Save states; each row has every column of `record_state` but company, target and flow."""
        self._database.upsert(connection, record_state, states, same=self._id)

    def wake(self, connection: Connection, changed: Mapping[str, str | None], now: datetime) -> None:
        """Make the other records that want one of these identities due.

        Args:
            changed: each identity with the record that changed who wants it (None: several did).
        """
        if not changed:
            return
        own = [f"{claim}\n{key}" for claim, key in changed.items() if key is not None]  # no name has a line break
        others = ~among(record_state.c.claim.concat("\n").concat(record_state.c.key), own)
        connection.execute(
            update(record_state)
            .where(self._mine(record_state), among(record_state.c.claim, changed), others)
            .values(due_at=now)
        )

    def displace(self, connection: Connection, keys: Sequence[str]) -> None:
        """Another record owns from now on what these were linked to."""
        if keys:
            connection.execute(
                update(record_state)
                .where(self._mine(record_state), among(record_state.c.key, keys))
                .values(target_id=None, digest=None)
            )

    def counted(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add a run's counts per window; each row has every column of `delivery` but company, target and flow."""
        if not rows:
            return
        earlier = select(delivery).where(self._mine(delivery), delivery.c.run_id == rows[0]["run_id"])
        with self._database.begin() as connection:
            before = {row["window"]: dict(row) for row in connection.execute(earlier).mappings()}
            self._database.upsert(connection, delivery, [{**self._id, **_added(row, before)} for row in rows])

    def _mine(self, table: Any) -> Any:
        return and_(table.c.company == self._company, table.c.target == self._target, table.c.flow == self._flow)


_COUNTS = ("read", "created", "updated", "unchanged", "skipped", "rejected", "failed", "calls", "seconds")


def _added(row: Mapping[str, Any], before: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """The row with what the same run counted for it earlier: a flow may be asked twice in a run."""
    earlier = before.get(row["window"])
    return row if earlier is None else {**row, **{name: row[name] + earlier[name] for name in _COUNTS}}


def _moment(query: Select[Any]) -> Any:
    return query.selected_columns["moment"]


def _facts(text: str) -> Mapping[str, Any]:
    return orjson.loads(text) if text != "{}" else {}


def _state(row: Row[Any]) -> State:
    return State(
        key=row[0],
        claim=row[1],
        stance=row[2],
        target_id=row[3],
        digest=row[4],
        facts=_facts(row[5]),
        seq=row[6],
        outcome=row[7],
        rule=row[8],
        kind=row[9],
        reason=row[10],
        vendor_code=row[11],
        due_at=row[12],
        attempts=row[13],
        first_seen=row[14],
        last_tried=row[15],
        run_id=row[16],
        window=row[17],
    )
