"""What the checks ask the ledger: is everything delivered, do the counts add up, was anybody subscribed again.

Reads only. The answers come from the states, the counts and the audit as they stand, never from what a run remembers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, and_, func, or_, select
from sqlalchemy.engine import Connection

from ml_connector.store.tables import UNDELIVERED, audit, delivery, flow_state, record_state, source_row

SAID_NO = ("unsubscribed", "cleaned")
UNSUBSCRIBED = "unsubscribed"
SUBSCRIBED = "subscribed"
CLOCKS = timedelta(minutes=1)
"""How far the target's clock, which speaks in whole seconds, may be from ours."""


@dataclass(frozen=True, slots=True)
class Undelivered:
    """Records that are rejected or failed now.

    Attributes:
        count: all of them.
        first: the oldest ones: key, outcome, class, reason, first_seen, attempts.
    """

    count: int
    first: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Sums:
    """Where the closing equation does not hold; empty and zero where it does.

    Attributes:
        runs: runs and windows in which `read` is not the sum of the outcomes.
        without_outcome: records whose newest version a flow says it has taken up, and that have no outcome for it.
        examples: the keys of some of them.
    """

    runs: Sequence[tuple[str, str]]
    without_outcome: int
    examples: Sequence[str]

    @property
    def hold(self) -> bool:
        return not self.runs and not self.without_outcome


@dataclass(frozen=True, slots=True)
class Breach:
    """A request that subscribed somebody again, or might have."""

    key: str
    at: datetime
    run_id: str
    what: str


def undelivered(connection: Connection, company: str, target: str, flow: str, limit: int) -> Undelivered:
    """What is rejected or failed now, the oldest first."""
    mine = and_(*_of(record_state, company, target, flow), UNDELIVERED)
    count = connection.execute(select(func.count()).where(mine)).scalar_one()
    query = (
        select(
            record_state.c.key,
            record_state.c.outcome,
            record_state.c.kind.label("class"),
            record_state.c.reason,
            record_state.c.first_seen,
            record_state.c.attempts,
        )
        .where(mine)
        .order_by(record_state.c.first_seen, record_state.c.key)
        .limit(limit)
    )
    return Undelivered(int(count), [dict(row) for row in connection.execute(query).mappings()])


def rejected_windows(connection: Connection, company: str, target: str, flow: str) -> set[str]:
    """The windows that hold a rejected record."""
    query = select(record_state.c.window).where(
        *_of(record_state, company, target, flow), UNDELIVERED, record_state.c.outcome == "rejected"
    )
    return set(connection.execute(query.distinct()).scalars())


def sums(connection: Connection, company: str, target: str, flow: str, entity: str, limit: int) -> Sums:
    """Compare the counts of all runs with themselves, and the flow's position with the outcomes of its records."""
    counted = (
        delivery.c.created
        + delivery.c.updated
        + delivery.c.unchanged
        + delivery.c.skipped
        + delivery.c.rejected
        + delivery.c.failed
    )
    wrong = select(delivery.c.run_id, delivery.c.window).where(
        *_of(delivery, company, target, flow), delivery.c.read != counted
    )
    runs = [(row.run_id, row.window) for row in connection.execute(wrong.limit(limit))]
    position = select(flow_state.c.taken_up_to).where(*_of(flow_state, company, target, flow)).scalar_subquery()
    same = and_(*_of(record_state, company, target, flow), record_state.c.key == source_row.c.key)
    missing = (
        select(source_row.c.key)
        .select_from(source_row)
        .outerjoin(record_state, same)
        .where(
            source_row.c.company == company,
            source_row.c.entity == entity,
            source_row.c.seq <= position,
            or_(record_state.c.key.is_(None), record_state.c.seq < source_row.c.seq),
        )
    )
    count = connection.execute(select(func.count()).select_from(missing.subquery())).scalar_one()
    examples = connection.execute(missing.order_by(source_row.c.key).limit(limit)).scalars() if count else ()
    return Sums(runs, int(count), list(examples))


def resubscribed(connection: Connection, company: str, target: str, flow: str) -> list[Breach]:
    """Every request in the audit that put somebody on the list again, or that asked for it.

    Two things are looked for: a status that was sent and is not `unsubscribed`; and somebody whom the target last
    called unsubscribed or cleaned, and who was on the list after our own write. They may have come back by themselves:
    then they were not created by our write, and signed up after we knew of the no and before we wrote.
    """
    facts = audit.c.facts  # compact JSON, as the audit writes it
    asked = _audited(company, target, flow).where(
        facts.like('%"sent_status":"%'), facts.not_like(f'%"sent_status":"{UNSUBSCRIBED}"%')
    )
    breaches = [
        Breach(row.key, row.at, row.run_id, f"sent the status {_facts(row)['sent_status']}")
        for row in connection.execute(asked)
    ]
    for identity in (audit.c.target_id, audit.c.key):
        breaches += _returned(connection, company, target, flow, identity)
    return sorted({(breach.key, breach.run_id): breach for breach in breaches}.values(), key=lambda one: one.at)


def _returned(
    connection: Connection, company: str, target: str, flow: str, identity: ColumnElement[Any]
) -> Iterator[Breach]:
    """Those who had said no and were on the list after a later write, followed by record or by address.

    By record only those who were created: a record whose address changed may show somebody else by now.
    """
    said_no = (
        select(identity)
        .where(
            *_of(audit, company, target, flow),
            or_(*(audit.c.facts.like(f'%"status":"{status}"%') for status in SAID_NO)),
        )
        .distinct()
    )
    query = _audited(company, target, flow).add_columns(identity.label("identity")).where(identity.in_(said_no))
    by_address = identity is audit.c.target_id
    status: dict[str, str] = {}
    known_since: dict[str, datetime] = {}
    for row in connection.execute(query.order_by(audit.c.number)):
        facts = _facts(row)
        now = facts.get("status")
        if now is None or now == "archived":  # taking a member off the list does not take back that they said no
            continue
        if now in SAID_NO:
            known_since[row.identity] = row.at
        elif status.get(row.identity) in SAID_NO and (
            row.outcome == "created"
            or (now == SUBSCRIBED and by_address and not _came_back(facts, known_since[row.identity]))
        ):
            yield Breach(row.key, row.at, row.run_id, f"{status[row.identity]} before, {now} after our write")
        status[row.identity] = now


def _came_back(facts: Mapping[str, Any], said_no_at: datetime) -> bool:
    """Whether they signed up after we knew of their no; the time is there only if it lies before our write."""
    opted_in = facts.get("opted_in")
    return opted_in is not None and datetime.fromisoformat(opted_in) > said_no_at - CLOCKS


def _audited(company: str, target: str, flow: str) -> Any:
    return select(audit.c.key, audit.c.at, audit.c.run_id, audit.c.outcome, audit.c.facts).where(
        *_of(audit, company, target, flow), audit.c.direction == "out"
    )


def _facts(row: Row[Any]) -> Mapping[str, Any]:
    facts: Mapping[str, Any] = json.loads(row.facts)
    return facts


def _of(table: Table, company: str, target: str, flow: str) -> list[ColumnElement[bool]]:
    return [table.c.company == company, table.c.target == target, table.c.flow == flow]
