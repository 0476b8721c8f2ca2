"""The one rule that no body may break: a member's status is sent only to take them off the list.

Mailchimp does not protect those whom an administrator or the API took off: `subscribed` silently puts them back
(Mailchimp reference, section 6). So every body passes here on its way out, whatever built it.
"""

from __future__ import annotations

from typing import Any

from ml_connector.http import to_json

UNSUBSCRIBED = "unsubscribed"
SAID_NO = frozenset({UNSUBSCRIBED, "cleaned"})
"""Statuses of people who must not be mailed at another address either."""
MAY_HAVE_SAID_NO = SAID_NO | {"archived"}
"""And those of whom Mailchimp does not show any more whether they did (Mailchimp reference, section 6, rule 5)."""


# How the keys that matter look in JSON; in the text of a value the quotes would have a backslash before them.
_STATUS, _UPDATE_EXISTING = b'"status":', b'"update_existing":'


class ConsentViolation(RuntimeError):
    """A body that might subscribe somebody again was about to be sent; a fault of this program."""


def encoded(body: Any) -> bytes:
    """JSON bytes of a body that may be sent; every body of this system is made here. Raises ConsentViolation."""
    content = to_json(body)
    if _STATUS in content or _UPDATE_EXISTING in content:
        guard(body)
    return content


def guard(body: Any) -> None:
    """Raise ConsentViolation if a body asks for any status but `unsubscribed`, or may change existing members in bulk.

    A tag's own `status` (active, inactive) is no member's.
    """
    if isinstance(body, dict):
        if body.get("status", UNSUBSCRIBED) != UNSUBSCRIBED:
            raise ConsentViolation(f"a body with the status {body['status']!r} was about to be sent")
        if body.get("update_existing"):
            raise ConsentViolation("a body with update_existing was about to be sent")
        for name, value in body.items():
            if name == "tags" and isinstance(value, list):
                guard([_without_tag_status(tag) for tag in value])
            elif isinstance(value, dict | list):
                guard(value)
    elif isinstance(body, list):
        for item in body:
            guard(item)


def _without_tag_status(tag: Any) -> Any:
    if isinstance(tag, dict) and tag.get("status") in ("active", "inactive"):
        return {name: value for name, value in tag.items() if name != "status"}
    return tag
