"""The jobs: one poll per company, one delivery and one round of checks per target. They run in one process each, and
Dagster never retries them: the sensor does, with what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from ml_connector.config import Company, Source, Target
from ml_connector.defs.names import (
    RETRIES_TAG,
    check_job,
    checks_of,
    deliver_job,
    op_name,
    poll_job,
    read_op,
    source_key,
    tags,
    target_key,
)

if TYPE_CHECKING:  # what `define_asset_job` returns has no public name
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition as Job


def poll(company: Company, source: Source) -> Job:
    """Reads every entity of a source that the company's flows need, and looks at the drift of full re-reads."""
    return _job(
        poll_job(source),
        dg.AssetSelection.assets(*(source_key(company, entity.name) for entity in company.read_of(source))),
        f"Asks {source.system.title} what changed for {company.name} and lands it.",
        tags(company.name, source.system.name, source.id),
    )


def deliver(target: Target) -> Job:
    """Delivers what is due, without the checks: they have to run when this fails, too."""
    return _job(
        deliver_job(target),
        dg.AssetSelection.assets(*_keys(target)).without_checks(),
        f"Delivers to {target.id} what is due. Run it for a range of windows; only what is missing is sent.",
        tags(target.company, target.name, target.id),
    )


def check(target: Target) -> Job:
    """Asks the ledger how the target stands."""
    return _job(
        check_job(target),
        dg.AssetSelection.checks_for_assets(*_keys(target)),
        f"Checks in the ledger whether everything reached {target.id}. Runs after every delivery.",
        tags(target.company, target.name, checks_of(target)),
    )


def read_config(company: Company, source: Source, *, full: bool, told_only: bool = False) -> dict[str, Any]:
    """The run config of a poll; `told_only`: reads only what webhooks told of."""
    how = {"full": full, "told_only": told_only}
    return {"ops": {read_op(company, entity): {"config": how} for entity in company.read_of(source)}}


def deliver_config(target: Target, records: Sequence[str], *, reread: bool) -> dict[str, Any]:
    """The run config of a delivery of exactly these records; of what is due where there are none."""
    return {"ops": {op_name(target): {"config": {"records": list(records), "reread": reread}}}}


def _keys(target: Target) -> list[dg.AssetKey]:
    return [target_key(target, flow) for flow in target.flows]


def _job(name: str, selection: dg.AssetSelection, description: str, run_tags: dict[str, str]) -> Job:
    return dg.define_asset_job(
        name,
        selection,
        description=description,
        tags=run_tags | {RETRIES_TAG: "0"},
        executor_def=dg.in_process_executor,
    )
