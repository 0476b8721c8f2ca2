"""What a preview shows of HubSpot."""

from __future__ import annotations

from ml_connector.engine.preview import preview
from ml_connector_tests.systems.hubspot.conftest import OpenSync
from ml_connector_tests.systems.hubspot.invoice_support import DocumentSync, batch, invoice
from ml_connector_tests.systems.hubspot.support import TARGET, contact, customer


def test_the_preview_of_an_update_shows_what_differs(open_sync: OpenSync) -> None:
    """And not every field of a company, an invoice or a transaction, as if it were new."""
    opened = open_sync(flows={"companies": {}, "contacts": {}, "invoices": {}, "transactions": {}})
    sync = DocumentSync(opened.ledger, opened.hubspot, opened.account)
    sync.sync(customer(), contact(), invoice("1"), batch())
    sync.visma.put(customer(name="Nordfisk Holding AS"), contact(firstName="Karin"))
    sync.visma.put(invoice("1", customerRefNumber="PO-8"), batch(description="Ny"))
    sync.read()
    differing = {}
    for flow in sync.flows.values():
        shown = preview(flow, sync.ledger, TARGET, clock=sync.visma.clock)
        differing[flow.name] = [one.field for found in shown.records for one in found.differences]
    assert {name: fields for name, fields in differing.items() if fields} == {
        "companies": ["properties.name"],
        "contacts": ["properties.firstname"],
        "invoices": ["properties.visma_customer_reference"],
        "transactions": ["properties.description"],
    }
