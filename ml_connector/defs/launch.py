"""Runs for the command line: the same jobs that schedule and sensor launch, in this process, on the home's Dagster.

The turn is taken before a run exists, so a run that people see as started always works.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run
from dagster._core.instance.ref import InstanceRef
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.utils import make_new_run_id

from ml_connector.config import Company, Source, Target
from ml_connector.defs.build import build_definitions
from ml_connector.defs.failures import problem_of
from ml_connector.defs.jobs import deliver_config, read_config
from ml_connector.defs.names import (
    CHECKED_RUN_TAG,
    COMMAND_LINE,
    LAUNCHED_BY_TAG,
    check_job,
    checks_of,
    deliver_job,
    poll_job,
    range_tags,
)
from ml_connector.defs.site import Site, now
from ml_connector.defs.upkeep import keep_up
from ml_connector.defs.watching import records_delivered, rows_read, watched
from ml_connector.defs.work import Span, to_deliver, to_read
from ml_connector.engine.by_hand import in_doubt, mark, mark_events, rejected
from ml_connector.engine.deliver import open_book
from ml_connector.engine.takeup import held_back
from ml_connector.errors import ConfigurationProblem
from ml_connector.home import Home, OpenHome
from ml_connector.store import lease
from ml_connector.store.reads import reads_of_run
from ml_connector.store.reports import deliveries

CODE_LOCATION = "ml_connector"  # as workspace.yaml calls it
REPOSITORY = "__repository__"  # as Dagster calls the only one of a code location
CHECKED = dg.DagsterEventType.ASSET_CHECK_EVALUATION
# A step's output is this command's own. To keep it, Dagster would start two processes a step, whom Ctrl-C hits as well,
# and who answer with a traceback (tried on 1.13.27).
UNHEARD = {
    "compute_logs": {
        "module": "dagster._core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
        "config": {},
    }
}
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

Progress = Callable[[str], None]
"""Is told what begins, and for whom we wait."""


def sync(
    home: Home, company: str, target: str | None = None, full: bool = False, progress: Progress | None = None
) -> list[dict[str, Any]]:
    """Read a company's source, then deliver what is due to its targets, or to one of them; each delivery is checked.

    Returns one entry per run, as `sync --json` prints them: `run_id`, `company`, `target`, `windows` and `flows`. The
    entry of the read names the source as its target, has no flows, and has `reads`. Every entry has `problem`, the
    three parts and the `exit_code` of what ended the run early, or None; that of a delivery has `checks`, too.

    Raises:
        ConfigurationProblem: the home, the configuration or one of the names is wrong; nothing was started.
    """
    with _Launcher.open(home, progress) as launcher:
        chosen = launcher.company(company)
        targets = [launcher.target(company, target)] if target else list(chosen.targets.values())
        wanted = [source for source in chosen.sources if any(chosen.read_of(source, one) for one in targets)]
        return [
            *(launcher.read(chosen, source, full=full) for source in wanted),
            *(launcher.deliver(chosen, one) for one in targets),
        ]


def replay(
    home: Home,
    company: str,
    target: str,
    keys: Sequence[str],
    reread: bool = False,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Deliver exactly these records again, even if the target has them already; `reread`: read the source again first.

    Returns and raises like `sync`.
    """
    with _Launcher.open(home, progress) as launcher:
        return [launcher.deliver(launcher.company(company), launcher.target(company, target), keys, reread=reread)]


def handle(
    home: Home, company: str, target: str, keys: Sequence[str], note: str, progress: Progress | None = None
) -> dict[str, Any]:
    """Say of rejected records and refused events that a person took care of them, and check the target again.

    Returns what `handled --json` prints: `run_id`, `company`, `target`, `handled` and `checks`.

    Raises:
        ConfigurationProblem: the home, the configuration or one of the names is wrong, or none of a name's flows
            rejected it: nothing was marked.
    """
    with _Launcher.open(home, progress) as launcher:
        return launcher.handle(launcher.target(company, target), keys, note)


@dataclass(frozen=True, slots=True)
class _Launcher:
    home: OpenHome
    instance: dg.DagsterInstance
    site: Site
    definitions: dg.Definitions
    progress: Progress

    @classmethod
    @contextmanager
    def open(cls, home: Home, progress: Progress | None) -> Iterator[_Launcher]:
        with ExitStack() as stack:
            opened = stack.enter_context(home.open())
            instance = stack.enter_context(_storage(home))
            site = Site(opened.config, home, _in_turn)
            definitions = build_definitions(opened.config, home, _in_turn)
            keep_up(site, opened, instance)
            yield cls(opened, instance, site, definitions, progress or _silently)

    def company(self, name: str) -> Company:
        return self.home.config.company(name)

    def target(self, company: str, name: str) -> Target:
        return self.home.config.target(f"{company}/{name}")

    def read(self, company: Company, source: Source, *, full: bool) -> dict[str, Any]:
        run_id = make_new_run_id()
        with self._turn(source.id, run_id):
            span = to_read(self.home, company, source, now())
            with watched(self.home.database, run_id, self.progress, f"Reading {source.id}", rows_read):
                config = read_config(company, source, full=full)
                events = self._run(poll_job(source), run_id, config, range_tags(*_ends(span)))
        with self.home.database.connect() as connection:
            reads = reads_of_run(connection, run_id)
        entry = {"run_id": run_id, "company": company.name, "target": source.name, "windows": _ends(span)}
        return entry | {"flows": [], "reads": reads, "problem": problem_of(events)}

    def deliver(
        self, company: Company, target: Target, keys: Sequence[str] = (), *, reread: bool = False
    ) -> dict[str, Any]:
        run_id = make_new_run_id()
        with ExitStack() as turns:
            turns.enter_context(self._turn(target.id, run_id))
            if reread:
                for source in company.sources_of(target):
                    turns.enter_context(self._turn(source.id, run_id))
            span = self._span(company, target, keys)
            config = deliver_config(target, keys, reread=reread)
            with watched(self.home.database, run_id, self.progress, f"Delivering to {target.id}", records_delivered):
                events = self._run(deliver_job(target), run_id, config, range_tags(*_ends(span)))
        entry: dict[str, Any] = {"run_id": run_id, "company": company.name, "target": target.name}
        entry |= {"windows": _ends(span), "flows": []}
        with self.home.database.connect() as connection:
            for found in deliveries(connection, [run_id]):
                entry |= found
        if keys:
            entry["held_back"] = self._held_back(company, target, keys)
        return entry | {"problem": problem_of(events), "checks": self._check(target, run_id)}

    def handle(self, target: Target, keys: Sequence[str], note: str) -> dict[str, Any]:
        run_id, ledger = make_new_run_id(), self.home.ledger(target.company)
        with self._turn(target.id, run_id):
            known = rejected(target.flows, ledger, target.name, keys) | ledger.inbox(target.name).refused(keys)
            if others := set(keys) - known:
                raise _not_rejected(target, others, in_doubt(target.flows, ledger, target.name, list(others)))
            said, at = (target.name, target.system.name, keys, note), now()
            for flow in target.flows:
                mark(flow, ledger, *said, run_id=run_id, at=at)
            window = self.company(target.company).windows.key(at, at)
            mark_events(ledger, *said, run_id=run_id, window=window, at=at)
        entry = {"run_id": run_id, "company": target.company, "target": target.name, "handled": list(keys)}
        return entry | {"checks": self._check(target, run_id)}

    def _held_back(self, company: Company, target: Target, keys: Sequence[str]) -> list[dict[str, Any]]:
        """Which of the records that a replay names were not taken up, by flow, and what has to be read for that."""
        ledger, found = self.home.ledger(company.name), []
        for flow in target.flows:
            if held := held_back(flow, ledger, open_book(flow, ledger, target.name), keys):
                found.append({"flow": flow.name, "waits_for": list(flow.secondary), "keys": held})
        return found

    def _span(self, company: Company, target: Target, keys: Sequence[str]) -> Span:
        """A replay stands under the open window: named records may lie years apart, and each window is an event."""
        if keys:
            window = company.windows.key(now(), now())
            return Span(window, window)
        return to_deliver(self.home, self.instance, company, target, now()).span

    def _check(self, target: Target, checked: str) -> list[dict[str, Any]]:
        run_id = make_new_run_id()
        with self._turn(checks_of(target), run_id):
            events = self._run(check_job(target), run_id, {}, {CHECKED_RUN_TAG: checked})
        found = [event.asset_check_evaluation_data for event in events if event.event_type == CHECKED]
        return [
            {
                "check": one.check_name,
                "asset": one.asset_key.to_user_string(),
                "passed": one.passed,
                "what": one.description,
            }
            for one in found
        ]

    def _turn(self, connection: str, run_id: str) -> AbstractContextManager[bool]:
        return lease.hold(
            self.home.database, self.home.home.path, connection, run_id, wait=True, announce=self.progress
        )

    def _run(
        self, job_name: str, run_id: str, config: Mapping[str, Any], tags: Mapping[str, str]
    ) -> Sequence[dg.DagsterEvent]:
        """Run a job here.

        The run names the code location, so that it can be re-executed from Dagster's pages; `execute_in_process` and
        `execute_job` create runs that do not (tried on 1.13.27), hence the imports of Dagster's own parts.
        """
        job = self.definitions.resolve_job_def(job_name)
        location = RegisteredCodeLocationOrigin(CODE_LOCATION)
        run = self.instance.create_run_for_job(
            job_def=job,
            run_id=run_id,
            run_config={**config, **QUIET},
            tags={**job.run_tags, **tags, LAUNCHED_BY_TAG: COMMAND_LINE},
            remote_job_origin=RemoteJobOrigin(RemoteRepositoryOrigin(location, REPOSITORY), job_name),
        )
        return execute_run(InMemoryJob(job), run, self.instance).all_events


def _storage(home: Home) -> dg.DagsterInstance:
    """Dagster's own storage. Raises `ConfigurationProblem`: what it is made of raises errors of many kinds."""
    where = home.dagster_home
    try:
        return dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(where), overrides=UNHEARD))
    except Exception as error:
        text = str(error)  # a mistake in dagster.yaml stands below what was expected
        text = (text.partition("Error 1: ")[2] or text).strip()
        reason = text.partition("\n")[0].partition(" Expected: ")[0] or type(error).__name__
        raise ConfigurationProblem(
            f"Dagster's own storage in {where} cannot be opened: {reason}",
            "Nothing was started.",
            "Correct DAGSTER_HOME or the dagster.yaml in it, and start the database that it names. If permission is "
            f"missing, run ml-connector as the user who owns it, or give all of it to this one: chown -R USER {where}",
        ) from None


def _not_rejected(target: Target, keys: Set[str], unanswered: Set[str]) -> ConfigurationProblem:
    """Why these records cannot be marked: a write of some was never answered, and the others are not rejected."""
    advice = f"`ml-connector problems {target.id}` lists what is rejected."
    if unanswered:
        return ConfigurationProblem(
            f"A write of {', '.join(sorted(unanswered))} to {target.id} was never answered and may still take effect.",
            "Nothing was marked: what was done by hand could be done twice.",
            f"Run `ml-connector sync {target.company}` later, which finds out what became of it. {advice}",
        )
    return ConfigurationProblem(
        f"{target.id} does not reject {', '.join(sorted(keys))} now.", "Nothing was marked.", advice
    )


def _in_turn(*_: object) -> AbstractContextManager[bool]:
    """The launcher holds the connection's lease around the run."""
    return nullcontext(True)


def _ends(span: Span) -> list[str]:
    return [span.first, span.last]


def _silently(text: str) -> None:
    """Nobody wants to be told."""
