"""From Visma's batches to HubSpot's transactions, without a connection."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ml_connector.engine.records import Desired, Mapped, Need, Record, Reject, Skip
from ml_connector.systems.hubspot.document_flows import document_flows
from ml_connector.systems.hubspot.settings import Settings
from ml_connector_tests.systems.hubspot.invoice_support import batch, batch_key, posting
from ml_connector_tests.systems.hubspot.support import SENT_AT


def settings(**transactions: Any) -> Settings:
    return Settings.model_validate({"flows": {"companies": {}, "invoices": {}, "transactions": transactions}})


def mapped(row: dict[str, Any], *, vanished: bool = False, **transactions: Any) -> Mapped:
    flow = list(document_flows(settings(**transactions), "nordic"))[-1]
    return flow.map(Record(batch_key(row), SENT_AT, orjson.dumps(row), vanished=vanished))


def desired(row: dict[str, Any], **how: Any) -> Desired:
    wish = mapped(row, **how)
    assert isinstance(wish, Desired), wish
    return wish


def test_a_batch_becomes_a_transaction() -> None:
    """With the customer and the invoice that it concerns, and what was sold."""
    wish = desired(batch())
    assert wish.claim == "nordic:AR-000123"
    assert wish.body["properties"] == {
        "batch": "AR-000123",
        "description": "Faktura 100045",
        "module": "AR",
        "status": "Posted",
        "transaction_date": "2026-10-01",
        "financial_period": "202610",
        "currency": "NOK",
        "total": "1250",
        "sales_amount": "1000",
        "customers": "10001",
        "documents": "Invoice-100045",
        "lines": "1500 1250 Faktura 100045\n3000 -1000 Faktura 100045\n2700 -250 Faktura 100045",
    }
    assert wish.body["invoice"] == {
        "visma_transaction": "AR-000123",
        "visma_transaction_date": "2026-10-01",
        "visma_transaction_period": "202610",
        "visma_transaction_sales": "1000",
    }
    assert wish.needs == {
        "company 10001": Need("companies", "10001", "10001", record=True, optional=True),
        "invoice Invoice-100045": Need("invoices", "nordic:Invoice-100045", "Invoice-100045", optional=True),
    }


def euros() -> dict[str, Any]:
    """A batch in euros, at 11.50 kroner each."""
    lines = [
        posting("1500", "1437.50", debitAmountInCurrency=125.0),
        posting("3000", "-1150", creditAmountInCurrency=100.0),
        posting("2700", "-287.50", creditAmountInCurrency=25.0),
    ]
    return batch("000123", *lines, currencyId="EUR", exchangeRate=11.5)


def in_region(value: str, told: str | None = "as it was called") -> dict[str, Any]:
    """What a line says of its subaccount."""
    segment = {"segmentId": 2, "segmentDescription": "Region", "segmentValue": value, "segmentValueDescription": told}
    return {"subaccount": {"subaccountNumber": f"10-{value}", "segments": [{"segmentId": 1}, segment]}}


def dimension(**values: str) -> dict[str, Any]:
    """The dimension of subaccounts with these values of its second segment."""
    named = [{"valueId": value.removeprefix("v"), "description": told} for value, told in values.items()]
    return {"id": "SUBACCOUNT", "segments": [{"segmentId": 2, "description": "Region", "segmentValues": named}]}


def test_the_segments_of_the_lines_that_count_are_told_as_the_dimension_calls_them() -> None:
    """Each value once; what the dimension does not know is called as the line calls it, or not at all."""
    lines = [
        posting("1500", "1250", **in_region("0000")),
        posting("3000", "-500", **in_region("0100")),
        posting("3000", "-500", **in_region("0100")),
        posting("3100", "-50", **in_region("0200")),
        posting("3100", "-50", **in_region("0300", None)),
        posting("3100", "-150"),
    ]
    row, known = batch("000123", *lines), {"visma.dimensions": [orjson.dumps(dimension(v0100="East", v0000="None"))]}
    flow = list(document_flows(settings(segments={"region": 2}), "nordic"))[-1]
    wish = flow.map(Record(batch_key(row), SENT_AT, orjson.dumps(row), known))
    assert isinstance(wish, Desired)
    assert wish.body["properties"]["region"] == "0100 East, 0200 as it was called, 0300"
    assert flow.reference == ("visma.dimensions",)
    everything = list(document_flows(settings(segments={"region": 2}, accounts=[]), "nordic"))[-1]
    wish = everything.map(Record(batch_key(row), SENT_AT, orjson.dumps(row), known))
    assert isinstance(wish, Desired)
    assert wish.body["properties"]["region"].startswith("0000 None, 0100 East")


def test_amounts_are_in_the_currency_that_stands_beside_them() -> None:
    """Those of the batch, on the invoice too, whose currency is the same."""
    body = desired(euros()).body
    found = body["properties"]
    assert (found["currency"], found["total"], found["sales_amount"]) == ("EUR", "125", "100")
    assert found["lines"].splitlines()[0] == "1500 125 Faktura 100045"
    assert body["invoice"]["visma_transaction_sales"] == "100"


def test_amounts_in_the_companys_currency_are_not_called_something_else() -> None:
    """Where Visma gives no others, no currency stands beside them, and none of them on an invoice in another one."""
    row = euros()
    for one in row["journalTransactionLines"]:
        del one["debitAmountInCurrency"], one["creditAmountInCurrency"]
    body = desired(row).body
    found = body["properties"]
    assert (found["currency"], found["total"], found["sales_amount"]) == ("", "1437.5", "1150")
    assert body["invoice"]["visma_transaction_sales"] == ""


def test_a_credit_notes_batch_leads_to_the_credit_note() -> None:
    """Of the other flow, and less was sold."""
    lines = [
        posting("1500", "-1250", transactionType="CRM"),
        posting("3000", "1000", transactionType="CRM"),
        posting("2700", "250", transactionType="CRM"),
    ]
    wish = desired(batch("1", *lines))
    assert wish.body["properties"]["sales_amount"] == "-1000"
    assert wish.needs["invoice CreditNote-100045"].flow == "credit_notes"


@pytest.mark.parametrize(
    ("row", "how", "rule"),
    [
        (batch(module="ModuleAP"), {}, "not selected: module"),
        (batch("1", posting("1500", "1"), posting("1920", "-1")), {}, "not selected: accounts"),
        (batch(status="Unposted"), {}, "not posted"),
        (batch(status=None), {}, "not posted"),
        (batch(), {"from": "2026-11-01"}, "before from"),
        (batch(), {"accounts": ["3100", "4*", "5000-5999"]}, "not selected: accounts"),
    ],
)
def test_rules_leave_batches_alone(row: dict[str, Any], how: dict[str, Any], rule: str) -> None:
    """Each by its name."""
    wish = mapped(row, **how)
    assert isinstance(wish, Skip)
    assert wish.rule == rule


@pytest.mark.parametrize("accounts", [["3000"], ["3*"], ["2900-3100"], []])
def test_accounts_are_named_singly_by_a_range_or_by_their_beginning(accounts: list[str]) -> None:
    """None of them means any."""
    assert isinstance(mapped(batch(), accounts=accounts), Desired)


@pytest.mark.parametrize(
    "row",
    [
        batch("1", posting("1500", "1250"), posting("3000", "-1000")),
        batch() | {"debitTotal": 1250.01, "creditTotal": 1250.01},
        {**batch(), "journalTransactionLines": batch()["journalTransactionLines"][:2]},
    ],
)
def test_a_batch_that_is_not_complete_is_not_used(row: dict[str, Any]) -> None:
    """failures.md 29: debit equals credit, and both are what the header says; or nothing of it is sent."""
    wish = mapped(row)
    assert isinstance(wish, Reject)
    assert wish.kind == "does not balance"
    assert "Debit is 1250, credit is 1" in wish.reason


def test_a_partner_in_another_module_may_be_a_supplier() -> None:
    """Whose number may be a customer's as well, so no company is linked."""
    wish = desired(batch(module="ModuleGL"), modules=["GL"])
    assert wish.body["properties"]["customers"] == ""
    assert set(wish.needs) == {"invoice Invoice-100045"}


def test_a_batch_that_vanished_is_marked_and_not_made() -> None:
    """Nothing is deleted at HubSpot."""
    wish = desired(batch(), vanished=True)
    assert (wish.create, wish.body["properties"]["status"]) == (False, "Deleted")


def test_a_long_batch_is_told_in_short() -> None:
    """A batch can have thousands of lines."""
    lines = [posting("1500", "1") for _ in range(200)] + [posting("3000", "-200")]
    found = desired(batch("1", *lines)).body["properties"]["lines"].splitlines()
    assert len(found) == 51
    assert found[-1] == "and 151 more"


@pytest.mark.parametrize(
    "wrong",
    [
        {"modules": ["XX"]},
        {"accounts": ["3000-"]},
        {"object": "1x"},
        {"store": "notes"},
        {"from": "x"},
        {"x": 1},
        {"segments": {"lines": 1}},
        {"segments": {"region": 0}},
        {"segments": {"date": 1}},
        {"segments": {"r" * 90: 1}},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    """Before anything is read or sent."""
    with pytest.raises(ValidationError):
        settings(**wrong)


@pytest.mark.parametrize("block", [{"fields": {"visma_transaction": "note"}}, {"segments": {"visma_transaction_a": 1}}])
def test_no_two_flows_write_one_property_of_invoices(block: dict[str, Any]) -> None:
    """Where there is no custom object, each would take away what the other wrote."""
    flows = {"companies": {}, "invoices": block, "transactions": {"segments": {"a": 1}}}
    with pytest.raises(ValidationError, match="written by the flow transactions"):
        Settings.model_validate({"flows": flows})


names = st.sampled_from([*batch(), *posting("1", "1"), "lineNumber"])
anything: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=8)
    | st.sampled_from(["ModuleAR", "Posted", "INV", "3000", "1E+99"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=6),
    max_leaves=12,
)
bent = st.dictionaries(names, anything, max_size=4).map(lambda row: orjson.dumps({**batch(), **row}))
bent_lines = st.lists(st.dictionaries(names, anything, max_size=3), max_size=3).map(
    lambda drawn: orjson.dumps(
        batch() | {"journalTransactionLines": [{**posting("3000", "0"), **one} for one in drawn]}
    )
)
FLOWS = [
    list(document_flows(settings(**how), "nordic"))[-1]
    for how in ({}, {"modules": ["AR", "GL"], "accounts": [], "from": "2026-01-01", "segments": {"region": 2}})
]


@given(
    key=st.text(max_size=5),
    payload=st.binary(max_size=20) | anything.map(orjson.dumps) | bent | bent_lines,
    vanished=st.booleans(),
)
def test_the_mapping_is_total(key: str, payload: bytes, vanished: bool) -> None:
    """Any bytes end as a desired state, a skip or a rejection; every property is a text."""
    for flow in FLOWS:
        wish = flow.map(Record(key, SENT_AT, payload, vanished=vanished))
        assert isinstance(wish, Desired | Skip | Reject)
        if isinstance(wish, Desired):
            assert orjson.dumps(wish.body)
            for part in ("properties", "invoice"):
                assert all(isinstance(value, str) for value in wish.body[part].values())
