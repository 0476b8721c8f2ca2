"""What became of a change when a call about it did not work."""

from __future__ import annotations

from ml_connector.engine.records import Change, Outcome, Result
from ml_connector.http import CallProblem, RecordRefused, Uncertain


def not_done(change: Change, problem: CallProblem) -> Result:
    """The result of a change that a call's problem ended."""
    decision = problem.decision
    return Result(
        change.key,
        Outcome.REJECTED if isinstance(problem, RecordRefused) else Outcome.FAILED,
        facts=change.facts,
        kind=decision.kind,
        reason=decision.reason,
        vendor_code=decision.vendor_code,
        status=problem.status,
        correlation_id=problem.correlation_id,
        uncertain=isinstance(problem, Uncertain),
    )
