"""What all writers of accounting documents to Visma have in common: one after the other, each created once.

Visma has no idempotency key (Visma reference, section 9). So every document carries a reference of ours, and a create
whose answer never came, or that ended in a 500, is never repeated blindly: it stays in doubt until Visma cannot carry
it out any more, and then it is looked up by its reference. Only what is not there is created. What stands in Visma is
the accountant's from then on, and is not edited by us.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Generic, TypeVar

from ml_connector.engine.answered import AnsweredAtOnce, not_done
from ml_connector.engine.ports import Delivery
from ml_connector.engine.records import Change, Operation, Outcome, Result
from ml_connector.engine.unsent import sending
from ml_connector.http import ApiClient, CallProblem, RecordRefused
from ml_connector.systems.visma.ledger import Ledger
from ml_connector.systems.visma.writer import Writer, Written

CHANGED = "changed after posting"
MISFIT = "base currency"

SETTLE = timedelta(minutes=5)
"""For how long a create without an answer may still take effect: Visma cuts a call after four minutes (section 9)."""

Standing = TypeVar("Standing")
"""A document that stands in Visma."""


class DocumentWriter(AnsweredAtOnce[ApiClient], ABC, Generic[Standing]):
    """Delivers documents of a kind; an engine `Writer`."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger.client)
        self._ledger = ledger
        self._writer = Writer(ledger.client)

    def deliver(self, changes: Iterable[Change], delivery: Delivery) -> Iterator[Result]:
        """One after the other: the order in which documents get their numbers is that of the records."""
        for change in changes:
            try:
                yield self._delivered(change, delivery)
            except CallProblem as problem:
                yield not_done(change, problem, passing=_is_about_period(problem))

    def _delivered(self, change: Change, delivery: Delivery) -> Result:
        with sending(delivery, change.key):
            done = self._changed(change) if change.operation is Operation.UPDATE else self._created(change, delivery)
        return done if isinstance(done, Result) else self._stands(change, done)

    @abstractmethod
    def _created(self, change: Change, delivery: Delivery) -> Result | Standing:
        """The document, found or made; or why there is none."""

    @abstractmethod
    def _stands(self, change: Change, standing: Standing) -> Result:
        """The document is there. It is released if that is wanted; that it is not, leaves it where it is."""

    @abstractmethod
    def _changed(self, change: Change) -> Result:
        """If the books hold by now what they should, that is noted; else it is said what differs."""

    def _create(self, path: str, members: dict[str, object]) -> Written:
        """The one write. Raises what `Writer.create` raises."""
        try:
            return self._writer.create(path, members)
        except RecordRefused as problem:
            if _is_about_period(problem):
                self._ledger.forget_periods()  # closed since they were read: the next attempt takes the next one
            raise


def no_period(change: Change, what: str) -> Result:
    """None of the financial periods is open from the wanted one on; `what` says for whom, and where."""
    return Result(
        change.key,
        Outcome.REJECTED,
        kind="period",
        reason=f"No financial period from {change.body['period']} on is open {what}. Open one, and replay the record.",
    )


def _is_about_period(problem: CallProblem) -> bool:
    """Whether a refusal is for a period that was closed since it was looked at."""
    return "period" in problem.decision.reason.lower()
