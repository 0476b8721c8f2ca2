"""Records that need another flow's object first: noting that they wait, waking them, and bringing the other over.

A record that lacks something is FAILED with the class `dependency`. It is due again in the transaction that records the
other one as delivered; once a day it is looked at in any case. One that was delivered follows what it needs: it is due
again when the target says something else about that, another id, say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from sqlalchemy.engine import Connection

from ml_connector.engine.records import LONGEST_NAME, Need, Outcome, Result
from ml_connector.store.deliveries import State
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
        [(plan.key, need.flow, _awaited(need)) for plan in plans for need in plan.lacking if not need.alias],
    )


def note_unchanged(connection: Connection, links: Links, flow: str, settled: Sequence[Settle], now: datetime) -> None:
    """Wake who waited for what is delivered again, and needed no call for that; note the names of what is unchanged."""
    back = [plan for plan in settled if plan.outcome is Outcome.UNCHANGED and _was_away(plan)]
    if back:
        identities = [name for plan in back for name in (plan.linked_to, plan.claim) if name is not None]
        links.wake(connection, flow, [*dict.fromkeys(identities), *(_record(plan.key) for plan in back)], now)
    links.call(connection, flow, {plan.key: plan.aliases for plan in settled if plan.aliases is not None})


def note_delivered(
    connection: Connection, links: Links, flow: str, answers: Sequence[tuple[Send, Result]], now: datetime
) -> None:
    """Wake who waited for what these records are linked to now, and note the names that the records gave themselves."""
    delivered = [(plan, result) for plan, result in answers if result.is_there]
    if links.is_awaited(connection, flow):
        _wake(connection, links, flow, delivered, now)
    needs = [(plan.key, need) for plan, _ in delivered for need in plan.needs.values() if not need.alias]
    following = [(key, need.flow, _followed(_awaited(need))) for key, need in needs]
    links.wait(connection, flow, [one for one in following if len(one[2]) <= LONGEST_NAME])
    named = ((plan.key, plan.aliases if result.aliases is None else result.aliases) for plan, result in delivered)
    links.call(connection, flow, {key: names for key, names in named if names is not None})


def note_given_up(connection: Connection, links: Links, flow: str, states: Sequence[State], now: datetime) -> None:
    """Whoever waits for one of these records looks again: it does not come."""
    names = [name for state in states for name in (state.target_id, state.claim, _record(state.key))]
    links.wake(connection, flow, [name for name in names if name is not None], now)


def _wake(
    connection: Connection, links: Links, flow: str, delivered: Sequence[tuple[Send, Result]], now: datetime
) -> None:
    identities = [result.target_id or plan.change.claim for plan, result in delivered]
    links.wake(connection, flow, [*identities, *(_record(plan.key) for plan, _ in delivered)], now)
    changed = [(plan, result) for plan, result in delivered if _says_otherwise(plan, result)]
    followed = {name for plan, result in changed for name in (result.target_id or plan.change.claim, _record(plan.key))}
    links.wake(connection, flow, [_followed(name) for name in followed], now, again=True)


def note_missing(
    connection: Connection, links: Links, flow: str, answers: Sequence[tuple[Send, Result]], now: datetime
) -> None:
    """What the target does not know any more is delivered anew, and those that failed for it wait for it."""
    waiting: list[tuple[str, str, str]] = []
    records: dict[str, list[str]] = {}
    identities: dict[str, list[str]] = {}
    for plan, result in answers:
        for need in (plan.needs[name] for name in result.missing if name in plan.needs):
            (records if need.record else identities).setdefault(need.flow, []).append(need.identity)
            if result.outcome is Outcome.FAILED:
                waiting.append((plan.key, need.flow, _awaited(need)))
    links.wait(connection, flow, waiting)
    for name in {*records, *identities}:
        links.renew(connection, name, records.get(name, ()), identities.get(name, ()), now)


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


def _was_away(plan: Settle) -> bool:
    """Whether a rule, or a fault of its own, had kept the record back."""
    return plan.state is not None and Outcome(plan.state.outcome) not in (*DELIVERED, Outcome.UNCHANGED)


def _says_otherwise(plan: Send, result: Result) -> bool:
    before = plan.state.facts if plan.state is not None else {}
    return any(before.get(name, value) != value for name, value in result.facts.items())


def _awaited(need: Need) -> str:
    return _record(need.identity) if need.record else need.identity


def _followed(awaited: str) -> str:
    """What is noted for a record that has what it needs; no identity has a tabulator in front."""
    return f"\t{awaited}"


def _record(key: str) -> str:
    """What is noted where a record is waited for, whatever identity it will have; no identity has a space in front."""
    return f" {key}"
