"""A call and its reply, the same for a request over HTTP and for an operation of a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from ml_connector.simulators.mailchimp.errors import Problem

if TYPE_CHECKING:
    from ml_connector.simulators.mailchimp.account import Account


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What is asked of the API.

    Attributes:
        args: the variable parts of the path, decoded.
        via: how a member's history names the call: `PUT`, or `batch PUT`.
        base_url: scheme, host and port under which the caller sees this server.
    """

    method: str
    args: Mapping[str, str]
    params: Mapping[str, str]
    body: bytes
    via: str
    base_url: str

    def json(self) -> Any:
        """The body; 400 when it is not JSON."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise Problem(400, "JSON Parse Error", "We encountered an unspecified JSON parsing error.") from error


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a call; a body of None is an empty one, one with a status from 400 on is a problem document."""

    status: int
    body: dict[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[["Account", Call], Reply]
Methods = Mapping[str, Handler]
