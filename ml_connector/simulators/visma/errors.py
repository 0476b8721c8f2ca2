"""Visma's error bodies (Visma reference, section 9). The texts of 401, 403, 404, 412 and 429 are not documented."""

from __future__ import annotations

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from ml_connector.simulators.control import json_response
from ml_connector.simulators.faults import FaultRule


class ApiError(Exception):
    """A call that is refused; `{"message": text}` unless a body of its own is given."""

    def __init__(self, status: int, message: str, body: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = body or {"message": message}
        self.headers: dict[str, str] = {}

    def response(self) -> Response:
        return json_response(self.body, self.status, self.headers)


def ipp_error(fault_code: int, message: str) -> ApiError:
    """The old gateway's shape, used for a missing or wrong company header."""
    return ApiError(
        400,
        message,
        {
            "ExceptionType": "IPPException",
            "ExceptionMessage": message,
            "ExceptionFaultCode": str(fault_code),
            "ExceptionMessageID": f"{fault_code}_00000000-0000-0000-0000-000000000000",
            "ExceptionDetails": "",
        },
    )


def unauthorized() -> ApiError:
    error = ApiError(401, "Access token is missing, expired or not valid for this API.")
    error.headers["www-authenticate"] = 'Bearer error="invalid_token"'
    return error


def not_found(kind: str, key: str) -> ApiError:
    return ApiError(404, f"{kind} '{key}' was not found.")


async def api_error(_request: Request, error: Exception) -> Response:
    """Starlette's handler of ApiError, and of unknown paths and methods."""
    if isinstance(error, HTTPException):
        error = ApiError(error.status_code, error.detail)
    assert isinstance(error, ApiError)  # noqa: S101 - registered for these two types only
    return error.response()


def server_error_answer(_rule: FaultRule, _scope: Scope) -> Response:
    return ApiError(500, "An unexpected error has occurred.").response()


def expired_token_answer(_rule: FaultRule, _scope: Scope) -> Response:
    return unauthorized().response()


def empty_page_answer(_rule: FaultRule, _scope: Scope) -> Response:
    return json_response([])
