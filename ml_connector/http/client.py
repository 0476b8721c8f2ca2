"""Calls one account of an outside system: paced, authorised, repeated where that is safe, counted.

What a call can end with besides an answer is drawn in `ml_connector.http.errors`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from ssl import SSLContext
from typing import Any, Self, TypeVar

import httpx
import orjson

from ml_connector import __version__
from ml_connector.http.actions import Action, Decision, ErrorTable
from ml_connector.http.answer import Answer, to_json
from ml_connector.http.attempts import IDEMPOTENT, Again, Call, Retries, repeating
from ml_connector.http.clock import ClockDrift, now, parse_date
from ml_connector.http.errors import (
    BatchRefused,
    CallProblem,
    RecordFailed,
    RecordRefused,
    Stopped,
    TornAnswer,
    Uncertain,
    stop,
)
from ml_connector.http.oauth import TOKEN_CALL, TokenUnavailable
from ml_connector.http.pace import Pace, TooLong

T = TypeVar("T")

USER_AGENT = f"ml-connector/{__version__}"
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)
TORN = Decision(Action.RETRY, "malformed answer", "the answer is torn: its JSON cannot be read")
LIMITS = frozenset({"quota", "limit"})
"""Classes of what was turned away because there were too many calls."""
REFUSED = range(400, 500)
"""Statuses that say that a call was refused, and so did nothing."""
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(slots=True)
class _Tally:
    """Shared by the threads of a client."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    calls: int = 0
    outages: int = 0
    turned_away: Decision | None = None  # why the last call was that was turned away


class ApiClient:
    """Thread-safe; a context manager, or to be closed.

    Args:
        base_url: scheme, host and port; `path` of a call is appended.
        name: of the system, for people: "Visma.net".
        errors: what to do about which answer.
        auth: authorises each try anew.
        pace: connections and the brake; share one between clients of the same account.
        timeout: seconds that the other side may take for an answer.
        headers: sent with every call.
        retries: how often a call is repeated.
        request_id_header: where the vendor puts its request id.
        clock: the local clock.
    """

    def __init__(
        self,
        base_url: str,
        *,
        name: str,
        errors: ErrorTable,
        auth: httpx.Auth | None = None,
        pace: Pace | None = None,
        timeout: float = 120.0,
        headers: Mapping[str, str] | None = None,
        user_agent: str = USER_AGENT,
        retries: Retries | None = None,
        request_id_header: str = "x-request-id",
        clock: Callable[[], datetime] = now,
    ) -> None:
        self.name = name
        self.errors = errors
        self.pace = pace or Pace()
        self.retries = retries or Retries()
        self.drift = ClockDrift(name, clock)
        self._request_id_header = request_id_header
        self._tally = _Tally()
        connections = self.pace.connections
        outside = httpx.URL(base_url).host not in LOOPBACK
        self._http = httpx.Client(
            base_url=base_url,
            auth=auth,
            headers={"User-Agent": user_agent, "Accept": "application/json", **(headers or {})},
            timeout=httpx.Timeout(timeout, connect=min(timeout, 10.0), pool=None),
            limits=httpx.Limits(max_connections=connections + 1, max_keepalive_connections=connections + 1),
            trust_env=outside,
            verify=_certificates(outside),
            event_hooks={"request": [self._count], "response": [lambda response: self.drift.check(response.headers)]},
        )

    def __repr__(self) -> str:
        return f"<ApiClient {self.name} {self._http.base_url}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    @property
    def calls(self) -> int:
        """Calls of the API so far, every try counted; calls for a token are not."""
        return self._tally.calls

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        idempotent: bool | None = None,
        allow: Collection[int] = (),
        parse: Callable[[bytes], Any] | None = orjson.loads,
    ) -> Answer:
        """One call, repeated as the error table and its method allow.

        Args:
            method: GET, HEAD, OPTIONS, PUT and DELETE are repeated after an outage; POST and PATCH are not.
            path: below the base URL. A whole URL of another host is a ValueError where credentials would go with it.
            json: a body to encode; or
            content: a body as it is.
            idempotent: overrules what the method says about repeating.
            allow: statuses that come back as an answer instead of as an exception (404 for "not there").
            parse: what turns the body into `Answer.data`; a ValueError of it means a torn answer. None: leave it raw.

        Raises: `CallProblem` (see its tree), `Stopped`.
        """
        body = content if json is None else to_json(json)
        given = ({} if json is None else {"Content-Type": "application/json"}) | dict(headers or {})
        request = self._build(method, path, params=params, content=body, headers=given)
        repeatable = request.method in IDEMPOTENT if idempotent is None else idempotent
        call = Call(request, repeatable, allow, parse)
        return self._repeating(lambda: self._once(call))

    @contextmanager
    def stream(self, path: str, *, params: Mapping[str, Any] | None = None) -> Iterator[Iterator[bytes]]:
        """A GET whose body comes in chunks, for bodies too large to hold.

        Repeated until it begins to come; when it breaks off later, the chunks end with a `TornAnswer`.
        """
        call = Call(self._build("GET", path, params=params), repeatable=True)
        with ExitStack() as held:
            response = self._repeating(lambda: self._open(call, held))
            yield self._chunks(response)

    def _build(self, method: str, path: str, **parts: Any) -> httpx.Request:
        request = self._http.build_request(method, path, **parts)
        base = self._http.base_url
        if self._http.auth is not None and (request.url.scheme, request.url.netloc) != (base.scheme, base.netloc):
            raise ValueError(f"{request.url.host} is not {base.host}")
        return request

    def _count(self, request: httpx.Request) -> None:
        if TOKEN_CALL not in request.extensions:
            with self._tally.lock:
                self._tally.calls += 1

    def _repeating(self, attempt: Callable[[], T]) -> T:
        try:
            result = repeating(self.retries, attempt)
        except Again as last:
            raise self._given_up(last.problem) from None
        self._works()
        return result

    def _works(self) -> None:
        """The other side gave a definite answer: it is not down."""
        with self._tally.lock:
            self._tally.outages = 0

    def _given_up(self, problem: CallProblem) -> CallProblem | Stopped:
        """What a call ends with after its last try; the last of many in a row stops everything."""
        with self._tally.lock:
            self._tally.outages += 1
            outages = self._tally.outages
        if outages < self.retries.outages:
            return problem
        decision = problem.decision
        return stop(
            self.name,
            decision.kind,
            f"{outages} calls in a row did not work; the last: {decision.reason}",
            decision.advice,
            problem.status,
            without_effect=not isinstance(problem, Uncertain),
        )

    def _once(self, call: Call) -> Answer:
        """One try."""
        with ExitStack() as held:
            response, content = self._send(call, held, whole=True)
            data = None
            if call.parse is not None and content:
                try:
                    data = call.parse(content)
                except ValueError:
                    if response.is_success:
                        raise call.failed(self.retries, TORN, response.status_code, torn=True) from None
            return Answer(
                response.status_code,
                response.headers,
                content,
                data,
                response.headers.get(self._request_id_header),
                parse_date(response.headers.get("date")),
                repeated=call.may_have_happened,
            )

    def _open(self, call: Call, held: ExitStack) -> httpx.Response:
        """One try to open a stream; what it holds is released with `held`."""
        with ExitStack() as attempt:
            response, _ = self._send(call, attempt, whole=False)
            held.enter_context(attempt.pop_all())
            return response

    def _chunks(self, response: httpx.Response) -> Iterator[bytes]:
        try:
            yield from response.iter_bytes()
        except httpx.RequestError as error:
            raise TornAnswer(_outage(f"the answer broke off ({_words(error)})"), response.status_code) from None

    def _send(self, call: Call, held: ExitStack, *, whole: bool) -> tuple[httpx.Response, bytes]:
        """Send in turn, and return the answer if it can be used; else raise what the error table says.

        The body is read here, and not by httpx, which would hold it in the response. It is empty if it is to be
        streamed and the call worked.
        """
        try:
            held.enter_context(self.pace.turn())
        except TooLong as wait:
            raise self._closed(call, wait) from None
        started = time.monotonic()
        try:
            response = self._http.send(call.request, stream=True)
            held.callback(_close, response)
            body = b"".join(response.iter_bytes()) if whole or not response.is_success else b""
        except TokenUnavailable as error:
            raise call.failed(self.retries, _outage(str(error)), sent=False) from None
        except Stopped as stopped:  # no token is given out, or the answer shows that a clock is wrong
            stopped.without_effect = not call.is_write or (stopped.without_effect and not call.may_have_happened)
            raise
        except httpx.RequestError as error:
            raise self._broken(call, error) from None
        self.pace.heed(response.headers)
        decision = self.errors.decide(response.status_code, response.headers, body)
        if decision.action is not Action.RETRY_AFTER:
            self.pace.got_through()
        if decision.action is not Action.OK and response.status_code not in call.allow:
            raise self._refusal(call, response, decision, started)
        return response, body

    def _broken(self, call: Call, error: httpx.RequestError) -> Exception:
        """No answer, or half of one."""
        of_the_api = TOKEN_CALL not in error.request.extensions
        what = "" if of_the_api else "the token endpoint: "
        return call.failed(
            self.retries,
            _outage(f"{what}{_words(error)}"),
            sent=of_the_api and not isinstance(error, NOT_SENT),
            torn=isinstance(error, httpx.ReadError | httpx.RemoteProtocolError | httpx.DecodingError),
        )

    def _refusal(self, call: Call, response: httpx.Response, decision: Decision, started: float) -> Exception:
        status, correlation_id = response.status_code, response.headers.get(self._request_id_header)
        if decision.action not in (Action.RETRY, Action.RETRY_AFTER):
            self._works()
        match decision.action:
            case Action.RETRY:
                return call.failed(self.retries, decision, status, correlation_id)
            case Action.RETRY_AFTER:
                self._tally.turned_away = decision
                self.pace.brake(response.headers, started, decision.wait)
                return call.turned_away(self.retries, decision, status, correlation_id)
            case Action.REFRESH_TOKEN | Action.STOP:
                refused = status in REFUSED and not call.may_have_happened
                return Stopped(self.name, decision, status, without_effect=refused or not call.is_write)
            case Action.BISECT:
                return BatchRefused(decision, status, correlation_id)
            case Action.REJECT_RECORD:
                return RecordRefused(decision, status, correlation_id)
            case _:
                return RecordFailed(decision, status, correlation_id)

    def _closed(self, call: Call, wait: TooLong) -> Stopped:
        """Calls are not welcome for longer than anybody waits here."""
        minutes = max(round(wait.seconds / 60), 1)
        why = self._tally.turned_away if wait.turned_away else None
        if why is not None and why.kind not in LIMITS:
            return stop(
                self.name,
                why.kind,
                f"{why.reason}, and asks to wait about {minutes} minutes",
                why.advice or "Nothing has to be done: a run after that goes on from here.",
                without_effect=not call.may_have_happened,
            )
        return stop(
            self.name,
            "quota",
            f"the quota of calls is used up; it opens again in about {minutes} minutes",
            "Nothing has to be done: a run after that goes on from here. If it happens often, poll less often.",
            without_effect=not call.may_have_happened,
        )


def _close(response: httpx.Response) -> None:
    """Close a response, and end its reference cycle, so that request and answer leave the memory at once."""
    response.close()
    response.stream = httpx.ByteStream(b"")


@cache
def _certificates(trust_env: bool) -> SSLContext:
    """Whom to trust; shared by all clients, because reading it takes longer than a call."""
    return httpx.create_ssl_context(trust_env=trust_env)


def _outage(reason: str) -> Decision:
    return Decision(Action.RETRY, "outage", reason)


def _words(error: httpx.RequestError) -> str:
    """What broke, without the address, which may hold a key of a customer."""
    match error:
        case httpx.TimeoutException():
            return "no answer in time"
        case httpx.ConnectError():
            return f"cannot be reached ({error})"
        case httpx.DecodingError():
            return "the answer's compression is broken"
        case _:
            return f"the connection was cut ({str(error) or type(error).__name__})"
