"""What is done about which answer of HubSpot's."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.http import Action, Decision
from ml_connector.systems.hubspot.errors import ERRORS, ITEMS, decide_item, existing_id

VALUE_ERROR = {
    "status": "error",
    "category": "VALIDATION_ERROR",
    "message": 'Property values were not valid: [{"isValid":false,"error":"INVALID_EMAIL","name":"email"}]',
    "errors": [{"message": "kari@ is no address", "code": "INVALID_EMAIL", "context": {"propertyName": ["email"]}}],
}


def body(category: str = "VALIDATION_ERROR", message: str = "It is wrong", **others: Any) -> dict[str, Any]:
    return {"status": "error", "category": category, "message": message, **others}


def decide(status: int, content: Any, headers: dict[str, str] | None = None) -> Decision:
    return ERRORS.decide(status, headers or {}, content if isinstance(content, bytes) else orjson.dumps(content))


@pytest.mark.parametrize(
    ("status", "content", "action", "kind"),
    [
        (400, body(), Action.BISECT, "validation"),
        (400, VALUE_ERROR, Action.BISECT, "address"),
        (400, body(message="CONFLICTING_UNIQUE_VALUE: taken"), Action.BISECT, "unique value"),
        (400, body(errors=[{"code": "MISSING_REQUIRED_PROPERTY", "message": "x"}]), Action.BISECT, "required property"),
        (400, body(errors=[{"code": "PROPERTY_DOESNT_EXIST", "message": "no x"}]), Action.STOP, "setup"),
        (400, body(message="Unable to perform update/upsert by non-unique 0-2 property domain"), Action.STOP, "setup"),
        (401, body("INVALID_AUTHENTICATION"), Action.STOP, "credentials"),
        (403, body("MISSING_SCOPES"), Action.STOP, "rights"),
        (404, body("OBJECT_NOT_FOUND", "resource not found"), Action.BISECT, "not found"),
        (404, b"<html>404</html>", Action.STOP, "configuration"),
        (404, b"", Action.STOP, "configuration"),
        (409, body("CONFLICT"), Action.BISECT, "conflict"),
        (423, body("LOCKED"), Action.RETRY_AFTER, "lock"),
        (477, body("MIGRATION"), Action.RETRY_AFTER, "migration"),
        (502, b"<html>bad gateway</html>", Action.RETRY, "outage"),
        (524, b"", Action.RETRY, "outage"),
        (500, body("INTERNAL_ERROR"), Action.RETRY, "outage"),
    ],
)
def test_every_answer_has_its_row(status: int, content: Any, action: Action, kind: str) -> None:
    """HubSpot reference, sections 5, 8 and 13."""
    decision = decide(status, content)
    assert (decision.action, decision.kind) == (action, kind)
    assert decision.action is not Action.STOP or decision.advice


@pytest.mark.parametrize(
    ("content", "action", "wait"),
    [
        ({"policyName": "TEN_SECONDLY_ROLLING", "message": "ten_secondly_rolling limit"}, Action.RETRY_AFTER, 10.0),
        ({"policyName": "SECONDLY"}, Action.RETRY_AFTER, 1.0),
        ({"category": "RATE_LIMITS", "message": "You have reached your secondly limit."}, Action.RETRY_AFTER, 1.0),
        ({"policyName": "DAILY", "message": "You have reached your daily limit."}, Action.STOP, None),
        ({}, Action.RETRY_AFTER, 10.0),
    ],
)
def test_a_limit_is_waited_out_as_its_policy_says(content: Any, action: Action, wait: float | None) -> None:
    """failures.md 19: there is no Retry-After; the day's limit stops (HubSpot reference, section 12)."""
    decision = decide(429, content)
    assert (decision.action, decision.wait) == (action, wait)


def test_a_missing_scope_is_named() -> None:
    """Any one of those that HubSpot lists would do."""
    scopes = ["crm.objects.companies.write", "crm.objects.companies.highly_sensitive.write.v2"]
    refused = body("MISSING_SCOPES", errors=[{"message": "no right", "context": {"requiredGranularScopes": scopes}}])
    assert "crm.objects.companies.write or crm." in decide(403, refused).reason


def test_addresses_do_not_show_in_reasons() -> None:
    """Reasons are kept in the clear."""
    reason = decide_item(body("CONFLICT", "Contact kari@nordfisk.no already exists. Existing ID: 12")).reason
    assert "kari" not in reason
    assert "Existing ID: 12" in reason


@pytest.mark.parametrize(
    ("error", "action", "kind"),
    [
        (body("CONFLICT", "Contact already exists. Existing ID: 12"), Action.REJECT_RECORD, "conflict"),
        (body("OBJECT_NOT_FOUND"), Action.REJECT_RECORD, "not found"),
        (body("RATE_LIMITS"), Action.FAIL_RECORD, "limit"),
        (body("INTERNAL_ERROR"), Action.FAIL_RECORD, "outage"),
        (VALUE_ERROR, Action.REJECT_RECORD, "address"),
        (body(), Action.REJECT_RECORD, "validation"),
        ({}, Action.REJECT_RECORD, "validation"),
    ],
)
def test_one_input_of_a_batch_is_decided_about_by_its_category(error: Any, action: Action, kind: str) -> None:
    """The others were written (HubSpot reference, section 5)."""
    decision = decide_item(error)
    assert (decision.action, decision.kind) == (action, kind)


def test_the_contact_in_the_way_is_told_by_the_message_alone() -> None:
    """HubSpot reference, section 11; in a batch and alone."""
    message = body("CONFLICT", "Contact already exists. Existing ID: 4711")
    assert existing_id(decide_item(message)) == existing_id(decide(409, message)) == "4711"
    assert existing_id(decide_item(body("VALIDATION_ERROR", "Existing ID: 4711"))) is None


anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["errors", "message", "context", "category", "policyName", "code", "propertyName"]), inner
        )
    ),
    max_leaves=10,
)


@given(st.integers(100, 599), anything)
def test_any_answer_gets_a_decision(status: int, content: Any) -> None:
    """Every field of an error body is optional, and may be anything (HubSpot reference, section 13)."""
    encoded = orjson.dumps(content)
    assert ERRORS.decide(status, {}, encoded)
    assert ITEMS.decide(400, {}, encoded)
