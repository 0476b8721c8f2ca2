"""The routes of the receiver.

| call                                | answers                                                                       |
| ----------------------------------- | ----------------------------------------------------------------------------- |
| POST /webhooks/{company}/{target}   | 200 once the event is in the inbox, also when it was there; 401, 413, 415, 400 |
|                                     | for what is no event of that target; 503 when it could not be stored          |
| GET /healthz                        | 200 while events can be stored, else 503                                      |

Nothing acts on an event here: the inbox is emptied by Dagster, which asks the sender's own system for each.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ml_connector.home import OpenHome
from ml_connector.web.doorkeeper import Doorkeeper
from ml_connector.web.postbox import Postbox

MOST_BYTES = 1_000_000
"""Of a body. An event of Chargebee's has some kilobytes."""
PATIENCE = 10.0
"""Seconds that storing may take: the sender waits for an answer, and comes again."""

log = logging.getLogger(__name__)


class TooLarge(Exception):
    """A body has more bytes than are taken."""


def create_app(home: OpenHome) -> Starlette:
    """The receiver of one home, whose database stays open for as long as it runs."""
    doorkeeper, postbox = Doorkeeper(home), Postbox(home)

    @asynccontextmanager
    async def running(_app: Starlette) -> AsyncIterator[None]:
        await postbox.start()
        yield
        await postbox.stop()

    async def webhook(request: Request) -> Response:
        names = request.path_params["company"], request.path_params["target"]
        try:
            known = await asyncio.to_thread(doorkeeper.target, *names, request.headers.get("authorization"))
        except Exception:
            log.exception("The vault could not be read.")
            return _said(503, "not available")
        if known is None:
            return Response(status_code=401, headers={"www-authenticate": 'Basic realm="webhooks"'})
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return _said(415, "expected application/json")
        target, system = known
        try:
            body = await _body(request)
        except TooLarge:
            return _said(413, f"expected at most {MOST_BYTES} bytes")
        except ClientDisconnect:
            return _said(400, "the body broke off")
        event_id = system.event_id(body)
        if event_id is None:
            return _said(400, "no event of this API")
        try:
            await asyncio.wait_for(postbox.put(target, event_id, body), PATIENCE)
        except Exception as error:
            log.error("An event of %s could not be stored: %s", target.id, type(error).__name__)
            return _said(503, "not stored; send it again")
        return _said(200, "stored")

    async def healthz(_request: Request) -> Response:
        try:
            await asyncio.wait_for(asyncio.to_thread(_ask, home), PATIENCE)
        except Exception as error:
            return _said(503, f"the database does not answer: {type(error).__name__}")
        return _said(200, "ok")

    routes = [
        Route("/webhooks/{company}/{target}", webhook, methods=["POST"]),
        Route("/healthz", healthz, methods=["GET"]),
    ]
    return Starlette(routes=routes, lifespan=running)


async def _body(request: Request) -> bytes:
    """The whole body. Raises `TooLarge` before more is read than may be."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MOST_BYTES:
            raise TooLarge
        parts.append(part)
    return b"".join(parts)


def _ask(home: OpenHome) -> None:
    """Whether an event could be stored now: one that only reads works where nothing can be written."""
    with home.database.begin() as connection:
        connection.execute(text("SELECT 1"))


def _said(status: int, what: str) -> JSONResponse:
    return JSONResponse({"status": what}, status)
