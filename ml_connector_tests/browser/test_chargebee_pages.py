"""What a person reads in Dagster's pages of Chargebee, both ways: what goes out, what comes back, how to pause it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from ml_connector_tests.browser.conftest import Pages
from ml_connector_tests.faults.site import Site

OUT, BACK = "Chargebee (nordic/chargebee)", "Visma.net (nordic/chargebee_to_visma)"
FLOWS = {
    "chargebee/customers": f"Customers at {OUT}",
    "chargebee/invoices": f"Invoices at {OUT}",
    "chargebee/credit_notes": f"Credit notes at {OUT}",
    "chargebee_to_visma/journals": f"Transactions of invoices and credit notes at {BACK}",
    "chargebee_to_visma/recognitions": f"Transactions of months at {BACK}",
    "chargebee_to_visma/subscriptions": f"Subscriptions at {BACK}",
}
DERIVED = ("documents", "recognitions", "subscriptions")
JOURNALS = "/assets/nordic/chargebee_to_visma/journals"
UNKNOWN_TAX = "Moms på is"


@pytest.fixture(scope="module")
def targets() -> tuple[str, ...]:
    return ("chargebee",)


@pytest.fixture(scope="module")
def subscribed(pages: Pages) -> Site:
    """Two subscriptions of one customer, of which one has a tax that the configuration does not know; synchronised."""
    site = pages.site
    site.subscribe("S-1")
    site.subscribe("S-2", tax_name=UNKNOWN_TAX)
    assert site.sync() == 0
    return site


@pytest.mark.usefixtures("subscribed")
@pytest.mark.parametrize("flow", FLOWS)
def test_every_flow_has_a_page_with_the_figures_of_its_delivery(page: Page, flow: str) -> None:
    """Each is an asset of its own, with what it is in words; what comes back ends in Visma, and says so."""
    page.goto(f"/assets/nordic/{flow}")
    expect(page.get_by_text(FLOWS[flow]).first).to_be_visible()
    expect(page.get_by_role("row", name=re.compile(r"^read "))).to_be_visible()


@pytest.mark.usefixtures("subscribed")
def test_events_and_what_is_made_of_them_are_read_like_any_source(page: Page) -> None:
    """The page of what is derived says of what it is made."""
    page.goto("/assets/nordic/chargebee/events")
    expect(page.get_by_role("row", name=re.compile(r"^new_versions "))).to_be_visible()
    for name in DERIVED:
        page.goto(f"/assets/nordic/chargebee/{name}")
        expect(page.get_by_text("Made of chargebee.events, right after these are read.").first).to_be_visible()


def test_the_check_tells_which_document_was_not_posted_and_what_to_do(page: Page, subscribed: Site) -> None:
    """The invoice with the unknown tax is red, in a sentence; the other one stands in Visma."""
    invoices = subscribed.chargebee.control("records/invoices?count=100000")["records"]
    (refused,) = (one["id"] for one in invoices if one.get("subscription_id") == "S-2")
    page.goto(f"{JOURNALS}?view=checks")
    entry = page.locator("div").filter(has_text=re.compile(r"^(every_record_delivered)+Failed$"))
    expect(entry.first).to_be_visible()
    expect(page.get_by_role("row", name=re.compile(rf"^invoice.{refused} rejected "))).to_contain_text(UNKNOWN_TAX)


def test_automation_names_both_ways_so_that_either_can_be_paused(page: Page) -> None:
    """A sensor for what goes out, one for what comes back, one for the inbox, and a poll of the events."""
    page.goto("/automation")
    for name in (
        "nordic__deliver_chargebee_sensor",
        "nordic__deliver_chargebee_to_visma_sensor",
        "nordic__poll_chargebee_inbox_sensor",
        "nordic__poll_chargebee_schedule",
    ):
        expect(page.get_by_role("link", name=re.compile(rf" {name} "))).to_be_visible()
