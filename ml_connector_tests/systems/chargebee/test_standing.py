"""What stands in Visma goes on standing where it does, whatever is configured and goes wrong before what follows it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import select, update

from ml_connector.store.tables import record_state
from ml_connector_tests.systems.chargebee.conftest import OpenSync
from ml_connector_tests.systems.chargebee.support import LINES, Sync, counts, events_block
from ml_connector_tests.systems.chargebee.test_configured import PLACE, segments
from ml_connector_tests.systems.chargebee.test_events import YEARLY, item
from ml_connector_tests.systems.chargebee.test_post_invoices import documents, invoices_block
from ml_connector_tests.systems.chargebee.test_post_invoices import subscribed as billed
from ml_connector_tests.systems.chargebee.test_projects import (
    BOTH,
    INTERNAL,
    LICENCES,
    ONBOARDING,
    POST,
    newest,
    place,
    places,
)

AT_ONCE = events_block(policy="immediate")
WRITES = "(journaltransaction|customerinvoice|customerCreditNote)$"
LATER = {"2970", "1530"}
"""Accounts on which nothing may be left of what was earned, or taken back."""


def balances(sync: Sync) -> dict[Any, int]:
    """What is left, in cents, by account, branch, project and subaccount."""
    left: dict[Any, int] = {}
    for batch in sync.batches():
        for line in batch[LINES]:
            key = (line["accountNumber"], line["branch"], place(line), *segments(line).values())
            left[key] = left.get(key, 0) + round((line["debitAmountInCurrency"] - line["creditAmountInCurrency"]) * 100)
    return {key: amount for key, amount in left.items() if amount}


def void(sync: Sync, invoice: dict[str, Any]) -> None:
    assert sync.chargebee.post(f"/invoices/{invoice['id']}/void").status_code == 200


def change(sync: Sync, invoice: dict[str, Any], changes: dict[str, Any]) -> None:
    sync.chargebee.control(f"records/invoices/{invoice['id']}", {"set": changes})
    sync.chargebee.done(f"/invoices/{invoice['id']}/update_details", po_number="PO-1")


# --- post ------------------------------------------------------------------------------------------------------------

WAYS = pytest.mark.parametrize(
    ("first", "then"), [(AT_ONCE, invoices_block()), (invoices_block(), AT_ONCE)], ids=["to invoices", "to journals"]
)


@WAYS
@pytest.mark.parametrize("fault", ["lost_answer", "false_error"])
def test_post_that_changes_before_an_unanswered_create_is_known_posts_nothing_twice(
    open_one: OpenSync, first: dict[str, Any], then: dict[str, Any], fault: str
) -> None:
    """failures.md 20: it is looked up as what it was sent as; its voiding follows as what is wanted by then."""
    sync = open_one(events=first)
    invoice = billed(sync)
    sync.visma.fault(fault, path=WRITES, **POST)
    assert counts(sync.sync_back()["journals"]) == {"read": 1, "failed": 1}
    sync = open_one(events=then)
    sync.wait(minutes=10)
    assert counts(sync.sync_back()["journals"]) == {"read": 1, "created": 1}
    assert len(sync.batches()) + len(documents(sync)) == 1
    facts = sync.state_back("journals", f"invoice/{invoice['id']}").facts
    assert (facts["policy"], bool(facts["places"]), facts["books"]["branch"]) == ("immediate", True, "1")
    assert "None" not in (sync.state_back("journals", f"invoice/{invoice['id']}").reason or "")
    void(sync, invoice)
    assert counts(sync.sync_back()["journals"])["created"] == 1
    assert len(sync.batches()) + len(documents(sync)) + len(documents(sync, "credit_notes")) == 2


@WAYS
def test_what_never_reached_visma_is_posted_as_it_is_wanted_by_then(
    open_one: OpenSync, first: dict[str, Any], then: dict[str, Any]
) -> None:
    sync = open_one(events=first)
    billed(sync)
    sync.visma.fault("server_error", path=WRITES, **POST)
    sync.sync_back()
    sync = open_one(events=then)
    sync.wait(minutes=10)
    assert counts(sync.sync_back()["journals"])["created"] == 1
    assert [bool(sync.batches()), bool(documents(sync))] == [then is AT_ONCE, then is not AT_ONCE]


def test_months_follow_a_transaction_that_was_found_after_post_was_changed(open_one: OpenSync) -> None:
    """It was deferred when it was sent."""
    sync = open_one(events=events_block(**LICENCES))
    billed(sync)
    sync.visma.fault("lost_answer", path=WRITES, **POST)
    sync.sync_back()
    sync = open_one(events=invoices_block(accounts={"receivable": "1530", "revenue": "3000", "vat": {"MVA": "2700"}}))
    sync.wait(days=800)
    sync.sync_back()
    assert (documents(sync), LATER & {key[0] for key in balances(sync)}) == ([], {"1530"})


@WAYS
@pytest.mark.parametrize("amount", [120_000, 140_000])
def test_what_changes_after_it_was_posted_the_other_way_is_for_people(
    open_one: OpenSync, first: dict[str, Any], then: dict[str, Any], amount: int
) -> None:
    """In words that help: its lines cannot be compared."""
    sync = open_one(events=first)
    invoice = billed(sync)
    sync.sync_back()
    line = {**invoice["line_items"][0], "amount": amount, "unit_amount": amount, "description": "Licence"}
    change(sync, invoice, {"line_items": [line], "total": amount + 30_000, "amount_due": amount + 30_000})
    sync = open_one(events=then)
    assert counts(sync.sync_back()["journals"]) == {"read": 1, "rejected": 1}
    reason = sync.state_back("journals", f"invoice/{invoice['id']}").reason or ""
    assert ("made when `post` was another" in reason, "ml-connector handled" in reason) == (True, True)


# --- what is not there yet -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", [events_block, invoices_block])
@pytest.mark.parametrize("minutes", [0, 10])
def test_what_takes_back_an_unanswered_invoice_waits_for_it(open_one: OpenSync, block: Any, minutes: int) -> None:
    """Until it is known where the invoice stands; the settings changed in between."""
    sync = open_one(events=block(**LICENCES))
    invoice = billed(sync)
    sync.visma.fault("lost_answer", path=WRITES, **POST)
    assert counts(sync.sync_back()["journals"]) == {"read": 1, "failed": 1}
    void(sync, invoice)
    sync = open_one(events=block(**INTERNAL))
    sync.wait(minutes=minutes)
    first = counts(sync.sync_back()["journals"])
    assert first == ({"read": 2, "created": 2} if minutes else {"read": 2, "failed": 2})
    sync.wait(days=800)
    sync.sync_back()
    assert balances(sync) == {}
    rows = [*documents(sync), *documents(sync, "credit_notes")]
    assert {row["project"]["id"] for row in rows} <= {"P-ABO"}
    assert len(rows) == (0 if block is events_block else 2)


# --- what an earlier version posted ----------------------------------------------------------------------------------


def as_an_earlier_version_left_it(sync: Sync) -> None:
    """It told neither places nor books."""
    with sync.ledger.database.begin() as connection:
        for key, facts in connection.execute(select(record_state.c.key, record_state.c.facts)).all():
            kept = {name: fact for name, fact in json.loads(facts).items() if name not in ("places", "books")}
            change = update(record_state).where(record_state.c.key == key)
            connection.execute(change.values(facts=json.dumps(kept)))


@pytest.mark.parametrize("voided", [False, True])
def test_what_an_earlier_version_posted_has_no_project_and_what_follows_has_none(
    open_one: OpenSync, *, voided: bool
) -> None:
    """Earlier versions knew no projects; one that is configured now counts from the next document on."""
    sync = open_one()
    invoice = billed(sync)
    sync.sync_back()
    as_an_earlier_version_left_it(sync)
    if voided:
        void(sync, invoice)
    sync = open_one(events=events_block(**LICENCES))
    sync.wait(days=800)
    sync.sync_back()
    assert {line for batch in sync.batches() for line in map(place, batch[LINES])} == {(None, None)}
    assert {key[0] for key in balances(sync)} == (set() if voided else {"1530", "2700", "3000"})


def test_an_invoice_that_an_earlier_version_made_is_taken_back_without_a_project(open_one: OpenSync) -> None:
    sync = open_one(events=invoices_block())
    invoice = billed(sync)
    sync.sync_back()
    as_an_earlier_version_left_it(sync)
    void(sync, invoice)
    sync = open_one(events=invoices_block(**LICENCES))
    assert counts(sync.sync_back()["journals"])["created"] == 1
    (note,) = documents(sync, "credit_notes")
    assert (note["project"], note["invoiceLines"][0]["projectTask"]) == (None, None)


# --- branch ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("voided", [False, True])
@pytest.mark.parametrize(("first", "then"), [({"branch": "2"}, {}), ({}, {"branch": "2"})])
def test_what_follows_a_document_is_of_its_branch(
    open_one: OpenSync, first: dict[str, str], then: dict[str, str], *, voided: bool
) -> None:
    """Whichever is configured by now, so that none keeps deferred revenue."""
    sync = open_one(events=events_block(**first))
    invoice = billed(sync)
    sync.sync_back()
    if voided:
        void(sync, invoice)
    sync = open_one(events=events_block(**then))
    sync.wait(days=800)
    sync.sync_back()
    branch = first.get("branch", "1")
    assert {batch["branch"] for batch in sync.batches()} == {branch}
    left = {key[:2] for key in balances(sync)}
    assert left == (set() if voided else {("1530", branch), ("2700", branch), ("3000", branch)})


@pytest.mark.parametrize(("first", "then"), [({"branch": "2"}, {}), ({}, {"branch": "2"})])
@pytest.mark.parametrize("lost", [False, True])
def test_what_takes_an_invoice_back_is_of_its_branch(
    open_one: OpenSync, first: dict[str, str], then: dict[str, str], *, lost: bool
) -> None:
    """Also of one that was found after an answer was lost."""
    sync = open_one(events=invoices_block(**first))
    invoice = billed(sync)
    if lost:
        sync.visma.fault("lost_answer", path=WRITES, **POST)
    sync.sync_back()
    void(sync, invoice)
    sync = open_one(events=invoices_block(**then))
    sync.wait(minutes=10)
    sync.sync_back()
    (note,) = documents(sync, "credit_notes")
    found = {one["branchNumber"]["number"] for one in (note, *note["invoiceLines"])}
    assert found == {first.get("branch", "1")}


# --- odd documents ---------------------------------------------------------------------------------------------------


def test_a_credit_note_of_an_invoice_of_nothing_stands_where_every_line_does(open_one: OpenSync) -> None:
    """What it charges and what it gives back cancel out, so no line of it says where receivables are."""
    sync = open_one(events=events_block(subaccount=PLACE, **LICENCES))
    sync.chargebee.subscribe(items=[item(), ONBOARDING], **(YEARLY | {"tax_rate": 0}))
    (invoice,) = sync.chargebee.listed("invoices")
    plan, charge = invoice["line_items"]
    back = {**charge, "amount": -plan["amount"], "unit_amount": -plan["amount"]}
    change(sync, invoice, {"line_items": [plan, back], "total": 0, "sub_total": 0, "amount_due": 0})
    sync.sync_back()
    known = sync.batches()
    assert set(places(known[0])) == {"2970", "3000"}
    sync.chargebee.control(f"records/invoices/{invoice['id']}", {"set": {"total": 120_000, "amount_due": 120_000}})
    sync.chargebee.control(f"invoices/{invoice['id']}/credit", {"amount": 120_000, "type": "adjustment"})
    sync.sync_back()
    (note,) = newest(sync, known)
    assert (len(note[LINES]), set(places(note).values())) == (2, {BOTH})
    assert all(segments(line) == PLACE for line in note[LINES])


def test_the_tax_of_a_line_of_nothing_is_not_taken_for_the_line(open_one: OpenSync) -> None:
    """It stands where every line does, and is no deferred revenue."""
    rule = {"entity_id": "lisens", **INTERNAL}
    sync = open_one(events=events_block(rules=[rule], **LICENCES))
    invoice = billed(sync)
    line = {**invoice["line_items"][0], "amount": 0, "unit_amount": 0}
    change(sync, invoice, {"line_items": [line], "sub_total": 0, "total": 30_000, "amount_due": 30_000})
    sync.sync_back()
    (batch,) = sync.batches()
    assert places(batch) == {"1530": BOTH, "2700": BOTH}
    assert "deferred" not in sync.state_back("journals", f"invoice/{invoice['id']}").facts
