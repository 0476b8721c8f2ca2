"""Delivering: takes up what one flow has still to send, and records what became of every record.

Between any two lines the process may die. Before anything is sent, its intent is written; the outcome replaces the
intent in one transaction with the audit; what has neither is still work. So running again is always the repair.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain

from ml_connector.engine.checkpoints import reached
from ml_connector.engine.dependents import Bring, Lacking
from ml_connector.engine.doubts import Doubts
from ml_connector.engine.needs import Needs
from ml_connector.engine.outcomes import Recorder, resumed, waiting
from ml_connector.engine.plan import Planned, Send, Settle
from ml_connector.engine.planner import Planner
from ml_connector.engine.ports import Clock, Flow, Writer
from ml_connector.engine.records import Change, Result
from ml_connector.engine.takeup import take_up
from ml_connector.engine.tally import Tallies, Tally
from ml_connector.engine.windows import Windows
from ml_connector.errors import StoppedProblem
from ml_connector.store.backlog import Version
from ml_connector.store.deliveries import Deliveries, Intent
from ml_connector.store.ledger import Ledger

COMMIT_ROWS = 1_000
COMMIT_SECONDS = 1.0
PASSES = 20  # a record makes others due at most along one chain of addresses that changed hands


@dataclass(frozen=True, slots=True)
class FlowReport:
    """What one delivery did.

    Attributes:
        windows: counts per window that it touched.
        unfinished: windows with records that were not attempted, because the target stopped.
        stopped: why the target stopped, or None.
        last_hash: the audit's newest hash, hexadecimal; None while there is none.
    """

    flow: str
    windows: dict[str, Tally]
    unfinished: set[str]
    calls: int
    seconds: float
    stopped: StoppedProblem | None
    last_hash: str | None

    @property
    def total(self) -> Tally:
        total = Tally()
        for tally in self.windows.values():
            total.add(tally)
        return total


def deliver(
    flow: Flow,
    writer: Writer,
    ledger: Ledger,
    target: str,
    system: str,
    windows: Windows,
    *,
    run_id: str,
    clock: Clock,
    only: Sequence[str] | None = None,
    bring: Bring | None = None,
) -> FlowReport:
    """Deliver what is due, or exactly the named records (a replay, sent even if the target has it already).

    `bring` delivers records of another flow that records of this one need and that nobody attempted yet.

    Never raises for a record; a target that stops is reported in `stopped`, after all that is known was recorded.
    The caller holds the target's lease: nobody else delivers to it meanwhile.
    """
    return _Delivery(flow, writer, ledger, target, system, windows, run_id, clock, only, bring).run()


def is_due(flow: Flow, ledger: Ledger, target: str, now: datetime) -> bool:
    """Whether a delivery would find something to do."""
    book = open_book(flow, ledger, target)
    state = book.state()
    limits = take_up(flow, ledger, book)
    if limits.refusal is not None:
        return False  # a poll that reads everything makes it due
    if state is None or state.fingerprint != flow.fingerprint:
        return min(book.newest([flow.entity]), limits.up_to) > 0
    new_reference = min(book.newest(flow.reference), limits.up_to) > state.taken_up_to
    return new_reference or book.has_work(state.taken_up_to, limits.up_to, now)


def open_book(flow: Flow, ledger: Ledger, target: str) -> Deliveries:
    return ledger.deliveries(target, flow.name, flow.entity, tuple(flow.secondary))


@dataclass(slots=True)
class _Delivery:
    flow: Flow
    writer: Writer
    ledger: Ledger
    target: str
    system: str
    windows: Windows
    run_id: str
    clock: Clock
    only: Sequence[str] | None
    bring: Bring | None
    book: Deliveries = field(init=False)
    planner: Planner = field(init=False)
    recorder: Recorder = field(init=False)
    doubts: Doubts = field(init=False)
    lasting: set[str] = field(default_factory=set)  # records whose earlier doubt lasted when they were sent again
    tallies: Tallies = field(default_factory=Tallies)
    planned: dict[str, Send] = field(default_factory=dict)  # the writer did not take these yet
    in_flight: dict[str, Send] = field(default_factory=dict)  # it took these, their outcome is not recorded
    unsent: set[str] = field(default_factory=set)  # it took these, and a stop came before anything was done
    busy: set[str] = field(default_factory=set)  # identities that something planned or in flight concerns
    again: dict[str, None] = field(default_factory=dict)  # records that wait for something in flight
    lacking: Lacking = field(default_factory=Lacking)
    answered: list[tuple[Send, Result]] = field(default_factory=list)
    committed_at: float = field(default_factory=time.monotonic)
    now: datetime = field(init=False)  # of the chunk at hand: what claims to come from the future counts to its window

    def run(self) -> FlowReport:
        began, calls = time.monotonic(), self.writer.calls
        self.now = self.clock()
        self.book = open_book(self.flow, self.ledger, self.target)
        limits = take_up(self.flow, self.ledger, self.book)
        taken_up_to = self._open(limits.up_to)
        up_to = max(limits.up_to, taken_up_to)
        self.doubts = Doubts(self.book.intents(), self.flow.settle, self.writer.settled)
        needs = Needs(self.ledger.links(self.target))
        self.planner = Planner(
            self.flow, self.ledger, self.book, self.clock, self.doubts.by_key, self.only is not None, needs
        )
        self.recorder = Recorder(
            self.flow, self.ledger, self.book, self.target, self.system, self.run_id, up_to, self.tallies
        )
        stopped = None
        try:
            self._resume()
            if limits.refusal is not None:
                raise limits.refusal
            self._passes(taken_up_to, up_to)
        except StoppedProblem as problem:
            stopped = problem
        unfinished = self._close(taken_up_to, up_to, stopped)
        report = FlowReport(
            flow=self.flow.name,
            windows=self.tallies.by_window,
            unfinished=unfinished,
            calls=self.writer.calls - calls,
            seconds=time.monotonic() - began,
            stopped=stopped,
            last_hash=self.ledger.audit(self.target).last_hash(),
        )
        now = self.now = self.clock()
        self.recorder.count(report.calls, report.seconds, unfinished, stopped, self._window_of(now), now)
        reached("deliver: counted")
        return report

    def _open(self, up_to: int) -> int:
        """Open the flow; a changed mapping, or changed reference data, makes every record work again."""
        state = self.book.state()
        again = state is None or state.fingerprint != self.flow.fingerprint
        again = again or (state is not None and min(self.book.newest(self.flow.reference), up_to) > state.taken_up_to)
        self.book.begin(self.flow.fingerprint, self.windows.minutes, self.windows.start, again=again)
        reached("deliver: flow opened")
        return 0 if again or state is None else state.taken_up_to

    def remember(self, keys: Sequence[str], reference: str) -> None:
        """See `Delivery`."""
        self.book.remember(keys, reference)

    def not_sent(self, key: str) -> None:
        """See `Delivery`."""
        self.unsent.add(key)

    def _resume(self) -> None:
        """Fetch the outcomes of what an earlier process handed over under a reference."""
        handed_over: dict[str, list[str]] = {}
        for intent in self.doubts.by_key.values():
            if intent.reference is not None:
                handed_over.setdefault(intent.reference, []).append(intent.key)
        for reference, keys in handed_over.items():
            states = self.book.states(keys)
            claimants = self.book.claimants([self.doubts.by_key[key].claim for key in keys])
            holders = {one.target_id: one.key for one in claimants}
            now = self.clock()
            for result in self.writer.resume(reference, keys):
                doubt = self.doubts.by_key[result.key]
                holder = holders.get(doubt.claim)
                plan = resumed(doubt, states.get(result.key), None if holder == result.key else holder, now)
                self._take_up(plan)
                self.busy |= plan.identities()
                self.in_flight[plan.key] = plan
                self._answered(result)
            self._commit()

    def _passes(self, taken_up_to: int, up_to: int) -> None:
        """One pass over the work, then over what that made due, until nothing is."""
        work = self.book.named(self.only, up_to) if self.only is not None else self._work(taken_up_to, up_to)
        left, postponed = PASSES, list[str]()
        while left:
            for result in self.writer.deliver(self._changes(work), self):
                self._answered(result)
                if len(self.answered) >= COMMIT_ROWS or time.monotonic() - self.committed_at > COMMIT_SECONDS:
                    self._commit()
            self._commit()
            reached("deliver: pass ended")
            self.lacking.bring(self.bring)
            fewer = 0 < len(self.again) < len(postponed)  # of many that leave one identity, one at a time may
            postponed, self.again = list(self.again), {}
            left -= 0 if fewer else 1
            now = self.clock()
            others = self.only is None and self.book.has_due(now)
            if not postponed and not others:
                return
            work = chain(self.book.named(postponed), self.book.due(now) if others else ())

    def _work(self, taken_up_to: int, up_to: int) -> Iterator[list[Version]]:
        """What an earlier process left open, what is due, what is new, and what a related row made new."""
        states = self.book.states(list(self.doubts.by_key))
        over = self.doubts.over(states, self.clock())
        with self.book.transaction() as connection:
            self.book.forget(connection, over)
        for key in over:
            self.doubts.end(key)
        return chain(
            self.book.named(self.doubts.left_open(states)),
            self.book.due(self.clock()),
            self.book.fresh(taken_up_to, up_to),
            self.book.touched(taken_up_to, up_to),
        )

    def _changes(self, work: Iterable[list[Version]]) -> Iterator[Change]:
        """The changes to send; what needs no call is recorded on the way."""
        for versions in work:
            settled: list[Settle] = []
            now = self.now = self.clock()
            for plan in self.planner.plan([version for version in versions if version.key not in self.in_flight]):
                identities = plan.identities()
                if not self.busy.isdisjoint(identities) or self._must_bring(plan):
                    self.again[plan.key] = None
                elif isinstance(plan, Settle):
                    settled.append(plan)
                elif self.doubts.must_wait(plan, now):
                    settled.append(waiting(plan))
                else:
                    if self.doubts.lasts(plan.key, now):
                        self.lasting.add(plan.key)
                    self.planned[plan.key] = plan
                    self.busy |= identities
            for taken in (*settled, *self.planned.values()):
                self._take_up(taken)
            self.recorder.settle(settled, list(self.planned.values()), now, self._window)
            reached("deliver: intents written")
            while self.planned:
                key = next(iter(self.planned))
                self.in_flight[key] = self.planned.pop(key)
                yield self.in_flight[key].change

    def _must_bring(self, plan: Planned) -> bool:
        """Whether what the record needs of another flow is brought over before it is planned again."""
        return self.bring is not None and self.lacking.is_to_be_brought(plan)

    def _take_up(self, plan: Planned) -> None:
        if not self._is_counted(plan):
            self.tallies.take_up(self._window(plan))

    def _is_counted(self, plan: Planned) -> bool:
        return plan.state is not None and plan.state.run_id == self.run_id

    def _window(self, plan: Planned) -> str:
        if plan.state is not None and plan.state.run_id == self.run_id:
            return plan.state.window
        return self._window_of(plan.version.changed_at)

    def _window_of(self, moment: datetime) -> str:
        return self.windows.key(moment, self.now)

    def _answered(self, result: Result) -> None:
        self.answered.append((self.in_flight[result.key], result))
        reached("deliver: answered")

    def _commit(self) -> None:
        """Record the answers that are in; only then others may touch what they concern."""
        self.committed_at = time.monotonic()
        if not self.answered:
            return
        now = self.clock()
        doubts: dict[str, Intent] = {}
        for plan, result in self.answered:
            doubt = self.doubts.after(plan, result, now, lasting=plan.key in self.lasting)
            if doubt is not None:
                doubts[plan.key] = doubt
        self.recorder.record(self.answered, now, self._window, doubts)
        reached("deliver: outcomes recorded")
        for plan, _ in self.answered:
            del self.in_flight[plan.key]
            self.busy -= plan.identities()
            self.lasting.discard(plan.key)
            self.doubts.end(plan.key)
        for doubt in doubts.values():
            self.doubts.add(doubt)
        self.answered = []

    def _close(self, taken_up_to: int, up_to: int, stopped: StoppedProblem | None) -> set[str]:
        """Advance the flow, or say which windows still have records that were not attempted."""
        self._commit()
        if stopped is None:
            if self.only is None:
                self.book.took_up(up_to, self.clock())
                reached("deliver: everything taken up")
            return set()
        for key in self.unsent & self.in_flight.keys():
            self.planned[key] = self.in_flight.pop(key)
        earlier = [doubt for key in self.planned if (doubt := self.doubts.by_key.get(key)) is not None]
        with self.book.transaction() as connection:  # these were never sent: what was in doubt before is so again
            self.book.forget(connection, list(self.planned))
            self.book.intend(connection, earlier, self.run_id)
        unfinished = set()
        for plan in chain(self.planned.values(), self.in_flight.values()):
            window = self._window(plan)
            unfinished.add(window)
            if not self._is_counted(plan):
                self.tallies.window(window).read -= 1
        if self.only is None:
            unfinished |= {self._window_of(moment) for moment in self.book.outstanding(taken_up_to, up_to)}
        return unfinished
