"""Calls one Chargebee site (Chargebee reference, sections 1 and 2)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from hashlib import blake2b
from typing import Any, NamedTuple, Self
from uuid import uuid4

import httpx
import orjson

from ml_connector.http import Answer, ApiClient, Retries, TornAnswer
from ml_connector.http.actions import Action, Decision
from ml_connector.systems.chargebee.errors import ERRORS, NAME
from ml_connector.systems.chargebee.forms import CONTENT_TYPE, encoded
from ml_connector.systems.chargebee.pace import WINDOW, MinutePace
from ml_connector.systems.chargebee.settings import Credentials, Settings

TIMEOUT = 90.0
"""Seconds. How long Chargebee works on a call is not documented."""
IDEMPOTENCY = "chargebee-idempotency-key"
PAGE = 100
"""Rows of a list at most (section 1, lists)."""


class Post(NamedTuple):
    """A write, as it was made."""

    path: str
    members: Mapping[str, Any]


_noted: ContextVar[list[Post] | None] = ContextVar("noted", default=None)


class ChargebeeClient:
    """One site; thread-safe; to be closed.

    Args:
        window: seconds over which the calls of a minute are counted.
    """

    def __init__(
        self, settings: Settings, credentials: Credentials, retries: Retries | None = None, *, window: float = WINDOW
    ) -> None:
        self.settings = settings
        self._api = ApiClient(
            settings.address,
            name=NAME,
            errors=ERRORS,
            auth=httpx.BasicAuth(credentials.api_key.get_secret_value(), ""),
            pace=MinutePace(settings.connections, settings.calls_per_minute, window=window),
            timeout=TIMEOUT,
            retries=retries or settings.retries,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._api.close()

    @property
    def calls(self) -> int:
        return self._api.calls

    def get(self, path: str, params: Mapping[str, Any] | None = None, allow: Collection[int] = ()) -> Answer:
        """A GET below `/api/v2` whose answer is a JSON object. Raises `CallProblem`, `Stopped`."""
        return _whole(self._api.request("GET", f"/api/v2{path}", params=params, allow=allow, parse=_object))

    def find(self, path: str) -> Answer | None:
        """A GET; None where nothing is there."""
        answer = self.get(path, allow=(404,))
        return None if answer.status == 404 else answer

    def post(self, path: str, members: Mapping[str, Any], *, purpose: str | None = None) -> Answer:
        """A POST that may be repeated: within 30 minutes the same key and content give the first answer again.

        Args:
            purpose: what tells this write from others of the same content, like the record's key; the same in every
                process. None: of a write that sets values, every call is one of its own, because a value that is set
                again after another one within 30 minutes has to be set, and not only answered.

        Raises: `CallProblem`, `Stopped`.
        """
        if (posts := _noted.get()) is not None:
            posts.append(Post(path, members))
        content = encoded(members)
        purpose = uuid4().hex if purpose is None else purpose
        key = blake2b(b"\0".join((path.encode(), purpose.encode(), content)), digest_size=24).hexdigest()
        headers = {"Content-Type": CONTENT_TYPE, IDEMPOTENCY: f"ml-connector-{key}"}
        return _whole(
            self._api.request(
                "POST", f"/api/v2{path}", content=content, headers=headers, idempotent=True, parse=_object
            )
        )

    @contextmanager
    def noting(self) -> Iterator[list[Post]]:
        """The POSTs that this thread makes meanwhile, in their order; refused and unanswered ones as well."""
        posts: list[Post] = []
        token = _noted.set(posts)
        try:
            yield posts
        finally:
            _noted.reset(token)

    def pages(self, path: str, params: Mapping[str, Any]) -> Iterator[list[dict[str, Any]]]:
        """The rows of a list, page by page, each out of its wrapper. Raises `CallProblem`, `Stopped`."""
        offset: str | None = None
        while True:
            answer = self.get(path, {**params, "limit": PAGE, **({"offset": offset} if offset else {})})
            rows = answer.data.get("list")
            if not isinstance(rows, list):
                raise TornAnswer(Decision(Action.RETRY, "malformed answer", "the list has no rows"), answer.status)
            yield [row for row in rows if isinstance(row, dict)]
            offset = answer.data.get("next_offset")
            if not offset:
                return


def _object(content: bytes) -> Any:
    data = orjson.loads(content)
    if not isinstance(data, dict):
        raise ValueError("the answer is no object")
    return data


def _whole(answer: Answer) -> Answer:
    """An answer with a body; one without has lost it on the way."""
    if answer.data is None and answer.status != 404:
        raise TornAnswer(Decision(Action.RETRY, "malformed answer", "the answer is empty"), answer.status)
    return answer
