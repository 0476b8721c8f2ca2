"""The HubSpot simulator as a web application: authentication, rate limits, and the routes.

settings.py        what the portal is like, and the points that the sources leave open
app.py             this: HTTP in front of everything
api.py             the API's paths in both families
protocol.py        a call and its reply; errors.py: what is refused, and how
portal.py          the state; limits.py: what was used of the rate limits
object_types.py    the objects and their properties, as tables; definitions.py, values.py: properties and their values
table.py           the records of one object, and what search knows of them
records.py, batches.py, search.py, search_filters.py      the calls on records
writes.py          what a write does; rules.py, invoices.py, computed.py: what HubSpot makes of it
record_view.py     a record as it is shown
associations.py, association_batches.py, labels.py        the calls on associations
graph.py, links.py, association_types.py      associations, the rules that hang on them, their types
properties.py, property_bodies.py, schemas.py, schema_store.py, pipelines.py, account.py      the other resources
control.py         the `/_simulator` endpoints that only HubSpot has
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from uuid import uuid4

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.routing import Route as StarletteRoute
from starlette.types import Scope

from ml_connector.simulators.app import simulator_app
from ml_connector.simulators.faults import FaultRule, retry_after
from ml_connector.simulators.hubspot.api import DATES, ROUTES, TOKEN_INFO
from ml_connector.simulators.hubspot.batches import locked
from ml_connector.simulators.hubspot.control import control_routes
from ml_connector.simulators.hubspot.errors import Problem, unauthenticated
from ml_connector.simulators.hubspot.limits import SEARCH
from ml_connector.simulators.hubspot.portal import Portal
from ml_connector.simulators.hubspot.protocol import Call, Handler, Reply
from ml_connector.simulators.hubspot.settings import HubspotSettings

ALL_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
MIGRATION_SECONDS = 1

Methods = Mapping[str, tuple[str, Handler]]
Endpoint = Callable[[Request], Awaitable[Response]]


def create_app(settings: HubspotSettings | None = None) -> Starlette:
    """The simulator; `app.state.simulator` is its `Portal`. Serve it with `ml_connector.simulators.server`."""
    portal = Portal(settings or HubspotSettings())
    app = simulator_app(
        portal,
        _routes(portal),
        control=control_routes(portal),
        answers={
            "rate_limit": lambda rule, scope: _rate_limit(portal, rule, scope),
            "server_error": _fault(Problem(500, "INTERNAL_ERROR", "internal error")),
            "expired_token": _fault(unauthenticated()),
            "locked": _fault(locked()),
            "migrating": _migrating,
            "empty_page": _empty_page,
        },
        exception_handlers={HTTPException: _no_such_path},
    )
    # Routes are tried in their order, twice for every call: the API's come first.
    app.router.routes.sort(key=lambda route: not (isinstance(route, StarletteRoute) and route.path.startswith("/crm/")))
    return app


def _routes(portal: Portal) -> list[BaseRoute]:
    return [
        StarletteRoute(path, _endpoint(portal, route.methods), methods=ALL_METHODS)
        for route in ROUTES
        for path in route.paths
    ]


def _endpoint(portal: Portal, methods: Methods) -> Endpoint:
    """What answers one path of the API."""

    async def endpoint(request: Request) -> Response:
        body = await request.body()
        try:
            call_class, handler = _admit(portal, request, methods)
        except Problem as problem:
            return _response(refusal(portal, problem))
        if refused := portal.limits.take(call_class):
            return _response(refused, portal.limits.headers(call_class))
        portal.calls[call_class] += 1
        call = Call(
            method=request.method,
            args=request.path_params,
            query=request.query_params.multi_items(),
            body=body,
            version=request.path_params.get("version", ""),
            url=f"{request.scope['scheme']}://{request.headers['host']}{request.scope['path']}",
        )
        try:
            reply = handler(portal, call)
        except Problem as problem:
            reply = refusal(portal, problem)
        return _response(reply, portal.limits.headers(call_class))

    return endpoint


def refusal(portal: Portal, problem: Problem) -> Reply:
    """The reply that carries a problem, counted."""
    portal.refuse(problem)
    return Reply(problem.status, problem.body(str(uuid4())))


def _admit(portal: Portal, request: Request, methods: Methods) -> tuple[str, Handler]:
    """What to do about a call that may be made at all. Raises Problem."""
    if len(request.scope["raw_path"]) + len(request.scope["query_string"]) > portal.settings.uri_limit:
        raise Problem(414, "URI_TOO_LONG", "The requested URI is too long.")
    if request.method not in methods:
        raise Problem(405, "METHOD_NOT_ALLOWED", f"The method {request.method} is not allowed here.")
    if request.path_params.get("version", DATES[0]) not in DATES:
        raise Problem(404, "OBJECT_NOT_FOUND", "resource not found")
    call_class, handler = methods[request.method]
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    known = scheme.lower() == "bearer" and token == portal.settings.access_token
    if not known and call_class != TOKEN_INFO:  # which has the token in its body
        raise unauthenticated()
    return call_class, handler


def _response(reply: Reply, headers: Mapping[str, str] | None = None) -> Response:
    sent = {**(headers or {}), **reply.headers}
    if reply.body is None:
        return Response(status_code=reply.status, headers=sent)
    return Response(orjson.dumps(reply.body), reply.status, sent, "application/json;charset=utf-8")


async def _no_such_path(_request: Request, error: Exception) -> Response:
    """Paths that nobody knows have an HTML page, or nothing: not every 404 is JSON (section 13)."""
    status = error.status_code if isinstance(error, HTTPException) else 404
    return Response("<html><body><h1>HTTP ERROR 404</h1></body></html>", status, media_type="text/html")


def _fault(problem: Problem) -> Callable[[FaultRule, Scope], Response]:
    """A fault's answer in HubSpot's shape."""

    def response(rule: FaultRule, _scope: Scope) -> Response:
        return _response(Reply(problem.status, problem.body(str(uuid4()))), retry_after(rule))

    return response


def _rate_limit(portal: Portal, rule: FaultRule, scope: Scope) -> Response:
    """As if the ten seconds were used up, or the second of search; says when to come back only if the rule does."""
    if scope["path"].endswith(f"/{SEARCH}"):
        return _response(portal.limits.search_refusal(), retry_after(rule))
    return _response(portal.limits.burst_refusal(), retry_after(rule))


def _migrating(rule: FaultRule, _scope: Scope) -> Response:
    """477: the one answer that says when to come back (section 12)."""
    seconds = MIGRATION_SECONDS if rule.retry_after is None else rule.retry_after
    problem = Problem(477, "MIGRATION_IN_PROGRESS", "This account is being moved between data centers.")
    return _response(Reply(477, problem.body(str(uuid4()))), {"Retry-After": str(seconds)})


def _empty_page(_rule: FaultRule, scope: Scope) -> Response:
    """A list, or a search, without rows."""
    body = {"total": 0, "results": []} if scope["path"].endswith(f"/{SEARCH}") else {"results": []}
    return _response(Reply(200, body))
