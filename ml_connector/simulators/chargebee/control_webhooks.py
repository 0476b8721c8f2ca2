"""The `/_simulator` endpoints for webhooks; their shares of duplicates, losses, forgeries and disorder are settings.

| call                             | body                                             | answer                         |
| -------------------------------- | ------------------------------------------------ | ------------------------------ |
| GET /_simulator/webhooks         |                                                  | targets, counts, waiting, log  |
| POST /_simulator/webhooks        | url, username, password; or several as `targets` | the same                       |
| DELETE /_simulator/webhooks      |                                                  | the same; nothing more is sent |
| POST /_simulator/webhooks/resend | {"events": [id, ..], "times": 1}                 | the same                       |
| POST /_simulator/webhooks/forge  | {"event": {..}, "credentials": right, wrong,     | the same                       |
|                                  | none; "times": 1}                                |                                |

A forged event has an id that GET /events/{id} does not know, unless `event` says another: with the id of a genuine
one, its content is a lie that re-reading uncovers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ml_connector.simulators.chargebee.site import Site
from ml_connector.simulators.chargebee.webhooks import Credentials, targets_of
from ml_connector.simulators.control import ControlError, json_response, read_json
from ml_connector.simulators.faults import CONTROL_PATH

CREDENTIALS: dict[str, Credentials] = {"wrong": ("chargebee", "guessed"), "none": None}


def webhook_routes(site: Site) -> Sequence[BaseRoute]:
    """The routes of this module's table."""

    async def webhooks(request: Request) -> Response:
        if request.method == "DELETE":
            site.webhooks.clear()
        elif request.method == "POST":
            try:
                site.webhooks.configure(targets_of(await read_json(request)))
            except (ValueError, AttributeError, TypeError) as error:
                raise ControlError(str(error)) from error
        site.webhooks.wake()
        return json_response(site.webhooks.as_json())

    async def resend(request: Request) -> Response:
        body = await read_json(request)
        for event_id in body.get("events", ()):
            event = site.events.get(event_id)
            if event is None:
                raise ControlError(f"there is no event {event_id!r}")
            for _ in range(body.get("times", 1)):
                site.webhooks.resend(event)
        return json_response(site.webhooks.as_json())

    async def forge(request: Request) -> Response:
        body = await read_json(request)
        kind = body.get("credentials", "right")
        if kind not in ("right", *CREDENTIALS):
            raise ControlError(f"credentials are right, {', '.join(CREDENTIALS)}")
        for _ in range(body.get("times", 1)):
            forged = orjson.dumps(_forged(site, body.get("event", {})))
            site.webhooks.forge(forged, "right" if kind == "right" else CREDENTIALS[kind])
        return json_response(site.webhooks.as_json())

    path = f"{CONTROL_PATH}/webhooks"
    return [
        Route(path, webhooks, methods=["GET", "POST", "DELETE"]),
        Route(f"{path}/resend", resend, methods=["POST"]),
        Route(f"{path}/forge", forge, methods=["POST"]),
    ]


def _forged(site: Site, given: dict[str, Any]) -> dict[str, Any]:
    """What somebody could make up who knows the documentation."""
    return {
        "id": site.new_id("ev"),
        "occurred_at": site.epoch(),
        "source": "api",
        "object": "event",
        "api_version": "v2",
        "content": {"invoice": {"id": "1", "total": 1_000_000, "status": "paid", "object": "invoice"}},
        "event_type": "invoice_generated",
        "webhook_status": "scheduled",
        **given,
    }
