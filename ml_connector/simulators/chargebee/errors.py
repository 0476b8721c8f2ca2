"""Chargebee's error bodies (Chargebee reference, section 1: errors)."""

from __future__ import annotations

from typing import Any

_OPERATION_FAILED = {403, 429, 500, 503}
_UNTYPED = {401}


class Problem(Exception):
    """A refusal: HTTP status, `api_error_code`, sentence, and the parameter at fault where there is one."""

    def __init__(self, status: int, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.param = param

    @property
    def type(self) -> str:
        """Every status has one type in the specification's error schemas that this simulator uses."""
        if self.status in _UNTYPED:
            return "untyped"
        return "operation_failed" if self.status in _OPERATION_FAILED else "invalid_request"

    def body(self) -> dict[str, Any]:
        body = {"message": self.message, "type": self.type, "api_error_code": self.code}
        return body if self.param is None else {**body, "param": self.param}


def wrong_value(param: str, message: str) -> Problem:
    """400 for a parameter that cannot be what it is, or is missing."""
    return Problem(400, "param_wrong_value", f"{param} : {message}", param)


def missing(param: str) -> Problem:
    """400 for a required parameter that was not sent; the code is the reference's guess."""
    return wrong_value(param, "cannot be blank")


def duplicate(param: str = "id") -> Problem:
    """400, not 409, for an id that is taken (Chargebee reference, sections 1 and 3.1)."""
    return Problem(400, "duplicate_entry", f"{param} : already used", param)


def not_found(what: str, param: str | None = None) -> Problem:
    """404; names the parameter when not the path was at fault."""
    return Problem(404, "resource_not_found", f"{what} not found", param)


def wrong_state(message: str) -> Problem:
    """409 for something that the resource's state does not allow."""
    return Problem(409, "invalid_state_for_request", message)


def incompatible(message: str, param: str | None = None) -> Problem:
    """400 for what the site's configuration does not have: the other catalogue, a currency."""
    return Problem(400, "configuration_incompatible", message, param)


def unauthenticated() -> Problem:
    return Problem(401, "api_authentication_failed", "Sorry, authentication failed. Invalid api key")


def unauthorised() -> Problem:
    return Problem(403, "api_authorization_failed", "Sorry, the api key has no rights for this operation")


def method_not_supported(method: str) -> Problem:
    return Problem(405, "http_method_not_supported", f"HTTP method {method} is not supported here")


def too_many_requests() -> Problem:
    """429 for a call too many, in a minute or at once."""
    return Problem(429, "api_request_limit_exceeded", "You have been rate limited. Try again after a minute")


def lock_timeout() -> Problem:
    """429 for concurrent writes to one resource, not for volume."""
    return Problem(429, "lock_timeout", "The resource is being changed by another request. Try again later")


def key_reused() -> Problem:
    """422 for an idempotency key that came with other content."""
    message = "The idempotency key was already used with other request parameters"
    return Problem(422, "unable_to_process_request", message)


def internal_error() -> Problem:
    return Problem(500, "internal_error", "Sorry, something went wrong")


def read_only() -> Problem:
    """503 while a site is being maintained."""
    return Problem(503, "site_read_only_mode", "The site is in read-only mode for maintenance. Try again later")
