"""Visma's rows as the engine takes them, from pages and from single members."""

from __future__ import annotations

import json
import tracemalloc
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.engine.records import SourceRow
from ml_connector.systems.visma.rows import Unpacker

READ_AT = datetime(2026, 11, 1, tzinfo=UTC)
CUSTOMER = Unpacker("number", None, "lastModifiedDateTime", ZoneInfo("Europe/Oslo"), lambda: READ_AT)
METADATA = {"totalCount": 7, "maxPageSize": 1000}

texts = st.text('a"\\\\{}[],: \nØ🐟', max_size=8)
members = st.fixed_dictionaries(
    {"number": texts | st.integers(0, 99)},
    optional={
        "name": texts,
        "lastModifiedDateTime": st.sampled_from(["2026-07-01T12:00:00.5", None, "soon"]),
        "vatZone": st.fixed_dictionaries({"id": texts, "metadata": st.just(METADATA)}),
        "lines": st.lists(st.fixed_dictionaries({"text": texts, "metadata": st.just(METADATA)}), max_size=3),
        "number2": texts,
    },
)


def one(member: Any) -> SourceRow:
    (row,) = CUSTOMER.rows([member])
    return row


def page(rows: list[Any]) -> bytes:
    """As Visma writes one: no blanks, and `metadata` at the end of every row."""
    return orjson.dumps([{**row, "metadata": METADATA} for row in rows])


def test_a_row_of_a_page_is_its_own_text() -> None:
    """Without the metadata, which only describes the answer; the digest is over exactly that."""
    sheet = CUSTOMER.array_page(page([{"number": " 10001 ", "lastModifiedDateTime": "2026-07-01T12:00:00.5"}] * 2))
    assert (len(sheet.rows), sheet.total, sheet.largest) == (2, 7, 1000)
    row = sheet.rows[1]
    assert (row.key, row.related) == ("10001", None)
    assert row.changed_at == datetime(2026, 7, 1, 10, 0, 0, 500_000, tzinfo=UTC)
    assert row.payload == b'{"number":" 10001 ","lastModifiedDateTime":"2026-07-01T12:00:00.5"}'
    assert row.digest == blake2b(row.payload, digest_size=16).digest()


@given(st.lists(members, max_size=5), st.booleans(), st.randoms())
def test_however_a_page_is_written_its_rows_are_the_same(rows: list[dict[str, Any]], blanks: bool, order: Any) -> None:
    """Metadata at the end, in the middle, within nested records, in texts; with blanks, or without."""
    written = [{**row, "metadata": METADATA} for row in rows]
    shuffled = [dict(order.sample(list(row.items()), len(row))) for row in written]
    for form in (written, shuffled):
        content = json.dumps(form, indent=1 if blanks else None, separators=None if blanks else (",", ":")).encode()
        sheet = CUSTOMER.array_page(content)
        assert sheet.total == (7 if rows else None)
        assert [orjson.loads(row.payload) for row in sheet.rows] == rows
        expected = CUSTOMER.rows([dict(row) for row in rows])
        assert [row.changed_at for row in sheet.rows] == [row.changed_at for row in expected]
        for found, wanted in zip(sheet.rows, expected, strict=True):
            assert found.key == wanted.key or {found.key[:11], wanted.key[:11]} == {"unreadable:"}


@given(st.lists(members, min_size=1, max_size=3), st.data())
def test_a_page_that_is_torn_anywhere_is_refused(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    """No beginning of a page passes for a page."""
    content = page(rows)
    with pytest.raises(ValueError, match=r".+"):
        CUSTOMER.array_page(content[: data.draw(st.integers(0, len(content) - 1))])


@pytest.mark.parametrize("rest", [b"x", b",", b"]", b"[]"])
def test_something_behind_a_page_is_not_overlooked(rest: bytes) -> None:
    """A page with a tail is malformed; one with a line break is not."""
    content = page([{"number": "1"}])
    assert CUSTOMER.array_page(content + b"\r\n").rows
    with pytest.raises(ValueError, match=r".+"):
        CUSTOMER.array_page(content + rest)


def test_a_single_member_is_written_in_sorted_form() -> None:
    """Contacts are taken apart by another parser: their payload does not depend on the order of members."""
    assert one({"number": "1", "b": [1, None], "a": 0.1, "metadata": METADATA, "c": "Ærø 🐟"}).payload == (
        '{"a":0.1,"b":[1,null],"c":"Ærø 🐟","number":"1"}'.encode()
    )


@pytest.mark.parametrize("stamp", [None, "", "yesterday", 5, "0001-01-01T00:00:00"])
def test_a_row_without_a_stamp_counts_as_changed_when_it_was_read(stamp: object) -> None:
    """failures.md 6: it is delivered like any other."""
    row = one({"number": "1", "lastModifiedDateTime": stamp})
    assert (row.key, row.changed_at) == ("1", READ_AT)


@pytest.mark.parametrize(
    "member",
    [{}, {"number": None}, {"number": ""}, {"number": "x" * 300}, {"number": True}, {"number": "1\x00"}, None, 7, []],
)
def test_a_row_without_a_key_is_not_lost(member: Any) -> None:
    """It is kept under a key of its content, so that it shows up as rejected."""
    row = one(member)
    assert row.key == f"unreadable:{row.digest.hex()[:12]}"
    assert row.payload == orjson.dumps(member)
    assert row.changed_at == READ_AT


@pytest.mark.parametrize("odd", ['"\\ud83d"', str(10**30), "1e400"])
def test_an_odd_value_spoils_no_other_row(odd: str) -> None:
    """Half an emoji, a number without end: the row is kept, and its neighbours are as ever."""
    text = f'[{{"number":"1","name":{odd},"metadata":{{}}}},{{"number":"2","metadata":{{}}}}]'
    for first, second in (CUSTOMER.array_page(text.encode()).rows, CUSTOMER.rows(json.loads(text))):
        assert (first.key, second.payload) == ("1", b'{"number":"2"}')
        assert b'"name":' in first.payload


def test_memory_of_a_payload_is_what_it_holds() -> None:
    """The encoder's own result holds on to a buffer of 16 KiB, which a page of a thousand rows cannot afford."""
    tracemalloc.start()
    try:
        rows = CUSTOMER.rows([{"number": str(number)} for number in range(200)])
        assert tracemalloc.get_traced_memory()[0] < 200 * 1000
    finally:
        tracemalloc.stop()
    assert len(rows) == 200
