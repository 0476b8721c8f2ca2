"""What a person reads in Dagster's pages after one sync: 300 customers of Visma, some of which Mailchimp refuses."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect
from sqlalchemy import select

from ml_connector.store.tables import delivery
from ml_connector_tests.browser.conftest import Pages
from ml_connector_tests.faults.site import COMPANY

MEMBERS = "/assets/nordic/mailchimp/members"
GROUP = "/locations/ml_connector/asset-groups/nordic"
DELIVERY = "nordic__deliver_mailchimp"


def test_the_group_of_a_company_shows_what_is_read_and_delivered(page: Page) -> None:
    """Every entity and every flow is an asset of the company's group, with the kinds of system behind it."""
    page.goto(GROUP)
    for asset in ("customers", "contacts", "customer_classes", "members"):
        expect(page.get_by_text(asset, exact=True).first).to_be_visible()
    for kind, assets in (("visma", 3), ("Parquet", 3), ("mailchimp", 1)):
        expect(page.get_by_text(kind, exact=True)).to_have_count(assets)
    expect(page.get_by_text("2 / 3 Passed")).to_be_visible()  # the checks of the members; the entities have one each
    expect(page.get_by_text("1 / 1 Passed")).to_have_count(3)


def test_the_page_of_a_flow_explains_its_fields_and_names_its_owner(page: Page) -> None:
    """The description has the mapping as a table; somebody owns the asset; the figures of the delivery are there."""
    page.goto(MEMBERS)
    expect(page.get_by_text("Audience members at Mailchimp (nordic/mailchimp)")).to_be_visible()
    page.get_by_role("button", name="Show more").click()
    for field, source in (("EMAIL", "main_contact.email"), ("CUSTNO", "number"), ("BILLSTATUS", "status")):
        expect(page.get_by_role("row", name=f"{field} {source}", exact=True)).to_be_visible()
    expect(page.get_by_text("Owners", exact=True).locator("..")).to_contain_text("nordic")
    expect(page.get_by_role("row", name=re.compile(r"^created "))).to_be_visible()


def test_a_window_shows_what_was_delivered_in_it(page: Page, pages: Pages) -> None:
    """What was modified before the company's start stands under the first window: green, with its own counts.

    The windows since then, in which nothing changed, are green too.
    """
    with pages.site.home.open() as home:
        windows = home.config.company(COMPANY).windows
        with home.database.connect() as connection:
            [row] = connection.execute(select(delivery))
    first = windows.key(windows.start, row.at)
    green = len(list(windows.keys(first, windows.key(row.at, row.at))))
    page.goto(f"{MEMBERS}?view=partitions")
    expect(page.get_by_text("Failed (0)")).to_be_visible()
    expect(page.get_by_text(f"Materialized ({green})")).to_be_visible()
    page.get_by_text(re.compile(r"^Missing \(")).click()  # hides them
    page.get_by_placeholder("Filter by name").locator(f"xpath=following::*[text()='{first}'][1]").click()
    expect(page.get_by_text("Materialized", exact=True)).to_be_visible()
    for name in ("read", "created", "skipped", "rejected"):
        expect(page.get_by_role("row", name=f"{name} {row._mapping[name]}", exact=True)).to_be_visible()
    expect(page.get_by_text("ml-connector problems nordic/mailchimp").first).to_be_visible()


def test_a_run_shows_that_it_succeeded_and_what_it_worked_on(page: Page) -> None:
    """From the list of runs to the delivery, and to its tags."""
    page.goto("/runs")
    expect(page.get_by_text(DELIVERY, exact=True)).to_be_visible()
    page.get_by_role("link", name=DELIVERY).locator("xpath=preceding::a[starts-with(@href, '/runs/')][1]").click()
    expect(page.get_by_text(f'Finished execution of run for "{DELIVERY}".')).to_be_visible()
    expect(page.get_by_text("Success", exact=True)).to_be_visible()
    page.get_by_role("button", name="View tags and config").click()
    for tag in ("company: nordic", "target: mailchimp", "connection_target: nordic/mailchimp"):
        expect(page.get_by_role("dialog").get_by_text(tag, exact=True)).to_be_visible()


def test_the_checks_tell_which_record_is_not_delivered_and_why(page: Page, pages: Pages) -> None:
    """A rejected record makes its check red, with the reason in a sentence; nobody was subscribed again is green."""
    [number] = pages.site.visma.control("state?count=0")["awkward"]["email_malformed"]
    page.goto(f"{MEMBERS}?view=checks")
    for check, state in (("every_record_delivered", "Failed"), ("no_one_resubscribed", "Succeeded")):
        entry = page.locator("div").filter(has_text=re.compile(rf"^({check})+{state}$"))
        expect(entry.first).to_be_visible()
    record = page.get_by_role("row", name=re.compile(rf"^{number} rejected "))
    expect(record).to_contain_text("What stands in the field is no e-mail address. Correct it in Visma.net.")


def test_automation_says_what_it_does_and_when(page: Page) -> None:
    """The poll has a plain time and description; the sensor's description says how to pause one target."""
    page.goto("/automation")
    expect(page.get_by_text("Every minute")).to_be_visible()
    page.get_by_role("link", name=f"{DELIVERY}_sensor").click()
    expect(page.get_by_text("Stop it to pause nordic/mailchimp alone")).to_be_visible()
    page.go_back()
    page.get_by_role("link", name="nordic__poll_schedule").click()
    expect(page.get_by_text("Asks Visma.net for what changed for nordic.")).to_be_visible()
    expect(page.get_by_text("Europe/Oslo")).to_be_visible()
