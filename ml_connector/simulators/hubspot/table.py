"""The records of one type of object: by id, by unique value, and as search sees them."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ml_connector.simulators.hubspot.definitions import Definition
from ml_connector.simulators.hubspot.object_types import ObjectType


@dataclass(slots=True)
class Record:
    """One record.

    Attributes:
        values: by property, texts; `""` where one was cleared.
        created, updated, archived: seconds since the epoch; 0 is never.
        merged_into: the record that took this one's place, or 0.
        emails: further addresses of a contact, which are taken as well (section 11).
    """

    id: int
    values: dict[str, str]
    created: float
    updated: float
    archived: float = 0.0
    merged_into: int = 0
    emails: tuple[str, ...] = ()


@dataclass(slots=True)
class Before:
    """A record as it was before a change that search does not know yet; without values, it was not there."""

    at: float
    values: dict[str, str] | None
    updated: float


@dataclass(slots=True)
class Group:
    """A group of properties."""

    name: str
    label: str
    display_order: int = -1
    archived: bool = False

    def view(self) -> dict[str, object]:
        return {
            "name": self.name,
            "label": self.label,
            "displayOrder": self.display_order,
            "archived": self.archived,
        }


@dataclass(slots=True)
class Table:
    """One type of object with its properties and records.

    Attributes:
        ids: of all records ever made, ascending.
        unique: record id by value, for every property with unique values.
        live: records that are not archived.
        required: properties that a create needs, of a custom object.
    """

    type: ObjectType
    definitions: dict[str, Definition]
    groups: dict[str, Group]
    next_id: int
    lag: Callable[[], float]
    records: dict[int, Record] = field(default_factory=dict)
    ids: list[int] = field(default_factory=list)
    unique: dict[str, dict[str, int]] = field(default_factory=dict)
    live: int = 0
    required: tuple[str, ...] = ()
    _before: dict[int, list[Before]] = field(default_factory=dict)
    _changed: deque[tuple[float, int]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.unique = {name: {} for name, definition in self.definitions.items() if _is_key(definition)}

    def definition(self, name: str) -> Definition | None:
        """A property that is there and not archived."""
        found = self.definitions.get(name)
        return None if found is None or found.archived_at else found

    def find(self, record_id: int) -> Record | None:
        """A record that is not archived."""
        found = self.records.get(record_id)
        return None if found is None or found.archived else found

    def holder(self, name: str, value: str) -> Record | None:
        """The record that has a value of a property with unique values."""
        found = self.unique[name].get(value.lower() if name == "email" else value)
        return None if found is None else self.records[found]

    def add(self, values: dict[str, str], at: float) -> Record:
        """A new record."""
        record = Record(self.next_id, values, at, at)
        self.next_id += 1
        self.records[record.id] = record
        self.ids.append(record.id)
        self.live += 1
        self._index(record)
        self._remember(record, None)
        return record

    def change(self, record: Record, changes: dict[str, str], at: float) -> None:
        """Write values; `""` clears."""
        self._remember(record, dict(record.values))
        self._unindex(record)
        record.values.update(changes)
        record.updated = at
        self._index(record)

    def archive(self, record: Record, at: float) -> None:
        """Into the recycling bin: its unique values are free again."""
        self._unindex(record)
        record.archived = record.updated = at
        self.live -= 1
        self._before.pop(record.id, None)

    def after(self, last: int, archived: bool) -> Iterator[Record]:
        """The records with a higher id, archived or not."""
        for index in range(bisect_right(self.ids, last), len(self.ids)):
            record = self.records[self.ids[index]]
            if bool(record.archived) is archived:
                yield record

    def make_unique(self, name: str) -> None:
        """Begin an index; of several holders of a value the oldest stays."""
        index = self.unique[name] = {}
        for record in self.after(0, archived=False):
            if value := record.values.get(name):
                index.setdefault(value, record.id)

    def as_searched(self) -> Iterator[tuple[Record, dict[str, str], float]]:
        """The records that search sees, with their values and their time of change as it sees them."""
        self._forget()
        before = self._before
        for record in self.after(0, archived=False):
            if record.id not in before:
                yield record, record.values, record.updated
                continue
            seen = before[record.id][0]
            if seen.values is not None:
                yield record, seen.values, seen.updated

    def catch_up(self) -> None:
        """Let search see everything."""
        self._before.clear()
        self._changed.clear()

    def _remember(self, record: Record, values: dict[str, str] | None) -> None:
        if self.lag() <= 0:
            return
        self._forget()
        now = time.monotonic()
        self._before.setdefault(record.id, []).append(Before(now, values, record.updated))
        self._changed.append((now, record.id))

    def _forget(self) -> None:
        """Drop what search knows by now."""
        horizon = time.monotonic() - self.lag()
        while self._changed and self._changed[0][0] <= horizon:
            _, record_id = self._changed.popleft()
            versions = self._before.get(record_id)
            if versions:
                versions.pop(0)
            if not versions:
                self._before.pop(record_id, None)

    def _index(self, record: Record) -> None:
        for name, index in self.unique.items():
            if value := record.values.get(name):
                index[value] = record.id
        for email in record.emails:
            self.unique["email"][email] = record.id

    def _unindex(self, record: Record) -> None:
        for name, index in self.unique.items():
            value = record.values.get(name)
            if value and index.get(value) == record.id:
                del index[value]
        for email in record.emails:
            self.unique["email"].pop(email, None)


def _is_key(definition: Definition) -> bool:
    return definition.unique and definition.name != "hs_object_id"
