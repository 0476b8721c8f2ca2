"""The delivering side of the ledger: what a flow has still to take up, and what became of the rest."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Row, bindparam, delete, func, literal, select, update
from sqlalchemy.engine import Connection

from ml_connector.store.among import among
from ml_connector.store.backlog import Backlog
from ml_connector.store.tables import OTHER_LINK, delivery, flow_state, intent, record_state


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


class Deliveries(Backlog):
    """One flow's side of the ledger: its backlog, and what became of it."""

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


_COUNTS = ("read", "created", "updated", "unchanged", "skipped", "rejected", "failed", "calls", "seconds")


def _added(row: Mapping[str, Any], before: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """The row with what the same run counted for it earlier: a flow may be asked twice in a run."""
    earlier = before.get(row["window"])
    return row if earlier is None else {**row, **{name: row[name] + earlier[name] for name in _COUNTS}}


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
