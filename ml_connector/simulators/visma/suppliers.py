"""`/v1/supplier`: paged reads, a single supplier, its person contacts (Visma reference, sections 3 and 4)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ml_connector.simulators.visma.api import expanded, json_bytes, page_of, store_of
from ml_connector.simulators.visma.filters import (
    CONTACT_FILTERS,
    CONTACT_MOMENTS,
    SUPPLIER_FILTERS,
    SUPPLIER_MOMENTS,
    selection,
)
from ml_connector.simulators.visma.supply import EXPANDS
from ml_connector.simulators.visma.tables import paged_array, unpaged_array


async def find(request: Request) -> Response:
    store = store_of(request)
    number, size, maximum = page_of(request, "supplier", store.settings)
    strict = store.settings.strict_greater
    asked = selection(request.query_params, SUPPLIER_FILTERS, SUPPLIER_MOMENTS, strict, attributes=True)
    rows = store.suppliers.table.select(asked)
    page = rows[(number - 1) * size : number * size]
    return json_bytes(paged_array(page, len(rows), maximum, expanded(request, EXPANDS)))


async def read(request: Request) -> Response:
    suppliers = store_of(request).suppliers
    internal_id = suppliers.id(request.path_params["number"])
    return json_bytes(suppliers.table.body(internal_id), suppliers.table.read(internal_id)["timeStamp"])


async def contacts(request: Request) -> Response:
    store = store_of(request)
    number = request.path_params["number"]
    store.suppliers.id(number)
    asked = selection(request.query_params, CONTACT_FILTERS, CONTACT_MOMENTS, store.settings.strict_greater)
    rows = store.contacts.rows_of(store.contact_ids_of(number))
    return json_bytes(unpaged_array(row for row in rows if asked.matches is None or asked.matches(row)))


ROUTES: list[BaseRoute] = [
    Route("/v1/supplier", find, methods=["GET"]),
    Route("/v1/supplier/{number}", read, methods=["GET"]),
    Route("/v1/supplier/{number}/contact", contacts, methods=["GET"]),
]
