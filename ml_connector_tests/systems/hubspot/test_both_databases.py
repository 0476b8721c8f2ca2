"""Whole paths into HubSpot on SQLite and on PostgreSQL, which refuses characters and lengths that SQLite takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ml_connector_tests.systems.hubspot.invoice_support import (
    DocumentSync,
    batch,
    credit_note,
    invoice,
    line,
    payment,
    posting,
)
from ml_connector_tests.systems.hubspot.support import Sync, contact, counts, customer, supplier
from ml_connector_tests.systems.hubspot.test_transactions import dimension, in_region

LONG = "9" * 300


@pytest.fixture
def sync(sync_on_both: Sync) -> DocumentSync:
    return DocumentSync(sync_on_both.ledger, sync_on_both.hubspot, sync_on_both.account)


def test_every_flow_delivers_and_finds_nothing_to_do_after_that(sync: DocumentSync) -> None:
    """Creations, then changes of some; nothing else is called."""
    rows = (customer(), contact(), supplier(), invoice(), credit_note(), batch())
    reports = sync.sync(*rows)
    assert {name: counts(report)["created"] for name, report in reports.items() if counts(report).get("created")} == {
        "companies": 1,
        "contacts": 1,
        "contact_companies": 1,
        "invoices": 1,
        "credit_notes": 1,
        "transactions": 1,
    }
    sync.hubspot.calls()
    assert all(counts(report) == {} for report in sync.deliver().values())
    assert sync.hubspot.calls() == []
    reports = sync.sync(
        customer(name="Nordfisk Holding AS"), invoice("100045", line(1), line(2), paid=[payment("250")])
    )
    assert counts(reports["companies"]) == counts(reports["invoices"]) == {"read": 1, "updated": 1}


def test_payments_and_segments_come_over_and_are_followed(everything_on_both: Sync) -> None:
    """What is off by default as well."""
    sync = DocumentSync(everything_on_both.ledger, everything_on_both.hubspot, everything_on_both.account)
    lines = [posting("1500", "1250"), posting("3000", "-1000", **in_region("0100")), posting("2700", "-250")]
    sync.visma.put(dimension(v0100="East"))
    reports = sync.sync(customer(), invoice(paid=[payment("250")]), batch("000123", *lines))
    assert counts(reports["transactions"]) == counts(reports["invoices"]) == {"read": 1, "created": 1}
    assert len(sync.hubspot.records("commerce_payments")) == 1
    sync.visma.put(dimension(v0100="East\0ern"), invoice(paid=[payment("250"), payment("1000", "700002")]))
    sync.read()
    reports = sync.deliver()
    assert counts(reports["transactions"]) == counts(reports["invoices"]) == {"read": 1, "updated": 1}
    assert len(sync.hubspot.records("commerce_payments")) == 2


@pytest.mark.parametrize("number", ["10001\0", LONG, "10\u2028001"], ids=["nul", "long", "separator"])
def test_an_invoice_of_a_customer_with_an_odd_number_does_not_stop_the_others(sync: DocumentSync, number: str) -> None:
    """failures.md 41: it is rejected in plain words, once."""
    reports = sync.sync(customer(), contact(), invoice("1", customer=number), invoice("2"))
    assert counts(reports["invoices"]) == {"read": 2, "created": 1, "rejected": 1}
    assert all(counts(report) == {} for report in sync.deliver().values())


@pytest.mark.parametrize(
    "odd",
    [
        {"mainAddress": {"country": {"id": "N\0O", "name": "x"}}},
        {"mainAddress": {"country": {"id": LONG, "name": LONG}}},
        {"corporateId": "987\0654", "name": "Nord\0fisk"},
        {"corporateId": LONG, "vatRegistrationId": LONG},
        {"internalId": LONG, "mainContact": {"email": f"{LONG}@x.no"}},
        {"customerClass": {"id": "B\0B", "description": "\0"}, "status": "\0"},
    ],
    ids=["country", "long country", "corporate id", "long corporate id", "long id", "class"],
)
def test_an_odd_customer_does_not_stop_the_others(sync: DocumentSync, odd: Mapping[str, Any]) -> None:
    """failures.md 41: whatever becomes of it; suppliers look companies up by such names."""
    company = supplier("50002", **{name: value for name, value in odd.items() if name != "customerClass"})
    reports = sync.sync(customer(), customer("10009", "q@x.no", **odd), supplier(), company, invoice("1"))
    assert counts(reports["invoices"]) == {"read": 1, "created": 1}
    for report in reports.values():
        assert counts(report).get("failed", 0) == 0
    sync.deliver()
