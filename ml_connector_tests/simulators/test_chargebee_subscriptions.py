"""The life of subscriptions at the Chargebee simulator: bills, credits, events (reference, sections 5.4 and 5.5)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ml_connector_tests.simulators.chargebee_support import DAY, ITEM, KARI, Chargebee

pytest_plugins = "ml_connector_tests.simulators.chargebee_fixtures"

ADDON = {"item_price_id": "extra", "item_type": "addon", "unit_price": 10_000, "quantity": 3}
SETUP = {"item_price_id": "setup", "item_type": "charge", "unit_price": 50_000}
JANUARY_31 = int(datetime(2041, 1, 31, 9, tzinfo=UTC).timestamp())


def last(chargebee: Chargebee, event_type: str) -> dict[str, Any]:
    """The content of the newest event of a type."""
    content: dict[str, Any] = chargebee.events(event_type)[-1]["content"]
    return content


def the_subscription(chargebee: Chargebee, subscription_id: str = "S-1") -> dict[str, Any]:
    subscription: dict[str, Any] = chargebee.read(f"/subscriptions/{subscription_id}")["subscription"]
    return subscription


def day(moment: int) -> str:
    return datetime.fromtimestamp(moment, ZoneInfo("Europe/Oslo")).date().isoformat()


def test_a_new_subscription_is_invoiced_at_once(chargebee: Chargebee) -> None:
    """Its lines carry the term, the discount and the tax in minor units."""
    chargebee.subscribe(items=[ITEM, ADDON, SETUP], discount_percentage=10)
    content = last(chargebee, "subscription_created")
    assert content.keys() == {"subscription", "customer", "invoice"}
    subscription, invoice = content["subscription"], content["invoice"]
    assert (subscription["status"], subscription["mrr"]) == ("active", 60_000)
    plan, addon, setup = invoice["line_items"]
    assert (plan["amount"], plan["discount_amount"], plan["tax_amount"]) == (30_000, 3_000, 6_750)
    assert (addon["quantity"], addon["amount"], addon["entity_type"]) == (3, 30_000, "addon_item_price")
    assert (plan["date_from"], plan["date_to"]) == tuple(
        subscription[name] for name in ("current_term_start", "current_term_end")
    )
    assert setup["date_from"] == setup["date_to"]
    assert invoice["total"] == sum(
        line["amount"] - line["discount_amount"] + line["tax_amount"] for line in invoice["line_items"]
    )
    assert (invoice["status"], invoice["recurring"], invoice["first_invoice"]) == ("posted", True, True)


def test_a_tax_within_the_price_is_not_on_top(chargebee: Chargebee) -> None:
    """125 kroner with 25 kroner in them."""
    chargebee.subscribe(items=[{**ITEM, "unit_price": 12_500}], price_type="tax_inclusive")
    invoice = last(chargebee, "subscription_created")["invoice"]
    assert (invoice["total"], invoice["tax"], invoice["price_type"]) == (12_500, 2_500, "tax_inclusive")


def test_months_of_terms_follow_the_clock(chargebee: Chargebee) -> None:
    """Each renewal comes at its time; the 31st does not slip to the 28th for ever."""
    chargebee.control("clock", {"to": JANUARY_31})
    chargebee.subscribe()
    steps = chargebee.control("clock", {"days": 130})["steps"]
    renewed = chargebee.events("subscription_renewed")
    starts = [event["content"]["subscription"]["current_term_start"] for event in renewed]
    assert steps == 4
    assert [day(start) for start in starts] == ["2041-02-28", "2041-03-31", "2041-04-30", "2041-05-31"]
    assert [event["occurred_at"] for event in renewed] == starts
    assert {event["source"] for event in renewed} == {"scheduled_job"}
    versions = [event["content"]["subscription"]["resource_version"] for event in renewed]
    assert versions == sorted(set(versions))


def test_terms_meet_at_the_second(chargebee: Chargebee) -> None:
    """`[start, end)` at the same clock time, across the change of the clocks too."""
    chargebee.control("clock", {"to": int(datetime(2041, 3, 10, 9, tzinfo=UTC).timestamp())})
    first = chargebee.subscribe()
    chargebee.control("clock", {"days": 32})
    second = the_subscription(chargebee)
    assert second["current_term_start"] == first["current_term_end"]
    hours = [
        datetime.fromtimestamp(second[name], ZoneInfo("Europe/Oslo")).hour
        for name in ("current_term_start", "current_term_end")
    ]
    assert hours == [10, 10]
    assert (first["current_term_end"] - first["current_term_start"]) == 31 * DAY - 3600


def test_whole_days_end_a_second_before_midnight(chargebee: Chargebee) -> None:
    """Day-based billing: `date_to` looks inclusive, in the site's time zone."""
    chargebee.configure(term_ends="end_of_day")
    chargebee.control("clock", {"to": JANUARY_31})
    subscription = chargebee.subscribe()
    line = last(chargebee, "subscription_created")["invoice"]["line_items"][0]
    local = [datetime.fromtimestamp(line[name], ZoneInfo("Europe/Oslo")) for name in ("date_from", "date_to")]
    assert [f"{moment:%d.%m. %H:%M:%S}" for moment in local] == ["31.01. 00:00:00", "27.02. 23:59:59"]
    assert subscription["next_billing_at"] == line["date_to"] + 1


def test_a_trial_is_not_invoiced_until_it_ends(chargebee: Chargebee) -> None:
    """No invoice in the first event: the key is missing, not null."""
    chargebee.subscribe(trial_days=10)
    content = last(chargebee, "subscription_created")
    assert (content["subscription"]["status"], "invoice" in content) == ("in_trial", False)
    chargebee.control("clock", {"days": 11})
    assert last(chargebee, "subscription_activated")["invoice"]["total"] == 37_500


def test_a_start_in_the_future_waits(chargebee: Chargebee) -> None:
    """And one in the past has an event of its own."""
    chargebee.subscribe(start_date=chargebee.now() + 5 * DAY)
    assert the_subscription(chargebee)["status"] == "future"
    chargebee.control("clock", {"days": 6})
    assert last(chargebee, "subscription_started")["subscription"]["status"] == "active"
    chargebee.subscribe("S-2", start_date=chargebee.now() - 5 * DAY)
    assert last(chargebee, "subscription_created_with_backdating")["subscription"]["id"] == "S-2"
    assert [event["content"]["subscription"]["id"] for event in chargebee.events("subscription_created")] == ["S-1"]


def test_an_immediate_cancellation_forgets_the_end_of_the_term(chargebee: Chargebee) -> None:
    """`current_term_end` is the moment of cancellation, and `mrr` is nothing: the trap of section 5.5."""
    before = chargebee.subscribe(billing_period_unit="year", items=[{**ITEM, "unit_price": 365_000}])
    chargebee.control("clock", {"days": 1})
    chargebee.control("subscriptions/S-1/cancel", {})
    after = last(chargebee, "subscription_cancelled")["subscription"]
    assert after["current_term_end"] == after["cancelled_at"] < before["current_term_end"]
    assert (after["status"], after["mrr"], "next_billing_at" in after) == ("cancelled", 0, False)


def test_a_cancellation_credits_the_rest_by_line(chargebee: Chargebee) -> None:
    """The note's lines name the invoice's, with the dates and amounts that they take back."""
    chargebee.control("clock", {"to": int(datetime(2041, 4, 1, tzinfo=UTC).timestamp())})
    before = chargebee.subscribe(items=[ITEM, SETUP])
    chargebee.control("clock", {"days": 10})
    chargebee.control("subscriptions/S-1/cancel", {})
    content = last(chargebee, "subscription_cancelled")
    (note,) = content["credit_notes"]
    (line,) = note["line_items"]
    invoice = chargebee.listed("invoices")[0]
    assert (note["type"], note["reason_code"]) == ("adjustment", "subscription_cancellation")
    assert line["reference_line_item_id"] == invoice["line_items"][0]["id"]
    assert (line["date_from"], line["date_to"]) == (content["subscription"]["cancelled_at"], before["current_term_end"])
    assert (line["amount"], line["tax_amount"], note["total"]) == (20_000, 5_000, 25_000)
    assert invoice["amount_due"] == invoice["total"] - note["total"]


def test_what_was_paid_is_credited_as_refundable(chargebee: Chargebee) -> None:
    """And can be paid back."""
    chargebee.subscribe(auto_collection="on")
    assert chargebee.listed("invoices")[0]["status"] == "paid"
    chargebee.control("subscriptions/S-1/cancel", {})
    (note,) = last(chargebee, "subscription_cancelled")["credit_notes"]
    assert (note["type"], note["status"]) == ("refundable", "refund_due")
    chargebee.control(f"credit-notes/{note['id']}/refund", {})
    refunded = last(chargebee, "payment_refunded")
    assert refunded.keys() == {"transaction", "invoice", "credit_note", "subscription", "customer"}
    assert (refunded["transaction"]["type"], refunded["credit_note"]["status"]) == ("refund", "refunded")


@pytest.mark.parametrize("action", ["cancel", "pause"])
def test_no_credit_note_means_no_reversal(chargebee: Chargebee, action: str) -> None:
    """A site, or a call, can leave it out."""
    chargebee.subscribe()
    chargebee.control(f"subscriptions/S-1/{action}", {"credit": False})
    event_type = "subscription_cancelled" if action == "cancel" else "subscription_paused"
    assert "credit_notes" not in last(chargebee, event_type)
    assert chargebee.listed("credit_notes") == []


def test_a_scheduled_cancellation_runs_out(chargebee: Chargebee) -> None:
    """Nothing is credited, and it can be taken back before."""
    before = chargebee.subscribe()
    chargebee.control("subscriptions/S-1/cancel", {"when": "term_end"})
    assert the_subscription(chargebee)["status"] == "non_renewing"
    chargebee.control("subscriptions/S-1/keep", {})
    assert the_subscription(chargebee)["status"] == "active"
    chargebee.control("subscriptions/S-1/cancel", {"when": "term_end"})
    chargebee.control("clock", {"days": 40})
    cancelled = chargebee.events("subscription_cancelled")[0]
    assert (
        cancelled["occurred_at"] == cancelled["content"]["subscription"]["cancelled_at"] == before["current_term_end"]
    )
    assert "credit_notes" not in cancelled["content"]
    assert chargebee.types().count("subscription_renewed") == 0


def test_a_change_credits_the_old_and_charges_the_new(chargebee: Chargebee) -> None:
    """For the rest of the term, both."""
    chargebee.control("clock", {"to": int(datetime(2041, 4, 1, tzinfo=UTC).timestamp())})
    chargebee.subscribe()
    chargebee.control("clock", {"days": 15})
    chargebee.control("subscriptions/S-1/change", {"items": [{**ITEM, "unit_price": 60_000}]})
    content = last(chargebee, "subscription_changed")
    assert [note["line_items"][0]["amount"] for note in content["credit_notes"]] == [15_000]
    (line,) = content["invoice"]["line_items"]
    assert (line["amount"], line["description"]) == (30_000, "standard - prorated charges")
    assert last(chargebee, "mrr_updated")["subscription"]["mrr"] == 60_000
    assert chargebee.events("mrr_updated")[-1]["content"].keys() == {"subscription"}


def test_a_change_can_wait_for_the_next_term(chargebee: Chargebee) -> None:
    """Scheduled, then changed, then renewed at the new price."""
    chargebee.subscribe()
    chargebee.control("subscriptions/S-1/change", {"items": [{**ITEM, "unit_price": 60_000}], "when": "term_end"})
    assert the_subscription(chargebee)["has_scheduled_changes"]
    chargebee.control("clock", {"days": 32})
    types = [kind for kind in chargebee.types() if kind.startswith("subscription_")]
    assert types == [
        "subscription_created",
        "subscription_changes_scheduled",
        "subscription_changed",
        "subscription_renewed",
    ]
    assert last(chargebee, "subscription_renewed")["invoice"]["sub_total"] == 60_000


def test_a_pause_ends_by_itself(chargebee: Chargebee) -> None:
    """A new term begins with it."""
    chargebee.subscribe()
    resume = chargebee.now() + 10 * DAY
    chargebee.control("subscriptions/S-1/pause", {"resume_date": resume})
    assert (the_subscription(chargebee)["status"], the_subscription(chargebee)["mrr"]) == ("paused", 0)
    chargebee.control("clock", {"days": 11})
    resumed = last(chargebee, "subscription_resumed")
    assert (resumed["subscription"]["current_term_start"], resumed["subscription"]["mrr"]) == (resume, 30_000)


def test_a_cancelled_subscription_comes_back(chargebee: Chargebee) -> None:
    """With an invoice for its new term."""
    chargebee.subscribe()
    chargebee.control("subscriptions/S-1/cancel", {})
    chargebee.control("subscriptions/S-1/reactivate", {})
    content = last(chargebee, "subscription_reactivated")
    assert (content["subscription"]["status"], content["invoice"]["total"]) == ("active", 37_500)
    assert "cancelled_at" not in content["subscription"]


def test_unbilled_charges_wait_for_their_invoice(chargebee: Chargebee) -> None:
    """They are in the event, and have no invoice until somebody bills them."""
    chargebee.subscribe(unbilled=True)
    content = last(chargebee, "subscription_created")
    (charge,) = content["unbilled_charges"]
    assert (charge["amount"], charge["object"], "invoice" in content) == (30_000, "unbilled_charge", False)
    assert chargebee.read(f"/customers/{KARI}")["customer"]["unbilled_charges"] == 30_000
    chargebee.control("subscriptions/S-1/bill", {})
    billed = last(chargebee, "unbilled_charges_invoiced")
    assert billed["unbilled_charges"] == [charge]
    assert billed["invoice"]["line_items"][0]["date_from"] == charge["date_from"]


def test_a_consolidated_invoice_has_no_subscription_of_its_own(chargebee: Chargebee) -> None:
    """Its lines have: both renewals carry the same invoice."""
    chargebee.subscribe()
    chargebee.subscribe("S-2")
    chargebee.control("renew-together", {"subscriptions": ["S-1", "S-2"]})
    first, second = (event["content"]["invoice"] for event in chargebee.events("subscription_renewed"))
    assert (first["id"], "subscription_id" in first) == (second["id"], False)
    assert [line["subscription_id"] for line in first["line_items"]] == ["S-1", "S-2"]


def test_payments_follow_invoices(chargebee: Chargebee) -> None:
    """By hand, in part, failed, and overdue."""
    chargebee.subscribe()
    chargebee.control("invoices/1/pay", {"amount": 7_500})
    chargebee.control("invoices/1/pay", {"status": "failure"})
    chargebee.control("clock", {"days": 20})
    assert chargebee.listed("invoices")[0]["status"] == "not_paid"
    chargebee.control("invoices/1/pay", {})
    assert chargebee.listed("invoices")[0]["status"] == "paid"
    payments = [kind for kind in chargebee.types() if kind.startswith("payment_")]
    assert payments == ["payment_succeeded", "payment_failed", "payment_succeeded"]
    succeeded = chargebee.events("payment_succeeded")[0]["content"]
    assert succeeded.keys() == {"transaction", "invoice", "subscription", "customer"}


def test_an_invoice_is_credited_by_hand(chargebee: Chargebee) -> None:
    """An amount with its tax on one line."""
    chargebee.subscribe()
    note = chargebee.control("invoices/1/credit", {"amount": 12_500})
    (line,) = note["line_items"]
    assert (note["total"], line["amount"], line["tax_amount"]) == (12_500, 10_000, 2_500)
    assert last(chargebee, "credit_note_created").keys() == {"credit_note"}


def test_the_old_catalogue_has_plans_and_addons(chargebee: Chargebee) -> None:
    """In the subscription, and in the lines."""
    chargebee.configure(catalogue="1.0")
    subscription = chargebee.subscribe(items=[ITEM, ADDON])
    assert (subscription["plan_id"], subscription["plan_amount"]) == ("standard", 30_000)
    assert [addon["amount"] for addon in subscription["addons"]] == [30_000]
    assert "subscription_items" not in subscription
    lines = last(chargebee, "subscription_created")["invoice"]["line_items"]
    assert [line["entity_type"] for line in lines] == ["plan", "addon"]


def test_a_foreign_currency_has_its_rate(chargebee: Chargebee) -> None:
    """A float, to the base currency, on the subscription and its invoice."""
    chargebee.subscribe(currency_code="EUR")
    content = last(chargebee, "subscription_created")
    assert (content["subscription"]["exchange_rate"], content["subscription"]["base_currency_code"]) == (11.5, "NOK")
    assert (content["invoice"]["exchange_rate"], content["invoice"]["currency_code"]) == (11.5, "EUR")


def test_subscriptions_are_listed_with_their_customer(chargebee: Chargebee) -> None:
    """By state, by customer, by item."""
    chargebee.subscribe()
    chargebee.subscribe("S-2")
    chargebee.control("subscriptions/S-2/cancel", {})
    body = chargebee.read("/subscriptions", **{"status[is]": "active", "item_price_id[is]": "standard"})
    assert [row["subscription"]["id"] for row in body["list"]] == ["S-1"]
    assert body["list"][0]["customer"]["id"] == KARI
