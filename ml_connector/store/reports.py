"""What people ask the ledger: problems, the state of a target, one record's history, one run's counts. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, case, func, or_, select, union
from sqlalchemy.engine import Connection

from ml_connector.store.tables import (
    UNDELIVERED,
    audit,
    delivery,
    entity_state,
    flow_state,
    inbox,
    landing,
    record_state,
    source_row,
)

CHUNK = 1_000
CLOCKS = timedelta(minutes=5)  # as far apart as those of several hosts may be
COUNTS = ("read", "created", "updated", "unchanged", "skipped", "rejected", "failed")


@dataclass(frozen=True, slots=True)
class FlowStatus:
    """How one flow stands.

    Attributes:
        records: records per outcome.
        waiting: versions that landed and were not taken up yet.
        due_at: when a record is to be looked at again; None: none is.
        oldest: since when the oldest undelivered record is undelivered: landed, rejected or failed.
        delivered_at: the end of the last delivery that the target did not stop.
        stopped: why the last delivery was stopped; None where it was not.
    """

    flow: str
    records: Mapping[str, int]
    waiting: int
    due_at: datetime | None
    oldest: datetime | None
    delivered_at: datetime | None
    stopped: str | None

    @property
    def problems(self) -> int:
        return self.records.get("rejected", 0) + self.records.get("failed", 0)


def problems(connection: Connection, company: str | None = None, target: str | None = None) -> list[dict[str, Any]]:
    """What is rejected or failed now, the oldest first; the keys are those of `problems --json`."""
    query = (
        select(
            record_state.c.company,
            record_state.c.target,
            record_state.c.flow,
            record_state.c.key,
            record_state.c.outcome,
            record_state.c.kind.label("class"),
            record_state.c.reason,
            record_state.c.vendor_code,
            record_state.c.first_seen,
            record_state.c.last_tried,
            record_state.c.attempts,
            record_state.c.run_id,
        )
        .where(UNDELIVERED, *_of(record_state, company, target))
        .order_by(record_state.c.first_seen, record_state.c.company, record_state.c.target, record_state.c.key)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def refused_events(
    connection: Connection, company: str | None = None, target: str | None = None
) -> list[dict[str, Any]]:
    """Events that a webhook told of and the system itself does not know; the keys are those of `problems --json`."""
    query = (
        select(inbox.c.company, inbox.c.target, inbox.c.event_id, inbox.c.reason, inbox.c.received_at, inbox.c.run_id)
        .add_columns(inbox.c.settled_at)
        .where(inbox.c.state == "refused", *_of(inbox, company, target))
        .order_by(inbox.c.received_at, inbox.c.event_id)
    )
    return [
        {
            "company": row.company,
            "target": row.target,
            "flow": "events",
            "key": row.event_id,
            "outcome": "refused",
            "class": "unknown event",
            "reason": row.reason,
            "vendor_code": None,
            "first_seen": row.received_at,
            "last_tried": row.settled_at,
            "attempts": 1,
            "run_id": row.run_id,
        }
        for row in connection.execute(query)
    ]


def inbox_status(connection: Connection, company: str, target: str) -> dict[str, Any]:
    """What stands in the inbox of a target; the keys are those of `status --json`.

    waiting: told of, and not yet read again from the system. oldest_waiting: since when. refused: unknown there.
    found_by_poll: never told of. last_webhook: when the last one came.
    """

    def number(condition: ColumnElement[bool]) -> ColumnElement[int]:
        return func.count(case((condition, 1)))

    waits, told = inbox.c.state == "received", inbox.c.origin == "webhook"
    query = select(
        number(waits).label("waiting"),
        func.min(case((waits, inbox.c.received_at))).label("oldest_waiting"),
        number(inbox.c.state == "refused").label("refused"),
        number(~told).label("found_by_poll"),
        func.max(case((told, inbox.c.received_at))).label("last_webhook"),
    ).where(*_of(inbox, company, target))
    return dict(connection.execute(query).mappings().one())


def told_events(connection: Connection, company: str, keys: Sequence[str]) -> list[dict[str, Any]]:
    """What the inbox knows of these events; the keys are those of `record --json`."""
    names = ("target", "event_id", "origin", "state", "received_at", "settled_at", "reason", "run_id")
    found: list[dict[str, Any]] = []
    for begin in range(0, len(keys), CHUNK):
        query = select(*(inbox.c[name] for name in names)).where(
            inbox.c.company == company, inbox.c.event_id.in_(keys[begin : begin + CHUNK])
        )
        found += [dict(row) for row in connection.execute(query.order_by(inbox.c.target, inbox.c.event_id)).mappings()]
    return found


def flow_status(connection: Connection, company: str, target: str, flow: str, entity: str, now: datetime) -> FlowStatus:
    """How one flow of a target stands; `entity` is what it takes up.

    A delivery of the future was recorded by a clock that was wrong, and counts no more than one that never was: else it
    would stay the newest until that moment.
    """
    mine = _of(record_state, company, target, flow)
    outcomes = select(record_state.c.outcome, func.count()).where(*mine).group_by(record_state.c.outcome)
    undelivered = select(func.min(record_state.c.first_seen)).where(*mine, UNDELIVERED)
    due = select(func.min(record_state.c.due_at)).where(*mine, record_state.c.due_at.is_not(None))
    waiting, landed_at = _waiting(connection, company, target, flow, entity)
    known = (*_of(delivery, company, target, flow), delivery.c.at <= now + CLOCKS)
    last = select(delivery.c.at, delivery.c.stopped).where(*known)
    newest = connection.execute(last.order_by(delivery.c.at.desc()).limit(1)).one_or_none()
    ended = last.where(delivery.c.stopped.is_(None)).order_by(delivery.c.at.desc()).limit(1)
    success = connection.execute(ended).one_or_none()
    since = [moment for moment in (connection.execute(undelivered).scalar_one(), landed_at) if moment is not None]
    return FlowStatus(
        flow=flow,
        records={row[0]: int(row[1]) for row in connection.execute(outcomes)},
        waiting=waiting,
        due_at=connection.execute(due).scalar_one(),
        oldest=min(since, default=None),
        delivered_at=success.at if success else None,
        stopped=newest.stopped if newest else None,
    )


def coverage(connection: Connection, company: str) -> list[dict[str, Any]]:
    """How far every entity of a company was read: entity, covered_until, full_at, brake, stopped."""
    columns = ("entity", "covered_until", "full_at", "brake", "stopped")
    query = (
        select(*(entity_state.c[name] for name in columns))
        .where(entity_state.c.company == company)
        .order_by(entity_state.c.entity)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def source_versions(connection: Connection, company: str, key: str) -> list[dict[str, Any]]:
    """Where the newest version of a record lies, and those of the rows that belong to it."""
    query = (
        select(
            source_row.c.entity,
            source_row.c.key,
            source_row.c.changed_at,
            landing.c.written_at.label("landed_at"),
            landing.c.path.label("landing"),
            source_row.c.position,
            source_row.c.vanished_at,
        )
        .join(landing, landing.c.id == source_row.c.landing_id)
        .where(source_row.c.company == company, or_(source_row.c.key == key, source_row.c.related == key))
        .order_by(source_row.c.related.is_not(None), source_row.c.entity, source_row.c.key)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def record_states(connection: Connection, company: str, key: str) -> list[dict[str, Any]]:
    """What every flow of every target last did with a record."""
    columns = (
        record_state.c.target,
        record_state.c.flow,
        record_state.c.outcome,
        record_state.c.target_id,
        record_state.c.rule,
        record_state.c.kind.label("class"),
        record_state.c.reason,
        record_state.c.vendor_code,
        record_state.c.facts,
        record_state.c.changed_at,
        record_state.c.due_at,
        record_state.c.attempts,
        record_state.c.first_seen,
        record_state.c.last_tried,
        record_state.c.run_id,
        record_state.c.window,
    )
    query = select(*columns).where(record_state.c.company == company, record_state.c.key == key)
    rows = connection.execute(query.order_by(record_state.c.target, record_state.c.flow)).mappings()
    return [dict(row) for row in rows]


def audited_companies(connection: Connection) -> list[str]:
    """The companies that have audit rows."""
    return list(connection.execute(select(audit.c.company).distinct().order_by(audit.c.company)).scalars())


def audited_targets(connection: Connection, company: str, key: str | None = None) -> list[str]:
    """The targets that have audit rows, of one record where a key is given; also those no longer configured."""
    query = select(audit.c.target).where(audit.c.company == company).distinct().order_by(audit.c.target)
    if key is not None:
        query = query.where(audit.c.key == key)
    return list(connection.execute(query).scalars())


def keys_of_run(connection: Connection, company: str, target: str, run_id: str) -> list[str]:
    """The records that a run took up at a target; unchanged ones only while no later run has looked at them."""
    audited = select(audit.c.key).where(*_of(audit, company, target), audit.c.run_id == run_id)
    settled = select(record_state.c.key).where(*_of(record_state, company, target), record_state.c.run_id == run_id)
    return sorted(connection.execute(union(audited, settled)).scalars())


def records_of_run(connection: Connection, company: str, run_id: str) -> list[dict[str, Any]]:
    """What a run did with every record, by target, flow and key; unchanged ones only while no later run looked at them.

    A record that was attempted more than once stands there with its last attempt.
    """
    names = ("target", "flow", "key", "window", "outcome", "target_id")
    audited = select(*(audit.c[name] for name in names), audit.c.message.label("why"), audit.c.at)
    settled = select(
        *(record_state.c[name] for name in names),
        func.coalesce(record_state.c.reason, record_state.c.rule).label("why"),
        record_state.c.last_tried.label("at"),
    )
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for query in (
        audited.where(*_of(audit, company), audit.c.run_id == run_id).order_by(audit.c.target, audit.c.number),
        settled.where(*_of(record_state, company), record_state.c.run_id == run_id),
    ):
        for row in connection.execute(query).mappings():
            found[row["target"], row["flow"], row["key"]] = dict(row)
    return [found[place] for place in sorted(found)]


def attempts(connection: Connection, run_id: str) -> int:
    """How many attempts of a run are recorded."""
    return int(connection.execute(select(func.count()).where(audit.c.run_id == run_id)).scalar_one())


def deliveries(connection: Connection, run_ids: Sequence[str]) -> list[dict[str, Any]]:
    """The runs as `sync --json` shows them, one per run and target, in the order of the ids."""
    numbers = (*(func.sum(delivery.c[name]).label(name) for name in (*COUNTS, "calls", "seconds")),)
    query = (
        select(
            delivery.c.run_id,
            delivery.c.company,
            delivery.c.target,
            delivery.c.flow,
            func.min(delivery.c.window).label("first"),
            func.max(delivery.c.window).label("last"),
            *numbers,
        )
        .where(delivery.c.run_id.in_(list(run_ids)))
        .group_by(delivery.c.run_id, delivery.c.company, delivery.c.target, delivery.c.flow)
        .order_by(delivery.c.company, delivery.c.target, delivery.c.flow)
    )
    runs: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in connection.execute(query):
        run = runs.setdefault(
            (row.run_id, row.company, row.target),
            {"run_id": row.run_id, "company": row.company, "target": row.target, "windows": [row.first, row.last]}
            | {"flows": []},
        )
        run["windows"] = [min(run["windows"][0], row.first), max(run["windows"][1], row.last)]
        counts = {name: int(row._mapping[name]) for name in (*COUNTS, "calls")}
        run["flows"].append({"flow": row.flow, **counts, "seconds": round(float(row.seconds), 3)})
    return sorted(runs.values(), key=lambda run: list(run_ids).index(run["run_id"]))


def unknown(connection: Connection, company: str, entities: Iterable[str], keys: Sequence[str]) -> list[str]:
    """Those of these keys that no read has ever met in one of the entities."""
    met: set[str] = set()
    for begin in range(0, len(keys), CHUNK):
        query = select(source_row.c.key).where(
            source_row.c.company == company,
            source_row.c.entity.in_(list(entities)),
            source_row.c.key.in_(keys[begin : begin + CHUNK]),
        )
        met.update(connection.execute(query).scalars())
    return [key for key in keys if key not in met]


def _waiting(connection: Connection, company: str, target: str, flow: str, entity: str) -> tuple[int, datetime | None]:
    """How many versions landed that the flow has not taken up, and when the first of them landed."""
    position = select(flow_state.c.taken_up_to).where(*_of(flow_state, company, target, flow))
    taken_up_to = connection.execute(position).scalar_one_or_none() or 0
    same = and_(*_of(record_state, company, target, flow), record_state.c.key == source_row.c.key)
    query = (
        select(func.count(), func.min(source_row.c.seq))
        .select_from(source_row)
        .outerjoin(record_state, same)
        .where(
            source_row.c.company == company,
            source_row.c.entity == entity,
            source_row.c.seq > taken_up_to,
            or_(record_state.c.seq.is_(None), record_state.c.seq < source_row.c.seq),
        )
    )
    count, first = connection.execute(query).one()
    if not count:
        return 0, None
    return int(count), connection.execute(select(landing.c.written_at).where(landing.c.id == first)).scalar_one()


def _of(
    table: Table, company: str | None = None, target: str | None = None, flow: str | None = None
) -> list[ColumnElement[bool]]:
    wanted = {"company": company, "target": target, "flow": flow}
    return [table.c[name] == value for name, value in wanted.items() if value is not None]
