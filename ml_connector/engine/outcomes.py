"""Recording: turns plans and answers into states, audit rows and counts, one transaction per batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from ml_connector.engine.claims import FIRM
from ml_connector.engine.dependents import (
    LOOK_AGAIN,
    look_again,
    note_delivered,
    note_lacking,
    note_missing,
    note_unchanged,
)
from ml_connector.engine.needs import DEPENDENCY
from ml_connector.engine.plan import Planned, Send, Settle
from ml_connector.engine.ports import Flow
from ml_connector.engine.records import Change, Operation, Outcome, Result
from ml_connector.engine.retry import next_try
from ml_connector.engine.tally import Tallies
from ml_connector.errors import StoppedProblem
from ml_connector.store.audit import Entry
from ml_connector.store.backlog import Version
from ml_connector.store.deliveries import Deliveries, Intent, State
from ml_connector.store.ledger import Ledger
from ml_connector.store.links import Links
from ml_connector.store.texts import storable

Window = Callable[[Planned], str]
LONGEST_KIND = 64
UNCERTAIN = "it may have taken effect all the same, which any further attempt takes into account"


@dataclass(slots=True)
class Recorder:
    """Writes down what became of one flow's records in one run.

    Attributes:
        up_to: the seq of the newest version that the run knows; states say that they hold everything up to it.
    """

    flow: Flow
    ledger: Ledger
    book: Deliveries
    target: str
    system: str
    run_id: str
    up_to: int
    tallies: Tallies
    links: Links = field(init=False)

    def __post_init__(self) -> None:
        self.links = self.ledger.links(self.target)

    def settle(self, settled: Sequence[Settle], sending: Sequence[Send], now: datetime, window: Window) -> None:
        """Record what needs no call, and the intents of what is about to be sent, in one transaction."""
        if not settled and not sending:
            return
        states = [self._settled_state(plan, window(plan), now) for plan in settled]
        entries = [self._settled_entry(plan, window(plan), now) for plan in settled if _is_news(plan)]
        with self.book.transaction() as connection:
            self.book.record(connection, states)
            self.book.wake(connection, _changed_claims(settled), now)
            self.book.intend(connection, [intent_of(plan, now) for plan in sending], self.run_id)
            note_lacking(connection, self.links, self.flow.name, [*settled, *sending])
            note_unchanged(connection, self.links, self.flow.name, settled, now)
            self.ledger.audit(self.target).append(connection, entries)

    def record(
        self, answers: Sequence[tuple[Send, Result]], now: datetime, window: Window, doubts: Mapping[str, Intent]
    ) -> None:
        """Record what the target answered: states, audit and the end of the intents, in one transaction.

        `doubts`: what is in doubt afterwards, by key.
        """
        states, entries, displaced = [], [], []
        for plan, result in answers:
            state = self._answered_state(plan, result, window(plan), now)
            states.append(state)
            entries.append(self._answered_entry(plan, result, state, now))
            if plan.displaces is not None and result.is_there:
                displaced.append(plan.displaces)
        with self.book.transaction() as connection:
            self.book.displace(connection, displaced)
            self.book.record(connection, states)
            self.book.forget(connection, [result.key for _, result in answers if result.key not in doubts])
            uncertain = {result.key for _, result in answers if result.uncertain}
            self.book.doubt(connection, [doubt for key, doubt in doubts.items() if key in uncertain])
            self.book.intend(connection, [doubt for key, doubt in doubts.items() if key not in uncertain], self.run_id)
            self.book.wake(connection, _changed_claims([plan for plan, _ in answers]), now)
            note_delivered(connection, self.links, self.flow.name, answers, now)
            note_missing(connection, self.links, self.flow.name, answers, now)
            self.ledger.audit(self.target).append(connection, entries)

    def count(
        self,
        calls: int,
        seconds: float,
        unfinished: set[str],
        stopped: StoppedProblem | None,
        open_window: str,
        now: datetime,
    ) -> None:
        """Save the run's counts per window; a run that found nothing leaves a row of zeros for the open window."""
        rows: list[dict[str, Any]] = []
        for window in sorted({*self.tallies.by_window, *unfinished} or {open_window}):
            tally = self.tallies.window(window)
            rows.append(
                {
                    "run_id": self.run_id,
                    "window": window,
                    "read": tally.read,
                    **{outcome.value: getattr(tally, outcome.value) for outcome in Outcome},
                    "finished": window not in unfinished,
                    "calls": 0 if rows else calls,
                    "seconds": 0.0 if rows else seconds,
                    "at": now,
                    "stopped": None if stopped is None else storable(stopped.what),
                }
            )
        self.book.counted(rows)

    def _settled_state(self, plan: Settle, window: str, now: datetime) -> dict[str, Any]:
        before = plan.state
        return {
            "key": plan.key,
            "claim": plan.claim,
            "stance": plan.stance,
            "target_id": plan.linked_to,
            "digest": before.digest if before and not plan.in_doubt else None,
            "facts": _json(before.facts) if before else "{}",
            "seq": self.up_to,
            "changed_at": plan.version.changed_at,
            "outcome": self._counted(plan, plan.outcome, window).value,
            "rule": storable(plan.rule),
            "kind": storable(plan.kind, LONGEST_KIND),
            "reason": storable(plan.reason),
            "vendor_code": None,
            "due_at": self._due_at(plan, now),
            "attempts": before.attempts if before and plan.waits else 0,
            "first_seen": now if before is None or _is_news(plan) else before.first_seen,
            "last_tried": now,
            "run_id": self.run_id,
            "window": window,
        }

    def _due_at(self, plan: Settle, now: datetime) -> datetime | None:
        if plan.waits:
            return now + self.flow.settle
        return plan.due_at or look_again(plan.lacking, plan.outcome, now)

    def _answered_state(self, plan: Send, result: Result, window: str, now: datetime) -> dict[str, Any]:
        before, change = plan.state, plan.change
        outcome, kind, reason, due_at, attempts = self._verdict(before, result, now)
        reason = storable(reason)
        if (
            plan.is_resumed
            and result.outcome is not Outcome.FAILED
            and before is not None
            and before.due_at is not None
        ):
            due_at = now  # a newer version may have waited for this answer
        outcome = self._counted(plan, outcome, window)
        confirmed = result.outcome in (Outcome.CREATED, Outcome.UPDATED, Outcome.SKIPPED)
        if result.outcome is Outcome.SKIPPED:
            linked_to = None
        elif confirmed:
            linked_to = result.target_id or change.claim
        else:
            linked_to = (result.target_id if result.facts_hold else None) or plan.linked_to
        explained = change.operation is Operation.WITHDRAW or result.outcome is Outcome.SKIPPED
        repeated = before is not None and (before.outcome, before.reason) == (outcome.value, reason)
        return {
            "key": plan.key,
            "claim": plan.claim,
            "stance": plan.stance,
            "target_id": linked_to,
            "digest": change.digest if confirmed else self._still_held(plan, result),
            "facts": _json(result.facts if confirmed or result.facts_hold else change.facts),
            "seq": (before.seq if before else 0) if plan.is_resumed else self.up_to,
            "changed_at": plan.version.changed_at,
            "outcome": outcome.value,
            "rule": storable(change.rule) if explained else None,
            "kind": storable(kind, LONGEST_KIND),
            "reason": reason,
            "vendor_code": storable(result.vendor_code),
            "due_at": due_at,
            "attempts": attempts,
            "first_seen": before.first_seen if before is not None and repeated else now,
            "last_tried": now,
            "run_id": self.run_id,
            "window": window,
        }

    def _still_held(self, plan: Send, result: Result) -> bytes | None:
        """The digest of what the target holds after a write that did not work; None: nobody knows."""
        if plan.state is None or plan.in_doubt or result.uncertain or (result.is_there and plan.linked_to is None):
            return None
        return plan.state.digest

    def _verdict(
        self, before: State | None, result: Result, now: datetime
    ) -> tuple[Outcome, str | None, str | None, datetime | None, int]:
        """Outcome, class, reason, when it is due again, and failures in a row; too many of these are a rejection."""
        if result.outcome is not Outcome.FAILED:
            return result.outcome, result.kind, result.reason, None, 0
        if result.missing and not result.uncertain:
            return Outcome.FAILED, DEPENDENCY, result.reason, now + LOOK_AGAIN, before.attempts if before else 0
        failures = (before.attempts if before else 0) + 1
        due_at = next_try(failures, now)
        reason = f"{(result.reason or '').rstrip('.')}; {UNCERTAIN}" if result.uncertain else result.reason
        if due_at is None:
            return Outcome.REJECTED, "gave up", f"Gave up after {failures} attempts. {reason}", None, failures
        if result.uncertain:
            due_at = max(due_at, now + self.flow.settle)
        return Outcome.FAILED, result.kind, reason, due_at, failures

    def _counted(self, plan: Planned, outcome: Outcome, window: str) -> Outcome:
        """Count an outcome once per record and run; a second look that finds nothing to do changes nothing."""
        before = plan.state
        earlier = Outcome(before.outcome) if before is not None and before.run_id == self.run_id else None
        if earlier is not None and outcome is Outcome.UNCHANGED:
            return earlier
        self.tallies.settle(window, outcome, instead_of=earlier)
        return outcome

    def _settled_entry(self, plan: Settle, window: str, now: datetime) -> Entry:
        return Entry(
            at=now,
            run_id=self.run_id,
            window=window,
            direction="out",
            system=self.system,
            flow=self.flow.name,
            key=plan.key,
            operation="none",
            outcome=plan.outcome.value,
            target_id=plan.linked_to,
            status=None,
            vendor_code=None,
            message=": ".join(text for text in (plan.rule or plan.kind, plan.reason) if text) or None,
            correlation_id=None,
            facts={},
            payload=None,
        )

    def _answered_entry(self, plan: Send, result: Result, state: Mapping[str, Any], now: datetime) -> Entry:
        return Entry(
            at=now,
            run_id=self.run_id,
            window=state["window"],
            direction="out",
            system=self.system,
            flow=self.flow.name,
            key=plan.key,
            operation=plan.change.operation.value,
            outcome=result.outcome.value,
            target_id=state["target_id"] or plan.change.claim,
            status=result.status,
            vendor_code=result.vendor_code,
            message=result.reason,
            correlation_id=result.correlation_id,
            facts=result.facts,
            payload=result.payload,
        )


def waiting(plan: Send) -> Settle:
    """The plan for a record whose earlier write was never answered and may still overtake this one: it waits."""
    return Settle(
        version=plan.version,
        state=plan.state,
        claim=plan.claim,
        stance=plan.stance,
        in_doubt=True,
        astray=plan.astray,
        outcome=Outcome.FAILED,
        kind="in doubt",
        reason="An earlier write was never answered and may still take effect; this is sent once that is over.",
        waits=True,
    )


def resumed(intent: Intent, state: State | None, holder: str | None, now: datetime) -> Send:
    """The plan that an earlier process carried out up to the answer; `holder`: who was linked to the identity."""
    withdraws = intent.operation == Operation.WITHDRAW and state is not None
    change = Change(
        key=intent.key,
        operation=Operation(intent.operation),
        claim=intent.claim,
        target_id=state.target_id if state else None,
        body={},
        create=True,
        rule=None,
        facts=state.facts if state else {},
        digest=intent.digest,
    )
    version = Version(intent.key, now, landing_id=0, position=0, vanished=False)
    return Send(
        version=version,
        state=state,
        claim=state.claim if withdraws and state else intent.claim,
        stance=state.stance if withdraws and state else intent.stance,
        astray=intent.astray,
        change=change,
        displaces=None if withdraws else holder,
    )


def intent_of(plan: Send, now: datetime) -> Intent:
    """What is noted before the change is sent."""
    return Intent(
        key=plan.key,
        operation=plan.change.operation,
        claim=plan.change.claim,
        stance=plan.stance or FIRM,
        digest=plan.change.digest,
        reference=plan.change.doubt.reference if plan.change.doubt else None,
        started_at=now,
        astray=tuple(place for place in plan.astray if place != plan.change.claim),
    )


def _is_news(plan: Settle) -> bool:
    """Whether the audit does not say so yet."""
    if plan.outcome is Outcome.UNCHANGED:
        return False
    before = plan.state
    now = (plan.outcome, storable(plan.rule), storable(plan.reason))
    return before is None or (before.outcome, before.rule, before.reason) != now


def _changed_claims(plans: Sequence[Planned]) -> dict[str, str | None]:
    """The identities whose claimants changed, each with the record that changed it (None: several did)."""
    changed: dict[str, str | None] = {}
    for plan in plans:
        before = (plan.state.claim, plan.state.stance) if plan.state else (None, None)
        if before == (plan.claim, plan.stance):
            continue
        for claim in (before[0], plan.claim):
            if claim is not None:
                changed[claim] = plan.key if changed.get(claim, plan.key) == plan.key else None
    return changed


def _json(facts: Mapping[str, Any]) -> str:
    return orjson.dumps(facts, option=orjson.OPT_SORT_KEYS).decode() if facts else "{}"
