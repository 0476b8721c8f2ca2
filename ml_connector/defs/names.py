"""What things are called in Dagster: keys, jobs and tags. Runs and windows are found by these again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import dagster as dg

from ml_connector.config import Company, Source, Target
from ml_connector.engine.ports import Entity, Flow

COMPANY_TAG: Final = "company"
TARGET_TAG: Final = "target"
# What the run works on, one run at a time: `nordic/visma`, `nordic/mailchimp`, `nordic/mailchimp/checks`. The run queue
# limits runs by it (dagster.yaml), and the lease bears the same name.
CONNECTION_TAG: Final = "connection_target"
CHECKED_RUN_TAG: Final = "checked_run"
LAUNCHED_BY_TAG: Final = "launched_by"
COMMAND_LINE: Final = "ml-connector"

# Dagster's own tags: a run over several windows, and how often it is run again when it failed (ours: never; the sensor
# does that).
RANGE_START_TAG: Final = "dagster/asset_partition_range_start"
RANGE_END_TAG: Final = "dagster/asset_partition_range_end"
RETRIES_TAG: Final = "dagster/max_retries"
PRIORITY_TAG: Final = "dagster/priority"  # of a step in its run, the highest first


def source_key(company: Company, entity: str) -> dg.AssetKey:
    """`visma.customers` of nordic is the asset nordic/visma/customers."""
    return dg.AssetKey([company.name, *entity.split(".")])


def target_key(target: Target, flow: Flow) -> dg.AssetKey:
    """nordic/mailchimp/members."""
    return dg.AssetKey([target.company, target.name, flow.name])


def op_name(account: Source | Target) -> str:
    """nordic__mailchimp; also the name of the account's resource."""
    return account.id.replace("/", "__")


def read_op(company: Company, entity: Entity) -> str:
    """nordic__visma__customers."""
    return "__".join(source_key(company, entity.name).path)


def poll_job(source: Source) -> str:
    """nordic__poll; nordic__poll_chargebee for a target that is also read."""
    return f"{source.company}__poll" if source.target is None else f"{source.company}__poll_{source.target}"


def deliver_job(target: Target) -> str:
    return f"{target.company}__deliver_{target.name}"


def check_job(target: Target) -> str:
    return f"{target.company}__check_{target.name}"


def checks_of(target: Target) -> str:
    """What a run of the target's checks works on."""
    return f"{target.id}/checks"


def tags(company: str, target: str, connection: str) -> dict[str, str]:
    """The tags of a run that works on one connection."""
    return {COMPANY_TAG: company, TARGET_TAG: target, CONNECTION_TAG: connection}


def range_tags(first: str, last: str) -> Mapping[str, str]:
    """A run over every window from the first to the last, both included."""
    return {RANGE_START_TAG: first, RANGE_END_TAG: last}
