"""Rows kept as the JSON that is sent, in an order, with the two clocks that filters compare.

A page of a thousand rows is one join of ready bytes: the `metadata` that the vendor repeats in every row is put between
them. Blocks that a list shows only when it is asked to (`expand...`: Visma reference, section 4) are kept apart.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from ml_connector.simulators.visma.stamps import wall_of_stamp

KEPT_SELECTIONS = 8
_NOTHING: Mapping[str, bytes] = {}


@dataclass(slots=True)
class Row:
    """One row.

    Attributes:
        body: its JSON object without the closing brace.
        modified, created: wall clocks of its stamps (`stamps.py`).
        apart: name -> JSON of the blocks that have to be asked for.
        lines: JSON objects without the closing brace, where pages count those and not the rows.
    """

    body: bytes
    modified: int
    created: int
    apart: Mapping[str, bytes]
    lines: Sequence[bytes]

    def text(self, expand: Iterable[str]) -> bytes:
        """The body with these blocks, where it has them."""
        asked = [name for name in expand if name in self.apart]
        return self.body + b"".join(b',"%s":%s' % (name.encode(), self.apart[name]) for name in asked)

    def read(self) -> dict[str, Any]:
        """The row's members with every block, a copy of its own."""
        members: dict[str, Any] = orjson.loads(self.text(self.apart) + b"}")
        return members


@dataclass(frozen=True)
class Selection:
    """Which rows a list call asks for: `matches` None means all of them; `key` is equal for equal questions."""

    key: Hashable = ()
    matches: Callable[[Row], bool] | None = None


class Table:
    """Rows by their internal id, in an order that only `move_to_end`, new rows and removed ones change.

    Args:
        zone: the server's.
        apart: the blocks that a list shows only when it is asked to.
    """

    def __init__(self, zone: ZoneInfo, apart: Collection[str] = ()) -> None:
        self._zone = zone
        self._apart = apart
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

    def part(self, offset: int, count: int) -> dict[str, Any]:
        """For tests: how many rows there are, and so many of them with all their members and lines."""
        rows = []
        for key in self.ids()[offset : offset + count]:
            lines = self.lines(key)
            rows.append(self.read(key) | ({"journalTransactionLines": lines} if lines else {}))
        return {"total": len(self), "rows": rows}

    def rows_of(self, keys: Iterable[int]) -> list[Row]:
        return [self._rows[key] for key in keys]

    def body(self, key: int) -> bytes:
        """The row's JSON with every block; KeyError when there is none."""
        row = self._rows[key]
        return row.text(row.apart) + b"}"

    def lines(self, key: int) -> list[dict[str, Any]]:
        """The row's lines; KeyError when there is no such row."""
        return [orjson.loads(line + b"}") for line in self._rows[key].lines]

    def put(self, key: int, members: dict[str, Any], lines: Iterable[dict[str, Any]] = ()) -> None:
        """Replace the row where it stands, or add it at the end. ValueError when a stamp is none."""
        modified = wall_of_stamp(members["lastModifiedDateTime"], self._zone)
        created = members.get("createdDateTime")
        apart = _NOTHING
        if self._apart:
            apart = {name: orjson.dumps(members[name]) for name in self._apart if name in members}
            members = {name: value for name, value in members.items() if name not in apart}
        self._rows[key] = Row(
            orjson.dumps(members)[:-1],
            modified,
            wall_of_stamp(created, self._zone) if created else modified,
            apart,
            tuple([orjson.dumps(line)[:-1] for line in lines]) if lines else (),
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


def paged_array(rows: Iterable[Row], total: int, max_page_size: int, expand: Collection[str] = ()) -> bytes:
    """Shape A: an array whose every row ends with `metadata`; `[]` when empty (Visma reference, section 3)."""
    texts = [row.text(expand) for row in rows] if expand else [row.body for row in rows]
    return paged_texts(texts, total, max_page_size)


def paged_texts(texts: list[bytes], total: int, max_page_size: int) -> bytes:
    """As `paged_array`, of JSON objects without their closing brace."""
    return _array(texts, b',"metadata":{"totalCount":%d,"maxPageSize":%d}}' % (total, max_page_size))


def unpaged_array(rows: Iterable[Row]) -> bytes:
    """Shape B: an array of bare rows."""
    return _array([row.body for row in rows], b"}")


def _array(texts: list[bytes], end: bytes) -> bytes:
    return b"[" + (end + b",").join(texts) + end + b"]" if texts else b"[]"
