"""A source entity is one asset: materializing it reads the source and lands what is new."""

# No postponed annotations here: Dagster takes those of its functions for types.
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta

import dagster as dg

from ml_connector.config import Company, Source
from ml_connector.defs import describe
from ml_connector.defs.failures import failing
from ml_connector.defs.memory import quiet_collector
from ml_connector.defs.names import PRIORITY_TAG, op_name, source_key
from ml_connector.defs.site import Site, busy, mark, now
from ml_connector.defs.windows import partitions
from ml_connector.engine.derive import derive
from ml_connector.engine.poll import PollReport, poll
from ml_connector.engine.ports import Entity
from ml_connector.engine.told import note_polled, take_in
from ml_connector.errors import Problem
from ml_connector.home import OpenHome
from ml_connector.store import lease
from ml_connector.store.retention import sweep
from ml_connector.systems.registry import SourceAccount

REFERENCE_AGE = timedelta(days=1)
LANDINGS_KEPT = timedelta(days=90)  # older ones go with a full read, but for those that hold a record's newest version


class ReadConfig(dg.Config):
    """How to read.

    Attributes:
        full: read everything again, without a lower bound; finds silent changes and records that vanished.
        told_only: read only what webhooks told of; coverage does not advance.
    """

    full: bool = False
    told_only: bool = False


def source_asset(site: Site, company: Company, source: Source, entity: Entity) -> dg.AssetsDefinition:
    """The asset of one entity; a run over several windows is one read."""
    derivation = source.derivation(entity.name)

    @dg.asset(
        key=source_key(company, entity.name),
        deps=[] if derivation is None else [source_key(company, derivation.source)],
        partitions_def=partitions(company.windows) if entity.windowed else None,
        backfill_policy=dg.BackfillPolicy.single_run() if entity.windowed else None,
        output_required=False,
        required_resource_keys={op_name(source)},
        pool=source.id,
        # What belongs to records is read after them: a record is taken up once its contacts were read after it landed.
        op_tags={PRIORITY_TAG: "0" if entity.secondary else "1"},
        description=describe.entity(company, source, entity),
        group_name=company.name,
        kinds={source.system.name, "parquet"},
        owners=[f"team:{company.name}"],
        tags={"company": company.name, "system": source.system.name},
    )
    def read(context: dg.AssetExecutionContext, config: ReadConfig) -> Iterator[dg.MaterializeResult[None]]:
        mark(context.instance, context.run, company.name, source.system.name, source.id)
        with failing(), quiet_collector(), ExitStack() as stack:
            home = stack.enter_context(site.open())
            if not stack.enter_context(site.turn(home, source.id, context.run.run_id)):
                context.log.info(busy(source.id))
                return
            if not config.full and _is_fresh(home, company, entity):
                yield dg.MaterializeResult(metadata={"note": "Not read again: it was read within a day."})
                return
            stack.enter_context(_noting_a_stop(home, company, entity))
            run_id = context.run.run_id
            account = stack.enter_context(getattr(context.resources, op_name(source)).open(home))
            if source.target is not None and derivation is None:
                told = take_in(account, entity, home.ledger(company.name), source.target, run_id=run_id, clock=now)
                context.log.info(f"Webhooks told of {told.taken} events, and of {told.refused} that do not exist.")
                if config.told_only:
                    yield dg.MaterializeResult(metadata={"note": "Read again: what webhooks told of."})
                    return
            report = read_entity(home, company, source, entity, account, run_id, full=config.full)
            if source.target is not None and derivation is None:
                ledger = home.ledger(company.name)
                untold = note_polled(report, ledger, source.target, run_id=run_id, clock=now)
                context.log.info(f"The poll found {untold} events that no webhook had told of.")
            if config.full and not _is_delivering(home):
                sweep(home.database, home.landings, now(), LANDINGS_KEPT)
            yield dg.MaterializeResult(metadata=describe.read(report))

    return read


@contextmanager
def _noting_a_stop(home: OpenHome, company: Company, entity: Entity) -> Iterator[None]:
    """Why a read did not end is told by `status`, until one does."""
    try:
        yield
    except Problem as problem:
        home.ledger(company.name).readings.stopped(entity.name, problem.what)
        raise


def read_entity(
    home: OpenHome, company: Company, source: Source, entity: Entity, account: SourceAccount, run_id: str, *, full: bool
) -> PollReport:
    """One read of one entity, or one round of making it. The caller holds the source's lease."""
    derivation = source.derivation(entity.name)
    if derivation is not None:
        return derive(derivation, home.ledger(company.name), run_id=run_id, clock=now, whole=full)
    return poll(
        account,
        entity,
        home.ledger(company.name),
        run_id=run_id,
        clock=now,
        whole=full,
        overlap=source.overlap,
        brake=source.brake,
    )


def _is_delivering(home: OpenHome) -> bool:
    """Whether a delivery may be about to open a landing whose rows this read replaced; the next full read sweeps."""
    targets = [target.id for company in home.config.companies.values() for target in company.targets.values()]
    return any(lease.is_held(home.database, home.home.path, target) for target in targets)


def _is_fresh(home: OpenHome, company: Company, entity: Entity) -> bool:
    """Reference data that was read within a day."""
    if entity.windowed:
        return False
    coverage = home.ledger(company.name).readings.coverage(entity.name)
    return coverage.until is not None and coverage.stopped is None and now() - coverage.until < REFERENCE_AGE
