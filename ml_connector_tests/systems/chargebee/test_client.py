"""Chargebee's answers between which gateways and limits stand: what is asked again, how, and what it ends with."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from pydantic import SecretStr
from starlette.responses import HTMLResponse, JSONResponse, Response

from ml_connector.http import RecordFailed, Uncertain
from ml_connector.simulators.chargebee.errors import lock_timeout
from ml_connector.systems.chargebee.client import IDEMPOTENCY, ChargebeeClient
from ml_connector.systems.chargebee.pace import MinutePace
from ml_connector.systems.chargebee.settings import Credentials, Settings
from ml_connector_tests.http.conftest import Stub, line, stub  # noqa: F401  fixtures
from ml_connector_tests.systems.chargebee.support import QUICK, settings

PAGE = "<html><body><h1>Service Temporarily Unavailable</h1></body></html>"
FOUND = {"customer": {"id": "V-1"}}


@pytest.fixture
def client(stub: Stub) -> Iterator[ChargebeeClient]:  # noqa: F811
    with ChargebeeClient(settings(stub.url), Credentials(api_key=SecretStr("key")), QUICK) as opened:
        yield opened


def web_page(status: int) -> Response:
    return HTMLResponse(PAGE, status)


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_gateway_s_page_is_asked_past(stub: Stub, client: ChargebeeClient, status: int) -> None:  # noqa: F811
    """Of a write every try has the same idempotency key, so that Chargebee acts once."""
    stub.replies.extend([web_page(status), JSONResponse(FOUND), web_page(status), JSONResponse(FOUND)])
    assert client.get("/customers/V-1").data == FOUND
    assert client.post("/customers", {"id": "V-1"}).data == FOUND
    keys = [call.headers.get(IDEMPOTENCY) for call in stub.received if call.method == "POST"]
    assert (len(keys), len(set(keys)), None in keys) == (2, 1, False)


@pytest.mark.parametrize("status", [503, 504])
def test_a_gateway_s_page_that_stays_is_named_as_what_it_is(
    stub: Stub,  # noqa: F811
    client: ChargebeeClient,
    status: int,
) -> None:
    """Its text is nobody's business; a write may have happened behind it."""
    stub.reply = lambda _: web_page(status)
    with pytest.raises(RecordFailed, match=f"a web page came instead of data .*{status}") as read:
        client.get("/customers/V-1")
    with pytest.raises(Uncertain) as written:
        client.post("/customers", {"id": "V-1"})
    assert "Unavailable" not in f"{read.value} {written.value}"
    assert len(stub.received) == 2 * QUICK.attempts


def test_a_limit_without_a_word_on_how_long_is_waited_out(stub: Stub, client: ChargebeeClient) -> None:  # noqa: F811
    """No page of the documentation mentions `Retry-After`: the first pause is one to two seconds, and no outage."""
    limited = {"message": "Too many", "type": "operation_failed", "api_error_code": "api_request_limit_exceeded"}
    stub.replies.extend([JSONResponse(limited, 429), JSONResponse(FOUND)])
    began = time.monotonic()
    assert client.post("/customers", {"id": "V-1"}).data == FOUND
    assert 1.0 < time.monotonic() - began < 10
    assert len({call.headers[IDEMPOTENCY] for call in stub.received}) == 1


def test_a_customer_that_another_write_holds_is_waited_for(stub: Stub, client: ChargebeeClient) -> None:  # noqa: F811
    """`lock_timeout` says that nothing was done: the same call, with its key, is made again a second later."""
    problem = lock_timeout()
    stub.replies.extend([JSONResponse(problem.body(), problem.status), JSONResponse(FOUND)])
    began = time.monotonic()
    assert client.post("/customers", {"id": "V-1"}).data == FOUND
    assert time.monotonic() - began >= 1.0
    calls = [(call.path, call.body, call.headers[IDEMPOTENCY]) for call in stub.received]
    assert (len(calls), len(set(calls))) == (2, 1)


def test_a_limit_s_own_word_counts(stub: Stub, client: ChargebeeClient) -> None:  # noqa: F811
    """Where a `Retry-After` comes, it is kept; an empty body or a web page with it changes nothing."""
    stub.replies.extend([Response(status_code=429, headers={"retry-after": "0"})])
    stub.replies.extend([HTMLResponse(PAGE, 429, {"retry-after": "0"}), JSONResponse(FOUND)])
    began = time.monotonic()
    assert client.get("/customers/V-1").data == FOUND
    assert time.monotonic() - began < 1


def test_calls_beyond_those_of_a_minute_wait_until_it_is_over() -> None:
    """Of what the plan allows; the window is shortened here."""
    pace = MinutePace(connections=8, calls=3, window=0.5)
    began, started = time.monotonic(), []
    for _ in range(7):
        with pace.turn():
            started.append(time.monotonic() - began)
    assert started[3] - started[0] >= 0.5
    assert started[6] - started[3] >= 0.5
    assert Settings.model_fields["calls_per_minute"].default == 150


def test_the_client_keeps_to_the_calls_per_minute_of_its_settings(stub: Stub) -> None:  # noqa: F811
    """One call more than a window holds begins when the window is over; the window is shortened here."""
    target, credentials = settings(stub.url, calls_per_minute=3), Credentials(api_key=SecretStr("key"))
    began = time.monotonic()
    with ChargebeeClient(target, credentials, QUICK, window=0.5) as client:
        for _ in range(4):
            client.get("/customers/V-1")
    assert time.monotonic() - began >= 0.5
    assert len(stub.received) == 4
