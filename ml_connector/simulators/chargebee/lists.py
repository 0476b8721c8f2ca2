"""Lists: filters with operators, sorting, pages with an opaque offset (Chargebee reference, section 1: lists)."""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import orjson

from ml_connector.simulators.chargebee.errors import wrong_value
from ml_connector.simulators.chargebee.settings import ChargebeeSettings

T = TypeVar("T")
Test = Callable[[Any], bool]
FilterKind = Literal["text", "enum", "time", "amount", "flag"]

DEFAULT_LIMIT, HIGHEST_LIMIT = 10, 100
LONGEST_OFFSET = 1000
OPERATORS: Mapping[FilterKind, Sequence[str]] = {
    "text": ("is", "is_not", "starts_with", "in", "not_in", "is_present"),
    "enum": ("is", "is_not", "in", "not_in", "is_present"),
    "time": ("after", "before", "on", "between", "is_present"),
    "amount": ("is", "is_not", "lt", "lte", "gt", "gte", "between", "is_present"),
    "flag": ("is",),
}
_FILTER = re.compile(r"(\w+)\[(\w+)\]")
_ITEM = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^,]*?))\s*(?:,|$)""")
_DAY = 86_400


@dataclass(frozen=True)
class Listing:
    """What a list can do: filters by name, and the attributes it can be sorted by."""

    name: str
    filters: Mapping[str, FilterKind]
    sorts: Sequence[str]
    default_sort: str
    deletable: bool = False
    extras: Sequence[str] = ()
    """Other parameters that the operation has; the caller treats them."""


def page(
    settings: ChargebeeSettings,
    listing: Listing,
    query: Sequence[tuple[str, str]],
    rows: Iterable[tuple[int, T]],
    value: Callable[[T, str], Any],
) -> tuple[list[T], str | None]:
    """A page of the rows, and the offset of the next one.

    Args:
        rows: every row with its place in the order of creation.
        value: an attribute of a row, or None.
    """
    tests, sort, newest_first, limit, offset, deleted = _understand(settings, listing, query)
    found: list[tuple[tuple[int, int], T]] = []
    for order, row in rows:
        key = (int(value(row, sort) or 0), order)
        if offset is not None and (key >= offset if newest_first else key <= offset):
            continue
        if listing.deletable and not deleted and value(row, "deleted"):
            continue
        if all(test(value(row, name)) for name, test in tests):
            found.append((key, row))
    first = heapq.nlargest if newest_first else heapq.nsmallest
    found = first(limit + 1, found, key=lambda item: item[0])
    chosen = [row for _, row in found[:limit]]
    if len(found) <= limit:
        return chosen, None
    # It looks like the real one: the sorted time in milliseconds, and a number that nobody else knows.
    moment, order = found[limit - 1][0]
    return chosen, orjson.dumps([str(moment * 1000), str(order)]).decode()


def _understand(
    settings: ChargebeeSettings, listing: Listing, query: Sequence[tuple[str, str]]
) -> tuple[list[tuple[str, Test]], str, bool, int, tuple[int, int] | None, bool]:
    tests: list[tuple[str, Test]] = []
    sort, newest_first = listing.default_sort, settings.default_order == "newest"
    limit, offset, deleted = DEFAULT_LIMIT, None, False
    for key, text in query:
        match = _FILTER.fullmatch(key)
        if key == "limit":
            limit = _limit(settings, text)
        elif key == "offset":
            offset = _offset(text)
        elif key == "include_deleted" and listing.deletable:
            deleted = _truth(key, text)
        elif match is not None and match[1] == "sort_by":
            if match[2] not in ("asc", "desc") or text not in listing.sorts:
                raise wrong_value(key, f"should be one of {', '.join(listing.sorts)}")
            sort, newest_first = text, match[2] == "desc"
        elif match is not None and match[1] in listing.filters and match[2] in OPERATORS[listing.filters[match[1]]]:
            tests.append((match[1], _test(settings, listing.filters[match[1]], key, match[2], text)))
        elif settings.unknown_parameters == "refuse" and key.partition("[")[0] not in listing.extras:
            raise wrong_value(key, "is no parameter of this operation")
    return tests, sort, newest_first, limit, offset, deleted


def _limit(settings: ChargebeeSettings, text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise wrong_value("limit", f"should be a number between 1 and {HIGHEST_LIMIT}")
    if int(text) > HIGHEST_LIMIT and settings.over_limit == "refuse":
        raise wrong_value("limit", f"should be a number between 1 and {HIGHEST_LIMIT}")
    return min(int(text), HIGHEST_LIMIT)


def _offset(text: str) -> tuple[int, int]:
    try:
        moment, order = orjson.loads(text)
        if len(text) > LONGEST_OFFSET:
            raise ValueError(text)
        return int(moment) // 1000, int(order)
    except (orjson.JSONDecodeError, ValueError, TypeError) as error:
        raise wrong_value("offset", "is not an offset of this list") from error


def elements(key: str, text: str) -> list[str]:
    """A bracketed list, however the client writes it: `[a,b]`, `["a","b"]`, `["a", "b"]` or `['a', 'b']`."""
    if not (text.startswith("[") and text.endswith("]")):
        raise wrong_value(key, "should be a list in brackets")
    inner, found, at = text[1:-1].strip(), [], 0
    while at < len(inner):
        match = _ITEM.match(inner, at)
        if match is None:
            raise wrong_value(key, "should be a list in brackets")
        found.append(next((group for group in match.groups() if group is not None), ""))
        at = match.end()
    return found


def _test(settings: ChargebeeSettings, kind: FilterKind, key: str, operator: str, text: str) -> Test:
    """Whether a row's value passes; a row without the value passes only what asks for that."""
    if operator == "is_present":
        wanted = _truth(key, text)
        return lambda value: (value is not None) == wanted
    if kind == "time":
        return _time_test(settings, key, operator, text)
    if kind == "amount":
        return _amount_test(key, operator, text)
    if kind == "flag":
        wanted = _truth(key, text)
        return lambda value: bool(value) == wanted
    if operator in ("in", "not_in"):
        chosen = frozenset(elements(key, text))
        return lambda value: (value in chosen) == (operator == "in")
    if not text:
        raise wrong_value(key, "cannot be blank")
    if operator == "starts_with":
        return lambda value: value is not None and str(value).startswith(text)
    return lambda value: (value == text) == (operator == "is")


def _time_test(settings: ChargebeeSettings, key: str, operator: str, text: str) -> Test:
    moments = elements(key, text) if operator == "between" else [text]
    if len(moments) != (2 if operator == "between" else 1) or not all(re.fullmatch(r"\d{10}", m) for m in moments):
        raise wrong_value(key, "should be a time of exactly 10 digits")  # section 1: money and time
    first, last = int(moments[0]), int(moments[-1])
    edge = 1 if settings.after == "exclusive" else 0
    if operator == "after":
        return lambda value: value is not None and value >= first + edge
    if operator == "before":
        return lambda value: value is not None and value <= first - edge
    if operator == "on":
        return lambda value: value is not None and value // _DAY == first // _DAY
    return lambda value: value is not None and first <= value <= last


def _amount_test(key: str, operator: str, text: str) -> Test:
    numbers = elements(key, text) if operator == "between" else [text]
    if not all(re.fullmatch(r"-?\d+", number) for number in numbers) or not numbers:
        raise wrong_value(key, "should be a whole number")
    low, high = int(numbers[0]), int(numbers[-1])
    tests: Mapping[str, Test] = {
        "is": lambda value: value == low,
        "is_not": lambda value: value != low,
        "lt": lambda value: value is not None and value < low,
        "lte": lambda value: value is not None and value <= low,
        "gt": lambda value: value is not None and value > low,
        "gte": lambda value: value is not None and value >= low,
        "between": lambda value: value is not None and low <= value <= high,
    }
    return tests[operator]


def _truth(key: str, text: str) -> bool:
    if text not in ("true", "false"):
        raise wrong_value(key, "should be true or false")
    return text == "true"
