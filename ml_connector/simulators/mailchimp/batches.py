"""Asynchronous batches: `/batches...` and the address of their results (Mailchimp reference, section 10)."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ml_connector.simulators.mailchimp import errors
from ml_connector.simulators.mailchimp.account import Account
from ml_connector.simulators.mailchimp.batch_queue import Batch
from ml_connector.simulators.mailchimp.member_view import link
from ml_connector.simulators.mailchimp.protocol import Call, Methods, Reply
from ml_connector.simulators.mailchimp.schema import check_object, list_of, of_type, one_of
from ml_connector.simulators.mailchimp.selection import page, select

_OPERATION = {
    "method": one_of("GET", "POST", "PUT", "PATCH", "DELETE"),
    "path": of_type(str),
    "params": of_type(dict),
    "body": of_type(str),
    "operation_id": of_type(str),
}


def _post(account: Account, call: Call) -> Reply:
    operations = check_object(call.json(), {"operations": list_of(of_type(dict))}, ("operations",))["operations"]
    settings = account.settings
    if len(operations) > settings.max_operations:
        most = f"This collection should contain {settings.max_operations} elements or less."
        raise errors.invalid(("operations", most))
    for operation in operations:
        check_object(operation, _OPERATION, ("method", "path"))
    if account.batches.pending() >= settings.max_pending_batches:
        raise errors.too_many_requests()
    return _shown(account, account.batches.submit(operations, call.base_url), call)


def _list(account: Account, call: Call) -> Reply:
    batches = list(account.batches.batches.values())
    body = {
        "batches": [_view(account, batch, call) for batch in page(batches, call.params)],
        "total_items": len(batches),
        "_links": [link(call.base_url, "self", "/batches")],
    }
    return Reply(200, select(body, call.params))


def _get(account: Account, call: Call) -> Reply:
    return _shown(account, _find(account, call), call)


def _delete(account: Account, call: Call) -> Reply:
    account.batches.delete(_find(account, call))
    return Reply(204)


def _find(account: Account, call: Call) -> Batch:
    batch = account.batches.batches.get(call.args["batch_id"])
    if batch is None:
        raise errors.not_found()
    return batch


def _shown(account: Account, batch: Batch, call: Call) -> Reply:
    return Reply(200, select(_view(account, batch, call), call.params))


def _view(account: Account, batch: Batch, call: Call) -> dict[str, Any]:
    expires = int(account.settings.now().timestamp() + account.settings.archive_seconds)
    return batch.view(call.base_url, f"{call.base_url}{account.batches.signer.path(batch.id, expires)}")


def download(account: Account, request: Request) -> Response:
    """The archive, as an object store hands it out: to the bearer of the URL, and to nobody who sends credentials."""
    batch_id, query = request.path_params["batch_id"], request.query_params
    if "authorization" in request.headers:
        return _refusal(400, "InvalidArgument", "Only one auth mechanism allowed")
    now = account.settings.now().timestamp()
    if not account.batches.signer.is_valid(batch_id, query.get("Expires", ""), query.get("Signature", ""), now):
        return _refusal(403, "AccessDenied", "Request has expired")
    batch = account.batches.batches.get(batch_id)
    if batch is None or batch.status != "finished":
        return _refusal(404, "NoSuchKey", "The specified key does not exist.")
    return Response(batch.archive, media_type="application/gzip")


def _refusal(status: int, code: str, message: str) -> Response:
    document = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Response(document, status, media_type="application/xml")


BATCHES: Methods = {"GET": _list, "POST": _post}
BATCH: Methods = {"GET": _get, "DELETE": _delete}
