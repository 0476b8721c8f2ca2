"""What a person reads in Dagster's pages after one sync to HubSpot: companies, contacts, documents, transactions."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from ml_connector.store.tables import record_state
from ml_connector_tests.browser.conftest import Pages

FLOWS = {
    "companies": "Companies",
    "suppliers": "Suppliers",
    "contacts": "Contacts",
    "contact_companies": "Contacts of companies",
    "invoices": "Invoices",
    "credit_notes": "Credit notes",
    "transactions": "Transactions",
}
INVOICES = "/assets/nordic/hubspot/invoices"


@pytest.fixture(scope="module")
def targets() -> tuple[str, ...]:
    return ("hubspot",)


@pytest.mark.parametrize("flow", FLOWS)
def test_every_flow_has_a_page_with_the_figures_of_its_delivery(page: Page, flow: str) -> None:
    """Each is an asset of its own, with what it is in words."""
    page.goto(f"/assets/nordic/hubspot/{flow}")
    expect(page.get_by_text(f"{FLOWS[flow]} at HubSpot (nordic/hubspot)").first).to_be_visible()
    expect(page.get_by_role("row", name=re.compile(r"^created "))).to_be_visible()


def test_the_page_of_the_invoices_explains_their_properties(page: Page) -> None:
    """As a table of property and path."""
    page.goto(INVOICES)
    expect(page.get_by_text("Invoices at HubSpot (nordic/hubspot)")).to_be_visible()
    page.get_by_role("button", name="Show more").click()
    for field, source in (("visma_customer_number", "customer.number"), ("visma_balance", "the document's own")):
        expect(page.get_by_role("row", name=f"{field} {source}", exact=True)).to_be_visible()


def test_the_check_of_the_invoices_tells_both_sums_of_one_that_does_not_add_up(page: Page, pages: Pages) -> None:
    """A rejected document makes its check red, with the reason in a sentence."""
    with pages.site.home.open() as home, home.database.connect() as connection:
        query = select(record_state.c.key, record_state.c.reason).where(
            record_state.c.flow == "invoices", record_state.c.outcome == "rejected"
        )
        refused = {row.key: row.reason for row in connection.execute(query)}
    key = min(refused)
    page.goto(f"{INVOICES}?view=checks")
    entry = page.locator("div").filter(has_text=re.compile(r"^(every_record_delivered)+Failed$"))
    expect(entry.first).to_be_visible()
    expect(page.get_by_role("row", name=re.compile(rf"^{key} rejected "))).to_contain_text(refused[key][:60])
