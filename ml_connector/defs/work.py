"""What is to be read and delivered now, as windows: asked of the ledger, never of an outside system."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Final

import dagster as dg

from ml_connector.config import Company, Source, Target
from ml_connector.defs.names import target_key
from ml_connector.defs.windows import partitions
from ml_connector.engine.deliver import is_due, open_book
from ml_connector.engine.ports import Flow
from ml_connector.engine.takeup import take_up
from ml_connector.home import OpenHome
from ml_connector.store.checks import rejected_windows
from ml_connector.store.ledger import Ledger

FAILED: Final = "FAILED"  # as Dagster calls it; the type has no public name
MOST_MISSING: Final = 200
FIRST_WINDOWS: Final = (
    24  # that a first run reaches back: each costs Dagster an event, a tenth of a second on a slow disk
)


@dataclass(frozen=True, slots=True)
class Span:
    """Every window from the first to the last, both included."""

    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Work:
    """What a delivery to a target would do.

    Attributes:
        due: the ledger has something to deliver.
        failed: windows that Dagster shows as failed and that a run would turn green.
        span: the windows of the run; what is due from older windows comes along and is shown under its own.
    """

    due: bool
    failed: Collection[str]
    span: Span


def to_read(home: OpenHome, company: Company, source: Source, now: datetime) -> Span:
    """From the first window that is not covered up to the open one, so that downtime heals itself.

    Before the first read the range is bounded: each window costs Dagster some events, and a read shows the same figures
    in all of them. Older ones stay missing; what changed then counts to them all the same where it is delivered.
    """
    readings = home.ledger(company.name).readings
    windowed = [entity for entity in company.read_of(source) if entity.windowed]
    covered = [readings.coverage(entity.name).until for entity in windowed]
    read_before = [moment for moment in covered if moment is not None]
    since = min(read_before) if len(read_before) == len(covered) else now - FIRST_WINDOWS * company.windows.length
    return Span(company.windows.key(since, now), company.windows.key(now, now))


def to_deliver(home: OpenHome, instance: dg.DagsterInstance, company: Company, target: Target, now: datetime) -> Work:
    """What is due at a target, and the windows of a run that delivers it.

    The run reaches to the open window, and back to where the last one ended: a window in which nothing changed is shown
    as delivered too, instead of as missing. Only failed windows take it back further than `MOST_MISSING`, and a first
    run than `FIRST_WINDOWS`.
    """
    ledger = home.ledger(company.name)
    open_window = company.windows.key(now, now)
    due, failed, windows = False, set[str](), {open_window}
    for flow in target.flows:
        statuses = _statuses(instance, company, target, flow)
        due = due or is_due(flow, ledger, target.name, now)
        red = {window for window, status in statuses.items() if status == FAILED}
        if red:
            failed |= red - rejected(home, company, target, flow) - _held(ledger, company, target, flow, red, now)
        reach = MOST_MISSING if any(statuses.values()) else FIRST_WINDOWS
        earliest = company.windows.key(now - reach * company.windows.length, now)
        windows |= failed | {max(window, earliest) for window in outstanding(home, company, target, flow, now)}
        windows |= _missing_before(min(windows), statuses)
    return Work(due, failed, Span(min(windows), open_window))


def outstanding(home: OpenHome, company: Company, target: Target, flow: Flow, now: datetime) -> set[str]:
    """The windows of the versions that a flow has not taken up."""
    book = open_book(flow, home.ledger(company.name), target.name)
    state = book.state()
    up_to = book.newest([flow.entity, *flow.secondary])
    taken_up_to = 0 if state is None or state.fingerprint != flow.fingerprint else state.taken_up_to
    return _windows(company, book.outstanding(taken_up_to, up_to), now)


def _held(ledger: Ledger, company: Company, target: Target, flow: Flow, windows: Set[str], now: datetime) -> Set[str]:
    """Those of these windows that no run turns green before a read that their records wait for."""
    book = open_book(flow, ledger, target.name)
    limits = take_up(flow, ledger, book)
    if limits.refusal is not None:
        return windows
    return _windows(company, book.outstanding(limits.up_to, limits.newest), now) if limits.holds_back else set()


def rejected(home: OpenHome, company: Company, target: Target, flow: Flow) -> set[str]:
    """The windows that stay red because of a rejected record; only where the flow is configured so."""
    if not flow.on_rejected_fail:
        return set()
    with home.database.connect() as connection:
        return rejected_windows(connection, company.name, target.name, flow.name)


def _statuses(instance: dg.DagsterInstance, company: Company, target: Target, flow: Flow) -> Mapping[str, str | None]:
    """What Dagster shows for every window of a flow, in order; None: missing."""
    windows = partitions(company.windows)
    keys = windows.get_partition_keys()
    found = instance.get_status_by_partition(target_key(target, flow), keys, windows) or {}
    return {key: status.value if (status := found.get(key)) else None for key in keys}


def _missing_before(first: str, statuses: Mapping[str, str | None]) -> set[str]:
    """The missing windows between the last one that is shown and the first of the run, unless they are too many."""
    earlier = [window for window in statuses if window < first]
    gap = list(takewhile(lambda window: statuses[window] is None, reversed(earlier)))
    return set(gap) if len(gap) <= MOST_MISSING else set()


def _windows(company: Company, moments: Iterable[datetime], now: datetime) -> set[str]:
    windows = company.windows  # made anew each time it is asked for, and there may be a moment per record
    return {windows.key(moment, now) for moment in moments}
