"""The asset checks, computed from the ledger: red for as long as something is wrong, green by themselves afterwards.

Those of a target run in a job of their own after every delivery, a failed one too.
"""

# No postponed annotations here: Dagster takes those of its functions for types.
from collections.abc import Iterator
from contextlib import ExitStack

import dagster as dg

from ml_connector.config import Company, Source, Target
from ml_connector.defs.failures import failing
from ml_connector.defs.names import checks_of, op_name, source_key, target_key
from ml_connector.defs.runs import latest
from ml_connector.defs.site import Site, busy, mark
from ml_connector.defs.verdicts import Question, verdicts

DRIFT = "full_reread_drift"


def target_checks(site: Site, company: Company, target: Target) -> dg.AssetChecksDefinition:
    """The checks of a target's flows."""
    asked = {(target_key(target, flow), name): (flow, ask) for flow in target.flows for name, ask in verdicts(flow)}

    @dg.multi_asset_check(
        name=f"{op_name(target)}__checks",
        specs=[
            dg.AssetCheckSpec(name, asset=key, description=" ".join((ask.__doc__ or "").split()))
            for (key, name), (_, ask) in asked.items()
        ],
        can_subset=True,
    )
    def check(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        run, instance = context.op_execution_context.run, context.op_execution_context.instance
        mark(instance, run, company.name, target.name, checks_of(target))
        with failing(), ExitStack() as stack:
            home = stack.enter_context(site.open())
            if not stack.enter_context(site.turn(home, checks_of(target), run.run_id)):
                context.log.info(busy(checks_of(target)))
                return
            connection = stack.enter_context(home.database.connect())
            failed = [record for record in latest(instance, target.id, 1) if record.dagster_run.is_failure]
            for chosen in sorted(context.selected_asset_check_keys):
                flow, ask = asked[chosen.asset_key, chosen.name]
                verdict = ask(Question(connection, target, flow, failed[0].dagster_run.run_id if failed else None))
                yield dg.AssetCheckResult(
                    asset_key=chosen.asset_key,
                    check_name=chosen.name,
                    passed=verdict.passed,
                    severity=dg.AssetCheckSeverity.ERROR,
                    description=verdict.sentence,
                    metadata=verdict.metadata,
                )

    return check


def drift_checks(site: Site, company: Company, source: Source) -> dg.AssetChecksDefinition:
    """The check of every source asset; it runs with every read."""
    keys = {source_key(company, entity.name): entity for entity in company.read_of(source)}
    red = "Red when a full re-read missed so many known records at once that none was marked as vanished (the brake)."

    @dg.multi_asset_check(
        name=f"{op_name(source)}__drift",
        specs=[dg.AssetCheckSpec(DRIFT, asset=key, description=red) for key in keys],
        can_subset=True,
    )
    def check(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        with failing(), site.open() as home:
            readings = home.ledger(company.name).readings
            for chosen in sorted(context.selected_asset_check_keys):
                coverage = readings.coverage(keys[chosen.asset_key].name)
                yield dg.AssetCheckResult(
                    asset_key=chosen.asset_key,
                    check_name=chosen.name,
                    passed=coverage.brake is None,
                    severity=dg.AssetCheckSeverity.ERROR,
                    description=coverage.brake or "The last full re-read missed no more records than the brake allows.",
                    metadata={"last_full_read": coverage.full_at.isoformat() if coverage.full_at else "never"},
                )

    return check
