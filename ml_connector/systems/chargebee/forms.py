"""Parameters as Chargebee takes them: form-encoded, arrays with the attribute first and the index last (reference,
section 1, encoding)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

CONTENT_TYPE = "application/x-www-form-urlencoded; charset=UTF-8"
JSON_VALUES = frozenset({"meta_data", "exemption_details"})
"""Sent as one JSON text, and not in brackets."""


def encoded(members: Mapping[str, Any]) -> bytes:
    """The body of a POST. None is left out; an empty text clears.

    A list of objects becomes `name[attribute][0]`, an object `name[attribute]`, true and false are in lower case.
    """
    return urlencode(list(_pairs(members))).encode()


def _pairs(members: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in members.items():
        if value is None:
            continue
        if name in JSON_VALUES:
            yield name, json.dumps(value, separators=(",", ":"))
        elif isinstance(value, Mapping):
            for inner, one in value.items():
                if one is not None:
                    yield f"{name}[{inner}]", _scalar(one)
        elif isinstance(value, Sequence) and not isinstance(value, str):
            for at, item in enumerate(value):
                for inner, one in item.items():
                    if one is not None:
                        yield f"{name}[{inner}][{at}]", _scalar(one)
        else:
            yield name, _scalar(value)


def _scalar(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def among(values: Sequence[str]) -> str:
    """The value of a filter `name[in]`, with double quotes as the documents have it."""
    return json.dumps(list(values), separators=(",", ":"))
