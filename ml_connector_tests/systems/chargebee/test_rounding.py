"""What was rounded off a document is posted, sent and told to the cent: that of credit notes, both ways."""

from __future__ import annotations

from typing import Any

import pytest

from ml_connector_tests.systems.chargebee.conftest import OpenSync
from ml_connector_tests.systems.chargebee.support import LINES, Sync, counts, events_block
from ml_connector_tests.systems.chargebee.test_events import PRICE, subscribed
from ml_connector_tests.systems.chargebee.test_outward import ONLY, imported, order

NET, TAX = 10_000, 2_500
ROUNDED = pytest.mark.parametrize("off", [37, -37])


def credited(sync: Sync, off: int, **more: Any) -> str:
    """A credit note at Chargebee that takes back a part of a yearly subscription, rounded; its record's key."""
    (line,) = sync.chargebee.listed("invoices")[0]["line_items"]
    part = {"description": "Lisens", "unit_amount": NET, "tax1_name": "MVA", "tax1_amount": TAX}
    lines = [{**part, "date_from": line["date_from"], "date_to": line["date_to"]}]
    return noted(sync, NET + TAX, off, line_items=lines, taxes=[{"name": "MVA", "rate": 25, "amount": TAX}], **more)


def noted(sync: Sync, total: int, off: int, **more: Any) -> str:
    """A credit note at Chargebee for the only invoice, whose total is rounded; its record's key."""
    (invoice,) = sync.chargebee.listed("invoices")
    sync.chargebee.done(
        "/credit_notes/import_credit_note",
        id="CN-1",
        reference_invoice_id=invoice["id"],
        type="adjustment",
        create_reason_code="Other",
        date=sync.chargebee.now(),
        total=total + off,
        round_off_amount=off,
        **more,
    )
    return "credit_note/CN-1"


def differences(sync: Sync) -> set[int]:
    """What each transaction's debits and credits differ by, in cents."""
    return {
        round(sum(line["debitAmountInCurrency"] - line["creditAmountInCurrency"] for line in batch[LINES]) * 100)
        for batch in sync.batches()
    }


@ROUNDED
@pytest.mark.parametrize("policy", ["immediate", "deferred"])
def test_a_rounded_credit_note_is_posted_to_the_cent(open_one: OpenSync, policy: str, off: int) -> None:
    """With what was rounded off on its account, on the side that a credit note has; nothing stays deferred."""
    sync = open_one(events=events_block(policy=policy))
    subscribed(sync)
    sync.sync_back()
    before = sync.totals()
    credited(sync, off)
    assert counts(sync.sync_back()["journals"])["created"] == 1
    revenue = "2970" if policy == "deferred" else "3000"
    after, changes = sync.totals(), {"1530": -(NET + TAX + off), "2700": TAX, revenue: NET, "7740": off}
    assert {account: after[account] - before.get(account, 0) for account in after} == changes
    sync.wait(days=800)
    sync.sync_back()
    assert differences(sync) == {0}
    owed = 150_000 - NET - TAX - off
    assert sync.totals() == {"1530": owed, "2700": TAX - 30_000, "3000": NET - PRICE, "7740": off}


@ROUNDED
def test_a_rounded_credit_note_that_is_void_leaves_nothing(sync: Sync, off: int) -> None:
    """What was rounded off is taken back with the rest of it."""
    subscribed(sync)
    credited(sync, off, status="voided", voided_at=sync.chargebee.now())
    sync.sync_back()
    assert sync.totals() == {"1530": 150_000, "2700": -30_000, "2970": -PRICE}
    booked = [line["accountNumber"] for batch in sync.batches() for line in batch[LINES]]
    assert booked.count("7740") == 2


def test_a_rounded_credit_note_needs_an_account_for_it(open_one: OpenSync) -> None:
    """Without one it is rejected with what to set, and nothing is posted of it."""
    accounts = {"receivable": "1530", "revenue": "3000", "deferred": "2970", "vat": {"MVA": "2700"}}
    sync = open_one(events=events_block(accounts=accounts))
    subscribed(sync)
    key = credited(sync, 37)
    sync.sync_back()
    assert "accounts.rounding" in (sync.state_back("journals", key).reason or "")
    assert len(sync.batches()) == 1


@ROUNDED
def test_a_credit_note_without_lines_is_posted_less_what_was_rounded_off(open_one: OpenSync, off: int) -> None:
    """Where neither VAT nor time has to be told apart, all of it is revenue, and what was rounded off is not."""
    accounts = {"receivable": "1530", "revenue": "3000", "rounding": "7740"}
    sync = open_one(events=events_block(policy="immediate", accounts=accounts, vat_codes={}))
    subscribed(sync, tax_rate=0)
    sync.sync_back()
    noted(sync, NET, off)
    assert counts(sync.sync_back()["journals"])["created"] == 1
    assert sync.totals() == {"1530": PRICE - NET - off, "3000": NET - PRICE, "7740": off}


def test_a_rounded_credit_note_does_not_become_one_of_visma_s(open_one: OpenSync) -> None:
    """Visma rounds by its own rules: it is for people, and they are told why."""
    sync = open_one(events=events_block(post="invoices", policy="immediate"))
    sync.chargebee.control("customers", {"id": "V-10001", "auto_collection": "off"})
    subscribed(sync, customer_id="V-10001")
    key = credited(sync, 37)
    sync.sync_back()
    state = sync.state_back("journals", key)
    assert (state.outcome, state.kind) == ("rejected", "rounded")
    (invoice,) = [row for row in sync.visma.books()["invoices"]["rows"] if row["customerRefNumber"]]
    assert invoice["amountInCurrency"] == 1500


@ROUNDED
def test_a_rounded_credit_note_of_visma_s_is_imported_to_the_cent(open_one: OpenSync, off: int) -> None:
    """Its lines, its VAT and what was rounded off come to Visma's total; so much less is due of the invoice."""
    sync = open_one(flows=ONLY)
    number = order(sync, {"price": "100.00", "quantity": 2}, {"price": "33.33", "quantity": 1})["referenceNumber"]
    note = sync.visma.credit(number, 1)
    amount = round(note["amount"] + off / 100, 2)
    rounded = {"amount": amount, "amountInCurrency": amount}
    sync.visma.control("PATCH", f"credit-notes/{note['referenceNumber']}", rounded)
    sync.sync_out()
    sync.sync_out()
    held = sync.chargebee.read(f"/credit_notes/VC-{note['referenceNumber']}")["credit_note"]
    assert (held["total"], held["round_off_amount"]) == (20_000 + 5_000 + off, off)
    assert held["total"] == sum(line["amount"] + line["tax_amount"] for line in held["line_items"]) + off
    invoice = imported(sync, number)
    assert invoice["amount_due"] == invoice["total"] - held["total"]
