"""Every entity of a company: where its rows are, what they are called, and what its models make of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ml_connector.systems.visma import SYSTEM
from ml_connector.systems.visma.models import (
    Account,
    Branch,
    Contact,
    CreditTerm,
    Currency,
    Customer,
    CustomerClass,
    CustomerDocument,
    Dimension,
    GeneralLedger,
    JournalTransaction,
    Model,
    Subaccount,
    Supplier,
    SupplierClass,
    VatCode,
)
from ml_connector_tests.systems.visma.conftest import Visma

INVOICES, NOTES = "visma.customer_invoices", "visma.customer_credit_notes"
MODELS: dict[str, type[Model]] = {
    "visma.customers": Customer,
    "visma.suppliers": Supplier,
    "visma.contacts": Contact,
    INVOICES: CustomerDocument,
    NOTES: CustomerDocument,
    "visma.journal_transactions": JournalTransaction,
    "visma.customer_classes": CustomerClass,
    "visma.supplier_classes": SupplierClass,
    "visma.credit_terms": CreditTerm,
    "visma.accounts": Account,
    "visma.subaccounts": Subaccount,
    "visma.dimensions": Dimension,
    "visma.branches": Branch,
    "visma.ledgers": GeneralLedger,
    "visma.vat_codes": VatCode,
    "visma.currencies": Currency,
}


def found(visma: Visma, entity: str, **settings: Any) -> dict[str, Any]:
    """The rows of an entity as its model, by key."""
    return {row.key: MODELS[entity].model_validate_json(row.payload) for row in visma.read(entity, **settings)}


def test_every_entity_has_a_model() -> None:
    """And the other way round."""
    assert {entity.name for entity in SYSTEM.entities} == set(MODELS)


@pytest.mark.parametrize("entity", MODELS)
def test_every_row_of_an_entity_fits_its_model(visma: Visma, entity: str) -> None:
    """The awkward ones too, and none is without a key or counted twice."""
    rows = visma.read(entity)
    assert len({row.key for row in rows}) == len(rows) > 2
    assert not any(row.key.startswith("unreadable") for row in rows)
    for row in rows:
        MODELS[entity].model_validate_json(row.payload)


@pytest.mark.parametrize(
    ("entity", "keys"),
    [
        ("visma.supplier_classes", {"VARER", "TJENESTER", "UTLAND"}),
        ("visma.credit_terms", {"10", "14", "30", "45", "LM"}),
        ("visma.dimensions", {"CUSTOMER", "SUBACCOUNT", "VENDOR"}),
        ("visma.branches", {"1", "2", "3"}),
        ("visma.ledgers", {"1", "2", "3"}),
        ("visma.vat_codes", {"3", "31", "33", "5", "52"}),
        ("visma.currencies", {"NOK", "SEK", "DKK", "EUR", "ISK"}),
    ],
)
def test_master_data_is_read_whole_whatever_is_asked(visma: Visma, entity: str, keys: set[str]) -> None:
    """No filter is sent, so what has no change time, or an old one, is there too."""
    assert {row.key for row in visma.read(entity, datetime.now(UTC))} == keys
    assert "lastModified" not in visma.log("/v1/")[0]["query"]


def test_master_data_in_pages_is_walked_to_its_end(visma: Visma) -> None:
    """failures.md 5: subaccounts in an array, credit terms in a wrapper, both cut silently."""
    visma.configure(max_page_size={"subaccount": 5, "creditTerm": 2})
    subaccounts = found(visma, "visma.subaccounts")
    assert len(subaccounts) == 16
    assert subaccounts["10-0100"].segments[1].segment_value_description == "Østlandet"
    assert len(found(visma, "visma.credit_terms")) == 5
    assert len(visma.log("/v1/creditTerm")) == 3


def test_dimensions_are_asked_for_one_by_one_with_their_values(visma: Visma) -> None:
    """Their list holds nothing but ids."""
    subaccount = found(visma, "visma.dimensions")["SUBACCOUNT"]
    assert [one.description for one in subaccount.segments] == ["Avdeling", "Region"]
    values = {one.value_id: one.description for one in subaccount.segments[1].segment_values}
    assert values["0100"] == "Østlandet"
    assert len(visma.log("/v1/dimension")) == 4


def test_accounts_have_the_number_that_people_know(visma: Visma) -> None:
    """The vendor writes it `accountCD`."""
    account = found(visma, "visma.accounts")["1500"]
    assert (account.account_cd, account.type, account.control_account_module) == ("1500", "Asset", "AR")


def test_a_vat_code_has_the_rate_of_a_day(visma: Visma) -> None:
    """Rates change; none holds before the first one."""
    code = found(visma, "visma.vat_codes")["31"]
    assert code.rate(date(2026, 1, 1)) == Decimal(15)
    assert code.rate(date(2000, 1, 1)) is None


def test_suppliers_have_their_contacts_beside_those_of_customers(visma: Visma) -> None:
    """One list serves both: what belongs to a supplier bears its number."""
    suppliers = found(visma, "visma.suppliers")
    related = {row.related for row in visma.read("visma.contacts")}
    assert related & set(suppliers)
    assert related - set(suppliers)
    one = suppliers["500001"]
    assert one.main_address.city
    assert one.credit_terms.id in found(visma, "visma.credit_terms")


def test_a_changed_supplier_is_read_and_no_other(visma: Visma) -> None:
    """The filter takes effect on this list, too."""
    since = datetime.now(UTC) - timedelta(minutes=1)
    visma.control("PATCH", "suppliers/500003", {"name": "Nytt navn AS"})
    assert [row.key for row in visma.read("visma.suppliers", since)] == ["500003"]


def test_documents_are_called_by_type_and_number(visma: Visma) -> None:
    """The numbers of invoices and credit notes overlap: alone they would take each other's place."""
    invoices, notes = found(visma, INVOICES), found(visma, NOTES)
    numbers = {one.reference_number for one in notes.values()}
    assert numbers <= {one.reference_number for one in invoices.values()}
    assert not set(invoices) & set(notes)
    assert all(key == one.key for key, one in (*invoices.items(), *notes.items()))
    assert "Invoice-100001" in invoices
    assert "CreditNote-100001" in notes


def test_credit_notes_among_the_invoices_take_no_invoices_place(visma: Visma) -> None:
    """Should the vendor list them there (section 7 only infers that it does not), the keys still differ."""
    before = found(visma, INVOICES)
    visma.configure(credit_notes_among_invoices=True)
    after = found(visma, INVOICES)
    assert {key: after[key] for key in before} == before
    assert {one.document_type for key, one in after.items() if key not in before} == {"CreditNote"}


def test_invoices_come_with_lines_vat_payments_and_address(visma: Visma) -> None:
    """failures.md 31: what has to be asked for is asked for, and everything adds up as Decimal."""
    for one in (*found(visma, INVOICES).values(), *found(visma, NOTES).values()):
        assert sum(line.amount for line in one.lines) == one.detail_total
        assert one.detail_total - one.discount_total + one.vat_total == one.amount
        assert sum(tax.vat_amount for tax in one.tax_details) == one.vat_total
        if one.status != "Voided":
            assert one.balance == one.amount - sum(paid.amount_paid for paid in one.applications)
        assert one.invoice_address is not None


def test_dates_are_dates_and_are_shifted_by_no_zone(visma: Visma) -> None:
    """Midnight in Oslo is the day before in UTC; a date in a date-time's clothing is only its date (section 5)."""
    row = visma.control(
        "POST", "invoices", {"customer": "10001", "day": "2026-06-01", "lines": [{"price": 1}], "text": "Juni"}
    )
    invoice = found(visma, INVOICES)[f"Invoice-{row['referenceNumber']}"]
    assert (invoice.document_date, invoice.invoice_text) == (date(2026, 6, 1), "Juni")
    assert invoice.document_due_date >= invoice.document_date


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00", "", "soon", None])
def test_a_date_that_is_none_is_missing(text: str | None) -> None:
    """The first day of the calendar stands for never."""
    document = CustomerDocument.model_validate(
        {"documentType": "Invoice", "referenceNumber": "1", "documentDueDate": text}
    )
    assert document.document_due_date is None


def test_lines_of_credit_notes_may_have_another_name() -> None:
    """They are written as `lines` (section 7); how they are read is not shown."""
    document = CustomerDocument.model_validate_json(
        b'{"documentType":"CreditNote","referenceNumber":"1","lines":[{"lineNumber":1,"amount":0.1}]}'
    )
    assert document.lines[0].amount == Decimal("0.1")


def test_a_paid_invoice_comes_again_where_payments_stamp_it(visma: Visma) -> None:
    """Where they do not (section 13), only a full read sees it."""
    row = visma.control("POST", "invoices", {"customer": "10001", "lines": [{"price": 80}]})
    key = f"Invoice-{row['referenceNumber']}"
    visma.control("PATCH", f"invoices/{row['referenceNumber']}", {"modified_at": "2026-01-01T10:00:00Z"})
    since = datetime.now(UTC) - timedelta(minutes=1)
    visma.configure(payments_touch_invoices=False)
    visma.control("POST", f"invoices/{row['referenceNumber']}/pay", {"amount": 1})
    assert key not in {one.key for one in visma.read(INVOICES, since)}
    assert len(found(visma, INVOICES)[key].applications) == 1
    visma.configure(payments_touch_invoices=True)
    visma.control("POST", f"invoices/{row['referenceNumber']}/pay", {"amount": 1})
    assert key in {one.key for one in visma.read(INVOICES, since)}


@pytest.mark.parametrize("entity", ["visma.suppliers", INVOICES, "visma.journal_transactions"])
@pytest.mark.parametrize("fault", ["reset", "reset_body", "torn_json", "server_error", "expired_token"])
def test_a_mishap_on_the_way_loses_nothing(visma: Visma, entity: str, fault: str) -> None:
    """Bad input: every third call goes wrong, and the read is whole."""
    expected = {row.key for row in visma.read(entity)}
    visma.faults({"fault": fault, "path": "/v[12]/", "every": 3})
    assert {row.key for row in visma.read(entity, page_size=20)} == expected


@pytest.mark.parametrize(("entity", "path"), [("visma.suppliers", "/v1/supplier"), (INVOICES, "/v1/customerinvoice")])
def test_rows_that_move_while_they_are_read_are_met_on_another_walk(visma: Visma, entity: str, path: str) -> None:
    """failures.md 4: these lists are counted like that of customers."""
    visma.start_over(suppliers=60)
    visma.faults({"fault": "rows_move", "path": path, "after": 1, "times": 1})
    assert len({row.key for row in visma.read(entity, page_size=20)}) == 60
