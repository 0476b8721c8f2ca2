"""Documents whose lines Chargebee gives in pages, as a site with enterprise-scale invoicing does."""

from __future__ import annotations

from typing import Any

import pytest

from ml_connector_tests.systems.chargebee.conftest import OpenSync
from ml_connector_tests.systems.chargebee.support import LINES, Sync, counts
from ml_connector_tests.systems.chargebee.test_events import YEARLY, item
from ml_connector_tests.systems.chargebee.test_outward import ONLY, change_amounts, imported, order

ITEMS = 5
PRICE = 12_000


@pytest.fixture
def sync(open_one: OpenSync) -> Sync:
    """Two lines come at once."""
    sync = open_one()
    sync.chargebee.configure(line_page=2)
    return sync


def long_invoice(sync: Sync) -> dict[str, Any]:
    """With five lines; of an event only that there are more."""
    items = [item(PRICE), *(item(PRICE, "addon", f"addon-{number}") for number in range(1, ITEMS))]
    sync.chargebee.subscribe(items=items, **YEARLY)
    (invoice,) = sync.chargebee.listed("invoices")
    assert (invoice["line_items"], invoice["total"]) == ([], ITEMS * PRICE * 125 // 100)
    return dict(invoice)


def test_all_lines_of_an_event_s_document_are_posted(sync: Sync) -> None:
    """With their taxes, and recognised over their time; a credit note likewise."""
    invoice = long_invoice(sync)
    assert counts(sync.sync_back()["journals"]) == {"read": 1, "created": 1}
    (batch,) = sync.batches()
    assert len(batch[LINES]) == 1 + 2 * ITEMS
    assert sync.totals() == {"1530": invoice["total"], "2970": -ITEMS * PRICE, "2700": -ITEMS * PRICE // 4}
    sync.chargebee.control("subscriptions/S-1/cancel", {"when": "now", "credit": True})
    sync.sync_back()
    sync.wait(days=800)
    sync.sync_back()
    assert sync.totals().get("2970", 0) == 0
    assert len(sync.chargebee.listed("credit_notes")) == 1


def test_a_document_that_is_gone_before_its_lines_were_read_is_rejected(sync: Sync) -> None:
    """It is not posted as a whole, nor in part; with what to do."""
    invoice = long_invoice(sync)
    assert sync.chargebee.post(f"/invoices/{invoice['id']}/delete").status_code == 200
    reports = sync.sync_back()
    assert set(counts(reports["journals"])) == {"read", "rejected"}
    assert "by hand" in (sync.state_back("journals", f"invoice/{invoice['id']}").reason or "")
    assert sync.batches() == []


def test_an_imported_invoice_is_compared_by_all_its_lines(open_one: OpenSync) -> None:
    """It is not imported anew because the first page is not all of it; nor is a changed one taken for the same."""
    sync = open_one(flows=ONLY)
    sync.chargebee.configure(line_page=2)
    sync.sync_out()
    number = order(sync, *({"price": f"{price}.00"} for price in (10, 20, 30, 40, 50)))["referenceNumber"]
    sync.chargebee.control("faults", [{"fault": "lost_answer", "path": "import_invoice", "times": 2}])
    sync.sync_out()
    sync.chargebee.control("faults", [])
    sync.later(hours=1)
    sync.send("invoices")
    assert imported(sync, number)["status"] in ("posted", "not_paid")
    change_amounts(sync, number)
    sync.sync_out()
    assert imported(sync, number)["status"] == "voided"
    sync.visma.pay(number, 10)
    sync.sync_out()
    assert (imported(sync, number, "--2")["status"], imported(sync, number, "--2")["amount_paid"]) == ("posted", 1_000)
