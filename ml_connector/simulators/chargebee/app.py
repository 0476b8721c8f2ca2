"""The Chargebee simulator as a web application: authentication, limits, idempotency, locks, and the routes.

settings.py        what the site is like, and the points that the sources leave open
app.py             this: HTTP in front of everything
api.py             the API's paths
protocol.py        a call and its reply; errors.py: what is refused, and how
forms.py, params.py      form bodies, kinds of values; tables.py, document_tables.py: the parameters of every write
lists.py, pages.py      filters, sorting, pages
site.py            the state; limits.py, idempotency.py: what was used, and what was answered
customers.py, invoices.py, invoice_import.py, payments.py, credit_notes.py, subscriptions.py, transactions.py
                   the resources
documents.py       lines, taxes and discounts of what is imported; balances.py, credit_rows.py: what is due
billing.py, proration.py, unbilled.py, terms.py      what the site invoices and credits itself
lifecycle.py, term_billing.py, clock.py      what happens to subscriptions, and when
events.py, webhooks.py, sender.py      what every change raises, and how it is sent
control.py, control_lifecycle.py, control_webhooks.py      the `/_simulator` endpoints that only Chargebee has
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ml_connector.simulators.app import simulator_app
from ml_connector.simulators.chargebee import errors
from ml_connector.simulators.chargebee.api import PATHS, locked_customer
from ml_connector.simulators.chargebee.clock import catch_up
from ml_connector.simulators.chargebee.control import control_routes, move_rows
from ml_connector.simulators.chargebee.errors import Problem
from ml_connector.simulators.chargebee.forms import Form, form_of, pairs_of
from ml_connector.simulators.chargebee.idempotency import HEADER, fingerprint
from ml_connector.simulators.chargebee.limits import Limits
from ml_connector.simulators.chargebee.protocol import Actor, Call, Handler, Methods, Reply, refusal
from ml_connector.simulators.chargebee.settings import ChargebeeSettings
from ml_connector.simulators.chargebee.site import Site
from ml_connector.simulators.faults import FaultRule, retry_after

API = "/api/v2"
ALL_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
SUPPRESSING = ("chargebee-event-webhook", "chargebee-event-actions")
_TOO_MANY = "chargebee.too_many"

Endpoint = Callable[[Request], Awaitable[Response]]


def create_app(settings: ChargebeeSettings | None = None) -> Starlette:
    """The simulator; `app.state.simulator` is its `Site`. Serve it with `ml_connector.simulators.server`."""
    site = Site(settings or ChargebeeSettings())
    app = simulator_app(
        site,
        _routes(site),
        control=control_routes(site),
        answers={
            "rate_limit": _fault(site, errors.too_many_requests()),
            "server_error": _fault(site, errors.internal_error()),
            "expired_token": _fault(site, errors.unauthenticated()),
            "locked": _fault(site, errors.lock_timeout()),
            "migrating": _fault(site, errors.read_only()),
            "empty_page": lambda _rule, _scope: _response(site, Reply(200, {"list": []})),
        },
        hooks={"rows_move": lambda _rule, _scope: move_rows(site)},
        exception_handlers={HTTPException: _no_such_path},
    )
    # Routes are tried in their order, twice for every call: the API's come first.
    app.router.routes.sort(key=lambda route: not (isinstance(route, Route) and route.path.startswith(API)))
    # Outermost, so that a call counts from its arrival on, latency and faults included.
    app.add_middleware(Arrivals, limits=site.limits)
    return app


class Arrivals:
    """Counts the API calls in flight and marks those that are too many (Chargebee reference, section 1)."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self.app = app
        self.limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(API):
            await self.app(scope, receive, send)
            return
        method = "GET" if scope["method"] == "GET" else "POST"
        try:
            if not self.limits.arrive(method):
                scope = {**scope, _TOO_MANY: True}
            await self.app(scope, receive, send)
        finally:
            self.limits.leave(method)


def _routes(site: Site) -> list[BaseRoute]:
    return [Route(API + path, _endpoint(site, path, methods), methods=ALL_METHODS) for path, methods in PATHS.items()]


def _endpoint(site: Site, path: str, methods: Methods) -> Endpoint:
    """What answers one path of the API."""

    async def endpoint(request: Request) -> Response:
        body = await request.body()
        try:
            handler = _admit(site, request, methods)
            pairs = pairs_of(body, request.headers.get("content-type", "")) if request.method == "POST" else []
            if request.method == "POST":
                site.sent.append({"path": request.url.path.removeprefix(API), "parameters": dict(pairs)})
            call = Call(
                method=request.method,
                args=request.path_params,
                query=request.query_params.multi_items(),
                form=form_of(pairs) if pairs else Form(),
                actor=_actor(site, request),
            )
            if request.method == "GET":
                catch_up(site)
                return _response(site, handler(site, call))
            return _response(site, await _write(site, path, request, handler, call, pairs))
        except Problem as problem:
            site.refuse(problem)
            return _response(site, refusal(problem))

    return endpoint


def _admit(site: Site, request: Request, methods: Methods) -> Handler:
    """What to do about a call that may be made at all. Raises Problem."""
    if request.scope.get(_TOO_MANY):
        raise errors.too_many_requests()
    reads = _authorise(site.settings, request)
    if refused := site.limits.take():
        raise refused
    if request.method not in methods:
        raise errors.method_not_supported(request.method)
    if reads and request.method != "GET":
        raise errors.unauthorised()
    return methods[request.method]


def _authorise(settings: ChargebeeSettings, request: Request) -> bool:
    """Basic with the key as user and an empty password; True when the key may only read."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    try:
        user, colon, password = base64.b64decode(credentials, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise errors.unauthenticated() from None
    if scheme.lower() != "basic" or not colon or password or user not in (settings.api_key, settings.read_only_key):
        raise errors.unauthenticated()
    return user == settings.read_only_key


def _actor(site: Site, request: Request) -> Actor:
    """Our own writes come back as events of `source=api` with the key's name (section 5.1)."""
    suppressed = any(request.headers.get(name) == "all-disabled" for name in SUPPRESSING)
    return Actor("api", site.settings.key_name, webhooks=not suppressed)


async def _write(
    site: Site, path: str, request: Request, handler: Handler, call: Call, pairs: list[tuple[str, str]]
) -> Reply:
    """Execute a write once under its idempotency key, while nobody else writes to the customer."""
    key, asked = request.headers.get(HEADER), fingerprint(request.url.path, pairs)
    if key is not None and (replayed := site.keys.replay(key, asked)) is not None:
        return replayed
    customer = locked_customer(site, path, call)
    locks = {lock for lock in (customer, None if key is None else f"key {key}") if lock is not None}
    if locks & site.busy:
        raise errors.lock_timeout()
    site.busy |= locks
    try:
        if site.settings.write_seconds:
            await asyncio.sleep(site.settings.write_seconds)
        try:
            reply = handler(site, call)
            site.writes[path] += 1
        except Problem as problem:
            site.refuse(problem)
            reply = refusal(problem)
    finally:
        site.busy -= locks
    if key is not None:
        site.keys.keep(key, asked, reply)
    return reply


def _response(site: Site, reply: Reply, headers: Mapping[str, str] | None = None) -> Response:
    sent = {**(headers or {}), **reply.headers}
    if reply.status == 429 and site.settings.retry_after is not None:
        sent.setdefault("Retry-After", str(site.settings.retry_after))
    return Response(orjson.dumps(reply.body), reply.status, sent, "application/json;charset=utf-8")


def _fault(site: Site, problem: Problem) -> Callable[[FaultRule, Scope], Response]:
    """A fault's answer in Chargebee's shape."""
    return lambda rule, _scope: _response(site, refusal(problem), retry_after(rule))


async def _no_such_path(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    message = f"Sorry, we couldn't find the path {request.url.path}"
    return Response(
        orjson.dumps(Problem(404, "resource_not_found", message).body()),
        status,
        media_type="application/json;charset=utf-8",
    )
