"""Customer invoices and credit notes: their sums, what happens to them, and their lists (Visma reference, sections 3,
4, 6 and 7)."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest

from ml_connector_tests.simulators.visma_support import ORDINARY, Visma, money

INVOICES, NOTES = "/v1/customerinvoice", "/v1/customerCreditNote"
EVERYTHING = {"expandApplications": "true", "expandTaxDetails": "true", "expandInvoiceAddress": "true"}
BOTH = ("", "InCurrency")


def documents(visma: Visma) -> list[dict[str, Any]]:
    return [row for path in (INVOICES, NOTES) for row in visma.all(path, **EVERYTHING)]


def make(visma: Visma, *lines: dict[str, Any], **order: Any) -> dict[str, Any]:
    body = {"customer": ORDINARY, "currency": "NOK", "lines": list(lines) or [{"price": "100.00"}], **order}
    row: dict[str, Any] = visma.control("POST", "invoices", body)
    return row


def act(visma: Visma, row: dict[str, Any], action: str, **body: Any) -> dict[str, Any]:
    answer: dict[str, Any] = visma.control("POST", f"invoices/{row['referenceNumber']}/{action}", body)
    return answer


def test_every_document_adds_up_to_the_cent(visma: Visma) -> None:
    """failures.md 31: lines less discount plus VAT is the total, in both currencies, and no float spoils it."""
    found = documents(visma)
    assert len(found) > 60
    for row in found:
        for suffix in BOTH:
            total = {
                name: money(row, f"{name}{suffix}")
                for name in ("amount", "balance", "detailTotal", "discountTotal", "vatTotal", "vatTaxableTotal")
            }
            exempt = money(row, f"vatExemptTotal{suffix}")
            assert sum(money(line, f"amount{suffix}") for line in row["invoiceLines"]) == total["detailTotal"]
            assert total["detailTotal"] - total["discountTotal"] == total["vatTaxableTotal"] + exempt
            assert total["detailTotal"] - total["discountTotal"] + total["vatTotal"] == total["amount"]
            assert all(value == value.quantize(Decimal("0.01")) for value in total.values())
        assert sum(money(tax, "vatAmount") for tax in row["taxDetails"]) == money(row, "vatTotal")
        taxable = sum(money(tax, "taxableAmount") for tax in row["taxDetails"])
        assert taxable == money(row, "detailTotal") - money(row, "discountTotal")


def test_vat_is_rounded_once_for_each_code(visma: Visma) -> None:
    """Half a cent goes up; the code's lines are added before the rate is applied."""
    for row in documents(visma):
        if row["currencyId"] != "NOK":
            continue
        for tax in row["taxDetails"]:
            exact = money(tax, "taxableAmount") * money(tax, "vatRate") / 100
            assert money(tax, "vatAmount") == exact.quantize(Decimal("0.01"), ROUND_HALF_UP)


def test_the_balance_is_the_total_less_what_was_paid(visma: Visma) -> None:
    """Payments and credit notes stand in `applications`, in the company's currency."""
    for row in documents(visma):
        paid = sum(money(one, "amountPaid") for one in row["applications"])
        if row["status"] == "Voided":
            assert (row["balance"], row["balanceInCurrency"], row["applications"]) == (0, 0, [])
        else:
            assert money(row, "balance") == money(row, "amount") - paid
        if row["status"] in ("Open", "Closed"):
            assert (row["status"] == "Open") is bool(row["balanceInCurrency"])


def test_the_due_date_follows_from_the_terms(visma: Visma) -> None:
    """So many days, or the end of the month; dates wear a date-time's clothes (section 5)."""
    terms = {row["termsId"]: row for row in visma.http.get("/v1/creditTerm").json()["records"]}
    for row in visma.all(INVOICES):
        day, due = (date.fromisoformat(row[name][:10]) for name in ("documentDate", "documentDueDate"))
        assert row["documentDate"].endswith("T00:00:00")
        term = terms[row["creditTerms"]["id"]]
        if term["dueDateType"] == "N":
            assert due == day + timedelta(days=term["dueDay1"])
        else:
            assert (due + timedelta(days=1)).day == 1
        assert row["financialPeriod"] == f"{day:%Y%m}"


def test_the_same_seed_makes_the_same_invoices(visma: Visma) -> None:
    """Whatever was changed before they were first asked for."""
    visma.configure(started_at=None, seed=7)
    start = {"invoices": 20, "journals": 6}
    visma.configure(**start)
    visma.control("POST", "reset")
    first = visma.books()
    visma.control("POST", "reset")
    visma.patch(ORDINARY, name="Anders AS", currencyId="EUR")
    visma.control("DELETE", "customers/10008")
    again = visma.books()
    for table in ("invoices", "credit_notes", "journals"):
        assert [_without_stamps(row) for row in again[table]["rows"]] == [
            _without_stamps(row) for row in first[table]["rows"]
        ]


def _without_stamps(row: dict[str, Any]) -> dict[str, Any]:
    """A reset moves the company's days on with the clock, by less than a second here."""
    return {
        name: value
        for name, value in row.items()
        if not name.endswith(("DateTime", "Date")) and name not in ("applications", "invoiceContact")
    }


def test_numbers_of_credit_notes_are_numbers_of_invoices_too(visma: Visma) -> None:
    """Only type and number together name a document."""
    invoices = {row["referenceNumber"] for row in visma.all(INVOICES)}
    notes = {row["referenceNumber"] for row in visma.all(NOTES)}
    assert notes
    assert notes < invoices
    assert {row["documentType"] for row in visma.all(INVOICES)} == {"Invoice"}
    assert {row["documentType"] for row in visma.all(NOTES)} == {"CreditNote"}


def test_credit_notes_may_stand_among_the_invoices(visma: Visma) -> None:
    """That they have a list of their own only is inferred (section 7), so the other way can be tried."""
    visma.configure(credit_notes_among_invoices=True)
    found = visma.all(INVOICES)
    assert {row["documentType"] for row in found} == {"Invoice", "CreditNote"}
    assert {row["documentType"] for row in visma.all(INVOICES, documentType="Invoice")} == {"Invoice"}
    assert found[0]["referenceNumber"] == found[60]["referenceNumber"]


@pytest.mark.parametrize(
    ("parameter", "block"),
    [
        ("expandApplications", "applications"),
        ("expandTaxDetails", "taxDetails"),
        ("expandInvoiceAddress", "invoiceAddress"),
        ("expandAttachments", "attachments"),
    ],
)
def test_lines_come_with_the_list_and_other_blocks_on_demand(visma: Visma, parameter: str, block: str) -> None:
    """Invoice lines need no parameter (section 4)."""
    rows = visma.all(INVOICES)
    assert all(row["invoiceLines"] for row in rows)
    assert not any(block in row for row in rows)
    assert all(block in row for row in visma.all(INVOICES, **{parameter: "true"}))
    assert block in visma.http.get(f"{INVOICES}/{rows[0]['referenceNumber']}").json()


def test_an_address_and_a_text_that_are_changed_come_with_the_list(visma: Visma) -> None:
    """The rest of the address stays, and the customer's own is another matter."""
    before = visma.control("GET", f"invoices/{visma.all(INVOICES)[0]['referenceNumber']}")
    patch = {"invoiceAddress": {"city": "Vadsø"}, "invoiceText": "Deres ordre 7"}
    visma.control("PATCH", f"invoices/{before['referenceNumber']}", patch)
    after = next(
        row
        for row in visma.all(INVOICES, expandInvoiceAddress="true")
        if row["referenceNumber"] == before["referenceNumber"]
    )
    assert (after["invoiceAddress"]["city"], after["invoiceText"]) == ("Vadsø", "Deres ordre 7")
    assert after["invoiceAddress"]["addressLine1"] == before["invoiceAddress"]["addressLine1"]
    assert after["lastModifiedDateTime"] > before["lastModifiedDateTime"]
    assert visma.read(before["customer"]["number"])["invoiceAddress"]["city"] != "Vadsø"


def test_a_page_of_invoices_is_small(visma: Visma) -> None:
    """failures.md 5: this endpoint gives fewer rows at once than that of customers."""
    visma.configure(max_page_size={"customerinvoice": 25})
    assert [len(page) for page in visma.pages(INVOICES, 1000)] == [25, 25, 10]


@pytest.mark.parametrize(
    ("query", "holds"),
    [
        ({"status": "Open"}, lambda row: row["status"] == "Open"),
        ({"customer": "10029"}, lambda row: row["customer"]["number"] == "10029"),
        ({"branch": "2"}, lambda row: row["branchNumber"]["number"] == "2"),
        (
            {"documentDate": "2026-06-01", "documentDateCondition": ">="},
            lambda row: row["documentDate"] >= "2026-06-01",
        ),
        (
            {"documentDueDate": "2026-06-01", "documentDueDateCondition": "<"},
            lambda row: row["documentDueDate"] < "2026-06-01",
        ),
        (
            {"createdDateTime": "2026-01-01", "createdDateTimeCondition": "<"},
            lambda row: row["createdDateTime"] < "2026-01-01",
        ),
    ],
)
def test_invoices_are_filtered(visma: Visma, query: dict[str, str], holds: Any) -> None:
    """Each filter takes effect."""
    everything = visma.all(INVOICES)
    expected = [row["referenceNumber"] for row in everything if holds(row)]
    assert 0 < len(expected) < len(everything)
    assert [row["referenceNumber"] for row in visma.all(INVOICES, **query)] == expected


def test_the_invoices_of_one_customer(visma: Visma) -> None:
    """A list below the customer; 404 for one who is not there."""
    number = visma.all(INVOICES)[0]["customer"]["number"]
    found = visma.all(f"/v1/customer/{number}/invoice")
    assert found
    assert {row["customer"]["number"] for row in found} == {number}
    assert visma.http.get("/v1/customer/nobody/invoice").status_code == 404
    assert visma.http.get(f"{INVOICES}/1").status_code == visma.http.get(f"{NOTES}/x").status_code == 404


def test_an_invoice_may_belong_to_somebody_without_an_email(visma: Visma) -> None:
    """And is neither sent nor printed for that; the customer's registration number may be a supplier's."""
    row = visma.invoice("no_email")
    assert (row["invoiceContact"]["email"], row["dontEmail"]) == ("", True)
    customer = visma.read(visma.invoice("customer_supplies")["customer"]["number"])
    assert customer["corporateId"] in {one["corporateId"] for one in visma.all("/v1/supplier")}


def test_an_invoice_can_take_something_back_or_come_to_nothing(visma: Visma) -> None:
    """Negative lines; an invoice over zero is closed as soon as it is released."""
    assert min(line["amount"] for line in visma.invoice("negative_line")["invoiceLines"]) < 0
    zero = visma.invoice("zero_amount")
    assert (zero["amount"], zero["vatTotal"], zero["status"]) == (0, 0, "Closed")


def test_discounts_are_off_lines_or_off_the_whole(visma: Visma) -> None:
    """What is off the whole is shared among the VAT codes, and what does not divide evenly is not lost."""
    lines = visma.invoice("line_discounts")["invoiceLines"]
    for line in lines:
        gross = money(line, "quantity") * money(line, "unitPrice")
        assert money(line, "amount") == gross - money(line, "discountAmount")
        assert line["discountAmount"] > 0
    whole = visma.invoice("whole_discount")
    assert whole["discountTotalInCurrency"] == 100
    assert len(whole["taxDetails"]) == 2


def test_a_foreign_invoice_has_both_currencies(visma: Visma) -> None:
    """Without a suffix in the company's currency, with `InCurrency` in the document's (section 6)."""
    row = visma.invoice("foreign_currency")
    assert row["currencyId"] == "EUR"
    assert row["amount"] > 10 * row["amountInCurrency"] > 0
    converted = money(row, "detailTotalInCurrency") * money(row, "exchangeRate")
    assert abs(money(row, "detailTotal") - converted) <= Decimal("0.005") * len(row["invoiceLines"])


def test_an_invoice_is_made_released_and_paid(visma: Visma) -> None:
    """Balanced, Open, Closed; each step stamps it, and the last cent goes with the last payment."""
    row = make(visma, {"price": "33.33", "quantity": 3, "vat": "31"}, release=False)
    assert (row["status"], row["amount"]) == ("Balanced", 114.99)
    row = act(visma, row, "release")
    assert (row["status"], row["balance"]) == ("Open", 114.99)
    part = act(visma, row, "pay", amount="38.33", reference="BANK1")
    assert (part["status"], part["balance"]) == ("Open", 76.66)
    whole = act(visma, part, "pay", reference="BANK2")
    assert (whole["status"], whole["balance"]) == ("Closed", 0)
    assert [one["amountPaid"] for one in whole["applications"]] == [38.33, 76.66]
    assert [one["paymentRef"] for one in whole["applications"]] == ["BANK1", "BANK2"]
    assert whole["lastModifiedDateTime"] >= row["lastModifiedDateTime"]
    assert visma.http.get(f"{INVOICES}/{row['referenceNumber']}").json() == whole


def test_a_payment_may_leave_the_stamp_as_it_is(visma: Visma) -> None:
    """Nobody documents whether a change of the balance is seen by polling (section 13)."""
    visma.configure(payments_touch_invoices=False)
    row = make(visma)
    paid = act(visma, row, "pay")
    assert paid["balance"] == 0
    assert paid["lastModifiedDateTime"] == row["lastModifiedDateTime"]


def test_a_credit_note_for_an_open_invoice_closes_both(visma: Visma) -> None:
    """Each names the other; the note's amounts are positive."""
    row = make(visma, {"price": "19.99", "quantity": 7})
    answer = act(visma, row, "credit")
    invoice, note = answer["invoice"], answer["credit_note"]
    assert (invoice["status"], note["status"], note["documentType"]) == ("Closed", "Closed", "CreditNote")
    assert note["amount"] == row["amount"] > 0
    assert (invoice["applications"][0]["docType"], note["applications"][0]["docType"]) == ("CreditNote", "Invoice")
    assert note["originatorDocRef"] == note["applications"][0]["refNbr"] == row["referenceNumber"]
    assert invoice["applications"][0]["refNbr"] == note["referenceNumber"]


def test_one_line_can_be_credited(visma: Visma) -> None:
    """The rest of the invoice stays open."""
    row = make(visma, {"price": 10}, {"price": 20, "vat": "33"})
    answer = act(visma, row, "credit", lines=[2])
    assert (answer["credit_note"]["amount"], answer["invoice"]["balance"]) == (22.4, 12.5)
    assert answer["invoice"]["status"] == "Open"


def test_a_credit_note_for_a_paid_invoice_stays_open(visma: Visma) -> None:
    """The customer has money to get back."""
    row = make(visma)
    act(visma, row, "pay")
    note = act(visma, row, "credit")["credit_note"]
    assert (note["status"], note["balance"], note["applications"]) == ("Open", 125.0, [])


def test_a_voided_invoice_owes_nothing(visma: Visma) -> None:
    """Its amount stays, its balance goes."""
    row = act(visma, make(visma), "void")
    assert (row["status"], row["amount"], row["balance"]) == ("Voided", 125.0, 0)


def test_an_invoice_is_changed_behind_the_apis_back(visma: Visma) -> None:
    """Members are merged as they are; the stamp can be chosen, or stay."""
    row = make(visma)
    path = f"invoices/{row['referenceNumber']}"
    changed = visma.control("PATCH", path, {"customerRefNumber": "PO-7", "modified_at": "2026-01-01T10:00:00Z"})
    assert (changed["customerRefNumber"], changed["lastModifiedDateTime"]) == ("PO-7", "2026-01-01T11:00:00")
    silent = visma.control("PATCH", path, {"invoiceText": "x", "silent": True})
    assert silent["lastModifiedDateTime"] == changed["lastModifiedDateTime"]
    note = act(visma, row, "credit")["credit_note"]
    assert visma.control("PATCH", f"credit-notes/{note['referenceNumber']}", {"note": "n"})["note"] == "n"
    assert visma.control("GET", f"credit-notes/{note['referenceNumber']}")["note"] == "n"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("invoices", {"customer": ORDINARY}),
        ("invoices", {"customer": ORDINARY, "lines": [{"vat": "99"}]}),
        ("invoices", {"customer": ORDINARY, "lines": [{"price": "dear"}]}),
        ("invoices", {"customer": ORDINARY, "lines": [{"price": 1}], "currency": "XXX"}),
        ("invoices", {"customer": ORDINARY, "lines": [{"price": 1}], "day": "soon"}),
        ("invoices", {"customer": ORDINARY, "lines": [{"price": 1, "subaccount": "7"}]}),
        ("invoices/100001/burn", {}),
        ("invoices/100032/pay", {}),
        ("invoices/100032/void", {}),
        ("invoices/100032/release", {}),
        ("invoices/100032/credit", {"lines": [99]}),
        ("invoices/100029/pay", {"amount": 1_000_000}),
        ("move", {"rows": "chairs"}),
    ],
)
def test_what_makes_no_sense_is_refused(visma: Visma, path: str, body: object) -> None:
    """400 with a sentence, and nothing changed; 100032 is closed, 100029 partly paid."""
    before = documents(visma)
    answer = visma.anonymous.post(f"/_simulator/{path}", json=body)
    assert (answer.status_code, list(answer.json())) == (400, ["error"])
    assert documents(visma) == before


@pytest.mark.parametrize(("path", "rows"), [(INVOICES, "invoices"), (NOTES, "credit_notes")])
def test_documents_move_while_they_are_read(visma: Visma, path: str, rows: str) -> None:
    """failures.md 4: by the fault while a list is read, or by a control call."""
    before = [row["referenceNumber"] for row in visma.all(path)]
    visma.fault("rows_move", path=f"^{path}", times=1)
    moved = [row["referenceNumber"] for row in visma.all(path)]
    assert moved == [*before[25:], *before[:25]]
    visma.control("POST", "move", {"rows": rows, "count": 1})
    assert visma.all(path)[-1]["referenceNumber"] == moved[0]


def test_the_state_shows_the_books_once_they_are_made(visma: Visma) -> None:
    """Nothing is made for those who never look."""
    assert "invoices" not in visma.control("GET", "state?count=0")
    visma.books()
    assert visma.control("GET", "state?count=0")["invoices"] == {"total": 60, "rows": []}
