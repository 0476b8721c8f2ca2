"""The simulator's control endpoints for suppliers, invoices and the journal.

| call                                            | body                          | effect                           |
| ----------------------------------------------- | ----------------------------- | -------------------------------- |
| GET, PATCH, DELETE `/_simulator/suppliers/{n}`  | read model's members          | read; merged deeply; it vanishes |
| POST `/_simulator/suppliers`                    | read model's members          | a made-up supplier with them     |
| POST `/_simulator/invoices`                     | `orders.py`                   | an invoice, released             |
| GET, PATCH `/_simulator/invoices/{n}`           | read model's members          | read; merged deeply, not summed  |
| POST `/_simulator/invoices/{n}/release`         |                               | Hold, Balanced: Open or Closed   |
| POST `/_simulator/invoices/{n}/pay`             | `{"amount": 10, "reference"}` | paid; all of it without `amount` |
| POST `/_simulator/invoices/{n}/credit`          | `{"lines": [1]}`              | credited; all without `lines`    |
| POST `/_simulator/invoices/{n}/void`            |                               | voided, if nothing was paid      |
| GET, PATCH `/_simulator/credit-notes/{n}`       | read model's members          | as with invoices                 |
| POST `/_simulator/journals`                     | `orders.py`                   | a batch                          |
| GET, PATCH, DELETE `/_simulator/journals/{key}` | members; `lines`: all of them | key: `GL-000001`                 |
| POST `/_simulator/journals/{key}/reverse`       |                               | posted with negative amounts     |
| POST `/_simulator/periods/{YYYYMM}/close`       |                               | also `open`                      |
| GET `/_simulator/ledger`                        |                               | GL balances by period, account   |
| GET `/_simulator/books`                         | ?offset=0&count=1000          | all of it, made if need be       |
| POST `/_simulator/move`                         | `{"rows": "invoices"}`        | the first 25, or `count`, move   |

`{n}` is a number. `credit` answers with `{"invoice", "credit_note"}`, `books` with invoices, credit_notes, journals and
the awkward cases, as the state does once they have been made; the others with the read model as it is then. PATCH, and
POST of a supplier, also take `silent` and `modified_at` as `control.py` says.
"""

from __future__ import annotations

from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ml_connector.simulators.control import ControlError, json_response
from ml_connector.simulators.faults import CONTROL_PATH
from ml_connector.simulators.visma.api import store_of
from ml_connector.simulators.visma.control import checked, merged, options, patch_of
from ml_connector.simulators.visma.invoice_rows import CREDIT_NOTE, INVOICE
from ml_connector.simulators.visma.orders import booking_of, day_of, number_of, order_of
from ml_connector.simulators.visma.sales import NotPossible
from ml_connector.simulators.visma.stamps import plain, with_offset


async def suppliers(request: Request) -> Response:
    store, patch = store_of(request), await patch_of(request)
    if request.method == "POST":
        row = store.suppliers.new()
        if "number" in patch and (patch["number"] is None or store.is_business_account(patch["number"])):
            raise ControlError(f"the number {patch['number']!r} is taken")
    else:
        row = store.suppliers.read(request.path_params["number"])
        if patch.get("number", row["number"]) != row["number"]:
            raise ControlError("the number of a supplier stays what it is")
    if request.method == "DELETE":
        store.remove_supplier(row["number"])
    elif request.method != "GET":
        silent, modified_at = options(patch)
        stamp = plain(modified_at, store.zone) if isinstance(modified_at, datetime) else modified_at
        row = store.suppliers.save(checked(merged(row, patch)), modified_at=stamp, silent=silent)
    return json_response(row)


async def create_invoice(request: Request) -> Response:
    store, body = store_of(request), await patch_of(request)
    row = store.sales.make(order_of(store, body))
    if body.get("release", True) and not body.get("hold", False):
        row = store.sales.release(INVOICE, row["referenceNumber"])
    return json_response(row)


async def document(request: Request) -> Response:
    """GET and PATCH of an invoice or a credit note."""
    store, patch = store_of(request), await patch_of(request)
    kind = CREDIT_NOTE if "credit-notes" in request.url.path else INVOICE
    row = store.sales.read(kind, request.path_params["number"])
    if request.method == "PATCH":
        if {"documentType", "referenceNumber"} & set(patch):
            raise ControlError("type and number of a document stay what they are")
        silent, modified_at = options(patch)
        stamp = plain(modified_at, store.zone) if isinstance(modified_at, datetime) else modified_at
        row = store.sales.save(checked(merged(row, patch)), modified_at=stamp, silent=silent)
    return json_response(row)


async def invoice_action(request: Request) -> Response:
    """What happens to an invoice; 400 with the reason where it cannot."""
    store, body = store_of(request), await patch_of(request)
    number, sales = request.path_params["number"], store.sales
    try:
        match request.path_params["action"]:
            case "release":
                return json_response(sales.release(INVOICE, number))
            case "pay":
                amount = number_of(body["amount"]) if "amount" in body else None
                return json_response(sales.pay(number, amount, str(body.get("reference", ""))))
            case "void":
                return json_response(sales.void(number))
            case "credit":
                customer = store.customer(sales.read(INVOICE, number)["customer"]["number"])
                invoice, note = sales.credit(number, customer, body.get("lines", ()))
                return json_response({"invoice": invoice, "credit_note": note})
    except NotPossible as error:
        raise ControlError(str(error)) from error
    raise ControlError(f"there is no action {request.path_params['action']!r}")


async def create_batch(request: Request) -> Response:
    store = store_of(request)
    booking = booking_of(await patch_of(request), day_of(store, {}))
    return json_response(store.journal.post(**booking))


async def batch(request: Request) -> Response:
    """GET, PATCH and DELETE of a batch."""
    store, patch = store_of(request), await patch_of(request)
    module, _, number = request.path_params["key"].partition("-")
    header, lines = store.journal.read(module, number)
    if request.method == "DELETE":
        store.journal.remove(module, number)
    elif request.method == "PATCH":
        if {"module", "batchNumber"} & set(patch):
            raise ControlError("module and number of a batch stay what they are")
        silent, modified_at = options(patch)
        stamp = with_offset(modified_at, store.zone) if isinstance(modified_at, datetime) else modified_at
        lines = patch.pop("lines", lines)
        store.journal.change(checked(merged(header, patch)), lines, modified_at=stamp, silent=silent)
        return json_response(store.journal.whole(module, number))
    return json_response(header | {"journalTransactionLines": lines})


async def reverse_batch(request: Request) -> Response:
    store = store_of(request)
    module, _, number = request.path_params["key"].partition("-")
    return json_response(store.journal.reverse(module, number, day_of(store, {})))


async def period(request: Request) -> Response:
    periods, wanted = store_of(request).periods, request.path_params["period"]
    if not periods.exists(wanted):
        raise ControlError(f"there is no period {wanted!r}")
    if request.path_params["action"] not in ("close", "open"):
        raise ControlError("a period is closed or opened")
    (periods.close if request.path_params["action"] == "close" else periods.open)(wanted)
    return json_response({"period": wanted, "open": periods.is_open(wanted)})


async def ledger(request: Request) -> Response:
    """Debit less credit of the batches of the general ledger that are not voided, in the base currency, as text."""
    return json_response(store_of(request).journal.balances("GL"))


async def books(request: Request) -> Response:
    try:
        offset, count = (
            int(request.query_params.get(name, default)) for name, default in (("offset", 0), ("count", 1000))
        )
    except ValueError as error:
        raise ControlError("offset and count are whole numbers") from error
    return json_response(store_of(request).books.state(offset, count))


async def move(request: Request) -> Response:
    store, body = store_of(request), await patch_of(request)
    try:
        store.move(body["rows"], int(body.get("count", 25)))
    except KeyError as error:
        raise ControlError("rows is one of customers, suppliers, invoices, credit_notes, journals") from error
    return json_response({"status": "ok"})


ROUTES: list[BaseRoute] = [
    Route(f"{CONTROL_PATH}/suppliers", suppliers, methods=["POST"]),
    Route(f"{CONTROL_PATH}/suppliers/{{number}}", suppliers, methods=["GET", "PATCH", "DELETE"]),
    Route(f"{CONTROL_PATH}/invoices", create_invoice, methods=["POST"]),
    Route(f"{CONTROL_PATH}/invoices/{{number}}", document, methods=["GET", "PATCH"]),
    Route(f"{CONTROL_PATH}/invoices/{{number}}/{{action}}", invoice_action, methods=["POST"]),
    Route(f"{CONTROL_PATH}/credit-notes/{{number}}", document, methods=["GET", "PATCH"]),
    Route(f"{CONTROL_PATH}/journals", create_batch, methods=["POST"]),
    Route(f"{CONTROL_PATH}/journals/{{key}}", batch, methods=["GET", "PATCH", "DELETE"]),
    Route(f"{CONTROL_PATH}/journals/{{key}}/reverse", reverse_batch, methods=["POST"]),
    Route(f"{CONTROL_PATH}/periods/{{period}}/{{action}}", period, methods=["POST"]),
    Route(f"{CONTROL_PATH}/ledger", ledger, methods=["GET"]),
    Route(f"{CONTROL_PATH}/books", books, methods=["GET"]),
    Route(f"{CONTROL_PATH}/move", move, methods=["POST"]),
]
