"""When an inbox is emptied: as soon as a webhook told of something, by the source's own poll job."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from ml_connector.config import Company, Source
from ml_connector.defs.jobs import read_config
from ml_connector.defs.names import poll_job, range_tags
from ml_connector.defs.runs import in_flight
from ml_connector.defs.site import Site, now
from ml_connector.defs.upkeep import keep_up

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition as Job

EVERY_SECONDS = 15


def inbox_sensor(site: Site, company: Company, source: Source, job: Job) -> dg.SensorDefinition:
    """Launches a read of what webhooks told of, while anything waits in the inbox."""

    @dg.sensor(
        job=job,
        name=f"{poll_job(source)}_inbox_sensor",
        minimum_interval_seconds=EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            f"Reads from {source.system.title} again what its webhooks told {company.name} of. Stop it, and polling "
            "still finds everything."
        ),
    )
    def tick(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        with site.open() as home:
            keep_up(site, home, context.instance)
            inbox = home.ledger(company.name).inbox(str(source.target))
            if not inbox.waiting(1):
                return dg.SkipReason("Nothing waits in the inbox.")
            if run := in_flight(context.instance, source.id):
                return dg.SkipReason(f"Run {run.run_id} reads {source.id} already.")
            moment = now()
            window = company.windows.key(moment, moment)
            return dg.RunRequest(
                run_config=read_config(company, source, full=False, told_only=True),
                tags=dict(range_tags(window, window)),
            )

    return tick
