"""What to do about an answer is looked up in a table."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.http.actions import Action, ErrorTable, Explanation, Rule, Shape, shape_of
from ml_connector.http.errors import stop

PROBLEM = {"content-type": "application/problem+json; charset=utf-8"}
TABLE = ErrorTable(
    [
        Rule(403, Action.RETRY_AFTER, "quota", "too much at once", shape=Shape.UNREADABLE),
        Rule(400, Action.REJECT_RECORD, "fake address", "{detail}", code="Invalid Resource", detail="looks fake"),
        Rule(range(400, 404), Action.FAIL_RECORD, "other", "{code}: {detail} ({status})"),
    ]
)


def problem(title: str, detail: str) -> bytes:
    return orjson.dumps({"title": title, "detail": detail, "status": 400})


def test_the_first_row_that_fits_decides() -> None:
    """Status, the vendor's title and its text must all fit; later rows are for what is left."""
    fake = TABLE.decide(400, PROBLEM, problem("Invalid Resource", "a@b.c LOOKS fake or invalid"))
    other = TABLE.decide(400, PROBLEM, problem("Invalid Resource", "too long"))
    assert (fake.action, fake.kind, fake.vendor_code) == (Action.REJECT_RECORD, "fake address", "Invalid Resource")
    assert (other.action, other.reason) == (Action.FAIL_RECORD, "Invalid Resource: too long (400)")


def test_the_shape_of_the_body_decides_what_a_bare_403_means() -> None:
    """failures.md 14: a 403 without a JSON body is a limit, one with a body is a refusal."""
    assert TABLE.decide(403, {}, b"").action is Action.RETRY_AFTER
    assert TABLE.decide(403, {"content-type": "text/html"}, b"<html>no</html>").action is Action.RETRY_AFTER
    assert TABLE.decide(403, PROBLEM, problem("Forbidden", "no")).action is Action.FAIL_RECORD


@pytest.mark.parametrize(
    ("status", "body", "action"),
    [
        (200, b'{"a": 1}', Action.OK),
        (204, b"", Action.OK),
        (200, b"  <!DOCTYPE html>", Action.RETRY),
        (301, b"", Action.STOP),
        (401, b"", Action.REFRESH_TOKEN),
        (403, b"", Action.STOP),
        (404, b"", Action.REJECT_RECORD),
        (429, b"", Action.RETRY_AFTER),
        (500, b"{}", Action.RETRY),
        (502, b"<html>", Action.RETRY),
        (799, b"", Action.FAIL_RECORD),
    ],
)
def test_every_vendor_shares_the_rows_behind_its_own(status: int, body: bytes, action: Action) -> None:
    """Without a single row of its own a table already knows HTTP."""
    assert ErrorTable().decide(status, {}, body).action is action


def test_fields_that_problem_json_names_are_shown() -> None:
    """A validation error says which field it is about."""
    body = orjson.dumps({"title": "Invalid", "detail": "No.", "errors": [{"field": "LTV", "message": "a number"}, 7]})
    assert ErrorTable().decide(422, PROBLEM, body).reason == "refused with status 422: No. LTV: a number"


def test_braces_in_a_vendors_text_are_only_text() -> None:
    """A text that looks like a template is not filled in again."""
    reason = ErrorTable().decide(400, PROBLEM, problem("x", "{status} {0}")).reason
    assert reason == "refused with status 400: {status} {0}"


def test_a_vendor_explains_itself_in_its_own_shape() -> None:
    """`explain` is data of the vendor's, so no other code looks into error bodies."""
    table = ErrorTable(
        [Rule(400, Action.STOP, "licence", "no licence", code="12027")],
        explain=lambda body: Explanation(str(body["fault"]), body["text"]),
    )
    assert table.decide(400, {}, b'{"fault": 12027, "text": ""}').action is Action.STOP


@given(
    st.integers(-5, 1100), st.binary(max_size=40) | st.sampled_from([b"{", b"[1]", b'"x"', b"<a>", b'{"errors": 3}'])
)
def test_any_answer_gets_a_decision(status: int, body: bytes) -> None:
    """The table never fails, whatever came over the wire."""
    decision = TABLE.decide(status, {}, body)
    assert decision.action is Action.OK or decision.reason


def test_the_body_outranks_its_content_type() -> None:
    """Gateways send pages as JSON and JSON as text."""
    assert shape_of({"content-type": "application/json"}, b"<html>") is Shape.HTML
    assert shape_of({"content-type": "text/plain"}, b' {"a": 1}') is Shape.JSON
    assert shape_of({}, b"Service Unavailable") is Shape.OTHER


def test_a_vendors_sentence_gets_no_second_full_stop() -> None:
    """Its own words end with one as often as not."""
    assert stop("Mailchimp", "credentials", "the key is refused: the wrong datacenter.").what.endswith("datacenter.")
    assert not stop("Mailchimp", "credentials", "the wrong datacenter.").what.endswith("..")
    assert stop("Visma", "outage", "no answer").what == "Visma: no answer."
