"""Writes single records: Visma's value wrapper, ETag and If-Match (Visma reference, sections 7 and 8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from ml_connector.http import Action, Answer, ApiClient, RecordFailed, TornAnswer, Uncertain
from ml_connector.http.actions import Decision
from ml_connector.systems.visma.errors import CONFLICT

CONFLICTS = 4
"""How often a record is read again and changed anew because somebody else changed it in between."""

BARE = frozenset(
    {
        "overrideWithClassValues",
        "operation",
        "segmentId",
        "segmentValue",
        "paymentMethodDetailDescription",
        "rotRutDetails",
        "approvalDetails",
        "linkLine",
        "changeDatesOnLines",
        "timeStamp",
        "dimensionId",
        "segementId",  # the vendor's spelling
        "value",  # of a segment's value, in a dimension's update
    }
)
"""Members that are not wrapped; neither is any array (section 7)."""


def wrap(members: Mapping[str, Any]) -> dict[str, Any]:
    """An update model from plain members: every scalar and nested object as `{"value": x}`, with the bare exceptions.

    None is left out, because a null that is sent changes the field; an empty text clears one.
    """
    return {name: _wrapped(name, value) for name, value in members.items() if value is not None}


def _wrapped(name: str, value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [wrap(element) if isinstance(element, Mapping) else element for element in value]
    inner = wrap(value) if isinstance(value, Mapping) else value
    return inner if name in BARE else {"value": inner}


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a write.

    Attributes:
        key: the record's key; of a new record the last part of its `Location`.
        etag: its new version; None where none was told.
        changed: False: it already was as it should be, and nothing was sent.
        correlation_id: the vendor's request id.
    """

    key: str
    etag: str | None
    changed: bool
    correlation_id: str | None


class Writer:
    """Changes and creates records of one company. The client must have been opened for writing."""

    def __init__(self, client: ApiClient) -> None:
        self.client = client

    def change(self, path: str, update: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Written:
        """Bring one record to where it should be: read it, and send what is different on the version that was read.

        When somebody else changed it in between (412, and 409 as the same), or an answer of ours was lost and the
        version is our own, it is read again and `update` decides anew.

        Args:
            path: of the record, `/v1/customer/10001`.
            update: the record as read -> plain members to change; empty: nothing to do. Pure: may be called again.

        Raises: `RecordFailed` (kind "conflict") after several rounds, and what `ApiClient.request` raises.
        """
        key = _last_part(path)
        for _ in range(CONFLICTS):
            read = self.client.request("GET", path)
            if not isinstance(read.data, dict):
                raise TornAnswer(Decision(Action.RETRY, "malformed answer", f"{path} is no record"), read.status)
            etag, members = _etag(read), update(read.data)
            if not members:
                return Written(key, etag, False, read.correlation_id)
            answer = self.client.request("PUT", path, json=wrap(members), headers=_if_match(etag), allow=CONFLICT)
            if answer.status not in CONFLICT:
                return Written(key, _etag(answer), True, answer.correlation_id)
        raise RecordFailed(
            Decision(Action.FAIL_RECORD, "conflict", f"somebody else changed the record {CONFLICTS} times in a row"),
            answer.status,
            answer.correlation_id,
        )

    def create(self, path: str, members: Mapping[str, Any]) -> Written:
        """Create one record. Never repeated once it may have happened: there is no idempotency key.

        Raises: `Uncertain` when it may have been created, and what `ApiClient.request` raises.
        """
        answer = self.client.request("POST", path, json=wrap(members), parse=None)
        key = _last_part(answer.headers.get("location", ""))
        if not key:
            decision = Decision(Action.RETRY, "in doubt", "it was created, and the answer does not say under which key")
            raise Uncertain(decision, answer.status, answer.correlation_id)
        return Written(key, _etag(answer), True, answer.correlation_id)


def _last_part(url: str) -> str:
    """The key at the end of a path or `Location`; its host may be another than the one that was called (section 1)."""
    return unquote(urlsplit(url).path.rstrip("/").rpartition("/")[2])


def _etag(answer: Answer) -> str | None:
    """The version, without quotes: from the header, or from the body's `timeStamp`, which is the same."""
    version = answer.headers.get("etag") or (answer.data.get("timeStamp") if isinstance(answer.data, dict) else None)
    return str(version).removeprefix("W/").strip('"') if version else None


def _if_match(etag: str | None) -> dict[str, str]:
    return {} if etag is None else {"If-Match": f'"{etag}"'}
