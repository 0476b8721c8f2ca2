"""A JSON array is taken apart while it arrives."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.systems.visma.stream import NotWhole, elements

texts = st.text('aÅ€🐟\\"\n ,]}', max_size=6)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=10,
)


def chunked(text: bytes, sizes: list[int]) -> Iterator[bytes]:
    for size in sizes:
        yield text[:size]
        text = text[size:]
    yield text


@given(
    st.lists(values, max_size=5), st.lists(st.integers(0, 7), max_size=60), st.booleans(), st.sampled_from([None, 1])
)
def test_however_it_is_cut_the_elements_are_the_same(
    array: list[object], sizes: list[int], plain: bool, indent: int | None
) -> None:
    """Chunks end within letters, numbers, escapes and blanks."""
    text = json.dumps(array, ensure_ascii=plain, indent=indent).encode("utf-8", "surrogatepass")
    try:
        text.decode()
    except UnicodeDecodeError:
        return
    assert list(elements(chunked(text, sizes))) == array


@given(st.lists(values, min_size=1, max_size=4), st.data())
def test_an_array_that_breaks_off_is_never_taken_for_whole(array: list[object], data: st.DataObject) -> None:
    """Every proper beginning is refused, after the elements that were whole."""
    text = json.dumps(array).encode()
    end = data.draw(st.integers(0, len(text) - 1))
    read: list[object] = []
    with pytest.raises(NotWhole):
        read.extend(elements([text[:end]]))
    assert read == array[: len(read)]


@pytest.mark.parametrize(
    "text", [b"", b"{}", b'{"message": "no"}', b"<html>", b"[1 2]", b"[1,]", b"[1]x", b"[,1]", b"[\xff]", b"[01]"]
)
def test_what_is_no_array_is_refused(text: bytes) -> None:
    """Pages of gateways, error bodies, malformed JSON."""
    with pytest.raises(NotWhole):
        list(elements([text]))


def test_a_byte_order_mark_is_no_content() -> None:
    """.NET likes to send one."""
    assert list(elements([b"\xef\xbb", b"\xbf[1]"])) == [1]


def test_elements_come_before_the_end_has_arrived() -> None:
    """Memory holds one chunk, however long the array."""
    row = json.dumps({"name": "x" * 1000}).encode()
    sent = 0

    def chunks() -> Iterator[bytes]:
        nonlocal sent
        yield b"["
        while True:
            sent += 1
            yield row + b","

    endless = elements(chunks())
    for number in range(1, 500):
        assert next(endless)["name"]
        assert sent <= number + 1
