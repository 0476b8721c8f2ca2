"""The factory: everything that Dagster shows of one company."""

from __future__ import annotations

import dagster as dg

from ml_connector.config import Company
from ml_connector.defs import jobs
from ml_connector.defs.checks import drift_checks, target_checks
from ml_connector.defs.inbox_sensor import inbox_sensor
from ml_connector.defs.names import op_name
from ml_connector.defs.resources import source_connection, target_connection
from ml_connector.defs.schedules import full_schedule, poll_schedule
from ml_connector.defs.sensors import checks_sensor, delivery_sensor
from ml_connector.defs.site import Site
from ml_connector.defs.source_assets import source_asset
from ml_connector.defs.target_assets import target_assets


def company_definitions(site: Site, company: Company) -> dg.Definitions:
    """Assets, checks, jobs, schedules, sensors and resources of one company."""
    sources, targets = company.sources, list(company.targets.values())
    polls = {source.name: jobs.poll(company, source) for source in sources}
    deliveries = {target.name: jobs.deliver(target) for target in targets}
    checks = {target.name: jobs.check(target) for target in targets}
    return dg.Definitions(
        assets=[
            *(source_asset(site, company, source, entity) for source in sources for entity in company.read_of(source)),
            *(target_assets(site, company, target) for target in targets),
        ],
        asset_checks=[
            *(drift_checks(site, company, source) for source in sources),
            *(target_checks(site, company, target) for target in targets),
        ],
        jobs=[*polls.values(), *deliveries.values(), *checks.values()],
        schedules=[
            *(poll_schedule(site, company, source, polls[source.name]) for source in sources),
            *(full_schedule(site, company, one, one.full, polls[one.name]) for one in sources if one.full is not None),
        ],
        sensors=[
            *(delivery_sensor(site, company, target, deliveries[target.name]) for target in targets),
            *(checks_sensor(site, target, checks[target.name]) for target in targets),
            *(inbox_sensor(site, company, source, polls[source.name]) for source in company.inward),
        ],
        resources={op_name(source): source_connection(source) for source in sources}
        | {op_name(target): target_connection(target) for target in targets},
    )
