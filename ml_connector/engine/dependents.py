"""Records that need another flow's object first: noting that they wait, waking them, and bringing the other over.

A record that lacks something is FAILED with the class `dependency`. It is due again in the transaction that records the
other one as delivered; once a day it is looked at in any case.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from sqlalchemy.engine import Connection

from ml_connector.engine.records import Need, Outcome, Result
from ml_connector.store.links import Links

if TYPE_CHECKING:
    from ml_connector.engine.plan import Planned, Send, Settle

LOOK_AGAIN = timedelta(days=1)
DELIVERED = frozenset({Outcome.CREATED, Outcome.UPDATED})


class Bring(Protocol):
    """Delivers records of another flow at the same target, as far as nobody attempted them. Raises StoppedProblem."""

    def __call__(self, flow: str, keys: Sequence[str]) -> None: ...


def look_again(lacking: Sequence[Need], outcome: Outcome, now: datetime) -> datetime | None:
    """When a record that lacks something is looked at again, if nothing wakes it before."""
    return now + LOOK_AGAIN if lacking and outcome is Outcome.FAILED else None


def note_lacking(connection: Connection, links: Links, flow: str, plans: Sequence[Planned]) -> None:
    """Note what records wait for; a name that nobody bears yet wakes nobody."""
    links.wait(
        connection,
        flow,
        [
            (plan.key, need.flow, _record(need.identity) if need.record else need.identity)
            for plan in plans
            for need in plan.lacking
            if not need.alias
        ],
    )


def note_unchanged(connection: Connection, links: Links, flow: str, settled: Sequence[Settle]) -> None:
    """Note the names of what is unchanged."""
    links.call(connection, flow, {plan.key: plan.aliases for plan in settled if plan.aliases is not None})


def note_delivered(
    connection: Connection, links: Links, flow: str, answers: Sequence[tuple[Send, Result]], now: datetime
) -> None:
    """Wake who waited for what these records are linked to now, and note the names that the records gave themselves."""
    delivered = [(plan, result) for plan, result in answers if result.outcome in DELIVERED]
    identities = [result.target_id or plan.change.claim for plan, result in delivered]
    links.wake(connection, flow, [*identities, *(_record(plan.key) for plan, _ in delivered)], now)
    names: Mapping[str, Sequence[str]] = {plan.key: plan.aliases for plan, _ in delivered if plan.aliases is not None}
    links.call(connection, flow, names)


@dataclass(slots=True)
class Lacking:
    """What one delivery's records lack, so that it can be brought over once, between two passes."""

    _wanted: dict[str, dict[str, None]] = field(default_factory=dict)  # flow -> keys
    _asked: set[str] = field(default_factory=set)  # records that had their chance

    def is_to_be_brought(self, plan: Planned) -> bool:
        """Whether what this record lacks is still to be brought over; it is planned again after that."""
        brought = [need for need in plan.brings if need.key is not None]
        if not brought or plan.key in self._asked:
            return False
        self._asked.add(plan.key)
        for need in brought:
            self._wanted.setdefault(need.flow, {})[str(need.key)] = None
        return True

    def bring(self, bring: Bring | None) -> None:
        """Bring it over. Raises StoppedProblem."""
        wanted, self._wanted = self._wanted, {}
        if bring is not None:
            for flow, keys in wanted.items():
                bring(flow, list(keys))


def _record(key: str) -> str:
    """What is noted where a record is waited for, whatever identity it will have; no identity has a space in front."""
    return f" {key}"
