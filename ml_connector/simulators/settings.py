"""What every simulator can be told, at start and, through `POST /_simulator/settings`, while it runs."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any


@dataclass
class SimulatorSettings:
    """Settings common to all simulators; each vendor's settings extend them.

    Attributes:
        latency_seconds: time that every API call takes at least; costs no CPU.
        clock_offset_seconds: how far the server's clock is ahead of the real one; the `Date` header and every stamp
            follow it.
    """

    latency_seconds: float = 0.0
    clock_offset_seconds: float = 0.0

    def now(self) -> datetime:
        """The server's clock, aware UTC."""
        return datetime.now(UTC) + timedelta(seconds=self.clock_offset_seconds)

    def patch(self, changes: Mapping[str, Any], *, merge: bool = True) -> None:
        """Set several settings at once, or none: ValueError names the first that is unknown or of a wrong type.

        Args:
            merge: mappings, so that one page size can be changed alone; else they are replaced.
        """
        hints = typing.get_type_hints(type(self))
        for name, value in changes.items():
            if name not in hints:
                raise ValueError(f"unknown setting {name!r}; known are {', '.join(sorted(hints))}")
            if not fits(value, hints[name]):
                raise ValueError(f"setting {name!r} cannot be {value!r}; expected {_expected(hints[name])}")
        for name, value in changes.items():
            setattr(self, name, {**getattr(self, name), **value} if merge and isinstance(value, Mapping) else value)


def fits(value: object, hint: Any) -> bool:
    """Whether a JSON value may be assigned to a setting annotated with `hint`."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return any(fits(value, part) for part in parts)
    if origin is typing.Literal:
        return value in parts
    if origin is dict:
        return isinstance(value, dict) and all(fits(k, parts[0]) and fits(v, parts[1]) for k, v in value.items())
    if isinstance(value, bool):
        return hint is bool
    return isinstance(value, int | float) if hint is float else isinstance(value, origin or hint)


def _expected(hint: Any) -> str:
    choices = typing.get_args(hint) if typing.get_origin(hint) is typing.Literal else None
    return str(hint) if choices is None else f"one of {choices}"
