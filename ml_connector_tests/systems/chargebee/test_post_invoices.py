"""With `post: invoices` Chargebee's documents become invoices and credit notes in Visma, each once."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from ml_connector.systems.visma.invoice_writer import KINDS, _as_it_stands
from ml_connector_tests.systems.chargebee.conftest import OpenSync
from ml_connector_tests.systems.chargebee.support import ACCOUNTS, BACK, Sync, counts, events_block, settings
from ml_connector_tests.systems.chargebee.test_events import YEARLY, item

POST = "customerinvoice$"
NOT_A_NUMBER = {"amountInCurrency": "NaN", "account": {"number": "3000"}}
AS_INVOICES = {"post": "invoices", "policy": "immediate"}


def invoices_block(**changes: Any) -> dict[str, Any]:
    return events_block(**AS_INVOICES | changes)


@pytest.fixture
def sync(open_one: OpenSync) -> Sync:
    return open_one(events=invoices_block())


def subscribed(sync: Sync, customer: str = "V-10001") -> dict[str, Any]:
    """A subscription of a customer who came from Visma; its first invoice."""
    sync.chargebee.subscribe(customer_id=customer, items=[item()], **YEARLY)
    (invoice,) = sync.chargebee.listed("invoices")
    return dict(invoice)


def documents(sync: Sync, kind: str = "invoices") -> list[dict[str, Any]]:
    """What came from Chargebee."""
    return [row for row in sync.visma.books()[kind]["rows"] if (row["externalReference"] or "").startswith("CB")]


def test_an_invoice_becomes_one_of_visma_s(sync: Sync) -> None:
    """On hold, of the customer, with its lines, revenue account and VAT; found by its id at Chargebee."""
    invoice = subscribed(sync)
    assert counts(sync.sync_back()["journals"]) == {"read": 1, "created": 1}
    (row,) = documents(sync)
    assert (row["customer"]["number"], row["customerRefNumber"], row["status"]) == ("10001", invoice["id"], "Hold")
    assert (row["amountInCurrency"] * 100, row["vatTotalInCurrency"] * 100) == (invoice["total"], 30_000)
    (line,) = row["invoiceLines"]
    assert (line["account"]["number"], line["vatCode"]["id"]) == ("3000", "3")
    assert sync.batches() == []
    assert (counts(sync.sync_back()["journals"]), len(documents(sync))) == ({}, 1)


def test_a_credit_note_and_a_voiding_become_credit_notes(sync: Sync) -> None:
    """After a full credit, and after a voiding, what is owed is nothing."""
    invoice = subscribed(sync)
    sync.sync_back()
    sync.chargebee.control(f"invoices/{invoice['id']}/credit", {"amount": invoice["total"], "type": "adjustment"})
    sync.chargebee.subscribe("S-2", customer_id="V-10001", items=[item()], **YEARLY)
    sync.sync_back()
    other = next(one for one in sync.chargebee.listed("invoices") if one["id"] != invoice["id"])
    assert sync.chargebee.post(f"/invoices/{other['id']}/void").status_code == 200
    sync.sync_back()
    owed = sum(row["amountInCurrency"] for row in documents(sync))
    taken_back = sum(row["amountInCurrency"] for row in documents(sync, "credit_notes"))
    assert (owed, taken_back, len(documents(sync, "credit_notes"))) == (3000, 3000, 2)


def test_release_posts_it(open_one: OpenSync) -> None:
    sync = open_one(events=invoices_block(release=True))
    subscribed(sync)
    sync.sync_back()
    (row,) = documents(sync)
    assert (row["status"], row["balanceInCurrency"]) == ("Open", row["amountInCurrency"])


def test_another_vat_than_chargebee_s_is_told_and_not_released(open_one: OpenSync) -> None:
    """Visma computes VAT by its codes; a wrong code does not slip through."""
    sync = open_one(events=invoices_block(release=True, vat_codes={"MVA": "31"}))
    invoice = subscribed(sync)
    assert counts(sync.sync_back()["journals"]) == {"read": 1, "created": 1}
    (row,) = documents(sync)
    assert row["status"] == "Balanced"
    reason = sync.state_back("journals", f"invoice/{invoice['id']}").reason or ""
    assert ("1380" in reason, "1500" in reason, "not released" in reason) == (True, True, True)


@pytest.mark.parametrize("fault", ["lost_answer", "server_error", "false_error", "reset"])
def test_an_answer_that_never_comes_makes_no_second_invoice(sync: Sync, fault: str) -> None:
    """failures.md 20 and 35: it waits until the call can no longer take effect, looks, and only then creates."""
    subscribed(sync)
    sync.visma.fault(fault, path=POST, method="POST", times=1)
    first = counts(sync.sync_back()["journals"])
    assert first in ({"read": 1, "failed": 1}, {"read": 1, "created": 1})
    sync.wait(minutes=2)
    sync.post("journals")
    assert len(_posts(sync)) == 1
    sync.wait(minutes=10)
    sync.post("journals")
    assert len(documents(sync)) == 1


def test_one_that_is_found_is_told_with_the_accounts_on_which_it_stands(open_one: OpenSync) -> None:
    """It was created with an answer that was lost, and the accounts were changed before it was found."""
    sync = open_one(events=invoices_block())
    invoice = subscribed(sync)
    sync.visma.fault("lost_answer", path=POST, method="POST", times=1)
    assert counts(sync.sync_back()["journals"]) == {"read": 1, "failed": 1}
    other = open_one(events=invoices_block(accounts={**ACCOUNTS, "revenue": "3100"}))
    other.wait(minutes=10)
    assert counts(other.sync_back()["journals"])["created"] == 1
    entries = list(sync.ledger.audit(BACK).entries(key=f"invoice/{invoice['id']}", with_payload=True))
    (told,) = orjson.loads(entries[-1].entry.payload or b"")["invoiceLines"]
    (row,) = documents(sync)
    (line,) = row["invoiceLines"]
    assert told["accountNumber"] == {"value": "3000"} == {"value": line["account"]["number"]}
    assert told["unitPriceInCurrency"] == {"value": line["amountInCurrency"]}


@pytest.mark.parametrize("line", [None, {}, {"account": "3000"}, {"account": {"number": "3000"}}, NOT_A_NUMBER])
def test_a_line_that_cannot_be_read_leaves_what_was_sent(line: Any) -> None:
    """The document was created: what Visma shows of it is a help, and no reason to fail."""
    sent = {"invoiceLines": [{"quantity": Decimal(1), "unitPriceInCurrency": Decimal(5), "accountNumber": "3100"}]}
    whole = {"amountInCurrency": 7.0, "account": {"number": "3000"}}
    assert _as_it_stands(sent, KINDS["invoice"], {"invoiceLines": [whole, line]}) == sent
    assert _as_it_stands(sent, KINDS["invoice"], {"invoiceLines": [whole]}) != sent


@pytest.mark.parametrize("path", [POST, "connect/token"])
def test_a_refused_token_leaves_no_doubt(sync: Sync, path: str) -> None:
    """Nothing was sent, so the next run does not wait."""
    subscribed(sync)
    sync.visma.fault("expired_token", path=path, method="POST")
    report = sync.sync_back()["journals"]
    assert (report.stopped is not None, len(report.unfinished)) == (True, 1)
    sync.visma.control("POST", "faults", [])
    assert counts(sync.post("journals")["journals"]) == {"read": 1, "created": 1}
    assert len(documents(sync)) == 1


def _posts(sync: Sync) -> list[dict[str, Any]]:
    log = sync.visma.control("GET", "calls")["log"]
    return [call for call in log if call["path"] == "/v2/customerinvoice" and call["method"] == "POST"]


@pytest.mark.parametrize("seed", range(4))
def test_no_history_of_faults_makes_two(sync: Sync, seed: int) -> None:
    """Whatever goes wrong, on the create, on the look-up or on the release, each document ends up there once."""
    chance = random.Random(seed)
    subscribed(sync)
    faults = ["lost_answer", "server_error", "false_error", "reset", "expired_token"]
    for _ in range(6):
        method = chance.choice(["POST", "GET"])
        sync.visma.fault(chance.choice(faults), path="customerinvoice", method=method, times=chance.randint(1, 3))
        sync.post("journals") if chance.random() < 0.5 else sync.sync_back()
        assert len(documents(sync)) <= 1
        sync.wait(minutes=chance.choice([1, 6, 60, 800]))
    sync.visma.control("POST", "faults", [])
    for _ in range(2):
        sync.wait(hours=13)
        sync.sync_back()
    assert len(documents(sync)) == 1
    (invoice,) = sync.chargebee.listed("invoices")
    assert sync.state_back("journals", f"invoice/{invoice['id']}").target_id is not None


def test_a_customer_who_is_not_from_visma_is_rejected(sync: Sync) -> None:
    invoice = subscribed(sync, "kari")
    assert counts(sync.sync_back()["journals"]) == {"read": 1, "rejected": 1}
    assert "kari" in (sync.state_back("journals", f"invoice/{invoice['id']}").reason or "")
    assert documents(sync) == []


def test_a_customer_visma_does_not_know_is_rejected_in_its_words(sync: Sync) -> None:
    invoice = subscribed(sync, "V-77777")
    assert counts(sync.sync_back()["journals"]) == {"read": 1, "rejected": 1}
    assert "77777" in (sync.state_back("journals", f"invoice/{invoice['id']}").reason or "")


def test_a_tax_without_a_code_is_rejected_with_what_to_set(open_one: OpenSync) -> None:
    sync = open_one(events=invoices_block(vat_codes={}))
    invoice = subscribed(sync)
    sync.sync_back()
    assert "vat_codes.MVA" in (sync.state_back("journals", f"invoice/{invoice['id']}").reason or "")


def test_a_closed_period_moves_an_invoice_on(sync: Sync) -> None:
    """With a note in the ledger; its date stays."""
    invoice = subscribed(sync)
    sync.visma.control("POST", f"periods/{sync.now():%Y%m}/close")
    sync.sync_back()
    (row,) = documents(sync)
    assert row["financialPeriod"] > f"{sync.now():%Y%m}"
    state = sync.state_back("journals", f"invoice/{invoice['id']}")
    assert "closed" in (state.reason or "")


def test_a_change_of_post_posts_nothing_again(open_one: OpenSync) -> None:
    """What stands in Visma as a transaction is not invoiced as well, and the other way round."""
    first = open_one(events=events_block(policy="immediate"))
    invoice = subscribed(first)
    first.sync_back()
    second = open_one(events=invoices_block())
    assert set(counts(second.sync_back()["journals"])) <= {"read", "unchanged"}
    second.post("journals", only=[f"invoice/{invoice['id']}"])
    assert (len(first.batches()), documents(second)) == (1, [])


def test_what_came_back_does_not_go_out_again(sync: Sync) -> None:
    """An invoice that came from Chargebee is not imported there."""
    subscribed(sync)
    sync.sync_back()
    (row,) = documents(sync)
    sync.visma.control("POST", f"invoices/{row['referenceNumber']}/release")
    sync.read()
    key = f"Invoice-{row['referenceNumber']}"
    sync.send("invoices", only=[key])
    assert sync.state_out("invoices", key).rule == "came from Chargebee"
    assert len(sync.chargebee.listed("invoices")) == 1


def test_deferred_revenue_has_no_place_on_invoices() -> None:
    with pytest.raises(ValidationError, match="policy: immediate"):
        settings(events=events_block(post="invoices"))
