"""When something is delivered, and when it is checked: one sensor of each kind per target, so that one target can be
paused alone. A sensor asks the ledger and Dagster, never an outside system."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from ml_connector.config import Company, Target
from ml_connector.config.cron import Cron
from ml_connector.defs.names import (
    CHECKED_RUN_TAG,
    COMMAND_LINE,
    LAUNCHED_BY_TAG,
    check_job,
    deliver_job,
    range_tags,
)
from ml_connector.defs.runs import ENDED, in_flight, is_checked, latest, next_attempt, of_connection
from ml_connector.defs.site import Site, now
from ml_connector.defs.upkeep import keep_up
from ml_connector.defs.work import Work, to_deliver
from ml_connector.home import OpenHome
from ml_connector.store import lease

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition as Job

EVERY_SECONDS = 15
CHECKS_ITSELF = timedelta(minutes=1)  # the command line checks what it delivered; longer than that, it was ended


def delivery_sensor(site: Site, company: Company, target: Target, job: Job) -> dg.SensorDefinition:
    """Launches a delivery as soon as something landed, or at the target's own cron."""
    when = f"at `{target.deliver}` ({company.timezone.key})" if target.deliver else "as soon as something landed"

    @dg.sensor(
        job=job,
        name=f"{deliver_job(target)}_sensor",
        minimum_interval_seconds=EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            f"Delivers to {target.id} {when}, and runs failed windows again. Stop it to pause {target.id} alone: what "
            "lands meanwhile is delivered when it is started again."
        ),
    )
    def tick(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        with site.open() as home:
            return _delivery(context, site, home, company, target)

    return tick


def _delivery(
    context: dg.SensorEvaluationContext, site: Site, home: OpenHome, company: Company, target: Target
) -> dg.SensorResult | dg.SkipReason:
    keep_up(site, home, context.instance)
    if run := in_flight(context.instance, target.id):
        return dg.SkipReason(f"Run {run.run_id} delivers to {target.id} already.")
    if lease.is_held(home.database, home.home.path, target.id):
        return dg.SkipReason(f"Another program works on {target.id}.")
    moment = now()
    runs = latest(context.instance, target.id)
    again = next_attempt(runs)
    if again is not None and moment < again:
        return dg.SkipReason(
            f"The last delivery failed; the next attempt is at {again:%Y-%m-%d %H:%M} UTC. To try at once, run the "
            f"failed windows again, or `ml-connector sync {target.id}`."
        )
    work = to_deliver(home, context.instance, company, target, moment)
    is_time, cursor = _is_time(company, target, context.cursor, moment)
    if not work.failed and not (work.due and is_time):
        return _nothing(target, work, cursor)
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(
                # Names the run before it, so each attempt has its own key and a tick that is repeated has the same.
                run_key=f"{target.id} {work.span.first} to {work.span.last}, after {runs[0].dagster_run.run_id}"
                if runs
                else f"{target.id} {work.span.first} to {work.span.last}, the first",
                tags=range_tags(work.span.first, work.span.last),
            )
        ],
        cursor=cursor,
    )


def _is_time(company: Company, target: Target, cursor: str | None, moment: datetime) -> tuple[bool, str | None]:
    """Whether the target's own cron has come since it was last heeded, and the new cursor."""
    if target.deliver is None:
        return True, None
    heeded = datetime.fromisoformat(cursor) if cursor else moment
    due = Cron.parse(target.deliver).next(heeded, company.timezone)
    is_time = due is not None and due <= moment
    return is_time, (moment if is_time else heeded).isoformat()


def _nothing(target: Target, work: Work, cursor: str | None) -> dg.SensorResult:
    reason = f"Nothing is due at {target.id}."
    if work.due:
        reason = f"What landed for {target.id} waits for its time: {target.deliver}."
    return dg.SensorResult(skip_reason=reason, cursor=cursor)


def checks_sensor(site: Site, target: Target, job: Job) -> dg.SensorDefinition:
    """Launches the checks once after every run that delivered to the target, whoever launched it, failed or not."""

    @dg.sensor(
        job=job,
        name=f"{check_job(target)}_sensor",
        minimum_interval_seconds=EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Checks after every delivery to {target.id}, failed ones too, whether everything reached it.",
    )
    def tick(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        with site.open() as home:
            keep_up(site, home, context.instance)
        since = datetime.fromisoformat(context.cursor) if context.cursor else None
        requests, cursor = [], context.cursor
        for record in of_connection(context.instance, target.id, ENDED, since):
            run, ended = record.dagster_run, record.update_timestamp
            by_command_line = run.tags.get(LAUNCHED_BY_TAG) == COMMAND_LINE
            checked = is_checked(context.instance, run.run_id)
            if by_command_line and not checked and now() - ended < CHECKS_ITSELF:
                break
            if not checked:
                requests.append(dg.RunRequest(run_key=run.run_id, tags={CHECKED_RUN_TAG: run.run_id}))
            cursor = ended.isoformat()
        if not requests:
            return dg.SensorResult(skip_reason="Every delivery has been checked.", cursor=cursor)
        return dg.SensorResult(run_requests=requests, cursor=cursor)

    return tick
