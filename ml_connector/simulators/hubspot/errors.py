"""HubSpot's error bodies (HubSpot reference, sections 2, 4, 5, 8 and 13)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

Context = Mapping[str, Sequence[str]]


class Problem(Exception):
    """A refusal, of a call or of one input of a batch."""

    def __init__(
        self,
        status: int,
        category: str,
        message: str,
        *,
        sub_category: str | None = None,
        context: Context | None = None,
        errors: Iterable[Mapping[str, Any]] = (),
        links: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.category = category
        self.message = message
        self.sub_category = sub_category
        self.context = dict(context or {})
        self.errors = list(errors)
        self.links = dict(links or {})

    def body(self, correlation_id: str) -> dict[str, Any]:
        """The body of an answer."""
        parts = {
            "status": "error",
            "message": self.message,
            "correlationId": correlation_id,
            "context": self.context,
            "category": self.category,
            "subCategory": self.sub_category,
            "errors": self.errors,
            "links": self.links,
        }
        return {name: part for name, part in parts.items() if part}

    def item(self, *, complete: bool, trace_id: str | None = None) -> dict[str, Any]:
        """The error inside a 207: four keys as recorded, or complete as the specification has it (section 5)."""
        context = {**self.context, **({"objectWriteTraceId": [trace_id]} if trace_id else {})}
        item: dict[str, Any] = {
            "status": "error",
            "category": self.category,
            "message": self.message,
            "context": context,
        }
        if self.sub_category:
            item["subCategory"] = self.sub_category
        return {**item, "links": self.links, "errors": self.errors} if complete else item


def invalid(message: str, *, context: Context | None = None, code: str | None = None) -> Problem:
    """400 for a request that makes no sense."""
    errors = [{"message": message, "code": code}] if code else ()
    return Problem(400, "VALIDATION_ERROR", message, context=context, errors=errors)


def invalid_values(portal_id: int, found: Sequence[tuple[str, str, str]]) -> Problem:
    """400 for property values, given as (property, code, message); the message embeds them as JSON (section 8)."""
    listed = [
        {
            "isValid": False,
            "message": message,
            "error": code,
            "name": name,
            "localizedErrorMessage": message,
            "portalId": portal_id,
        }
        for name, code, message in found
    ]
    errors = [{"message": message, "code": code, "context": {"propertyName": [name]}} for name, code, message in found]
    return Problem(
        400, "VALIDATION_ERROR", f"Property values were not valid: {orjson.dumps(listed).decode()}", errors=errors
    )


def not_found() -> Problem:
    """404 for a record, property or schema that is not there (section 4)."""
    return Problem(404, "OBJECT_NOT_FOUND", "resource not found")


def unauthenticated() -> Problem:
    """401 for a missing or wrong token (section 2)."""
    message = (
        "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more "
        "details at https://developers.hubspot.com/docs/methods/auth/oauth-overview"
    )
    return Problem(401, "INVALID_AUTHENTICATION", message)


def missing_scopes(any_of: Sequence[str]) -> Problem:
    """403 that names the scopes of which one would do (section 2)."""
    message = "This app hasn't been granted all required scopes to make this call."
    error = {
        "message": f"One or more of the following scopes are required.: [{', '.join(any_of)}]",
        "context": {"requiredGranularScopes": list(any_of)},
    }
    links = {"scopes": "https://developers.hubspot.com/scopes"}
    return Problem(403, "MISSING_SCOPES", message, errors=[error], links=links)


def unknown_type(name: str) -> Problem:
    """400 for an object type that the path does not name well (section 3)."""
    return invalid(f"Unable to infer object type from: {name}")


def contact_exists(record_id: int) -> Problem:
    """409 for an e-mail that a contact has; the id is in the message alone (section 11)."""
    return Problem(409, "CONFLICT", f"Contact already exists. Existing ID: {record_id}")
