"""What the configuration says, ready to be used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from ml_connector.config.mistakes import advice
from ml_connector.engine.ports import Derivation, Entity, Flow
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
        full: the cron of full re-reads; None: there are none.
        brake: the share of records that may vanish at once before nothing is marked as vanished.
        target: the target that is also read; None for the company's own source.
        derivations: entities that are made of those that are read.
    """

    company: str
    system: SourceSystem
    settings: BaseModel
    poll: str
    overlap: timedelta
    full: str | None
    brake: float
    target: str | None = None
    derivations: Sequence[Derivation] = ()

    @property
    def name(self) -> str:
        """`visma`; `chargebee_events` for a target that is also read."""
        return self.system.name if self.target is None else inward_source(self.target)

    @property
    def id(self) -> str:
        """`nordic/visma`: what leases, pools and runs call it."""
        return f"{self.company}/{self.name}"

    @property
    def vault(self) -> str:
        """The name of its credentials."""
        return f"{self.company}/{self.target or self.system.name}"

    def derivation(self, entity: str) -> Derivation | None:
        """How an entity is made; None: it is read."""
        return next((one for one in self.derivations if one.entity.name == entity), None)


@dataclass(frozen=True, slots=True)
class Target:
    """One account at an outside system for one company.

    Attributes:
        settings: the system's own settings, `flows` included.
        deliver: the cron of deliveries, on the company's clocks; None: as soon as something landed.
        flows: in the order in which they run.
        back: of flows that end in the company's source system: the name of its credentials; None for the others.
    """

    company: str
    name: str
    system: TargetSystem
    settings: BaseModel
    deliver: str | None
    flows: Sequence[Flow]
    back: str | None = None

    @property
    def id(self) -> str:
        """`nordic/mailchimp`."""
        return f"{self.company}/{self.name}"

    @property
    def vault(self) -> str:
        """The name of its credentials."""
        return self.back or self.id


def inward_source(target: str) -> str:
    """What the source is called that a target is."""
    return f"{target}_events"


def inward_target(target: str, source: str) -> str:
    """What the flows of a target are called that end in the source system."""
    return f"{target}_to_{source}"


@dataclass(frozen=True, slots=True)
class Company:
    """One company with its source and its targets.

    Attributes:
        timezone: of crons, and of the source's times without a zone.
        window: the length of a partition.
        start: the day of the first partition, UTC.
        source: the company's own source.
        targets: by name, in the order of the file; the flows back of one stand behind it.
        inward: the targets that are also read, as sources.
    """

    name: str
    timezone: ZoneInfo
    window: timedelta
    start: date
    source: Source
    targets: Mapping[str, Target]
    inward: Sequence[Source] = ()

    @property
    def sources(self) -> Sequence[Source]:
        return [self.source, *self.inward]

    @property
    def accounts(self) -> Sequence[Source | Target]:
        return [*self.sources, *self.targets.values()]

    @property
    def entities(self) -> Sequence[Entity]:
        """What is read of all sources: what the targets need, and nothing else."""
        return [entity for source in self.sources for entity in self.read_of(source)]

    def read_of(self, source: Source, *targets: Target) -> Sequence[Entity]:
        """The entities of a source that the flows of these targets (of all, without any) deliver or look up.

        In the order of reading: what others are derived of comes first, and what belongs to other records last, see
        `engine/takeup.py`.
        """
        flows = [flow for target in targets or self.targets.values() for flow in target.flows]
        needed = {name for flow in flows for name in (flow.entity, *flow.secondary, *flow.reference)}
        needed |= {one.source for one in source.derivations if one.entity.name in needed}
        found = [entity for entity in source.system.entities if entity.name in needed]
        return sorted(found, key=lambda entity: entity.secondary)

    def source_of(self, entity: str) -> Source:
        """The source that gives an entity. KeyError: none does."""
        for source in self.sources:
            if any(one.name == entity for one in source.system.entities):
                return source
        raise KeyError(entity)

    def sources_of(self, target: Target) -> Sequence[Source]:
        """The sources that a target's flows need."""
        return [source for source in self.sources if self.read_of(source, target)]

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

    def source(self, name: str) -> Source:
        """`nordic/visma`."""
        company = self.company(name.partition("/")[0])
        sources = {source.id: source for source in company.sources}
        if name not in sources:
            raise self._unknown("source", name, sources)
        return sources[name]

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
