"""The Mailchimp simulator as a web application: authentication, the connection limit, and the routes.

settings.py        what the account is like, and the points that the sources leave open
app.py             this: HTTP in front of everything
api.py             the API's paths; a call over HTTP and an operation of a batch take the same way
protocol.py        a call and its reply
account.py         the state; /ping, /, /lists
members.py, member_tags.py, merge_fields.py, batch_subscribe.py, batches.py      the resources
member_writes.py   what a write does to a member: consent, merge values, addresses
member_view.py     a member as it is shown
audience.py        members, histories, resubscriptions
merge_values.py    what each type of merge field takes
batch_queue.py, batch_archive.py      how batches come to an end
addresses.py, times.py, schema.py, selection.py, errors.py      the vendor's conventions
control.py         the `/_simulator` endpoints that only Mailchimp has
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable
from uuid import uuid4

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ml_connector.simulators.app import simulator_app
from ml_connector.simulators.faults import FaultRule
from ml_connector.simulators.mailchimp import batch_archive, errors
from ml_connector.simulators.mailchimp.account import ROOT, Account
from ml_connector.simulators.mailchimp.api import PATHS, answer, execute, refusal
from ml_connector.simulators.mailchimp.batches import download
from ml_connector.simulators.mailchimp.control import control_routes, move_rows
from ml_connector.simulators.mailchimp.errors import Problem
from ml_connector.simulators.mailchimp.protocol import Call, Methods, Reply
from ml_connector.simulators.mailchimp.settings import MailchimpSettings

API = "/3.0"
ALL_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
OVERRIDE = "X-HTTP-Method-Override"
_REFUSE = "mailchimp.refuse"

Endpoint = Callable[[Request], Awaitable[Response]]


def create_app(settings: MailchimpSettings | None = None) -> Starlette:
    """The simulator; `app.state.simulator` is its `Account`. Serve it with `ml_connector.simulators.server`."""
    account: Account = Account(
        settings or MailchimpSettings(), lambda operation, base_url: execute(account, operation, base_url)
    )
    app = simulator_app(
        account,
        _routes(account),
        control=control_routes(account),
        answers={
            "rate_limit": _fault(errors.too_many_requests()),
            "server_error": _fault(Problem(500, "Internal Server Error", "An unexpected internal error has occurred.")),
            "expired_token": _fault(errors.api_key_invalid()),
            "empty_page": _empty_page,
        },
        hooks={"rows_move": lambda _rule, _scope: move_rows(account)},
    )
    # Routes are tried in their order, twice for every call: the API's, and of them the members', come first.
    app.router.routes.sort(key=lambda route: not (isinstance(route, Route) and route.path.startswith(API)))
    # Outermost, so that a call counts from its arrival on, latency and faults included.
    app.add_middleware(Connections, settings=account.settings)
    return app


class Connections:
    """Counts the API calls in flight and marks those that are too many (Mailchimp reference, section 3)."""

    def __init__(self, app: ASGIApp, settings: MailchimpSettings) -> None:
        self.app = app
        self.settings = settings
        self.in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(API):
            await self.app(scope, receive, send)
        elif self.in_flight >= self.settings.connections:
            await self.app({**scope, _REFUSE: True}, receive, send)
        else:
            self.in_flight += 1
            try:
                await self.app(scope, receive, send)
            finally:
                self.in_flight -= 1


def _routes(account: Account) -> list[BaseRoute]:
    async def results(request: Request) -> Response:
        return download(account, request)

    async def metadata(request: Request) -> Response:
        return _metadata(account, request)

    routes = [Route(API + path, _endpoint(account, methods), methods=ALL_METHODS) for path, methods in PATHS.items()]
    return [
        *routes,
        Route(API, _endpoint(account, ROOT), methods=ALL_METHODS),
        Route(API + "{path:path}", _endpoint(account, None), methods=ALL_METHODS),
        Route(batch_archive.PATH + "/{batch_id}-response.tar.gz", results),
        Route("/oauth2/metadata", metadata),
    ]


def _endpoint(account: Account, methods: Methods | None) -> Endpoint:
    """What answers one path of the API; None stands for every path that does not exist."""

    async def endpoint(request: Request) -> Response:
        body = await request.body()
        if request.scope.get(_REFUSE):
            return _overloaded(account.settings)
        try:
            _authorise(account.settings, request)
            method = _method(request)
            if methods is None:
                raise errors.not_found()
        except Problem as problem:
            return _response(refusal(problem))
        call = Call(
            method=method,
            args=request.path_params,
            params=request.query_params,
            body=body,
            via=method,
            base_url=_base_url(request),
        )
        return _response(answer(account, methods, call))

    return endpoint


def _authorise(settings: MailchimpSettings, request: Request) -> None:
    """Basic with any user name and the key, or Bearer (old clients: OAuth) with the token or the key."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            user = password = ""
        if user and password == settings.api_key:
            return
    elif scheme.lower() in ("bearer", "oauth") and credentials in (settings.access_token, settings.api_key):
        return
    raise errors.api_key_invalid()


def _method(request: Request) -> str:
    """The method, which a POST may override by a header."""
    override = request.headers.get(OVERRIDE)
    if override is None:
        return request.method
    if request.method != "POST" or override.upper() not in ALL_METHODS:
        raise Problem(422, "Invalid Method Override", f"The {OVERRIDE} header is for POST alone, and names a method.")
    return override.upper()


def _overloaded(settings: MailchimpSettings) -> Response:
    if settings.overload_status == 403 or settings.limit_body == "empty":
        return Response(status_code=settings.overload_status)
    return _response(refusal(errors.too_many_requests()))


def _response(reply: Reply) -> Response:
    if reply.body is None:
        return Response(status_code=reply.status, headers={"X-Request-Id": str(uuid4())})
    failed = reply.status >= 400
    request_id = reply.body["instance"] if failed else str(uuid4())
    headers = {
        "Content-Type": f"application/{'problem+' if failed else ''}json; charset=utf-8",
        "X-Request-Id": request_id,
        **reply.headers,
    }
    return Response(orjson.dumps(reply.body), reply.status, headers)


def _metadata(account: Account, request: Request) -> Response:
    """Where the token's account lives; for real, the login host answers this (Mailchimp reference, section 1)."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() not in ("bearer", "oauth") or token != account.settings.access_token:
        return _response(Reply(200, {"error": "invalid_token", "error_description": "The token is invalid."}))
    base_url = _base_url(request)
    body = {
        "dc": account.settings.data_centre,
        "role": "owner",
        "accountname": account.settings.account_name,
        "user_id": 1234567,
        "login": {"email": "kari@nordic-supplies.no", "login_id": 1234567, "login_name": "nordicsupplies"},
        "login_url": base_url,
        "api_endpoint": base_url,
    }
    return _response(Reply(200, body))


def _base_url(request: Request) -> str:
    return f"{request.scope['scheme']}://{request.headers['host']}"


def _fault(problem: Problem) -> Callable[[FaultRule, Scope], Response]:
    """A fault's answer in Mailchimp's shape."""

    def response(rule: FaultRule, _scope: Scope) -> Response:
        # Mailchimp itself never says when to come back; a rule can make a gateway in front of it do so.
        headers = {} if rule.retry_after is None else {"Retry-After": str(rule.retry_after)}
        return _response(Reply(problem.status, problem.body(str(uuid4())), headers))

    return response


def _empty_page(_rule: FaultRule, scope: Scope) -> Response:
    """A collection without rows; its name is the last part of the path."""
    name = scope["path"].rpartition("/")[2].replace("-", "_")
    return _response(Reply(200, {name: [], "total_items": 0}))
