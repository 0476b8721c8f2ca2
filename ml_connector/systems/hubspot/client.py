"""Calls one HubSpot account (HubSpot reference, sections 1, 2, 5 and 12)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import orjson

from ml_connector.http import Answer, ApiClient, Bearer, CallProblem, Pace, Retries
from ml_connector.systems.hubspot.errors import ERRORS, NAME
from ml_connector.systems.hubspot.pace import AssociationPace, RatePace, SearchPace
from ml_connector.systems.hubspot.routes import INTROSPECTION, Routes
from ml_connector.systems.hubspot.settings import Credentials, Settings

TIMEOUT = 65.0
"""Seconds. How long HubSpot itself works on a call is not documented; a batch of 100 takes a few seconds."""
BATCH = 100
"""Inputs of an object batch (section 5)."""
REFUSALS = (400, 401, 403, 404, 405)
"""How a service key may be answered where private apps are told their scopes; not documented (section 2)."""
LINKS = 2_000
"""Inputs of an association batch (section 7)."""


class HubSpotClient:
    """One account; thread-safe; to be closed.

    Searches and associations go through clients of their own: their limits are others, and meeting these must not hold
    up the rest.
    """

    def __init__(self, settings: Settings, credentials: Credentials, retries: Retries | None = None) -> None:
        self.settings = settings
        self.routes = Routes(settings.api_version)
        self._token = credentials.access_token
        self._retries = retries
        pace = RatePace(settings.connections, settings.daily_reserve)
        self._api = self._client(pace)
        self._associations = self._client(AssociationPace(pace))
        self._search = self._client(SearchPace())

    def _client(self, pace: Pace) -> ApiClient:
        return ApiClient(
            self.settings.base_url,
            name=NAME,
            errors=ERRORS,
            auth=Bearer(self._token),
            pace=pace,
            timeout=TIMEOUT,
            retries=self._retries,
            request_id_header="x-hubspot-correlation-id",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._api.close()
        self._associations.close()
        self._search.close()

    @property
    def calls(self) -> int:
        return self._api.calls + self._associations.calls + self._search.calls

    def get(self, path: str, params: Mapping[str, Any] | None = None, allow: tuple[int, ...] = ()) -> Answer:
        """A GET whose answer is a JSON object."""
        return self._api.request("GET", path, params=params, allow=allow, parse=_object)

    def post(self, path: str, body: Mapping[str, Any], *, idempotent: bool = False) -> Answer:
        """A POST whose answer is a JSON object; repeated after an outage only if it sets and does not add."""
        return self._api.request("POST", path, json=body, idempotent=idempotent, parse=_object)

    def batch(self, path: str, body: Mapping[str, Any]) -> Answer:
        """A batch that reads or sets: it may be repeated. Its answer has `results`, perhaps `errors`."""
        return self._api.request("POST", path, json=body, idempotent=True, parse=_results)

    def create(self, path: str, body: Mapping[str, Any]) -> Answer:
        """A batch that adds: after an outage it is uncertain whether it happened."""
        return self._api.request("POST", path, json=body, idempotent=False, parse=_results)

    def archive(self, path: str, body: Mapping[str, Any]) -> Answer:
        """A batch that takes away; its answer has no body, or nothing of interest in it (section 1)."""
        return self._api.request("POST", path, json=body, idempotent=True, parse=None)

    def link(self, path: str, body: Mapping[str, Any]) -> Answer:
        """A batch that reads or sets associations, at their own pace."""
        return self._associations.request("POST", path, json=body, idempotent=True, parse=_results)

    def unlink(self, path: str, body: Mapping[str, Any]) -> Answer:
        """A batch that takes associations away; its answer has no body, or nothing of interest in it (section 1)."""
        return self._associations.request("POST", path, json=body, idempotent=True, parse=None)

    def search(self, path: str, body: Mapping[str, Any]) -> Answer:
        """A search, at its own pace."""
        return self._search.request("POST", path, json=body, idempotent=True, parse=_results)

    def scopes(self) -> frozenset[str] | None:
        """What the token may do (section 2); None where HubSpot does not say: the address is that of private apps."""
        try:
            body = {"tokenKey": self._token.get_secret_value()}
            data = self._api.request(
                "POST", INTROSPECTION, json=body, idempotent=True, allow=REFUSALS, parse=_object
            ).data
        except CallProblem:
            return None
        scopes = data.get("scopes") if data else None
        return frozenset(map(str, scopes)) if isinstance(scopes, list) else None


def _object(content: bytes) -> Any:
    """JSON of an object; ValueError for anything else."""
    data = orjson.loads(content)
    if not isinstance(data, dict):
        raise ValueError("no JSON object")
    return data


def _results(content: bytes) -> Any:
    """JSON of an object with results; ValueError for anything else."""
    data = _object(content)
    if not isinstance(data.get("results"), list):
        raise ValueError("no results")
    return data
