"""Writes whose answer is lost, late or refused at the Chargebee simulator, and the other faults in its shapes."""

from __future__ import annotations

import json
import time

import httpx
import pytest

from ml_connector_tests.simulators.chargebee_support import KARI, Chargebee, invoice_form, refusal

pytest_plugins = "ml_connector_tests.simulators.chargebee_fixtures"


def invoices(chargebee: Chargebee) -> list[str]:
    return [invoice["id"] for invoice in chargebee.listed("invoices")]


@pytest.mark.parametrize("fault", ["lost_answer", "reset_body"])
def test_a_write_without_an_answer_is_done(chargebee: Chargebee, fault: str) -> None:
    """The invoice stands; the second attempt is a duplicate, and reading it tells that it is ours (failures.md 20)."""
    chargebee.customer()
    chargebee.control("faults", [{"fault": fault, "times": 1}])
    form = invoice_form(chargebee)
    with pytest.raises(httpx.TransportError):
        chargebee.post("/invoices/import_invoice", **form)
    again = chargebee.post("/invoices/import_invoice", **form)
    assert refusal(again) == (400, "duplicate_entry", "id")
    assert chargebee.read("/invoices/VN-1")["invoice"]["total"] == form["total"]


def test_a_late_write_is_done_after_the_caller_looked(chargebee: Chargebee) -> None:
    """First nothing is there, then it is (failures.md 35)."""
    chargebee.customer()
    chargebee.control("faults", [{"fault": "late_commit", "seconds": 0.5, "times": 1}])
    with pytest.raises(httpx.TransportError):
        chargebee.post("/invoices/import_invoice", **invoice_form(chargebee))
    assert invoices(chargebee) == []
    time.sleep(1)
    assert invoices(chargebee) == ["VN-1"]


def test_a_late_write_meets_its_own_repetition(chargebee: Chargebee) -> None:
    """Under the same id, or the same key, only one of them counts."""
    chargebee.customer()
    chargebee.invoice()
    form = {"transaction": {"payment_method": "bank_transfer", "amount": 500}}
    chargebee.control("faults", [{"fault": "late_commit", "seconds": 0.5, "times": 1}])
    with pytest.raises(httpx.TransportError):
        chargebee.post("/invoices/VN-1/record_payment", key="p-1", **form)
    assert chargebee.post("/invoices/VN-1/record_payment", key="p-1", **form).status_code == 200
    time.sleep(1)
    assert chargebee.read("/invoices/VN-1")["invoice"]["amount_paid"] == 500


def test_a_reset_before_the_call_does_nothing(chargebee: Chargebee) -> None:
    """Unlike a lost answer: the write never happened."""
    chargebee.control("faults", [{"fault": "reset", "times": 1}])
    with pytest.raises(httpx.TransportError):
        chargebee.customer()
    assert chargebee.listed("customers") == []


@pytest.mark.parametrize(
    ("fault", "status", "code", "kind"),
    [
        ("rate_limit", 429, "api_request_limit_exceeded", "operation_failed"),
        ("locked", 429, "lock_timeout", "operation_failed"),
        ("server_error", 500, "internal_error", "operation_failed"),
        ("migrating", 503, "site_read_only_mode", "operation_failed"),
        ("expired_token", 401, "api_authentication_failed", "untyped"),
    ],
)
def test_refusals_have_the_vendors_shape(chargebee: Chargebee, fault: str, status: int, code: str, kind: str) -> None:
    """Two kinds of 429 are told apart by their code alone; nothing is executed."""
    chargebee.control("faults", [{"fault": fault, "times": 1, "method": "POST"}])
    answer = chargebee.post("/customers", id=KARI)
    assert refusal(answer) == (status, code, None)
    assert answer.json()["type"] == kind
    assert chargebee.listed("customers") == []


def test_a_refusal_can_say_when_to_come_back(chargebee: Chargebee) -> None:
    """If the rule does."""
    chargebee.control("faults", [{"fault": "rate_limit", "times": 1, "retry_after": 3}])
    assert chargebee.get("/customers").headers["retry-after"] == "3"


def test_refused_writes_leave_their_key_free(chargebee: Chargebee) -> None:
    """A 429 or a 5xx is never what is replayed."""
    chargebee.control("faults", [{"fault": "server_error", "times": 1}])
    assert chargebee.post("/customers", key="k", id=KARI).status_code == 500
    answer = chargebee.post("/customers", key="k", id=KARI)
    assert (answer.status_code, "chargebee-idempotency-replayed" in answer.headers) == (200, False)


def test_a_gateway_answers_in_html(chargebee: Chargebee) -> None:
    """A page where JSON is expected."""
    chargebee.control("faults", [{"fault": "html_error", "times": 1}])
    answer = chargebee.get("/customers")
    assert (answer.status_code, answer.headers["content-type"][:9]) == (502, "text/html")


def test_an_empty_page_has_a_list(chargebee: Chargebee) -> None:
    """200, and nothing in it, although there is something."""
    chargebee.customer()
    chargebee.control("faults", [{"fault": "empty_page", "times": 1}])
    assert chargebee.read("/customers") == {"list": []}
    assert len(chargebee.listed("customers")) == 1


def test_a_torn_answer_is_no_json(chargebee: Chargebee) -> None:
    """200 and half a body: the write stands although its answer cannot be read."""
    chargebee.control("faults", [{"fault": "torn_json", "times": 1}])
    answer = chargebee.post("/customers", id=KARI)
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()
    assert chargebee.read(f"/customers/{KARI}")["customer"]["id"] == KARI
