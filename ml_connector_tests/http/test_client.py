"""A client of one account: what it repeats, what it never repeats, and what it ends with."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from decimal import Decimal
from secrets import token_hex
from traceback import format_exception

import httpx
import pytest
from pydantic import SecretStr
from starlette.responses import HTMLResponse, JSONResponse, Response

from ml_connector.http import (
    Action,
    ApiClient,
    BatchRefused,
    Bearer,
    ErrorTable,
    Pace,
    RecordFailed,
    RecordRefused,
    Retries,
    Rule,
    Stopped,
    TornAnswer,
    Uncertain,
    stopping,
)
from ml_connector_tests.http.conftest import QUICK, Stub


def test_an_answer_carries_what_callers_need(stub: Stub) -> None:
    """Status, parsed body, the vendor's request id and its clock."""
    headers = {"X-Request-Id": "r-1", "Date": "Fri, 21 Nov 2025 10:00:00 GMT"}
    stub.replies.append(JSONResponse({"a": [1]}, 201, headers))
    with stub.client(clock=lambda: datetime(2025, 11, 21, 10, 1, tzinfo=UTC)) as client:
        answer = client.request("GET", "/things", params={"q": "a b", "x": [1, 2]})
    assert (answer.status, answer.json(), answer.correlation_id) == (201, {"a": [1]}, "r-1")
    assert answer.date == datetime(2025, 11, 21, 10, tzinfo=UTC)
    assert client.calls == 1


def test_money_is_sent_as_the_number_it_is(stub: Stub) -> None:
    """failures.md 31: a Decimal reaches the wire digit by digit."""
    with stub.client() as client:
        client.request("PUT", "/x", json={"amount": Decimal("12345678901234567.10")})
    assert stub.received[0].body == b'{"amount":12345678901234567.10}'
    assert stub.received[0].headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "fault", ["server_error", "html_error", "reset", "reset_body", "torn_json", "lost_answer", "rate_limit_empty"]
)
def test_a_get_is_asked_again_after_a_mishap(stub: Stub, fault: str) -> None:
    """Outages, cut connections, torn bodies and limits all pass."""
    stub.faults({"fault": fault, "times": 2})
    with stub.client(pace=Pace(first_pause=0.01, longest_pause=0.02)) as client:
        assert client.request("GET", "/x").json() == {"ok": True}
    assert client.calls == 3


def test_a_web_page_with_status_200_is_no_answer(stub: Stub) -> None:
    """A gateway's page is asked again, and after the last try named as what it is."""
    stub.reply = lambda _: HTMLResponse("<html>maintenance</html>")
    with stub.client() as client, pytest.raises(RecordFailed, match="a web page came instead of data"):
        client.request("GET", "/x")
    assert client.calls == QUICK.attempts


@pytest.mark.parametrize("fault", ["torn_json", "reset_body"])
def test_a_get_that_stays_torn_stops_that_call(stub: Stub, fault: str) -> None:
    """Bad input: a torn answer ends that call in plain words, and the next call works."""
    stub.faults({"fault": fault, "path": "/torn"})
    with stub.client() as client:
        with pytest.raises(TornAnswer):
            client.request("GET", "/torn")
        assert client.request("GET", "/whole").json() == {"ok": True}


@pytest.mark.parametrize("fault", ["server_error", "html_error", "lost_answer", "reset_body", "torn_json"])
def test_a_post_that_may_have_happened_is_never_repeated(stub: Stub, fault: str) -> None:
    """failures.md 20: after a POST was sent, anything but a definite answer leaves it in doubt."""
    stub.faults({"fault": fault})
    with stub.client() as client, pytest.raises(Uncertain):
        client.request("POST", "/x", json={})
    assert client.calls == 1


def test_a_post_that_timed_out_is_in_doubt(stub: Stub) -> None:
    """No answer in time says nothing about what the server did."""
    stub.faults({"fault": "slow", "seconds": 1})
    with stub.client(timeout=0.1) as client, pytest.raises(Uncertain, match="no answer in time"):
        client.request("POST", "/x", json={})


def test_a_post_that_was_turned_away_unread_is_repeated(stub: Stub) -> None:
    """A limit refuses before anything happens."""
    stub.faults({"fault": "rate_limit", "times": 2, "retry_after": 0})
    with stub.client() as client:
        assert client.request("POST", "/x", json={}).status == 200
    assert client.calls == 3


def test_a_post_that_never_left_is_repeated_and_not_in_doubt() -> None:
    """Where nobody listens nothing happened."""
    with (
        ApiClient("http://127.0.0.1:9", name="Acme", errors=ErrorTable(), retries=QUICK) as client,
        pytest.raises(RecordFailed, match="cannot be reached"),
    ):
        client.request("POST", "/x", json={})
    assert client.calls == QUICK.attempts


def test_a_put_is_repeated_and_in_doubt_when_it_never_worked(stub: Stub) -> None:
    """Sending it again is harmless; that the last word is missing still has to be known."""
    stub.faults({"fault": "lost_answer"})
    with stub.client() as client, pytest.raises(Uncertain):
        client.request("PUT", "/x", json={})
    assert len(stub.received) == QUICK.attempts


def test_who_calls_may_overrule_what_the_method_says(stub: Stub) -> None:
    """A PATCH to a fixed state, or a PUT that is not one."""
    stub.faults({"fault": "server_error", "times": 1})
    with stub.client() as client:
        assert client.request("PATCH", "/x", json={}, idempotent=True).status == 200
        stub.faults({"fault": "server_error", "times": 1})
        with pytest.raises(Uncertain):
            client.request("PUT", "/x", json={}, idempotent=False)


@pytest.mark.parametrize(
    ("method", "statuses", "without_effect"),
    [
        ("POST", [401], True),
        ("POST", [403], True),
        ("POST", [302], False),
        ("PUT", [500, 401], False),
        ("PUT", [500, 500, 500], False),
        ("GET", [500, 401], True),
        ("GET", [302], True),
    ],
)
def test_a_stop_tells_whether_its_call_was_certainly_refused(
    stub: Stub, method: str, statuses: list[int], without_effect: bool
) -> None:
    """In each of its tries: a write that met an error of the server before may have acted, whatever came after."""
    stub.replies.extend(JSONResponse({}, status) for status in statuses)
    with stub.client(retries=QUICK.model_copy(update={"outages": 1})) as client, pytest.raises(Stopped) as caught:
        client.request(method, "/x")
    assert caught.value.without_effect is without_effect


def test_where_nobody_listens_a_stop_is_without_effect() -> None:
    """The system counts as down, and no call left."""
    once = Retries(attempts=1, outages=1)
    with (
        ApiClient("http://127.0.0.1:9", name="Acme", errors=ErrorTable(), retries=once) as client,
        pytest.raises(Stopped) as caught,
    ):
        client.request("POST", "/x", json={})
    assert caught.value.without_effect


@pytest.mark.parametrize(
    ("status", "problem"),
    [(422, RecordRefused), (423, RecordFailed), (413, BatchRefused), (401, Stopped), (403, Stopped), (302, Stopped)],
)
def test_exceptions_say_what_to_do(stub: Stub, status: int, problem: type[Exception]) -> None:
    """Each action of the table has its type, and none of these is repeated."""
    table = ErrorTable(
        [
            Rule(413, Action.BISECT, "too large", "one of them is too large"),
            Rule(423, Action.FAIL_RECORD, "locked", "somebody works on it"),
        ]
    )
    stub.reply = lambda _: JSONResponse({"title": "T", "detail": "D"}, status, {"x-request-id": "r-2"})
    with stub.client(errors=table) as client, pytest.raises(problem) as caught:
        client.request("PUT", "/x", json={})
    assert client.calls == 1
    if isinstance(caught.value, RecordRefused | RecordFailed):
        assert (caught.value.status, caught.value.correlation_id, caught.value.decision.vendor_code) == (
            status,
            "r-2",
            "T",
        )


def test_an_expected_status_comes_back_as_an_answer(stub: Stub) -> None:
    """A 404 for a stranger is an answer like any other."""
    stub.replies.append(JSONResponse({"title": "none"}, 404))
    with stub.client() as client:
        assert client.request("GET", "/x", allow=(404,)).status == 404


def test_many_calls_in_a_row_without_an_answer_mean_that_it_is_down(stub: Stub) -> None:
    """Different calls that all fail stop the whole; a definite answer in between starts the count anew."""
    stub.reply = lambda call: Response(status_code=422 if call.path == "/refused" else 500)
    with stub.client(retries=Retries(attempts=1, first_pause=0.01, jitter=0, outages=3)) as client:
        for path in ("/1", "/2", "/refused", "/3", "/4"):
            with pytest.raises((RecordFailed, RecordRefused)):
                client.request("GET", path)
        with pytest.raises(Stopped, match="3 calls in a row did not work") as caught:
            client.request("GET", "/5")
    assert caught.value.exit_code == 3


def test_a_stop_has_three_parts(stub: Stub) -> None:
    """What happened, what it means, what to do."""
    stub.replies.append(Response(status_code=401))
    with stub.client() as client, pytest.raises(Stopped) as caught:
        client.request("GET", "/x")
    what, meaning, action = str(caught.value).split("\n")
    assert what == "Acme: the credentials were refused (status 401)."
    assert "still due" in meaning
    assert "ml-connector credentials set" in action


def test_a_call_that_a_work_cannot_do_without_stops_it(stub: Stub) -> None:
    """Reading as a whole ends with what it was doing and why it could not."""
    stub.replies.append(JSONResponse({"detail": "no such thing"}, 404))
    with (
        stub.client() as client,
        pytest.raises(Stopped, match="reading things: refused with status 404"),
        stopping("Acme", "reading things"),
    ):
        client.request("GET", "/x")


def test_large_bodies_come_in_chunks(stub: Stub) -> None:
    """A stream is counted and opened again like any call; nothing holds the body as a whole."""
    stub.faults({"fault": "server_error", "times": 1})
    stub.reply = lambda _: Response(b"x" * 300_000)
    with stub.client() as client, client.stream("/x") as chunks:
        sizes = [len(chunk) for chunk in chunks]
    assert sum(sizes) == 300_000
    assert len(sizes) > 1
    assert client.calls == 2


def test_a_stream_that_breaks_off_says_so(stub: Stub) -> None:
    """Half a body ends with a torn answer, not with a short list."""
    stub.faults({"fault": "reset_body"})
    stub.reply = lambda _: Response(b"x" * 300_000)
    with stub.client() as client, client.stream("/x") as chunks, pytest.raises(TornAnswer, match="broke off"):
        list(chunks)


def test_credentials_are_not_sent_to_another_host(stub: Stub) -> None:
    """A whole URL of somebody else's is a mistake of the program, not a call; without credentials it is fine."""
    with stub.client(auth=Bearer(SecretStr("t"))) as client, pytest.raises(ValueError, match=r"127\.0\.0\.1 is not"):
        client.request("GET", "https://127.0.0.1/archive")
    with ApiClient("http://127.0.0.1:9", name="Acme", errors=ErrorTable()) as client:
        assert client.request("GET", f"{stub.url}/archive").status == 200
    assert len(stub.received) == 1


def test_secrets_stand_in_no_log_and_no_text(stub: Stub, caplog: pytest.LogCaptureFixture) -> None:
    """Every logger at its most talkative, every exception, every repr: no token."""
    caplog.set_level(logging.NOTSET)
    secret = token_hex()
    stub.faults({"fault": "server_error", "after": 1})
    client = stub.client(auth=Bearer(SecretStr(secret)))
    with client:
        client.request("GET", "/x")
        with pytest.raises(RecordFailed) as caught:
            client.request("GET", "/x")
    assert stub.received[0].headers["authorization"] == f"Bearer {secret}"
    texts = [caplog.text, *map(repr, caplog.records), *(repr(vars(record)) for record in caplog.records)]
    texts += [repr(client), repr(vars(client)), repr(caught.value), *format_exception(caught.value)]
    assert not any(secret in text for text in texts)


def test_basic_credentials_stand_in_no_log(stub: Stub, caplog: pytest.LogCaptureFixture) -> None:
    """What httpx brings for passwords is held to the same."""
    caplog.set_level(logging.NOTSET)
    with stub.client(auth=httpx.BasicAuth("key", "pa55word")) as client:
        client.request("GET", "/x")
    assert "pa55word" not in caplog.text


def test_a_write_stays_in_doubt_whatever_its_next_tries_end_in(stub: Stub) -> None:
    """The first try got no answer; that the repetitions were turned away says nothing about it."""
    stub.faults({"fault": "lost_answer", "times": 1}, {"fault": "rate_limit", "after": 1, "retry_after": 0})
    with stub.client() as client, pytest.raises(Uncertain):
        client.request("PUT", "/x", json={})
    stub.faults({"fault": "lost_answer", "times": 1})
    with stub.client() as client:
        assert client.request("PUT", "/x", json={}).repeated
        assert not client.request("PUT", "/x", json={}).repeated
