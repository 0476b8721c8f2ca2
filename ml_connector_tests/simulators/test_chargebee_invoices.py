"""What can still be done to an imported invoice at the Chargebee simulator (reference, section 4.2)."""

from __future__ import annotations

from typing import Any

import pytest

from ml_connector_tests.simulators.chargebee_support import ADDRESS, DAY, KARI, Chargebee, invoice_form, refusal

pytest_plugins = "ml_connector_tests.simulators.chargebee_fixtures"

BANK = {"payment_method": "bank_transfer"}
STATE = (409, "invalid_state_for_request", None)


@pytest.fixture
def invoiced(chargebee: Chargebee) -> Chargebee:
    """A site with one customer and one invoice of 125 kroner."""
    chargebee.customer(billing_address=ADDRESS)
    chargebee.invoice()
    return chargebee


def the_invoice(chargebee: Chargebee) -> dict[str, Any]:
    invoice: dict[str, Any] = chargebee.read("/invoices/VN-1")["invoice"]
    return invoice


def paid(chargebee: Chargebee, **transaction: Any) -> dict[str, Any]:
    """The answer to a recorded payment."""
    return chargebee.done("/invoices/VN-1/record_payment", transaction={**BANK, **transaction})


def credit(chargebee: Chargebee, **form: Any) -> Any:
    """The answer to an imported credit note of 25 kroner."""
    whole = {
        "id": "VC-1",
        "reference_invoice_id": "VN-1",
        "type": "adjustment",
        "create_reason_code": "Retur",
        "date": chargebee.now() - 60,
        "total": 2_500,
        **form,
    }
    return chargebee.post("/credit_notes/import_credit_note", **whole)


# --- details ---------------------------------------------------------------------------------------------------------


def test_details_change_and_the_rest_stays(invoiced: Chargebee) -> None:
    """Purchase order and address; the customer's own address is another matter."""
    sent = {"po_number": "PO-2", "billing_address": {"line1": "Sjøgata 2"}}
    invoice = invoiced.done("/invoices/VN-1/update_details", **sent)["invoice"]
    assert (invoice["po_number"], invoice["billing_address"]["line1"]) == ("PO-2", "Sjøgata 2")
    assert invoice["billing_address"]["city"] == "Tromsø"
    assert invoiced.read(f"/customers/{KARI}")["customer"]["billing_address"]["line1"] == "Storgata 1"


def test_a_vat_number_changes_only_with_the_address(invoiced: Chargebee) -> None:
    """Alone it is refused."""
    answer = invoiced.post("/invoices/VN-1/update_details", vat_number="NO1")
    assert refusal(answer) == (400, "param_wrong_value", "vat_number")
    together = invoiced.done("/invoices/VN-1/update_details", vat_number="NO1", billing_address=ADDRESS)
    assert together["invoice"]["vat_number"] == "NO1"


def test_an_address_that_would_change_the_tax_is_refused(invoiced: Chargebee) -> None:
    """Another country."""
    answer = invoiced.post("/invoices/VN-1/update_details", billing_address={"country": "SE"})
    assert refusal(answer) == (400, "param_wrong_value", "billing_address[country]")


def test_an_address_without_a_country_would_change_the_tax(invoiced: Chargebee) -> None:
    """Cleared it is refused, and nothing of the call is kept; without tax the country may change."""
    form = {"billing_address": {"line1": "Sjøgata 2", "country": ""}, "po_number": "PO-9"}
    assert refusal(invoiced.post("/invoices/VN-1/update_details", **form))[2] == "billing_address[country]"
    assert (the_invoice(invoiced)["billing_address"]["line1"], "po_number" in the_invoice(invoiced)) == (
        "Storgata 1",
        False,
    )
    line = {"description": "Lisens", "amount": 10_000}
    invoiced.invoice("VN-2", total=10_000, line_items=[line], taxes=[])
    abroad = invoiced.done("/invoices/VN-2/update_details", billing_address={"country": "SE"})["invoice"]
    assert abroad["billing_address"]["country"] == "SE"


def test_an_empty_value_of_an_address_clears(invoiced: Chargebee) -> None:
    """Or is ignored; nobody documents it."""
    for setting, left in (("ignore", "9008"), ("clear", None)):
        invoiced.configure(empty_value=setting)
        changed = invoiced.done("/invoices/VN-1/update_details", billing_address={"zip": ""})["invoice"]
        assert (changed["billing_address"].get("zip"), changed["billing_address"]["city"]) == (left, "Tromsø")


def test_what_is_left_out_of_an_address_stays_or_goes(invoiced: Chargebee) -> None:
    """Nothing tells which: left-out values stay, and these are values of a value."""
    invoiced.configure(partial_address="replace")
    changed = invoiced.done("/invoices/VN-1/update_details", billing_address={"country": "NO", "city": "Bodø"})
    address = changed["invoice"]["billing_address"]
    assert (address["city"], address.get("line1")) == ("Bodø", None)


@pytest.mark.parametrize(
    ("name", "longest"),
    [("vat_number", 20), ("vat_number_prefix", 10), ("po_number", 100), ("comment", 300)],
)
def test_details_have_their_lengths(invoiced: Chargebee, name: str, longest: int) -> None:
    """One more character is refused."""
    fits, too_long = {name: "1" * longest}, {name: "1" * (longest + 1)}
    assert invoiced.done("/invoices/VN-1/update_details", **fits, billing_address=ADDRESS)
    answer = invoiced.post("/invoices/VN-1/update_details", **too_long, billing_address=ADDRESS)
    assert refusal(answer) == (400, "param_wrong_value", name)


def test_a_vat_number_of_another_country_is_refused(invoiced: Chargebee) -> None:
    """Where the site checks them: at the import, and later."""
    invoiced.configure(vat_check=True)
    form = {"vat_number": "SE556677889901", "billing_address": ADDRESS}
    assert refusal(invoiced.post("/invoices/VN-1/update_details", **form))[2] == "vat_number"
    whole = invoice_form(invoiced, "VN-2", **form)
    assert refusal(invoiced.post("/invoices/import_invoice", **whole))[2] == "vat_number"


def test_a_comment_is_added_and_the_invoice_does_not_show_it(invoiced: Chargebee) -> None:
    """A second one takes no other one's place."""
    for text in ("First", "Second"):
        invoiced.done("/invoices/VN-1/update_details", comment=text)
    rows = invoiced.control("records/comments")["records"]
    assert [(row["entity_id"], row["notes"]) for row in rows] == [("VN-1", "First"), ("VN-1", "Second")]
    assert "Second" not in str(the_invoice(invoiced))


@pytest.mark.parametrize("form", [{"total": 1}, {"line_items": [{"amount": 1}]}, {"due_date": 1}])
def test_amounts_and_lines_cannot_be_edited(invoiced: Chargebee, form: dict[str, Any]) -> None:
    """There is no such parameter."""
    assert invoiced.post("/invoices/VN-1/update_details", **form).status_code == 400


# --- payments --------------------------------------------------------------------------------------------------------


def test_a_payment_in_full_pays(invoiced: Chargebee) -> None:
    """Without an amount it is what is due."""
    body = paid(invoiced, reference_number="900001")
    assert (body["invoice"]["status"], body["invoice"]["amount_due"]) == ("paid", 0)
    assert (body["transaction"]["amount"], body["transaction"]["reference_number"]) == (12_500, "900001")
    assert body["invoice"]["linked_payments"][0]["txn_id"] == body["transaction"]["id"]


def test_a_part_payment_keeps_the_status(invoiced: Chargebee) -> None:
    """Until the last one."""
    assert paid(invoiced, amount=2_500)["invoice"]["status"] == "posted"
    assert paid(invoiced, amount=10_000)["invoice"]["status"] == "paid"
    assert refusal(invoiced.post("/invoices/VN-1/record_payment", transaction=BANK)) == STATE


def test_a_payment_needs_its_method(invoiced: Chargebee) -> None:
    """And a date that is not in the future."""
    missing = invoiced.post("/invoices/VN-1/record_payment", transaction={"amount": 1})
    assert refusal(missing) == (400, "param_wrong_value", "transaction[payment_method]")
    early = invoiced.post("/invoices/VN-1/record_payment", transaction={**BANK, "date": invoiced.now() + DAY})
    assert refusal(early)[2] == "transaction[date]"


def test_what_is_paid_too_much_stays_with_the_customer(invoiced: Chargebee) -> None:
    """Or is refused; the pages contradict each other."""
    body = paid(invoiced, amount=13_000)
    assert (body["invoice"]["amount_paid"], body["transaction"]["amount_unused"]) == (12_500, 500)
    assert invoiced.read(f"/customers/{KARI}")["customer"]["excess_payments"] == 500
    invoiced.invoice("VN-2")
    invoiced.configure(excess_payment="refuse")
    more = invoiced.post("/invoices/VN-2/record_payment", transaction={**BANK, "amount": 12_501})
    assert refusal(more)[2] == "transaction[amount]"


def test_a_failed_payment_pays_nothing(invoiced: Chargebee) -> None:
    """It is shown, and raises an event of its own."""
    body = paid(invoiced, status="failure", error_text="Avvist")
    assert (body["invoice"]["status"], body["invoice"]["amount_paid"]) == ("posted", 0)
    assert invoiced.events("payment_failed")[0]["content"]["transaction"]["error_text"] == "Avvist"


def test_excess_is_applied_to_the_next_invoice(invoiced: Chargebee) -> None:
    """All of it, or the payments that are named."""
    transaction = paid(invoiced, amount=20_000)["transaction"]
    invoiced.invoice("VN-2")
    invoice = invoiced.done("/invoices/VN-2/apply_payments")["invoice"]
    assert (invoice["amount_paid"], invoice["amount_due"]) == (7_500, 5_000)
    assert invoiced.read(f"/customers/{KARI}")["customer"]["excess_payments"] == 0
    named = [{"id": transaction["id"], "amount": 1}]
    assert invoiced.post("/invoices/VN-2/apply_payments", transactions=named).status_code == 400
    assert refusal(invoiced.post("/invoices/VN-2/apply_payments")) == STATE


# --- voiding and deleting --------------------------------------------------------------------------------------------


def test_an_unpaid_invoice_is_voided_and_keeps_its_id(invoiced: Chargebee) -> None:
    """It owes nothing, and cannot be imported again."""
    invoice = invoiced.done("/invoices/VN-1/void", void_reason_code="feil")["invoice"]
    assert (invoice["status"], invoice["amount_due"], invoice["void_reason_code"]) == ("voided", 0, "feil")
    assert refusal(invoiced.post("/invoices/VN-1/void")) == STATE
    again = invoiced.post("/invoices/import_invoice", **invoice_form(invoiced))
    assert refusal(again) == (400, "duplicate_entry", "id")
    assert invoiced.invoice("VN-1-2")["id"] == "VN-1-2"


def test_a_paid_invoice_is_not_voided(invoiced: Chargebee) -> None:
    """Nor one with a part payment: take the payment off first."""
    transaction = paid(invoiced, amount=500)["transaction"]
    assert refusal(invoiced.post("/invoices/VN-1/void")) == STATE
    paid(invoiced)
    assert refusal(invoiced.post("/invoices/VN-1/void")) == STATE
    for payment in [transaction["id"], the_invoice(invoiced)["linked_payments"][-1]["txn_id"]]:
        invoiced.done("/invoices/VN-1/remove_payment", transaction={"id": payment})
    assert the_invoice(invoiced)["status"] == "posted"
    assert invoiced.read(f"/customers/{KARI}")["customer"]["excess_payments"] == 12_500
    assert invoiced.done("/invoices/VN-1/void")["invoice"]["status"] == "voided"


def test_only_a_linked_payment_is_removed(invoiced: Chargebee) -> None:
    """404 for one that is not there, 409 for another invoice's."""
    unknown = invoiced.post("/invoices/VN-1/remove_payment", transaction={"id": "txn_x"})
    assert refusal(unknown)[0] == 404
    transaction = paid(invoiced)["transaction"]["id"]
    invoiced.invoice("VN-2")
    assert refusal(invoiced.post("/invoices/VN-2/remove_payment", transaction={"id": transaction})) == STATE


def test_an_adjusted_invoice_is_neither_voided_nor_deleted(invoiced: Chargebee) -> None:
    """A credit note that took from what is due stands in the way."""
    assert credit(invoiced).status_code == 200
    assert refusal(invoiced.post("/invoices/VN-1/void")) == STATE
    assert refusal(invoiced.post("/invoices/VN-1/delete")) == STATE


def test_voiding_can_need_a_reason_and_make_a_credit_note(invoiced: Chargebee) -> None:
    """Both are settings of the site."""
    invoiced.configure(void_reason_required=True, void_credit_note=True)
    assert refusal(invoiced.post("/invoices/VN-1/void"))[2] == "void_reason_code"
    body = invoiced.done("/invoices/VN-1/void", void_reason_code="feil")
    assert (body["credit_note"]["total"], body["credit_note"]["type"]) == (12_500, "adjustment")


def test_a_deleted_invoice_is_only_in_lists_that_ask(invoiced: Chargebee) -> None:
    """Reading it, and using its id again, is not documented."""
    assert invoiced.done("/invoices/VN-1/delete")["invoice"]["deleted"]
    assert invoiced.listed("invoices") == []
    assert [row["id"] for row in invoiced.listed("invoices", include_deleted="true")] == ["VN-1"]
    assert invoiced.get("/invoices/VN-1").status_code == 404
    again = invoiced.post("/invoices/import_invoice", **invoice_form(invoiced))
    assert refusal(again)[1] == "duplicate_entry"
    invoiced.configure(deleted_read="shown", deleted_id="free")
    assert the_invoice(invoiced)["deleted"]
    assert invoiced.invoice()["deleted"] is False


# --- credit ----------------------------------------------------------------------------------------------------------


def test_an_adjusting_note_takes_from_what_is_due(invoiced: Chargebee) -> None:
    """With the address of the invoice."""
    note = credit(invoiced).json()["credit_note"]
    assert (note["status"], note["total"], note["amount_allocated"]) == ("adjusted", 2_500, 2_500)
    assert note["billing_address"]["city"] == "Tromsø"
    invoice = the_invoice(invoiced)
    assert (invoice["amount_adjusted"], invoice["amount_due"]) == (2_500, 10_000)
    assert [row["cn_id"] for row in invoice["adjustment_credit_notes"]] == ["VC-1"]
    assert refusal(credit(invoiced)) == (400, "duplicate_entry", "id")
    assert refusal(credit(invoiced, id="VC-2", total=10_001)) == STATE


def test_a_note_over_everything_settles_the_invoice(invoiced: Chargebee) -> None:
    """Nothing is due any more."""
    credit(invoiced, total=12_500)
    assert (the_invoice(invoiced)["status"], the_invoice(invoiced)["amount_due"]) == ("paid", 0)


def test_a_refundable_note_is_the_customers(invoiced: Chargebee) -> None:
    """For an invoice that is paid."""
    paid(invoiced)
    note = credit(invoiced, type="refundable").json()["credit_note"]
    assert (note["status"], note["amount_available"]) == ("refund_due", 2_500)
    assert invoiced.read(f"/customers/{KARI}")["customer"]["refundable_credits"] == 2_500
    assert [row["cn_id"] for row in the_invoice(invoiced)["issued_credit_notes"]] == ["VC-1"]


def test_a_refundable_note_pays_another_invoice(invoiced: Chargebee) -> None:
    """By its allocations, which must have room."""
    paid(invoiced)
    invoiced.invoice("VN-2")
    allocation = {"invoice_id": "VN-2", "allocated_amount": 2_500, "allocated_at": invoiced.now()}
    note = credit(invoiced, type="refundable", allocations=[allocation]).json()["credit_note"]
    assert (note["status"], note["amount_available"]) == ("refunded", 0)
    other = invoiced.read("/invoices/VN-2")["invoice"]
    assert (other["credits_applied"], other["amount_due"]) == (2_500, 10_000)
    too_much = {**allocation, "allocated_amount": 10_001}
    refused = credit(invoiced, id="VC-2", type="refundable", total=20_000, allocations=[too_much])
    assert refusal(refused)[2] == "allocations[allocated_amount][0]"


def test_a_refund_comes_along(invoiced: Chargebee) -> None:
    """As a transaction of its own."""
    paid(invoiced)
    refund = {"amount": 2_500, "payment_method": "bank_transfer", "date": invoiced.now() - 60}
    note = credit(invoiced, type="refundable", linked_refunds=[refund]).json()["credit_note"]
    assert (note["status"], note["amount_refunded"]) == ("refunded", 2_500)
    assert [row["type"] for row in invoiced.listed("transactions")] == ["refund", "payment"]


@pytest.mark.parametrize(
    ("form", "param"),
    [
        ({"type": "store"}, "type"),
        ({"create_reason_code": None}, "create_reason_code"),
        ({"total": None}, "total"),
        ({"date": 9_999_999_999}, "date"),
        ({"customer_id": "V-2"}, "customer_id"),
        ({"currency_code": "EUR"}, "currency_code"),
        ({"total": 2_500, "line_items": [{"description": "Retur", "amount": 2_499}]}, "total"),
    ],
)
def test_a_note_is_checked_like_an_invoice(invoiced: Chargebee, form: dict[str, Any], param: str) -> None:
    """`store` cannot be imported, and the lines must add up."""
    assert refusal(credit(invoiced, **form)) == (400, "param_wrong_value", param)
    assert invoiced.listed("credit_notes") == []


def test_a_note_has_lines_that_name_the_invoices(invoiced: Chargebee) -> None:
    """With their taxes in both places."""
    reference = the_invoice(invoiced)["line_items"][0]["id"]
    line = {"reference_line_item_id": reference, "description": "Retur", "amount": 2_000}
    taxes = [{"name": "MVA", "rate": 25, "amount": 500}]
    note = credit(invoiced, line_items=[{**line, "tax1_name": "MVA", "tax1_amount": 500}], taxes=taxes).json()
    assert note["credit_note"]["line_items"][0]["reference_line_item_id"] == reference
    assert (note["credit_note"]["sub_total"], note["credit_note"]["total"]) == (2_000, 2_500)


def test_the_site_makes_credit_notes_of_its_own(invoiced: Chargebee) -> None:
    """With the next number, for what is due or was paid."""
    form = {"reference_invoice_id": "VN-1", "type": "adjustment", "total": 2_500, "reason_code": "waiver"}
    body = invoiced.done("/credit_notes", **form)
    assert (body["credit_note"]["id"], body["invoice"]["amount_due"]) == ("CN-1", 10_000)
    assert refusal(invoiced.post("/credit_notes", **form | {"type": "refundable"})) == STATE


def test_writing_off_credits_what_is_due(invoiced: Chargebee) -> None:
    """Neither paid nor adjusted."""
    body = invoiced.done("/invoices/VN-1/write_off")
    assert (body["invoice"]["write_off_amount"], body["invoice"]["amount_due"]) == (12_500, 0)
    assert body["credit_note"]["reason_code"] == "write_off"
    assert refusal(invoiced.post("/invoices/VN-1/write_off")) == STATE


def test_invoices_are_found_by_amounts_and_states(invoiced: Chargebee) -> None:
    """As the lists of accountants need it."""
    invoiced.invoice("VN-2")
    invoiced.done("/invoices/VN-2/record_payment", transaction=BANK)

    def found(**query: Any) -> list[str]:
        return [row["id"] for row in invoiced.listed("invoices", **query)]

    assert found(**{"amount_due[gt]": 0}) == ["VN-1"]
    assert found(**{"status[in]": "[paid,posted]"}) == ["VN-1", "VN-2"]
    assert found(**{"total[between]": "[12500,12500]", "status[is]": "paid"}) == ["VN-2"]
    assert refusal(invoiced.get("/invoices", **{"total[gt]": "1.5"}))[2] == "total[gt]"


def test_charges_are_invoiced_in_catalogue_two(invoiced: Chargebee) -> None:
    """In catalogue 1.0 the operation is not there."""
    form = {"customer_id": KARI, "charges": [{"amount": 10_000, "description": "Bistand"}], "net_term_days": 14}
    invoice = invoiced.done("/invoices/create_for_charge_items_and_charges", **form)["invoice"]
    assert (invoice["id"], invoice["status"], invoice["total"]) == ("1", "posted", 10_000)
    invoiced.configure(catalogue="1.0")
    answer = invoiced.post("/invoices/create_for_charge_items_and_charges", **form)
    assert refusal(answer)[:2] == (400, "configuration_incompatible")
