"""POST /lists/{list_id}: up to 500 members in one call, with its dangers (Mailchimp reference, section 7)."""

from __future__ import annotations

from typing import Any

from ml_connector.simulators.mailchimp import errors
from ml_connector.simulators.mailchimp.account import Account
from ml_connector.simulators.mailchimp.addresses import subscriber_hash
from ml_connector.simulators.mailchimp.audience import Audience
from ml_connector.simulators.mailchimp.errors import Problem
from ml_connector.simulators.mailchimp.member_view import batch_view, link
from ml_connector.simulators.mailchimp.member_writes import Write, put_status, write
from ml_connector.simulators.mailchimp.protocol import Call, Reply
from ml_connector.simulators.mailchimp.schema import MEMBER, Check, check_object, list_of, of_type
from ml_connector.simulators.mailchimp.selection import flag, select

MAX_MEMBERS = 500
VIA = "POST list"
_FLAGS: dict[str, Check] = {"update_existing": of_type(bool), "sync_tags": of_type(bool)}


def batch_subscribe(account: Account, call: Call) -> Reply:
    """200 for every valid request: what went wrong with one member stands in `errors`."""
    audience = account.audience_of(call)
    body = check_object(call.json(), {"members": list_of(of_type(dict))}, ("members",))
    body = check_object(_without_nulls(body), _FLAGS)
    if len(body["members"]) > MAX_MEMBERS:
        raise errors.invalid(("members", f"This collection should contain {MAX_MEMBERS} elements or less."))

    created: list[dict[str, Any]] = []
    updated: list[dict[str, Any]] = []
    refused: list[dict[str, str]] = []
    seen: set[str] = set()
    for item in map(_without_nulls, body["members"]):
        email = item.get("email_address", "")
        repeated = isinstance(email, str) and email.lower() in seen
        if repeated and flag(call.params, "skip_duplicate_check"):
            continue
        try:
            if repeated:
                raise Problem(400, "Invalid Resource", f"{email} is a duplicate within this request.")
            is_new, view = _subscribe(audience, item, body, call)
        except Problem as problem:
            refused.append(_error(email, problem))
        else:
            (created if is_new else updated).append(view)
        seen.add(str(email).lower())
    answer = {
        "new_members": created,
        "updated_members": updated,
        "errors": refused,
        "total_created": len(created),
        "total_updated": len(updated),
        "error_count": len(refused),
        "_links": [link(call.base_url, "self", f"/lists/{audience.id}")],
    }
    return Reply(200, select(answer, call.params))


def _subscribe(
    audience: Audience, item: dict[str, Any], body: dict[str, Any], call: Call
) -> tuple[bool, dict[str, Any]]:
    """Whether the member is new, and how it is shown. Raises Problem."""
    check_object(item, MEMBER, ("email_address",))
    if audience.settings.batch_status_if_new == "refused":
        item = {key: value for key, value in item.items() if key not in ("status_if_new", "tags")}
    if "status" not in item and "status_if_new" not in item:
        raise errors.invalid(("", "Required fields were not provided: status"))
    member = audience.members.get(subscriber_hash(item["email_address"]))
    is_new = member is None or (member.status == "archived" and "status" in item)
    if not is_new and not body.get("update_existing"):
        raise errors.member_exists(item["email_address"])
    wanted = Write(
        item if not body.get("sync_tags") else {"tags": [], **item},
        VIA if call.via == "POST" else f"batch {VIA}",
        skip_merge_validation=flag(call.params, "skip_merge_validation"),
        replace_tags=bool(body.get("sync_tags")),
    )
    written = write(audience, member, wanted, put_status(audience, item))
    return is_new, batch_view(audience, written, call.base_url)


def _error(email: str, problem: Problem) -> dict[str, str]:
    field, message = problem.errors[0] if problem.errors else ("", "")
    exists = problem.title == "Member Exists"
    return {
        "email_address": email,
        "error": problem.detail,
        "error_code": "ERROR_CONTACT_EXISTS" if exists else "ERROR_GENERIC",
        "field": field,
        "field_message": message,
    }


def _without_nulls(body: dict[str, Any]) -> dict[str, Any]:
    """Nulls are allowed here and mean nothing (the 2026 specification of the request)."""
    return {key: value for key, value in body.items() if value is not None}
