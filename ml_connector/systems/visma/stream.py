"""Takes a JSON array apart while it arrives: some of Visma's lists come in one answer, however long (section 3, B)."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from json import JSONDecoder
from typing import Any

LONGEST = 16_000_000
"""Characters of one element at most; what is longer is taken for malformed, and not searched on with every chunk."""

_BLANKS = " \t\n\r"
_BEHIND_A_VALUE = _BLANKS + ",]"


class NotWhole(ValueError):
    """The text is no JSON array, or ends before the array does."""


def elements(chunks: Iterable[bytes]) -> Iterator[Any]:
    """The elements of a top-level array, each as soon as it is there; holds one chunk and one element.

    Raises NotWhole after the last element that could be read.
    """
    text = _Text(chunks)
    if text.next() != "[":
        raise NotWhole("the answer is no JSON array")
    if text.peek() == "]":
        text.next()
    else:
        while True:
            yield text.value()
            mark = text.next()
            if mark == "]":
                break
            if mark != ",":
                raise NotWhole("the JSON array is malformed")
    if text.peek():
        raise NotWhole("something stands behind the JSON array")


class _Text:
    """Text that arrives in chunks and is read from its front."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._scan = JSONDecoder().raw_decode
        self._text = ""
        self._at = 0

    def _more(self) -> bool:
        """Append the next chunk to what is not read yet; False when there is none."""
        if len(self._text) - self._at > LONGEST:
            raise NotWhole("the JSON array is malformed")
        chunk = next(self._chunks, None)
        if chunk is None:
            return False
        try:
            self._text = self._text[self._at :] + self._decoder.decode(chunk)
        except UnicodeDecodeError as error:
            raise NotWhole("the answer is no UTF-8") from error
        self._at = 0
        return True

    def peek(self) -> str:
        """The next character that is no blank; empty at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _BLANKS:
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def next(self) -> str:
        character = self.peek()
        self._at += len(character)
        return character

    def value(self) -> Any:
        """The value that begins here. It is whole when what may follow one follows it: 12 can be the start of 12.5."""
        while True:
            self.peek()
            try:
                value, end = self._scan(self._text, self._at)
                whole = end < len(self._text) and self._text[end] in _BEHIND_A_VALUE
            except (ValueError, RecursionError):
                whole = False
            if whole:
                self._at = end
                return value
            if not self._more():
                raise NotWhole("the JSON array breaks off, or is malformed")
