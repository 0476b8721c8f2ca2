"""A call and its reply, whichever route family it came by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from ml_connector.simulators.hubspot.errors import Problem, invalid

if TYPE_CHECKING:
    from ml_connector.simulators.hubspot.portal import Portal


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What is asked of the API.

    Attributes:
        args: the variable parts of the path, decoded.
        query: the query's pairs, decoded, in their order.
        version: the date in the path; empty for a numbered version.
        url: scheme, host, port and path, for links to the next page.
    """

    method: str
    args: Mapping[str, str]
    query: Sequence[tuple[str, str]]
    body: bytes
    version: str
    url: str

    @property
    def dated(self) -> bool:
        """Whether the path names its version by a date."""
        return bool(self.version)

    def json(self) -> dict[str, Any]:
        """The body, an object; else 400."""
        found = self.any_json()
        if type(found) is not dict:
            raise invalid("Invalid input JSON: expected an object.")
        return found

    def any_json(self) -> Any:
        """The body, whatever JSON it is; else 400."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise invalid(f"Invalid input JSON: {error}") from error

    def one(self, name: str) -> str | None:
        """The query's last value of that name."""
        return next((value for key, value in reversed(self.query) if key == name), None)

    def many(self, name: str) -> list[str]:
        """A list in the query: separated by commas, or repeated (section 4)."""
        return [part for key, value in self.query if key == name for part in value.split(",") if part]

    def flag(self, name: str) -> bool:
        return (self.one(name) or "false").lower() == "true"

    def limit(self, default: int, most: int) -> int:
        """`limit` of the query; 400 beyond what the call allows."""
        return limit_of(self.one("limit"), default, most)


def limit_of(text: object, default: int, most: int) -> int:
    """A page's size; 400 where it is no number from 1 to `most`."""
    if text in (None, ""):
        return default
    try:
        limit = int(str(text))
    except ValueError as error:
        raise invalid(f"limit must be a whole number, not {text}") from error
    if not 1 <= limit <= most:
        raise invalid(f"The page size of {limit} is not between 1 and {most}.")
    return limit


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a call; a body of None is an empty one."""

    status: int
    body: dict[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[["Portal", Call], Reply]


@dataclass(frozen=True, slots=True)
class Route:
    """A path in both families, and what each method does there.

    Attributes:
        paths: of both families; the date is `{version}`.
        methods: by HTTP method, the call's class (`batch_upsert`) and its handler.
    """

    paths: Sequence[str]
    methods: Mapping[str, tuple[str, Handler]]


def inputs_of(body: Mapping[str, Any], most: int) -> list[Any]:
    """The `inputs` of a batch; 400 where there are none or too many."""
    inputs = body.get("inputs")
    if type(inputs) is not list:
        raise invalid("Some required fields were not set: [inputs]")
    if len(inputs) > most:
        raise invalid(f"Batch input size of {len(inputs)} is over the limit of {most}.")
    return inputs


def text_of(item: object, key: str) -> str:
    """A required id or name of an object; a number is taken as its text; else 400."""
    value = item.get(key) if isinstance(item, dict) else None
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise invalid(f"Some required fields were not set: [{key}]")
    return str(value)


def texts_of(body: Mapping[str, Any], key: str) -> list[str]:
    """A list of names that may be left out; else 400."""
    value = body.get(key) or []
    if type(value) is not list or not all(isinstance(one, str) for one in value):
        raise invalid(f"{key} must be an array of texts.")
    return value


def number_of(text: str, problem: Problem) -> int:
    """A record's id; the problem where it is no number."""
    if not text.isascii() or not text.isdigit():
        raise problem
    return int(text)
