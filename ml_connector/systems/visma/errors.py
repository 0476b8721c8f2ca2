"""What to do about Visma's answers (Visma reference, section 9), and what its token endpoint refuses (section 2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ml_connector.http import Action, ErrorTable, Explanation, Rule

NAME = "Visma.net"

CONFLICT = (409, 412)
"""The record changed since it was read: 412 by the documents, 409 on two operations (section 8). Taken as the same."""

REQUEST_ID = "ipp-request-id"


def explain(body: Any) -> Explanation:
    """The two JSON shapes of section 9: `{"message"}`, in any case, and the old gateway's `IPPException`."""
    if not isinstance(body, Mapping):
        return Explanation(None, "")
    members = {str(name).lower(): value for name, value in body.items()}
    code = members.get("exceptionfaultcode")
    detail = members.get("message") or members.get("exceptionmessage") or members.get("error_description") or ""
    return Explanation(str(code) if code else None, str(detail))


ERRORS = ErrorTable(
    [
        Rule(  # fault 12002
            range(400, 500),
            Action.STOP,
            "company id",
            "the company id is missing, or this application may not see the company (fault 12002)",
            "Set company_id to the company's number, in quotes; Visma.net shows it beside the company's name.",
            code="12002",
        ),
        Rule(  # fault 12027
            range(400, 500),
            Action.STOP,
            "tenant",
            "the company has no licence for this application, or the tenant is another company's (fault 12027)",
            "Compare tenant_id and company_id with the company in Visma App Store, and approve the application there.",
            code="12027",
        ),
        Rule(  # sections 2 and 9: the customer tenant gets tokens that the API refuses
            401,
            Action.REFRESH_TOKEN,
            "tenant",
            "a token was given and the API refuses it; it may be the customer's tenant instead of the company's",
            "Enter the tenant id of the company with `ml-connector credentials set`; Visma App Store shows it.",
        ),
        Rule(  # section 9, inferred: a scope is missing
            403,
            Action.STOP,
            "rights",
            "the application does not have the right to do this (status 403) {detail}",
            "Request the scope in the Developer Portal; the company's integration administrator approves it again.",
        ),
        Rule(404, Action.REJECT_RECORD, "not found", "Visma.net does not know it: {detail}"),
        Rule(409, Action.FAIL_RECORD, "conflict", "somebody else changed the record at the same time"),  # section 8
        Rule(412, Action.FAIL_RECORD, "conflict", "somebody else changed the record at the same time"),
        Rule(400, Action.REJECT_RECORD, "validation", "Visma.net refuses it: {detail}"),
    ],
    explain,
)

TOKEN_REFUSALS: Mapping[str, tuple[str, str]] = {
    "invalid_client": (
        "the client id or the client secret is wrong",
        "Compare both with the application in the Visma Developer Portal; enter them with "
        "`ml-connector credentials set`.",
    ),
    "invalid_tenant": (
        "the tenant id is unknown, or its company did not approve this application",
        "Take the tenant id of the company from Visma App Store, where its administrator approves the application; "
        "enter it with `ml-connector credentials set`.",
    ),
    "invalid_scope": (
        "the application was not granted every scope that is asked for",
        "Request the scopes vismanet_erp_service_api:read (and :create, :update to write) in the Developer Portal; the "
        "company's integration administrator then approves the application again.",
    ),
}
