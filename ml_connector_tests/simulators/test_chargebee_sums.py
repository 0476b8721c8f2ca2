"""Whatever happens at the Chargebee simulator, its documents add up: accounting tests build on them."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from ml_connector_tests.simulators.chargebee_support import KARI, Chargebee

pytest_plugins = "ml_connector_tests.simulators.chargebee_fixtures"

STEPS = 120
SOMETHING = {
    "cancel": {"when": "now"},
    "keep": {},
    "pause": {},
    "resume": {},
    "reactivate": {},
    "renew": {},
    "bill": {},
}


def item(draw: random.Random) -> dict[str, Any]:
    return {
        "item_price_id": draw.choice("abc"),
        "item_type": draw.choice(["plan", "addon", "charge"]),
        "unit_price": draw.randint(0, 99_999),
        "quantity": draw.randint(1, 4),
    }


def live(chargebee: Chargebee, draw: random.Random) -> Counter[str]:
    """A life of chance; what was possible of it, counted."""
    done: Counter[str] = Counter()
    subscriptions: list[str] = []
    for step in range(STEPS):
        invoices, notes = (chargebee.control(f"records/{kind}")["records"] for kind in ("invoices", "credit_notes"))
        kinds = [
            "new",
            "clock",
            "change",
            *SOMETHING,
            *(["pay", "credit"] if invoices else []),
            *(["refund"] if notes else []),
        ]
        kind = draw.choice(kinds if subscriptions else ["new"])
        path, body = f"subscriptions/{draw.choice(subscriptions or ['S'])}/{kind}", SOMETHING.get(kind, {})
        if kind == "new":
            subscriptions.append(f"S-{step}")
            path, body = (
                "subscriptions",
                {
                    "id": f"S-{step}",
                    "customer_id": KARI,
                    "items": [item(draw) for _ in range(draw.randint(1, 3))],
                    "discount_percentage": draw.choice([0, 7.5]),
                    "tax_rate": draw.choice([0, 15, 25]),
                    "price_type": draw.choice(["tax_exclusive", "tax_inclusive"]),
                    "billing_period_unit": draw.choice(["week", "month", "year"]),
                    "auto_collection": draw.choice(["on", "off"]),
                    "unbilled": draw.random() < 0.2,
                },
            )
        elif kind == "clock":
            path, body = "clock", {"days": draw.choice([1, 3, 20])}
        elif kind == "change":
            body = {"items": [item(draw)], "when": draw.choice(["now", "term_end"])}
        elif kind in ("pay", "credit"):
            amount = {"amount": draw.randint(1, 50_000)} if draw.random() < 0.6 else {}
            path, body = f"invoices/{draw.choice(invoices)['id']}/{kind}", amount
        elif kind == "refund":
            path = f"credit-notes/{draw.choice(notes)['id']}/refund"
        answer = chargebee.anonymous.post(f"/_simulator/{path}", json=body)
        assert answer.status_code in (200, 400), answer.text
        done[kind] += answer.status_code == 200
    return done


def of_lines(document: dict[str, Any]) -> int:
    """What the lines come to."""
    exclusive = document["price_type"] == "tax_exclusive"
    return sum(
        line["amount"] - line["discount_amount"] + (line["tax_amount"] if exclusive else 0)
        for line in document["line_items"]
    )


@pytest.mark.parametrize("seed", range(4))
def test_documents_add_up_whatever_happens(chargebee: Chargebee, seed: int) -> None:
    """Lines to totals, totals to what was paid, credited and is due; no line is credited for more than it has."""
    chargebee.configure(term_ends=["same_time", "end_of_day"][seed % 2], catalogue=["2.0", "1.0"][seed // 2])
    chargebee.control("customers", {"id": KARI})
    done = live(chargebee, random.Random(seed))
    assert done["new"]
    assert done["clock"]
    invoices, notes, transactions = (
        chargebee.control(f"records/{kind}?count=10000")["records"]
        for kind in ("invoices", "credit_notes", "transactions")
    )
    credited = Counter[str]()
    for note in notes:
        assert of_lines(note) == note["total"], note["id"]
        for line in note["line_items"]:
            credited[line["reference_line_item_id"]] += line["amount"]
    for invoice in invoices:
        names = ("amount_due", "amount_paid", "credits_applied", "amount_adjusted", "write_off_amount")
        assert of_lines(invoice) == invoice["total"] == sum(invoice[name] for name in names), invoice["id"]
        assert invoice["amount_due"] >= 0
        assert all(credited[line["id"]] <= line["amount"] for line in invoice["line_items"])
    customer = chargebee.control("records/customers")["records"][0]
    assert customer["excess_payments"] == sum(row["amount_unused"] for row in transactions)
    available = sum(note["amount_available"] for note in notes if note["type"] == "refundable")
    assert customer["refundable_credits"] == available


def test_nothing_is_invoiced_where_there_is_nothing_to_invoice(chargebee: Chargebee) -> None:
    """A subscription of one-time charges is renewed without an invoice; the key is missing."""
    chargebee.subscribe(items=[{"item_price_id": "setup", "item_type": "charge", "unit_price": 100}])
    chargebee.control("subscriptions/S-1/renew", {})
    assert "invoice" not in chargebee.events("subscription_renewed")[0]["content"]


def test_a_line_is_not_credited_twice(chargebee: Chargebee) -> None:
    """By hand it is refused, and a cancellation credits what is left."""
    chargebee.subscribe()
    chargebee.control("invoices/1/credit", {"amount": 30_000})
    again = chargebee.anonymous.post("/_simulator/invoices/1/credit", json={"amount": 7_600})
    assert again.status_code == 400
    chargebee.control("subscriptions/S-1/cancel", {})
    (note,) = chargebee.events("subscription_cancelled")[0]["content"]["credit_notes"]
    assert (note["sub_total"], note["total"]) == (6_000, 7_500)
