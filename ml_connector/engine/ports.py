"""What the engine asks of a system: a source to read from, flows to map with, and writers to deliver through."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from ml_connector.engine.records import Change, Mapped, Record, Result, SourceRow

# Visma's zone-less stamps run backwards by an hour in the last night of October: what is older by less than this came
# later all the same, because a row that is read later is the source's later state (Visma reference, section 5).
STAMP_SLACK = timedelta(hours=1, minutes=5)


@dataclass(frozen=True, slots=True)
class Entity:
    """A kind of record at its source.

    Attributes:
        name: `visma.customers`.
        title: for people: "Customers".
        secondary: True when its rows only serve other records (contacts, classes): they are looked up at random, so the
            store keeps them beside their key, encrypted, and not in landing files alone.
        windowed: False for reference data, which carries no change time and is read whole, once a day.
        slack: a version whose change time lies further than this behind the known one is an older version.
    """

    name: str
    title: str
    secondary: bool = False
    windowed: bool = True
    slack: timedelta = STAMP_SLACK


@dataclass(frozen=True, slots=True)
class Derivation:
    """One entity made of another.

    Attributes:
        entity: what is made.
        source: the name of the entity that it is made of.
        derive: a row's payload -> the rows made of it. Pure and total. Given the same payloads in any order, the newest
            row of every key is the same.
    """

    entity: Entity
    source: str
    derive: Callable[[bytes], Iterable[SourceRow]]


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a read, and what the source said about their number.

    Attributes:
        rows: in the source's order.
        total: how many rows the source says the whole read has; None where it does not say.
    """

    rows: Sequence[SourceRow]
    total: int | None = None


class Source(Protocol):
    """Reads entities. Raises `StoppedProblem` when the read as a whole cannot go on."""

    def read(self, entity: str, since: datetime | None) -> Iterator[Page]:
        """Every row changed at or after `since` (aware; None: every row), page by page."""
        ...

    @property
    def calls(self) -> int:
        """API calls made so far."""
        ...


class Delivery(Protocol):
    """What a writer may tell the engine while it delivers."""

    def remember(self, keys: Sequence[str], reference: str) -> None:
        """Store a reference (a batch id) with the intents of these records before waiting for its outcome."""
        ...

    def not_sent(self, key: str) -> None:
        """Nothing was done at the target about a change that was taken, and nothing will be: a stop came before. So
        it is not in doubt, and the next run sends it at once. Any thread may say so."""
        ...


class Writer(Protocol):
    """Delivers changes of one flow to one account.

    `deliver` takes changes from the iterable as it can send them, and yields one result per change in any order. It
    raises `StoppedProblem` after it has yielded every result it knows; what it took and did not answer is in doubt,
    unless it says that it was `not_sent`.
    """

    def deliver(self, changes: Iterable[Change], delivery: Delivery) -> Iterator[Result]: ...

    def resume(self, reference: str, keys: Sequence[str]) -> Iterator[Result]:
        """The outcomes of what an earlier process handed over under this reference, as far as they are known soon.

        It yields nothing for what is still at work there, and holds those records back when they are delivered again.
        """
        ...

    def settled(self, since: datetime) -> bool:
        """Whether nothing that was sent before this moment can still take effect."""
        ...

    @property
    def calls(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Made:
    """Of a flow whose source is a target of other flows of ours: how to tell what these made there.

    Attributes:
        target: where they deliver to.
        flows: their names.
        names: the names of objects that a row's payload is, or is about. Pure and total.
    """

    target: str
    flows: Sequence[str]
    names: Callable[[bytes], Collection[str]]


class Flow(Protocol):
    """One entity to one kind of object at a target: pure, needs no connection.

    Attributes:
        name: `members`.
        title: for people: "Audience members".
        entity: `visma.customers`.
        secondary: entities whose rows belong to a record (`visma.contacts`); a change there makes the record due.
        reference: entities of reference data that the mapping may look into (`visma.customer_classes`).
        fingerprint: changes when fields, selection or rules change; a state flow is then mapped again as a whole.
        fields: target field -> where it comes from, for people.
        withdrawal: the body that takes an object off when the person behind it said no; None: leave it as it is.
        settle: for how long a write without an answer may still take effect at the target.
        on_rejected_fail: a rejected record also fails its window.
    """

    name: str
    title: str
    entity: str
    secondary: tuple[str, ...]
    reference: tuple[str, ...]
    fingerprint: str
    fields: Mapping[str, str]
    withdrawal: Mapping[str, Any] | None
    settle: timedelta
    on_rejected_fail: bool

    @property
    def made(self) -> Made | None:
        """Which names of its records to look up, see `Record.made`; None: nothing at its source is of our making."""
        ...

    def map(self, record: Record) -> Mapped:
        """Total and pure: never raises for data, knows no clock and no connection."""
        ...


Clock = Callable[[], datetime]
