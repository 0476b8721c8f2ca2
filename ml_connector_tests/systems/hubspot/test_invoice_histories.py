"""Any history of invoices, faults, people's work and partial runs ends where Visma says, with nothing twice."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from ml_connector.store.landing import Landings
from ml_connector.store.ledger import Ledger
from ml_connector.store.vault import Vault, new_key, parse_key
from ml_connector.systems.hubspot.account import connect
from ml_connector.systems.hubspot.invoices import CREDIT_NOTES, INVOICES
from ml_connector.systems.hubspot.settings import Settings
from ml_connector.systems.hubspot.transactions import TRANSACTIONS
from ml_connector_tests.databases import new_database
from ml_connector_tests.systems.hubspot.invoice_support import (
    DocumentSync,
    amount_of,
    batch,
    credit_note,
    invoice,
    key_of,
    line,
    payment,
    posting,
)
from ml_connector_tests.systems.hubspot.support import QUICK, TARGET, HubSpot, customer, serve_hubspot
from ml_connector_tests.systems.hubspot.test_transaction_flows import type_id

EXAMPLES = int(os.environ.get("ML_CONNECTOR_TEST_HISTORIES", "60")) // 8
CUSTOMERS, NUMBERS = ("10001", "10002"), ("1", "2")
FLOWS = ("companies", "contacts", "contact_companies", "invoices", "credit_notes", "transactions")

OBJECTS = ("invoices/batch", "line_items/batch", "companies/batch", "commerce_payments/batch", "/2-[0-9]+/batch")

drawn_line = st.tuples(st.sampled_from(("1", "2", "-1")), st.sampled_from(("10", "33.33")))
change = st.tuples(
    st.just("invoice"),
    st.sampled_from(NUMBERS),
    st.sampled_from(CUSTOMERS),
    st.lists(drawn_line, min_size=1, max_size=3),
    st.sampled_from((None, "1.11")),
    st.sampled_from(("PO-1", None)),
)
credit = st.tuples(
    st.just("credit note"),
    st.sampled_from(NUMBERS),
    st.sampled_from(CUSTOMERS),
    st.lists(st.tuples(st.sampled_from(("1", "2")), st.sampled_from(("10", "33.33"))), min_size=1, max_size=2),
)
posted = st.tuples(
    st.just("batch"),
    st.sampled_from(NUMBERS),
    st.sampled_from(CUSTOMERS),
    st.sampled_from(NUMBERS),
    st.sampled_from(("100", "99.99")),
)
fault = st.fixed_dictionaries(
    {
        "fault": st.sampled_from(("server_error", "lost_answer", "expired_token", "torn_json", "reset")),
        "path": st.sampled_from((*OBJECTS, "associate", "batch/read")),
        "times": st.sampled_from((1, 2, 4, 4)),  # three tries are made of a call
    }
)
step = st.one_of(
    change,
    change,
    credit,
    posted,
    st.tuples(st.just("customer"), st.sampled_from(CUSTOMERS), st.sampled_from(("a@x.no", "b@x.no", None))),
    st.tuples(st.just("sync"), st.just(FLOWS), fault),
    st.tuples(
        st.just("sync"), st.sampled_from((("invoices",), ("companies",), FLOWS[:3], FLOWS[4:])), st.none() | fault
    ),
    st.tuples(st.just("delete"), st.sampled_from(("line_items", "companies"))),
    st.tuples(st.just("replay"), st.sampled_from(NUMBERS)),
    st.tuples(st.just("wait"), st.sampled_from((1, 30, 600))),
)


def play(sync: DocumentSync, step: tuple[Any, ...]) -> None:
    sync.visma.now += timedelta(seconds=1)
    match step:
        case ("invoice", number, of, lines, paid, reference):
            rows = [line(at, quantity, price) for at, (quantity, price) in enumerate(lines, 1)]
            paid_by = [payment(paid)] if paid else []
            sync.visma.put(invoice(number, *rows, customer=of, paid=paid_by, customerRefNumber=reference))
        case ("credit note", number, of, lines):
            rows = [line(at, quantity, price) for at, (quantity, price) in enumerate(lines, 1)]
            sync.visma.put(credit_note(number, *rows, customer=of))
        case ("batch", number, of, document, amount):
            refers = {"referenceNumber": document, "customerSupplier": of}
            sync.visma.put(batch(number, posting("1500", amount, **refers), posting("3000", f"-{amount}", **refers)))
        case ("customer", number, email):
            sync.visma.put(customer(number, email))
        case ("sync", names, fault):
            sync.hubspot.faults(*[fault] if fault else [])
            sync.read()
            sync.deliver(*sorted(names, key=FLOWS.index))
            sync.hubspot.faults()
        case ("delete", kind):
            for row in sync.hubspot.records(kind)[:1]:
                sync.hubspot.delete(kind, row["id"])
        case ("replay", number):
            sync.deliver("invoices", only=[f"Invoice-{number}"])
        case ("wait", minutes):
            sync.visma.now += timedelta(minutes=minutes)


def settle(sync: DocumentSync) -> None:
    """No more faults: what is due is delivered when its time has come, by itself."""
    sync.hubspot.faults()
    sync.visma.put(*(customer(one, "a@x.no") for one in CUSTOMERS if one not in sync.visma.rows["visma.customers"]))
    sync.read()
    sync.settle()


def replay(sync: DocumentSync) -> None:
    """What people deleted is told by no read: everything is sent once more, companies first."""
    documents = [key for entity in (INVOICES, CREDIT_NOTES, TRANSACTIONS) for key in sync.visma.rows.get(entity, {})]
    for names in (FLOWS[:3], FLOWS[3:]):
        sync.deliver(*names, only=[*CUSTOMERS, *documents])
    settle(sync)


def verify(sync: DocumentSync) -> None:
    """Each document once, with the values and lines of today, and the company of its customer."""
    made = sync.hubspot.control("records/invoices?count=1000")["records"]
    made = [one for one in made if not one.get("archived")]
    items = {
        str(one["id"]): one["properties"] for one in sync.hubspot.control("records/line_items?count=9999")["records"]
    }
    payments = {one["id"]: one["hs_initial_amount"] for one in sync.hubspot.records("commerce_payments")}
    by_key = {one["properties"]["visma_invoice_key"]: one for one in made}
    assert len(by_key) == len(made), "an invoice was made twice"
    rows = [row for entity in (INVOICES, CREDIT_NOTES) for row in sync.visma.rows.get(entity, {}).values()]
    assert by_key.keys() == {f"nordic:{key_of(row)}" for row in rows}
    for row in rows:
        one, sign = by_key[f"nordic:{key_of(row)}"], -1 if row["documentType"] == "CreditNote" else 1
        assert Decimal(one["properties"]["visma_balance"]) == sign * Decimal(str(row["balanceInCurrency"]))
        assert (one["properties"].get("visma_customer_reference") or None) == row["customerRefNumber"]
        lines = [items[str(item)] for item in one["associations"]["line_items"]]
        shapes = [{"discount": "", "hs_discount_percentage": "", **item} for item in lines]
        assert sum(map(amount_of, shapes)) == sign * Decimal(str(row["amountInCurrency"]))
        assert company_of(sync, row["customer"]["number"]) in list(map(str, one["associations"]["companies"]))
        paid = [payments.pop(str(id_)) for id_ in one["associations"].get("commerce_payments", ())]
        assert list(map(Decimal, paid)) == [Decimal(str(known["amountPaid"])) for known in row["applications"]]
    assert not payments, "a payment of no invoice, or made twice"
    verify_transactions(sync, {key: str(one["id"]) for key, one in by_key.items()})


def verify_transactions(sync: DocumentSync, invoices: Mapping[str, str]) -> None:
    """Each batch once, with its amount of today, and the company and the invoice that it refers to."""
    kind = type_id(sync.hubspot)
    made = sync.hubspot.control(f"records/{kind}?count=1000")["records"]
    by_key = {one["properties"]["visma_transaction_key"]: one for one in made if not one.get("archived")}
    rows = sync.visma.rows.get(TRANSACTIONS, {})
    assert by_key.keys() == {f"nordic:{key}" for key in rows}
    assert len(by_key) == len(made), "a transaction was made twice"
    for key, row in rows.items():
        one, posted_line = by_key[f"nordic:{key}"], row["journalTransactionLines"][0]
        assert Decimal(one["properties"]["total"]) == Decimal(str(row["debitTotal"]))
        assert company_of(sync, posted_line["customerSupplier"]) in list(map(str, one["associations"]["companies"]))
        invoice_id = invoices.get(f"nordic:Invoice-{posted_line['referenceNumber']}")
        if invoice_id is not None:
            assert invoice_id in list(map(str, one["associations"]["invoices"]))


def company_of(sync: DocumentSync, number: str) -> str:
    return str(sync.hubspot.one("companies", visma_customer_number=number)["id"])


@contextmanager
def fresh(hubspot: HubSpot, line_key: str | None) -> Iterator[DocumentSync]:
    hubspot.start_over()
    flows = {
        "companies": {},
        "contacts": {},
        "invoices": {"line_key": line_key, "payments": "records"},
        "transactions": {},
    }
    chosen = Settings.model_validate({"base_url": hubspot.url, "flows": flows})
    with (
        tempfile.TemporaryDirectory() as folder,
        connect(chosen, hubspot.credentials, QUICK) as account,
        closing(new_database(Path(folder) / "ledger.db")) as database,
    ):
        for one in account.setup():
            one.apply()
        vault = Vault.open(database, parse_key(new_key()))
        landings = Landings(Path(folder) / "landings", vault.landing_key)
        yield DocumentSync(Ledger(database, vault, landings, "nordic"), hubspot, account)


@pytest.mark.parametrize("line_key", ["visma_line_key", None], ids=["keyed", "by content"])
def test_any_history_of_invoices_ends_where_visma_says(line_key: str | None) -> None:
    """failures.md 20: whatever got lost on the way, each document is there once, with its lines once, to the cent.

    Nothing is sent twice to find that out: only where people deleted something a replay has to come before.
    """
    with serve_hubspot() as hubspot:

        @examples(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.lists(step, min_size=1, max_size=12), st.booleans())
        def histories(steps: list[tuple[Any, ...]], people: bool) -> None:
            if not people:
                steps = [one for one in steps if one[0] != "delete"]
            with fresh(hubspot, line_key) as sync:
                lines = [("1", "10"), ("2", "33.33"), ("-1", "10")]
                begin = [("invoice", number, "10001", lines, None, "PO-1") for number in NUMBERS]
                for one in (("customer", "10001", "a@x.no"), *begin, ("sync", FLOWS, None), *steps):
                    play(sync, one)
                settle(sync)
                if not people:
                    verify(sync)
                replay(sync)
                verify(sync)
                assert sync.ledger.audit(TARGET).verify().ok

        histories()
