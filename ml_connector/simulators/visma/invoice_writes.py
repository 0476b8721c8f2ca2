"""POST of customer invoices and credit notes, and their release (Visma reference, section 7).

An invoice's lines stand in `invoiceLines`, a credit note's in `lines`. VAT is computed here, from the lines' codes; a
line without a code has the high rate's, as with a customer of the domestic VAT zone. That a credit note's update model
is else the invoice's, and that it is released like one, is inferred. The same body twice is two documents.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ml_connector.simulators.control import json_response
from ml_connector.simulators.visma.amounts import SaleLine, decimal
from ml_connector.simulators.visma.api import created, store_of, update_model
from ml_connector.simulators.visma.errors import ApiError
from ml_connector.simulators.visma.invoice_rows import CREDIT_NOTE, INVOICE, UNRELEASED
from ml_connector.simulators.visma.journal_writes import (
    KNOWN_ACCOUNTS,
    NUMBER,
    OPEN_BRANCHES,
    check_period,
    day_of,
    plain,
    subaccount_of,
)
from ml_connector.simulators.visma.projects import check_project
from ml_connector.simulators.visma.sales import Order
from ml_connector.simulators.visma.vat import RATES, VAT

Members = dict[str, Any]
Handler = Callable[[Request], Awaitable[Response]]

LINES = {INVOICE: "invoiceLines", CREDIT_NOTE: "lines"}
PATHS = {INVOICE: "customerinvoice", CREDIT_NOTE: "customerCreditNote"}
DEFAULT_VAT = "3"
HEADER: Mapping[str, tuple[type, ...]] = {
    "customerNumber": (str,),
    "documentDate": (str,),
    "financialPeriod": (str,),
    "currencyId": (str,),
    "exchangeRate": NUMBER,
    "customerRefNumber": (str,),
    "externalReference": (str,),
    "invoiceText": (str,),
    "hold": (bool,),
    "branchNumber": (str,),
    "project": (str,),
    "referenceNumber": (str,),
    "overrideNumberSeries": (bool,),
}
LINE: Mapping[str, tuple[type, ...]] = {
    "description": (str,),
    "quantity": NUMBER,
    "unitPriceInCurrency": NUMBER,
    "accountNumber": (str,),
    "vatCodeId": (str,),
    "discountPercent": NUMBER,
    "taskId": (str,),
}
"""What counts of CustomerInvoiceUpdateDto and its lines (appendix). Other members are ignored."""


def _create(kind: str) -> Handler:
    async def create(request: Request) -> Response:
        store, body = store_of(request), await update_model(request)
        header = plain(body, HEADER)
        number = str(header.get("customerNumber") or "")
        if not store.is_customer(number):
            raise ApiError(400, f"Error: 'Customer' '{number}' cannot be found in the system.")
        day = day_of(header.get("documentDate"), store)
        period = str(header.get("financialPeriod") or f"{day:%Y%m}")
        check_period(store, period)
        customer = store.customer(number)
        currency = str(header.get("currencyId") or customer["currencyId"])
        if currency not in RATES:
            raise ApiError(400, f"Error: 'Currency' '{currency}' cannot be found in the system.")
        branch = str(header.get("branchNumber") or "1")
        if branch not in OPEN_BRANCHES:
            raise ApiError(400, f"Error: 'Branch' '{branch}' cannot be found in the system.")
        if header.get("referenceNumber") and not header.get("overrideNumberSeries"):
            raise ApiError(400, "Error: 'Reference Nbr.' is given by the number series.")
        project = header.get("project") or None
        check_project(project, None)
        order = Order(
            customer,
            [_line(line, project) for line in _lines(body, LINES[kind])],
            currency,
            decimal(header["exchangeRate"]) if header.get("exchangeRate") else None,
            day,
            branch=branch,
            hold=bool(header.get("hold")),
            text=str(header.get("invoiceText") or ""),
            project=project,
        )
        row = store.sales.make(order, kind)
        texts = {name: str(header.get(name) or "") for name in ("customerRefNumber", "externalReference")}
        row = store.sales.save(row | texts | {"financialPeriod": period, "postPeriod": period})
        return created(f"/v1/{PATHS[kind]}/{row['referenceNumber']}", row["timeStamp"], store.settings)

    return create


def _release(kind: str) -> Handler:
    """One on hold is not released: said in a 200 or in a 400, as the simulator is told."""

    async def release(request: Request) -> Response:
        store, number = store_of(request), request.path_params["number"]
        row = store.sales.read(kind, number)
        if row["status"] not in UNRELEASED or row["hold"]:
            message = f"Error: document {number} has the status {row['status']} and cannot be released."
            if store.settings.failed_release == 400:
                raise ApiError(400, message)
            return json_response({"actionId": number, "actionResult": "Failed", "errorInfo": message})
        check_period(store, row["financialPeriod"])
        store.sales.release(kind, number)
        return json_response({"actionId": number, "actionResult": "Done", "errorInfo": ""})

    return release


def _lines(body: Members, name: str) -> list[Members]:
    lines = body.get(name)
    if not isinstance(lines, list) or not lines or not all(isinstance(line, dict) for line in lines):
        raise ApiError(400, f"{name} is a plain array of objects, one at least.")
    return lines


def _line(wrapped: Members, project: str | None) -> SaleLine:
    if wrapped.get("operation", "Insert") != "Insert":
        raise ApiError(400, "The operation of a new line is Insert.")
    line = plain(wrapped, LINE)
    account = line.get("accountNumber")
    if account is not None and (account not in KNOWN_ACCOUNTS or not KNOWN_ACCOUNTS[account]["active"]):
        raise ApiError(400, f"Error: 'Account' '{account}' cannot be found in the system.")
    vat = str(line.get("vatCodeId") or DEFAULT_VAT)
    if vat not in VAT:
        raise ApiError(400, f"Error: 'VAT code' '{vat}' cannot be found in the system.")
    task = line.get("taskId") or None
    check_project(project, task)
    return SaleLine(
        str(line.get("description") or ""),
        decimal(line.get("quantity") or 1),
        decimal(line.get("unitPriceInCurrency") or 0),
        vat,
        subaccount_of(wrapped),
        decimal(line.get("discountPercent") or 0),
        account,
        task,
    )


ROUTES: list[BaseRoute] = [
    route
    for kind, path in PATHS.items()
    for route in (
        Route(f"/v2/{path}", _create(kind), methods=["POST"]),
        Route(f"/v1/{path}/{{number}}/action/release", _release(kind), methods=["POST"]),
    )
]
