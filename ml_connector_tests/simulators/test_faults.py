"""Faults: what each does to a real HTTP client, and when it strikes."""

from __future__ import annotations

import time

import httpx
import orjson
import pytest

from ml_connector.simulators import faults
from ml_connector.simulators.fault_rules import NAMES
from ml_connector.simulators.faults import FaultPlan, FaultRule
from ml_connector_tests.simulators.shelf import ShelfClient, shelf_app


def statuses(shelf: ShelfClient, calls: int, path: str = "/books") -> list[int]:
    return [shelf.get(path).status_code for _ in range(calls)]


def test_without_faults_all_is_well(shelf: ShelfClient) -> None:
    """The shelf answers."""
    assert shelf.put_book("a").json() == {"name": "a"}
    assert shelf.get("/books").json() == {"a": "text"}


def test_slow(shelf: ShelfClient) -> None:
    """A slow call takes the seconds of its rule longer, and is then answered as always."""
    shelf.fault("slow", seconds=0.3)
    started = time.monotonic()
    assert shelf.put_book("a").status_code == 200
    assert time.monotonic() - started >= 0.3


def test_reset(shelf: ShelfClient) -> None:
    """The connection is reset before any answer, and nothing was done."""
    shelf.fault("reset", times=1)
    with pytest.raises(httpx.ReadError):
        shelf.put_book("a")
    assert shelf.books() == {}


def test_reset_in_the_middle_of_a_body(shelf: ShelfClient) -> None:
    """The headers and half of the body arrive, then the connection is reset; the call was executed."""
    shelf.put_book("a", "x" * 10_000)
    whole = len(shelf.get("/books").content)
    shelf.fault("reset_body", times=1)
    received: list[bytes] = []
    with shelf.stream("GET", "/books") as answer:
        assert (answer.status_code, answer.headers["content-length"]) == (200, str(whole))
        with pytest.raises(httpx.ReadError):
            received.extend(answer.iter_raw())
    assert len(b"".join(received)) == whole // 2


def test_reset_in_the_middle_of_a_large_body(shelf: ShelfClient) -> None:
    """A body that is larger than all buffers on the way breaks off too, instead of hanging."""
    for name in "abcd":
        shelf.put_book(name, "x" * 2_000_000)
    shelf.fault("reset_body", times=1)
    with pytest.raises(httpx.ReadError):
        shelf.get("/books")
    assert shelf.get("/books").status_code == 200


def test_torn_json(shelf: ShelfClient) -> None:
    """HTTP is in order, the JSON is cut off."""
    shelf.put_book("a")
    shelf.fault("torn_json", times=1)
    answer = shelf.get("/books")
    assert answer.status_code == 200
    assert len(answer.content) == int(answer.headers["content-length"])
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(answer.content)


def test_lost_answer(shelf: ShelfClient) -> None:
    """failures.md 20: the write is done, the caller never hears of it."""
    shelf.fault("lost_answer", times=1)
    with pytest.raises(httpx.ReadError):
        shelf.put_book("a", "written")
    assert shelf.books() == {"a": "written"}


def test_late_commit(shelf: ShelfClient) -> None:
    """failures.md 35: the write is done after the caller gave up, also when the rule is gone by then."""
    shelf.fault("late_commit", seconds=0.3)
    with pytest.raises(httpx.ReadError):
        shelf.put_book("a", "late")
    shelf.control("DELETE", "faults")
    assert shelf.books() == {}
    deadline = time.monotonic() + 5
    while shelf.control("GET", "faults")["pending"] and time.monotonic() < deadline:
        time.sleep(0.02)
    assert shelf.books() == {"a": "late"}


@pytest.mark.parametrize(
    ("fault", "status", "kind"),
    [
        ("rate_limit_empty", 429, None),
        ("forbidden_empty", 403, None),
        ("server_error", 500, None),
        ("expired_token", 401, None),
        ("html_error", 502, "text/html; charset=utf-8"),
    ],
)
def test_answers_that_every_simulator_has(shelf: ShelfClient, fault: str, status: int, kind: str | None) -> None:
    """failures.md 14: bodiless refusals and a gateway's HTML page; the call is not executed."""
    shelf.fault(fault)
    answer = shelf.put_book("a")
    assert (answer.status_code, answer.headers.get("content-type"), answer.content == b"") == (
        status,
        kind,
        kind is None,
    )
    assert shelf.books() == {}


def test_retry_after_without_a_body(shelf: ShelfClient) -> None:
    """A bodiless 429 carries Retry-After when the rule has it."""
    shelf.fault("rate_limit_empty", retry_after=3)
    assert shelf.get("/books").headers["retry-after"] == "3"
    shelf.fault("rate_limit_empty")
    assert "retry-after" not in shelf.get("/books").headers


def test_answers_in_the_vendors_shape(shelf: ShelfClient) -> None:
    """A vendor's answer sees the rule and the call."""
    shelf.fault("rate_limit", retry_after=2)
    assert shelf.get("/books").json() == {"wait": 2, "path": "/books"}
    shelf.put_book("a")
    shelf.fault("empty_page")
    assert shelf.get("/books").json() == {}


def test_rows_move(shelf: ShelfClient) -> None:
    """The vendor's hook is called before the answer is made."""
    shelf.put_book("a")
    shelf.put_book("b")
    shelf.fault("rows_move", times=1)
    assert list(shelf.get("/books").json()) == ["b", "a"]


def test_connections_live_on_after_a_refused_write(shelf: ShelfClient) -> None:
    """A refused call's body is read, so the same connection serves the next call."""
    shelf.fault("server_error", times=1)
    assert shelf.put_book("a", "x" * 500_000).status_code == 500
    assert shelf.put_book("a").status_code == 200


def test_after_every_and_times(shelf: ShelfClient) -> None:
    """A rule lets the first calls pass, strikes on each Nth one after them, and so many times at most."""
    shelf.fault("server_error", after=2, every=3, times=2)
    assert statuses(shelf, 14) == [200, 200, 200, 200, 500, 200, 200, 500, 200, 200, 200, 200, 200, 200]
    (rule,) = shelf.control("GET", "faults")["rules"]
    assert (rule["matched"], rule["fired"]) == (14, 2)


def test_path_and_method(shelf: ShelfClient) -> None:
    """Only calls that match are hit, and only those are counted."""
    shelf.fault("server_error", path="^/books/b$", method="put")
    assert [shelf.put_book("a").status_code, shelf.put_book("b").status_code] == [200, 500]
    assert statuses(shelf, 1) == [200]
    assert shelf.control("GET", "faults")["rules"][0]["matched"] == 1


def test_several_rules(shelf: ShelfClient) -> None:
    """A slow call can also fail; of two answers the first is given."""
    shelf.faults({"fault": "slow", "seconds": 0.2}, {"fault": "server_error"}, {"fault": "forbidden_empty"})
    started = time.monotonic()
    assert statuses(shelf, 1) == [500]
    assert time.monotonic() - started >= 0.2


def test_faults_end(shelf: ShelfClient) -> None:
    """Deleting the faults, or a reset, makes everything well; control calls were never hit."""
    shelf.fault("reset")
    shelf.control("DELETE", "faults")
    assert statuses(shelf, 1) == [200]
    shelf.fault("reset")
    shelf.control("POST", "reset")
    assert statuses(shelf, 1) == [200]


@pytest.mark.parametrize(
    ("rule", "word"),
    [
        ({"fault": "earthquake"}, "earthquake"),
        ({"fault": "reset", "often": 3}, "often"),
        ({"fault": "reset", "after": "three"}, "after"),
        ({"fault": "reset", "times": 1.5}, "times"),
        ({"fault": "reset", "every": 0}, "every"),
        ({"fault": "reset", "path": "("}, "regular expression"),
        ({"path": "/books"}, "name"),
        ("reset", "fault"),
    ],
)
def test_a_wrong_rule_changes_nothing(shelf: ShelfClient, rule: object, word: str) -> None:
    """400 names what is wrong, and the rules in force stay."""
    shelf.fault("server_error")
    answer = shelf.post("/_simulator/faults", json=[{"fault": "reset"}, rule])
    assert answer.status_code == 400
    assert word in answer.json()["error"]
    assert statuses(shelf, 1) == [500]


def test_a_fault_that_a_vendor_lacks_is_refused() -> None:
    """A simulator without pages cannot give an empty one."""
    for fault in ("empty_page", "rows_move"):
        with pytest.raises(ValueError, match=fault):
            FaultPlan().replace([{"fault": fault}])


def test_rules_from_the_command_line() -> None:
    """`NAME`, or `NAME:key=value,...`."""
    assert FaultRule.parse("reset") == FaultRule("reset")
    parsed = FaultRule.parse("slow:path=^/v1,method=GET,after=1,every=10,times=3,seconds=0.5")
    assert parsed == FaultRule("slow", path="^/v1", method="GET", after=1, every=10, times=3, seconds=0.5)
    for wrong in ("nothing", "reset:often=1", "reset:after=x", "reset:after"):
        with pytest.raises(ValueError, match=r"."):
            FaultRule.parse(wrong)


def test_every_fault_is_documented() -> None:
    """Each name that a rule may have is done by something, and has its line in the module's table."""
    assert set(faults.FAULTS) == set(NAMES)
    assert all(f"| `{name}`" in str(faults.__doc__) for name in faults.FAULTS)


def test_the_plan_is_at_hand_in_the_process() -> None:
    """A test that built the app can set rules without HTTP."""
    app = shelf_app()
    app.state.faults.rules = [FaultRule("reset")]
    assert app.state.faults.rules[0].strikes({"type": "http", "method": "GET", "path": "/books"})
