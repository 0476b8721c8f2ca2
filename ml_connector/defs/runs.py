"""Runs as Dagster knows them: which are on their way, and which came last."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Final

import dagster as dg

from ml_connector.defs.names import CHECKED_RUN_TAG, CONNECTION_TAG

ENDED: Final = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
ON_ITS_WAY: Final = tuple(status for status in dg.DagsterRunStatus if status not in ENDED)
MOST: Final = 50
WAITS: Final = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1))


def in_flight(instance: dg.DagsterInstance, connection: str) -> dg.DagsterRun | None:
    """A run that works on a connection, or is about to."""
    filters = dg.RunsFilter(tags={CONNECTION_TAG: connection}, statuses=list(ON_ITS_WAY))
    return next(iter(instance.get_runs(filters, limit=1)), None)


def latest(instance: dg.DagsterInstance, connection: str, limit: int = 10) -> list[dg.RunRecord]:
    """The newest runs that worked on a connection, the newest first."""
    return list(instance.get_run_records(dg.RunsFilter(tags={CONNECTION_TAG: connection}), limit=limit))


def of_connection(
    instance: dg.DagsterInstance, connection: str, statuses: Collection[dg.DagsterRunStatus], since: datetime | None
) -> list[dg.RunRecord]:
    """Runs that worked on a connection and reached one of these statuses after a moment, in that order."""
    filters = dg.RunsFilter(tags={CONNECTION_TAG: connection}, statuses=list(statuses), updated_after=since)
    return list(instance.get_run_records(filters, limit=MOST, order_by="update_timestamp", ascending=True))


def is_checked(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether the checks were launched for a delivery."""
    return instance.get_runs_count(dg.RunsFilter(tags={CHECKED_RUN_TAG: run_id})) > 0


def next_attempt(runs: Collection[dg.RunRecord]) -> datetime | None:
    """After failures in a row, when to try again; None: at once."""
    failures = 0
    for record in runs:
        if record.dagster_run.status is not dg.DagsterRunStatus.FAILURE:
            break
        failures += 1
    if not failures:
        return None
    newest = next(iter(runs))
    ended = datetime.fromtimestamp(newest.end_time, UTC) if newest.end_time else newest.update_timestamp
    return ended + WAITS[min(failures, len(WAITS)) - 1]
