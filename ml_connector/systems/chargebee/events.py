"""Reads events: by window, and again those that a webhook told of (Chargebee reference, section 5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Final
from urllib.parse import quote

import orjson

from ml_connector.engine.ports import Page
from ml_connector.engine.records import SourceRow, is_name
from ml_connector.http import stopping
from ml_connector.systems.chargebee.base_currency import BaseCurrency
from ml_connector.systems.chargebee.client import PAGE, ChargebeeClient
from ml_connector.systems.chargebee.errors import NAME
from ml_connector.systems.chargebee.forms import among
from ml_connector.systems.chargebee.line_pages import complete

PATH: Final = "/events"
VERSION: Final = "v2"
ONE_BY_ONE: Final = 2
"""Up to so many events are asked for each by a call of its own."""
CHANGES_BY_ITSELF: Final = ("webhook_status", "webhooks")
"""What of an event only tells how its webhooks fare (section 5.1)."""


class Events:
    """The events of one site.

    Args:
        since: no event before this moment is asked for.
    """

    def __init__(self, client: ChargebeeClient, since: datetime) -> None:
        self._client = client
        self._since = since
        self._base = BaseCurrency(client)

    def read(self, since: datetime | None) -> Iterator[Page]:
        """Every event that occurred at or after a moment, the oldest first. Raises `Stopped`."""
        bound = max(since or self._since, self._since)
        params = {"sort_by[asc]": "occurred_at", "occurred_at[after]": str(_seconds(bound) - 1)}
        with stopping(NAME, "reading events"):
            for rows in self._client.pages(PATH, params):
                yield Page(self._rows(one.get("event") for one in rows))

    def fetch(self, keys: Sequence[str]) -> Iterator[Page]:
        """These events, as far as Chargebee has them. Raises `Stopped`.

        Many at a time by a list; what that does not give is asked for alone, and only what is not there then is not.
        """
        with stopping(NAME, "reading events again"):
            for begin in range(0, len(keys), PAGE):
                part = list(keys[begin : begin + PAGE])
                found: list[SourceRow] = []
                if len(part) > ONE_BY_ONE:
                    for rows in self._client.pages(PATH, {"id[in]": among(part)}):
                        found += self._rows(one.get("event") for one in rows)
                known = {row.key for row in found}
                yield Page([*found, *self._rows(self._single(key) for key in part if key not in known)])

    def _single(self, key: str) -> Any:
        answer = self._client.find(f"{PATH}/{quote(key, safe='')}")
        return None if answer is None else answer.data.get("event")

    def _rows(self, events: Iterable[Any]) -> list[SourceRow]:
        """Those of them that are events, with all that belongs to their documents."""
        found = []
        for event in events:
            if isinstance(event, dict):
                complete(self._client, event)
                self._base.put_into(event)
            if (row := row_of(event)) is not None:
                found.append(row)
        return found


def row_of(event: Any) -> SourceRow | None:
    """An event as the engine takes it; None for what is no event of this API."""
    if not isinstance(event, Mapping) or event.get("api_version") != VERSION:
        return None
    key, occurred = event.get("id"), event.get("occurred_at")
    if not isinstance(key, str) or not is_name(key) or not isinstance(occurred, int):
        return None
    kept = {name: value for name, value in event.items() if name not in CHANGES_BY_ITSELF}
    payload = orjson.dumps(kept, option=orjson.OPT_SORT_KEYS)
    return SourceRow(
        key=key,
        related=None,
        changed_at=datetime.fromtimestamp(occurred, UTC),
        payload=payload,
        digest=blake2b(payload, digest_size=16).digest(),
    )


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
