"""How calls are authorised: OAuth 2 client credentials, and plain bearer tokens.

The flows are generators that yield requests and are sent responses, as httpx drives them, so that they can be tested
without any I/O.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Mapping, Sequence
from typing import Any

import httpx
import orjson
from pydantic import SecretStr

from ml_connector.http.errors import stop

TOKEN_CALL = "token"  # noqa: S105  the request extension that tells a call for a token from a call of the API

EARLY = 60.0
"""Seconds before its end in which a token is not used any more."""

REFUSALS: Mapping[str, tuple[str, str]] = {
    "invalid_client": (
        "the client id or the client secret is wrong, or the application was withdrawn",
        "Compare client_id and client_secret with the vendor's portal; enter them with `ml-connector credentials set`.",
    ),
    "invalid_scope": (
        "a scope that is asked for was not granted to the application",
        "Request the scopes in the vendor's portal and have the company's administrator approve them.",
    ),
    "unauthorized_client": (
        "the application may not use client credentials",
        "Create the application as a service (machine to machine) in the vendor's portal.",
    ),
}
"""Code of RFC 6749 section 5.2 -> what it means, what to do. The answer's text is not shown: it may quote secrets."""

ANY_OTHER_REFUSAL = (
    "no token was given",
    "Look at the vendor's portal whether the application is active and approved.",
)


class TokenUnavailable(Exception):
    """The token endpoint did not work; asking again may help. The API itself was not called."""


class Bearer(httpx.Auth):
    """A token that does not expire."""

    def __init__(self, token: SecretStr) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
        yield request


class ClientCredentials(httpx.Auth):
    """OAuth 2 client credentials: one token for all threads, renewed early, and once more when it is refused.

    Args:
        name: of the system, for people.
        token_url: the token endpoint; it is posted a form.
        client_id: public part of the credentials.
        client_secret: secret part.
        scopes: asked for explicitly.
        parameters: further form fields (Visma's `tenant_id`).
        refusals: the vendor's error codes -> what it means, what to do; on top of `REFUSALS`.

    Raises `Stopped` when a token is refused, `TokenUnavailable` when the endpoint does not work.
    """

    def __init__(
        self,
        name: str,
        token_url: str,
        client_id: str,
        client_secret: SecretStr,
        *,
        scopes: Sequence[str] = (),
        parameters: Mapping[str, str] | None = None,
        refusals: Mapping[str, tuple[str, str]] | None = None,
    ) -> None:
        self.name = name
        self.token_url = token_url
        self._form = {"grant_type": "client_credentials", "client_id": client_id, **(parameters or {})}
        if scopes:
            self._form["scope"] = " ".join(scopes)
        self._secret = client_secret
        self._refusals = {**REFUSALS, **(refusals or {})}
        self._one_at_a_time = threading.Lock()
        self._token: SecretStr | None = None
        self._good_until = 0.0

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        token = yield from self._current(request)
        request.headers["Authorization"] = f"Bearer {token.get_secret_value()}"
        response = yield request
        if response.status_code == 401:
            token = yield from self._current(request, refused=token)
            request.headers["Authorization"] = f"Bearer {token.get_secret_value()}"
            yield request

    def _current(
        self, request: httpx.Request, refused: SecretStr | None = None
    ) -> Generator[httpx.Request, httpx.Response, SecretStr]:
        """The token to use; asks for one while every other thread waits, unless another thread just got it."""
        with self._one_at_a_time:
            if self._token is None or self._token is refused or time.monotonic() >= self._good_until:
                response = yield self._token_request(request)
                response.read()
                self._token, lifetime = self._read(response)
                self._good_until = time.monotonic() + max(lifetime - EARLY, lifetime / 2)
            return self._token

    def _token_request(self, request: httpx.Request) -> httpx.Request:
        return httpx.Request(
            "POST",
            self.token_url,
            data={**self._form, "client_secret": self._secret.get_secret_value()},
            headers={"Accept": "application/json", "User-Agent": request.headers.get("User-Agent", "")},
            extensions={"timeout": request.extensions.get("timeout", {}), TOKEN_CALL: True},
        )

    def _read(self, response: httpx.Response) -> tuple[SecretStr, float]:
        """The token of an answer, and its lifetime in seconds."""
        try:
            answer = orjson.loads(response.content)
        except orjson.JSONDecodeError:
            answer = None
        if not isinstance(answer, dict) or response.status_code >= 500 or response.status_code == 429:
            raise TokenUnavailable(f"the token endpoint answers with status {response.status_code}")
        if response.is_success and isinstance(answer.get("access_token"), str):
            return SecretStr(answer["access_token"]), _lifetime(answer.get("expires_in"))
        code = str(answer.get("error") or f"status {response.status_code}")
        meaning, advice = self._refusals.get(code, ANY_OTHER_REFUSAL)
        raise stop(self.name, "credentials", f"{meaning} ({code})", advice, response.status_code, without_effect=True)


def _lifetime(expires_in: Any) -> float:
    try:
        return max(float(expires_in), 0.0)
    except (TypeError, ValueError):
        return 600.0  # not said: short enough to be safe
