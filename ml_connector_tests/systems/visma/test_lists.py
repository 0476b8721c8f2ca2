"""The three shapes of lists, and what goes wrong while one is read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ml_connector.engine.ports import Page
from ml_connector.http import ApiClient, ErrorTable, Stopped, TornAnswer
from ml_connector.http.clock import now
from ml_connector.simulators.server import serve
from ml_connector.systems.visma.lists import WALKS, named, paged, unpaged
from ml_connector.systems.visma.rows import Unpacker
from ml_connector_tests.systems.visma.conftest import CUSTOMERS as COUNT
from ml_connector_tests.systems.visma.conftest import QUICK, Visma

OSLO = ZoneInfo("Europe/Oslo")
CUSTOMER = Unpacker("number", None, "lastModifiedDateTime", OSLO, lambda: datetime(2030, 1, 1, tzinfo=UTC))
CONTACT = Unpacker("contactId", "businessAccount", "lastModifiedDateTime", OSLO, now)
TERM = Unpacker("termsId", None, "lastModifiedDateTime", OSLO, now)


def numbers(client: ApiClient, size: int) -> list[str]:
    return [row.key for page in customers(client, size) for row in page.rows]


def customers(client: ApiClient, size: int, path: str = "/v1/customer") -> Iterator[Page]:
    return paged(client, path, {}, size, CUSTOMER.array_page)


def pages_asked(visma: Visma) -> list[str]:
    return [call["query"] for call in visma.log("/v1/")]


def test_pages_are_read_one_after_the_other(visma: Visma) -> None:
    """Both parameters are always sent, and every page says the same total."""
    client = visma.client()
    pages = list(customers(client, 100))
    assert [len(page.rows) for page in pages] == [100, 100, 30]
    assert {page.total for page in pages} == {COUNT}
    assert pages_asked(visma) == [f"pageNumber={number}&pageSize=100" for number in (1, 2, 3)]
    assert visma.control("GET", "calls")["max_concurrent"] == 1


@pytest.mark.parametrize("size", [1, 23, 229, 230, 231, 1000])
def test_every_row_is_read_once_whatever_the_page_size(visma: Visma, size: int) -> None:
    """The last page may be full, short or the only one; none behind it is asked for."""
    found = numbers(visma.client(), max(size, 23))
    assert len(found) == len(set(found)) == COUNT
    assert len(pages_asked(visma)) == -(-COUNT // max(size, 23))


def test_a_page_size_that_is_cut_silently_loses_nothing(visma: Visma) -> None:
    """failures.md 5: a page of 40 rows to a question for 1000 is not the end."""
    visma.configure(max_page_size={"customer": 40})
    assert len(set(numbers(visma.client(), 1000))) == COUNT
    assert len(pages_asked(visma)) == 6


def test_a_list_that_is_empty_has_no_pages(visma: Visma) -> None:
    """`[]` carries no metadata."""
    visma.start_over(customers=0)
    assert numbers(visma.client(), 100) == []
    assert len(pages_asked(visma)) == 1


@pytest.mark.parametrize("after", [1, 2])
def test_rows_that_move_while_they_are_read_are_met_on_another_walk(visma: Visma, after: int) -> None:
    """failures.md 4: pages shift without a change of `totalCount`; the count of keys shows it."""
    visma.faults({"fault": "rows_move", "path": "/v1/customer", "after": after, "times": 1})
    assert len(set(numbers(visma.client(), 50))) == COUNT
    assert len(pages_asked(visma)) == 10


def test_a_page_that_came_empty_is_met_on_another_walk(visma: Visma) -> None:
    """An empty page in the middle is not the end, and its rows are not lost."""
    visma.faults({"fault": "empty_page", "path": "/v1/customer", "after": 2, "times": 1})
    assert len(set(numbers(visma.client(), 50))) == COUNT


def test_a_total_that_changes_on_the_way_makes_another_walk(visma: Visma) -> None:
    """failures.md 4: `totalCount` differs between the first and the last page; the walk is repeated, and ends."""
    client = visma.client()
    pages = customers(client, 50)
    found = [row.key for row in next(pages).rows]
    new = visma.control("POST", "customers", {"name": "Ny kunde AS"})["number"]
    found += [row.key for page in pages for row in page.rows]
    assert len(set(found)) == COUNT + 1
    assert new in found
    assert len(pages_asked(visma)) == 10


def test_a_wrapper_is_walked_by_its_own_count(visma: Visma) -> None:
    """Shape C: `records` and `totalCount` in an object; the size that was used is told there."""
    visma.configure(max_page_size={"creditTerm": 2})
    pages = paged(visma.client(), "/v1/creditTerm", {}, 100, TERM.wrapper_page)
    assert [row.key for page in pages for row in page.rows] == ["10", "14", "30", "45", "LM"]
    assert len(pages_asked(visma)) == 3


@pytest.mark.parametrize("body", [{"message": "no"}, "text", None, 7])
def test_a_page_of_another_shape_is_torn(body: object) -> None:
    """200 with something else is asked again, and then ends that call."""
    with pytest.raises(ValueError, match="the page"):
        CUSTOMER.array_page(json.dumps(body).encode())
    with pytest.raises(ValueError, match="the page"):
        CUSTOMER.wrapper_page(json.dumps(body).encode())


class Plain:
    """A server of a list without metadata, as nobody documents one, and of an unpaged one."""

    def __init__(self, rows: int) -> None:
        self.rows: list[dict[str, Any]] = [{"number": str(number)} for number in range(rows)]
        self.asked = 0

    async def page(self, request: Request) -> Response:
        self.asked += 1
        number, size = (int(request.query_params[name]) for name in ("pageNumber", "pageSize"))
        return Response(json.dumps(self.rows[(number - 1) * size : number * size]))

    async def restless(self, request: Request) -> Response:
        """New rows on every page, and always more of them than were shown."""
        self.asked += 1
        metadata = {"totalCount": 500 * self.asked + 1000, "maxPageSize": 500}
        return JSONResponse([{"number": f"{self.asked}-{row}", "metadata": metadata} for row in range(500)])

    async def nothing(self, request: Request) -> Response:
        return Response(status_code=200)


@pytest.fixture
def plain() -> Iterator[tuple[Plain, ApiClient]]:
    server = Plain(25)
    routes = [Route("/page", server.page), Route("/nothing", server.nothing), Route("/restless", server.restless)]
    with (
        serve(Starlette(routes=routes)) as served,
        ApiClient(served.url, name="Visma.net", errors=ErrorTable(), retries=QUICK) as client,
    ):
        yield server, client


def test_a_list_that_tells_no_count_ends_with_an_empty_page(plain: tuple[Plain, ApiClient]) -> None:
    """Where there is no metadata, a short page is not the end either."""
    server, client = plain
    assert sum(len(page.rows) for page in customers(client, 10, "/page")) == 25
    assert server.asked == 4


def test_a_list_that_never_rests_stops_the_read(plain: tuple[Plain, ApiClient]) -> None:
    """Walks are bounded: that rows may be missing is said in three parts, and all that was met was yielded."""
    server, client = plain
    pages: list[Page] = []
    with pytest.raises(Stopped, match=f"changed on each of {WALKS} walks") as caught:
        pages.extend(customers(client, 500, "/restless"))
    assert caught.value.decision.kind == "changing list"
    assert len(pages) == server.asked


def test_an_answer_without_a_body_is_no_empty_list(plain: tuple[Plain, ApiClient]) -> None:
    """Nothing is not the same as an array with nothing in it."""
    _, client = plain
    with pytest.raises(TornAnswer):
        list(customers(client, 10, "/nothing"))
    with pytest.raises(TornAnswer):
        list(unpaged(client, "/nothing", {}, CONTACT.rows))


def test_an_unpaged_list_comes_in_portions(visma: Visma) -> None:
    """Shape B: the answer is taken apart while it arrives."""
    visma.start_over(customers=3000, contacts_share=1.0)
    client = visma.client()
    pages = list(unpaged(client, "/v1/contact", {}, CONTACT.rows))
    assert len(pages) > 2
    assert all(len(page.rows) == 1000 for page, _ in pairwise(pages))
    assert client.calls == 1


@pytest.mark.parametrize("fault", ["reset_body", "torn_json"])
def test_an_unpaged_list_that_breaks_off_is_asked_for_again(visma: Visma, fault: str) -> None:
    """What came before the break comes twice, which the ledger recognises; nothing is missing."""
    visma.faults({"fault": fault, "path": "/v1/contact", "times": 2})
    client = visma.client()
    pages = unpaged(client, "/v1/contact", {}, CONTACT.rows)
    found = {row.key for page in pages for row in page.rows}
    assert found == {str(row["contactId"]) for row in visma.control("GET", "state")["contacts"]["rows"]}
    assert client.calls == 3


def test_a_row_that_is_gone_when_it_is_asked_for_is_none_any_more() -> None:
    """Keys are read before rows; whatever stands in a key is part of the path and nothing more."""
    rows = {"A/B": {"id": "A/B"}, "C": {"id": "C"}}

    async def keys(_request: Request) -> Response:
        return JSONResponse([*rows, "GONE", "C"])

    async def row(request: Request) -> Response:
        found = rows.get(request.path_params["key"])
        return JSONResponse(found or {"message": "none"}, 200 if found else 404)

    app = Starlette(routes=[Route("/list", keys), Route("/list/{key:path}", row)])
    unpacker = Unpacker("id", None, None, OSLO, now)
    with (
        serve(app) as served,
        ApiClient(served.url, name="Visma.net", errors=ErrorTable(), retries=QUICK) as client,
    ):
        assert [one.key for page in named(client, "/list", {}, unpacker.rows) for one in page.rows] == ["A/B", "C"]
