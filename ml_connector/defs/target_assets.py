"""A target is one multi-asset with an asset per flow: materializing it delivers what is due, window by window.

Every window that was finished is logged as one materialization with its own counts, and no output is ever yielded: so
when the target stops halfway, the finished windows stay green, only the others are red, and each window shows the
figures of its own.
"""

# No postponed annotations here: Dagster takes those of its functions for types.
from collections.abc import Iterator
from contextlib import ExitStack

import dagster as dg
from pydantic import Field

from ml_connector.config import Company, Source, Target
from ml_connector.defs import describe
from ml_connector.defs.failures import failing
from ml_connector.defs.memory import quiet_collector
from ml_connector.defs.names import op_name, source_key, target_key
from ml_connector.defs.site import Site, busy, mark, now
from ml_connector.defs.source_assets import read_entity
from ml_connector.defs.windows import partitions
from ml_connector.defs.work import outstanding, rejected
from ml_connector.engine.bring import Bringer
from ml_connector.engine.deliver import FlowReport, deliver
from ml_connector.engine.ports import Flow
from ml_connector.engine.tally import Tally
from ml_connector.errors import BusyProblem, NotReadProblem, Problem
from ml_connector.home import OpenHome
from ml_connector.systems.registry import TargetAccount


class DeliverConfig(dg.Config):
    """What to deliver.

    Attributes:
        records: exactly these business keys, even if the target has them already (a replay); empty: what is due.
        reread: read the source again first, as a whole.
    """

    records: list[str] = Field(default_factory=list)
    reread: bool = False


def target_assets(site: Site, company: Company, target: Target) -> dg.AssetsDefinition:
    """The assets of one target; a run over several windows is one delivery."""
    windows = partitions(company.windows)

    @dg.multi_asset(
        name=op_name(target),
        specs=[
            dg.AssetSpec(
                key=target_key(target, flow),
                deps=[source_key(company, entity) for entity in (flow.entity, *flow.secondary, *flow.reference)],
                skippable=True,
                partitions_def=windows,
                description=describe.flow(target, flow),
                group_name=company.name,
                kinds={target.system.name},
                owners=[f"team:{company.name}"],
                tags={"company": company.name, "target": target.name, "system": target.system.name},
            )
            for flow in target.flows
        ],
        can_subset=True,
        backfill_policy=dg.BackfillPolicy.single_run(),
        required_resource_keys={op_name(target), *(op_name(source) for source in company.sources_of(target))},
        pool=target.id,
    )
    def delivery(context: dg.AssetExecutionContext, config: DeliverConfig) -> Iterator[dg.AssetMaterialization]:
        mark(context.instance, context.run, company.name, target.name, target.id)
        with failing(), quiet_collector(), ExitStack() as stack:
            home = stack.enter_context(site.open())
            if not stack.enter_context(site.turn(home, target.id, context.run.run_id)):
                context.log.info(busy(target.id))
                return
            if config.reread:
                _reread(context, site, home, company, target)
            account = stack.enter_context(getattr(context.resources, op_name(target)).open(home))
            chosen = [flow for flow in target.flows if target_key(target, flow) in context.selected_asset_keys]
            yield from _Run(context, home, company, target, account, config.records).deliver(chosen)

    return delivery


def _reread(context: dg.AssetExecutionContext, site: Site, home: OpenHome, company: Company, target: Target) -> None:
    """Read again what the target's flows need. Raises `BusyProblem` while another run reads a source of it."""
    for source in company.sources_of(target):
        _reread_of(context, site, home, company, target, source)


def _reread_of(
    context: dg.AssetExecutionContext, site: Site, home: OpenHome, company: Company, target: Target, source: Source
) -> None:
    with site.turn(home, source.id, context.run.run_id) as mine:
        if not mine:
            raise BusyProblem(
                f"Another run reads {source.id}.",
                "Nothing was read again and nothing was delivered.",
                "Run it again once that one has ended, or without `reread`.",
            )
        with getattr(context.resources, op_name(source)).open(home) as account:
            for entity in company.read_of(source, target):
                report = read_entity(home, company, source, entity, account, context.run.run_id, full=True)
                context.log.info(f"{entity.title}: {report.rows} read again, {report.landed} of them new.")


class _Run:
    """One delivery of some flows of a target."""

    def __init__(
        self,
        context: dg.AssetExecutionContext,
        home: OpenHome,
        company: Company,
        target: Target,
        account: TargetAccount,
        only: list[str],
    ) -> None:
        self._context = context
        self._home = home
        self._company = company
        self._target = target
        self._account = account
        self._only = only or None

    def deliver(self, flows: list[Flow]) -> Iterator[dg.AssetMaterialization]:
        """Deliver the flows in their order. Raises `StoppedProblem` after the windows that were finished.

        A flow that waits for a read stops no other one; a target that stops does.
        """
        red: dict[str, set[str]] = {}
        waits: NotReadProblem | None = None
        for flow in flows:
            report = self._report(flow)
            red[flow.title] = rejected(self._home, self._company, self._target, flow)
            yield from self._finished(flow, report, red[flow.title])
            if isinstance(report.stopped, NotReadProblem):
                waits = waits or report.stopped
            elif report.stopped is not None:
                raise report.stopped
        if waits is not None:
            raise waits
        self._refuse({title: windows for title, windows in red.items() if windows & set(self._context.partition_keys)})

    def _report(self, flow: Flow) -> FlowReport:
        return deliver(
            flow,
            self._account.writer(flow.name),
            self._home.ledger(self._company.name),
            self._target.name,
            self._target.system.name,
            self._company.windows,
            run_id=self._context.run.run_id,
            clock=now,
            only=self._only,
            bring=self._bringer(),
        )

    def _bringer(self) -> Bringer:
        """Brings over what a flow needs of another one, of those too that this run does not deliver."""
        return Bringer(
            {flow.name: flow for flow in self._target.flows},
            self._account.writer,
            self._home.ledger(self._company.name),
            self._target.name,
            self._target.system.name,
            self._company.windows,
            self._context.run.run_id,
            now,
        )

    def _finished(self, flow: Flow, report: FlowReport, red: set[str]) -> Iterator[dg.AssetMaterialization]:
        """A materialization for every window, of the run's range and touched besides, with nothing outstanding."""
        waiting = report.unfinished | outstanding(self._home, self._company, self._target, flow, now())
        for window in sorted({*self._context.partition_keys, *report.windows} - waiting - red):
            tally = report.windows.get(window, Tally())
            yield dg.AssetMaterialization(
                asset_key=target_key(self._target, flow),
                partition=window,
                metadata=describe.window(self._target, report, tally, self._context.run.run_id),
            )

    def _refuse(self, red: dict[str, set[str]]) -> None:
        """Fail the run where the configuration wants rejected records to fail their windows."""
        if not red:
            return
        listed = "; ".join(f"{title}: {', '.join(sorted(windows))}" for title, windows in red.items())
        raise Problem(
            f"{self._target.id} has rejected records in these windows: {listed}.",
            "Everything else was delivered. `on_rejected: fail` keeps these windows red until the records, or the "
            "mapping, are put right.",
            f"See `ml-connector problems {self._target.id}`.",
        )
