"""What to do about HubSpot's answers, as data (HubSpot reference, sections 2, 5, 8, 12 and 13).

Two tables, because an error comes in two places: ERRORS decides about the answer of a call, ITEMS about one input of a
batch whose other inputs were written (207). Every field of an error body is optional.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from ml_connector.http import Action, Decision, ErrorTable, Explanation, Rule, Shape

NAME = "HubSpot"
CONFLICT = "conflict"
NOT_FOUND = "not found"

_ADDRESS = re.compile(r"[^\s\"'=:,]+@[^\s\"',]+")
_EXISTING = re.compile(r"Existing ID:\s*(\d+)")
_SEEN_CODES = re.compile(r"\b(?:INVALID|READ_ONLY|PROPERTY|MISSING|CONFLICTING)_[A-Z_]+\b")

SETUP = "Run `ml-connector setup` for this target, then `ml-connector check`."
SCOPES = "Give the private app or service key the scopes that `ml-connector check` names."


def explain(body: Any) -> Explanation:
    """The policy of a limit, the code of a value error, or else the category; then the message, addresses masked.

    A value error says its code in `errors[].code`, or only in the text of `message` (section 8).
    """
    if not isinstance(body, Mapping):
        return Explanation(None, "")
    message, errors = str(body.get("message") or ""), body.get("errors")
    details = [one for one in errors if isinstance(one, Mapping)] if isinstance(errors, list) else []
    codes = [str(one["code"]) for one in details if one.get("code")] + _SEEN_CODES.findall(message)
    code = body.get("policyName") or next(iter(codes), None) or body.get("category") or body.get("errorType")
    text = "; ".join(_named(one) for one in details if one.get("message")) or message
    return Explanation(str(code) if code else None, _ADDRESS.sub("the address", text))


def _named(error: Mapping[str, Any]) -> str:
    """One error with the property that it is about, or the scopes of which one is missing."""
    context, message = error.get("context"), str(error["message"])
    if not isinstance(context, Mapping):
        return message
    name, scopes = context.get("propertyName"), context.get("requiredGranularScopes")
    name = name[0] if isinstance(name, list) and name else name
    if isinstance(scopes, list) and scopes:
        return f"{message} (needed: {' or '.join(map(str, scopes))})"
    return f"{name}: {message}" if isinstance(name, str) else message


def existing_id(decision: Decision) -> str | None:
    """The id of the contact that has the address already; it stands in the message alone (section 11)."""
    found = _EXISTING.search(decision.reason) if decision.kind == CONFLICT else None
    return found[1] if found else None


_DEMANDED = "a rule of the HubSpot account demands more than is sent: {detail}"


def _values(action: Action) -> Sequence[Rule]:
    """Refusals of a value, which mean the same in both places (sections 1 and 8)."""
    return (
        Rule(
            400,
            action,
            "unique value",
            "another record at HubSpot has the same value in a unique property: {detail}",
            code="CONFLICTING_UNIQUE_VALUE",
        ),
        Rule(
            400,
            action,
            "address",
            "HubSpot does not accept the e-mail address; correct it in Visma.net",
            code="INVALID_EMAIL",
        ),
        Rule(
            400,
            action,
            "currency",
            "the HubSpot account does not have the currency of the invoice; add it there, and replay",
            code="INVALID_OPTION",
            detail="hs_currency",
        ),
        Rule(400, action, "required property", _DEMANDED, code="MISSING_REQUIRED_PROPERTY"),
        Rule(400, action, "required property", _DEMANDED, code="MISSING_CONDITIONAL_REQUIRED_PROPERTY"),
    )


ERRORS = ErrorTable(
    rules=(
        Rule(
            400,
            Action.STOP,
            "setup",
            "a property that is written to does not exist: {detail}",
            SETUP,
            code="PROPERTY_DOESNT_EXIST",
        ),
        Rule(
            400,
            Action.STOP,
            "setup",
            "the property that holds our key is not unique: {detail}",
            SETUP,
            detail="non-unique",
        ),
        *_values(Action.BISECT),
        Rule(400, Action.BISECT, "validation", "HubSpot refuses the record: {detail}"),
        Rule(
            401,
            Action.STOP,
            "credentials",
            "the access token was refused (status 401)",
            "Create a token at HubSpot (Settings, Integrations) and enter it with `ml-connector credentials set`.",
        ),
        Rule(403, Action.STOP, "rights", "the token may not do this (status 403): {detail}", SCOPES),
        Rule(
            404,
            Action.BISECT,
            NOT_FOUND,
            "HubSpot does not know the record any more",
            code="OBJECT_NOT_FOUND",
        ),
        Rule(
            404,
            Action.STOP,
            "configuration",
            "there is nothing under this address (status 404)",
            "Compare base_url and api_version in connections.yaml with HubSpot's documentation.",
        ),
        Rule(409, Action.BISECT, CONFLICT, "another record at HubSpot is in the way: {detail}"),
        Rule(414, Action.FAIL_RECORD, "malformed call", "the address of the call was too long (status 414)"),
        Rule(
            423,
            Action.RETRY_AFTER,
            "lock",
            "HubSpot is busy with records of this call (status 423)",
            wait=2.0,
        ),
        Rule(
            429,
            Action.STOP,
            "quota",
            "the calls of the day are used up",
            "Nothing has to be done: a run after midnight, in the account's time zone, goes on from here.",
            code="DAILY",
        ),
        Rule(429, Action.RETRY_AFTER, "limit", "too many searches in a second", wait=1.0, code="SECONDLY"),
        Rule(429, Action.RETRY_AFTER, "limit", "too many searches in a second", wait=1.0, detail="secondly limit"),
        Rule(429, Action.RETRY_AFTER, "limit", "too many calls in ten seconds", wait=10.0),
        Rule(437, Action.FAIL_RECORD, "limit", "the pair has as many labels as HubSpot allows (status 437)"),
        Rule(
            477,
            Action.RETRY_AFTER,
            "migration",
            "HubSpot is moving the account (status 477)",
            wait=10.0,
        ),
        Rule(
            range(500, 600),
            Action.RETRY,
            "outage",
            "HubSpot reports an error of its own (status {status})",
            shape=Shape.EMPTY | Shape.HTML | Shape.OTHER,
        ),
    ),
    explain=explain,
)
"""About the answer of a call. A call that carries one input and is refused refuses its record."""

ITEMS = ErrorTable(
    rules=(
        *_values(Action.REJECT_RECORD),
        Rule(400, Action.REJECT_RECORD, CONFLICT, "another record at HubSpot is in the way: {detail}", code="CONFLICT"),
        Rule(
            400,
            Action.REJECT_RECORD,
            NOT_FOUND,
            "HubSpot does not know the record any more",
            code="OBJECT_NOT_FOUND",
        ),
        Rule(400, Action.FAIL_RECORD, "limit", "HubSpot had no time for the record: {detail}", code="RATE_LIMITS"),
        Rule(400, Action.FAIL_RECORD, "outage", "HubSpot reports an error of its own: {detail}", code="INTERNAL_ERROR"),
        Rule(400, Action.REJECT_RECORD, "validation", "HubSpot refuses the record: {detail}"),
    ),
    explain=explain,
)
"""About one input of a batch. Its `status` is the word "error", so the table is asked as for a 400."""

MISSING = Decision(Action.FAIL_RECORD, "malformed answer", "HubSpot's answer does not mention this record")


def decide_item(error: Mapping[str, Any]) -> Decision:
    """What to do about one input of a batch. Never raises for anything an answer may hold."""
    return ITEMS.decide(400, {}, orjson.dumps(dict(error), default=str))
