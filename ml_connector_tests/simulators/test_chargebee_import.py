"""Imported invoices of the Chargebee simulator (reference, section 4.1)."""

from __future__ import annotations

from typing import Any

import pytest

from ml_connector_tests.simulators.chargebee_support import DAY, KARI, Chargebee, invoice_form, refusal

pytest_plugins = "ml_connector_tests.simulators.chargebee_fixtures"

LINE = {"description": "Lisens", "unit_amount": 5_000, "quantity": 2, "amount": 10_000}
TAXED = {**LINE, "tax1_name": "MVA", "tax1_amount": 2_500}
PAYMENT = {"amount": 12_500, "payment_method": "bank_transfer", "reference_number": "900001"}


@pytest.fixture
def kari(chargebee: Chargebee) -> Chargebee:
    """A site with one customer."""
    chargebee.customer()
    return chargebee


def refused(chargebee: Chargebee, **form: Any) -> tuple[int, str, str | None]:
    """How an import is refused that is right but for these parameters; nothing is kept of it."""
    answer = chargebee.post("/invoices/import_invoice", **invoice_form(chargebee, **form))
    assert chargebee.listed("invoices") == []
    assert chargebee.listed("transactions") == []
    return refusal(answer)


def wrong(param: str) -> tuple[int, str, str]:
    return 400, "param_wrong_value", param


def test_an_import_is_shown_as_it_was_sent(kari: Chargebee) -> None:
    """With minor units that add up, and amounts that follow."""
    invoice = kari.invoice(po_number="PO-1", cf_visma_id="77")
    assert (invoice["id"], invoice["customer_id"], invoice["status"]) == ("VN-1", KARI, "posted")
    assert (invoice["sub_total"], invoice["tax"], invoice["total"], invoice["amount_due"]) == (
        10_000,
        2_500,
        12_500,
        12_500,
    )
    assert (invoice["po_number"], invoice["cf_visma_id"], invoice["recurring"]) == ("PO-1", "77", False)
    line = invoice["line_items"][0]
    assert (line["amount"], line["tax_amount"], line["tax_rate"], line["is_taxed"]) == (10_000, 2_500, 25.0, True)
    assert line["date_from"] == line["date_to"] == invoice["date"]
    assert invoice["taxes"] == [{"name": "MVA", "amount": 2_500, "object": "tax"}]
    assert kari.read("/invoices/VN-1")["invoice"] == invoice


@pytest.mark.parametrize("param", ["id", "date", "total", "currency_code", "status"])
def test_what_an_import_needs(kari: Chargebee, param: str) -> None:
    """The currency on a site with several; the status because its default is nowhere documented."""
    assert refused(kari, **{param: None}) == wrong(param)


def test_a_status_that_is_left_out_can_have_a_default(kari: Chargebee) -> None:
    """Whichever it is."""
    kari.configure(import_status="not_paid")
    assert kari.invoice(status=None)["status"] == "not_paid"


def test_the_currency_is_one_of_the_site(kari: Chargebee) -> None:
    """Another one is no wrong value but a matter of configuration; rates go to the base currency."""
    assert refused(kari, currency_code="CHF") == (400, "configuration_incompatible", "currency_code")
    assert kari.invoice(currency_code="EUR")["exchange_rate"] == 11.5
    kari.configure(currencies={})
    assert kari.invoice("VN-2")["exchange_rate"] == 1.0


def test_the_id_becomes_the_number_and_is_unique(kari: Chargebee) -> None:
    """A second import of the same id is a duplicate, whatever is in it."""
    kari.invoice()
    again = kari.post("/invoices/import_invoice", **invoice_form(kari, total=1))
    assert refusal(again) == (400, "duplicate_entry", "id")


def test_somebody_must_owe_it(kari: Chargebee) -> None:
    """A customer, or a subscription and nobody but its owner."""
    kari.subscribe()
    kari.customer("V-2")
    before = len(kari.listed("invoices"))
    form = invoice_form(kari)
    assert refusal(kari.post("/invoices/import_invoice", **form | {"customer_id": None})) == wrong("customer_id")
    nobody = kari.post("/invoices/import_invoice", **form | {"customer_id": "V-3"})
    assert refusal(nobody) == (404, "resource_not_found", "customer_id")
    other = kari.post("/invoices/import_invoice", **form | {"customer_id": "V-2", "subscription_id": "S-1"})
    assert refusal(other) == wrong("customer_id")
    assert len(kari.listed("invoices")) == before
    assert kari.invoice(customer_id=None, subscription_id="S-1")["subscription_id"] == "S-1"


def test_recurring_lines_need_their_subscription(kari: Chargebee) -> None:
    """At the top or on the line; others do not."""
    kari.subscribe()
    recurring = {**LINE, "entity_type": "plan_item_price", "entity_id": "standard"}
    form: dict[str, Any] = {"line_items": [recurring], "taxes": [], "total": 10_000}
    answer = kari.post("/invoices/import_invoice", **invoice_form(kari, **form))
    assert refusal(answer) == wrong("line_items[subscription_id][0]")
    on_line = kari.invoice(**form | {"line_items": [{**recurring, "subscription_id": "S-1"}]})
    assert (on_line["recurring"], "subscription_id" in on_line) == (True, False)
    charge = {**LINE, "entity_type": "charge_item_price", "entity_id": "setup"}
    assert kari.invoice("VN-2", **form | {"line_items": [charge]})["recurring"] is False


def test_the_other_catalogue_has_other_lines(kari: Chargebee) -> None:
    """Item prices are of 2.0, plans and add-ons of 1.0."""
    plan = {**LINE, "entity_type": "addon", "entity_id": "extra"}
    code = (400, "configuration_incompatible", "line_items[entity_type][0]")
    assert refused(kari, line_items=[plan], taxes=[], total=10_000) == code
    kari.configure(catalogue="1.0")
    price = {**LINE, "entity_type": "charge_item_price", "entity_id": "extra"}
    assert refused(kari, line_items=[price], taxes=[], total=10_000) == code


# --- sums ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("total", [12_499, 12_501, 10_000, 125])
def test_a_total_that_does_not_add_up_is_refused(kari: Chargebee, total: int) -> None:
    """Not by a single minor unit (failures.md 31)."""
    assert refused(kari, total=total) == wrong("total")


def test_rounding_has_its_place(kari: Chargebee) -> None:
    """Up to 99 minor units in `round_off`, in both directions."""
    assert kari.invoice(total=12_550, round_off=50)["round_off_amount"] == 50
    assert kari.invoice("VN-2", total=12_401, round_off=-99)["amount_due"] == 12_401
    answer = kari.post("/invoices/import_invoice", **invoice_form(kari, "VN-3", total=12_600, round_off=100))
    assert refusal(answer) == wrong("round_off")


def test_a_tax_stands_in_two_places(kari: Chargebee) -> None:
    """In the header and on the lines, linked by its name, with the same sum."""
    assert refused(kari, taxes=[]) == wrong("line_items[tax1_name][0]")
    assert refused(kari, line_items=[LINE], total=10_000) == wrong("taxes[name][0]")
    assert refused(kari, taxes=[{"name": "MVA", "rate": 25, "amount": 2_499}]) == wrong("taxes[amount][0]")
    assert refused(kari, line_items=[{**LINE, "tax1_name": "MVA"}]) == wrong("line_items[tax1_amount][0]")
    assert refused(kari, taxes=[{"name": "MVA"}]) == wrong("taxes[rate][0]")


def test_several_taxes_and_lines_add_up(kari: Chargebee) -> None:
    """Each name has its own sum."""
    food = {"description": "Mat", "amount": 1_000, "tax1_name": "MVA 15", "tax1_amount": 150}
    taxes = [{"name": "MVA", "rate": 25, "amount": 2_500}, {"name": "MVA 15", "rate": 15, "amount": 150}]
    invoice = kari.invoice(line_items=[TAXED, food], taxes=taxes, total=13_650)
    assert [tax["amount"] for tax in invoice["taxes"]] == [2_500, 150]
    assert {row["tax_name"]: row["tax_amount"] for row in invoice["line_item_taxes"]} == {"MVA": 2_500, "MVA 15": 150}


def test_an_inclusive_price_has_its_tax_within(kari: Chargebee) -> None:
    """The total is the sum of the lines."""
    lines = [{**LINE, "tax1_name": "MVA", "tax1_amount": 2_000}]
    taxes = [{"name": "MVA", "rate": 25, "amount": 2_000}]
    invoice = kari.invoice(price_type="tax_inclusive", line_items=lines, taxes=taxes, total=10_000)
    assert (invoice["total"], invoice["tax"]) == (10_000, 2_000)


def test_a_line_multiplies(kari: Chargebee) -> None:
    """Unit amount times quantity; one of the two amounts must be there, and credit lines are negative."""
    assert refused(kari, line_items=[{**TAXED, "quantity": 3}]) == wrong("line_items[amount][0]")
    assert refused(kari, line_items=[{"description": "Lisens"}]) == wrong("line_items[amount][0]")
    assert refused(kari, line_items=[]) == wrong("line_items[description][0]")
    back = {"description": "Retur", "amount": -4_000}
    assert kari.invoice(line_items=[TAXED, back], total=8_500)["sub_total"] == 6_000


def test_discounts_lower_the_total(kari: Chargebee) -> None:
    """Of the header and of a line; one that stands in both counts once."""
    everything = [{"entity_type": "document_level_discount", "amount": 1_000}]
    assert kari.invoice(discounts=everything, total=11_500)["line_items"][0]["discount_amount"] == 1_000
    lines = [{**TAXED, "id": "l1", "item_level_discount1_entity_id": "RABATT", "item_level_discount1_amount": 500}]
    assert kari.invoice("VN-2", line_items=lines, total=12_000)["line_items"][0]["item_level_discount_amount"] == 500
    both = [{"entity_type": "item_level_discount", "entity_id": "RABATT", "amount": 500, "line_item_id": "l1"}]
    assert kari.invoice("VN-3", line_items=lines, discounts=both, total=12_000)["total"] == 12_000
    coupon = {"discounts": [{"entity_type": "item_level_coupon", "amount": 1_000}], "total": 11_500}
    answer = kari.post("/invoices/import_invoice", **invoice_form(kari, "VN-4", **coupon))
    assert refusal(answer) == wrong("discounts[line_item_id][0]")


def test_sums_can_be_left_unchecked(kari: Chargebee) -> None:
    """Nothing that was read says that a real site checks them."""
    kari.configure(import_arithmetic=False)
    assert kari.invoice(total=1)["amount_due"] == 1


def test_decimals_are_for_sites_that_have_them(kari: Chargebee) -> None:
    """Major units as texts belong to multi-decimal pricing."""
    line = {"description": "Lisens", "amount_in_decimal": "100.00"}
    assert refused(kari, line_items=[line])[:2] == (400, "configuration_incompatible")


# --- dates and states ------------------------------------------------------------------------------------------------


def test_dates_are_not_in_the_future_nor_out_of_order(kari: Chargebee) -> None:
    """And they are seconds, not milliseconds."""
    now = kari.now()
    assert refused(kari, date=now + DAY) == wrong("date")
    assert refused(kari, due_date=now - 2 * DAY) == wrong("due_date")
    assert refused(kari, date=now * 1000) == wrong("date")
    payment = {**PAYMENT, "date": now + DAY}
    assert refused(kari, status="paid", payments=[payment]) == wrong("payments[date][0]")
    kari.configure(import_dates=False)
    assert kari.invoice(date=now + DAY, due_date=now)["date"] == now + DAY


def test_a_paid_invoice_has_its_payments(kari: Chargebee) -> None:
    """They cover the total, and become transactions."""
    assert refused(kari, status="paid") == wrong("status")
    assert refused(kari, status="paid", payments=[{**PAYMENT, "amount": 12_501}]) == wrong("payments[amount][0]")
    invoice = kari.invoice(status="paid", payments=[PAYMENT])
    assert (invoice["status"], invoice["amount_paid"], invoice["amount_due"]) == ("paid", 12_500, 0)
    transaction = kari.listed("transactions")[0]
    assert (transaction["reference_number"], transaction["type"]) == ("900001", "payment")
    assert invoice["linked_payments"][0]["txn_id"] == transaction["id"]


def test_states_can_be_left_unchecked(kari: Chargebee) -> None:
    """A paid invoice without payments is paid all the same."""
    kari.configure(import_states=False)
    assert kari.invoice(status="paid")["amount_due"] == 0


def test_a_part_payment_leaves_the_rest_due(kari: Chargebee) -> None:
    """The status stays."""
    invoice = kari.invoice(payments=[{**PAYMENT, "amount": 500}])
    assert (invoice["status"], invoice["amount_due"]) == ("posted", 12_000)


def test_a_voided_import_says_when(kari: Chargebee) -> None:
    """And owes nothing."""
    assert refused(kari, status="voided") == wrong("voided_at")
    invoice = kari.invoice(status="voided", voided_at=kari.now() - 60)
    assert (invoice["status"], invoice["amount_due"]) == ("voided", 0)


def test_a_pending_import_has_no_taxes(kari: Chargebee) -> None:
    """They would be worked out later."""
    assert refused(kari, status="pending") == wrong("taxes")


def test_a_written_off_import_makes_a_credit_note(kari: Chargebee) -> None:
    """With an id of ours; both its date and its id are needed."""
    form: dict[str, Any] = {"status": "not_paid", "is_written_off": True}
    assert refused(kari, **form) == wrong("write_off_date")
    form["write_off_date"] = kari.now() - 60
    assert refused(kari, **form) == wrong("credit_note[id]")
    body = kari.done("/invoices/import_invoice", **invoice_form(kari, **form, credit_note={"id": "VC-1"}))
    assert (body["credit_note"]["id"], body["credit_note"]["reason_code"]) == ("VC-1", "write_off")
    assert (body["invoice"]["write_off_amount"], body["invoice"]["amount_due"]) == (12_500, 0)


def test_a_payment_reference_is_a_resource_of_its_own(kari: Chargebee) -> None:
    """KID and OCR are found by their number."""
    numbers = [{"type": "kid", "number": "0012345678903"}]
    kari.invoice(payment_reference_numbers=numbers)
    kari.invoice("VN-2", payment_reference_numbers=[{"type": "ocr", "number": "1234"}])
    query = {"payment_reference_number[number][is]": "0012345678903"}
    found = kari.read("/invoices/payment_reference_numbers", **query)["list"]
    assert [row["payment_reference_number"]["invoice_id"] for row in found] == ["VN-1"]
    bad = invoice_form(kari, "VN-3", payment_reference_numbers=[{"type": "bban", "number": "1"}])
    assert refusal(kari.post("/invoices/import_invoice", **bad))[2] == "payment_reference_numbers[type][0]"


def test_a_number_of_the_site_never_meets_a_prefixed_one(kari: Chargebee) -> None:
    """Imports do not move the site's own sequence."""
    kari.invoice("VN-2")
    kari.invoice("1")
    kari.subscribe()
    assert [invoice["id"] for invoice in kari.listed("invoices", **{"recurring[is]": "true"})] == ["2"]
