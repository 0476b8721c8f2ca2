"""The `/_simulator` endpoints that only the Chargebee simulator has: its state, its clock, and what people do there.

| call                                 | body or parameters                 | answer                            |
| ------------------------------------ | ---------------------------------- | --------------------------------- |
| GET /_simulator/summary              |                                    | rows, events, writes, refusals    |
| GET /_simulator/records/{kind}       | ?offset=0&count=1000               | rows of `customers`, `comments`,  |
|                                      |                                    | ... and their total               |
| POST /_simulator/records/{kind}/{id} | {"set": {..}, "remove": [..]}      | the row; nothing is raised        |
| GET, DELETE /_simulator/sent         |                                    | paths and parameters of the last  |
|                                      |                                    | writes, refused ones too; anew    |
| POST /_simulator/customers           | {"id", "email", ...}               | the customer, made in the console |
| POST /_simulator/customers/{id}/card |                                    | the customer, who has a card now  |
| GET, POST /_simulator/clock          | {"days", "hours", "seconds", "to"} | now, and what became due          |

Further ones: `control_lifecycle.py`, `control_webhooks.py`. A refusal is a 400 with `{"error": sentence}`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ml_connector.simulators.chargebee.clock import advance
from ml_connector.simulators.chargebee.control_lifecycle import lifecycle_routes
from ml_connector.simulators.chargebee.control_webhooks import webhook_routes
from ml_connector.simulators.chargebee.customers import address, customer_event, new_customer
from ml_connector.simulators.chargebee.errors import Problem
from ml_connector.simulators.chargebee.protocol import CONSOLE
from ml_connector.simulators.chargebee.site import Resource, Rows, Site
from ml_connector.simulators.control import ControlError, json_response, read_json
from ml_connector.simulators.faults import CONTROL_PATH

SECONDS = {"days": 86_400, "hours": 3600, "minutes": 60, "seconds": 1}

Endpoint = Callable[[Request], Awaitable[Response]]


def control_routes(site: Site) -> Sequence[BaseRoute]:
    """The routes of this module's table, and those of its neighbours."""

    async def summary(_request: Request) -> Response:
        return json_response(site.summary())

    async def records(request: Request) -> Response:
        table = _table(site, request)
        try:
            offset, count = (
                int(request.query_params.get(name, usual)) for name, usual in (("offset", 0), ("count", 1000))
            )
        except ValueError as error:
            raise ControlError("offset and count are whole numbers") from error
        return json_response({"records": list(table)[offset : offset + count], "total": len(table)})

    async def edit(request: Request) -> Response:
        row, body = _table(site, request).get(request.path_params["id"]), await read_json(request)
        if row is None:
            return json_response({"error": "no record has this id"}, 404)
        if not isinstance(body, dict) or set(body) - {"set", "remove"}:
            raise ControlError('expected {"set": {name: value}, "remove": [name]}')
        row.update(body.get("set", {}))
        for name in body.get("remove", ()):
            row.pop(name, None)
        return json_response(row)

    async def sent(request: Request) -> Response:
        if request.method == "DELETE":
            site.sent.clear()
        return json_response(list(site.sent))

    async def customers(request: Request) -> Response:
        return json_response(_add_customer(site, await read_json(request)))

    async def card(request: Request) -> Response:
        customer = site.customers.get(request.path_params["id"])
        if customer is None:
            return json_response({"error": "no customer has this id"}, 404)
        site.cards[customer["id"]] = _card(site, customer)
        customer["card_status"] = "valid"
        site.touch(customer)
        customer_event(site, CONSOLE, "customer_changed", customer)
        return json_response(customer)

    async def clock(request: Request) -> Response:
        steps = 0
        if request.method == "POST":
            moment = _moment(site, await read_json(request))
            steps = await advance(site, moment)
        return json_response({"now": site.epoch(), "steps": steps})

    return [
        Route(f"{CONTROL_PATH}/summary", summary),
        Route(f"{CONTROL_PATH}/records/{{kind}}", records),
        Route(f"{CONTROL_PATH}/records/{{kind}}/{{id}}", edit, methods=["POST"]),
        Route(f"{CONTROL_PATH}/sent", sent, methods=["GET", "DELETE"]),
        Route(f"{CONTROL_PATH}/customers", customers, methods=["POST"]),
        Route(f"{CONTROL_PATH}/customers/{{id}}/card", card, methods=["POST"]),
        Route(f"{CONTROL_PATH}/clock", clock, methods=["GET", "POST"]),
        *lifecycle_routes(site),
        *webhook_routes(site),
    ]


def _table(site: Site, request: Request) -> Rows:
    tables = site.tables()
    kind = request.path_params["kind"]
    if kind not in tables:
        raise ControlError(f"unknown kind {kind!r}; known are {', '.join(tables)}")
    return tables[kind]


def _add_customer(site: Site, body: Any) -> Resource:
    if not isinstance(body, dict):
        raise ControlError("expected an object with the customer's attributes")
    values = dict(body)
    customer_id = values.pop("id", None)
    if "billing_address" in values and (billing := address(values["billing_address"])) is not None:
        values["billing_address"] = billing
    try:
        customer = site.add(site.customers, new_customer(site, customer_id, values))
    except Problem as problem:
        raise ControlError(problem.message) from problem
    customer_event(site, CONSOLE, "customer_created", customer)
    return customer


def _card(site: Site, customer: Resource) -> Resource:
    return {
        "payment_source_id": site.new_id("pm"),
        "status": "valid",
        "gateway": "chargebee",
        "iin": "411111",
        "last4": "1111",
        "card_type": "visa",
        "funding_type": "credit",
        "expiry_month": 12,
        "expiry_year": 2039,
        "created_at": site.epoch(),
        "customer_id": customer["id"],
        "masked_number": "************1111",
        "object": "card",
    }


def _moment(site: Site, body: Any) -> int:
    if not isinstance(body, Mapping) or not body or set(body) - {*SECONDS, "to"}:
        raise ControlError(f"expected one of {', '.join((*SECONDS, 'to'))}")
    if not all(type(value) in (int, float) for value in body.values()):
        raise ControlError("expected numbers")
    start = body.get("to", site.settings.now().timestamp())
    moment = int(start + sum(body.get(name, 0) * seconds for name, seconds in SECONDS.items()))
    if moment < site.epoch():
        raise ControlError("the clock only moves on; clock_offset_seconds is a setting")
    return moment


def move_rows(site: Site) -> None:
    """The first customer and the first invoice are touched: sorted by `updated_at`, they are last from now on."""
    for table in (site.customers, site.invoices):
        for row in table:
            site.touch(row)
            break
