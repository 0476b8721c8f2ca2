"""Types of what a request body may hold, with Mailchimp's messages for what it may not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ml_connector.simulators.mailchimp.errors import invalid
from ml_connector.simulators.mailchimp.times import parsed

Check = Callable[[Any], str]
"""Gives the message for a value that is wrong, else `""`."""

_NAMES = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}
WRITTEN_STATUSES = ("subscribed", "unsubscribed", "cleaned", "pending", "transactional")


def of_type(*types: type) -> Check:
    """A value of one of these types; a boolean is no number."""

    def check(value: Any) -> str:
        if type(value) in types:
            return ""
        found = _NAMES.get(type(value), "NULL")
        return f"Schema describes {' or '.join(_NAMES[expected] for expected in types)}, {found} found instead"

    return check


def one_of(*values: str) -> Check:
    """One of a list of texts."""

    def check(value: Any) -> str:
        return "" if value in values else f"Value must be one of: {', '.join(values)}"

    return check


def timestamp(value: Any) -> str:
    """A time in one of the written forms, or `""`."""
    if type(value) is str:
        try:
            parsed(value)
        except ValueError:
            return "This value should be a timestamp such as 2015-10-21T15:41:36+00:00"
    return of_type(str)(value)


def list_of(item: Check) -> Check:
    """An array whose items all pass."""

    def check(value: Any) -> str:
        return of_type(list)(value) or next((message for one in value if (message := item(one))), "")

    return check


def map_of(item: Check) -> Check:
    """An object whose values all pass."""

    def check(value: Any) -> str:
        return of_type(dict)(value) or next((message for one in value.values() if (message := item(one))), "")

    return check


def shape(keys: Mapping[str, Check]) -> Check:
    """An object whose known keys pass; unknown ones are ignored."""

    def check(value: Any) -> str:
        return of_type(dict)(value) or next(
            (message for key, item in keys.items() if key in value and (message := item(value[key]))), ""
        )

    return check


MEMBER: Mapping[str, Check] = {
    "email_address": of_type(str),
    "email_type": one_of("html", "text"),
    "status": one_of(*WRITTEN_STATUSES),
    "status_if_new": one_of(*WRITTEN_STATUSES),
    "merge_fields": of_type(dict),
    "interests": map_of(of_type(bool)),
    "language": of_type(str),
    "vip": of_type(bool),
    "location": shape(dict.fromkeys(("latitude", "longitude"), of_type(int, float, str))),
    "marketing_permissions": list_of(shape({"marketing_permission_id": of_type(str), "enabled": of_type(bool)})),
    "ip_signup": of_type(str),
    "ip_opt": of_type(str),
    "timestamp_signup": timestamp,
    "timestamp_opt": timestamp,
    "tags": list_of(of_type(str)),
}
"""The body of POST, PUT and PATCH of a member, and the item of a batch subscribe (Mailchimp reference, section 6)."""


def check_object(body: Any, checks: Mapping[str, Check], required: Iterable[str] = ()) -> dict[str, Any]:
    """The body, when it is an object whose known keys pass; unknown keys are ignored. Raises Problem 400."""
    if type(body) is not dict:
        raise invalid(("", of_type(dict)(body)))
    errors = [(key, message) for key, value in body.items() if (check := checks.get(key)) and (message := check(value))]
    missing = [key for key in required if key not in body]
    if missing:
        errors.append(("", f"Required fields were not provided: {', '.join(missing)}"))
    if errors:
        raise invalid(*errors)
    return body
