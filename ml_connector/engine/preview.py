"""Previewing: the same path as a delivery up to the plan. Nothing is written, neither here nor at the target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import orjson

from ml_connector.engine.claims import first_in_line
from ml_connector.engine.deliver import open_book
from ml_connector.engine.needs import Needs
from ml_connector.engine.plan import Send, Settle
from ml_connector.engine.planner import Planner, assemble
from ml_connector.engine.ports import Clock, Flow, Source
from ml_connector.engine.records import Operation, Outcome, Record
from ml_connector.engine.takeup import take_up
from ml_connector.store.backlog import Version
from ml_connector.store.deliveries import Deliveries
from ml_connector.store.ledger import Ledger

CHUNK = 1_000
HELD_BACK = (Outcome.SKIPPED.value, Outcome.REJECTED.value, "waiting")


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
        step: create, update, move, withdraw, unchanged, skipped or rejected; `update if there` for what is never
            created, `waiting` for what a delivery would not take up yet.
        why: the rule or the reason, where nothing would be sent, or nothing created.
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
        limit: how many records to describe.
        counts: records per step.
        unknown: the named ones that nobody has met.
    """

    live: bool
    limit: int
    counts: Counter[str] = field(default_factory=Counter)
    unknown: list[str] = field(default_factory=list)
    _sent: dict[str, Expected] = field(default_factory=dict)
    _held: dict[str, Expected] = field(default_factory=dict)

    @property
    def records(self) -> list[Expected]:
        """The first ones that would be sent, then those that would be held back; all of the named ones."""
        return [*self._sent.values(), *self._held.values()][: self.limit]

    @property
    def more(self) -> int:
        """How many records more would be sent or held back."""
        return self.counts.total() - self.counts["unchanged"] - len(self.records)

    def add(self, expected: Expected) -> None:
        self.counts[expected.step] += 1
        kept = self._held if expected.step in HELD_BACK else self._sent
        if expected.step != "unchanged" and len(kept) < self.limit:
            kept[expected.key] = expected

    def skip(self, key: str, step: str, why: str) -> None:
        """It turned out later that another record goes before this one."""
        self.counts[step] -= 1
        if not self.counts[step]:
            del self.counts[step]
        self.counts[Outcome.SKIPPED.value] += 1
        if self._sent.pop(key, None) is not None or len(self._held) < self.limit:
            self._held[key] = Expected(key, Outcome.SKIPPED.value, why, [])


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

    Raises:
        NotReadProblem: a delivery would be refused, because what belongs to the records was never read.
    """
    book = open_book(flow, ledger, target)
    in_doubt = {intent.key: intent for intent in book.intents()}
    planner = Planner(flow, ledger, book, clock, in_doubt, needs=Needs(ledger.links(target)))
    limits = take_up(flow, ledger, book)
    live = book.newest([flow.entity]) == 0 and source is not None
    found = Preview(live, len(only) if only else limit)
    if live and source is not None:
        plans: Iterable[Send | Settle] = _live(flow, planner, source)
    elif limits.refusal is not None:
        raise limits.refusal
    else:
        plans = chain.from_iterable(planner.plan(versions) for versions in _work(flow, book, limits.up_to, clock, only))
    # Nothing of this is in the ledger, where a delivery would find what it planned before: whoever wants the same
    # identity further on is compared here.
    wishes, creations = dict[str, dict[str, str]](), list[tuple[str, str, str]]()
    met = set()
    for plan in plans:
        if plan.claim is not None and plan.stance is not None:
            wishes.setdefault(plan.claim, {})[plan.key] = plan.stance
        if plan.key in met or (only is not None and plan.key not in only):
            continue  # a new record whose contact is new as well is work twice over, and done once
        met.add(plan.key)
        expected = _expected(plan, ledger, target, flow)
        found.add(expected)
        if isinstance(plan, Send) and plan.change.operation in (Operation.CREATE, Operation.MOVE):
            creations.append((plan.key, plan.change.claim, expected.step))
    for key, claim, step in creations:
        if (why := first_in_line(key, wishes[claim])) is not None:
            found.skip(key, step, why)
    known = met if live else {*met, *ledger.readings.known(flow.entity, only or ())}
    found.unknown = [key for key in only or () if key not in known]
    for key in sorted(known - met):
        found.add(Expected(key, "waiting", "What belongs to it was not read since it landed.", []))
    return found


def _work(
    flow: Flow, book: Deliveries, up_to: int, clock: Clock, only: Sequence[str] | None
) -> Iterator[list[Version]]:
    state = book.state()
    untouched = state is None or state.fingerprint != flow.fingerprint
    if only is not None and state is not None and state.initial_done_at is not None:
        return book.named(only, up_to)
    if state is None or untouched or only is not None:
        return book.everything(up_to)  # also for named ones: who else wants the same identity stands nowhere yet
    return chain(book.due(clock()), book.fresh(state.taken_up_to, up_to), book.touched(state.taken_up_to, up_to))


def _live(flow: Flow, planner: Planner, source: Source) -> Iterator[Send | Settle]:
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
        rows_here = {row.key: row for row in page.rows}
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
    if plan.change.operation is Operation.CREATE and not plan.change.create:
        return Expected(plan.key, "update if there", plan.change.rule, _differences({}, plan.change.body))
    before: Mapping[str, Any] = {}
    if plan.change.operation is not Operation.CREATE:
        before = _last_sent(ledger, target, flow, plan.key)
    return Expected(plan.key, plan.change.operation.value, plan.change.rule, _differences(before, plan.change.body))


def _last_sent(ledger: Ledger, target: str, flow: Flow, key: str) -> Mapping[str, Any]:
    last: Mapping[str, Any] = {}
    for recorded in ledger.audit(target).entries(key=key, with_payload=True):
        entry = recorded.entry
        if entry.payload and entry.flow == flow.name and entry.outcome in ("created", "updated"):
            last = _body(entry.payload)
    return last


def _body(payload: bytes) -> Mapping[str, Any]:
    """What was sent; empty where it was no JSON, for then it does not tell in the words of the body what it was."""
    try:
        sent = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return {}
    return sent if isinstance(sent, dict) else {}


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    old, new = dict(_flat(before)), dict(_flat(after))
    unsent = "" if old else None  # a target is not sent what is empty and was never there
    return [Difference(path, old.get(path), value) for path, value in new.items() if old.get(path, unsent) != value]


def _flat(body: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in body.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value if isinstance(value, str) else orjson.dumps(value).decode()
