"""`/v1/customerinvoice` and `/v1/customerCreditNote`: paged reads with blocks on demand (Visma reference, sections 3,
4 and 7). The lines come with every row. That credit notes are listed and filtered like invoices is inferred."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ml_connector.simulators.control import json_response
from ml_connector.simulators.visma.api import expanded, json_bytes, page_of, store_of
from ml_connector.simulators.visma.filters import INVOICE_FILTERS, INVOICE_MOMENTS, selection
from ml_connector.simulators.visma.invoice_rows import CREDIT_NOTE, EXPANDS, INVOICE
from ml_connector.simulators.visma.tables import paged_array

Handler = Callable[[Request], Awaitable[Response]]

_ENDPOINTS = {INVOICE: "customerinvoice", CREDIT_NOTE: "customerCreditNote"}
_NOTHING: Mapping[str, str] = MappingProxyType({})


def _list(kind: str) -> Handler:
    async def find(request: Request) -> Response:
        return _page(request, kind)

    return find


def _one(kind: str) -> Handler:
    async def read(request: Request) -> Response:
        row = store_of(request).sales.read(kind, request.path_params["number"])
        return json_response(row, headers={"etag": f'"{row["timeStamp"]}"'})

    return read


async def of_customer(request: Request) -> Response:
    """The invoices of one customer; 404 when there is no such customer."""
    number = request.path_params["number"]
    store_of(request).customer_id(number)
    return _page(request, INVOICE, {"customer": number})


def _page(request: Request, kind: str, fixed: Mapping[str, str] = _NOTHING) -> Response:
    store = store_of(request)
    settings = store.settings
    number, size, maximum = page_of(request, _ENDPOINTS[kind], settings)
    query = request.query_params
    asked = selection({**query, **fixed}, INVOICE_FILTERS, INVOICE_MOMENTS, settings.strict_greater)
    rows = store.sales.tables[kind].select(asked)
    if kind == INVOICE and settings.credit_notes_among_invoices:
        rows = rows + store.sales.tables[CREDIT_NOTE].select(asked)
    page = rows[(number - 1) * size : number * size]
    return json_bytes(paged_array(page, len(rows), maximum, expanded(request, EXPANDS)))


ROUTES: list[BaseRoute] = [
    Route("/v1/customerinvoice", _list(INVOICE), methods=["GET"]),
    Route("/v1/customerinvoice/{number}", _one(INVOICE), methods=["GET"]),
    Route("/v1/customer/{number}/invoice", of_customer, methods=["GET"]),
    Route("/v1/customerCreditNote", _list(CREDIT_NOTE), methods=["GET"]),
    Route("/v1/customerCreditNote/{number}", _one(CREDIT_NOTE), methods=["GET"]),
]
