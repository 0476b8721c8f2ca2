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
GONE: Final = "The process of this run is gone. What it recorded stays, and the next run does the rest."


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


def end_dead_runs(
    home: OpenHome, instance: dg.DagsterInstance, assets: Collection[dg.AssetKey], silent_for: timedelta = SILENT_FOR
) -> list[str]:
    """End the runs whose process is gone, and strike their leases off the list; returns the runs' ids.

    A lease that is free and was never given back proves that its process died. A run without a lease may be about to
    take one, or about to end, so it is given time.

    Args:
        assets: ours; runs of other code locations are none of our business.
    """
    expired = lease.expired(home.database, home.home.path, now())
    died = {one.run_id for one in expired if not lease.is_held(home.database, home.home.path, one.name)}
    working = _holders(home) - {one.run_id for one in expired}
    ended = []
    for record in instance.get_run_records(dg.RunsFilter(statuses=list(NEEDS_A_PROCESS))):
        run = record.dagster_run
        if not _is_ours(run, assets) or run.run_id in working:
            continue
        if run.run_id in died or _is_silent(instance, record, silent_for):
            instance.report_run_failed(run, GONE)
            ended.append(run.run_id)
    for one in expired:
        found = instance.get_run_by_id(one.run_id)
        if found is None or found.is_finished:
            lease.clear(home.database, one.name, one.run_id)
    return ended


def _holders(home: OpenHome) -> set[str]:
    with home.database.connect() as connection:
        return set(connection.execute(select(leases.c.run_id)).scalars())


def _is_ours(run: dg.DagsterRun, assets: Collection[dg.AssetKey]) -> bool:
    return CONNECTION_TAG in run.tags or any(key in assets for key in run.asset_selection or ())


def _is_silent(instance: dg.DagsterInstance, record: dg.RunRecord, silent_for: timedelta) -> bool:
    events = instance.get_records_for_run(record.dagster_run.run_id, limit=1, ascending=False).records
    heard = datetime.fromtimestamp(events[0].timestamp, UTC) if events else record.create_timestamp
    return now() - heard > silent_for
