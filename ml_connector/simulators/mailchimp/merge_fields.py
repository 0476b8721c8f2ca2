"""The merge fields of an audience: `/lists/{list_id}/merge-fields...` (Mailchimp reference, section 8)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from ml_connector.simulators.mailchimp import errors
from ml_connector.simulators.mailchimp.account import Account
from ml_connector.simulators.mailchimp.audience import Audience
from ml_connector.simulators.mailchimp.member_view import link
from ml_connector.simulators.mailchimp.merge_values import TYPES, MergeField
from ml_connector.simulators.mailchimp.protocol import Call, Methods, Reply
from ml_connector.simulators.mailchimp.schema import check_object, list_of, of_type, one_of
from ml_connector.simulators.mailchimp.selection import page, select

TAG = re.compile(r"[A-Z0-9_]{1,10}")

_BODY = {
    "name": of_type(str),
    "type": one_of(*TYPES),
    "tag": of_type(str),
    "required": of_type(bool),
    "default_value": of_type(str),
    "public": of_type(bool),
    "display_order": of_type(int),
    "help_text": of_type(str),
    "options": of_type(dict),
}
_OPTIONS = {
    "size": of_type(int),
    "date_format": of_type(str),
    "choices": list_of(of_type(str)),
    "default_country": of_type(int),
    "phone_format": one_of("US", "none", "International"),
}
_DEFAULT_OPTIONS: dict[str, dict[str, Any]] = {
    "text": {"size": 25},
    "address": {"default_country": 164},
    "phone": {"phone_format": "none"},
    "date": {"date_format": "MM/DD/YYYY"},
    "birthday": {"date_format": "MM/DD"},
    "radio": {"choices": []},
    "dropdown": {"choices": []},
}


def _view(audience: Audience, merge_field: MergeField, base_url: str) -> dict[str, Any]:
    path = f"/lists/{audience.id}/merge-fields"
    own = f"{path}/{merge_field.merge_id}"
    return {
        "merge_id": merge_field.merge_id,
        "tag": merge_field.tag,
        "name": merge_field.name,
        "type": merge_field.type,
        "required": merge_field.required,
        "default_value": merge_field.default_value,
        "public": merge_field.public,
        "display_order": merge_field.display_order,
        "options": _DEFAULT_OPTIONS.get(merge_field.type, {}) | merge_field.options,
        "help_text": merge_field.help_text,
        "list_id": audience.id,
        "_links": [
            link(base_url, "self", own),
            link(base_url, "parent", path),
            link(base_url, "update", own, "PATCH"),
            link(base_url, "delete", own, "DELETE"),
        ],
    }


def _list(account: Account, call: Call) -> Reply:
    audience = account.audience_of(call)
    check_object(dict(call.params), {"type": one_of(*TYPES), "required": one_of("true", "false")})
    kind, required = call.params.get("type"), call.params.get("required")
    rows = [
        merge_field
        for merge_field in audience.merge_fields.values()
        if kind in (None, merge_field.type) and required in (None, str(merge_field.required).lower())
    ]
    body = {
        "merge_fields": [_view(audience, row, call.base_url) for row in page(rows, call.params)],
        "list_id": audience.id,
        "total_items": len(rows),
        "_links": [link(call.base_url, "self", f"/lists/{audience.id}/merge-fields")],
    }
    return Reply(200, select(body, call.params))


def _post(account: Account, call: Call) -> Reply:
    audience = account.audience_of(call)
    body = _checked(audience, call, None, ("name", "type"))
    if len(audience.merge_fields) >= account.settings.merge_fields_limit:
        detail = f"This list already has its maximum of {account.settings.merge_fields_limit} merge fields."
        raise errors.Problem(400, "Invalid Resource", detail)
    merge_field = audience.add_merge_field(**{"tag": "", **body})
    return Reply(200, select(_view(audience, merge_field, call.base_url), call.params))


def _get(account: Account, call: Call) -> Reply:
    merge_field = _find(account, call)
    return Reply(200, select(_view(account.audience, merge_field, call.base_url), call.params))


def _patch(account: Account, call: Call) -> Reply:
    audience = account.audience_of(call)
    merge_field = _find(account, call)
    body = _checked(audience, call, merge_field, ("name",))
    body.pop("type", None)  # read-only: sent, it is ignored
    body["options"] = merge_field.options | body.get("options", {})
    changed = replace(merge_field, **body)
    audience.merge_fields[merge_field.merge_id] = changed
    return Reply(200, select(_view(audience, changed, call.base_url), call.params))


def _delete(account: Account, call: Call) -> Reply:
    merge_field = _find(account, call)
    del account.audience.merge_fields[merge_field.merge_id]
    return Reply(204)


def _find(account: Account, call: Call) -> MergeField:
    audience = account.audience_of(call)
    text = call.args["merge_id"]
    merge_field = audience.merge_fields.get(int(text)) if text.isdecimal() else None
    if merge_field is None:
        raise errors.not_found()
    return merge_field


def _checked(
    audience: Audience, call: Call, merge_field: MergeField | None, required: tuple[str, ...]
) -> dict[str, Any]:
    """The known keys of the body; None stands for a new field."""
    body = check_object(call.json(), _BODY, required)
    body = {key: value for key, value in body.items() if key in _BODY}
    check_object(body.get("options", {}), _OPTIONS)
    if not body["name"].strip():
        raise errors.invalid(("name", "This value should not be blank."))
    if merge_field is None and body["type"] in ("radio", "dropdown") and not body.get("options", {}).get("choices"):
        raise errors.invalid(("options.choices", "This field needs at least one choice."))
    if tag := body.get("tag"):
        if not TAG.fullmatch(tag):
            raise errors.invalid(("tag", "Merge tags hold up to 10 of A-Z, 0-9 and _."))
        others = {other.tag for other in audience.merge_fields.values() if other is not merge_field}
        if tag in others | {"EMAIL"}:
            detail = f'A Merge Field with the tag "{tag}" already exists for this list.'
            raise errors.Problem(400, "Invalid Resource", detail)
    return body


MERGE_FIELDS: Methods = {"GET": _list, "POST": _post}
MERGE_FIELD: Methods = {"GET": _get, "PATCH": _patch, "DELETE": _delete}
