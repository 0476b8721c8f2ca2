"""What to do about Mailchimp's answers, as data (Mailchimp reference, sections 3 and 4).

The English of `detail` is no contract, so a rule looks at it only where status and title say too little. Addresses are
taken out of every text, because reasons are kept in the clear.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ml_connector.http import Action, Decision, ErrorTable, Explanation, Rule, Shape, explain_problem

NAME = "Mailchimp"
MEMBER_EXISTS = "Member Exists"

_ADDRESS = re.compile(r"\S+@\S+")


def explain(body: Any) -> Explanation:
    """The title, and the fields with their messages, or else the detail; addresses are masked."""
    title, detail = explain_problem(body)
    errors = body.get("errors") if isinstance(body, Mapping) else None
    if isinstance(errors, list) and errors:
        detail = explain_problem({"errors": errors}).detail
    return Explanation(title, _ADDRESS.sub("the address", detail))


ERRORS = ErrorTable(
    rules=(
        Rule(
            400,
            Action.REJECT_RECORD,
            "compliance",
            "the person unsubscribed, the address bounced, or Mailchimp is looking into it; only the person can "
            "sign up again",
            code="Member In Compliance State",
        ),
        Rule(
            400,
            Action.REJECT_RECORD,
            "forgotten address",
            "the address was deleted for good at Mailchimp and cannot come back by a sync; only the person can sign up "
            "again",
            code="Forgotten Email Not Subscribed",
        ),
        Rule(
            400,
            Action.REJECT_RECORD,
            "fake address",
            "Mailchimp takes the e-mail address for a fake one; correct it in Visma.net",
            detail="looks fake or invalid",
        ),
        Rule(
            400,
            Action.FAIL_RECORD,
            "sign-up brake",
            "Mailchimp accepts no more sign-ups of this address for now; it is tried again later",
            detail="signed up to a lot of lists",
        ),
        Rule(
            400,
            Action.REJECT_RECORD,
            "malformed address",
            "Mailchimp does not accept the e-mail address; correct it in Visma.net",
            detail=r"(^|; )email_address: ",
        ),
        Rule(400, Action.REJECT_RECORD, "member exists", "the address is on the list already", code=MEMBER_EXISTS),
        Rule(
            400, Action.REJECT_RECORD, "field", "Mailchimp does not accept the value of {detail}", detail=r"^[\w.]*: "
        ),
        Rule(
            401,
            Action.STOP,
            "credentials",
            "the API key or access token was refused (status 401) {detail}",
            "Create a new API key at Mailchimp (Profile, Extras, API keys) and enter it with "
            "`ml-connector credentials set`.",
        ),
        Rule(
            403,
            Action.RETRY_AFTER,
            "limit",
            "Mailchimp turned the call away because of too many calls (status 403 without an explanation)",
            shape=Shape.UNREADABLE,
        ),
        Rule(
            403,
            Action.STOP,
            "rights",
            "the account may not do this (status 403): {code} {detail}",
            "Look at Mailchimp whether the account is active and paid for, and whether the key's user is a manager "
            "or more.",
        ),
        Rule(
            404,
            Action.STOP,
            "audience",
            "the audience does not exist in this account (status 404)",
            "Compare `audience` in connections.yaml with the audience id at Mailchimp (Audience, Settings, "
            "Audience name and defaults).",
        ),
        Rule(429, Action.RETRY_AFTER, "limit", "Mailchimp turned the call away because of too many calls (status 429)"),
    ),
    explain=explain,
)

RESULTS = ErrorTable(
    rules=(
        Rule(
            range(400, 500),
            Action.FAIL_RECORD,
            "batch results",
            "the results of the batch could not be fetched (status {status})",
        ),
    )
)
"""For the store that hands out batch results: its URLs are short-lived, so a refusal means to ask for a new one."""

UNREADABLE = Decision(Action.FAIL_RECORD, "malformed answer", "Mailchimp's answer cannot be read")
