"""Master data: unpaged lists, paged subaccounts, credit terms in a wrapper, dimensions as texts (Visma reference,
section 3, shapes A to D). Nothing of it changes while the simulator runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ml_connector.simulators.control import json_response
from ml_connector.simulators.visma import projects
from ml_connector.simulators.visma.api import page_of, store_of
from ml_connector.simulators.visma.chart import ACCOUNTS, BRANCHES, DIMENSIONS, LEDGERS, SUBACCOUNTS
from ml_connector.simulators.visma.errors import not_found
from ml_connector.simulators.visma.masters import CREDIT_TERMS, CUSTOMER_CLASSES, SUPPLIER_CLASSES
from ml_connector.simulators.visma.vat import CURRENCIES, VAT_CODES

Members = dict[str, Any]
Handler = Callable[[Request], Awaitable[Response]]

BRANCH_BLOCKS = {
    "expandCurrency": "currency",
    "expandVatZone": "vatZone",
    "expandLedger": "ledger",
    "expandDefaultCountry": "defaultCountry",
}


async def credit_terms(request: Request) -> Response:
    number, size, _ = page_of(request, "creditTerm", store_of(request).settings)
    wanted = request.query_params.get("termsId")
    rows = [row for row in CREDIT_TERMS if wanted in (None, row["termsId"])]
    page = rows[(number - 1) * size : number * size]
    return json_response({"pageNumber": number, "pageSize": size, "totalCount": len(rows), "records": page})


async def subaccounts(request: Request) -> Response:
    number, size, maximum = page_of(request, "subaccount", store_of(request).settings)
    return _page(_active(request, SUBACCOUNTS, "active"), number, size, maximum)


async def list_of_projects(request: Request) -> Response:
    settings = store_of(request).settings
    return _page(projects.rows(settings.project_key), *page_of(request, "project", settings))


def _page(rows: Sequence[Members], number: int, size: int, maximum: int) -> Response:
    metadata = {"totalCount": len(rows), "maxPageSize": maximum}
    page = rows[(number - 1) * size : number * size]
    return json_response([{**row, "metadata": metadata} for row in page])


async def accounts(request: Request) -> Response:
    return json_response(_active(request, ACCOUNTS, "active"))


async def branches(request: Request) -> Response:
    return json_response([_branch(request, row) for row in BRANCHES])


async def branch(request: Request) -> Response:
    return json_response(_branch(request, _one(BRANCHES, "number", request.path_params["number"], "Branch")))


async def dimensions(_request: Request) -> Response:
    return json_response(list(DIMENSIONS))


async def dimension(request: Request) -> Response:
    found = _dimension(request)
    if request.query_params.get("expandSegmentsValues", "").lower() != "true":
        found = found | {"segments": [one | {"segmentValues": None} for one in found["segments"]]}
    return json_response(found)


async def segment(request: Request) -> Response:
    found = _dimension(request)
    wanted = request.path_params["segment_id"]
    for one in found["segments"]:
        if str(one["segmentId"]) == wanted:
            return json_response(one, headers={"etag": f'"{one["timeStamp"]}"'})
    raise not_found("Segment", wanted)


def _dimension(request: Request) -> Members:
    wanted = request.path_params["dimension_id"]
    if wanted not in DIMENSIONS:
        raise not_found("Dimension", wanted)
    return DIMENSIONS[wanted]


def _branch(request: Request, row: Members) -> Members:
    """The branch with the blocks that the call asks for; the others are null (Visma reference, section 4)."""
    closed = {
        name: None
        for parameter, name in BRANCH_BLOCKS.items()
        if request.query_params.get(parameter, "").lower() != "true"
    }
    return row | closed


def _active(request: Request, rows: Sequence[Members], member: str) -> list[Members]:
    wanted = request.query_params.get("active", "").lower()
    return [row for row in rows if wanted not in ("true", "false") or row[member] is (wanted == "true")]


def _one(rows: Sequence[Members], member: str, wanted: str, kind: str) -> Members:
    for row in rows:
        if row[member] == wanted:
            return row
    raise not_found(kind, wanted)


def _all(rows: Sequence[Members]) -> Handler:
    async def handler(_request: Request) -> Response:
        return json_response(rows)

    return handler


def _single(rows: Sequence[Members], member: str, kind: str) -> Handler:
    """One row by the path's `key`; with its version where it has one (section 8)."""

    async def handler(request: Request) -> Response:
        row = _one(rows, member, request.path_params["key"], kind)
        return json_response(row, headers={"etag": f'"{row["timeStamp"]}"'} if "timeStamp" in row else None)

    return handler


ROUTES: list[BaseRoute] = [
    Route("/v1/customer/customerClass", _all(CUSTOMER_CLASSES), methods=["GET"]),
    Route("/v1/customer/customerClass/{key}", _single(CUSTOMER_CLASSES, "id", "Customer class"), methods=["GET"]),
    Route("/v1/supplier/supplierClass", _all(SUPPLIER_CLASSES), methods=["GET"]),
    Route("/v1/creditTerm", credit_terms, methods=["GET"]),
    Route("/v1/account", accounts, methods=["GET"]),
    Route("/v1/account/{key}", _single(ACCOUNTS, "accountCD", "Account"), methods=["GET"]),
    Route("/v1/subaccount", subaccounts, methods=["GET"]),
    Route("/v1/subaccount/{key}", _single(SUBACCOUNTS, "subaccountNumber", "Subaccount"), methods=["GET"]),
    Route("/v1/project", list_of_projects, methods=["GET"]),
    Route("/v1/branch", branches, methods=["GET"]),
    Route("/v1/branch/{number}", branch, methods=["GET"]),
    Route("/v1/dimension", dimensions, methods=["GET"]),
    Route("/v1/dimension/{dimension_id}", dimension, methods=["GET"]),
    Route("/v1/dimension/{dimension_id}/{segment_id}", segment, methods=["GET"]),
    Route("/v1/vat", _all(VAT_CODES), methods=["GET"]),
    Route("/v1/vat/{key}", _single(VAT_CODES, "vatId", "VAT code"), methods=["GET"]),
    Route("/v1/ledger", _all(LEDGERS), methods=["GET"]),
    Route("/v1/currency", _all(CURRENCIES), methods=["GET"]),
]
