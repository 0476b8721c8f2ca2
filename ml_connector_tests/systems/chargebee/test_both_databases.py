"""Whole paths to Chargebee and back on SQLite and on PostgreSQL, which refuses what SQLite takes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ml_connector.store.database import Database
from ml_connector.store.landing import Landings
from ml_connector.store.ledger import Ledger
from ml_connector.store.vault import Vault, new_key, parse_key
from ml_connector_tests.simulators.chargebee_support import Chargebee
from ml_connector_tests.simulators.visma_support import ORDINARY, Visma
from ml_connector_tests.systems.chargebee.conftest import OpenSync
from ml_connector_tests.systems.chargebee.support import TARGET, Sync, counts, open_sync
from ml_connector_tests.systems.chargebee.test_events import subscribed
from ml_connector_tests.systems.chargebee.test_outward import ONLY
from ml_connector_tests.systems.chargebee.test_post_invoices import documents, invoices_block
from ml_connector_tests.systems.chargebee.test_post_invoices import subscribed as billed


@pytest.fixture
def ledger(database: Database, tmp_path: Path) -> Ledger:
    """On the database of either kind."""
    vault = Vault.open(database, parse_key(new_key()))
    return Ledger(database, vault, Landings(tmp_path / "landings", vault.landing_key), "nordic")


@pytest.fixture
def sync(ledger: Ledger, chargebee: Chargebee, visma: Visma) -> Iterator[Sync]:
    """Both ways, of one customer."""
    with open_sync(ledger, chargebee, visma, flows=ONLY) as sync:
        yield sync


def test_every_flow_delivers_and_finds_nothing_to_do_after_that(sync: Sync) -> None:
    """Out: a customer, and an invoice with a payment. Back: a subscription's invoice, and its months."""
    number = sync.visma.order()["referenceNumber"]
    sync.visma.pay(number, 100)
    reports = sync.sync_out()
    assert (reports["customers"].total.created, reports["invoices"].total.created) == (1, 3)
    assert sync.state_out("invoices", f"Invoice-{number}").outcome == "created"
    sync.visma.control("PATCH", f"invoices/{number}", {"customerRefNumber": "PO\0 Ægir\u2028 7"})
    assert counts(sync.sync_out()["invoices"]) == {"read": 1, "updated": 1}
    sync.chargebee.subscribe(customer_id=f"V-{ORDINARY}")
    reports = sync.sync_back()
    assert reports["journals"].total.created == 1
    assert reports["recognitions"].total.rejected == 0
    assert all(counts(report) == {} for report in (*sync.sync_out().values(), *sync.post().values()))
    assert all(sync.ledger.audit(target).verify().ok for target in (TARGET, f"{TARGET}_to_visma"))


def test_what_a_webhook_told_of_is_posted_and_its_months_when_they_have_ended(sync: Sync) -> None:
    """From the inbox alone, without a poll; a forged event is refused. Two months and more later, each is posted."""
    subscribed(sync)
    inbox = sync.ledger.inbox(TARGET)
    for event in sync.chargebee.events():
        inbox.store(event["id"], b"{}", sync.now())
    inbox.store("ev_forged", b"{}", sync.now())
    told = sync.take_in()
    assert (told.taken, told.refused) == (len(sync.chargebee.events()), 1)
    assert inbox.counts() == {"taken": told.taken, "refused": 1}
    sync.derive()
    assert sync.post()["journals"].total.created == 1
    sync.wait(days=70)
    assert sync.sync_back()["recognitions"].total.created >= 2
    assert len(sync.batches()) >= 3
    assert set(counts(sync.sync_back()["recognitions"])) == set()


def test_a_document_becomes_an_invoice_once(open_one: OpenSync) -> None:
    """With `post: invoices`."""
    sync = open_one(events=invoices_block())
    billed(sync)
    assert counts(sync.sync_back()["journals"]) == {"read": 1, "created": 1}
    assert counts(sync.sync_back()["journals"]) == {}
    assert len(documents(sync)) == 1


@pytest.mark.parametrize("odd", ["PO\0", "9" * 300, "\u2028", "\U0001f600" * 120], ids=["nul", "long", "line", "wide"])
def test_an_odd_reference_does_not_stop_the_others(sync: Sync, odd: str) -> None:
    """failures.md 41: it is imported, cut between characters, or rejected in words; the ordinary one is imported."""
    one, other = (sync.visma.order({"price": "100.00"})["referenceNumber"] for _ in range(2))
    sync.visma.control("PATCH", f"invoices/{one}", {"customerRefNumber": odd, "paymentReference": odd})
    sync.sync_out()
    assert sync.state_out("invoices", f"Invoice-{other}").outcome == "created"
    assert sync.state_out("invoices", f"Invoice-{one}").outcome in ("created", "rejected")
    assert counts(sync.sync_out()["invoices"]) == {}
