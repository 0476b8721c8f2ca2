"""Reads journal transactions: puts batches together again that pages cut (Visma reference, section 3).

Pages count lines, and a batch's lines may go on on the next page below the same header. A batch between two others on a
page is whole: a page is one answer. The first and the last of a page may lack lines, so they are held until a walk
proved that every line was met. And no batch is given out whose lines do not add up to what its header says, until
another walk shows the same lines: then it is so at the vendor, and the mapping sees that it is not balanced. What stays
incomplete is not given out, and the read stops, so that nothing is taken for covered.
"""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from ml_connector.engine.ports import Page
from ml_connector.engine.records import SourceRow
from ml_connector.http import ApiClient, stop
from ml_connector.systems.visma.lists import WALKS, Census, Params, walked
from ml_connector.systems.visma.rows import Sheet, Unpacker

LINES = "journalTransactionLines"
SIDES = (("debitAmount", "debitTotal"), ("creditAmount", "creditTotal"))

BEGINNING = "1900-01-01"
"""Either a period or a moment must be asked for (section 4): what everything has changed since."""

OLDER = timedelta(hours=3)
"""How far behind the bound a row may lie: a zone that is set wrongly is worth two hours (section 5)."""

Members = dict[str, Any]


@dataclass(slots=True)
class Batch:
    """A batch as far as it was met.

    Attributes:
        version: of the header that its lines came with.
        lines: by their identity, each once.
        walk: on which walk it was met last.
    """

    header: Members
    version: object
    lines: dict[object, Members]
    walk: int = 0

    @property
    def members(self) -> Members:
        """The batch as it would have come on one page, its lines in their order."""
        lines = sorted(self.lines.values(), key=lambda line: _order(line.get("lineNumber")))
        return {**self.header, LINES: lines}

    @property
    def adds_up(self) -> bool:
        """Whether the lines are what the header says; so where the header does not say."""
        return all(
            total is None
            or total == sum((_amount(line.get(name)) or Decimal() for line in self.lines.values()), Decimal())
            for name, total in ((name, _amount(self.header.get(said))) for name, said in SIDES)
        )


@dataclass(frozen=True, slots=True)
class LinePage:
    """One page.

    Attributes:
        pieces: the batches with those of their lines that are on this page, by key and in order.
        rows: a hash for each line; this is what the page's size and total count.
        total, largest: as in `Sheet`.
    """

    pieces: Sequence[tuple[str, Batch]]
    rows: Sequence[int]
    total: int | None
    largest: int | None


class BatchUnpacker:
    """Makes pages and rows of batches.

    Args:
        unpacker: of the headers; keys by module and number.
    """

    def __init__(self, unpacker: Unpacker) -> None:
        self._unpacker = unpacker

    def page(self, content: bytes) -> LinePage:
        """A page's batches. ValueError: it is none."""
        sheet: Sheet = self._unpacker.array_page(content)
        pieces = [(row.key, _batch(json.loads(row.payload))) for row in sheet.rows]
        marks = [hash((key, mark)) for key, piece in pieces for mark in piece.lines or (None,)]
        return LinePage(pieces, marks, sheet.total, sheet.largest)

    def row(self, batch: Batch) -> SourceRow:
        """A whole batch, always written in the same way: whether a page cut it is no part of it."""
        (row,) = self._unpacker.rows([batch.members])
        return row._replace(key=row.key.removeprefix("Module"))


@dataclass(slots=True)
class _Assembly:
    """The batches that may lack lines, over one or several walks."""

    unpacker: BatchUnpacker
    held: dict[str, Batch] = field(default_factory=dict)
    doubtful: dict[str, bytes] = field(default_factory=dict)
    torn: bool = False

    def take(self, page: LinePage, walk: int) -> list[SourceRow]:
        """The rows of those batches of a page that are whole; the others are held."""
        whole = []
        for place, (key, piece) in enumerate(page.pieces):
            if 0 < place < len(page.pieces) - 1 and key not in self.held and piece.adds_up:
                whole.append(self.unpacker.row(piece))
            else:
                self._hold(key, piece, walk)
        return whole

    def _hold(self, key: str, piece: Batch, walk: int) -> None:
        before = self.held.get(key)
        if before is not None and before.version == piece.version:
            before.lines |= piece.lines
            before.walk = walk
            return
        if before is not None and before.walk == walk:
            self.torn = True  # it was changed between two pages: the lines of the first one are gone
        piece.walk = walk
        self.held[key] = piece

    def release(self) -> list[SourceRow]:
        """After a walk that met every line: the rows of the held batches that are not in doubt, or not any more."""
        rows, still = [], {}
        for key, batch in list(self.held.items()):
            row = self.unpacker.row(batch)
            if batch.adds_up or self.doubtful.get(key) == row.digest:
                rows.append(row)
                del self.held[key]
            else:
                still[key] = row.digest
        self.doubtful = still
        return rows


def batches(client: ApiClient, path: str, params: Params, size: int, unpacker: BatchUnpacker) -> Iterator[Page]:
    """Every batch with all its lines, at least once. The pages tell no total, which would count lines.

    Raises: `CallProblem` when a page cannot be read, `Stopped` when batches stay incomplete on every walk.
    """
    census, assembly = Census(), _Assembly(unpacker)
    for walk in range(1, WALKS + 1):
        met, totals, assembly.torn = array("q"), set[int | None](), False
        for page in walked(client, path, params, size, unpacker.page):
            met.extend(page.rows)
            if page.rows:
                totals.add(page.total)
            if rows := assembly.take(page, walk):
                yield Page(rows)
        if census.complete(met, totals) and not assembly.torn:
            yield Page(assembly.release())
            if not assembly.held:
                return
    listed = ", ".join(sorted(assembly.held)[:5]) or "some"
    raise stop(
        client.name,
        "incomplete batches",
        f"batches ({listed}) changed while their lines were read, on each of {WALKS} walks",
        "Nothing has to be done: whole batches were kept, and the next read asks for all of them again.",
    )


def since_parameters(bound: str | None) -> dict[str, str]:
    """The filter: a moment without a condition, as none exists (section 4). Whether it means after, or at-or-after, is
    not documented (section 13); the overlap covers both."""
    return {"lastModifiedDateTime": bound or BEGINNING}


def checked(pages: Iterable[Page], client: ApiClient, since: datetime | None) -> Iterator[Page]:
    """The pages as they are. Raises `Stopped` at a row that lies clearly before the bound: the filter means something
    else than it is taken for, so what it leaves out is not known."""
    for page in pages:
        old = [row for row in page.rows if since is not None and row.changed_at < since - OLDER]
        if old:
            raise stop(
                client.name,
                "filter",
                f"asked for journal transactions since {since:%Y-%m-%d %H:%M} UTC, it gave {old[0].key}, which was "
                f"changed at {old[0].changed_at:%Y-%m-%d %H:%M} UTC: the moment does not mean at or after",
                "Report this to whoever maintains ml-connector; until then, full reads are right.",
            )
        yield page


def _batch(header: Any) -> Batch:
    """A batch's piece on one page."""
    if not isinstance(header, dict):
        return Batch({}, None, {})
    lines = header.pop(LINES, None)
    found = [line for line in lines if isinstance(line, dict)] if isinstance(lines, list) else []
    version = (header.get("timeStamp"), header.get("lastModifiedDateTime"))
    return Batch(header, version, _told_apart(found))


def _told_apart(lines: Iterable[Members]) -> dict[object, Members]:
    """The lines by number; those without one by content, and how often that was met on this page before.

    So a line that comes again on another page is not counted twice, and equal lines of one page are all there.
    """
    told: dict[object, Members] = {}
    met: Counter[str] = Counter()
    for line in lines:
        number: object = line.get("lineNumber")
        if not isinstance(number, int):
            content = json.dumps(line, sort_keys=True)
            met[content] += 1
            number = (content, met[content])
        told[number] = line
    return told


def _order(number: Any) -> int:
    return number if isinstance(number, int) else 0


def _amount(value: Any) -> Decimal | None:
    """A JSON number, exact as it was written; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return Decimal(str(value))
