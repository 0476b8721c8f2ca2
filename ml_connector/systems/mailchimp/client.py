"""Calls one Mailchimp account: where it is, and how it is authorised (Mailchimp reference, sections 1 to 4)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import httpx
import orjson

from ml_connector.errors import ConfigurationProblem
from ml_connector.http import (
    Answer,
    ApiClient,
    Bearer,
    ErrorTable,
    Pace,
    RecordFailed,
    RecordRefused,
    Retries,
    stop,
    stopping,
)
from ml_connector.systems.mailchimp.consent import encoded
from ml_connector.systems.mailchimp.errors import ERRORS, NAME, RESULTS, UNREADABLE
from ml_connector.systems.mailchimp.exchange import GONE, Reply, Step, is_member
from ml_connector.systems.mailchimp.settings import Credentials, Settings

SERVER_SECONDS = 120
"""Mailchimp cuts a request then (section 2); a call waits a little longer, so that its answer is final."""
TIMEOUT = SERVER_SECONDS + 5.0
SLACK = timedelta(seconds=2)
"""How much earlier than the server's clock said a moment is taken, because it speaks in whole seconds."""

_DATA_CENTRE = re.compile(r"[a-z]{2,4}\d{1,4}")


class MailchimpClient:
    """One account and one audience; thread-safe; to be closed.

    Raises, besides what `ApiClient` raises: ConfigurationProblem (a key without a data centre).
    """

    def __init__(self, settings: Settings, credentials: Credentials, retries: Retries | None = None) -> None:
        self.settings = settings
        self.audience = settings.audience
        self._retries = retries
        auth = _auth(credentials)
        base_url = settings.base_url or _base_url(credentials, settings, self._client)
        self._api = self._client(f"{base_url.rstrip('/')}/3.0", ERRORS, auth)
        self._results: ApiClient | None = None
        self._base_url = base_url

    def _client(self, base_url: str, errors: ErrorTable, auth: httpx.Auth | None) -> ApiClient:
        pace = Pace(self.settings.connections)
        return ApiClient(
            base_url, name=NAME, errors=errors, auth=auth, pace=pace, timeout=TIMEOUT, retries=self._retries
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._api.close()
        if self._results is not None:
            self._results.close()

    @property
    def calls(self) -> int:
        return self._api.calls + (self._results.calls if self._results is not None else 0)

    @property
    def audience_path(self) -> str:
        return f"/lists/{self.audience}"

    @property
    def drift(self) -> timedelta:
        """The server's clock less ours; zero before the first answer."""
        return self._api.drift.drift or timedelta()

    def moment(self) -> datetime:
        """The server's clock, or a little earlier: what is done from now on is stamped with this or later."""
        return datetime.now(UTC) + self.drift - SLACK

    def get(self, path: str, params: Mapping[str, Any] | None = None, allow: Collection[int] = ()) -> Answer:
        """A GET below `/3.0` whose answer is a JSON object."""
        return _whole(self._api.request("GET", path, params=params, allow=allow, parse=_object))

    def post(self, path: str, body: Mapping[str, Any], params: Mapping[str, Any] | None = None) -> Answer:
        """A POST that is not repeated once it may have happened; its answer is a JSON object."""
        content, headers = encoded(body), {"Content-Type": "application/json"}
        return _whole(self._api.request("POST", path, params=params, content=content, headers=headers, parse=_object))

    def send(self, step: Step) -> Reply:
        """Carry out one call about a member. Every one may be repeated: it sets, and does not add.

        Raises: RecordFailed, Uncertain, Stopped.
        """
        since = self.moment()
        shows_member = step.method in ("GET", "PUT", "PATCH")
        try:
            answer = self._api.request(
                step.method,
                step.path,
                params=step.params,
                content=step.content,
                headers={"Content-Type": "application/json"} if step.content is not None else None,
                idempotent=True,
                allow=GONE if step.absent else (),
                parse=_member if shows_member else None,
            )
        except RecordRefused as problem:
            return Reply(problem.status or 0, None, problem.decision, since, problem.correlation_id)
        if shows_member and answer.status not in GONE and not is_member(answer.data):
            raise RecordFailed(UNREADABLE, answer.status, answer.correlation_id)
        return Reply(answer.status, answer.data, None, since, answer.correlation_id, answer.repeated)

    @contextmanager
    def results(self, url: str) -> Iterator[Iterator[bytes]]:
        """A batch's results, in chunks. The store that holds them is not the API: it is sent no credentials."""
        if self._results is None:
            self._results = self._client(self._base_url, RESULTS, None)
        with self._results.stream(url) as chunks:
            yield chunks


def _whole(answer: Answer) -> Answer:
    """The answer, unless it says that all is well and then nothing. Raises RecordFailed."""
    if answer.data is None and answer.status < 300:
        raise RecordFailed(UNREADABLE, answer.status, answer.correlation_id)
    return answer


def _auth(credentials: Credentials) -> httpx.Auth:
    if credentials.api_key is not None:
        return httpx.BasicAuth("ml-connector", credentials.api_key.get_secret_value())
    assert credentials.access_token is not None  # noqa: S101  the model holds exactly one of them
    return Bearer(credentials.access_token)


def _base_url(credentials: Credentials, settings: Settings, client: Any) -> str:
    """Where the account lives: the key's data centre says so, or, for a token, the login host."""
    if credentials.api_key is None:
        return _of_token(client(settings.login_url, ERRORS, _auth(credentials)))
    data_centre = credentials.api_key.get_secret_value().rpartition("-")[2]
    if not _DATA_CENTRE.fullmatch(data_centre):
        raise ConfigurationProblem(
            "The Mailchimp API key does not end with a hyphen and its data centre, such as -us19.",
            "Without it nobody knows where the account lives. Nothing was called.",
            "Copy the whole key from Mailchimp (Profile, Extras, API keys) and enter it with "
            "`ml-connector credentials set`.",
        )
    return f"https://{data_centre}.api.mailchimp.com"


def _of_token(login: ApiClient) -> str:
    with login, stopping(NAME, "asking where the token's account lives"):
        metadata = login.request("GET", "/oauth2/metadata", parse=_object).data
    endpoint = metadata.get("api_endpoint")
    if metadata.get("error") or not isinstance(endpoint, str) or not endpoint.startswith(("https://", "http://")):
        raise stop(
            NAME,
            "credentials",
            f"the access token was refused ({metadata.get('error') or 'no api_endpoint in the answer'})",
            "Authorise the application at Mailchimp again and enter the new token with `ml-connector credentials set`.",
        )
    return endpoint


def _object(content: bytes) -> Any:
    """JSON of an object; ValueError for anything else."""
    data = orjson.loads(content)
    if not isinstance(data, dict):
        raise ValueError("no JSON object")
    return data


def _member(content: bytes) -> Any:
    """JSON of a member; ValueError for anything else."""
    data = orjson.loads(content)
    if not is_member(data):
        raise ValueError("no member")
    return data
