"""The factory: everything that Dagster shows of one company."""

from __future__ import annotations

import dagster as dg

from ml_connector.config import Company
from ml_connector.defs import jobs
from ml_connector.defs.checks import drift_checks, target_checks
from ml_connector.defs.names import op_name
from ml_connector.defs.resources import source_connection, target_connection
from ml_connector.defs.schedules import full_schedule, poll_schedule
from ml_connector.defs.sensors import checks_sensor, delivery_sensor
from ml_connector.defs.site import Site
from ml_connector.defs.source_assets import source_asset
from ml_connector.defs.target_assets import target_assets


def company_definitions(site: Site, company: Company) -> dg.Definitions:
    """Assets, checks, jobs, schedules, sensors and resources of one company."""
    source, targets = company.source, list(company.targets.values())
    poll = jobs.poll(company)
    deliveries = {target.name: jobs.deliver(target) for target in targets}
    checks = {target.name: jobs.check(target) for target in targets}
    return dg.Definitions(
        assets=[
            *(source_asset(site, company, entity) for entity in company.entities),
            *(target_assets(site, company, target) for target in targets),
        ],
        asset_checks=[
            drift_checks(site, company),
            *(target_checks(site, company, target) for target in targets),
        ],
        jobs=[poll, *deliveries.values(), *checks.values()],
        schedules=[poll_schedule(site, company, poll), full_schedule(site, company, poll)],
        sensors=[
            *(delivery_sensor(site, company, target, deliveries[target.name]) for target in targets),
            *(checks_sensor(site, target, checks[target.name]) for target in targets),
        ],
        resources={op_name(source): source_connection(source)}
        | {op_name(target): target_connection(target) for target in targets},
    )
