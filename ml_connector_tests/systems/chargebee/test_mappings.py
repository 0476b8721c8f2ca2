"""What goes to Chargebee is made of any row, and of no row in between; amounts are exact."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson
from hypothesis import HealthCheck, example, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from ml_connector.engine.digests import digest_of
from ml_connector.engine.records import Desired, Record, Reject, Skip
from ml_connector.systems.chargebee import outward
from ml_connector.systems.chargebee.forms import encoded
from ml_connector.systems.chargebee.invoice_details import differing
from ml_connector.systems.chargebee.money import NotMoney, major, minor
from ml_connector.systems.chargebee.payments import still_open
from ml_connector_tests.systems.chargebee.support import settings
from ml_connector_tests.systems.hubspot.invoice_support import credit_note, invoice, line, payment
from ml_connector_tests.systems.hubspot.support import SENT_AT, customer

FLOWS = {
    flow.name: flow
    for flow in outward.flows(
        settings(
            flows={
                "customers": {
                    "status_field": "cf_status",
                    "fields": {"cf_class": "{class.description} {number}", "first_name": "contact.first_name"},
                },
                "invoices": {"from": "2020-01-01"},
            }
        )
    )
}
ODD = ("1e999999", "-1e999999", "1e-999999", "NaN", "Infinity", "1e15", "0.001", "99999999999999999999.99", "-1", "")
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(ODD)
    | st.dates().map(str)
)  # fmt: skip
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
members = {
    *invoice(), *customer(), *credit_note(), "currencyId", "amountInCurrency", "originatorDocRef", "discountTotal",
    "invoiceText", "invoiceContact",
}  # fmt: skip
changes = st.dictionaries(st.sampled_from(sorted(members)), anything, max_size=4)
line_changes = st.dictionaries(st.sampled_from(sorted(line())), anything, max_size=3)
place = st.dictionaries(st.sampled_from(("addressLine1", "city", "postalCode", "country")), scalars, max_size=4)
tax = st.fixed_dictionaries({"taxId": st.sampled_from(("3", "5")), "vatRate": scalars})
application = st.dictionaries(st.sampled_from(sorted({*payment("1"), "cashDiscountTaken"})), scalars, max_size=3)


def calm(number: int) -> Any:
    """Examples that may take as long as a busy machine needs."""
    return examples(max_examples=number, deadline=None, suppress_health_check=list(HealthCheck))


def json(row: Any) -> bytes:
    """Canonical JSON, or what is nearest to it."""
    try:
        return orjson.dumps(row, default=str)
    except orjson.JSONEncodeError:
        return b"{}"


@calm(300)
@given(st.sampled_from(sorted(FLOWS)), changes, st.lists(line_changes, max_size=2), st.lists(tax, max_size=2),
       st.lists(application, max_size=2), st.none() | place, st.booleans())  # fmt: skip
@example("invoices", {"currencyId": "JPY"}, [{"amount": "1e999999", "amountInCurrency": None}], [], [], None, False)
@example("invoices", {}, [{"quantity": "1e999999"}], [], [], None, False)
@example("invoices", {}, [], [{"taxId": "3", "vatRate": "1e999999"}], [], None, False)
@example("invoices", {"amountInCurrency": "9" * 40 + "." + "9" * 40}, [], [], [], None, False)
@example("credit_notes", {"originatorDocRef": "1" * 300}, [], [], [], None, False)
def test_any_row_is_mapped(
    name: str,
    row: dict[str, Any],
    lines: list[Any],
    taxes: list[Any],
    applied: list[Any],
    address: dict[str, Any] | None,
    vanished: bool,
) -> None:
    """It is something to send, which can be encoded and compared, or a skip, or a rejection in words."""
    whole = {"customers": customer, "invoices": invoice, "credit_notes": credit_note}[name]()
    if name != "customers":
        whole["invoiceLines"] = [{**line(at), **one} for at, one in enumerate(lines, 1)] or whole["invoiceLines"]
        whole["taxDetails"] = taxes or whole["taxDetails"]
        whole["invoiceAddress"] = address
        whole["applications"] = [{**payment("1"), **one} for one in applied]
    wish = FLOWS[name].map(Record("k", SENT_AT, json({**whole, **row}), vanished=vanished))
    assert isinstance(wish, Desired | Skip | Reject)
    if isinstance(wish, Reject | Skip):
        assert wish.reason or isinstance(wish, Skip)
        return
    digest_of(wish.body)
    digest_of(wish.basis or {})
    encoded(wish.body.get("document") or wish.body["customer"])
    if name == "invoices":
        vat = {"vat_number": "NO1", "vat_number_prefix": ""}
        encoded(differing(wish.body["details"], vat, {}, text_stands=False))
    assert "/" not in wish.claim
    assert len(wish.claim) <= 50


@calm(200)
@given(st.sampled_from(sorted(FLOWS)), st.binary(max_size=40) | anything.map(json), st.booleans())
def test_any_bytes_are_mapped(name: str, payload: bytes, vanished: bool) -> None:
    assert isinstance(FLOWS[name].map(Record("k", SENT_AT, payload, vanished=vanished)), Desired | Skip | Reject)


cents = st.integers(0, 10_000_000)
ROUNDING = {"invoices": "round_off", "credit_notes": "round_off_amount"}
"""By flow, what an import calls it."""


@calm(150)
@given(st.sampled_from(sorted(ROUNDING)),
       st.lists(st.tuples(st.integers(1, 50), cents, st.sampled_from(("3", "5", None))), min_size=1, max_size=5),
       st.integers(-99, 99), cents)  # fmt: skip
def test_what_is_imported_adds_up_to_the_smallest_unit(
    flow: str, lines: list[tuple[int, int, str | None]], off: int, discount: int
) -> None:
    """failures.md 31: lines, discount, taxes in both places and the rounding come to the total."""
    rates = {"3": Decimal(25), "5": Decimal(15)}
    rows = [
        line(at, str(quantity), str(Decimal(price) / 100), vatCode={"id": code})
        for at, (quantity, price, code) in enumerate(lines, 1)
    ]
    detail = sum(quantity * price for quantity, price, _ in lines)
    discount = min(discount, detail) if discount % 3 == 0 else 0
    share = Decimal(detail - discount) / detail if detail else Decimal(0)
    vat = int(sum(quantity * price * share * rates.get(str(code), 0) / 100 for quantity, price, code in lines))
    total = detail - discount + vat + off
    kind: dict[str, Any] = {"documentType": "CreditNote", "originatorDocRef": "1"} if flow == "credit_notes" else {}
    row = invoice("1", *rows, taxDetails=[{"taxId": "3", "vatRate": 25}, {"taxId": "5", "vatRate": 15}], **kind)
    for name, value in (("amount", total), ("vatTotal", vat), ("discountTotal", discount), ("balance", total)):
        row |= {name: value / 100, f"{name}InCurrency": value / 100}
    wish = FLOWS[flow].map(Record("k", SENT_AT, orjson.dumps(row)))
    if isinstance(wish, Reject):
        assert total < 0 or "VAT" in wish.reason
        return
    assert isinstance(wish, Desired)
    document = wish.body["document"]
    amounts = sum(one["amount"] for one in document["line_items"])
    assert all(one["unit_amount"] * one["quantity"] == one["amount"] for one in document["line_items"])
    taxes = sum(one["amount"] for one in document.get("taxes", ()))
    assert taxes == sum(one.get("tax1_amount", 0) for one in document["line_items"]) == vat
    off_there = sum(one["amount"] for one in document.get("discounts", ()))
    assert document["total"] == amounts - off_there + taxes + document.get(ROUNDING[flow], 0) == total


@given(st.integers(-(10**12) + 1, 10**12 - 1), st.sampled_from(("NOK", "EUR", "JPY", "XOF")))
def test_minor_units_are_exact(amount: int, currency: str) -> None:
    """There and back again; half a unit is no amount."""
    if abs(Decimal(major(amount, currency))) < 10**12:
        assert minor(Decimal(major(amount, currency)), currency) == amount
    for bad, unit in (("0.005", "NOK"), ("0.5", "JPY"), ("1", "KWD"), ("1e15", "NOK"), ("1E+999999", "EUR")):
        try:
            minor(Decimal(bad), unit)
        except NotMoney:
            continue
        raise AssertionError(f"{bad} {unit} was taken")


numbers = st.sampled_from(("1", "2", "3"))
pieces = st.tuples(st.integers(1, 3), st.integers(0, 2))


@given(st.dictionaries(numbers, pieces), st.dictionaries(numbers, st.lists(pieces, max_size=2)), st.lists(pieces))
def test_recording_what_is_open_leaves_nothing_open(
    wanted: dict[str, tuple[int, int]], noted: dict[str, list[tuple[int, int]]], others: list[tuple[int, int]]
) -> None:
    """Whether its answers are noted or not: looked at again, no payment is recorded twice."""
    payments = {number: {"amount": amount, "date": day} for number, (amount, day) in wanted.items()}
    linked = [piece for held in noted.values() for piece in held] + others
    first = still_open(payments, None, noted, _invoice(linked))
    if first.taken_back:
        return
    stands = [*linked, *(piece for _, piece in first.record)]
    assert not still_open(payments, None, first.with_recorded(), _invoice(stands)).record
    assert not still_open(payments, None, noted, _invoice(stands)).record


def _invoice(linked: list[tuple[int, int]]) -> dict[str, Any]:
    return {
        "linked_payments": [{"txn_amount": amount, "txn_date": day, "txn_status": "success"} for amount, day in linked]
    }
