"""From Visma's invoices and credit notes to HubSpot's, without a connection."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ml_connector.engine.records import Desired, Mapped, Need, Record, Reject, Skip
from ml_connector.systems.hubspot.document_flows import document_flows
from ml_connector_tests.systems.hubspot.invoice_support import (
    CENT,
    amount_of,
    credit_note,
    desired,
    invoice,
    invoice_settings,
    line,
    mapped,
    payment,
)
from ml_connector_tests.systems.hubspot.support import SENT_AT


def skipped(row: dict[str, Any], **how: Any) -> Skip:
    wish = mapped(row, **how)
    assert isinstance(wish, Skip), wish
    return wish


def rejected(row: dict[str, Any], **how: Any) -> Reject:
    wish = mapped(row, **how)
    assert isinstance(wish, Reject), wish
    return wish


def properties(row: dict[str, Any], **how: Any) -> dict[str, str]:
    found: dict[str, str] = desired(row, **how).body["properties"]
    return found


def lines(row: dict[str, Any]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = desired(row).body["lines"]
    return found


def total(row: dict[str, Any]) -> Decimal:
    return sum((amount_of(one) for one in lines(row).values()), Decimal())


def test_an_invoice_is_never_billed_by_hubspot() -> None:
    """failures.md 30: billable is false on every write, so HubSpot neither collects nor mails."""
    assert properties(invoice())["hs_invoice_billable"] == "false"
    assert properties(credit_note())["hs_invoice_billable"] == "false"


def test_what_people_look_for_stands_in_properties_of_our_own() -> None:
    """Whatever HubSpot's own properties accept."""
    found = properties(invoice(paid=[payment("250")]))
    assert {name: value for name, value in found.items() if name.startswith("visma_")} == {
        "visma_document_type": "Invoice",
        "visma_document_number": "100045",
        "visma_status": "Open",
        "visma_payment_status": "partly paid",
        "visma_invoice_date": "2026-10-01",
        "visma_due_date": "2026-10-31",
        "visma_paid_date": "",
        "visma_payments": "Payment 700001 (BANK-700001)",
        "visma_net_total": "1000",
        "visma_vat_total": "250",
        "visma_total": "1250",
        "visma_balance": "1000",
        "visma_customer_number": "10001",
        "visma_customer_reference": "PO-7",
        "visma_external_reference": "",
        "visma_payment_reference": "1000110004512",
        "visma_original_document": "",
    }


def test_hubspots_own_properties_say_the_same() -> None:
    """Number, amount, status and dates, which are midnight UTC."""
    found = properties(invoice())
    assert {name: value for name, value in found.items() if name.startswith("hs_")} == {
        "hs_currency": "NOK",
        "hs_invoice_billable": "false",
        "hs_invoice_status": "open",
        "hs_number": "100045",
        "hs_amount_billed": "1250",
        "hs_invoice_date": "2026-10-01T00:00:00Z",
        "hs_due_date": "2026-10-31T00:00:00Z",
    }


def test_the_key_is_of_type_and_number() -> None:
    """Both number series know nothing of each other."""
    assert desired(invoice("7")).claim == "nordic:Invoice-7"
    assert desired(credit_note("7")).claim == "nordic:CreditNote-7"


def test_it_needs_its_company_and_does_without_a_contact() -> None:
    """The row knows the customer by its number alone, so both are found by their records."""
    needs = {
        "company": Need("companies", "10001", "10001", record=True),
        "contact": Need("contact_companies", "10001", "10001", fact="from", record=True, optional=True),
    }
    assert desired(invoice()).needs == needs
    assert desired(invoice(), contacts=False).needs == {"company": needs["company"]}


@pytest.mark.parametrize(
    ("members", "status", "paid"),
    [
        ({}, "open", "open"),
        ({"paid": [payment("250")]}, "open", "partly paid"),
        ({"paid": [payment("250"), payment("1000", "700002", "2026-10-25")]}, "paid", "paid"),
        ({"paid": [payment("1250", docType="CreditNote")]}, "paid", "credited"),
        ({"paid": [payment("250", docType="CreditNote")]}, "open", "partly credited"),
        ({"paid": [payment("250", docType="CreditNote"), payment("1000")]}, "paid", "paid"),
        ({"status": "Voided", "balance": 0.0, "balanceInCurrency": 0.0}, "voided", "voided"),
    ],
)
def test_the_status_follows_what_happened(members: dict[str, Any], status: str, paid: str) -> None:
    """Paid, credited and voided invoices are told apart."""
    found = properties(invoice(**members))
    assert (found["hs_invoice_status"], found["visma_payment_status"]) == (status, paid)


@pytest.mark.parametrize(
    ("members", "missing"),
    [({}, ("balance", "balanceInCurrency")), ({"currencyId": "EUR", "exchangeRate": 11.5}, ("balanceInCurrency",))],
)
def test_a_balance_that_is_not_there_is_not_taken_for_nothing(
    members: dict[str, Any], missing: tuple[str, ...]
) -> None:
    """An open invoice without one is never shown as paid; a closed one has nothing open."""
    row = invoice(paid=[payment("250")], **members)
    for name in missing:
        del row[name]
    found = properties(row)
    assert (found["hs_invoice_status"], found["visma_payment_status"]) == ("open", "unknown")
    assert (found["visma_balance"], found["visma_paid_date"]) == ("", "")
    found = properties(row | {"status": "Closed"})
    assert (found["visma_payment_status"], found["visma_balance"]) == ("paid", "0")


def test_the_paid_date_is_that_of_the_last_payment() -> None:
    """And there is none while something is open; a voided payment is none."""
    both = [payment("250"), payment("1000", "700002", "2026-10-25")]
    assert properties(invoice(paid=both))["visma_paid_date"] == "2026-10-25"
    both[1]["voided"] = True
    found = properties(invoice(paid=both))
    assert (found["visma_paid_date"], found["visma_payments"]) == ("", "Payment 700001 (BANK-700001)")


def test_an_invoice_that_vanished_is_voided_where_it_is_and_not_made() -> None:
    """Only what was not released can go at Visma; nothing is deleted at HubSpot."""
    wish = desired(invoice(), vanished=True)
    assert (wish.create, wish.rule) == (False, "deleted, and not in HubSpot")
    assert wish.body["properties"]["hs_invoice_status"] == "voided"
    assert wish.body["properties"]["visma_status"] == "Deleted"


@pytest.mark.parametrize(("row", "vanished"), [(invoice(), True), (invoice(status="Voided"), False)])
def test_nothing_is_owed_on_a_document_that_is_void_or_gone(row: dict[str, Any], vanished: bool) -> None:
    """Whatever balance its last row had."""
    found = desired(row, vanished=vanished).body["properties"]
    assert (found["visma_payment_status"], found["visma_balance"], found["visma_paid_date"]) == ("voided", "0", "")


# --- what is left alone, and what is refused ----------


@pytest.mark.parametrize(
    ("row", "how", "rule"),
    [
        (invoice(status="Balanced"), {}, "not released"),
        (invoice(status="PendingPrint"), {}, "not released"),
        (invoice(documentType="Payment"), {}, "no invoice"),
        (credit_note(), {"credit_notes": False}, "credit notes are left alone"),
        (invoice(), {"from": "2026-10-02"}, "before from"),
    ],
)
def test_rules_leave_documents_alone(row: dict[str, Any], how: dict[str, Any], rule: str) -> None:
    """Each by its name."""
    assert skipped(row, **how).rule == rule


def test_drafts_come_over_where_they_are_wanted() -> None:
    """As HubSpot's drafts."""
    assert properties(invoice(status="Hold"), drafts=True)["hs_invoice_status"] == "draft"


def test_from_takes_its_own_day() -> None:
    """The first day that comes over."""
    assert isinstance(mapped(invoice(), **{"from": "2026-10-01"}), Desired)


@pytest.mark.parametrize(
    ("members", "kind"),
    [
        ({"status": "Melted"}, "status"),
        ({"status": None}, "status"),
        ({"customer": None}, "no customer"),
        ({"customer": {"number": " "}}, "no customer"),
        ({"currencyId": "kroner"}, "currency"),
        ({"amountInCurrency": None, "amount": None}, "unreadable"),
        ({"amountInCurrency": 1e300}, "unreadable"),
        ({"invoiceLines": [line(), line()]}, "does not add up"),
        ({"invoiceLines": [line() | {"amountInCurrency": None}]}, "unreadable"),
    ],
)
def test_what_cannot_be_an_invoice_is_rejected(members: dict[str, Any], kind: str) -> None:
    """By its class, in plain words."""
    assert rejected(invoice() | members).kind == kind


def test_a_sum_that_is_wrong_by_a_cent_is_rejected_with_both() -> None:
    """failures.md 31: a difference stops the document."""
    reason = rejected(invoice() | {"amountInCurrency": 1250.01}).reason
    assert reason == (
        "The lines with discount and VAT add up to 1250, and the document's total is 1250.01 NOK. Nothing was sent."
    )


def test_a_credit_note_whose_total_is_below_zero_is_no_invoice() -> None:
    """Turned round it would be one more invoice in a customer's sum."""
    wish = rejected(credit_note("1", line(1, "-2", "500"), vat="-250"))
    assert wish.kind == "credit note below zero"
    assert "CreditNote with a total below zero (-1250)" in wish.reason


# --- lines ---


def test_a_line_is_written_as_it_is_where_that_is_exact() -> None:
    """Quantity and price; the VAT is a line, so that the lines add up to what is owed."""
    found = lines(invoice())
    assert list(found) == ["1", "vat"]
    assert {name: value for name, value in found["1"].items() if value} == {
        "name": "Vare 1",
        "quantity": "2",
        "price": "500",
        "hs_line_item_currency_code": "NOK",
    }
    assert (found["vat"]["name"], found["vat"]["price"]) == ("VAT 25 %", "250")


def test_a_negative_line_has_a_shape_that_hubspot_accepts() -> None:
    """A price of nothing with a discount, because no price may lie below zero (HubSpot reference, section 10)."""
    row = invoice("1", line(1), line(2, quantity="-1", price="349.5"))
    back = lines(row)["2"]
    assert (back["quantity"], back["price"], back["discount"]) == ("1", "0", "349.5")
    assert total(row) == Decimal("813.12")


def test_a_credit_note_lies_below_zero_as_a_whole() -> None:
    """So that a customer's invoices add up to what was sold."""
    row = credit_note("1", line(1), line(2, quantity="-1", price="100"))
    found = lines(row)
    assert (found["1"]["price"], found["1"]["discount"]) == ("0", "500")
    assert (found["2"]["price"], found["2"]["quantity"]) == ("100", "1")
    assert total(row) == -1125
    assert properties(row)["hs_amount_billed"] == "-1125"


@pytest.mark.parametrize(
    ("numbers", "keys"),
    [
        ([None, 1, 2], ["at-1", "1", "2"]),
        ([0, 1], ["0", "1"]),
        ([1, 1, 2, 1], ["1", "1-2", "2", "1-3"]),
        ([None, 2, None], ["at-1", "2", "at-2"]),
        ([-1, 1], ["-1", "1"]),
    ],
)
def test_every_line_has_a_key_of_its_own(numbers: list[int | None], keys: list[str]) -> None:
    """By its number if it has one, by its order where several have the same; places are not taken for numbers."""
    row = invoice("1", *(line(lineNumber=number) for number in numbers))
    assert list(lines(row)) == [*keys, "vat"]


@pytest.mark.parametrize("make", [invoice, credit_note])
@pytest.mark.parametrize("quantity", ["0", "-0.0", "2", "-2"])
def test_zero_has_no_sign(make: Any, quantity: str) -> None:
    """A line of text on a credit note has no price of -0."""
    row = make("1", line(1, quantity, "0", "0"), line(2, quantity, "-0.0", "-0.0"), line(3, "0", "5", "0"))
    wish = desired(row)
    values = [value for one in wish.body["lines"].values() for value in one.values()]
    assert not [value for value in (*values, *wish.body["properties"].values()) if value.startswith("-0")]
    assert {one["price"] for one in wish.body["lines"].values()} == {"0"}


def test_a_line_that_no_price_divides_is_one_piece() -> None:
    """Three at 33.33 less 12.5 % are 87.49; how it was counted stands in the description."""
    found = lines(invoice("1", line(1, "3", "33.33", "87.49", discountPercent=12.5)))["1"]
    assert (found["quantity"], found["price"], found["description"]) == ("1", "87.49", "3 STK x 33.33, -12.5 %")


def test_a_discount_that_is_exact_is_written_as_one() -> None:
    """10 % off four at 349.50 are 1258.20, whoever calculates it."""
    found = lines(invoice("1", line(1, "4", "349.5", "1258.2", discountPercent=10.0)))["1"]
    assert (found["quantity"], found["price"], found["hs_discount_percentage"]) == ("4", "349.5", "10")


def test_a_discount_off_the_whole_document_is_a_line() -> None:
    """Below zero."""
    row = invoice("1", discount="100")
    assert lines(row)["discount"]["discount"] == "100"
    assert total(row) == 1125


def test_a_rounding_difference_is_a_line_if_the_document_says_so() -> None:
    """Another difference of the same size is none."""
    row = invoice() | {"amountInCurrency": 1249.99, "roundingDiff": -0.01}
    assert lines(row)["rounding"]["discount"] == "0.01"
    assert total(row) == Decimal("1249.99")


def test_prices_that_hold_the_vat_get_no_line_for_it() -> None:
    """The lines alone add up to the total then."""
    row = invoice() | {"amountInCurrency": 1000.0}
    assert list(lines(row)) == ["1"]
    assert total(row) == 1000


@pytest.mark.parametrize("rounding", ["0.5", "-0.5"])
def test_prices_that_hold_the_vat_may_be_rounded(rounding: str) -> None:
    """Lines of 125 and a rounding are the total; where the VAT comes on top, it stays a line beside the rounding."""
    whole = 125 + Decimal(rounding)
    row = invoice("1", line(1, "1", "125"), vat="25", roundingDiff=float(rounding), amountInCurrency=float(whole))
    assert list(lines(row)) == ["1", "rounding"]
    assert total(row) == whole
    row |= {"amountInCurrency": float(whole + 25)}
    assert list(lines(row)) == ["1", "vat", "rounding"]
    assert total(row) == whole + 25


def test_vat_as_small_as_the_rounding_is_vat() -> None:
    """One of the two explains the total; the rounding then took nothing off."""
    row = invoice("1", line(1, "1", "2"), vat="0.5", roundingDiff=0.5)
    assert list(lines(row)) == ["1", "vat"]


def test_amounts_are_in_the_documents_currency() -> None:
    """Whatever they are in the company's."""
    row = invoice(currencyId="EUR") | {"amount": 14_000.0, "balance": 14_000.0, "vatTotal": 2_800.0}
    assert total(row) == 1250
    assert properties(row)["visma_total"] == "1250"


money = st.decimals(Decimal("-99999"), Decimal("99999"), places=2)
quantities = st.decimals(Decimal("-999"), Decimal("999"), places=3).filter(bool)
drawn_lines = st.lists(
    st.tuples(quantities, money.map(abs), st.sampled_from(["0", "10", "12.5", "33.33", "100"])), min_size=1, max_size=6
)


@given(drawn=drawn_lines, vat=money, off=st.decimals(0, 500, places=2), credit=st.booleans())
def test_the_lines_add_up_to_the_cent(
    drawn: list[tuple[Decimal, Decimal, str]], vat: Decimal, off: Decimal, credit: bool
) -> None:
    """failures.md 31: whatever is sold, in whatever pieces, and taken back; no price lies below zero."""
    rows = []
    for number, (quantity, price, percent) in enumerate(drawn, 1):
        amount = (quantity * price * (100 - Decimal(percent)) / 100).quantize(CENT)
        rows.append(line(number, str(quantity), str(price), str(amount), discountPercent=float(percent)))
    row = invoice("1", *rows, vat=str(vat), discount=str(off))
    if credit and row["amount"] >= 0:
        row["documentType"] = "CreditNote"
    wish = desired(row)
    assert total(row) == Decimal(wish.body["properties"]["visma_total"])
    for one in wish.body["lines"].values():
        assert Decimal(one["price"]) >= 0
        assert Decimal(one["quantity"]) > 0


# --- payments ---


def payments(row: dict[str, Any]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = desired(row, payments="records").body["payments"]
    return found


def test_payments_are_records_only_where_the_settings_say_so() -> None:
    """By default they stand in properties alone."""
    row = invoice(paid=[payment("250")])
    assert "payments" not in desired(row).body
    assert payments(row) == {
        "Payment-700001": {
            "hs_initial_amount": "250",
            "hs_initiated_date": "2026-10-20T00:00:00Z",
            "hs_latest_status": "succeeded",
            "hs_currency_code": "NOK",
            "hs_reference_number": "BANK-700001",
            "hs_payment_method_type": "other",
            "hs_processor_type": "none",
        }
    }


def test_what_was_credited_is_no_payment() -> None:
    """Nor is a payment that was voided."""
    assert payments(invoice(paid=[payment("250", docType="CreditNote"), payment("9", "7", voided=True)])) == {}


def test_a_payment_that_was_applied_twice_is_one() -> None:
    """A key stands once in a batch (failures.md 10)."""
    (found,) = payments(invoice(paid=[payment("250"), payment("100")])).values()
    assert found["hs_initial_amount"] == "350"


def test_a_payment_in_another_currency_is_a_record_where_its_amount_is_known() -> None:
    """Visma shows what was paid in the company's currency (Visma reference, section 6)."""
    foreign = {"currencyId": "EUR", "amount": 14_000.0, "balanceInCurrency": 1000.0}
    one = invoice(paid=[payment("2800")]) | {"amountInCurrency": 1250.0} | foreign
    (found,) = payments(one).values()
    assert (found["hs_initial_amount"], found["hs_currency_code"]) == ("250", "EUR")
    assert payments(invoice(paid=[payment("2800"), payment("10", "2")]) | foreign) == {}


# --- deals and fields ---


def test_the_reference_of_the_deal_is_part_of_the_body() -> None:
    """So a changed one is looked for again."""
    rule = {"property": "order_number", "equals": "customer_ref_number"}
    assert desired(invoice(), deals=rule).body["deal"] == "PO-7"
    assert "deal" not in desired(invoice(), deals={"only_open": True}).body


def test_fields_add_to_the_default_and_take_from_it() -> None:
    """Paths lead into the document."""
    found = properties(invoice(), fields={"terms": "credit_terms.id", "visma_customer_reference": None})
    assert found["terms"] == ""
    assert "visma_customer_reference" not in found


@pytest.mark.parametrize(
    "wrong",
    [
        {"fields": {"visma_total": "amount"}},
        {"fields": {"hs_number": "reference_number"}},
        {"fields": {"visma_invoice_key": "reference_number"}},
        {"fields": {"x": "nothing"}},
        {"deals": {}},
        {"deals": {"property": "x", "equals": "nothing"}},
        {"payments": "none"},
        {"from_": "yesterday"},
        {"unknown": 1},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    """Before anything is read or sent."""
    with pytest.raises(ValidationError):
        invoice_settings(**wrong)


# --- any row ---

names = st.sampled_from([*invoice(), *line(), *payment("1"), "number", "id", "lines", "roundingDiff"])
anything: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=8)
    | st.sampled_from(["Invoice", "CreditNote", "Open", "Closed", "NOK", "1E+99", "NaN", "2026-10-01T00:00:00"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=6),
    max_leaves=12,
)
rows = st.binary(max_size=20) | anything.map(orjson.dumps)
bent = st.dictionaries(names, anything, max_size=4).map(lambda row: orjson.dumps({**invoice(), **row}))
bent_lines = st.lists(st.dictionaries(names, anything, max_size=3), max_size=3).map(
    lambda drawn: orjson.dumps(invoice() | {"invoiceLines": [{**line(), **one} for one in drawn]})
)
FLOWS = [
    *document_flows(invoice_settings(), "nordic"),
    *document_flows(
        invoice_settings(
            payments="records",
            drafts=True,
            deals={"property": "x", "only_open": True},
            fields={"a": "invoice_contact.email", "b": "document_date", "c": "hold"},
            **{"from": "2026-01-01"},
        ),
        "nordic",
    ),
]


@given(key=st.text(max_size=5), payload=rows | bent | bent_lines, vanished=st.booleans())
def test_the_mapping_is_total(key: str, payload: bytes, vanished: bool) -> None:
    """Any bytes end as a desired state, a skip or a rejection; every property is a text, and the sums are right."""
    for flow in FLOWS:
        _check(flow.map(Record(key, SENT_AT, payload, vanished=vanished)))


def _check(wish: Mapped) -> None:
    assert isinstance(wish, Desired | Skip | Reject)
    if not isinstance(wish, Desired):
        return
    assert orjson.dumps(wish.body)
    children = [*wish.body["lines"].values(), *wish.body.get("payments", {}).values()]
    for found in (wish.body["properties"], *children):
        assert all(isinstance(value, str) for value in found.values())
    added = sum((amount_of(one) for one in wish.body["lines"].values()), Decimal())
    assert added == Decimal(wish.body["properties"]["visma_total"])
