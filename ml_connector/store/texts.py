"""Words from outside, as a database takes them."""

from __future__ import annotations


def storable(words: str | None, length: int | None = None) -> str | None:
    """What somebody said, without the characters that a database refuses."""
    if words is None or (words.isascii() and "\0" not in words):
        return words if length is None or words is None else words[:length]
    return words.encode("utf-8", "replace").decode().replace("\0", "\ufffd")[:length]
