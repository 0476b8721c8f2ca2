"""The `/_simulator` endpoints that only the HubSpot simulator has: what people do there, and what tests look at.

| call                                       | body or parameters              | answer                                |
| ------------------------------------------ | ------------------------------- | ------------------------------------- |
| GET /_simulator/summary                    |                                 | counts of records, writes and calls   |
| GET, DELETE /_simulator/call-classes       |                                 | calls by class, such as batch_upsert  |
| GET /_simulator/records/{type}             | ?offset=0&count=1000            | records, archived ones too            |
| POST /_simulator/records/{type}            | {property: value}               | a new record; nothing is checked      |
| GET /_simulator/records/{type}/{id}        |                                 | one of them                           |
| POST /_simulator/records/{type}/{id}       | {property: value}               | the record; nothing is checked        |
| DELETE /_simulator/records/{type}/{id}     |                                 | the record, archived                  |
| POST /_simulator/merge/{type}              | {"primary": id, "merged": id}   | the record that survives              |
| POST /_simulator/associate                 | {"from": [type, id], "to": ...} | associated without a label            |
| POST /_simulator/search-index              |                                 | search sees everything from now on    |
| POST /_simulator/usage                     | {"daily_used": 1000}            | what was used of the day              |

A record that is not there is answered with 404.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ml_connector.simulators.control import ControlError, json_response, read_json
from ml_connector.simulators.faults import CONTROL_PATH
from ml_connector.simulators.hubspot.errors import Problem
from ml_connector.simulators.hubspot.links import connect_by_default
from ml_connector.simulators.hubspot.portal import Portal
from ml_connector.simulators.hubspot.record_view import control_view
from ml_connector.simulators.hubspot.table import Record, Table
from ml_connector.simulators.hubspot.writes import merge

Act = Callable[[Portal, Table, Record, Any], None]


def control_routes(portal: Portal) -> Sequence[BaseRoute]:
    """The routes of this module's table."""

    async def summary(_request: Request) -> Response:
        return json_response(portal.summary())

    async def call_classes(request: Request) -> Response:
        if request.method == "DELETE":
            portal.calls.clear()
        return json_response(dict(portal.calls))

    async def records(request: Request) -> Response:
        table = _table(portal, request.path_params["type"])
        if request.method == "POST":
            values = _values(await read_json(request))
            return json_response(control_view(portal, table, table.add(values, portal.now())))
        try:
            offset, count = (
                int(request.query_params.get(name, usual)) for name, usual in (("offset", 0), ("count", 1000))
            )
        except ValueError as error:
            raise ControlError("offset and count are whole numbers") from error
        rows = [control_view(portal, table, table.records[one]) for one in table.ids[offset : offset + count]]
        return json_response({"records": rows, "total": len(table.ids)})

    async def merged(request: Request) -> Response:
        table, body = _table(portal, request.path_params["type"]), await read_json(request)
        primary, other = (_record(table, body.get(name)) for name in ("primary", "merged"))
        if primary is None or other is None or primary is other:
            raise ControlError('expected {"primary": id, "merged": id} of two records that are there')
        merge(portal, table, primary, other)
        return json_response(control_view(portal, table, primary))

    async def associate(request: Request) -> Response:
        body = await read_json(request)
        try:
            ends = [(_table(portal, body[end][0]), body[end][1]) for end in ("from", "to")]
        except (KeyError, IndexError, TypeError) as error:
            raise ControlError('expected {"from": [type, id], "to": [type, id]}') from error
        (here, one), (there, other) = ((table, _record(table, text)) for table, text in ends)
        if one is None or other is None:
            raise ControlError("both records must be there")
        try:
            connect_by_default(portal, here.type.name, one.id, there.type.name, other.id)
        except Problem as problem:
            raise ControlError(problem.message) from problem
        return json_response(control_view(portal, here, one))

    async def search_index(_request: Request) -> Response:
        for table in portal.tables.values():
            table.catch_up()
        return json_response({"status": "ok"})

    async def usage(request: Request) -> Response:
        used = (await read_json(request)).get("daily_used")
        if type(used) is not int or used < 0:
            raise ControlError('expected {"daily_used": a whole number}')
        portal.limits.daily_used = used
        return json_response({"daily_used": used})

    record_path = f"{CONTROL_PATH}/records/{{type}}/{{id}}"
    return [
        Route(f"{CONTROL_PATH}/summary", summary),
        Route(f"{CONTROL_PATH}/call-classes", call_classes, methods=["GET", "DELETE"]),
        Route(f"{CONTROL_PATH}/records/{{type}}", records, methods=["GET", "POST"]),
        Route(record_path, _on_record(portal, _nothing)),
        Route(record_path, _on_record(portal, _set_values), methods=["POST"]),
        Route(record_path, _on_record(portal, _archive), methods=["DELETE"]),
        Route(f"{CONTROL_PATH}/merge/{{type}}", merged, methods=["POST"]),
        Route(f"{CONTROL_PATH}/associate", associate, methods=["POST"]),
        Route(f"{CONTROL_PATH}/search-index", search_index, methods=["POST"]),
        Route(f"{CONTROL_PATH}/usage", usage, methods=["POST"]),
    ]


def _on_record(portal: Portal, act: Act) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        table = _table(portal, request.path_params["type"])
        record = _record(table, request.path_params["id"])
        if record is None:
            return json_response({"error": "no record has this id"}, 404)
        act(portal, table, record, await read_json(request))
        return json_response(control_view(portal, table, record))

    return endpoint


def _table(portal: Portal, name: str) -> Table:
    try:
        return portal.table(name)
    except Problem as problem:
        raise ControlError(problem.message) from problem


def _record(table: Table, text: object) -> Record | None:
    return table.records.get(int(str(text))) if str(text).isdigit() else None


def _values(body: Any) -> dict[str, str]:
    if not isinstance(body, dict) or not all(isinstance(value, str) for value in body.values()):
        raise ControlError("expected {property: value}, all texts")
    return body


def _nothing(_portal: Portal, _table: Table, _record: Record, _body: Any) -> None:
    """Only look."""


def _set_values(portal: Portal, table: Table, record: Record, body: Any) -> None:
    """What a person changes in HubSpot, or HubSpot fills in by itself."""
    table.change(record, _values(body), portal.now())


def _archive(portal: Portal, table: Table, record: Record, _body: Any) -> None:
    """What a person deletes."""
    if not record.archived:
        portal.graph.forget(table.type.name, record.id)
        table.archive(record, portal.now())
