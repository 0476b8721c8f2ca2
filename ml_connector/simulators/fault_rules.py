"""When faults strike: rules by name and by schedule, and the plan that holds them. What they do is in `faults.py`."""

from __future__ import annotations

import asyncio
import re
import typing
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from starlette.responses import HTMLResponse, Response
from starlette.types import Scope

from ml_connector.simulators.settings import fits

NAMES = (
    "slow", "reset", "reset_body", "lost_answer", "late_commit", "torn_json", "rate_limit", "rate_limit_empty",
    "forbidden_empty", "server_error", "false_error", "html_error", "expired_token", "locked", "migrating",
    "empty_page", "rows_move",
)  # fmt: skip

DEFAULT_SECONDS = {"slow": 5.0, "late_commit": 60.0}


@dataclass
class FaultRule:
    """One fault and when it strikes.

    Attributes:
        fault: one of NAMES.
        path: regular expression searched in the call's path; None means every path.
        method: HTTP method; None means every method.
        after: the first matching calls that pass untouched.
        every: strikes on each Nth matching call after those; None means on each.
        times: how often it strikes at most; None means without end.
        seconds: duration, for the faults that have one.
        retry_after: the `Retry-After` header of a rate limit answer, in seconds.
    """

    fault: str
    path: str | None = None
    method: str | None = None
    after: int = 0
    every: int | None = None
    times: int | None = None
    seconds: float | None = None
    retry_after: int | None = None
    matched: int = field(default=0, init=False)
    fired: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.fault not in NAMES:
            raise ValueError(f"unknown fault {self.fault!r}; known are {', '.join(NAMES)}")
        if self.every is not None and self.every < 1:
            raise ValueError(f"'every' of a fault cannot be {self.every}; 1 means each call")
        try:
            re.compile(self.path or "")
        except re.error as error:
            raise ValueError(f"the path {self.path!r} is no regular expression: {error}") from error

    @classmethod
    def from_json(cls, rule: Mapping[str, Any]) -> FaultRule:
        """A rule from its JSON object; ValueError names an unknown key or fault, or a value of a wrong type."""
        hints = typing.get_type_hints(cls)
        known = {f.name for f in fields(cls) if f.init}
        if unknown := sorted(set(rule) - known):
            raise ValueError(f"unknown key {unknown[0]!r} in a fault; known are {', '.join(sorted(known))}")
        if wrong := [key for key, value in rule.items() if not fits(value, hints[key])]:
            raise ValueError(f"{wrong[0]!r} of a fault cannot be {rule[wrong[0]]!r}; expected {hints[wrong[0]]}")
        if "fault" not in rule:
            raise ValueError("a fault needs its name under 'fault'")
        return cls(**rule)

    @classmethod
    def parse(cls, text: str) -> FaultRule:
        """A rule from the command line, `NAME` or `NAME:key=value,...`: `rate_limit:every=10,retry_after=1`."""
        name, _, rest = text.partition(":")
        rule: dict[str, Any] = {"fault": name}
        for part in filter(None, rest.split(",")):
            key, _, value = part.partition("=")
            try:
                rule[key] = value if key in ("path", "method") else float(value) if key == "seconds" else int(value)
            except ValueError:
                raise ValueError(f"{key!r} of a fault cannot be {value!r}; expected a number") from None
        return cls.from_json(rule)

    @property
    def duration(self) -> float:
        return DEFAULT_SECONDS.get(self.fault, 0.0) if self.seconds is None else self.seconds

    def strikes(self, scope: Scope) -> bool:
        """Whether this call is hit; counts it."""
        if self.method is not None and scope["method"] != self.method.upper():
            return False
        if self.path is not None and re.search(self.path, scope["path"]) is None:
            return False
        self.matched += 1
        turn = self.matched - self.after
        if turn <= 0 or (self.every is not None and turn % self.every) or self.fired == self.times:
            return False
        self.fired += 1
        return True


Answer = Callable[[FaultRule, Scope], Response]
Hook = Callable[[FaultRule, Scope], None]


def retry_after(rule: FaultRule) -> dict[str, str]:
    """The `Retry-After` header that a rule asks for, if it does."""
    return {} if rule.retry_after is None else {"retry-after": str(rule.retry_after)}


def _bare(status: int) -> Answer:
    """An answer without a body."""

    def answer(rule: FaultRule, _scope: Scope) -> Response:
        return Response(status_code=status, headers=retry_after(rule))

    return answer


def _gateway_page(_rule: FaultRule, _scope: Scope) -> Response:
    page = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
    return HTMLResponse(page, status_code=502)


@dataclass
class FaultPlan:
    """The rules in force, the vendor's answers and hooks, and the calls that are still to be executed late."""

    rules: list[FaultRule] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)
    hooks: dict[str, Hook] = field(default_factory=dict)
    pending: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.answers = {
            "rate_limit": _bare(429),
            "rate_limit_empty": _bare(429),
            "forbidden_empty": _bare(403),
            "server_error": _bare(500),
            "html_error": _gateway_page,
            "expired_token": _bare(401),
            "locked": _bare(423),
            **self.answers,
        }

    def replace(self, rules: Iterable[Mapping[str, Any]]) -> None:
        """Put other rules in force; ValueError, and no change, when one of them is wrong or not this simulator's."""
        wanted = [FaultRule.from_json(rule) for rule in rules]
        for rule in wanted:
            if (rule.fault in ("empty_page", "migrating") and rule.fault not in self.answers) or (
                rule.fault == "rows_move" and rule.fault not in self.hooks
            ):
                raise ValueError(f"this simulator has no fault {rule.fault!r}")
        self.rules = wanted

    def later(self, seconds: float, execute: Callable[[], Awaitable[None]]) -> None:
        """Execute a call `seconds` from now; it survives a change of the rules, not a reset."""

        async def wait_and_execute() -> None:
            await asyncio.sleep(seconds)
            await execute()

        task = asyncio.create_task(wait_and_execute())
        self.pending.add(task)
        task.add_done_callback(self.pending.discard)

    def forget_pending(self) -> None:
        """Drop the calls that would be executed late."""
        for task in self.pending:
            task.cancel()
