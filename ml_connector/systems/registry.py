"""The outside systems: each folder beside this file registers itself with a `SYSTEM` in its `__init__`.

Adding a system is adding a folder; nothing else names them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Protocol

from pydantic import BaseModel

from ml_connector.engine.ports import Entity, Flow, Source, Writer


@dataclass(frozen=True, slots=True)
class Finding:
    """What `check` found out about one thing.

    Attributes:
        subject: what was looked at ("credentials", "merge field COMPANY").
        ok: whether it is as needed.
        what: what was found, one sentence.
        meaning: what follows from it; empty where it is ok.
        action: what to do; empty where it is ok.
        refused: the system cannot be worked with at all, so nothing further was asked.
    """

    subject: str
    ok: bool
    what: str
    meaning: str = ""
    action: str = ""
    refused: bool = False


@dataclass(frozen=True, slots=True)
class SetupStep:
    """Something that the target lacks, and the call that creates it; applying it twice changes nothing."""

    title: str
    apply: Callable[[], None]


class SourceAccount(Source, Protocol):
    """An open connection to a source, for one company."""

    def check(self, entities: Collection[str]) -> Iterator[Finding]:
        """What can be found out about it, among that whether these may be read."""
        ...


class TargetAccount(Protocol):
    """An open connection to one account at a target."""

    def writer(self, flow: str) -> Writer: ...

    def check(self) -> Iterator[Finding]: ...

    def setup(self) -> Sequence[SetupStep]: ...

    @property
    def calls(self) -> int: ...


@dataclass(frozen=True, slots=True)
class SourceSystem:
    """A system that is read.

    Attributes:
        name: the folder's name.
        title: for people.
        settings: the system's block in connections.yaml.
        credentials: what its entry in the vault holds; fields are `SecretStr` or plain.
        entities: what can be read.
        connect: opens an account; the company's time zone name comes third.
    """

    name: str
    title: str
    settings: type[BaseModel]
    credentials: type[BaseModel]
    entities: Sequence[Entity]
    connect: Callable[[Any, Any, str], AbstractContextManager[SourceAccount]]


@dataclass(frozen=True, slots=True)
class TargetSystem:
    """A system that is written to.

    Attributes:
        settings: a target's block in connections.yaml, without `system` and `deliver`; has the field `flows`.
        credentials: what its entry in the vault holds; fields are `SecretStr` or plain.
        flows: the flows that the settings switch on, in the order in which they run; the company's name comes second.
            A flow that needs another one's objects stands behind it.
        connect: opens an account.
    """

    name: str
    title: str
    settings: type[BaseModel]
    credentials: type[BaseModel]
    flows: Callable[[Any, str], Sequence[Flow]]
    connect: Callable[[Any, Any], AbstractContextManager[TargetAccount]]


@cache
def systems() -> Mapping[str, SourceSystem | TargetSystem]:
    """Every system that registered itself, by name."""
    package = import_module("ml_connector.systems")
    names = sorted(module.name for module in iter_modules(package.__path__) if module.ispkg)
    return {name: import_module(f"ml_connector.systems.{name}").SYSTEM for name in names}


def sources() -> Mapping[str, SourceSystem]:
    return {name: system for name, system in systems().items() if isinstance(system, SourceSystem)}


def targets() -> Mapping[str, TargetSystem]:
    return {name: system for name, system in systems().items() if isinstance(system, TargetSystem)}
