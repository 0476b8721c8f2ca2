"""What the configuration says, ready to be used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from ml_connector.config.mistakes import advice
from ml_connector.engine.ports import Entity, Flow
from ml_connector.engine.windows import Windows
from ml_connector.errors import ConfigurationProblem
from ml_connector.systems.registry import SourceSystem, TargetSystem


@dataclass(frozen=True, slots=True)
class Source:
    """Where a company's records come from.

    Attributes:
        settings: the system's own settings.
        poll: the cron of polls, on the company's clocks.
        overlap: how far a poll asks back behind what is covered.
        full: the cron of full re-reads.
        brake: the share of records that may vanish at once before nothing is marked as vanished.
    """

    company: str
    system: SourceSystem
    settings: BaseModel
    poll: str
    overlap: timedelta
    full: str
    brake: float

    @property
    def id(self) -> str:
        """`nordic/visma`; also the name of its credentials."""
        return f"{self.company}/{self.system.name}"


@dataclass(frozen=True, slots=True)
class Target:
    """One account at an outside system for one company.

    Attributes:
        settings: the system's own settings, `flows` included.
        deliver: the cron of deliveries, on the company's clocks; None: as soon as something landed.
        flows: in the order in which they run.
    """

    company: str
    name: str
    system: TargetSystem
    settings: BaseModel
    deliver: str | None
    flows: Sequence[Flow]

    @property
    def id(self) -> str:
        """`nordic/mailchimp`; also the name of its credentials."""
        return f"{self.company}/{self.name}"


@dataclass(frozen=True, slots=True)
class Company:
    """One company with its source and its targets.

    Attributes:
        timezone: of crons, and of the source's times without a zone.
        window: the length of a partition.
        start: the day of the first partition, UTC.
        targets: by name, in the order of the file.
    """

    name: str
    timezone: ZoneInfo
    window: timedelta
    start: date
    source: Source
    targets: Mapping[str, Target]

    @property
    def accounts(self) -> Sequence[Source | Target]:
        return [self.source, *self.targets.values()]

    @property
    def entities(self) -> Sequence[Entity]:
        """What is read of the source: what the targets need, and nothing else."""
        return self.needed_by(*self.targets.values())

    def needed_by(self, *targets: Target) -> Sequence[Entity]:
        """The source's entities that the flows of these targets deliver or look up, in the order of reading.

        What belongs to other records comes last, see `engine/takeup.py`.
        """
        flows = [flow for target in targets for flow in target.flows]
        needed = {name for flow in flows for name in (flow.entity, *flow.secondary, *flow.reference)}
        found = [entity for entity in self.source.system.entities if entity.name in needed]
        return sorted(found, key=lambda entity: entity.secondary)

    @property
    def windows(self) -> Windows:
        return Windows(datetime.combine(self.start, time(), UTC), int(self.window.total_seconds()) // 60)


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration file.

    Attributes:
        path: the file.
        companies: by name, in the order of the file.
        broken: the companies that cannot be used, and why; always empty after a strict load.
    """

    path: Path
    companies: Mapping[str, Company]
    broken: Mapping[str, ConfigurationProblem] = field(default_factory=dict)

    def company(self, name: str) -> Company:
        """Raises `ConfigurationProblem` where there is none, or a broken one."""
        if name in self.broken:
            raise self.broken[name]
        if name not in self.companies:
            raise self._unknown("company", name, self.companies)
        return self.companies[name]

    def account(self, name: str) -> Source | Target:
        """`nordic/visma` or `nordic/mailchimp`."""
        company = self.company(name.partition("/")[0])
        accounts = {account.id: account for account in company.accounts}
        if name not in accounts:
            raise self._unknown("account", name, accounts)
        return accounts[name]

    def target(self, name: str) -> Target:
        """`nordic/mailchimp`."""
        company = self.company(name.partition("/")[0])
        targets = {target.id: target for target in company.targets.values()}
        if name not in targets:
            raise self._unknown("target", name, targets)
        return targets[name]

    def accounts(self, name: str | None = None) -> Sequence[Source | Target]:
        """Everything (None), a company's source and targets (`nordic`), or one of them (`nordic/mailchimp`)."""
        if name is not None and "/" in name:
            return [self.account(name)]
        companies = self.companies.values() if name is None else [self.company(name)]
        return [account for company in companies for account in company.accounts]

    def _unknown(self, kind: str, name: str, known: Mapping[str, object]) -> ConfigurationProblem:
        return ConfigurationProblem(
            f"There is no {kind} {name} in {self.path}.", "Nothing was done.", advice(name, known)
        )
