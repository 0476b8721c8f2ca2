"""One call through all its tries: what is repeated, how often, and what it ends with."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
import stamina
from pydantic import BaseModel, ConfigDict, Field

from ml_connector.http.actions import Decision
from ml_connector.http.errors import CallProblem, RecordFailed, TornAnswer, Uncertain

T = TypeVar("T")

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
IDEMPOTENT = SAFE | {"PUT", "DELETE"}


class Retries(BaseModel):
    """How often, and after what pauses, a call is repeated.

    Attributes:
        attempts: tries of one call that end in an outage, the first one included.
        limits: times that one call may be turned away by a limit.
        first_pause: seconds before the second try; doubles with each.
        longest_pause: where the doubling ends.
        jitter: up to so many seconds more, by chance.
        outages: calls in a row that end in an outage, all their tries used up, before the system counts as down.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)  # it is also a block of settings

    attempts: int = Field(5, ge=1)
    limits: int = Field(20, ge=1)
    first_pause: float = Field(0.5, ge=0)
    longest_pause: float = Field(30.0, ge=0)
    jitter: float = Field(0.5, ge=0)
    outages: int = Field(5, ge=1)


class Again(Exception):
    """The call is to be repeated; `problem` is what it ends with when that was the last time."""

    def __init__(self, problem: CallProblem, last: bool, at_once: bool = False) -> None:
        super().__init__(str(problem))
        self.problem = problem
        self.last = last
        self.at_once = at_once


@dataclass(slots=True)
class Call:
    """One call and what befell it so far.

    Attributes:
        request: what is sent, each time anew.
        repeatable: whether it may be sent again after it may have taken effect.
        allow: statuses that count as an answer.
        parse: what makes data of the body.
        failures: tries that ended in an outage.
        limits: times that it was turned away.
        may_have_happened: it is a write, and one try was sent that got no definite answer.
    """

    request: httpx.Request
    repeatable: bool
    allow: Collection[int] = ()
    parse: Callable[[bytes], Any] | None = None
    failures: int = 0
    limits: int = 0
    may_have_happened: bool = False

    @property
    def is_write(self) -> bool:
        return self.request.method not in SAFE

    def failed(
        self,
        retries: Retries,
        decision: Decision,
        status: int | None = None,
        correlation_id: str | None = None,
        *,
        sent: bool = True,
        torn: bool = False,
    ) -> Again:
        """A try ended in an outage. A write that was sent is in doubt from then on, whatever its next tries end in."""
        self.failures += 1
        self.may_have_happened |= sent and self.is_write
        last = self.failures >= retries.attempts or (self.may_have_happened and not self.repeatable)
        return Again(self._problem(decision, status, correlation_id, torn), last)

    def turned_away(
        self, retries: Retries, decision: Decision, status: int | None, correlation_id: str | None
    ) -> Again:
        """A try met a limit: it did not happen. The pace makes everybody wait; no pause comes on top."""
        self.limits += 1
        last = self.limits >= retries.limits
        return Again(self._problem(decision, status, correlation_id, torn=False), last, at_once=True)

    def _problem(self, decision: Decision, status: int | None, correlation_id: str | None, torn: bool) -> CallProblem:
        kind = Uncertain if self.may_have_happened else TornAnswer if torn else RecordFailed
        return kind(decision, status, correlation_id)


def repeating(retries: Retries, attempt: Callable[[], T]) -> T:
    """Try until it works. Raises the last `Again`, and at once whatever else a try raises."""
    for again in stamina.retry_context(
        on=_pause,
        attempts=None,  # `Again.last` ends it: outages and limits are counted apart
        timeout=None,
        wait_initial=retries.first_pause,
        wait_max=retries.longest_pause,
        wait_jitter=retries.jitter,
    ):
        with again:
            result = attempt()
    return result


def _pause(error: Exception) -> bool | float:
    """For stamina: whether to go on, or the pause in seconds."""
    if not isinstance(error, Again) or error.last:
        return False
    return 0.0 if error.at_once else True
