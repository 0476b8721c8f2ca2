"""The control endpoints that every simulator has, latency and clock."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
import pytest
from starlette.types import Message

from ml_connector_tests.simulators.shelf import ShelfClient, shelf_app


def test_health(shelf: ShelfClient) -> None:
    """A simulator that is up says so."""
    assert shelf.control("GET", "health") == {"status": "ok"}


def test_state_in_slices(shelf: ShelfClient) -> None:
    """The vendor's state, from an offset and so many rows."""
    for name in "abcd":
        shelf.put_book(name)
    assert shelf.control("GET", "state?offset=1&count=2") == {"books": [["b", "text"], ["c", "text"]]}
    assert shelf.get("/_simulator/state?offset=x").status_code == 400


def test_calls_are_logged(shelf: ShelfClient) -> None:
    """Total, count by route, and each call with its path, query and status; control calls are not among them."""
    shelf.put_book("å b")
    shelf.get("/books", params={"q": "æ"})
    shelf.get("/nothing")
    calls = shelf.control("GET", "calls")
    assert calls["total"] == 3
    assert calls["by_route"] == {"PUT /books/{name}": 1, "GET /books": 1, "GET /nothing": 1}
    assert [(entry["method"], entry["path"], entry["query"], entry["status"]) for entry in calls["log"]] == [
        ("PUT", "/books/å b", "", 200),
        ("GET", "/books", "q=%C3%A6", 200),
        ("GET", "/nothing", "", 404),
    ]
    assert datetime.fromisoformat(calls["log"][0]["at"]).tzinfo is not None


def test_a_cut_call_has_no_status(shelf: ShelfClient) -> None:
    """A call that never had an answer is counted, with the status null."""
    shelf.fault("lost_answer")
    with pytest.raises(httpx.ReadError):
        shelf.put_book("a")
    assert [entry["status"] for entry in shelf.control("GET", "calls")["log"]] == [None]


def test_the_log_starts_anew(shelf: ShelfClient) -> None:
    """After DELETE, and after a reset, nothing has been called."""
    for method, path in (("DELETE", "calls"), ("POST", "reset")):
        shelf.put_book("a")
        shelf.control(method, path)
        calls = shelf.control("GET", "calls")
        assert (calls["total"], calls["by_route"], calls["log"], calls["max_concurrent"]) == (0, {}, [], 0)


def test_the_log_keeps_the_last_calls() -> None:
    """2,000 entries; the counts go on."""
    app = shelf_app()
    scope = {"type": "http", "method": "GET", "path": "/books", "query_string": b"", "headers": []}

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(_message: Message) -> None:
        pass

    async def call(times: int) -> None:
        for _ in range(times):
            await app(dict(scope), receive, send)

    asyncio.run(call(2010))
    calls = app.state.calls.as_json()
    assert (calls["total"], calls["by_route"], len(calls["log"])) == (2010, {"GET /books": 2010}, 2000)


def test_concurrency_is_measured(shelf: ShelfClient) -> None:
    """The most calls that were under way at the same time."""
    shelf.fault("slow", seconds=0.3)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: shelf.get("/books"), range(4)))
    assert shelf.control("GET", "calls")["max_concurrent"] == 4


def test_latency_takes_time_but_no_turn(shelf: ShelfClient) -> None:
    """Every API call takes at least the latency, all at the same time; control calls take none."""
    shelf.control("POST", "settings", {"latency_seconds": 0.3})
    started = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: shelf.get("/books"), range(8)))
    assert 0.3 <= time.monotonic() - started < 1.2
    started = time.monotonic()
    shelf.control("GET", "health")
    assert time.monotonic() - started < 0.3


@pytest.mark.parametrize("offset", [0.0, 7200.0, -300.0])
def test_the_date_header_is_the_servers_clock(shelf: ShelfClient, offset: float) -> None:
    """Every answer has one `Date`, as far off as the setting says."""
    shelf.control("POST", "settings", {"clock_offset_seconds": offset})
    for path in ("/books", "/nothing", "/_simulator/health"):
        dates = shelf.get(path).headers.get_list("date")
        assert len(dates) == 1
        assert (parsedate_to_datetime(dates[0]) - datetime.now(UTC)).total_seconds() == pytest.approx(offset, abs=5)


def test_settings_change_while_it_runs(shelf: ShelfClient) -> None:
    """Some settings are changed, a mapping is merged, or replaced by PUT; the answer shows all."""
    settings = shelf.control("POST", "settings", {"size": 5, "label": "top", "limits": {"width": 11}, "open": False})
    assert settings == shelf.control("GET", "settings")
    assert (settings["size"], settings["label"], settings["open"]) == (5, "top", False)
    assert settings["limits"] == {"width": 11, "height": 20}
    assert shelf.control("PUT", "settings", {"limits": {"width": 12}})["limits"] == {"width": 12}
    assert shelf.control("POST", "settings", {"label": None})["label"] is None


@pytest.mark.parametrize(
    "changes",
    [
        {"colour": "red"},
        {"size": "large"},
        {"size": 1.5},
        {"size": True},
        {"open": 1},
        {"limits": {"width": "wide"}},
        {"limits": 3},
        {"latency_seconds": "slow"},
        [],
    ],
)
def test_wrong_settings_are_refused_whole(shelf: ShelfClient, changes: object) -> None:
    """400 names what is wrong, and nothing is changed, not even what was right."""
    before = shelf.control("GET", "settings")
    body = {"label": "changed"} | changes if isinstance(changes, dict) else changes
    answer = shelf.post("/_simulator/settings", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert shelf.control("GET", "settings") == before


def test_a_control_body_is_json(shelf: ShelfClient) -> None:
    """Anything else is refused with a sentence."""
    answer = shelf.post("/_simulator/settings", content=b"{")
    assert answer.status_code == 400
    assert "not JSON" in answer.json()["error"]
