"""The API's paths, and how a call reaches its handler: over HTTP, or as an operation of a batch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

import orjson

from ml_connector.simulators.mailchimp.account import LIST, LISTS, PING, ROOT, Account
from ml_connector.simulators.mailchimp.batch_subscribe import batch_subscribe
from ml_connector.simulators.mailchimp.batches import BATCH, BATCHES
from ml_connector.simulators.mailchimp.errors import Problem, method_not_allowed, not_found
from ml_connector.simulators.mailchimp.member_tags import TAGS
from ml_connector.simulators.mailchimp.members import DELETE_PERMANENT, MEMBER_BY_HASH, MEMBERS
from ml_connector.simulators.mailchimp.merge_fields import MERGE_FIELD, MERGE_FIELDS
from ml_connector.simulators.mailchimp.protocol import Call, Methods, Reply

PATHS: Mapping[str, Methods] = {
    "/lists/{list_id}/members/{subscriber_hash}": MEMBER_BY_HASH,
    "/": ROOT,
    "/ping": PING,
    "/lists": LISTS,
    "/lists/{list_id}": {**LIST, "POST": batch_subscribe},
    "/lists/{list_id}/merge-fields": MERGE_FIELDS,
    "/lists/{list_id}/merge-fields/{merge_id}": MERGE_FIELD,
    "/lists/{list_id}/members": MEMBERS,
    "/lists/{list_id}/members/{subscriber_hash}/tags": TAGS,
    "/lists/{list_id}/members/{subscriber_hash}/actions/delete-permanent": DELETE_PERMANENT,
    "/batches": BATCHES,
    "/batches/{batch_id}": BATCH,
}
_PATTERNS = [
    (re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)), methods)
    for path, methods in PATHS.items()
    if not path.startswith("/batches")
]
"""What a batch can call: everything but batches."""


def answer(account: Account, methods: Methods, call: Call) -> Reply:
    """The reply to a call; refused writes are counted by the title of their problem."""
    try:
        handler = methods.get(call.method)
        if handler is None:
            raise method_not_allowed(sorted(methods))
        return handler(account, call)
    except Problem as problem:
        if call.method != "GET":
            account.audience.refusals[problem.title] += 1
        return refusal(problem)


def refusal(problem: Problem) -> Reply:
    """The reply that carries a problem document."""
    return Reply(problem.status, problem.body(str(uuid4())), problem.headers)


def execute(account: Account, operation: Mapping[str, Any], base_url: str) -> dict[str, Any]:
    """One operation of a batch, as the archive reports it; the path is relative to `/3.0`."""
    matches = ((pattern.fullmatch(operation["path"]), methods) for pattern, methods in _PATTERNS)
    found, methods = next(((match, methods) for match, methods in matches if match), (None, {}))
    if found is None:
        reply = refusal(not_found())
    else:
        method = operation["method"]
        call = Call(
            method=method,
            args={name: unquote(text) for name, text in found.groupdict().items()},
            params={name: _text(value) for name, value in operation.get("params", {}).items()},
            body=operation.get("body", "").encode(),
            via=f"batch {method}",
            base_url=base_url,
        )
        reply = answer(account, methods, call)
    return {
        "status_code": reply.status,
        "operation_id": operation.get("operation_id"),
        "response": "" if reply.body is None else orjson.dumps(reply.body).decode(),
    }


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
