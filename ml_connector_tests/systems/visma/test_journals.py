"""Journal transactions: batches that pages cut are put together, and an incomplete one is never given out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ml_connector.engine.ports import Page
from ml_connector.engine.records import Reject, SourceRow
from ml_connector.http import ApiClient, ErrorTable, Stopped
from ml_connector.simulators.server import serve
from ml_connector.systems.visma.journals import LINES, BatchUnpacker, batches
from ml_connector.systems.visma.models import JournalTransaction
from ml_connector.systems.visma.rows import Unpacker
from ml_connector_tests.systems.hubspot.test_transactions import mapped
from ml_connector_tests.systems.visma.conftest import QUICK, Visma, rows

ENTITY = "visma.journal_transactions"
PATH = "/v2/journaltransaction"
UNPACKER = BatchUnpacker(
    Unpacker(
        ("module", "batchNumber"), None, "lastModifiedDateTime", ZoneInfo("Europe/Oslo"), lambda: datetime.now(UTC)
    )
)
TWO = [{"account": "6300", "debit": "10.00"}, {"account": "1920", "credit": "10.00"}]


def everything(visma: Visma) -> dict[str, dict[str, Any]]:
    """The simulator's batches by key."""
    found = visma.control("GET", "books?count=10000")["journals"]["rows"]
    return {f"{one['module'].removeprefix('Module')}-{one['batchNumber']}": one for one in found}


def same(found: list[SourceRow], expected: dict[str, dict[str, Any]]) -> bool:
    return {row.key: orjson.loads(row.payload) for row in found} == expected


# --- against the simulator -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 499, 10_000])
def test_a_batch_is_whole_wherever_pages_cut_it(visma: Visma, size: int) -> None:
    """failures.md 29: pages count lines; a row is a batch with all its lines, and debit equals credit."""
    if size < 10:
        visma.start_over(invoices=4, journals=6)
    found = visma.read(ENTITY, page_size=size)
    assert same(found, everything(visma))
    assert len({row.key for row in found}) == len(found)
    assert all(JournalTransaction.model_validate_json(row.payload).is_balanced for row in found)


def test_a_row_is_the_same_wherever_pages_cut_it(visma: Visma) -> None:
    """failures.md 3: another page size, or a batch before it, changes no digest."""
    digests = {row.key: row.digest for row in visma.read(ENTITY, page_size=500)}
    assert {row.key: row.digest for row in visma.read(ENTITY, page_size=33)} == digests


def test_a_page_size_that_is_cut_silently_loses_no_line(visma: Visma) -> None:
    """failures.md 5: ten lines to a question for a thousand are not the end."""
    visma.configure(max_page_size={"journaltransaction": 10})
    assert same(visma.read(ENTITY), everything(visma))


@pytest.mark.parametrize("after", [1, 2, 3])
def test_batches_that_move_while_they_are_read_stay_whole(visma: Visma, after: int) -> None:
    """failures.md 4 and 29: lines shift between the pages; what was cut is read again until it is whole."""
    before = everything(visma)
    visma.faults({"fault": "rows_move", "path": PATH, "after": after, "times": 1})
    found = visma.read(ENTITY, page_size=60)
    newest = {row.key: orjson.loads(row.payload) for row in found}
    assert newest == everything(visma)
    for row in found:
        assert orjson.loads(row.payload)[LINES] == before[row.key][LINES]


def test_batches_that_never_rest_stop_the_read(visma: Visma) -> None:
    """failures.md 29: what is incomplete is not given out, whole ones are, and nothing counts as covered."""
    expected = everything(visma)
    visma.faults({"fault": "rows_move", "path": PATH})
    pages: list[Page] = []
    with pytest.raises(Stopped, match=r"batches .* changed while their lines were read") as caught:
        pages.extend(visma.account(page_size=60).read(ENTITY, None))
    found = [row for page in pages for row in page.rows]
    assert caught.value.decision.kind == "incomplete batches"
    assert found
    for row in found:
        assert orjson.loads(row.payload)[LINES] == expected[row.key][LINES]


def test_a_full_read_asks_since_the_beginning(visma: Visma) -> None:
    """One of period and moment has to be asked for; no condition is sent, as none exists (section 4)."""
    visma.read(ENTITY, page_size=500)
    query = visma.log(PATH)[0]["query"]
    assert query == "lastModifiedDateTime=1900-01-01&pageNumber=1&pageSize=500"


@pytest.mark.parametrize("operator", [">=", ">"])
def test_changed_batches_are_read_whatever_the_moment_means(visma: Visma, operator: str) -> None:
    """failures.md 2: whole seconds and the overlap cover after and at-or-after."""
    visma.configure(journal_operator=operator)
    new = visma.control("POST", "journals", {"lines": TWO})
    since = datetime.fromisoformat(new["lastModifiedDateTime"]) - timedelta(hours=2, minutes=5)
    assert [row.key for row in visma.read(ENTITY, since)] == [f"GL-{new['batchNumber']}"]


@pytest.mark.parametrize("operator", ["<", "<="])
def test_a_moment_that_means_before_stops_the_read(visma: Visma, operator: str) -> None:
    """Rows from before the bound prove that the filter means something else; what it leaves out is not known."""
    visma.configure(journal_operator=operator)
    with pytest.raises(Stopped, match="the moment does not mean at or after") as caught:
        visma.read(ENTITY, datetime.now(UTC) - timedelta(hours=3))
    assert caught.value.decision.kind == "filter"


def test_a_batch_whose_header_says_something_else_is_seen_by_the_mapping(visma: Visma) -> None:
    """Two walks show the same lines, so it is so at the vendor: kept, and not balanced; the read does not stop."""
    key = next(key for key in everything(visma) if key.startswith("GL"))
    visma.control("PATCH", f"journals/{key}", {"debitTotal": 1.0})
    found = visma.read(ENTITY, page_size=60)
    odd = [row.key for row in found if not JournalTransaction.model_validate_json(row.payload).is_balanced]
    assert odd == [key]
    assert {row.key for row in found} == set(everything(visma))


def test_a_batch_on_hold_is_read_as_it_is(visma: Visma) -> None:
    """Its header agrees with its lines, though debit is not credit yet."""
    made = visma.control("POST", "journals", {"lines": TWO[:1], "status": "Hold"})
    (row,) = [row for row in visma.read(ENTITY) if row.key == f"GL-{made['batchNumber']}"]
    batch = JournalTransaction.model_validate_json(row.payload)
    assert (batch.debit, batch.credit, batch.is_balanced) == (Decimal("10.0"), 0, False)
    assert batch.key == row.key


def test_a_changed_batch_comes_again_with_all_its_lines(visma: Visma) -> None:
    """Its lines lie on several pages, and so do they when it is asked for alone."""
    long = visma.control("GET", "books?count=0")["awkward_journals"]["long"][0]
    before = datetime.now(UTC) - timedelta(minutes=1)
    visma.control("PATCH", f"journals/{long}", {"description": "Ny tekst"})
    account = visma.account(page_size=7)
    found = rows(account, ENTITY, before)
    assert [row.key for row in found] == [long]
    assert orjson.loads(found[0].payload) == everything(visma)[long]
    assert account.calls == 10


# --- any batches, any pages, any changes on the way ------------------------------------------------------------------


class Moving:
    """A journal whose batches change while it is read: before its Nth answer some are written anew, at the end."""

    def __init__(self) -> None:
        self.start([], 1, {}, True)

    def start(self, sizes: list[int], largest: int, changes: dict[int, list[int]], shrink: bool) -> None:
        self.largest, self.changes, self.asked, self.shrink = largest, changes, 0, shrink
        self.order = list(range(len(sizes)))
        self.now = [self._batch(number, 0, size) for number, size in enumerate(sizes)]
        self.ever = {orjson.dumps(batch, option=orjson.OPT_SORT_KEYS) for batch in self.now}

    def _batch(self, number: int, version: int, size: int) -> dict[str, Any]:
        """As many lines of 1 to the debit, and one that balances them."""
        lines: list[dict[str, Any]] = [
            {"lineNumber": at, "debitAmount": 1.0, "creditAmount": 0.0, "text": f"{version}"} for at in range(1, size)
        ]
        lines.append({"lineNumber": size, "debitAmount": 0.0, "creditAmount": float(size - 1), "text": f"{version}"})
        return {
            "module": "ModuleGL",
            "batchNumber": f"{number:06d}",
            "timeStamp": f"v{version}",
            "lastModifiedDateTime": "2026-05-01T10:00:00+02:00",
            "debitTotal": float(size - 1),
            "creditTotal": float(size - 1),
            LINES: lines,
        }

    async def page(self, request: Request) -> Response:
        self.asked += 1
        for number in self.changes.get(self.asked, ()):
            size = len(self.now[number][LINES])
            self.now[number] = self._batch(number, self.asked, max(1, size - 1) if self.shrink else size)
            self.order.append(self.order.pop(self.order.index(number)))
            self.ever.add(orjson.dumps(self.now[number], option=orjson.OPT_SORT_KEYS))
        place, size = (int(request.query_params[name]) for name in ("pageNumber", "pageSize"))
        size = min(size, self.largest)
        lines = [(number, line) for number in self.order for line in self.now[number][LINES]]
        metadata = {"totalCount": len(lines), "maxPageSize": self.largest}
        shown: dict[int, list[Any]] = {}
        for number, line in lines[(place - 1) * size : place * size]:
            shown.setdefault(number, []).append(line)
        body = [{**self.now[number], LINES: part, "metadata": metadata} for number, part in shown.items()]
        return Response(orjson.dumps(body), media_type="application/json")


@pytest.fixture(scope="module")
def moving() -> Iterator[tuple[Moving, ApiClient]]:
    server = Moving()
    with (
        serve(Starlette(routes=[Route("/journal", server.page)])) as served,
        ApiClient(served.url, name="Visma.net", errors=ErrorTable(), retries=QUICK) as client,
    ):
        yield server, client


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_batch_is_ever_given_out_in_halves(moving: tuple[Moving, ApiClient], data: st.DataObject) -> None:
    """failures.md 29: whatever pages cut and whatever changes on the way, each row is a version that really was.

    And a read that ends has every batch, the ones that changed in a version at least as new as at its start.
    """
    server, client = moving
    sizes = data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=8))
    largest = data.draw(st.integers(1, 9))
    number = st.integers(0, len(sizes) - 1)
    changes = data.draw(st.dictionaries(st.integers(2, 9), st.lists(number, min_size=1, max_size=3), max_size=3))
    server.start(sizes, largest, changes, data.draw(st.booleans()))
    found: list[SourceRow] = []
    ended = True
    try:
        for page in batches(client, "/journal", {}, data.draw(st.integers(1, 12)), UNPACKER):
            found += page.rows
    except Stopped:
        ended = False
    assert {row.payload for row in found} <= server.ever
    assert ended is False or {row.key for row in found} == {f"GL-{number:06d}" for number in range(len(sizes))}
    assert ended or changes, "a journal that rests is always read to its end"


def test_a_walk_that_meets_nothing_new_and_too_little_is_not_the_last(moving: tuple[Moving, ApiClient]) -> None:
    """Two walks met the first batch alone, while it shrank and the other one slipped past each time."""
    server, client = moving
    server.start([4, 2], 1, {3: [0], 4: [0, 1], 9: [0]}, True)
    found = {row.key for page in batches(client, "/journal", {}, 1, UNPACKER) for row in page.rows}
    assert found == {"GL-000000", "GL-000001"}


@given(st.lists(st.integers(1, 6), max_size=8), st.integers(1, 9))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_journal_that_rests_is_read_on_one_walk(
    moving: tuple[Moving, ApiClient], sizes: list[int], largest: int
) -> None:
    """Every batch once, with as many calls as there are pages."""
    server, client = moving
    server.start(sizes, largest, {}, True)
    found = [row for page in batches(client, "/journal", {}, 9, UNPACKER) for row in page.rows]
    assert {row.payload for row in found} == server.ever
    assert len(found) == len(sizes)
    assert server.asked == max(1, -(-sum(sizes) // largest))


@pytest.mark.parametrize("size", [6, 3])
def test_lines_without_a_number_are_all_there_though_they_are_equal(
    moving: tuple[Moving, ApiClient], size: int
) -> None:
    """Two debits of the same, and what balances them."""
    server, client = moving
    server.start([3, 3], size, {}, True)
    for batch in server.now:
        for line in batch[LINES]:
            del line["lineNumber"]
    found = {row.key: row for page in batches(client, "/journal", {}, 9, UNPACKER) for row in page.rows}
    for number in ("GL-000000", "GL-000001"):
        read = JournalTransaction.model_validate_json(found[number].payload)
        assert (len(read.journal_transaction_lines), read.is_balanced) == (3, True)
    assert server.asked == 6 // size


def test_equal_lines_without_a_number_that_a_page_cuts_apart_are_refused_and_not_guessed(
    moving: tuple[Moving, ApiClient],
) -> None:
    """failures.md 29: whether the line came twice or is there twice, nobody can tell; the sums say what is missing."""
    server, client = moving
    server.start([4], 2, {}, True)
    for line in server.now[0][LINES]:
        del line["lineNumber"]
    found = [row for page in batches(client, "/journal", {}, 9, UNPACKER) for row in page.rows]
    (row,) = {row.payload for row in found}
    assert len(JournalTransaction.model_validate_json(row).journal_transaction_lines) == 3
    refused = mapped({**orjson.loads(row), "status": "Posted"}, modules=["GL"], accounts=[])
    assert isinstance(refused, Reject)
    assert refused.reason == (
        "Debit is 2, credit is 3, and the header says 3. A batch is complete or not used, so nothing of it was sent."
    )
