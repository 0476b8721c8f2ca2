"""Mailchimp's problem documents (Mailchimp reference, section 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

DOCUMENTATION = "https://mailchimp.com/developer/marketing/docs/errors/"
SEE_ERRORS = "The resource submitted could not be validated. For field-specific details, see the 'errors' array."


class Problem(Exception):
    """A refusal that the API answers with `application/problem+json`."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        errors: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """`errors` holds (field, message) pairs: the field is a merge tag, a JSON path, or empty for a missing key."""
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})

    def body(self, instance: str) -> dict[str, Any]:
        """The problem document; `instance` is the request id."""
        document: dict[str, Any] = {
            "type": DOCUMENTATION,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
        }
        if self.errors:
            document["errors"] = [{"field": field, "message": message} for field, message in self.errors]
        return document


def invalid(*errors: tuple[str, str]) -> Problem:
    """400 for a body or a query that breaks the schema."""
    return Problem(400, "Invalid Resource", SEE_ERRORS, errors)


def invalid_merge_fields(errors: Sequence[tuple[str, str]]) -> Problem:
    """400 for merge values; every field is named by its tag."""
    return Problem(400, "Invalid Resource", "Your merge fields were invalid.", errors)


def refused_address(detail: str) -> Problem:
    """400 for an address that Mailchimp does not take, without an `errors` array."""
    return Problem(400, "Invalid Resource", detail)


def member_exists(email: str) -> Problem:
    """400 for a POST, or a move, onto an address that is on the list."""
    detail = f"{email} is already a list member. Use PUT to insert or update list members."
    return Problem(400, "Member Exists", detail)


def compliance_state(email: str) -> Problem:
    """400 for `subscribed` on somebody who unsubscribed or bounced."""
    detail = (
        f"{email} is in a compliance state due to unsubscribe, bounce, or compliance review and cannot be subscribed."
    )
    return Problem(400, "Member In Compliance State", detail)


def forgotten(email: str) -> Problem:
    """400 for an address that was removed with delete-permanent."""
    detail = (
        f"{email} was permanently deleted and cannot be re-imported. "
        "The contact must re-subscribe to get back on the list."
    )
    return Problem(400, "Forgotten Email Not Subscribed", detail)


def api_key_invalid() -> Problem:
    """401 for a missing, bad or disabled key or token."""
    detail = "Your API key may be invalid, or you've attempted to access the wrong datacenter."
    return Problem(401, "API Key Invalid", detail)


def not_found() -> Problem:
    """404 for an unknown list, member, merge field, batch or path."""
    return Problem(404, "Resource Not Found", "The requested resource could not be found.")


def method_not_allowed(allowed: Sequence[str]) -> Problem:
    """405 with the `Allow` header."""
    detail = "The requested method and resource are not compatible. See the Allow header for this resource's methods."
    return Problem(405, "Method Not Allowed", detail, headers={"Allow": ", ".join(allowed)})


def too_many_requests() -> Problem:
    """429 for a call, or a batch, too many."""
    return Problem(429, "Too Many Requests", "You have exceeded the limit of simultaneous connections.")
