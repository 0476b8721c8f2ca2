"""Reads Visma's lists (Visma reference, section 3), whatever they hold.

A paged array (shape A), a wrapper with `records` (shape C), an array in one answer (shape B), and keys in one answer
(shape D), where each row is a call of its own. The paged ones shift
while data changes under the scan, in an order that nobody documents. So pages are asked for one after the other, the
next one while the last is worked on; and a walk is counted: where `totalCount` changed on the way, or fewer keys were
met than it says, the list is walked again until nothing new turns up. Rows that come twice are the ledger's to drop.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count, islice, takewhile
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

import numpy as np
import numpy.typing as npt
import orjson

from ml_connector.engine.ports import Page
from ml_connector.engine.records import SourceRow
from ml_connector.http import ApiClient, TornAnswer, concurrently, stop
from ml_connector.http.actions import Action, Decision
from ml_connector.systems.visma.rows import Sheet
from ml_connector.systems.visma.stream import NotWhole, elements

WALKS = 4
"""How often a list is walked that changes on every walk, before the read is given up."""

GONE = 404

STREAM_ATTEMPTS = 3
STREAM_ROWS = 1000

Params = Mapping[str, str | int]


class Slice(Protocol):
    """What a page of any list tells: what its size counts, how many there are of it, and the largest page."""

    @property
    def rows(self) -> Sequence[Any]: ...

    @property
    def total(self) -> int | None: ...

    @property
    def largest(self) -> int | None: ...


S = TypeVar("S", bound=Slice)


def paged(client: ApiClient, path: str, params: Params, size: int, unpack: Callable[[bytes], Sheet]) -> Iterator[Page]:
    """Every row of a paged list, at least once; at most about three pages are held.

    Args:
        unpack: makes a page of an answer's body; a ValueError means that it is torn.

    Raises: `CallProblem` when a page cannot be read, `Stopped` when the list changes on every walk.
    """
    census = Census()
    for _ in range(WALKS):
        met, totals = array("q"), set()
        for sheet in walked(client, path, params, size, unpack):
            met.extend(hash(row.key) for row in sheet.rows)
            if sheet.rows:
                totals.add(sheet.total)
                yield Page(sheet.rows, sheet.total)
        if census.complete(met, totals):
            return
    raise stop(
        client.name,
        "changing list",
        f"{path} changed on each of {WALKS} walks, so that rows may be missing",
        "Nothing has to be done: what was read is kept, and the next read asks for all of it again.",
    )


def walked(client: ApiClient, path: str, params: Params, size: int, unpack: Callable[[bytes], S]) -> Iterator[S]:
    """The pages once, in order, until the count is reached or, where none is told, a page is empty."""

    def fetch(number: int, size: int) -> S:
        answer = client.request("GET", path, params={**params, "pageNumber": number, "pageSize": size}, parse=unpack)
        if answer.data is None:
            raise TornAnswer(Decision(Action.RETRY, "malformed answer", "the page is empty of anything"), answer.status)
        page: S = answer.data
        return page

    first = fetch(1, size)
    yield first
    if not first.rows:
        return
    if first.total is None:
        following = (fetch(number, size) for number in count(2))
        yield from takewhile(lambda page: page.rows, following)
        return
    used = min(size, first.largest or size, len(first.rows))  # larger requests are cut without a word
    pages = range(2, -(-first.total // used) + 1)
    yield from concurrently(lambda number: fetch(number, used), pages, connections=1, ahead=1)


class Census:
    """Whether everything in a list was met, over one or several walks. Keys are held as eight bytes each."""

    def __init__(self) -> None:
        self._known: npt.NDArray[np.int64] = np.empty(0, np.int64)
        self._total = 0
        self._before: tuple[npt.NDArray[np.int64], set[int | None]] | None = None

    def complete(self, met: array[int], totals: set[int | None]) -> bool:
        """Whether the walks up to this one can have left nothing out.

        One walk on which nothing moved, and that met as much as there is; or all walks together as much as there ever
        was, because of what they met some may be gone by now; or two walks that tell and meet the very same, because
        then the total is only wrong.
        """
        here = np.unique(np.frombuffer(met, np.int64)) if met else np.empty(0, np.int64)
        at_rest, total = len(totals) <= 1, max((total or 0 for total in totals), default=0)
        before, self._before = self._before, (here, totals)
        self._known, self._total = np.union1d(self._known, here), max(self._total, total)
        if at_rest and here.size >= total:
            return True
        if before is None:
            return False
        same = at_rest and before[1] == totals and np.array_equal(before[0], here)
        return same or self._known.size >= self._total


def unpaged(
    client: ApiClient, path: str, params: Params, unpack: Callable[[Sequence[Any]], Sequence[SourceRow]]
) -> Iterator[Page]:
    """Every row of a list that comes in one answer, taken apart while it arrives.

    An answer that breaks off is asked for again, from its start. Raises: `CallProblem`.

    Args:
        unpack: makes rows of parsed members.
    """
    for attempt in range(1, STREAM_ATTEMPTS + 1):
        try:
            with client.stream(path, params=params) as chunks:
                rows = elements(chunks)
                while some := list(islice(rows, STREAM_ROWS)):
                    yield Page(unpack(some))
        except TornAnswer:
            if attempt == STREAM_ATTEMPTS:
                raise
        except NotWhole as error:
            if attempt == STREAM_ATTEMPTS:
                raise TornAnswer(Decision(Action.RETRY, "malformed answer", str(error))) from None
        else:
            return


def named(
    client: ApiClient, path: str, params: Params, unpack: Callable[[Sequence[Any]], Sequence[SourceRow]]
) -> Iterator[Page]:
    """Every row of a list that holds nothing but keys; one that is gone when it is asked for is none any more.

    Args:
        unpack: makes rows of parsed members.

    Raises: `CallProblem`.
    """
    names = client.request("GET", path, parse=_names).data or []
    for name in names:
        answer = client.request("GET", f"{path}/{quote(name, safe='')}", params=params, allow=(GONE,), parse=_member)
        if answer.status != GONE:
            yield Page(unpack([answer.data]))


def _names(content: bytes) -> list[str]:
    """The keys. ValueError: it is no list of texts."""
    found = orjson.loads(content)
    if not isinstance(found, list) or not all(isinstance(one, str) and one for one in found):
        raise ValueError("the list holds something else than keys")
    return list(dict.fromkeys(found))


def _member(content: bytes) -> Any:
    """One row. ValueError: it is none, unless it says that there is none."""
    found = orjson.loads(content)
    if not isinstance(found, dict):
        raise ValueError("the answer is no row")
    return found
