"""POST of journal transactions and their release (Visma reference, sections 7 and 9).

Whatever is wrong is a 400 with a message; the texts are inferred. New batches belong to the general ledger alone, and
their numbers are given by the system. There is no idempotency key: the same body twice is two batches.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ml_connector.simulators.control import json_response
from ml_connector.simulators.visma.amounts import ZERO, Amount, decimal
from ml_connector.simulators.visma.api import created, store_of, update_model
from ml_connector.simulators.visma.chart import ACCOUNTS, ACTIVE_SUBACCOUNTS, BRANCHES, LEDGER
from ml_connector.simulators.visma.errors import ApiError
from ml_connector.simulators.visma.journal_rows import Entry
from ml_connector.simulators.visma.projects import check_project
from ml_connector.simulators.visma.store import Store
from ml_connector.simulators.visma.updates import unwrapped
from ml_connector.simulators.visma.vat import BASE_CURRENCY, RATES, VAT

Members = dict[str, Any]

NUMBER = (int, float)
HEADER: Mapping[str, tuple[type, ...]] = {
    "batchNumber": (str,),
    "hold": (bool,),
    "transactionDate": (str,),
    "postPeriod": (str,),
    "financialPeriod": (str,),
    "ledger": (str,),
    "currencyId": (str,),
    "exchangeRate": NUMBER,
    "autoReversing": (bool,),
    "description": (str,),
    "controlTotalInCurrency": NUMBER,
    "createVatTransaction": (bool,),
    "skipVatAmountValidation": (bool,),
    "transactionCode": (str,),
    "branch": (str,),
    "overrideNumberSeries": (bool,),
}
LINE: Mapping[str, tuple[type, ...]] = {
    "lineNumber": (int,),
    "accountNumber": (str,),
    "project": (str,),
    "projectTask": (str,),
    "referenceNumber": (str,),
    "transactionDescription": (str,),
    "debitAmountInCurrency": NUMBER,
    "creditAmountInCurrency": NUMBER,
    "vatCodeId": (str,),
    "vatId": (str,),
    "branch": (str,),
    "uom": (str,),
    "quantity": NUMBER,
    "note": (str,),
}
"""JournalTransactionUpdateDto and its lines (appendix). Unknown members are ignored, as everywhere."""

KNOWN_ACCOUNTS = {row["accountCD"]: row for row in ACCOUNTS}
OPEN_BRANCHES = {row["number"] for row in BRANCHES if row["isActive"]}


async def create(request: Request) -> Response:
    store, body = store_of(request), await update_model(request)
    header = plain(body, HEADER)
    day = day_of(header.get("transactionDate"), store)
    period = str(header.get("financialPeriod") or f"{day:%Y%m}")
    check_period(store, period)
    currency = str(header.get("currencyId") or BASE_CURRENCY)
    if currency not in RATES:
        raise ApiError(400, f"Error: 'Currency' '{currency}' cannot be found in the system.")
    branch = str(header.get("branch") or "1")
    if branch not in OPEN_BRANCHES:
        raise ApiError(400, f"Error: 'Branch' '{branch}' cannot be found in the system.")
    if str(header.get("ledger") or LEDGER) != LEDGER:
        raise ApiError(400, f"Error: 'Ledger' '{header['ledger']}' cannot be found in the system.")
    if header.get("batchNumber") and not header.get("overrideNumberSeries"):
        raise ApiError(400, "Error: 'Batch Number' is given by the number series.")
    rate = decimal(header["exchangeRate"]) if header.get("exchangeRate") else RATES[currency]
    entries = [_entry(line, rate) for line in _lines(body)]
    _check_balance(entries, header)
    row = store.journal.post(
        "GL",
        entries,
        day,
        str(header.get("description") or ""),
        currency=currency,
        rate=rate,
        status="Hold" if header.get("hold") else "Balanced",
        branch=branch,
        period=period,
    )
    return created(f"/v2/journaltransaction/{row['batchNumber']}", row["timeStamp"], store.settings)


async def release(request: Request) -> Response:
    """A batch on hold is not released: said in a 200 or in a 400, as the simulator is told."""
    store, number = store_of(request), request.path_params["number"]
    header, lines = store.journal.read("GL", number)
    if header["status"] != "Balanced":
        message = f"Error: batch {number} has the status {header['status']} and cannot be released."
        if store.settings.failed_release == 400:
            raise ApiError(400, message)
        return json_response({"actionId": number, "actionResult": "Failed", "errorInfo": message})
    check_period(store, header["financialPeriod"])
    store.journal.change(header | {"status": "Posted", "hold": False}, lines)
    return json_response({"actionId": number, "actionResult": "Done", "errorInfo": ""})


async def periods(request: Request) -> Response:
    return json_response(store_of(request).periods.rows())


def plain(body: Members, kinds: Mapping[str, tuple[type, ...]]) -> Members:
    return {name: unwrapped(name, body[name], kind) for name, kind in kinds.items() if name in body}


def day_of(text: object, store: Store) -> date:
    if text is None:
        return store.settings.now().astimezone(store.zone).date()
    try:
        return datetime.fromisoformat(str(text)).date()
    except ValueError as error:
        raise ApiError(400, "The value of transactionDate could not be converted.") from error


def check_period(store: Store, period: str) -> None:
    if not store.periods.exists(period):
        raise ApiError(400, f"Error: The financial period {period[4:]}-{period[:4]} does not exist.")
    if not store.periods.is_open(period):
        raise ApiError(400, f"Error: The financial period {period[4:]}-{period[:4]} is closed in the general ledger.")


def _lines(body: Members) -> list[Members]:
    lines = body.get("journalTransactionLines")
    if not isinstance(lines, list) or not lines or not all(isinstance(line, dict) for line in lines):
        raise ApiError(400, "journalTransactionLines is a plain array of objects, one at least.")
    return lines


def _entry(wrapped: Members, rate: Decimal) -> Entry:
    if wrapped.get("operation", "Insert") != "Insert":
        raise ApiError(400, "The operation of a new line is Insert.")
    line = plain(wrapped, LINE)
    number = str(line.get("accountNumber") or "")
    account = KNOWN_ACCOUNTS.get(number)
    if account is None:
        raise ApiError(400, f"Error: 'Account' '{number}' cannot be found in the system.")
    if not account["active"] or not account["allowManualEntry"]:
        raise ApiError(400, f"Error: the account {number} is inactive, or a control account without manual entries.")
    vat = line.get("vatCodeId") or line.get("vatId") or None
    if vat is not None and vat not in VAT:
        raise ApiError(400, f"Error: 'VAT code' '{vat}' cannot be found in the system.")
    project, task = line.get("project") or None, line.get("projectTask") or None
    check_project(project, task)
    debit, credit = (decimal(line.get(f"{side}AmountInCurrency") or 0) for side in ("debit", "credit"))
    if debit and credit:
        raise ApiError(400, "Error: a line has either a debit amount or a credit amount.")
    return Entry(
        number,
        Amount.of(debit - credit, rate),
        str(line.get("transactionDescription") or ""),
        str(line.get("referenceNumber") or ""),
        subaccount_of(wrapped),
        vat=vat,
        storno=(debit or credit) < 0,
        project=project,
        task=task,
        note=line.get("note"),
    )


def subaccount_of(line: Members) -> str:
    """All segments of the dimension SUBACCOUNT, each with its whole value (section 7)."""
    segments = line.get("subaccount")
    if segments is None:
        return "00-0000"
    if not isinstance(segments, list) or not all(isinstance(one, dict) for one in segments):
        raise ApiError(400, "subaccount is a plain array of segments.")
    by_id = {one.get("segmentId"): one.get("segmentValue") for one in segments}
    joined = "-".join(str(by_id.get(at, "")) for at in (1, 2))
    if joined not in ACTIVE_SUBACCOUNTS:
        raise ApiError(400, f"Error: 'Subaccount' '{joined}' cannot be found in the system.")
    return joined


def _check_balance(entries: list[Entry], header: Members) -> None:
    debit, credit = (sum((getattr(entry, side).doc for entry in entries), ZERO) for side in ("debit", "credit"))
    if debit != credit:
        raise ApiError(400, f"Error: The batch is not balanced: debit {debit}, credit {credit}.")
    control = header.get("controlTotalInCurrency")
    if control is not None and decimal(control) != debit:
        raise ApiError(400, f"Error: The control total {control} is not the debit total {debit}.")


ROUTES: list[BaseRoute] = [
    Route("/v2/journaltransaction", create, methods=["POST"]),
    Route("/v2/journaltransaction/{number}/action/release", release, methods=["POST"]),
    Route("/v1/financialPeriod", periods, methods=["GET"]),
]
