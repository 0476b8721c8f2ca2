"""`/v1/customer`: paged reads, writes by number or internal id, change of number (Visma reference, section 7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ml_connector.simulators.control import json_response
from ml_connector.simulators.visma.api import (
    check_version,
    created,
    json_bytes,
    page_of,
    store_of,
    update_model,
    updated,
)
from ml_connector.simulators.visma.errors import ApiError, not_found
from ml_connector.simulators.visma.filters import CUSTOMER_FILTERS, CUSTOMER_MOMENTS, selection
from ml_connector.simulators.visma.rows import blank_customer
from ml_connector.simulators.visma.store import Store
from ml_connector.simulators.visma.tables import paged_array
from ml_connector.simulators.visma.updates import apply_customer, unwrapped


async def find(request: Request) -> Response:
    store = store_of(request)
    settings = store.settings
    number, size, maximum = page_of(request, "customer", settings)
    asked = selection(
        request.query_params, CUSTOMER_FILTERS, CUSTOMER_MOMENTS, settings.strict_greater, attributes=True
    )
    rows = store.customers.select(asked)
    return json_bytes(paged_array(rows[(number - 1) * size : number * size], len(rows), maximum))


async def read(request: Request) -> Response:
    store = store_of(request)
    internal_id = _internal_id(request, store)
    return json_bytes(store.customers.body(internal_id), store.customers.read(internal_id)["timeStamp"])


async def change(request: Request) -> Response:
    """PUT; the number stays what it is, it has an action of its own."""
    update = await update_model(request)
    store = store_of(request)
    customer = store.customers.read(_internal_id(request, store))
    check_version(request, customer["timeStamp"], store.settings)
    apply_customer(customer, update, _names(store))
    return updated(store.save_customer(customer))


async def create(request: Request) -> Response:
    """POST. No idempotency key: the same body twice makes two customers, unless it carries a number (section 12)."""
    update = await update_model(request)
    store = store_of(request)
    if "name" not in update:
        raise ApiError(400, "Error: 'Customer Name' cannot be empty.")
    customer = blank_customer(store.new_customer())
    if "number" in update:
        number = unwrapped("number", update["number"])
        if not number or store.is_customer(number):
            raise ApiError(400, f"Error: customer number '{number}' is empty or already in use.")
        customer["number"] = number
    apply_customer(customer, update, _names(store))
    version = store.save_customer(customer)
    return created(f"/v1/customer/{customer['number']}", version, store.settings)


async def change_number(request: Request) -> Response:
    """The action answers 200 also when it failed; `actionResult` tells (section 7)."""
    body = await update_model(request)
    store = store_of(request)
    customer = store.customers.read(_internal_id(request, store))
    number = body.get("customerCd")
    if not isinstance(number, str) or not number:
        raise ApiError(400, "customerCd is missing.")
    taken = store.is_customer(number)
    if not taken:
        store.save_customer(customer | {"number": number})
    return json_response(
        {
            "actionId": f"changeCustomerCd-{customer['internalId']}",
            "actionResult": "Failed" if taken else "Done",
            "errorInfo": f"Customer number '{number}' is already in use." if taken else "",
        }
    )


def _internal_id(request: Request, store: Store) -> int:
    params: dict[str, Any] = request.path_params
    if "number" in params:
        return store.customer_id(params["number"])
    if params["internal_id"] not in store.customers:
        raise not_found("Customer", str(params["internal_id"]))
    internal_id: int = params["internal_id"]
    return internal_id


def _names(store: Store) -> Callable[[str], str | None]:
    return lambda number: store.customer(number)["name"] if store.is_customer(number) else None


ROUTES: list[BaseRoute] = [
    Route("/v1/customer", find, methods=["GET"]),
    Route("/v1/customer", create, methods=["POST"]),
    Route("/v1/customer/action/changeCustomerCd/{internal_id:int}", change_number, methods=["POST"]),
    Route("/v1/customer/internal/{internal_id:int}", read, methods=["GET"]),
    Route("/v1/customer/internal/{internal_id:int}", change, methods=["PUT"]),
    Route("/v1/customer/{number}", read, methods=["GET"]),
    Route("/v1/customer/{number}", change, methods=["PUT"]),
]
