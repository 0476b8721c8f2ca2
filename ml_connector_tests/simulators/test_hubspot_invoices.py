"""Invoices, their lines and their payments at the HubSpot simulator."""

from __future__ import annotations

from typing import Any

import pytest

from ml_connector_tests.simulators.hubspot_support import KEY, V3, Hubspot, codes, link, refusal, upsert_input

pytest_plugins = "ml_connector_tests.simulators.hubspot_fixtures"


def status(hubspot: Hubspot, invoice: str) -> str:
    found: str = hubspot.values("invoices", invoice, "hs_invoice_status")["hs_invoice_status"]
    return found


def amounts(hubspot: Hubspot, invoice: str) -> tuple[str, str]:
    found = hubspot.values("invoices", invoice, "hs_amount_billed", "hs_balance_due")
    return found["hs_amount_billed"], found["hs_balance_due"]


@pytest.fixture
def complete(hubspot: Hubspot) -> str:
    """A draft with a contact and a line of 250."""
    contact = hubspot.made("contacts", email="kari@nordfisk.no")
    line = hubspot.made("line_items", name="Torsk", quantity="2", price="125")
    return hubspot.made("invoices", hs_currency="NOK", associations=[link(contact, 177), link(line, 409)])


def payment(hubspot: Hubspot, invoice: str, amount: str, **properties: str) -> str:
    whole = {"hs_initial_amount": amount, "hs_initiated_date": "2026-11-25T10:00:00Z", "hs_latest_status": "succeeded"}
    return hubspot.made("commerce_payments", associations=[link(invoice, 542)], **{**whole, **properties})


def test_a_new_invoice_is_a_draft(hubspot: Hubspot) -> None:
    """Dates, number and tax id are filled in."""
    invoice = hubspot.made("invoices", hs_currency="NOK")
    names = ("hs_invoice_status", "hs_invoice_date", "hs_due_date", "hs_number", "hs_tax_id")
    found = hubspot.values("invoices", invoice, *names)
    assert found["hs_invoice_status"] == "draft"
    assert all(found.values())


@pytest.mark.parametrize("currency", ["nok", "GBP", ""])
def test_the_currency_is_one_of_the_portals(hubspot: Hubspot, currency: str) -> None:
    """In upper case."""
    assert hubspot.create("invoices", hs_currency=currency).status_code == 400


def test_open_is_refused_without_contact_and_line_item(hubspot: Hubspot) -> None:
    """400 VALIDATION_ERROR until both are there; a company is not needed."""
    invoice = hubspot.made("invoices", hs_currency="NOK")
    contact = hubspot.made("contacts", email="kari@nordfisk.no")
    line = hubspot.made("line_items", name="Torsk", quantity="2", price="125")
    assert refusal(hubspot.patch("invoices", invoice, hs_invoice_status="open")) == (400, "VALIDATION_ERROR")
    hubspot.associate("invoices", invoice, "contacts", contact)
    assert hubspot.patch("invoices", invoice, hs_invoice_status="open").status_code == 400
    hubspot.associate("invoices", invoice, "line_items", line)
    assert hubspot.patch("invoices", invoice, hs_invoice_status="open").status_code == 200
    assert status(hubspot, invoice) == "open"


def test_a_past_due_date_does_not_open(hubspot: Hubspot, complete: str) -> None:
    """Old invoices of an ERP; or HubSpot accepts it after all."""
    hubspot.patch("invoices", complete, hs_due_date="2025-01-31")
    assert hubspot.patch("invoices", complete, hs_invoice_status="open").status_code == 400
    hubspot.configure(past_due_open="accept")
    assert hubspot.patch("invoices", complete, hs_invoice_status="open").status_code == 200


def test_states_cannot_be_left_at_will(hubspot: Hubspot, complete: str) -> None:
    """Draft, open, voided; paid comes from a payment alone."""
    for wrong in ("paid", "voided"):
        assert hubspot.patch("invoices", complete, hs_invoice_status=wrong).status_code == 400
    hubspot.patch("invoices", complete, hs_invoice_status="open")
    for wrong in ("paid", "draft"):
        assert hubspot.patch("invoices", complete, hs_invoice_status=wrong).status_code == 400
    assert hubspot.patch("invoices", complete, hs_invoice_status="open").status_code == 200
    assert hubspot.patch("invoices", complete, hs_invoice_status="voided").status_code == 200
    assert hubspot.patch("invoices", complete, hs_invoice_status="open").status_code == 400


def test_amounts_follow_the_lines(hubspot: Hubspot, complete: str) -> None:
    """Of a billable invoice, whatever was sent; a balance is never written."""
    assert amounts(hubspot, complete) == ("250.00", "250.00")
    assert hubspot.patch("invoices", complete, hs_amount_billed="1").status_code == 200
    assert amounts(hubspot, complete) == ("250.00", "250.00")
    assert codes(hubspot.patch("invoices", complete, hs_balance_due="0")) == {"hs_balance_due": "READ_ONLY_VALUE"}


def test_a_non_billable_invoice_is_not_checked(hubspot: Hubspot) -> None:
    """failures.md 30: status, amount and number as sent, without contact, lines and future."""
    sent = {
        "hs_invoice_status": "open",
        "hs_amount_billed": "1250.50",
        "hs_number": "900001",
        "hs_due_date": "2020-01-31",
    }
    invoice = hubspot.made("invoices", hs_currency="NOK", hs_invoice_billable="false", **sent)
    assert (status(hubspot, invoice), amounts(hubspot, invoice)) == ("open", ("1250.50", "1250.50"))
    assert hubspot.values("invoices", invoice, "hs_number", "hs_tax_id") == {"hs_number": "900001", "hs_tax_id": None}
    assert hubspot.patch("invoices", invoice, hs_invoice_status="paid").status_code == 200
    assert amounts(hubspot, invoice) == ("1250.50", "0")


def test_a_non_billable_invoice_may_ignore_what_is_sent(hubspot: Hubspot) -> None:
    """Or refuse it: nobody has proved that each is honoured."""
    sent = {"hs_currency": "NOK", "hs_invoice_billable": "false", "hs_number": "900001", "hs_invoice_status": "paid"}
    hubspot.configure(nonbillable_fields="ignored")
    invoice = hubspot.made("invoices", **sent)
    assert hubspot.values("invoices", invoice, "hs_number") == {"hs_number": None}
    assert status(hubspot, invoice) == "draft"
    hubspot.configure(nonbillable_fields="refused")
    assert codes(hubspot.create("invoices", **sent)) == {"hs_number": "READ_ONLY_VALUE"}


def test_billable_is_decided_at_creation(hubspot: Hubspot) -> None:
    """The same value again is harmless."""
    invoice = hubspot.made("invoices", hs_currency="NOK", hs_invoice_billable="false")
    assert hubspot.patch("invoices", invoice, hs_invoice_billable="false").status_code == 200
    assert hubspot.patch("invoices", invoice, hs_invoice_billable="true").status_code == 400


def test_invoices_are_upserted_by_a_key_of_ones_own(hubspot: Hubspot) -> None:
    """Works in principle; not proven live."""
    hubspot.add_key("invoices")
    item = upsert_input("900001", hs_currency="NOK", hs_invoice_billable="false", hs_invoice_status="open")
    results = [hubspot.batch("invoices", "upsert", item).json()["results"] for _ in range(2)]
    assert [row["new"] for rows in results for row in rows] == [True, False]


def test_which_invoices_can_be_deleted(hubspot: Hubspot, complete: str) -> None:
    """Drafts, with their lines; open ones only where the account allows it."""
    draft = hubspot.made("invoices", hs_currency="NOK")
    line = hubspot.made("line_items", name="Sei", associations=[link(draft, 410)])
    assert hubspot.http.delete(f"{V3}/invoices/{draft}").status_code == 204
    assert hubspot.get("line_items", line).status_code == 404
    hubspot.patch("invoices", complete, hs_invoice_status="open")
    assert hubspot.http.delete(f"{V3}/invoices/{complete}").status_code == 400
    other = hubspot.made("invoices", hs_currency="NOK")
    assert hubspot.batch("invoices", "archive", {"id": other}, {"id": complete}).status_code == 400
    assert hubspot.get("invoices", other).status_code == 200
    hubspot.configure(open_invoices_deletable=True)
    assert hubspot.http.delete(f"{V3}/invoices/{complete}").status_code == 204


@pytest.mark.parametrize(
    ("properties", "amount"),
    [
        ({"quantity": "2", "price": "125"}, "250.00"),
        ({"quantity": "3", "price": "9.99", "hs_discount_percentage": "10"}, "26.97"),
        ({"quantity": "3", "price": "10", "discount": "1"}, "27.00"),
        ({"quantity": "-2", "price": "125"}, "-250.00"),
        ({"price": "125"}, None),
    ],
)
def test_the_amount_of_a_line(hubspot: Hubspot, properties: dict[str, str], amount: str | None) -> None:
    """Quantity x price less the discount, per unit or in per cent; never written."""
    line = hubspot.made("line_items", name="Torsk", **properties)
    assert hubspot.values("line_items", line, "amount") == {"amount": amount}
    assert codes(hubspot.patch("line_items", line, amount="1")) == {"amount": "READ_ONLY_VALUE"}


def test_a_price_is_never_negative(hubspot: Hubspot) -> None:
    """Credit notes need another shape."""
    assert codes(hubspot.create("line_items", name="Retur", price="-1")).keys() == {"price"}
    line = hubspot.made("line_items", name="Torsk", price="1")
    assert hubspot.patch("line_items", line, price="-0.01").status_code == 400


def test_a_line_has_one_parent(hubspot: Hubspot, complete: str) -> None:
    """A second one is refused, whichever way it is asked for, or takes it over."""
    line = hubspot.made("line_items", name="Sei", quantity="1", price="10", associations=[link(complete, 410)])
    deal = hubspot.made("deals", dealname="Torsk", dealstage="closedwon")
    assert hubspot.associate("deals", deal, "line_items", line).status_code == 400
    assert hubspot.create("invoices", hs_currency="NOK", associations=[link(line, 409)]).status_code == 400
    two: list[dict[str, Any]] = [link(complete, 410), link(deal, 20)]
    assert hubspot.create("line_items", name="Hyse", associations=two).status_code == 400
    assert hubspot.associate("invoices", complete, "line_items", line).status_code == 200
    item = {"from": {"id": deal}, "to": {"id": line}}
    answer = hubspot.http.post("/crm/v4/associations/deals/line_items/batch/associate/default", json={"inputs": [item]})
    assert answer.json()["numErrors"] == 1
    hubspot.configure(second_parent="move")
    assert hubspot.associate("deals", deal, "line_items", line).status_code == 200
    assert amounts(hubspot, complete)[0] == "250.00"


def test_a_payment_pays(hubspot: Hubspot, complete: str) -> None:
    """As soon as all is paid; a payment that did not succeed pays nothing."""
    hubspot.patch("invoices", complete, hs_invoice_status="open")
    payment(hubspot, complete, "100")
    pending = payment(hubspot, complete, "150", hs_latest_status="processing")
    assert (status(hubspot, complete), amounts(hubspot, complete)) == ("open", ("250.00", "150.00"))
    hubspot.patch("commerce_payments", pending, hs_latest_status="succeeded")
    assert (status(hubspot, complete), amounts(hubspot, complete)) == ("paid", ("250.00", "0"))
    assert hubspot.patch("invoices", complete, hs_invoice_status="voided").status_code == 400


def test_a_portal_without_payments(hubspot: Hubspot) -> None:
    """Refuses their records."""
    hubspot.configure(payments=False)
    assert hubspot.create("commerce_payments", hs_initial_amount="1", hs_initiated_date="2026-11-25").status_code == 403
    assert hubspot.http.get(f"{V3}/commerce_payments").status_code == 403


def test_what_comes_from_the_contact_and_the_company(hubspot: Hubspot, complete: str) -> None:
    """Copied by HubSpot."""
    company = hubspot.made("companies", name="Nordfisk AS")
    hubspot.associate("invoices", complete, "companies", company)
    names = ("hs_invoice_latest_contact_email", "hs_invoice_latest_company_name")
    assert list(hubspot.values("invoices", complete, *names).values()) == ["kari@nordfisk.no", "Nordfisk AS"]


def test_invoices_are_found_by_their_computed_amount(hubspot: Hubspot, complete: str) -> None:
    """Search knows what HubSpot worked out."""
    hubspot.control("search-index", {})
    hubspot.add_key("invoices", KEY)
    assert hubspot.found("invoices", {"propertyName": "hs_amount_billed", "operator": "EQ", "value": "250"}) == [
        complete
    ]
