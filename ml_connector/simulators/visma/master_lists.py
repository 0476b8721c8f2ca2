"""Customer classes (unpaged) and credit terms (in a wrapper: Visma reference, section 3, shape C)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ml_connector.simulators.control import json_response
from ml_connector.simulators.visma.api import page_of, store_of
from ml_connector.simulators.visma.errors import not_found
from ml_connector.simulators.visma.masters import CREDIT_TERMS, CUSTOMER_CLASSES


async def customer_classes(_request: Request) -> Response:
    return json_response(CUSTOMER_CLASSES)


async def customer_class(request: Request) -> Response:
    wanted = request.path_params["class_id"]
    for row in CUSTOMER_CLASSES:
        if row["id"] == wanted:
            return json_response(row)
    raise not_found("Customer class", wanted)


async def credit_terms(request: Request) -> Response:
    number, size, _ = page_of(request, "creditTerm", store_of(request).settings)
    wanted = request.query_params.get("termsId")
    rows = [row for row in CREDIT_TERMS if wanted in (None, row["termsId"])]
    page = rows[(number - 1) * size : number * size]
    return json_response({"pageNumber": number, "pageSize": size, "totalCount": len(rows), "records": page})


ROUTES: list[BaseRoute] = [
    Route("/v1/customer/customerClass", customer_classes, methods=["GET"]),
    Route("/v1/customer/customerClass/{class_id}", customer_class, methods=["GET"]),
    Route("/v1/creditTerm", credit_terms, methods=["GET"]),
]
