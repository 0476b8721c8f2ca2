"""The whole path of invoices through the engine: what they need comes first, and what happens to them is followed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ml_connector.engine.deliver import is_due
from ml_connector.errors import StoppedProblem
from ml_connector_tests.systems.hubspot.conftest import OpenSync
from ml_connector_tests.systems.hubspot.invoice_support import (
    DocumentSync,
    batch,
    credit_note,
    invoice,
    line,
    payment,
)
from ml_connector_tests.systems.hubspot.support import TARGET, contact, counts, customer
from ml_connector_tests.systems.hubspot.test_invoice_writer import linked, total_of

OpenDocuments = Callable[..., DocumentSync]


@pytest.fixture
def open_documents(open_sync: OpenSync, tmp_path: Path) -> OpenDocuments:
    """A sync of companies, contacts and invoices with these settings."""

    def open_one(companies: Mapping[str, Any] | None = None, version: str = "2026-03", **invoices: Any) -> DocumentSync:
        blocks = {"companies": dict(companies or {}), "contacts": {}, "invoices": invoices, "transactions": {}}
        opened = open_sync(flows=blocks, api_version=version)
        return DocumentSync(opened.ledger, opened.hubspot, opened.account)

    return open_one


@pytest.fixture
def sync(open_documents: OpenDocuments) -> DocumentSync:
    return open_documents()


def test_an_invoice_belongs_to_its_company_and_contact(sync: DocumentSync) -> None:
    """All flows in one run; a second one makes no call."""
    reports = sync.sync(customer(), contact(), invoice(), credit_note())
    assert counts(reports["invoices"]) == counts(reports["credit_notes"]) == {"read": 1, "created": 1}
    made = sync.hubspot.one("invoices", visma_invoice_key="nordic:Invoice-100045")
    assert linked(sync.hubspot, made["id"], "companies") == [sync.hubspot.records("companies")[0]["id"]]
    assert linked(sync.hubspot, made["id"], "contacts") == [sync.hubspot.records("contacts")[0]["id"]]
    sync.hubspot.calls()
    assert all(counts(report) == {} for report in sync.deliver().values())
    assert sync.hubspot.calls() == []


def test_a_thousand_invoices_need_few_calls(sync: DocumentSync) -> None:
    """Ten upserts, twenty batches of lines, and three kinds of links; nothing is searched for."""
    reports = sync.sync(customer(), contact(), *(invoice(str(200_000 + one)) for one in range(1_000)))
    assert counts(reports["invoices"]) == {"read": 1_000, "created": 1_000}
    assert reports["invoices"].calls == 2 + 10 + 20 + 3 * 10
    assert not [call for call in sync.hubspot.calls() if "search" in call]


def test_what_happens_to_an_invoice_is_followed(sync: DocumentSync) -> None:
    """Paid in part, paid, and another one voided: one invoice each, whose balance is the one at Visma."""
    sync.sync(customer(), invoice("1"), invoice("2"))
    sync.sync(invoice("1", paid=[payment("250")]), invoice("2", status="Voided"))
    assert sync.hubspot.one("invoices", visma_document_number="1")["visma_balance"] == "1000"
    sync.sync(invoice("1", paid=[payment("250"), payment("1000", "700002")]))
    paid, voided = (sync.hubspot.one("invoices", visma_document_number=number) for number in ("1", "2"))
    assert (paid["hs_invoice_status"], paid["visma_balance"], paid["visma_paid_date"]) == ("paid", "0", "2026-10-20")
    assert voided["hs_invoice_status"] == "voided"
    assert len(sync.hubspot.records("invoices")) == 2
    assert len(sync.hubspot.records("line_items")) == 4


def test_an_invoice_brings_its_company_and_contact_over(sync: DocumentSync) -> None:
    """A run of the invoices alone; and of nobody else."""
    sync.visma.put(customer(), contact(), customer("10002", "other@fjord.no"), invoice())
    sync.read()
    assert counts(sync.deliver("invoices")["invoices"]) == {"read": 1, "created": 1}
    made = sync.hubspot.one("invoices", visma_document_number="100045")
    assert linked(sync.hubspot, made["id"], "companies") == [sync.hubspot.records("companies")[0]["id"]]
    assert linked(sync.hubspot, made["id"], "contacts") == [sync.hubspot.records("contacts")[0]["id"]]
    assert len(sync.hubspot.records("companies")) == 1


def test_an_invoice_waits_for_a_company_that_failed_and_goes_with_it(sync: DocumentSync) -> None:
    """It says for whom it waits, and is due in the moment in which the company is there."""
    sync.hubspot.faults({"fault": "server_error", "path": "/companies/batch/upsert", "times": 3})
    reports = sync.sync(customer(), invoice())
    assert counts(reports["invoices"]) == {"read": 1, "failed": 1}
    waiting = sync.state("invoices", "Invoice-100045")
    assert waiting.kind == "dependency"
    assert waiting.reason is not None
    assert waiting.reason.startswith("Waits for 10001 of companies, which is not delivered (failed: ")
    sync.visma.now += timedelta(minutes=10)
    assert not is_due(sync.flows["invoices"], sync.ledger, TARGET, sync.visma.clock())
    sync.deliver("companies")
    assert is_due(sync.flows["invoices"], sync.ledger, TARGET, sync.visma.clock())
    assert counts(sync.deliver("invoices")["invoices"]) == {"read": 1, "created": 1}


def test_an_invoice_of_a_company_that_was_deleted_waits_and_brings_it_back(sync: DocumentSync) -> None:
    """However long that takes; the invoices that were linked before are linked to the new company as well."""
    sync.sync(customer(), contact(), invoice("1"))
    sync.hubspot.delete("companies", sync.hubspot.records("companies")[0]["id"])
    sync.hubspot.faults({"fault": "server_error", "path": "/companies/batch/upsert", "times": 30})
    sync.sync(invoice("2"))
    for _ in range(12):
        waiting = sync.state("invoices", "Invoice-2")
        assert (waiting.outcome, waiting.kind) == ("failed", "dependency")
        assert waiting.due_at is not None
        sync.visma.now = waiting.due_at + timedelta(seconds=1)
        sync.deliver("invoices")
    sync.hubspot.faults()
    sync.visma.now += timedelta(days=1)
    sync.deliver()
    (company,) = sync.hubspot.records("companies")
    person = sync.hubspot.one("contacts", email="kari@nordfisk.no")
    for number in ("1", "2"):
        made = sync.hubspot.one("invoices", visma_document_number=number)
        assert linked(sync.hubspot, made["id"], "companies") == [company["id"]]
    sync.deliver()
    assert sync.hubspot.linked(person["id"], company["id"])


@pytest.mark.parametrize("merged_read", ["survivor", "missing"])
def test_an_invoice_of_a_company_that_was_merged_finds_the_other(sync: DocumentSync, merged_read: str) -> None:
    """At once where HubSpot says which; else as soon as the company is delivered anew."""
    sync.hubspot.configure(merged_read=merged_read)
    sync.sync(customer(), contact(), invoice("1"))
    mine, other = sync.hubspot.records("companies")[0]["id"], sync.hubspot.make("companies", name="Nordfisk gammel")
    sync.hubspot.control("merge/companies", {"primary": int(other), "merged": int(mine)})
    sync.sync(invoice("2"))
    assert sync.state("invoices", "Invoice-2").outcome == ("created" if merged_read == "survivor" else "failed")
    sync.deliver()
    assert [one["id"] for one in sync.hubspot.records("companies")] == [other]
    for number in ("1", "2"):
        made = sync.hubspot.one("invoices", visma_document_number=number)
        assert linked(sync.hubspot, made["id"], "companies") == [other]
    sync.hubspot.calls()
    sync.deliver()
    assert sync.hubspot.calls() == []


def test_an_invoice_follows_its_customer_to_another_contact_person(sync: DocumentSync) -> None:
    """Without a change of its own."""
    sync.sync(customer(), contact(), invoice("1"))
    sync.sync(customer(email="ola@nordfisk.no"), contact(2, "ola@nordfisk.no", firstName="Ola"))
    made = sync.hubspot.one("invoices", visma_document_number="1")
    person = sync.hubspot.one("contacts", email="ola@nordfisk.no")
    assert linked(sync.hubspot, made["id"], "contacts") == [person["id"]]


def test_a_contact_that_was_deleted_comes_back_to_its_company_and_invoice(sync: DocumentSync) -> None:
    """The invoice goes without it for the time being."""
    sync.sync(customer(), contact(), invoice("1"))
    sync.hubspot.delete("contacts", sync.hubspot.records("contacts")[0]["id"])
    sync.sync(invoice("1", paid=[payment("1250")]))
    assert sync.state("invoices", "Invoice-1").outcome == "updated"
    for _ in range(3):
        sync.deliver()
    (person,) = sync.hubspot.records("contacts")
    made = sync.hubspot.one("invoices", visma_document_number="1")
    assert linked(sync.hubspot, made["id"], "contacts") == [person["id"]]
    assert sync.hubspot.linked(person["id"], sync.hubspot.records("companies")[0]["id"])


def test_an_invoice_of_a_customer_without_an_address_goes_without_a_contact(sync: DocumentSync) -> None:
    """And gets one in the moment in which the customer has one."""
    reports = sync.sync(customer(email=None), invoice())
    assert counts(reports["invoices"]) == {"read": 1, "created": 1}
    made = sync.hubspot.one("invoices", visma_document_number="100045")
    assert linked(sync.hubspot, made["id"], "contacts") == []
    assert counts(sync.sync(customer(email="kari@nordfisk.no"))["invoices"]) == {"read": 1, "updated": 1}
    assert linked(sync.hubspot, made["id"], "contacts") == [sync.hubspot.records("contacts")[0]["id"]]


def test_invoices_of_customers_that_are_not_selected_stay_away_with_them(open_documents: OpenDocuments) -> None:
    """They are skipped and no failure; `where` holds for a customer's invoices, too."""
    sync = open_documents({"where": {"class": ["B2C"]}})
    reports = sync.sync(customer(), invoice())
    assert counts(reports["invoices"]) == {"read": 1, "skipped": 1}
    assert sync.state("invoices", "Invoice-100045").rule == "what it needs is not selected"
    reports = sync.sync(customer(customerClass={"id": "B2C"}))
    assert counts(reports["invoices"]) == {"read": 1, "created": 1}


def test_invoices_go_on_when_their_customer_is_not_selected_any_more(open_documents: OpenDocuments) -> None:
    """What is at HubSpot follows Visma, with the company that it has; new ones stay away until the customer is back."""
    sync = open_documents({"where": {"class": ["B2C"]}})
    sync.sync(customer(customerClass={"id": "B2C"}), *(invoice(str(number)) for number in range(1, 41)))
    company = sync.hubspot.records("companies")[0]["id"]
    reports = sync.sync(customer(customerClass={"id": "B2B"}), invoice("1", paid=[payment("1250")]), invoice("99"))
    assert counts(reports["invoices"]) == {"read": 2, "updated": 1, "skipped": 1}
    found = sync.hubspot.one("invoices", visma_document_number="1")
    assert (found["hs_invoice_status"], found["visma_balance"]) == ("paid", "0")
    assert linked(sync.hubspot, found["id"], "companies") == [company]
    assert counts(sync.sync(invoice("2"))["invoices"]) == {"read": 1, "unchanged": 1}
    del sync.visma.rows["visma.customer_invoices"]["Invoice-3"]
    sync.read(whole=True)
    sync.deliver()
    found = sync.hubspot.one("invoices", visma_document_number="3")
    assert (found["hs_invoice_status"], found["visma_balance"]) == ("voided", "0")
    reports = sync.sync(customer(name="Nordfisk II", customerClass={"id": "B2C"}))
    assert counts(reports["invoices"])["created"] == 1


def test_a_customer_that_is_selected_again_unchanged_wakes_its_new_invoices(open_documents: OpenDocuments) -> None:
    """The company needs no call, and the invoices that came meanwhile are due all the same."""
    sync = open_documents({"where": {"class": ["B2C"]}})
    selected = customer(customerClass={"id": "B2C"})
    sync.sync(selected, invoice("1"))
    sync.sync(customer(customerClass={"id": "B2B"}), invoice("2"))
    assert sync.state("invoices", "Invoice-2").rule == "what it needs is not selected"
    reports = sync.sync(selected)
    assert counts(reports["companies"]) == {"read": 1, "unchanged": 1}
    assert counts(reports["invoices"]) == {"read": 1, "created": 1}


@pytest.mark.parametrize("seconds", [0.3, 0.0])
def test_lines_without_a_key_are_not_there_twice_after_a_create_that_comes_late(
    open_documents: OpenDocuments, seconds: float
) -> None:
    """failures.md 20: nobody answered, a replay came before it took effect, and then the lines came."""
    sync = open_documents(line_key=None)
    fault = "late_commit" if seconds else "lost_answer"
    late = {"seconds": seconds} if seconds else {}
    sync.hubspot.faults({"fault": fault, "path": "/line_items/batch/create", "times": 1, **late})
    sync.sync(customer(), invoice())
    assert sync.state("invoices", "Invoice-100045").outcome == "failed"
    sync.deliver("invoices", only=["Invoice-100045"])
    assert sync.state("invoices", "Invoice-100045").kind == "in doubt"
    while len(sync.hubspot.records("line_items")) < 2:
        time.sleep(0.05)
    sync.visma.now += timedelta(minutes=10)
    sync.deliver()
    assert sync.state("invoices", "Invoice-100045").outcome in ("created", "updated")
    assert len(sync.hubspot.records("line_items")) == 2


def test_a_renumbered_customers_invoices_find_the_company(sync: DocumentSync) -> None:
    """failures.md 32: an invoice names the customer by a number that may have changed; the company is the same."""
    sync.sync(customer("10001"))
    del sync.visma.rows["visma.customers"]["10001"]
    sync.visma.put(customer("20001", internalId=1), *(customer(str(10_100 + index)) for index in range(30)))
    sync.read(whole=True)
    reports = sync.sync(invoice("1", customer="10001"), invoice("2", customer="20001"))
    assert counts(reports["invoices"]) == {"read": 2, "created": 2}
    company = sync.hubspot.one("companies", visma_customer_number="20001")["id"]
    for number in ("1", "2"):
        made = sync.hubspot.one("invoices", visma_document_number=number)
        assert linked(sync.hubspot, made["id"], "companies") == [company]


def test_an_invoice_whose_lines_failed_is_not_taken_for_delivered(sync: DocumentSync) -> None:
    """failures.md 17: the digest is saved when everything is there, so it comes again by itself."""
    sync.hubspot.faults({"fault": "server_error", "path": "/line_items/batch/", "times": 3})
    assert counts(sync.sync(customer(), invoice())["invoices"]) == {"read": 1, "failed": 1}
    assert sync.state("invoices", "Invoice-100045").digest is None
    assert len(sync.hubspot.records("line_items")) == 0
    sync.visma.now += timedelta(minutes=10)
    assert counts(sync.deliver()["invoices"]) == {"read": 1, "updated": 1}
    made = sync.hubspot.one("invoices", visma_document_number="100045")
    assert total_of(sync.hubspot, made["id"]) == 1250


def test_a_stop_between_the_invoices_and_their_lines_leaves_work(sync: DocumentSync) -> None:
    """The intents stay, and the next run completes every invoice once."""
    sync.visma.put(customer(), *(invoice(str(number)) for number in range(1, 151)))
    sync.read()
    sync.deliver("companies", "contacts", "contact_companies")
    sync.hubspot.faults({"fault": "expired_token", "path": "/line_items/batch/"})
    assert isinstance(sync.deliver("invoices")["invoices"].stopped, StoppedProblem)
    sync.hubspot.faults()
    sync.deliver("invoices")
    assert len(sync.hubspot.records("invoices")) == 150
    assert len(sync.hubspot.records("line_items")) == 300
    ids = [row["id"] for row in sync.hubspot.records("invoices")]
    assert {total_of(sync.hubspot, one) for one in ids[:5]} == {Decimal(1250)}


def test_an_invoice_that_does_not_add_up_is_rejected_and_the_next_version_goes(sync: DocumentSync) -> None:
    """failures.md 31: nothing of it is sent."""
    wrong = invoice() | {"amountInCurrency": 1250.01, "balanceInCurrency": 1250.01}
    assert counts(sync.sync(customer(), wrong)["invoices"]) == {"read": 1, "rejected": 1}
    assert sync.hubspot.records("invoices") == []
    assert counts(sync.sync(invoice())["invoices"]) == {"read": 1, "created": 1}


def test_a_changed_line_is_one_update(sync: DocumentSync) -> None:
    """The invoice stays, and so do its other lines."""
    sync.sync(customer(), invoice("1", line(1), line(2)))
    before = {row["name"]: row["id"] for row in sync.hubspot.records("line_items")}
    assert counts(sync.sync(invoice("1", line(1), line(2, "3")))["invoices"]) == {"read": 1, "updated": 1}
    assert {row["name"]: row["id"] for row in sync.hubspot.records("line_items")} == before


@pytest.mark.parametrize("version", ["v3", "2026-03", "2026-09"])
def test_both_families_of_routes_serve(open_documents: OpenDocuments, version: str) -> None:
    """Invoices with lines that change, deals, payments and transactions; the version is one setting."""
    sync = open_documents(version=version, payments="records", deals={"only_open": True})
    sync.sync(customer(), contact(), invoice("1", line(1), line(2)), batch())
    (company,) = sync.hubspot.records("companies")
    deal = sync.hubspot.make("deals", dealname="D", dealstage="contractsent")
    sync.hubspot.control("associate", {"from": ["companies", company["id"]], "to": ["deals", deal]})
    reports = sync.sync(invoice("1", line(1), paid=[payment("250")]), batch(description="Ny"))
    assert counts(reports["invoices"]) == counts(reports["transactions"]) == {"read": 1, "updated": 1}
    made = sync.hubspot.one("invoices", visma_document_number="1")
    assert linked(sync.hubspot, made["id"], "deals") == [deal]
    assert len(linked(sync.hubspot, made["id"], "line_items")) == 2
    assert len(linked(sync.hubspot, made["id"], "commerce_payments")) == 1
