"""The `/_simulator` endpoints that only the Chargebee simulator has."""

from __future__ import annotations

from typing import Any

import pytest

from ml_connector_tests.simulators.chargebee_support import DAY, ITEM, KARI, Chargebee

pytest_plugins = "ml_connector_tests.simulators.chargebee_fixtures"


def refused(chargebee: Chargebee, path: str, body: Any) -> str:
    """The sentence with which a control call is refused."""
    answer = chargebee.anonymous.post(f"/_simulator/{path}", json=body)
    assert answer.status_code == 400, answer.text
    sentence: str = answer.json()["error"]
    return sentence


def test_state_and_summary_tell_everything(chargebee: Chargebee) -> None:
    """Rows of every kind, events, writes and refusals."""
    chargebee.customer()
    chargebee.invoice()
    chargebee.post("/customers", id=KARI)
    summary = chargebee.control("summary")
    assert (summary["rows"]["customers"], summary["rows"]["invoices"]) == (1, 1)
    assert summary["events"] == {"customer_created": 1, "invoice_generated": 1}
    assert summary["writes"] == {"/customers": 1, "/invoices/import_invoice": 1}
    assert summary["refusals"] == {"duplicate_entry": 1}
    state = chargebee.control("state?count=1")
    assert (state["customers"][0]["id"], state["events"][0]["event_type"]) == (KARI, "customer_created")
    assert chargebee.control("records/invoices")["total"] == 1


def test_what_was_sent_is_told(chargebee: Chargebee) -> None:
    """Decoded, with what was refused, until it is asked for anew."""
    chargebee.customer(billing_address={"city": "Tromsø"})
    chargebee.post("/customers", id=KARI)
    told = chargebee.control("sent")
    assert [one["path"] for one in told] == ["/customers", "/customers"]
    assert told[0]["parameters"]["billing_address[city]"] == "Tromsø"
    chargebee.anonymous.delete("/_simulator/sent")
    assert chargebee.control("sent") == []


def test_a_reset_starts_over(chargebee: Chargebee) -> None:
    """No rows, no events, numbers from one, keys and limits unused."""
    chargebee.subscribe()
    chargebee.post("/customers", key="k", id="V-9")
    chargebee.control("reset", {})
    assert sum(chargebee.control("summary")["rows"].values()) == 0
    assert chargebee.events() == []
    chargebee.subscribe()
    assert [invoice["id"] for invoice in chargebee.listed("invoices")] == ["1"]
    assert "chargebee-idempotency-replayed" not in chargebee.post("/customers", key="k", id="V-8").headers


def test_ids_are_the_same_whenever_the_seed_is(chargebee: Chargebee) -> None:
    """So a test can be repeated."""
    runs = []
    for _ in range(2):
        chargebee.control("reset", {})
        chargebee.subscribe()
        runs.append([event["id"] for event in chargebee.events()])
    assert runs[0] == runs[1]


def test_the_clock_moves_on(chargebee: Chargebee) -> None:
    """By a time, or to a moment; not back."""
    before = chargebee.now()
    assert 2 * DAY <= chargebee.control("clock", {"days": 2})["now"] - before < 2 * DAY + 60
    assert chargebee.control("clock", {"to": before + 5 * DAY})["now"] >= before + 5 * DAY
    assert "only moves on" in refused(chargebee, "clock", {"to": before})
    assert "expected" in refused(chargebee, "clock", {"weeks": 1})
    assert "expected" in refused(chargebee, "clock", {})


def test_people_make_customers_too(chargebee: Chargebee) -> None:
    """In the console, which their events tell."""
    chargebee.control("customers", {"id": KARI, "email": "kari@nordfisk.no"})
    (event,) = chargebee.events()
    assert (event["source"], event["user"]) == ("admin_console", "kari@nordic.no")
    assert "already used" in refused(chargebee, "customers", {"id": KARI})


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("subscriptions", {"customer_id": "V-9"}, "not found"),
        ("subscriptions", {"customer_id": KARI, "price": 1}, "unknown key 'price'"),
        ("subscriptions", {"customer_id": KARI, "items": []}, "items have"),
        ("subscriptions", {"customer_id": KARI, "items": [{"price": 1}]}, "makes no sense"),
        ("subscriptions", {"customer_id": KARI, "billing_period_unit": "decade"}, "billing_period_unit"),
        ("subscriptions", {"customer_id": KARI, "billing_period": "one"}, "makes no sense"),
        ("subscriptions/S-9/renew", {}, "not found"),
        ("subscriptions/S-1/resume", {}, "not possible"),
        ("subscriptions/S-1/bill", {}, "no unbilled charges"),
        ("renew-together", {}, "expected"),
        ("invoices/1/pay", {"amount": 0}, "positive"),
        ("invoices/1/credit", {"amount": 99_999_999}, "was paid"),
        ("records/nothing/1", {}, "unknown kind"),
        ("webhooks", {"url": "ftp://x"}, "expected"),
        ("webhooks/resend", {"events": ["ev_x"]}, "no event"),
        ("webhooks/forge", {"credentials": "stolen"}, "credentials are"),
        ("flood", {"events": "many"}, "expected"),
        ("settings", {"catalogue": "3.0"}, "cannot be"),
    ],
)
def test_control_calls_that_make_no_sense_say_so(chargebee: Chargebee, path: str, body: Any, words: str) -> None:
    """400 and a sentence."""
    chargebee.subscribe()
    assert words in refused(chargebee, path, body)


def test_terms_can_be_made_without_the_clock(chargebee: Chargebee) -> None:
    """Renewing again and again gives the terms that follow."""
    subscription = chargebee.subscribe(items=[ITEM], billing_period_unit="year")
    for _ in range(3):
        chargebee.control("subscriptions/S-1/renew", {})
    assert chargebee.read("/subscriptions/S-1")["subscription"]["current_term_start"] > (
        subscription["current_term_end"] + 364 * DAY
    )
    assert len(chargebee.listed("invoices")) == 4


def test_a_flood_makes_events_by_the_thousand(chargebee: Chargebee) -> None:
    """At least as many as asked for, and pages lead through them all."""
    made = chargebee.control("flood", {"events": 1500, "subscriptions": 10})["events"]
    assert made >= 1500
    chargebee.configure(plan="custom")
    ids = [event["id"] for event in chargebee.events()]
    assert len(ids) == len(set(ids)) == made
