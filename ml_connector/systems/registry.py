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

from ml_connector.engine.ports import Derivation, Entity, Flow, Page, Source, Writer


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


class InwardAccount(SourceAccount, Protocol):
    """An open connection to a target that is also read."""

    def fetch(self, entity: str, keys: Sequence[str]) -> Iterator[Page]:
        """These rows alone, as the system has them now; what it does not have is left out. Raises `StoppedProblem`."""
        ...


class Webhook(Protocol):
    """How a system's webhooks are told from anybody else's calls. Pure."""

    def authenticate(self, authorization: str | None, credentials: Any) -> bool:
        """Whether the `Authorization` header is the configured one; compared in constant time."""
        ...

    def event_id(self, body: bytes) -> str | None:
        """The id of the event that a body tells of; None for what is none."""
        ...


@dataclass(frozen=True, slots=True)
class Inward:
    """What a target gives back: it is read, too, and flows of what it told end in the company's source system.

    Attributes:
        entities: what is read of it, by the target's settings and name, what is derived included; none: nothing is.
        derivations: what is made of what is read.
        poll: the cron of polls, by the settings.
        read: opens it for reading; the target's name comes third.
        flows: the flows back, by the settings and the names of company and target, in the order in which they run.
        write: opens the source system for them: the target's settings, then settings and credentials of the source
            system, and the company's time zone.
        webhook: None: it sends none.
        documents: the entity, derived of events, whose records are the documents that are posted.
        deferred: by the settings, the accounts that hold revenue which is not earned yet.
    """

    entities: Callable[[Any, str], Sequence[Entity]]
    derivations: Callable[[Any, str], Sequence[Derivation]]
    poll: Callable[[Any], str]
    read: Callable[[Any, Any, str], AbstractContextManager[InwardAccount]]
    flows: Callable[[Any, str, str], Sequence[Flow]]
    write: Callable[[Any, Any, Any, str], AbstractContextManager[TargetAccount]]
    webhook: Webhook | None = None
    documents: str = "documents"
    deferred: Callable[[Any], Collection[str]] = lambda _settings: ()


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
        inward: what comes back; None: nothing does.
    """

    name: str
    title: str
    settings: type[BaseModel]
    credentials: type[BaseModel]
    flows: Callable[[Any, str], Sequence[Flow]]
    connect: Callable[[Any, Any], AbstractContextManager[TargetAccount]]
    inward: Inward | None = None


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
