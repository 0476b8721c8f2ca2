"""Visma's rows as the engine takes them, from pages and from single members.

A page is not parsed as a whole. Visma repeats the same `metadata` at the end of every row, so a page falls apart at it
into the rows' own texts, which are what is landed; a quick look into each finds key and stamp. That is half the work of
building every row and writing it again, and it is done for every row of every read. What does not fall apart like that
is parsed, and written in a canonical form instead. `metadata` within nested records is constant, and stays.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from pydantic_core import SchemaValidator, ValidationError
from pydantic_core.core_schema import any_schema, typed_dict_field, typed_dict_schema

from ml_connector.engine.records import SourceRow, is_name
from ml_connector.systems.visma.times import parse_stamp

_METADATA = b',"metadata":'


@dataclass(frozen=True, slots=True)
class Sheet:
    """One page.

    Attributes:
        rows: in the page's order.
        total: how many rows the whole list has; None where the page does not say.
        largest: the endpoint's largest page; None where the page does not say.
    """

    rows: Sequence[SourceRow]
    total: int | None
    largest: int | None


class Unpacker:
    """Makes rows of one kind. Nothing is left out, whatever it looks like.

    A row without a stamp that can be read counts as changed when it was read; one without a key is kept under a key
    made of its content, and is refused when it is mapped, so that people see it.

    Args:
        key: the member that holds the business key, or several that only together are one.
        related: the member that holds the key of the record it belongs to.
        stamp: the member that holds the change time.
        zone: of zone-less times.
        clock: aware UTC.
    """

    def __init__(
        self,
        key: str | tuple[str, ...],
        related: str | None,
        stamp: str | None,
        zone: ZoneInfo,
        clock: Callable[[], datetime],
    ) -> None:
        self._keys = (key,) if isinstance(key, str) else key
        self._related = related
        self._stamp = stamp
        self._zone = zone
        self._clock = clock
        names = [name for name in (*self._keys, related, stamp) if name is not None]
        fields = {name: typed_dict_field(any_schema(), required=False) for name in names}
        self._look = SchemaValidator(typed_dict_schema(fields))

    def array_page(self, content: bytes) -> Sheet:
        """A page of a paged array (Visma reference, section 3, A). ValueError: it is none."""
        try:
            texts, metadata = _cut(content)
            now = self._clock()
            rows = [self._from_text(text, now) for text in texts]
        except ValueError:
            body = _parsed(content)
            if not isinstance(body, list):
                raise ValueError("the page is no array") from None
            metadata = body[0].get("metadata") if body and isinstance(body[0], dict) else None
            rows = self.rows(body)
        if not isinstance(metadata, dict):
            return Sheet(rows, None, None)
        return Sheet(rows, _count(metadata.get("totalCount")), _count(metadata.get("maxPageSize")))

    def wrapper_page(self, content: bytes) -> Sheet:
        """A page of a wrapped list (section 3, C); its `pageSize` is the size that was used. ValueError: it is none."""
        body = _parsed(content)
        if not isinstance(body, dict) or not isinstance(body.get("records"), list):
            raise ValueError("the page has no records")
        return Sheet(self.rows(body["records"]), _count(body.get("totalCount")), _count(body.get("pageSize")))

    def rows(self, members: Iterable[Any]) -> list[SourceRow]:
        """Rows of parsed members."""
        now = self._clock()
        return [self._from_member(member, now) for member in members]

    def _from_text(self, text: bytes, now: datetime) -> SourceRow:
        try:
            head = self._look.validate_json(text)
        except ValidationError:  # half a surrogate pair, say: it spoils its own row and not the page
            return self._from_member(json.loads(text), now)
        return self._row(head, text, now)

    def _from_member(self, member: Any, now: datetime) -> SourceRow:
        if not isinstance(member, dict):
            return self._row({}, _canonical(member), now)
        member.pop("metadata", None)
        return self._row(member, _canonical(member), now)

    def _row(self, head: dict[str, Any], payload: bytes, now: datetime) -> SourceRow:
        digest = blake2b(payload, digest_size=16).digest()
        return SourceRow(
            _joined(head, self._keys) or f"unreadable:{digest.hex()[:12]}",
            None if self._related is None else _key(head.get(self._related)),
            (self._stamp and parse_stamp(head.get(self._stamp), self._zone, now)) or now,
            payload,
            digest,
        )


def _cut(content: bytes) -> tuple[list[bytes], Any]:
    """The texts of a page's rows, and the metadata. ValueError: the last row does not end with `metadata`.

    Whether each text is JSON is still to be seen: only then was the page cut where its rows end.
    """
    start, end = content.rfind(_METADATA), content.rfind(b"}]")
    if start < 0 or not content.startswith(b"[") or content[end + 2 :].strip():
        raise ValueError("the page does not end as expected")
    metadata = orjson.loads(content[start + len(_METADATA) : end])
    return [part + b"}" for part in content[1:start].split(content[start:end] + b"},")], metadata


def _parsed(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return json.loads(content)  # takes half a surrogate pair


def _canonical(member: Any) -> bytes:
    """Sorted JSON. Copied, because orjson's own result holds on to a buffer of 16 KiB."""
    try:
        return bytes(memoryview(orjson.dumps(member, option=orjson.OPT_SORT_KEYS)))
    except TypeError:  # numbers beyond 64 bits, half a surrogate pair
        return json.dumps(member, sort_keys=True, separators=(",", ":")).encode()


def _key(value: Any) -> str | None:
    """A key as text; None for what is no key."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        return None
    text = value.strip()
    return text if is_name(text) else None


def _joined(head: dict[str, Any], names: tuple[str, ...]) -> str | None:
    """`Invoice-100045`; None when a part of it is no key."""
    parts = [_key(head.get(name)) for name in names]
    return "-".join(part for part in parts if part) if all(parts) else None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
