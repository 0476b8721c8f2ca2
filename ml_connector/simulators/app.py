"""Puts a simulator together: the vendor's routes behind faults, behind the call log, beside the control endpoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from ml_connector.simulators.calls import CallLog, Calls
from ml_connector.simulators.control import ControlError, Simulator, control_error, control_routes
from ml_connector.simulators.faults import Answer, FaultPlan, Faults, Hook


def simulator_app(
    simulator: Simulator,
    routes: Sequence[BaseRoute],
    *,
    control: Sequence[BaseRoute] = (),
    answers: Mapping[str, Answer] | None = None,
    hooks: Mapping[str, Hook] | None = None,
    middleware: Sequence[Middleware] = (),
    exception_handlers: Mapping[Any, Callable[..., Any]] | None = None,
) -> Starlette:
    """The app of one simulator.

    Args:
        simulator: the vendor's state and settings; afterwards `app.state.simulator`.
        routes: the vendor's API.
        control: endpoints under `/_simulator` that only this vendor has.
        answers: the vendor's shapes of fault answers, by fault (`faults.py`).
        hooks: what faults ask of the vendor's state, by fault.
        middleware: the vendor's own (authentication, quotas); stands behind the faults.
        exception_handlers: the vendor's own.
    """
    calls = CallLog()
    plan = FaultPlan(answers=dict(answers or {}), hooks=dict(hooks or {}))
    app = Starlette(
        routes=[*control, *control_routes(simulator, calls, plan), *routes],
        middleware=[
            Middleware(Calls, calls=calls, settings=simulator.settings),
            Middleware(Faults, plan=plan),
            *middleware,
        ],
        exception_handlers={ControlError: control_error, ClientDisconnect: _gone, **(exception_handlers or {})},
    )
    app.state.simulator = simulator
    app.state.calls = calls
    app.state.faults = plan
    return app


async def _gone(_request: Request, _error: Exception) -> Response:
    """The caller died while it sent a body: nobody reads this answer, and it is no fault of the simulator's."""
    return Response(status_code=400)
