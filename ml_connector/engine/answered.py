"""What writers have in common whose target answers every call at once: nothing is left to be fetched later."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from ml_connector.engine.records import Change, Outcome, Result
from ml_connector.http import CallProblem, RecordRefused, Uncertain


class Counting(Protocol):
    @property
    def calls(self) -> int: ...


AnyClient = TypeVar("AnyClient", bound=Counting)


class AnsweredAtOnce(Generic[AnyClient]):
    """The parts of a `Writer` that hands nothing over to be answered later."""

    def __init__(self, client: AnyClient) -> None:
        self._client = client

    @property
    def calls(self) -> int:
        return self._client.calls

    def resume(self, reference: str, keys: Sequence[str]) -> Iterator[Result]:
        """Nothing is ever handed over under a reference."""
        return iter(())

    def settled(self, since: datetime) -> bool:
        """How long a call may take effect is the flow's `settle`."""
        return True


def not_done(change: Change, problem: CallProblem, *, passing: bool = False) -> Result:
    """The result of a change that a call's problem ended; `passing`: a refusal that another attempt may not meet."""
    decision = problem.decision
    refused = isinstance(problem, RecordRefused) and not passing
    return Result(
        change.key,
        Outcome.REJECTED if refused else Outcome.FAILED,
        facts=change.facts,
        kind=decision.kind,
        reason=decision.reason,
        vendor_code=decision.vendor_code,
        status=problem.status,
        correlation_id=problem.correlation_id,
        uncertain=isinstance(problem, Uncertain),
    )
