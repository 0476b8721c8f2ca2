"""What to do about an answer: an action, decided by a table of data and never by an if-tree.

A vendor's table lists its own rows first; `COMMON` stands behind every table. Looking up is a pure function of the
answer, so that the same table also decides about the answers inside a batch's result archive.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, Flag, auto
from typing import Any, NamedTuple

import orjson


class Action(Enum):
    """What the caller of an API does about an answer.

    OK: it worked.
    RETRY: ask again after a pause. Whether a write took effect is unknown, so one that is not idempotent is in doubt.
    RETRY_AFTER: the call was turned away unread (a limit); every call of the account waits, then it is repeated.
    REFRESH_TOKEN: the token was refused. The auth object renews it and repeats the call once; still so: stop.
    BISECT: one record of several spoils the call; send halves.
    REJECT_RECORD: the record is refused for good.
    FAIL_RECORD: the record did not work now; later it may.
    STOP: nothing else will work either.
    """

    OK = auto()
    RETRY = auto()
    RETRY_AFTER = auto()
    REFRESH_TOKEN = auto()
    BISECT = auto()
    REJECT_RECORD = auto()
    FAIL_RECORD = auto()
    STOP = auto()


class Shape(Flag):
    """What a body looks like. Vendors behind gateways mean different things by a status with and without their JSON."""

    EMPTY = auto()
    JSON = auto()
    PROBLEM = auto()  # application/problem+json
    HTML = auto()
    OTHER = auto()
    READABLE = JSON | PROBLEM
    UNREADABLE = EMPTY | HTML | OTHER


class Explanation(NamedTuple):
    """What an error body says: the vendor's own code or title, and its text for people; None and "" where absent."""

    code: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of a table; every condition that is set must hold.

    Attributes:
        status: an HTTP status or a range of them.
        action: what to do.
        kind: class of the problem in a word or two, for `problems` and for grouping ("quota", "validation").
        reason: what happened, in plain words; `{detail}`, `{code}` and `{status}` are filled in from the answer.
        advice: what a person can do about it; needed where the action stops.
        code: the vendor's code or title, exactly.
        detail: a pattern searched for in the vendor's text, whatever the case.
        shape: shapes of the body.
        wait: seconds that everybody waits after RETRY_AFTER where the server names no time; None: doubling pauses.
    """

    status: int | range
    action: Action
    kind: str
    reason: str
    advice: str = ""
    code: str | None = None
    detail: str | None = None
    shape: Shape | None = None
    wait: float | None = None

    def fits(self, status: int, shape: Shape, explanation: Explanation) -> bool:
        return (
            (status == self.status if isinstance(self.status, int) else status in self.status)
            and (self.shape is None or bool(shape & self.shape))
            and (self.code is None or self.code == explanation.code)
            and (self.detail is None or re.search(self.detail, explanation.detail, re.IGNORECASE) is not None)
        )


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do about one answer, and how to say why.

    Attributes:
        action: what to do.
        kind: class of the problem.
        reason: what happened, in plain words.
        advice: what a person can do about it; may be empty.
        vendor_code: the vendor's own code or title.
        wait: see `Rule.wait`.
    """

    action: Action
    kind: str
    reason: str
    advice: str = ""
    vendor_code: str | None = None
    wait: float | None = None


def explain_problem(body: Any) -> Explanation:
    """How problem+json explains itself: the title is the code; `errors` name fields."""
    if not isinstance(body, Mapping):
        return Explanation(None, "")
    errors = body.get("errors")
    parts = [
        f"{error.get('field') or 'body'}: {error.get('message')}"
        for error in (errors if isinstance(errors, list) else [])
        if isinstance(error, Mapping)
    ]
    title, detail = body.get("title"), body.get("detail") or ""
    return Explanation(str(title) if title else None, " ".join([str(detail), "; ".join(parts)]).strip())


HTML_PAGE = "a web page came instead of data (status {status}); a gateway or a proxy sent it"
DOWN = "the server reports an error of its own (status {status}) {detail}"

COMMON: Sequence[Rule] = (
    Rule(range(200, 300), Action.RETRY, "malformed answer", HTML_PAGE, shape=Shape.HTML),
    Rule(range(200, 300), Action.OK, "", ""),
    Rule(
        range(300, 400),
        Action.STOP,
        "configuration",
        "the server redirects to another address (status {status})",
        "Correct base_url: it is the scheme, host and port of the system and nothing more.",
    ),
    Rule(
        401,
        Action.REFRESH_TOKEN,
        "credentials",
        "the credentials were refused (status 401) {detail}",
        "Enter the credentials anew with `ml-connector credentials set`.",
    ),
    Rule(
        403,
        Action.STOP,
        "rights",
        "the credentials do not have the right to do this (status 403) {detail}",
        "Give the account the right, or use the credentials of an account that has it.",
    ),
    Rule(408, Action.RETRY, "outage", "the server gave up waiting for the call (status 408)"),
    Rule(429, Action.RETRY_AFTER, "quota", "the limit of calls is reached (status 429) {detail}"),
    Rule(range(400, 500), Action.REJECT_RECORD, "validation", "refused with status {status}: {detail}"),
    Rule(range(500, 600), Action.RETRY, "outage", HTML_PAGE, shape=Shape.HTML),
    Rule(range(500, 600), Action.RETRY, "outage", DOWN),
    Rule(range(1000), Action.FAIL_RECORD, "malformed answer", "an answer nobody expects (status {status}) {detail}"),
)


@dataclass(frozen=True, slots=True)
class ErrorTable:
    """The rows of one vendor, in the order in which they are tried, with `COMMON` behind them.

    Attributes:
        rules: the vendor's rows.
        explain: how the vendor's JSON error bodies explain themselves.
    """

    rules: Sequence[Rule] = ()
    explain: Callable[[Any], Explanation] = explain_problem

    def decide(self, status: int, headers: Mapping[str, str], body: bytes) -> Decision:
        """What to do about an answer. Pure; never raises for anything an answer may hold."""
        shape = shape_of(headers, body)
        explanation = Explanation(None, "")
        if shape & Shape.READABLE and not 200 <= status < 300:
            try:
                explanation = self.explain(orjson.loads(body))
            except orjson.JSONDecodeError:
                shape = Shape.OTHER
        rule = next(rule for rule in (*self.rules, *COMMON, _NOTHING_FITS) if rule.fits(status, shape, explanation))
        reason = rule.reason.format(status=status, code=explanation.code or "", detail=explanation.detail[:500])
        return Decision(rule.action, rule.kind, reason.strip().rstrip(":"), rule.advice, explanation.code, rule.wait)


_NOTHING_FITS = Rule(range(-(2**31), 2**31), Action.FAIL_RECORD, "malformed answer", "{status} is no HTTP status")


def shape_of(headers: Mapping[str, str], body: bytes) -> Shape:
    """What a body looks like; its first character outranks the `Content-Type`, which gateways get wrong."""
    start = body[:64].lstrip()[:1]
    if not start:
        return Shape.EMPTY
    if start == b"<":
        return Shape.HTML
    if start not in b'{["':
        return Shape.OTHER
    return Shape.PROBLEM if "problem+json" in headers.get("content-type", "") else Shape.JSON
