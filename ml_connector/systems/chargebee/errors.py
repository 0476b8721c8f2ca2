"""What to do about Chargebee's answers (Chargebee reference, section 1, errors)."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from ml_connector.http import Action, ErrorTable, Explanation, Rule, Shape

NAME = "Chargebee"

DUPLICATE = "duplicate_entry"
NOT_FOUND = "resource_not_found"
VALIDATION = "validation"
BAD_VALUE = 400
CONFLICT = 409
MISSING = 404


def explain(body: Any) -> Explanation:
    """`{"message", "type", "api_error_code", "param"}`: the code, and the message with the parameter it is about."""
    if not isinstance(body, Mapping):
        return Explanation(None, "")
    code, param = body.get("api_error_code"), body.get("param")
    message = str(body.get("message") or "")
    return Explanation(str(code) if code else None, f"{message} (parameter {param})" if param else message)


def is_about(reason: str, parameters: Collection[str]) -> bool:
    """Whether a refusal is about one of these, or may be: not every refusal names its parameter."""
    named = re.search(r"\(parameter ([^)\[]+)[^()]*\)$", reason.rstrip())
    return named is None or named[1] in parameters


_KEY = (
    "Make an API key with the right to read and write in Chargebee (Settings, Configure Chargebee, API keys); enter it "
    "with `ml-connector credentials set`."
)
_FULL = "a limit of the site is reached: {detail}"

ERRORS = ErrorTable(
    [
        Rule(401, Action.STOP, "credentials", "the API key was refused (status 401) {detail}", _KEY),
        Rule(403, Action.STOP, "rights", "the API key may not do this (status 403) {detail}", _KEY),
        Rule(
            404,
            Action.STOP,
            "site",
            "there is no such site: {detail}",
            "Correct `site`: it is the name before .chargebee.com.",
            code="site_not_found",
        ),
        Rule(404, Action.REJECT_RECORD, "not found", "Chargebee does not know it: {detail}"),
        Rule(
            400,
            Action.REJECT_RECORD,
            "currency",
            "the site has not this currency; add it at Chargebee (Settings, Configure Chargebee, Currencies): {detail}",
            code="configuration_incompatible",
            detail="currency",
        ),
        Rule(
            400,
            Action.STOP,
            "catalogue",
            "the site has not what was asked for, or another product catalogue: {detail}",
            "Nothing that is done here depends on the catalogue: report it.",
            code="configuration_incompatible",
        ),
        Rule(400, Action.FAIL_RECORD, "limit", _FULL, code="resource_limit_exhausted"),
        Rule(400, Action.FAIL_RECORD, "limit", _FULL, code="resource_limit_exceeded"),
        Rule(400, Action.REJECT_RECORD, "duplicate", "it exists already: {detail}", code=DUPLICATE),
        # What Visma's company was paid after its midnight is dated tomorrow by UTC: it is taken once that day begins.
        Rule(
            400, Action.FAIL_RECORD, "date", "Chargebee does not take a payment's day yet: {detail}", detail=r"\[date\]"
        ),
        Rule(400, Action.REJECT_RECORD, VALIDATION, "Chargebee refuses it: {detail}"),
        Rule(409, Action.REJECT_RECORD, "state", "its state at Chargebee does not allow that: {detail}"),
        # The key of an idempotent call came with other content: what the first call did is looked up next time.
        Rule(422, Action.FAIL_RECORD, "idempotency key", "the same key came with other content within 30 minutes"),
        # Not volume: two writes to one resource at once, which is over in a moment.
        Rule(
            429,
            Action.RETRY_AFTER,
            "lock",
            "another write to the same customer is under way",
            code="lock_timeout",
            wait=1.0,
        ),
        Rule(429, Action.RETRY_AFTER, "quota", "the limit of calls is reached (status 429) {detail}"),
        Rule(
            503,
            Action.STOP,
            "maintenance",
            "the site is read-only or not ready: {detail}",
            "Nothing has to be done if Chargebee is being maintained: the next run goes on from here.",
            code="site_read_only_mode",
        ),
        Rule(
            range(500, 600),
            Action.RETRY,
            "outage",
            "Chargebee reports an error of its own: {detail}",
            shape=Shape.READABLE,
        ),
    ],
    explain,
)
