"""Events become transactions of Visma's general ledger, each once, whatever order and answer they meet."""

from __future__ import annotations

from typing import Any

import pytest

from ml_connector.engine.by_hand import mark
from ml_connector_tests.simulators.visma_support import ORDINARY
from ml_connector_tests.systems.chargebee.conftest import OpenSync
from ml_connector_tests.systems.chargebee.support import ACCOUNTS, BACK, LINES, Sync, counts, events_block
from ml_connector_tests.systems.chargebee.test_outward import change_amounts, order

YEARLY = {"billing_period": 1, "billing_period_unit": "year", "tax_rate": 25, "tax_name": "MVA"}
PRICE = 120_000


def item(price: int = PRICE, kind: str = "plan", name: str = "lisens") -> dict[str, Any]:
    return {"item_price_id": name, "item_type": kind, "unit_price": price}


def subscribed(sync: Sync, price: int = PRICE, **more: Any) -> dict[str, Any]:
    """A subscription, and its first invoice."""
    made: dict[str, Any] = sync.chargebee.subscribe(items=[item(price)], **(YEARLY | more))
    return made


def test_an_invoice_is_posted_once_however_many_events_carry_it(sync: Sync) -> None:
    """Receivable, VAT and deferred revenue; the same invoice comes with several events."""
    subscribed(sync)
    assert len([event for event in sync.chargebee.events() if "invoice" in event["content"]]) > 1
    report = sync.sync_back()["journals"]
    assert counts(report) == {"read": 1, "created": 1}
    (batch,) = sync.batches()
    assert batch["status"] == "Hold"
    assert sync.totals() == {"1530": 150_000, "2700": -30_000, "2970": -120_000}
    assert {line["vatCode"]["id"] for line in batch[LINES] if line["accountNumber"] != "1530"} == {"3"}
    again = sync.sync_back()["journals"]
    assert (counts(again), len(sync.batches())) == ({}, 1)


def test_immediate_posts_revenue_at_once(open_one: OpenSync) -> None:
    """And nothing is recognised later."""
    sync = open_one(events=events_block(policy="immediate"))
    subscribed(sync)
    sync.sync_back()
    assert sync.totals() == {"1530": 150_000, "2700": -30_000, "3000": -120_000}
    sync.wait(days=400)
    report = sync.sync_back()["recognitions"]
    assert (set(counts(report)), len(sync.batches())) == ({"read", "skipped"}, 1)


def test_revenue_is_recognised_month_by_month_when_months_have_ended(sync: Sync) -> None:
    """One transaction a month; after the term nothing is deferred, and all of it is revenue."""
    subscribed(sync)
    report = sync.sync_back()["recognitions"]
    assert set(counts(report)) == {"read", "skipped"}
    assert sync.state_back("recognitions", _months(sync)[0]).rule == "not due yet"
    sync.wait(days=70)
    first = counts(sync.sync_back()["recognitions"])
    assert 2 <= first["created"] <= 3
    sync.wait(days=365)
    sync.sync_back()
    assert sync.totals() == {"1530": 150_000, "2700": -30_000, "3000": -120_000}
    recognised = [batch for batch in sync.batches() if all(line["accountNumber"] != "1530" for line in batch[LINES])]
    assert 12 <= len(recognised) <= 13


@pytest.mark.parametrize("later", ["2930", None], ids=["another account", "none"])
def test_months_come_off_the_account_to_which_their_document_was_deferred(
    open_one: OpenSync, later: str | None
) -> None:
    """Whichever is configured by then, so that none keeps a balance."""
    sync = open_one()
    subscribed(sync)
    sync.sync_back()
    sync.wait(days=70)
    assert sync.sync_back()["recognitions"].total.created >= 2
    accounts = {name: account for name, account in (ACCOUNTS | {"deferred": later}).items() if account}
    policy = "deferred" if later else "immediate"
    sync = open_one(events=events_block(accounts=accounts, policy=policy))
    sync.wait(days=435)
    sync.sync_back()
    assert sync.totals() == {"1530": 150_000, "2700": -30_000, "3000": -120_000}


def _months(sync: Sync) -> list[str]:
    (invoice,) = sync.chargebee.listed("invoices")
    keys = sync.ledger.readings.known(
        "chargebee.recognitions", [f"invoice/{invoice['id']}/{month}" for month in MONTHS]
    )
    return sorted(keys)


MONTHS = [f"{year}-{month:02d}" for year in range(2020, 2040) for month in range(1, 13)]


def test_a_cancellation_takes_back_what_is_not_recognised(sync: Sync) -> None:
    """After everything: revenue is what was kept, and nothing is deferred."""
    subscribed(sync)
    sync.sync_back()
    sync.later(days=150)
    sync.chargebee.control("subscriptions/S-1/cancel", {"when": "now", "credit": True})
    (note,) = sync.chargebee.listed("credit_notes")
    sync.sync_back()
    sync.wait(days=400)
    sync.sync_back()
    credited = sum(line["amount"] for line in note["line_items"])
    assert 0 < credited < PRICE
    totals = sync.totals()
    assert (totals["3000"], totals.get("2970", 0)) == (-(PRICE - credited), 0)
    assert totals["1530"] == 150_000 - note["total"]


def test_a_full_credit_returns_everything_to_zero(sync: Sync) -> None:
    subscribed(sync)
    (invoice,) = sync.chargebee.listed("invoices")
    sync.chargebee.control(f"invoices/{invoice['id']}/credit", {"amount": invoice["total"], "type": "adjustment"})
    sync.sync_back()
    sync.wait(days=800)
    sync.sync_back()
    assert sync.totals() == {}


def test_a_voided_invoice_is_reversed(sync: Sync) -> None:
    """Every account returns to zero."""
    subscribed(sync)
    sync.sync_back()
    (invoice,) = sync.chargebee.listed("invoices")
    assert sync.chargebee.post(f"/invoices/{invoice['id']}/void").status_code == 200
    report = sync.sync_back()["journals"]
    assert counts(report) == {"read": 1, "created": 1}
    sync.wait(days=800)
    sync.sync_back()
    assert sync.totals() == {}


def test_our_own_imports_are_never_posted(sync: Sync) -> None:
    """failures.md 18 and failures.md 38: what came from Visma stands there."""
    sync.chargebee.customer()
    sync.chargebee.invoice("VN-100001")
    report = sync.sync_back()["journals"]
    assert (counts(report), sync.batches()) == ({"read": 1, "skipped": 1}, [])
    assert sync.state_back("journals", "invoice/VN-100001").rule == "our own import"


@pytest.mark.parametrize("go_on", [True, False])
def test_what_we_imported_is_known_by_the_ledger_whatever_its_id(open_one: OpenSync, *, go_on: bool) -> None:
    """failures.md 38: under an older prefix, anew under the next one, and where no invoices go out any more."""
    customers = {"where": {"number": [ORDINARY]}}
    flows = {"customers": customers, "invoices": {"from": "2020-01-01"}}
    first = open_one(flows=flows)
    number = order(first)["referenceNumber"]
    first.sync_out()
    next_one = open_one(flows={**flows, "invoices": {"from": "2020-01-01", "prefix": "VX-"}})
    change_amounts(next_one, number)
    next_one.sync_out()
    ids = {one["id"] for one in next_one.chargebee.listed("invoices")}
    assert {f"VN-{number}", f"VX-{number}--2"} <= ids
    invoices = {"invoices": {"from": "2020-01-01", "prefix": "VY-"}} if go_on else {}
    sync = open_one(flows={"customers": customers, **invoices})
    sync.chargebee.control(f"invoices/VX-{number}--2/credit", {"amount": 1_000, "type": "adjustment"})
    sync.sync_back()
    assert {sync.state_back("journals", f"invoice/{one}").rule for one in ids} == {"our own import"}
    assert sync.state_back("journals", f"void/VN-{number}").rule == "our own import"
    (note,) = sync.chargebee.listed("credit_notes")
    assert sync.state_back("journals", f"credit_note/{note['id']}").kind == "credits our own import"
    assert sync.batches() == []


def test_documents_before_from_are_left_alone(open_one: OpenSync) -> None:
    """failures.md 34."""
    sync = open_one(events=events_block(**{"from": "2099-01-01"}))
    subscribed(sync)
    assert sync.sync_back()["journals"].total.read == 0
    assert sync.batches() == []


def test_an_event_without_money_posts_nothing_and_is_kept(sync: Sync) -> None:
    """Status and amount of the subscription stand in the ledger."""
    subscribed(sync)
    sync.sync_back()
    sync.later(days=1)
    sync.chargebee.control("subscriptions/S-1/cancel", {"when": "term_end"})
    before = len(sync.batches())
    sync.sync_back()
    state = sync.state_back("subscriptions", "S-1")
    assert (state.outcome, state.rule, len(sync.batches())) == ("skipped", "no money", before)
    assert (state.reason or "").startswith("non_renewing")


@pytest.mark.parametrize("fault", ["lost_answer", "server_error", "false_error"])
def test_an_answer_that_never_comes_makes_no_second_transaction(sync: Sync, fault: str) -> None:
    """failures.md 20 and failures.md 35: it waits until the call is over for sure, looks, and only then creates."""
    subscribed(sync)
    sync.visma.fault(fault, path="journaltransaction$", method="POST", times=1)
    first = sync.sync_back()["journals"]
    assert counts(first) == {"read": 1, "failed": 1}
    sync.wait(minutes=2)
    sync.post("journals")
    assert len([call for call in _posts(sync) if call["method"] == "POST"]) == 1
    sync.wait(minutes=10)
    assert sync.post("journals")["journals"].total.created == 1
    assert len(sync.batches()) == 1


def _posts(sync: Sync) -> list[dict[str, Any]]:
    log = sync.visma.control("GET", "calls")["log"]
    return [call for call in log if call["path"] == "/v2/journaltransaction"]


def test_neither_replay_nor_another_mapping_posts_again(open_one: OpenSync) -> None:
    """failures.md 36."""
    sync = open_one()
    subscribed(sync)
    sync.sync_back()
    (invoice,) = sync.chargebee.listed("invoices")
    replayed = sync.post("journals", only=[f"invoice/{invoice['id']}"])["journals"]
    assert counts(replayed) == {"read": 1, "unchanged": 1}
    other = open_one(events=events_block(accounts=ACCOUNTS_OTHER))
    assert counts(other.sync_back()["journals"]) == {"read": 1, "unchanged": 1}
    assert len(sync.batches()) == 1


ACCOUNTS_OTHER = {"receivable": "1530", "revenue": "3100", "deferred": "2970", "vat": {"MVA": "2700"}}


def test_a_tax_without_an_account_is_rejected_with_what_to_set(open_one: OpenSync) -> None:
    """And posted once it is set, by itself."""
    bare = {"receivable": "1530", "revenue": "3000", "deferred": "2970"}
    sync = open_one(events=events_block(accounts=bare))
    subscribed(sync)
    assert counts(sync.sync_back()["journals"]) == {"read": 1, "rejected": 1}
    (invoice,) = sync.chargebee.listed("invoices")
    assert "accounts.vat.MVA" in (sync.state_back("journals", f"invoice/{invoice['id']}").reason or "")
    assert counts(open_one().sync_back()["journals"]) == {"read": 1, "created": 1}


def test_a_closed_period_moves_a_transaction_on(sync: Sync) -> None:
    """With a note in its description and in the ledger."""
    subscribed(sync)
    sync.visma.control("POST", f"periods/{sync.now():%Y%m}/close")
    sync.sync_back()
    (batch,) = sync.batches()
    assert batch["financialPeriod"] > f"{sync.now():%Y%m}"
    assert "closed" in batch["description"]


def test_a_webhook_is_only_a_hint(sync: Sync) -> None:
    """failures.md 27: the event is read again at Chargebee; what it does not know is refused, and visible."""
    subscribed(sync)
    event = sync.chargebee.events()[0]
    inbox = sync.ledger.inbox("chargebee")
    inbox.store(event["id"], b'{"forged": "content"}', sync.now())
    inbox.store("ev_forged", b"{}", sync.now())
    told = sync.take_in()
    assert (told.taken, told.refused) == (1, 1)
    assert inbox.counts() == {"taken": 1, "refused": 1}
    sync.derive()
    sync.post()
    assert len(sync.batches()) <= 1
    untold = sync.poll()
    assert untold == len(sync.chargebee.events()) - 1
    sync.derive()
    sync.post()
    assert len(sync.batches()) == 1


def test_a_document_needs_its_months_to_wait_for_it(sync: Sync) -> None:
    """A month whose document could not be posted is not posted either, and comes by itself afterwards."""
    subscribed(sync)
    sync.visma.fault("server_error", path="journaltransaction$", method="POST")
    sync.wait(days=70)
    sync.sync_back()
    sync.visma.control("POST", "faults", [])
    for _ in range(3):
        sync.wait(hours=13)
        sync.post()
    totals = sync.totals()
    assert totals["1530"] == 150_000
    assert totals["3000"] + totals["2970"] == -120_000


def test_a_document_that_was_posted_by_hand_is_quiet_with_its_months(open_one: OpenSync) -> None:
    """Whatever the settings become: neither it nor its months is posted as well."""
    sync = open_one(events=events_block(accounts={**ACCOUNTS, "vat": {}}))
    subscribed(sync)
    reports = sync.sync_back()
    assert set(counts(reports["journals"])) == {"read", "rejected"}
    (invoice,) = sync.chargebee.listed("invoices")
    key = f"invoice/{invoice['id']}"
    for flow in sync.flows_back.values():
        mark(flow, sync.ledger, BACK, "visma", [key], "GL 17 (Kari)", run_id="by-hand", at=sync.now())
    configured = open_one()
    configured.wait(days=400)
    report = configured.sync_back()
    assert set(counts(report["journals"])) == {"read", "skipped"}
    assert set(counts(report["recognitions"])) == {"read", "skipped"}
    assert (configured.state_back("journals", key).rule, configured.batches()) == ("handled by hand", [])


def test_a_site_with_the_old_catalogue_is_served_both_ways(open_one: OpenSync) -> None:
    """Its lines are of plans and addons; a rule finds them by the plan's id. Imported invoices are the same on both."""
    rules = [{"entity_type": "plan", "entity_id": "lisens", "revenue": "3100"}]
    sync = open_one(events=events_block(policy="immediate", rules=rules))
    sync.chargebee.configure(catalogue="1.0")
    report = sync.sync_out()
    assert report["customers"].total.created > 0
    assert report["invoices"].total.created > 0
    subscribed(sync)
    assert counts(sync.sync_back()["journals"])["created"] == 1
    assert sync.totals() == {"1530": 150_000, "2700": -30_000, "3100": -120_000}
    (subscription,) = sync.chargebee.listed("subscriptions")
    assert (sync.state_back("subscriptions", subscription["id"]).reason or "").startswith("active")


def test_transactions_are_released_where_that_is_wanted(open_one: OpenSync) -> None:
    """Of documents and of months; on hold is the default."""
    sync = open_one(events=events_block(release=True))
    subscribed(sync)
    sync.sync_back()
    sync.wait(days=70)
    assert sync.sync_back()["recognitions"].total.created > 1
    assert {batch["status"] for batch in sync.batches()} == {"Posted"}
