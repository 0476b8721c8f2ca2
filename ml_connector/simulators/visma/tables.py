"""Rows kept as the JSON that is sent, in an order, with the two clocks that filters compare.

A page of a thousand rows is one join of ready bytes: the `metadata` that the vendor repeats in every row is put between
them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from ml_connector.simulators.visma.stamps import wall_of_stamp

KEPT_SELECTIONS = 8


@dataclass(slots=True)
class Row:
    """One row.

    Attributes:
        body: its JSON object without the closing brace.
        modified, created: wall clocks of its stamps (`stamps.py`).
    """

    body: bytes
    modified: int
    created: int

    def read(self) -> dict[str, Any]:
        """The row's members, a copy of its own."""
        members: dict[str, Any] = orjson.loads(self.body + b"}")
        return members


@dataclass(frozen=True)
class Selection:
    """Which rows a list call asks for: `matches` None means all of them; `key` is equal for equal questions."""

    key: Hashable = ()
    matches: Callable[[Row], bool] | None = None


class Table:
    """Rows by their internal id, in an order that only `move_to_end`, new rows and removed ones change."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._rows: dict[int, Row] = {}
        self._selections: dict[Hashable, list[Row]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: object) -> bool:
        return key in self._rows

    def ids(self) -> list[int]:
        return list(self._rows)

    def read(self, key: int) -> dict[str, Any]:
        """The row's members; KeyError when there is none."""
        return self._rows[key].read()

    def rows_of(self, keys: Iterable[int]) -> list[Row]:
        return [self._rows[key] for key in keys]

    def body(self, key: int) -> bytes:
        """The row's JSON; KeyError when there is none."""
        return self._rows[key].body + b"}"

    def put(self, key: int, members: dict[str, Any]) -> None:
        """Replace the row where it stands, or add it at the end. ValueError when a stamp is none."""
        modified = wall_of_stamp(members["lastModifiedDateTime"], self._zone)
        created = members.get("createdDateTime")
        self._rows[key] = Row(
            orjson.dumps(members)[:-1], modified, wall_of_stamp(created, self._zone) if created else modified
        )
        self._selections.clear()

    def remove(self, key: int) -> None:
        del self._rows[key]
        self._selections.clear()

    def move_to_end(self, key: int) -> None:
        self._rows[key] = self._rows.pop(key)
        self._selections.clear()

    def select(self, selection: Selection) -> list[Row]:
        """The rows that match, in order. Kept until a row changes, so the pages of one scan search only once."""
        found = self._selections.get(selection.key)
        if found is None:
            rows: Iterable[Row] = self._rows.values()
            found = [row for row in rows if selection.matches(row)] if selection.matches else list(rows)
            if len(self._selections) >= KEPT_SELECTIONS:
                self._selections.clear()
            self._selections[selection.key] = found
        return found


def paged_array(rows: list[Row], total: int, max_page_size: int) -> bytes:
    """Shape A: an array whose every row ends with `metadata`; `[]` when empty (Visma reference, section 3)."""
    metadata = b',"metadata":{"totalCount":%d,"maxPageSize":%d}}' % (total, max_page_size)
    return _array(rows, metadata)


def unpaged_array(rows: list[Row]) -> bytes:
    """Shape B: an array of bare rows."""
    return _array(rows, b"}")


def _array(rows: list[Row], end: bytes) -> bytes:
    return b"[" + (end + b",").join(row.body for row in rows) + end + b"]" if rows else b"[]"
