"""When a source is read: a poll as often as configured, and a full re-read now and then. Both ask no outside system."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from ml_connector.config import Company, Source
from ml_connector.defs.jobs import read_config
from ml_connector.defs.names import poll_job, range_tags
from ml_connector.defs.runs import in_flight
from ml_connector.defs.site import Site, now
from ml_connector.defs.upkeep import keep_up
from ml_connector.defs.work import to_read
from ml_connector.home import OpenHome

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition as Job

FULL_TAG = "full_reread"


def poll_schedule(site: Site, company: Company, source: Source, job: Job) -> dg.ScheduleDefinition:
    """One run over every window from the first that is not covered up to the open one."""

    @dg.schedule(
        job=job,
        name=f"{poll_job(source)}_schedule",
        cron_schedule=source.poll,
        execution_timezone=company.timezone.key,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=(
            f"Asks {source.system.title} for what changed for {company.name}. After a pause or an outage the first run "
            "covers every window that was missed."
        ),
    )
    def tick(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        with site.open() as home:
            keep_up(site, home, context.instance)
            if run := in_flight(context.instance, source.id):
                return dg.SkipReason(f"Run {run.run_id} reads {source.id} already.")
            return _request(home, company, source, full=False)

    return tick


def full_schedule(site: Site, company: Company, source: Source, cron: str, job: Job) -> dg.ScheduleDefinition:
    """Reads everything again; waits in the queue while a poll runs."""

    @dg.schedule(
        job=job,
        name=f"{company.name}__full_reread",
        cron_schedule=cron,
        execution_timezone=company.timezone.key,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=(
            f"Reads everything of {company.name} from {source.system.title} again, to find what polling cannot see: "
            f"silent changes, and records that vanished. If more than {source.brake:.0%} vanished, none is marked."
        ),
    )
    def tick(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        with site.open() as home:
            keep_up(site, home, context.instance)
            run = in_flight(context.instance, source.id)
            if run is not None and FULL_TAG in run.tags:
                return dg.SkipReason(f"Run {run.run_id} reads {source.id} again already.")
            return _request(home, company, source, full=True)

    return tick


def _request(home: OpenHome, company: Company, source: Source, *, full: bool) -> dg.RunRequest:
    span = to_read(home, company, source, now())
    return dg.RunRequest(
        run_config=read_config(company, source, full=full),
        tags={**range_tags(span.first, span.last), **({FULL_TAG: "true"} if full else {})},
    )
