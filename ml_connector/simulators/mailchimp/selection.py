"""`fields`, `exclude_fields`, `count` and `offset` of a call (Mailchimp reference, section 2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any, TypeVar

from ml_connector.simulators.mailchimp.errors import invalid

DEFAULT_COUNT = 10
MAX_COUNT = 1000

Row = TypeVar("Row")
Tree = dict[str, Any]


def select(body: dict[str, Any], params: Mapping[str, str]) -> dict[str, Any]:
    """The body with only the `fields` that were asked for, and without the `exclude_fields`."""
    if wanted := params.get("fields"):
        body = _keep(body, _tree(wanted))
    if unwanted := params.get("exclude_fields"):
        body = _drop(body, _tree(unwanted))
    return body


def window(params: Mapping[str, str]) -> tuple[int, int]:
    """Offset and count of a page; 400 for what is no number, negative, or above 1000."""
    values = []
    for name, default, highest in (("offset", 0, None), ("count", DEFAULT_COUNT, MAX_COUNT)):
        text = params.get(name, str(default))
        if not text.isdecimal():
            raise invalid((name, "Schema describes integer, string found instead"))
        if highest is not None and int(text) > highest:
            raise invalid((name, f"This value should be less than or equal to {highest}"))
        values.append(int(text))
    return values[0], values[1]


def page(rows: Iterable[Row], params: Mapping[str, str]) -> list[Row]:
    """The rows of the page that the call asks for."""
    offset, count = window(params)
    return list(islice(rows, offset, offset + count))


def flag(params: Mapping[str, str], name: str) -> bool:
    """A true-or-false parameter; false when it is missing."""
    return params.get(name, "").lower() in ("true", "1")


@lru_cache(maxsize=256)
def _tree(paths: str) -> Tree:
    """`a.b,c` as `{"a": {"b": {}}, "c": {}}`; an empty node stands for everything below it."""
    root: Tree = {}
    for path in filter(None, (part.strip() for part in paths.split(","))):
        node = root
        for name in path.split("."):
            node = node.setdefault(name, {})
    return root


def _keep(value: Any, tree: Tree) -> Any:
    if not tree:
        return value
    if isinstance(value, list):
        return [_keep(item, tree) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: _keep(value[name], below) for name, below in tree.items() if name in value}


def _drop(value: Any, tree: Tree) -> Any:
    if isinstance(value, list):
        return [_drop(item, tree) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _drop(item, tree[name]) if tree.get(name) else item
        for name, item in value.items()
        if name not in tree or tree[name]
    }
