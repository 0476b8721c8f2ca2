"""What one code location stands on: a configuration, a home, and the rule for whose turn it is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from ml_connector.config import Config
from ml_connector.defs.names import CONNECTION_TAG, source_key, tags, target_key
from ml_connector.home import Home, OpenHome
from ml_connector.store import lease

Turn = Callable[[OpenHome, str, str], AbstractContextManager[bool]]
"""Takes a home, the name of a connection and a run id; yields whether the run may work on the connection now."""


def skip_if_busy(home: OpenHome, connection: str, run_id: str) -> AbstractContextManager[bool]:
    """The rule for scheduled runs: while another one works on the connection, this one does nothing."""
    return lease.hold(home.database, home.home.path, connection, run_id, wait=False)


@dataclass(frozen=True, slots=True)
class Site:
    """What assets, sensors and checks work with.

    Attributes:
        turn: how a run takes its turn; the command line, which has waited for its turn already, brings its own.
    """

    config: Config
    home: Home
    turn: Turn = skip_if_busy

    @property
    def assets(self) -> frozenset[dg.AssetKey]:
        """Every asset of the configuration."""
        keys = set()
        for company in self.config.companies.values():
            keys |= {source_key(company, entity.name) for entity in company.entities}
            keys |= {target_key(target, flow) for target in company.targets.values() for flow in target.flows}
        return frozenset(keys)

    def open(self) -> AbstractContextManager[OpenHome]:
        return self.home.open(self.config)


def now() -> datetime:
    return datetime.now(UTC)


def mark(instance: dg.DagsterInstance, run: dg.DagsterRun, company: str, target: str, connection: str) -> None:
    """Tag the run with what it works on; a run that was launched from the asset graph does not bear the job's tags."""
    if run.tags.get(CONNECTION_TAG) != connection:
        instance.add_run_tags(run.run_id, tags(company, target, connection))


def busy(connection: str) -> str:
    """What a run says that gives way to another."""
    return f"Another run works on {connection}, so this one does nothing. Nothing is missed: what is due stays due."
