"""What results of documents have in common."""

from __future__ import annotations

from ml_connector.engine.records import Change, Outcome, Result
from ml_connector.http import CallProblem, RecordRefused, Uncertain


def ids_of(change: Change, current: str) -> list[str]:
    """Every id that the document was ever imported under, the current one last: by these its events are told apart."""
    facts = change.facts
    earlier = (*facts.get("ids", ()), facts.get("id"), change.target_id)
    return [*dict.fromkeys(one for one in earlier if one and one != current), current]


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
