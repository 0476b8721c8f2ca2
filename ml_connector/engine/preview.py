"""Previewing: the same path as a delivery up to the plan. Nothing is written, neither here nor at the target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import orjson

from ml_connector.engine.deliver import open_book
from ml_connector.engine.needs import Needs
from ml_connector.engine.plan import Planner, Send, Settle, assemble
from ml_connector.engine.ports import Clock, Flow, Source
from ml_connector.engine.records import Operation, Outcome, Record
from ml_connector.store.deliveries import Deliveries, Version
from ml_connector.store.ledger import Ledger

CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class Difference:
    """One field as it was last sent, and as it would be sent now; None: not sent."""

    field: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Expected:
    """What a delivery would do with one record.

    Attributes:
        step: create, update, move, withdraw, unchanged, skipped or rejected.
        why: the rule or the reason, where nothing would be sent.
    """

    key: str
    step: str
    why: str | None
    differences: list[Difference]


@dataclass(slots=True)
class Preview:
    """What a delivery would do.

    Attributes:
        live: the records were read from the source for this preview, because none has landed yet.
        counts: records per step.
        records: the first ones that would be sent or held back; all of the named ones.
    """

    live: bool
    counts: Counter[str] = field(default_factory=Counter)
    records: list[Expected] = field(default_factory=list)

    def add(self, expected: Expected, limit: int) -> None:
        self.counts[expected.step] += 1
        if expected.step != "unchanged" and len(self.records) < limit:
            self.records.append(expected)


def preview(
    flow: Flow,
    ledger: Ledger,
    target: str,
    *,
    clock: Clock,
    source: Source | None = None,
    only: Sequence[str] | None = None,
    limit: int = 20,
) -> Preview:
    """What a delivery would do now with what has landed, or else with what a live read gives.

    Args:
        source: read from it when nothing has landed yet; None: then there is nothing to show.
        only: exactly these records, sent or not.
        limit: how many records to describe.
    """
    book = open_book(flow, ledger, target)
    in_doubt = {intent.key: intent for intent in book.intents()}
    planner = Planner(flow, ledger, book, in_doubt, needs=Needs(ledger.links(target)))
    up_to = book.newest([flow.entity])
    live = up_to == 0 and source is not None
    found = Preview(live=live)
    if live and source is not None:
        plans: Iterable[Send | Settle] = _live(flow, planner, source, only)
    else:
        plans = chain.from_iterable(planner.plan(versions) for versions in _work(flow, book, up_to, clock, only))
    for plan in plans:
        found.add(_expected(plan, ledger, target, flow), len(only) if only else limit)
    return found


def _work(
    flow: Flow, book: Deliveries, up_to: int, clock: Clock, only: Sequence[str] | None
) -> Iterator[list[Version]]:
    if only is not None:
        return book.named(only)
    state = book.state()
    again = state is None or state.fingerprint != flow.fingerprint
    if again or state is None:
        return book.everything()
    return chain(book.due(clock()), book.fresh(state.taken_up_to, up_to), book.touched(state.taken_up_to, up_to))


def _live(flow: Flow, planner: Planner, source: Source, only: Sequence[str] | None) -> Iterator[Send | Settle]:
    secondary: dict[str, dict[str, list[bytes]]] = {}
    for entity in flow.secondary:
        rows = secondary.setdefault(entity, {})
        for page in source.read(entity, None):
            for row in page.rows:
                rows.setdefault(row.related or "", []).append(row.payload)
    reference = {
        entity: [row.payload for page in source.read(entity, None) for row in page.rows] for entity in flow.reference
    }
    for page in source.read(flow.entity, None):
        rows_here = {row.key: row for row in page.rows if only is None or row.key in only}
        versions = [Version(row.key, row.changed_at, 0, 0, vanished=False) for row in rows_here.values()]
        records: list[Record] = assemble(versions, [row.payload for row in rows_here.values()], secondary, reference)
        yield from planner.decide(versions, records)


def _expected(plan: Send | Settle, ledger: Ledger, target: str, flow: Flow) -> Expected:
    if isinstance(plan, Settle) and plan.lacking and plan.outcome is Outcome.FAILED:
        step = Operation.CREATE if plan.linked_to is None else Operation.UPDATE
        return Expected(plan.key, step.value, plan.reason, [])
    if isinstance(plan, Settle):
        why = ": ".join(text for text in (plan.rule or plan.kind, plan.reason) if text) or None
        return Expected(plan.key, plan.outcome.value, why, [])
    before: Mapping[str, Any] = {}
    if plan.change.operation is not Operation.CREATE:
        before = _last_sent(ledger, target, flow, plan.key)
    return Expected(plan.key, plan.change.operation.value, plan.change.rule, _differences(before, plan.change.body))


def _last_sent(ledger: Ledger, target: str, flow: Flow, key: str) -> Mapping[str, Any]:
    last: Mapping[str, Any] = {}
    for recorded in ledger.audit(target).entries(key=key, with_payload=True):
        entry = recorded.entry
        if entry.payload and entry.flow == flow.name and entry.outcome in ("created", "updated"):
            sent = orjson.loads(entry.payload)
            last = sent if isinstance(sent, dict) else {}
    return last


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    old, new = dict(_flat(before)), dict(_flat(after))
    return [Difference(path, old.get(path), value) for path, value in new.items() if old.get(path) != value]


def _flat(body: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in body.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value if isinstance(value, str) else orjson.dumps(value).decode()
