"""Reads connections.yaml: every block is checked against its model, and every mistake is named with its line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ml_connector.config.blocks import CompanyBlock, SourceBlock, TargetBlock, name_mistake
from ml_connector.config.cron import Cron
from ml_connector.config.document import Document, describe, read
from ml_connector.config.mistakes import Keys, Mistake, advice, problem
from ml_connector.config.model import Company, Config, Source, Target, inward_source, inward_target
from ml_connector.config.validate import Mistakes, Model, validate
from ml_connector.engine.ports import Entity
from ml_connector.systems.registry import Inward, SourceSystem, TargetSystem, sources, targets


def load(path: Path) -> Config:
    """The configuration. Raises `ConfigurationProblem` that names every mistake in it."""
    found, mistakes = _load(path)
    if mistakes:
        raise problem(path, [mistake for each in mistakes.values() for mistake in each])
    return Config(path, found)


def load_tolerant(path: Path) -> Config:
    """The companies that can be used; the others are in `broken`.

    Raises `ConfigurationProblem` where the file as a whole cannot be understood.
    """
    found, mistakes = _load(path)
    meaning = "The company {} is left out; the others work."
    return Config(path, found, {name: problem(path, each, meaning.format(name)) for name, each in mistakes.items()})


def _load(path: Path) -> tuple[dict[str, Company], dict[str, list[Mistake]]]:
    document = read(path)
    blocks = _companies(document)
    found: dict[str, Company] = {}
    broken: dict[str, list[Mistake]] = {}
    for name, data in blocks.items():
        keys: Keys = ("companies", name)
        mistakes = [mistake for mistake in document.mistakes if mistake.keys[:2] == keys]
        company = _Reader(document, mistakes).company(name, data, keys)
        if company is None or mistakes:
            broken[name] = mistakes
        else:
            found[name] = company
    return found, broken


def _companies(document: Document) -> Mapping[str, Any]:
    """The blocks of the companies, once the rest of the file is known to be right."""
    top = document.data if isinstance(document.data, Mapping) else {}
    unknown = [key for key in top if key != "companies"]
    mistakes = [document.mistake((key,), "is not a setting", advice(key, ["companies"])) for key in unknown]
    mistakes += [mistake for mistake in document.mistakes if len(mistake.keys) < 2]
    blocks = top.get("companies")
    if not mistakes and not (isinstance(blocks, Mapping) and blocks):
        mistakes.append(document.mistake(("companies",), f"is {describe(blocks)}; expected at least one company"))
    if mistakes:
        raise problem(document.path, mistakes)
    return dict(blocks or {})


class _Reader:
    """Reads one company and collects what is wrong with it."""

    def __init__(self, document: Document, mistakes: list[Mistake]) -> None:
        self._document = document
        self._mistakes = mistakes

    def company(self, name: str, data: Any, keys: Keys) -> Company | None:
        if wrong := name_mistake(name, "company"):
            self._wrong(keys, wrong)
        if not isinstance(data, Mapping):
            self._wrong(keys, f"is {describe(data)}; expected a block of settings")
            return None
        inner = {"targets", *sources()}
        block = self._validate(CompanyBlock, _without(data, inner), keys, inner)
        if block and block.start > datetime.now(UTC).date():
            self._wrong((*keys, "start"), f"is {block.start}; expected a day that has begun")
        source = self._source(name, data, keys)
        found = self._targets(name, data.get("targets"), (*keys, "targets"))
        if block is None or source is None:
            return None
        inward = self._inward(found, source, (*keys, "targets"))
        both = self._with_flows_back(found, source, block.timezone.key)
        return Company(name, block.timezone, block.window, block.start, source, both, inward)

    def _inward(self, targets: Mapping[str, Target], main: Source, keys: Keys) -> Sequence[Source]:
        """The targets that are also read, as sources."""
        found = []
        for target in targets.values():
            if (back := target.system.inward) is None or not (entities := back.entities(target.settings, target.name)):
                continue
            for taken in (inward_source(target.name), inward_target(target.name, main.system.name)):
                if taken in targets:
                    self._wrong((*keys, taken), f"is no name for a target: what {target.name} gives back bears it")
            try:
                poll = Cron.parse(back.poll(target.settings)).text
            except ValueError as error:
                self._wrong((*keys, target.name, "poll"), f"cannot be so: {error}")
                continue
            found.append(
                Source(
                    target.company,
                    _as_source(target, back, entities),
                    target.settings,
                    poll,
                    main.overlap,
                    None,
                    main.brake,
                    target.name,
                    back.derivations(target.settings, target.name),
                )
            )
        return found

    def _with_flows_back(self, targets: Mapping[str, Target], main: Source, zone: str) -> Mapping[str, Target]:
        """The targets, and behind each the flows of what it gives back."""
        found: dict[str, Target] = {}
        for name, target in targets.items():
            found[name] = target
            back = target.system.inward
            if back is not None and (flows := back.flows(target.settings, target.company, name)):
                system = _as_target(back, main, zone)
                own = inward_target(name, main.system.name)
                found[own] = Target(target.company, own, system, target.settings, target.deliver, flows, main.vault)
        return found

    def _source(self, company: str, data: Mapping[str, Any], keys: Keys) -> Source | None:
        names = [name for name in sources() if name in data]
        if len(names) != 1:
            expected = " or ".join(sources())
            self._wrong(keys, f"has {' and '.join(names) or 'no source'}; expected exactly one block {expected}")
            return None
        system = sources()[names[0]]
        keys = (*keys, system.name)
        parts = self._split(SourceBlock, system, data[system.name], keys)
        if parts is None:
            return None
        block, settings = parts
        return Source(company, system, settings, block.poll, block.overlap, block.full, block.brake)

    def _targets(self, company: str, data: Any, keys: Keys) -> Mapping[str, Target]:
        if not isinstance(data, Mapping) or not data:
            self._wrong(keys, f"is {describe(data)}; expected at least one target")
            return {}
        found: dict[str, Target] = {}
        for name, block in data.items():
            target = self._target(company, name, block, (*keys, name))
            if target is None:
                continue
            twin = next((other for other in found.values() if _same_account(other, target)), None)
            if twin:
                self._wrong((*keys, name), f"leads to the same account as {twin.name}; expected one target for it")
            found[name] = target
        return found

    def _target(self, company: str, name: str, data: Any, keys: Keys) -> Target | None:
        if wrong := name_mistake(name, "target", frozenset(sources())):
            self._wrong(keys, wrong)
        if not isinstance(data, Mapping):
            self._wrong(keys, f"is {describe(data)}; expected a block of settings")
            return None
        system = targets().get(str(data.get("system")))
        if system is None:
            self._validate(TargetBlock, {key: data[key] for key in TargetBlock.model_fields if key in data}, keys)
            if isinstance(data.get("system"), str):
                self._wrong((*keys, "system"), f"is {describe(data['system'])}; expected {' or '.join(targets())}")
            return None
        parts = self._split(TargetBlock, system, data, keys)
        if parts is None:
            return None
        block, settings = parts
        try:
            flows = system.flows(settings, company)
        except ValueError as error:
            self._wrong((*keys, "flows"), f"cannot be so: {error}")
            return None
        return Target(company, name, system, settings, block.deliver, flows)

    def _split(
        self, common: type[Model], system: SourceSystem | TargetSystem, data: Any, keys: Keys
    ) -> tuple[Model, BaseModel] | None:
        """A block that holds the settings of every source or target, and those of its system."""
        if not isinstance(data, Mapping):
            self._wrong(keys, f"is {describe(data)}; expected a block of settings")
            return None
        secret = set(data) & (set(system.credentials.model_fields) - set(system.settings.model_fields))
        for key in secret:
            command = f"ml-connector credentials set {keys[1]}/{keys[-1]}"
            self._wrong((*keys, key), "is a credential and no setting", f"Take it out and run `{command}`.")
        ours = set(common.model_fields)
        block = self._validate(common, {key: data[key] for key in data if key in ours}, keys)
        special = self._validate(system.settings, _without(data, ours | secret), keys, ours)
        return None if block is None or special is None else (block, special)

    def _validate(self, model: type[Model], data: Any, keys: Keys, also: set[str] | None = None) -> Model | None:
        try:
            return validate(model, data, keys, self._document, also or set())
        except Mistakes as mistakes:
            self._mistakes.extend(mistakes.found)
            return None

    def _wrong(self, keys: Keys, what: str, action: str = "") -> None:
        self._mistakes.append(self._document.mistake(keys, what, action))


def _as_source(target: Target, back: Inward, entities: Sequence[Entity]) -> SourceSystem:
    """A target as a system that is read."""
    system = target.system
    return SourceSystem(
        name=system.name,
        title=system.title,
        settings=system.settings,
        credentials=system.credentials,
        entities=entities,
        connect=lambda settings, credentials, _zone: back.read(settings, credentials, target.name),
    )


def _as_target(back: Inward, main: Source, zone: str) -> TargetSystem:
    """The company's source system as what flows back end in."""
    return TargetSystem(
        name=main.system.name,
        title=main.system.title,
        settings=main.system.settings,
        credentials=main.system.credentials,
        flows=lambda _settings, _company: (),
        connect=lambda settings, credentials: back.write(settings, main.settings, credentials, zone),
    )


def _without(data: Mapping[str, Any], keys: set[str]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key not in keys}


def _same_account(one: Target, other: Target) -> bool:
    """Whether two targets agree in every setting that says where they lead: those that a system has no default for."""
    required = {name for name, field in one.system.settings.model_fields.items() if field.is_required()} - {"flows"}
    if one.system is not other.system or not required:
        return False
    return all(getattr(one.settings, name) == getattr(other.settings, name) for name in required)
