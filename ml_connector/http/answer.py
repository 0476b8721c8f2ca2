"""What a call came back with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that can be used.

    Attributes:
        status: HTTP status.
        headers: whatever the case of the name.
        content: the body's bytes.
        data: the body, parsed; None when it is empty or was asked for raw.
        correlation_id: the vendor's request id, where it sent one.
        date: the server's clock, aware UTC, where it said.
        repeated: an earlier try of this write got no answer, and may have taken effect or may still do so.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes
    data: Any
    correlation_id: str | None
    date: datetime | None
    repeated: bool = False

    def json(self) -> Any:
        """The body, parsed."""
        return self.data


def to_json(value: Any) -> bytes:
    """JSON bytes of a request; a Decimal stands as the number that it is, without a float on the way."""
    return orjson.dumps(value, default=_decimal)


def _decimal(value: Any) -> Any:
    if isinstance(value, Decimal) and value.is_finite():
        return orjson.Fragment(format(value, "f"))
    raise TypeError(f"{type(value).__name__} has no JSON form")
