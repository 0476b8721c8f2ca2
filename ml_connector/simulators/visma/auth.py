"""Visma Connect: tokens by client credentials (Visma reference, section 2)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass

import orjson
from starlette.requests import Request
from starlette.responses import Response

from ml_connector.simulators.control import json_response
from ml_connector.simulators.visma.errors import unauthorized
from ml_connector.simulators.visma.settings import VismaSettings

API = "vismanet_erp_service_api"
SCOPES = tuple(f"{API}:{right}" for right in ("read", "create", "update", "delete"))


@dataclass(frozen=True)
class Token:
    """A token that was given out; `expires` by the monotonic clock."""

    scopes: frozenset[str]
    tenant_id: str
    expires: float


class TokenService:
    """Gives out tokens and knows them again."""

    def __init__(self, settings: VismaSettings) -> None:
        self._settings = settings
        self._tokens: dict[str, Token] = {}
        self._key = secrets.token_bytes(32)

    async def endpoint(self, request: Request) -> Response:
        """`POST /connect/token`. Errors are OAuth2's `{"error": code}` with 400."""
        settings = self._settings
        if request.headers.get("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded":
            return _refused("invalid_request")
        form = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
        if form.get("grant_type") != "client_credentials":
            return _refused("unsupported_grant_type")
        if (form.get("client_id"), form.get("client_secret")) != (settings.client_id, settings.client_secret):
            return _refused("invalid_client")
        tenant_id = form.get("tenant_id", "")
        if tenant_id not in (settings.tenant_id, settings.customer_tenant_id):
            return _refused("invalid_tenant")
        asked = form.get("scope", API).split()  # left out, or the bare name: everything that is approved
        scopes = SCOPES if asked == [API] else tuple(asked)
        if not scopes or not set(scopes) <= set(SCOPES):
            return _refused("invalid_scope")
        return json_response(
            {
                "access_token": self._issue(scopes, tenant_id),
                "expires_in": settings.token_seconds,
                "token_type": "Bearer",
                "scope": " ".join(scopes),
            }
        )

    def check(self, authorization: str) -> Token:
        """The token of an `Authorization` header that is good now; else 401. A customer tenant's token never is."""
        scheme, _, text = authorization.partition(" ")
        token = self._tokens.get(text)
        if (
            scheme.lower() != "bearer"
            or token is None
            or token.expires <= time.monotonic()
            or token.tenant_id != self._settings.tenant_id
        ):
            raise unauthorized()
        return token

    def _issue(self, scopes: tuple[str, ...], tenant_id: str) -> str:
        now, issued_at = time.monotonic(), int(self._settings.now().timestamp())
        claims = {
            "iss": "https://connect.visma.com",
            "aud": "https://api.finance.visma.net/erp/service",
            "iat": issued_at,
            "exp": issued_at + self._settings.token_seconds,
            "client_id": self._settings.client_id,
            "tenant_id": tenant_id,
            "scope": list(scopes),
            "jti": secrets.token_hex(16),
        }
        signed = b".".join(_base64url(orjson.dumps(part)) for part in ({"alg": "HS256", "typ": "at+jwt"}, claims))
        text = (signed + b"." + _base64url(hmac.digest(self._key, signed, hashlib.sha256))).decode()
        self._tokens = {known: token for known, token in self._tokens.items() if token.expires > now}
        self._tokens[text] = Token(frozenset(scopes), tenant_id, now + self._settings.token_seconds)
        return text


def _refused(error: str) -> Response:
    return json_response({"error": error}, 400)


def _base64url(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")
