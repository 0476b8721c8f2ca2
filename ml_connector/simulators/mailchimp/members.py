"""The members of an audience: `/lists/{list_id}/members...` (Mailchimp reference, section 6)."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from ml_connector.simulators.mailchimp import errors
from ml_connector.simulators.mailchimp.account import Account
from ml_connector.simulators.mailchimp.addresses import hash_of_path, subscriber_hash
from ml_connector.simulators.mailchimp.audience import Audience, Member
from ml_connector.simulators.mailchimp.member_view import link, member_view
from ml_connector.simulators.mailchimp.member_writes import StatusRule, Write, body_status, put_status, write
from ml_connector.simulators.mailchimp.protocol import Call, Methods, Reply
from ml_connector.simulators.mailchimp.schema import MEMBER, WRITTEN_STATUSES, check_object, one_of, timestamp
from ml_connector.simulators.mailchimp.selection import flag, page, select
from ml_connector.simulators.mailchimp.times import parsed

STATUSES = (*WRITTEN_STATUSES, "archived")
TIME_FILTERS: dict[str, tuple[str, Callable[[int, int], bool]]] = {
    # Whole seconds, as they are shown; the vendor says "after" and "before", so the second itself is outside.
    "since_last_changed": ("last_changed", operator.gt),
    "before_last_changed": ("last_changed", operator.lt),
    "since_timestamp_opt": ("opted_in", operator.gt),
    "before_timestamp_opt": ("opted_in", operator.lt),
}
SORT_FIELDS = {"last_changed": "last_changed", "timestamp_opt": "opted_in"}
NOT_SIMULATED = frozenset(
    {
        "email_type",
        "interest_category_id",
        "interest_ids",
        "interest_match",
        "since_last_campaign",
        "unique_email_id",
        "unsubscribed_since",
        "vip_only",
    }
)
"""Filters that are refused here rather than ignored, so that nobody relies on them by mistake."""


def find(account: Account, call: Call) -> Member:
    """The member that the path names by hash or plain address; 404 when it never was on the list."""
    member = account.audience_of(call).members.get(hash_of_path(call.args["subscriber_hash"]))
    if member is None:
        raise errors.not_found()
    return member


def _list(account: Account, call: Call) -> Reply:
    audience = account.audience_of(call)
    rows = _matching(audience, call)
    body = {
        "members": [member_view(audience, member, call.base_url) for member in page(rows, call.params)],
        "list_id": audience.id,
        "total_items": len(rows),
        "_links": [link(call.base_url, "self", f"/lists/{audience.id}/members")],
    }
    return Reply(200, select(body, call.params))


def _matching(audience: Audience, call: Call) -> list[Member]:
    """The members that the filters leave, sorted; archived ones only when they are asked for."""
    params = call.params
    checks = {"status": one_of(*STATUSES), "sort_field": one_of(*SORT_FIELDS), "sort_dir": one_of("ASC", "DESC")}
    checks |= dict.fromkeys(TIME_FILTERS, timestamp)
    check_object(dict(params), checks)
    if unknown := NOT_SIMULATED & params.keys():
        raise errors.invalid(*((name, "This filter is not simulated") for name in sorted(unknown)))
    status = params.get("status")
    rows = [
        member
        for member in audience.members.values()
        if (member.status == status if status else member.status != "archived")
    ]
    for name, (attribute, compare) in TIME_FILTERS.items():
        if name in params:
            limit = int(parsed(params[name]))
            rows = [member for member in rows if compare(int(getattr(member, attribute)), limit)]
    if sort_field := params.get("sort_field"):
        rows.sort(key=operator.attrgetter(SORT_FIELDS[sort_field]), reverse=params.get("sort_dir") == "DESC")
    return rows


def _get(account: Account, call: Call) -> Reply:
    return _shown(account, find(account, call), call)


def _post(account: Account, call: Call) -> Reply:
    audience = account.audience_of(call)
    body = check_object(call.json(), MEMBER, ("email_address", "status"))
    member = audience.members.get(subscriber_hash(body["email_address"]))
    if member is not None and member.status != "archived":
        raise errors.member_exists(body["email_address"])
    return _written(account, member, call, body, body_status)


def _put(account: Account, call: Call) -> Reply:
    audience = account.audience_of(call)
    body = check_object(call.json(), MEMBER, ("email_address",))
    member = audience.members.get(hash_of_path(call.args["subscriber_hash"]))
    return _written(account, member, call, body, put_status)


def _patch(account: Account, call: Call) -> Reply:
    member = find(account, call)
    return _written(account, member, call, check_object(call.json(), MEMBER), body_status)


def _delete(account: Account, call: Call) -> Reply:
    member = find(account, call)
    if member.status == "archived":
        raise (
            errors.method_not_allowed(["GET", "PUT", "PATCH"])
            if (account.settings.archived_on_delete == 405)
            else errors.not_found()
        )
    account.audience.called(member, call.via, "archived", None)
    member.last_changed = member.history[-1].at
    return Reply(204)


def _delete_permanently(account: Account, call: Call) -> Reply:
    audience = account.audience_of(call)
    member = audience.members.get(call.args["subscriber_hash"])  # the hash only, no plain address
    if member is None:
        raise errors.not_found()
    audience.forget(member)
    return Reply(204)


def _written(
    account: Account,
    member: Member | None,
    call: Call,
    body: dict[str, Any],
    rule: Callable[[Audience, Mapping[str, Any]], StatusRule],
) -> Reply:
    audience = account.audience
    wanted = Write(body, call.via, skip_merge_validation=flag(call.params, "skip_merge_validation"))
    return _shown(account, write(audience, member, wanted, rule(audience, body)), call)


def _shown(account: Account, member: Member, call: Call) -> Reply:
    return Reply(200, select(member_view(account.audience, member, call.base_url), call.params))


MEMBERS: Methods = {"GET": _list, "POST": _post}
MEMBER_BY_HASH: Methods = {"GET": _get, "PUT": _put, "PATCH": _patch, "DELETE": _delete}
DELETE_PERMANENT: Methods = {"POST": _delete_permanently}
