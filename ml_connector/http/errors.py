"""What a call can end with besides an answer, named by what the caller does about it.

CallProblem                 this call only; carries the decision, the status and the vendor's request id
├── RecordRefused           for good: the record is rejected
│   └── BatchRefused        one record of several spoils the call: send halves
├── RecordFailed            not now: the record failed, and is due again
│   └── TornAnswer          the answer broke off or could not be read, also after every retry
└── Uncertain               a write that may have happened, or may still happen
Stopped                     (a StoppedProblem) nothing else will work either: credentials, rights, quota, outage, clock
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ml_connector.errors import StoppedProblem
from ml_connector.http.actions import Action, Decision

STILL_DUE = "Nothing more is asked of {name} in this run; what was not attempted is still due."
TRY_LATER = "Nothing has to be done if {name} is only down for a while: the next run goes on from here."


class CallProblem(Exception):
    """One call did not end well.

    Attributes:
        decision: what is to be done, with kind, reason and the vendor's code.
        status: HTTP status, where there was an answer.
        correlation_id: the vendor's request id, where it sent one.
    """

    def __init__(self, decision: Decision, status: int | None = None, correlation_id: str | None = None) -> None:
        super().__init__(decision.reason)
        self.decision = decision
        self.status = status
        self.correlation_id = correlation_id


class RecordRefused(CallProblem):
    """The other side refuses this for good."""


class BatchRefused(RecordRefused):
    """Something among several records is refused, and the answer does not say which."""


class RecordFailed(CallProblem):
    """It did not work, nothing was changed, and later it may work."""


class TornAnswer(RecordFailed):
    """The answer broke off or could not be read; asking again may help."""


class Uncertain(CallProblem):
    """A write was sent and its outcome is unknown: it may have taken effect, or may still do so."""


class Stopped(StoppedProblem):
    """The other side stopped the work as a whole.

    Attributes:
        decision: with kind, reason and the vendor's code.
        status: HTTP status, where there was an answer.
        without_effect: the call that it ended was certainly refused or never sent, in each of its tries.
    """

    def __init__(
        self, name: str, decision: Decision, status: int | None = None, *, without_effect: bool = False
    ) -> None:
        super().__init__(
            f"{name}: {decision.reason.rstrip('.')}.",  # a vendor's own words may end with a full stop
            STILL_DUE.format(name=name),
            decision.advice or TRY_LATER.format(name=name),
        )
        self.decision = decision
        self.status = status
        self.without_effect = without_effect


def stop(
    name: str, kind: str, reason: str, advice: str = "", status: int | None = None, *, without_effect: bool = False
) -> Stopped:
    """A stop that no table decided."""
    return Stopped(name, Decision(Action.STOP, kind, reason, advice), status, without_effect=without_effect)


@contextmanager
def stopping(name: str, doing: str) -> Iterator[None]:
    """Turn a call's problem into a stop, for work that cannot go on without this call ("reading customers")."""
    try:
        yield
    except CallProblem as problem:
        decision = problem.decision
        raise stop(name, decision.kind, f"{doing}: {decision.reason}", decision.advice, problem.status) from problem
