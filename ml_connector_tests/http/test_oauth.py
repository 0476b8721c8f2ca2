"""Client credentials: the flow is driven by hand where only its steps matter, and over HTTP where threads do."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs

import httpx
import pytest
from pydantic import SecretStr
from starlette.responses import JSONResponse, Response

from ml_connector.http import ClientCredentials, RecordFailed, Stopped, Uncertain
from ml_connector.http.oauth import TokenUnavailable
from ml_connector_tests.http.conftest import Received, Stub

Flow = Generator[httpx.Request, httpx.Response, None]


def credentials(url: str = "https://id.example/token") -> ClientCredentials:
    return ClientCredentials(
        "Acme",
        url,
        "isv_1",
        SecretStr("top-s3cret"),
        scopes=["a:read", "a:update"],
        parameters={"tenant_id": "t-1"},
        refusals={"invalid_tenant": ("the tenant is unknown", "Look it up.")},
    )


def call() -> httpx.Request:
    return httpx.Request("GET", "https://api.example/x", extensions={"timeout": {"read": 7}})


def token(value: str, expires_in: object = 3600) -> httpx.Response:
    return httpx.Response(200, json={"access_token": value, "expires_in": expires_in, "token_type": "Bearer"})


def first_call(auth: ClientCredentials, value: str, expires_in: object = 3600) -> tuple[Flow, httpx.Request]:
    flow = auth.sync_auth_flow(call())
    next(flow)
    return flow, flow.send(token(value, expires_in))


def test_the_first_call_asks_for_a_token_as_a_form() -> None:
    """Grant, id, secret, tenant and explicit scopes (Visma reference, section 2), with the call's own timeout."""
    flow = credentials().sync_auth_flow(call())
    asked = next(flow)
    assert {key: values[0] for key, values in parse_qs(asked.content.decode()).items()} == {
        "grant_type": "client_credentials",
        "client_id": "isv_1",
        "client_secret": "top-s3cret",
        "tenant_id": "t-1",
        "scope": "a:read a:update",
    }
    assert asked.extensions["timeout"] == {"read": 7}
    assert flow.send(token("T1")).headers["Authorization"] == "Bearer T1"


def test_the_token_serves_until_shortly_before_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """failures.md 15: it is renewed 60 seconds early."""
    auth = credentials()
    first_call(auth, "T1")
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 3600 - 61)
    assert next(auth.sync_auth_flow(call())).headers["Authorization"] == "Bearer T1"
    monkeypatch.setattr(time, "monotonic", lambda: now + 3600 - 59)
    assert next(auth.sync_auth_flow(call())).url == auth.token_url


def test_a_short_token_serves_at_least_half_its_time() -> None:
    """A lifetime below the early minute does not mean a token per call."""
    auth = credentials()
    first_call(auth, "T1", expires_in=30)
    assert next(auth.sync_auth_flow(call())).headers["Authorization"] == "Bearer T1"


@pytest.mark.parametrize("expires_in", [None, "soon", -5, {}])
def test_a_lifetime_that_cannot_be_read_is_no_reason_to_fail(expires_in: object) -> None:
    """The token is used all the same."""
    assert first_call(credentials(), "T1", expires_in)[1].headers["Authorization"] == "Bearer T1"


def test_a_refused_token_is_renewed_exactly_once() -> None:
    """failures.md 15: one retry after a 401, with a new token; a second 401 is the answer."""
    flow, _ = first_call(credentials(), "T1")
    assert str(flow.send(httpx.Response(401)).url) == "https://id.example/token"
    assert flow.send(token("T2")).headers["Authorization"] == "Bearer T2"
    with pytest.raises(StopIteration):
        flow.send(httpx.Response(401))


def test_a_token_that_another_call_renewed_is_taken_over() -> None:
    """The 401 of an old token does not throw the new one away."""
    auth = credentials()
    slow, _ = first_call(auth, "T1")
    quick = auth.sync_auth_flow(call())
    next(quick)
    quick.send(httpx.Response(401))
    quick.send(token("T2"))
    assert slow.send(httpx.Response(401)).headers["Authorization"] == "Bearer T2"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("invalid_client", "the client id or the client secret is wrong"),
        ("invalid_tenant", "the tenant is unknown"),
        ("invalid_scope", "a scope that is asked for was not granted"),
        ("unauthorized_client", "may not use client credentials"),
        ("something_new", r"no token was given \(something_new\)"),
    ],
)
def test_refusals_are_said_in_plain_words_without_the_secret(code: str, words: str) -> None:
    """Wrong credentials stop with a sentence and what to do; what the server echoes is not shown."""
    flow = credentials().sync_auth_flow(call())
    next(flow)
    with pytest.raises(Stopped, match=words) as caught:
        flow.send(httpx.Response(400, json={"error": code, "error_description": "secret top-s3cret is wrong"}))
    assert "top-s3cret" not in str(caught.value)
    assert caught.value.action


@pytest.mark.parametrize(
    "answer", [httpx.Response(503), httpx.Response(200, text="<html>"), httpx.Response(429, json={})]
)
def test_a_token_endpoint_that_does_not_work_is_no_refusal(answer: httpx.Response) -> None:
    """Asking again may help."""
    flow = credentials().sync_auth_flow(call())
    next(flow)
    with pytest.raises(TokenUnavailable):
        flow.send(answer)


class Connect:
    """A token endpoint and an API that knows only the newest token."""

    def __init__(self, stub: Stub) -> None:
        self.given = 0
        self.valid: set[str] = set()
        self.lock = threading.Lock()
        stub.reply = self

    def __call__(self, received: Received) -> Response:
        with self.lock:
            if received.path == "/token":
                self.given += 1
                self.valid.add(f"Bearer T{self.given}")
                return JSONResponse({"access_token": f"T{self.given}", "expires_in": 3600})
            return JSONResponse({}, 200 if received.headers["authorization"] in self.valid else 401)


def test_many_threads_share_one_call_for_a_token(stub: Stub) -> None:
    """Single flight, at the start and after the token was withdrawn under everybody."""
    connect = Connect(stub)
    stub.faults({"fault": "slow", "path": "/token", "seconds": 0.05})
    with stub.client(auth=credentials(f"{stub.url}/token")) as client, ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: client.request("GET", "/x"), range(8)))
        assert connect.given == 1
        connect.valid.clear()
        list(pool.map(lambda _: client.request("GET", "/x"), range(8)))
    assert connect.given == 2
    assert client.calls == sum(received.path == "/x" for received in stub.received)


def test_a_write_whose_token_expired_is_repeated(stub: Stub) -> None:
    """failures.md 15: a 401 refuses before anything happens, so a POST goes on with a new token."""
    connect = Connect(stub)
    with stub.client(auth=credentials(f"{stub.url}/token")) as client:
        client.request("GET", "/x")
        connect.valid.clear()
        assert client.request("POST", "/x", json={"a": 1}).status == 200
    assert [
        json.loads(received.body) for received in stub.received if received.method == "POST" and received.path == "/x"
    ]


def test_a_write_is_not_in_doubt_when_only_the_token_call_broke(stub: Stub) -> None:
    """The API was never asked: the write failed, and may be repeated."""
    Connect(stub)
    stub.faults({"fault": "reset", "path": "/token"})
    with (
        stub.client(auth=credentials(f"{stub.url}/token")) as client,
        pytest.raises(RecordFailed, match="token endpoint"),
    ):
        client.request("POST", "/x", json={})
    stub.faults({"fault": "server_error", "path": "/token", "times": 2})
    with stub.client(auth=credentials(f"{stub.url}/token")) as client:
        assert client.request("POST", "/x", json={}).status == 200
    stub.faults({"fault": "reset", "path": "/x"})
    with stub.client(auth=credentials(f"{stub.url}/token")) as client, pytest.raises(Uncertain):
        client.request("POST", "/x", json={})
