"""What a person must know, carried through Dagster: a run fails with the three parts of a problem."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dagster as dg

from ml_connector import machine
from ml_connector.errors import Problem

if TYPE_CHECKING:
    from dagster._core.execution.plan.objects import StepFailureData


@contextmanager
def failing() -> Iterator[None]:
    """Turns a problem into the step's failure; the sensor decides when to try again, not Dagster."""
    try:
        yield
    except Problem as problem:
        raise _failure(problem) from None
    except Exception as error:
        if found := machine.problem_of(error):
            raise _failure(found) from None
        raise


def _failure(problem: Problem) -> dg.Failure:
    return dg.Failure(
        description=str(problem),
        metadata={
            "what": problem.what,
            "meaning": problem.meaning,
            "action": problem.action,
            "exit_code": problem.exit_code,
        },
        allow_retries=False,
    )


def problem_of(events: Iterable[dg.DagsterEvent]) -> dict[str, Any] | None:
    """The problem that ended a run, as `what`, `meaning`, `action` and `exit_code`; None where nothing did."""
    for event in events:
        if event.is_step_failure:
            data = event.step_failure_data
            if data.user_failure_data and "exit_code" in data.user_failure_data.metadata:
                return _parts(data.user_failure_data.metadata)
            return {
                "what": f"The run met an error that it has no answer to: {_cause(data)}",
                "meaning": "It ended early. What was recorded until then stays, and running it again does the rest.",
                "action": f"See the run's log in Dagster, step {event.step_key}, and report it.",
                "exit_code": 1,
            }
    return None


def _cause(data: StepFailureData) -> str:
    """The error itself, below those that Dagster wrapped around it."""
    error = data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip().splitlines()[0] if error is not None else "unknown"


def _parts(metadata: Mapping[str, dg.MetadataValue[Any]]) -> dict[str, Any]:
    return {name: metadata[name].value for name in ("what", "meaning", "action", "exit_code")}
