"""The `/_simulator` endpoints that every simulator has. Never counted as API calls, never hit by faults.

| call                                   | body or parameters   | answer                                               |
| -------------------------------------- | -------------------- | ---------------------------------------------------- |
| GET `/_simulator/health`               |                      | `{"status": "ok"}`                                   |
| GET `/_simulator/state`                | ?offset=0&count=1000 | the vendor's whole state                             |
| GET, DELETE `/_simulator/calls`        |                      | total, by_route, max_concurrent, log; DELETE: anew   |
| GET, POST, DELETE `/_simulator/faults` | list of rules        | rules with their counts, and late commits to come    |
| POST `/_simulator/reset`               |                      | state as at the start; no faults, no calls           |
| GET, POST, PUT `/_simulator/settings`  | settings to change   | all settings; PUT replaces mappings, POST merges     |

A wrong body is answered with 400 and `{"error": sentence}`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Protocol

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ml_connector.simulators.calls import CallLog
from ml_connector.simulators.faults import CONTROL_PATH, FaultPlan
from ml_connector.simulators.settings import SimulatorSettings


class Simulator(Protocol):
    """What the control endpoints need of a vendor's simulator."""

    @property
    def settings(self) -> SimulatorSettings: ...

    def state(self, offset: int, count: int) -> Any:
        """Everything that it holds, as JSON; long lists cut to `count` rows from `offset`."""

    def reset(self) -> None:
        """Back to the state at the start, with the settings as they are now."""


class ControlError(Exception):
    """A control call that makes no sense; the text is the answer."""


async def control_error(_request: Request, error: Exception) -> Response:
    return json_response({"error": str(error)}, 400)


def json_response(content: Any, status_code: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer; datetimes, dataclasses and tuples are welcome."""
    return Response(orjson.dumps(content), status_code, headers, "application/json")


async def read_json(request: Request) -> Any:
    """The body of a control call; ControlError when it is not JSON."""
    try:
        return orjson.loads(await request.body() or b"{}")
    except orjson.JSONDecodeError as error:
        raise ControlError(f"the body is not JSON: {error}") from error


def control_routes(simulator: Simulator, calls: CallLog, plan: FaultPlan) -> Sequence[BaseRoute]:
    """The routes of this module's table."""

    async def health(_request: Request) -> Response:
        return json_response({"status": "ok"})

    async def state(request: Request) -> Response:
        try:
            offset = int(request.query_params.get("offset", 0))
            count = int(request.query_params.get("count", 1000))
        except ValueError as error:
            raise ControlError("offset and count are whole numbers") from error
        return json_response(simulator.state(offset, count))

    async def call_log(request: Request) -> Response:
        if request.method == "DELETE":
            calls.clear()
        return json_response(calls.as_json())

    async def faults(request: Request) -> Response:
        if request.method == "POST":
            rules = await read_json(request)
            try:
                plan.replace(rules)
            except (ValueError, TypeError) as error:
                raise ControlError(str(error)) from error
        elif request.method == "DELETE":
            plan.rules = []
        return json_response({"rules": [asdict(rule) for rule in plan.rules], "pending": len(plan.pending)})

    async def reset(_request: Request) -> Response:
        plan.rules = []
        plan.forget_pending()
        simulator.reset()
        calls.clear()
        return json_response({"status": "ok"})

    async def settings(request: Request) -> Response:
        if request.method in ("POST", "PUT"):
            try:
                simulator.settings.patch(await read_json(request), merge=request.method == "POST")
            except (ValueError, AttributeError) as error:
                raise ControlError(str(error)) from error
        return json_response(asdict(simulator.settings))

    return [
        Route(f"{CONTROL_PATH}/health", health),
        Route(f"{CONTROL_PATH}/state", state),
        Route(f"{CONTROL_PATH}/calls", call_log, methods=["GET", "DELETE"]),
        Route(f"{CONTROL_PATH}/faults", faults, methods=["GET", "POST", "DELETE"]),
        Route(f"{CONTROL_PATH}/reset", reset, methods=["POST"]),
        Route(f"{CONTROL_PATH}/settings", settings, methods=["GET", "POST", "PUT"]),
    ]
