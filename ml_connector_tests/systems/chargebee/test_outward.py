"""Visma's customers, invoices and credit notes at Chargebee: created once, and followed."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest

from ml_connector_tests.simulators.visma_support import ORDINARY
from ml_connector_tests.systems.chargebee.conftest import OpenSync
from ml_connector_tests.systems.chargebee.support import Sync, counts

KARI = f"V-{ORDINARY}"
ONLY = {"customers": {"where": {"number": [ORDINARY]}}, "invoices": {"from": "2020-01-01"}}


@pytest.fixture
def sync(open_one: OpenSync) -> Sync:
    """Of one customer, with whatever invoices it has."""
    sync = open_one(flows=ONLY)
    sync.sync_out()
    return sync


def customer(sync: Sync) -> dict[str, Any]:
    found: dict[str, Any] = sync.chargebee.read(f"/customers/{KARI}")["customer"]
    return found


def posts(sync: Sync) -> list[str]:
    """The writes since the last look."""
    log = sync.chargebee.control("calls")["log"]
    sync.chargebee.anonymous.delete("/_simulator/calls")
    return [call["path"].removeprefix("/api/v2") for call in log if call["method"] == "POST"]


def order(sync: Sync, *lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A released invoice of the customer at Visma."""
    return sync.visma.order(*lines, **more)


def imported(sync: Sync, number: str, suffix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = sync.chargebee.read(f"/invoices/VN-{number}{suffix}")["invoice"]
    return found


def test_every_customer_becomes_one_with_an_id_of_ours(open_one: OpenSync) -> None:
    """With `auto_collection` off, so that nobody is charged; again, and no call is made."""
    sync = open_one()
    report = sync.sync_out()["customers"].total
    assert report.created > 200
    assert report.read == report.created + report.skipped + report.rejected
    customers = sync.chargebee.listed("customers", limit=100)
    assert {one["auto_collection"] for one in customers} == {"off"}
    assert all(one["id"].startswith("V-") for one in customers)
    posts(sync)
    sync.read(whole=True)
    again = sync.send("customers")["customers"].total
    assert (again.created, again.updated, posts(sync)) == (0, 0, [])


def test_only_the_calls_are_made_that_a_change_needs(sync: Sync) -> None:
    """An address goes by `update_billing_info` alone, a telephone number by the customer's own call."""
    posts(sync)
    sync.visma.patch(mainContact={"phone1": "+47 99 99 99 99"})
    sync.sync_out()
    assert posts(sync) == [f"/customers/{KARI}"]
    sync.visma.patch(mainAddress={"city": "Longyearbyen"})
    sync.sync_out()
    assert posts(sync) == [f"/customers/{KARI}/update_billing_info"]
    assert (customer(sync)["phone"], customer(sync)["billing_address"]["city"]) == ("+47 99 99 99 99", "Longyearbyen")


def test_an_address_update_erases_nothing_that_people_entered(sync: Sync) -> None:
    """failures.md 28: the whole set is sent, with what stands there."""
    held = customer(sync)["billing_address"]
    whole = {**{name: held[name] for name in held if name not in ("object", "validation_status")}, "email": "x@y.no"}
    sync.chargebee.done(f"/customers/{KARI}/update_billing_info", billing_address=whole, vat_number="NO1")
    sync.visma.patch(mainAddress={"city": "Longyearbyen"})
    sync.sync_out()
    address = customer(sync)["billing_address"]
    assert (address["email"], address["city"]) == ("x@y.no", "Longyearbyen")


def test_a_number_that_is_not_mapped_stays_with_an_address_update(open_one: OpenSync) -> None:
    """`update_billing_info` replaces everything that it can hold, so what people entered there is sent as well."""
    fields = {"vat_number": None}
    sync = open_one(flows={"customers": {**ONLY["customers"], "fields": fields}})
    sync.sync_out()
    entered = {"vat_number": "999888777MVA", "vat_number_prefix": "NO", "registered_for_gst": "true"}
    sync.chargebee.done(f"/customers/{KARI}/update_billing_info", **entered)
    sync.visma.patch(mainAddress={"city": "Longyearbyen"})
    sync.sync_out()
    held = customer(sync)
    assert (held["vat_number"], held["billing_address"]["city"]) == ("999888777MVA", "Longyearbyen")
    assert (held["vat_number_prefix"], held["registered_for_gst"]) == ("NO", True)


def test_what_is_cleared_in_visma_is_cleared(sync: Sync) -> None:
    sync.visma.patch(mainContact={"phone1": "+47 99 99 99 99"})
    sync.sync_out()
    assert customer(sync)["phone"] == "+47 99 99 99 99"
    sync.visma.patch(mainContact={"phone1": ""})
    sync.sync_out()
    assert not customer(sync).get("phone")


def test_writes_about_one_customer_are_made_one_after_the_other(open_one: OpenSync) -> None:
    """Two at once end in a 429 that has nothing to do with their number."""
    sync = open_one(flows=ONLY)
    sync.chargebee.configure(write_seconds=0.1)
    numbers = [order(sync)["referenceNumber"] for _ in range(8)]
    sync.sync_out()
    log = sync.chargebee.control("calls")["log"]
    assert {call["status"] for call in log if call["method"] == "POST"} == {200}
    assert all(imported(sync, number)["total"] > 0 for number in numbers)


@pytest.mark.parametrize("kind", ["kid", "ocr", "none"])
def test_the_payment_reference_goes_along(open_one: OpenSync, kind: str) -> None:
    """Norway's and Sweden's are kept apart by their kind."""
    invoices = {**ONLY["invoices"], "payment_reference": kind}
    sync = open_one(flows={**ONLY, "invoices": invoices})
    made = order(sync)
    sync.sync_out()
    name, number = f"VN-{made['referenceNumber']}", made["paymentReference"]
    assert imported(sync, made["referenceNumber"])["id"] == name
    query = {"payment_reference_number[number][is]": number}
    found = sync.chargebee.read("/invoices/payment_reference_numbers", **query)["list"]
    held = [row["payment_reference_number"] for row in found]
    told = [(one["type"], one["number"], one["invoice_id"]) for one in held]
    assert told == ([] if kind == "none" else [(kind, number, name)])


def test_a_credit_note_for_a_paid_invoice_is_refundable(sync: Sync) -> None:
    """For an open one it is an adjustment; both come to the credited amount, rounding included."""
    paid, opened = order(sync)["referenceNumber"], order(sync)["referenceNumber"]
    sync.visma.pay(paid)
    for number in (paid, opened):
        sync.visma.credit(number)
    sync.sync_out()
    sync.sync_out()
    kinds = {note["reference_invoice_id"]: note["type"] for note in sync.chargebee.listed("credit_notes")}
    assert (kinds[f"VN-{paid}"], kinds[f"VN-{opened}"]) == ("refundable", "adjustment")


def test_an_inactive_customer_is_marked_and_never_deleted(open_one: OpenSync) -> None:
    flows = {"customers": {"where": {"number": [ORDINARY]}, "status_field": "cf_visma_status"}}
    sync = open_one(flows=flows)
    sync.sync_out()
    sync.visma.patch(status="Inactive")
    sync.sync_out()
    assert (customer(sync)["cf_visma_status"], customer(sync)["deleted"]) == ("Inactive", False)


def test_a_customer_that_is_there_already_is_adopted(open_one: OpenSync) -> None:
    """An earlier answer was lost, or a person made it by our rule."""
    sync = open_one(flows=ONLY)
    sync.chargebee.customer(KARI, company="Old")
    assert sync.sync_out()["customers"].total.updated == 1
    assert customer(sync)["company"] != "Old"


def test_an_invoice_is_imported_with_taxes_in_both_places(sync: Sync) -> None:
    """Exact in the smallest unit; again, and nothing happens."""
    number = order(sync, {"price": "33.33", "quantity": 3}, {"price": "19.90"})["referenceNumber"]
    row = sync.visma.http.get(f"/v1/customerinvoice/{number}").json()
    report = sync.sync_out()["invoices"].total
    assert report.created == 1
    invoice = imported(sync, number)
    assert (invoice["total"], invoice["status"], invoice["customer_id"]) == (round(row["amount"] * 100), "posted", KARI)
    assert invoice["tax"] == sum(line["tax_amount"] for line in invoice["line_items"]) > 0
    posts(sync)
    assert (counts(sync.sync_out()["invoices"]), posts(sync)) == ({}, [])


def test_payments_are_recorded_once_with_vismas_number(sync: Sync) -> None:
    """In parts, and the last one pays it."""
    number = order(sync)["referenceNumber"]
    sync.sync_out()
    sync.visma.pay(number, 100)
    sync.sync_out()
    assert (imported(sync, number)["amount_paid"], imported(sync, number)["status"]) == (10_000, "posted")
    sync.visma.pay(number)
    sync.sync_out()
    invoice = imported(sync, number)
    assert (invoice["amount_due"], invoice["status"], len(invoice["linked_payments"])) == (0, "paid", 2)


def test_what_is_paid_already_is_imported_as_paid(sync: Sync) -> None:
    """With its payment, in one call."""
    number = order(sync)["referenceNumber"]
    sync.visma.pay(number)
    posts(sync)
    sync.sync_out()
    assert posts(sync) == ["/invoices/import_invoice"]
    assert (imported(sync, number)["status"], len(imported(sync, number)["linked_payments"])) == ("paid", 1)


@pytest.mark.parametrize("known", [True, False])
def test_a_payment_of_a_day_that_has_not_begun_there_is_recorded_when_it_has(sync: Sync, *, known: bool) -> None:
    """After midnight in Oslo it is still yesterday by UTC: nobody has to replay it, and it is recorded once."""
    number = order(sync)["referenceNumber"]
    if known:
        sync.sync_out()
    sync.visma.pay(number, 100)
    row = sync.visma.http.get(f"/v1/customerinvoice/{number}").json()
    tomorrow = f"{(sync.now() + timedelta(days=1)).date()}T00:00:00"
    applied = [{**one, "applicationDate": tomorrow} for one in row["applications"]]
    sync.visma.control("PATCH", f"invoices/{number}", {"applications": applied})
    assert sync.sync_out()["invoices"].total.failed == 1
    assert "day yet" in (sync.state_out("invoices", f"Invoice-{number}").reason or "")
    sync.later(days=1)
    for _ in range(2):
        sync.sync_out()
    assert (imported(sync, number)["amount_paid"], len(imported(sync, number)["linked_payments"])) == (10_000, 1)


def test_more_than_the_total_was_paid_before_the_import(sync: Sync) -> None:
    """An import takes no more than the total: all of it is recorded afterwards, and the rest is the customer's."""
    made = order(sync)
    number, paid = made["referenceNumber"], made["amount"] + 10
    application = {
        "docType": "Payment",
        "refNbr": "700009",
        "amountPaid": paid,
        "applicationDate": made["documentDate"],
    }
    sync.visma.control("PATCH", f"invoices/{number}", {"status": "Closed", "balance": 0, "applications": [application]})
    posts(sync)
    sync.sync_out()
    assert posts(sync) == ["/invoices/import_invoice", f"/invoices/VN-{number}/record_payment"]
    assert (imported(sync, number)["status"], imported(sync, number)["amount_due"]) == ("paid", 0)
    assert customer(sync)["excess_payments"] == 1_000


@pytest.mark.parametrize("fault", ["lost_answer", "server_error", "false_error"])
def test_a_payment_whose_answer_is_lost_is_not_recorded_twice(sync: Sync, fault: str) -> None:
    """Within half an hour its key protects it, and beyond, what stands there."""
    number = order(sync)["referenceNumber"]
    sync.sync_out()
    sync.visma.pay(number, 100)
    rule = {"fault": fault, "path": "record_payment", "times": 2}
    sync.chargebee.control("faults", [rule])
    sync.sync_out()
    sync.chargebee.control("faults", [])
    sync.later(hours=2)
    sync.send("invoices")
    assert imported(sync, number)["amount_paid"] == 10_000
    assert imported(sync, number)["linked_payments"][0]["txn_amount"] == 10_000


@pytest.mark.parametrize("path", ["import_invoice", "record_payment"])
def test_what_takes_effect_long_after_the_caller_gave_up_is_there_once(sync: Sync, path: str) -> None:
    """Neither a second invoice nor a second payment, and no doubt that stays."""
    number = order(sync)["referenceNumber"]
    if path == "record_payment":
        sync.sync_out()
        sync.visma.pay(number, 100)
    sync.chargebee.control("faults", [{"fault": "late_commit", "path": path, "times": 2, "seconds": 1}])
    sync.sync_out()
    sync.chargebee.control("faults", [])
    time.sleep(1.5)
    for _ in range(3):
        sync.later(hours=1)
        sync.send("invoices")
    invoice = imported(sync, number)
    expected = 10_000 if path == "record_payment" else 0
    assert (invoice["amount_paid"], sync.state_out("invoices", f"Invoice-{number}").outcome) in [
        (expected, "created"),
        (expected, "updated"),
    ]
    assert (
        len([one for one in sync.chargebee.listed("invoices", limit=100) if one["id"].startswith("VN-" + number)]) == 1
    )


def test_a_header_that_changes_is_updated(sync: Sync) -> None:
    number = order(sync)["referenceNumber"]
    sync.sync_out()
    sync.visma.control("PATCH", f"invoices/{number}", {"customerRefNumber": "PO 77"})
    posts(sync)
    sync.sync_out()
    assert posts(sync) == [f"/invoices/VN-{number}/update_details"]
    assert imported(sync, number)["po_number"] == "PO 77"


def test_an_invoice_voided_unpaid_is_voided(sync: Sync) -> None:
    """It keeps its audit trail; again, and nothing happens."""
    number = order(sync)["referenceNumber"]
    sync.sync_out()
    sync.visma.control("POST", f"invoices/{number}/void", {})
    sync.sync_out()
    assert imported(sync, number)["status"] == "voided"
    posts(sync)
    sync.sync_out()
    assert posts(sync) == []


def test_an_invoice_voided_with_payments_loses_them_first(sync: Sync) -> None:
    """`remove_payment`, then `void`."""
    number = order(sync)["referenceNumber"]
    sync.visma.pay(number, 50)
    sync.sync_out()
    sync.visma.control("PATCH", f"invoices/{number}", {"status": "Voided"})
    posts(sync)
    sync.sync_out()
    assert posts(sync) == [f"/invoices/VN-{number}/remove_payment", f"/invoices/VN-{number}/void"]
    assert imported(sync, number)["status"] == "voided"


def test_changed_lines_of_an_unpaid_invoice_make_a_new_one(sync: Sync) -> None:
    """The old one is voided, the new one has the next id, and later payments go to it."""
    number = order(sync)["referenceNumber"]
    sync.sync_out()
    change_amounts(sync, number)
    sync.sync_out()
    assert imported(sync, number)["status"] == "voided"
    assert imported(sync, number, "--2")["total"] == imported(sync, number)["total"] * 2
    sync.visma.pay(number, 10)
    sync.sync_out()
    assert imported(sync, number, "--2")["amount_paid"] == 1_000


def test_changed_lines_of_a_paid_invoice_are_rejected_with_what_to_do(sync: Sync) -> None:
    number = order(sync)["referenceNumber"]
    sync.visma.pay(number, 10)
    sync.sync_out()
    change_amounts(sync, number)
    report = sync.sync_out()["invoices"].total
    assert report.rejected == 1
    assert "credit note" in (sync.state_out("invoices", f"Invoice-{number}").reason or "")
    assert imported(sync, number)["status"] == "posted"


def change_amounts(sync: Sync, number: str) -> None:
    """Everything costs twice as much."""
    row = sync.visma.http.get(f"/v1/customerinvoice/{number}", params={"expandTaxDetails": "true"}).json()
    twice = {name: row[name] * 2 for name in row if isinstance(row[name], float) and name != "exchangeRate"}
    lines = [
        {**line, **{name: line[name] * 2 for name in line if name.startswith(("unitPrice", "amount"))}}
        for line in row["invoiceLines"]
    ]
    taxes = [
        {**one, "vatAmount": one["vatAmount"] * 2, "taxableAmount": one["taxableAmount"] * 2}
        for one in row["taxDetails"]
    ]
    sync.visma.control("PATCH", f"invoices/{number}", {**twice, "invoiceLines": lines, "taxDetails": taxes})


def test_a_credit_note_is_imported_for_its_invoice(sync: Sync) -> None:
    """An adjustment where the invoice is open."""
    number = order(sync)["referenceNumber"]
    sync.sync_out()
    note = sync.visma.credit(number)
    sync.sync_out()
    found = sync.chargebee.read(f"/credit_notes/VC-{note['referenceNumber']}")["credit_note"]
    assert (found["type"], found["total"], found["reference_invoice_id"]) == (
        "adjustment",
        imported(sync, number)["total"],
        f"VN-{number}",
    )
    assert imported(sync, number)["amount_due"] == 0


@pytest.mark.parametrize("fault", ["lost_answer", "false_error"])
def test_an_import_whose_answer_is_lost_stands_once(sync: Sync, fault: str) -> None:
    """failures.md 20: its id is taken, and what stands there is the same."""
    number = order(sync)["referenceNumber"]
    sync.chargebee.control("faults", [{"fault": fault, "path": "import_invoice", "times": 2}])
    sync.sync_out()
    sync.chargebee.control("faults", [])
    sync.later(hours=2)
    sync.send("invoices")
    assert imported(sync, number)["status"] in ("posted", "not_paid")
    assert sync.state_out("invoices", f"Invoice-{number}").outcome == "created"


def test_a_key_refused_at_the_import_leaves_no_doubt(sync: Sync) -> None:
    """Nothing was imported, so the next run does not wait."""
    numbers = [order(sync)["referenceNumber"] for _ in range(3)]
    sync.chargebee.control("faults", [{"fault": "expired_token", "path": "import_invoice"}])
    assert sync.sync_out()["invoices"].stopped is not None
    sync.chargebee.control("faults", [])
    assert sync.send("invoices")["invoices"].total.created == 3
    assert {imported(sync, number)["status"] for number in numbers} <= {"posted", "not_paid"}


def test_a_key_refused_between_two_writes_leaves_the_change_in_doubt(sync: Sync) -> None:
    """The old invoice is voided by then, and nobody knows of it before it is looked at again."""
    number = order(sync)["referenceNumber"]
    sync.sync_out()
    change_amounts(sync, number)
    sync.chargebee.control("faults", [{"fault": "expired_token", "path": "import_invoice"}])
    assert sync.sync_out()["invoices"].stopped is not None
    assert imported(sync, number)["status"] == "voided"
    sync.chargebee.control("faults", [])
    assert sync.send("invoices")["invoices"].total.failed == 1
    sync.wait(minutes=10)
    sync.send("invoices")
    assert imported(sync, number, "--2")["status"] in ("posted", "not_paid")


def test_an_id_that_somebody_else_took_is_rejected(sync: Sync) -> None:
    """With both totals."""
    number = order(sync)["referenceNumber"]
    sync.chargebee.invoice(f"VN-{number}", customer_id=KARI)
    report = sync.sync_out()["invoices"].total
    assert (report.rejected, imported(sync, number)["total"]) == (1, 12_500)
    assert "another invoice" in (sync.state_out("invoices", f"Invoice-{number}").reason or "")


def test_a_line_below_zero_is_rejected_with_what_to_do(sync: Sync) -> None:
    number = order(sync, {"price": "100.00", "quantity": 2}, {"price": "-10.00"})["referenceNumber"]
    assert sync.sync_out()["invoices"].total.rejected >= 1
    assert "credit note" in (sync.state_out("invoices", f"Invoice-{number}").reason or "")


def test_every_invoice_of_the_books_ends_in_one_outcome(open_one: OpenSync) -> None:
    """The awkward ones, too; what is imported has Visma's total to the cent."""
    sync = open_one()
    sync.sync_out()
    rows = {row["referenceNumber"]: row for row in sync.visma.books()["invoices"]["rows"]}
    found = [one for one in sync.chargebee.listed("invoices", limit=100) if one["status"] != "voided"]
    assert len(found) > 20
    for invoice in found:
        row = rows[invoice["id"].removeprefix("VN-")]
        assert invoice["total"] == round(row["amountInCurrency"] * 100)


@pytest.mark.parametrize(
    "application",
    [
        {"docType": "Payment", "refNbr": "700001", "amountPaid": 245.0, "cashDiscountTaken": 5.0},
        {"docType": "SmallBalanceWo", "refNbr": "W1", "amountPaid": 5.0, "cashDiscountTaken": 0.0},
    ],
)
def test_what_was_taken_off_and_nobody_paid_is_not_left_open_in_silence(
    sync: Sync, application: dict[str, Any]
) -> None:
    """Visma counts it as settled, and Chargebee would go on to remind the customer: somebody has to know."""
    number = order(sync)["referenceNumber"]
    sync.read()
    sync.send("invoices")
    assert imported(sync, number)["status"] in ("payment_due", "posted")
    sync.visma.control("PATCH", f"invoices/{number}", {"status": "Closed", "balance": 0, "applications": [application]})
    sync.read()
    sync.send("invoices")
    state = sync.state_out("invoices", f"Invoice-{number}")
    assert (state.outcome, "handled" in (state.reason or "")) == ("rejected", True)
