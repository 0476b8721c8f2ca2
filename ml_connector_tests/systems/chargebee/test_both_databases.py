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
from ml_connector_tests.systems.chargebee.support import TARGET, Sync, counts, open_sync
from ml_connector_tests.systems.chargebee.test_outward import ONLY


@pytest.fixture
def sync(database: Database, tmp_path: Path, chargebee: Chargebee, visma: Visma) -> Iterator[Sync]:
    """Both ways, of one customer."""
    vault = Vault.open(database, parse_key(new_key()))
    ledger = Ledger(database, vault, Landings(tmp_path / "landings", vault.landing_key), "nordic")
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


@pytest.mark.parametrize("odd", ["PO\0", "9" * 300, "\u2028", "\U0001f600" * 120], ids=["nul", "long", "line", "wide"])
def test_an_odd_reference_does_not_stop_the_others(sync: Sync, odd: str) -> None:
    """failures.md 41: it is imported, cut between characters, or rejected in words; the ordinary one is imported."""
    one, other = (sync.visma.order({"price": "100.00"})["referenceNumber"] for _ in range(2))
    sync.visma.control("PATCH", f"invoices/{one}", {"customerRefNumber": odd, "paymentReference": odd})
    sync.sync_out()
    assert sync.state_out("invoices", f"Invoice-{other}").outcome == "created"
    assert sync.state_out("invoices", f"Invoice-{one}").outcome in ("created", "rejected")
    assert counts(sync.sync_out()["invoices"]) == {}
