"""What every tick and every command does first, so that nothing is blocked for ever and nothing runs twice at once.

Dagster's default launcher does not notice that a run's process died: the run would stay STARTED and block its pool and
its tag. Every run of ours holds a lease with a heartbeat while it works, so a run that holds none and has been silent
for a while is dead, and whoever finds it ends it.

Dagster learns a pool's default limit in the very pass of the run queue that first meets the pool, and does not heed it
in that pass. So the pools are created before.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Final

import dagster as dg
from sqlalchemy import select

from ml_connector.config import Config
from ml_connector.defs.names import CONNECTION_TAG
from ml_connector.defs.site import Site, now
from ml_connector.home import OpenHome
from ml_connector.store import lease
from ml_connector.store.tables import lease as leases

# A queued run waits for the daemon and a starting one for its launcher, which run monitoring watches.
NEEDS_A_PROCESS: Final = (
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)
SILENT_FOR: Final = timedelta(minutes=2)


def keep_up(site: Site, home: OpenHome, instance: dg.DagsterInstance) -> None:
    """End dead runs and create the pools that are missing."""
    end_dead_runs(home, instance, site.assets)
    create_pools(instance, site.config)


def create_pools(instance: dg.DagsterInstance, config: Config) -> list[str]:
    """Give every connection's pool its limit; returns those that had none. A limit that somebody set stays."""
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return []
    wanted = {account.id for account in config.accounts()}
    missing = sorted(wanted - {pool.name for pool in storage.get_pool_limits()})
    for pool in missing:
        storage.set_concurrency_slots(pool, 1)
    return missing


def end_dead_runs(home: OpenHome, instance: dg.DagsterInstance, assets: Collection[dg.AssetKey]) -> list[str]:
    """End the runs whose process is gone; returns their ids.

    Args:
        assets: ours; runs of other code locations are none of our business.
    """
    started = [
        record
        for record in instance.get_run_records(dg.RunsFilter(statuses=list(NEEDS_A_PROCESS)))
        if _is_ours(record.dagster_run, assets) and _is_silent(instance, record)
    ]
    working = _working(home) if started else set()
    ended = []
    for run in (record.dagster_run for record in started):
        if run.run_id not in working:
            instance.report_run_failed(
                run,
                "The run's process is gone: it holds no lease and was silent for "
                f"{SILENT_FOR.total_seconds() / 60:.0f} minutes. What it recorded stays; the next run does the rest.",
            )
            ended.append(run.run_id)
    return ended


def _working(home: OpenHome) -> set[str]:
    """The runs that hold a lease."""
    expired = {one.name for one in lease.expired(home.database, home.home.path, now())}
    with home.database.connect() as connection:
        held = connection.execute(select(leases.c.name, leases.c.run_id)).all()
    return {run_id for name, run_id in held if name not in expired}


def _is_ours(run: dg.DagsterRun, assets: Collection[dg.AssetKey]) -> bool:
    return CONNECTION_TAG in run.tags or any(key in assets for key in run.asset_selection or ())


def _is_silent(instance: dg.DagsterInstance, record: dg.RunRecord) -> bool:
    events = instance.get_records_for_run(record.dagster_run.run_id, limit=1, ascending=False).records
    heard = datetime.fromtimestamp(events[0].timestamp, UTC) if events else record.create_timestamp
    return now() - heard > SILENT_FOR
