"""Writes that were never answered: until such a doubt ends, nobody knows what the target holds, and where.

A doubt ends when a write of its record is confirmed and the unanswered one can no longer take effect, or when the
target refuses the very same write for good. Other refusals and failures say nothing about it, so it outlives them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from ml_connector.engine.outcomes import intent_of
from ml_connector.engine.plan import Send
from ml_connector.engine.records import Outcome, Result
from ml_connector.store.deliveries import Intent, State

CONFIRMED = (Outcome.CREATED, Outcome.UPDATED, Outcome.SKIPPED)


class Doubts:
    """The doubts of one flow, at most one for a record.

    Args:
        settle: for how long a call without an answer may still take effect.
        settled: whether nothing that was handed over before a moment can still take effect.
    """

    def __init__(self, intents: Iterable[Intent], settle: timedelta, settled: Callable[[datetime], bool]) -> None:
        self.by_key: dict[str, Intent] = {}
        self._about: dict[str, set[str]] = {}  # identity -> records
        self._settle = settle
        self._settled = settled
        for intent in intents:
            self.add(intent)

    def add(self, intent: Intent) -> None:
        self.end(intent.key)
        self.by_key[intent.key] = intent
        for identity in (intent.claim, *intent.astray):
            self._about.setdefault(identity, set()).add(intent.key)

    def end(self, key: str) -> None:
        intent = self.by_key.pop(key, None)
        if intent is None:
            return
        for identity in (intent.claim, *intent.astray):
            self._about[identity].discard(key)
            if not self._about[identity]:
                del self._about[identity]

    def lasts(self, key: str, now: datetime) -> bool:
        """Whether the unanswered write of a record may still take effect; False where there is none."""
        intent = self.by_key.get(key)
        return intent is not None and self._lasts(intent, now)

    def must_wait(self, plan: Send, now: datetime) -> bool:
        """Whether an unanswered write may still overtake this one; the same one, sent again, may unless it could
        make something twice."""
        if not self.by_key:
            return False
        same = None if not plan.change.repeatable else (plan.key, plan.change.claim, plan.change.digest)
        concerned = {key for identity in plan.identities() for key in self._about.get(identity, ())}
        doubts = [self.by_key[key] for key in concerned]
        return any(self._lasts(doubt, now) for doubt in doubts if (doubt.key, doubt.claim, doubt.digest) != same)

    def after(self, plan: Send, result: Result, now: datetime, *, lasting: bool) -> Intent | None:
        """What is in doubt of a record after this answer; `lasting`: its earlier doubt lasted when it was sent."""
        if result.uncertain:
            return intent_of(plan, now)
        earlier = self.by_key.get(plan.key)
        if earlier is None:
            return None
        if plan.is_resumed:  # the answer is the doubted write's own
            return earlier._replace(reference=None) if result.outcome is Outcome.FAILED else None
        if result.outcome in CONFIRMED:
            return earlier if lasting else None
        is_same = (earlier.claim, earlier.digest) == (plan.change.claim, plan.change.digest)
        return None if is_same and result.outcome is Outcome.REJECTED and not earlier.astray else earlier

    def over(self, states: dict[str, State], now: datetime) -> list[str]:
        """The records whose doubts are over: what the target confirmed is what the unanswered write wanted, too."""
        return [
            key
            for key, doubt in self.by_key.items()
            if (state := states.get(key)) is not None
            and (state.digest, state.target_id, doubt.astray) == (doubt.digest, doubt.claim, ())
            and not self._lasts(doubt, now)
        ]

    def left_open(self, states: dict[str, State]) -> list[str]:
        """The records that a process was about to write when it died."""
        return [
            key
            for key, doubt in self.by_key.items()
            if (state := states.get(key)) is None or (state.due_at is None and state.last_tried < doubt.started_at)
        ]

    def _lasts(self, doubt: Intent, now: datetime) -> bool:
        return now < doubt.started_at + self._settle or not self._settled(doubt.started_at)
