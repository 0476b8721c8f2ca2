"""Transactions to the simulator: to a custom object, or to their invoices where the account has none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from ml_connector.engine.records import Change, Operation
from ml_connector.errors import ConfigurationProblem, StoppedProblem
from ml_connector.systems.hubspot.account import HubSpotAccount
from ml_connector_tests.systems.hubspot.conftest import OpenSync
from ml_connector_tests.systems.hubspot.invoice_support import DocumentSync, batch, credit_note, invoice, line, posting
from ml_connector_tests.systems.hubspot.support import HubSpot, contact, counts, customer
from ml_connector_tests.systems.hubspot.test_account import findings, set_up
from ml_connector_tests.systems.hubspot.test_transactions import desired, dimension, in_region

OpenDocuments = Callable[..., DocumentSync]
FLOWS = {"companies": {}, "contacts": {}, "invoices": {}}


@pytest.fixture
def open_documents(open_sync: OpenSync) -> OpenDocuments:
    """A sync of companies, contacts, invoices and transactions with these settings."""

    def open_one(**transactions: Any) -> DocumentSync:
        opened = open_sync(flows={**FLOWS, "transactions": transactions})
        return DocumentSync(opened.ledger, opened.hubspot, opened.account)

    return open_one


@pytest.fixture
def sync(open_documents: OpenDocuments) -> DocumentSync:
    return open_documents()


def type_id(hubspot: HubSpot) -> str:
    """Of the custom object."""
    answer = hubspot.http.get(
        "/crm-object-schemas/v3/schemas", headers={"Authorization": f"Bearer {hubspot.settings.access_token}"}
    )
    (schema,) = answer.json()["results"]
    return str(schema["objectTypeId"])


def transactions(sync: DocumentSync) -> list[dict[str, Any]]:
    return sync.hubspot.records(type_id(sync.hubspot))


def test_a_batch_becomes_a_record_of_the_custom_object(sync: DocumentSync) -> None:
    """Linked to its company and its invoice; a second run makes no call."""
    reports = sync.sync(customer(), contact(), invoice(), batch())
    assert counts(reports["transactions"]) == {"read": 1, "created": 1}
    (made,) = transactions(sync)
    assert (made["visma_transaction_key"], made["sales_amount"]) == ("nordic:AR-000123", "1000")
    view = sync.hubspot.control(f"records/{type_id(sync.hubspot)}/{made['id']}")
    for kind in ("companies", "invoices"):
        assert list(map(str, view["associations"][kind])) == [sync.hubspot.records(kind)[0]["id"]]
    sync.hubspot.calls()
    assert all(counts(report) == {} for report in sync.deliver().values())
    assert sync.hubspot.calls() == []


def test_many_batches_need_few_calls(sync: DocumentSync) -> None:
    """A hundred a call, and one call for each kind of link."""
    reports = sync.sync(customer(), invoice(), *(batch(f"{number:06}") for number in range(300)))
    assert counts(reports["transactions"]) == {"read": 300, "created": 300}
    assert reports["transactions"].calls == 2 + 3 * 3


def test_the_same_batch_is_one_record_whatever_got_lost(sync: DocumentSync) -> None:
    """failures.md 20: an upsert by our key; its answer is lost, and so is that of the link."""
    for path in ("/batch/upsert", "/batch/associate/"):
        sync.hubspot.faults({"fault": "lost_answer", "path": path, "times": 3})
        sync.sync(customer(), batch())
    sync.hubspot.faults()
    sync.visma.now += timedelta(days=2)
    sync.deliver()
    assert sync.state("transactions", "AR-000123").outcome in ("created", "updated")
    assert len(transactions(sync)) == 1


def test_a_value_of_a_batch_that_was_taken_away_after_a_run_that_died_is_cleared(sync: DocumentSync) -> None:
    """The ledger does not know that it was made; HubSpot does, by its key."""
    for text in ("Invoices of the week", None):
        wish = desired(batch(description=text))
        change = Change("AR-000123", Operation.CREATE, wish.claim, None, wish.body, True, None, {}, b"of the body")
        (result,) = sync.account.writer("transactions").deliver(iter([change]), None)  # type: ignore[arg-type]
        assert result.outcome in ("created", "updated"), result
        (made,) = transactions(sync)
        assert (made.get("description") or None) == text


def test_a_batch_goes_before_its_invoice_and_is_linked_when_that_comes(sync: DocumentSync) -> None:
    """The invoice was rejected at first."""
    sync.sync(customer(), invoice() | {"amountInCurrency": 1.0}, batch())
    (made,) = transactions(sync)
    assert counts(sync.sync(invoice())["transactions"]) == {"read": 1, "updated": 1}
    view = sync.hubspot.control(f"records/{type_id(sync.hubspot)}/{made['id']}")
    assert len(view["associations"]["invoices"]) == 1


def test_a_batch_that_does_not_balance_is_not_used(sync: DocumentSync) -> None:
    """failures.md 29: nothing of it is sent; the complete one is."""
    half = {**batch(), "journalTransactionLines": batch()["journalTransactionLines"][:2]}
    assert counts(sync.sync(customer(), half)["transactions"]) == {"read": 1, "rejected": 1}
    assert transactions(sync) == []
    assert counts(sync.sync(batch())["transactions"]) == {"read": 1, "created": 1}


def links_of(sync: DocumentSync, kind: str) -> dict[str, list[str]]:
    """Batch -> the ids of what its transaction is linked to."""
    of = type_id(sync.hubspot)
    return {
        row["batch"]: list(map(str, sync.hubspot.control(f"records/{of}/{row['id']}")["associations"].get(kind, ())))
        for row in transactions(sync)
    }


@pytest.mark.parametrize("kind", ["companies", "invoices"])
def test_a_transaction_whose_company_or_invoice_was_deleted_brings_it_back(sync: DocumentSync, kind: str) -> None:
    """It waits for it, and the batches that were linked before are linked to the new one, too."""
    sync.sync(customer(), contact(), invoice(), batch("000001"))
    before = sync.hubspot.records(kind)[0]["id"]
    sync.hubspot.delete(kind, before)
    sync.sync(batch("000002"))
    waiting = sync.state("transactions", "AR-000002")
    assert (waiting.outcome, waiting.kind) == ("failed", "dependency")
    sync.deliver()
    (now,) = (one["id"] for one in sync.hubspot.records(kind))
    assert now != before
    assert links_of(sync, kind) == {"AR-000001": [now], "AR-000002": [now]}
    sync.hubspot.calls()
    sync.deliver()
    assert sync.hubspot.calls() == []


@pytest.mark.parametrize("merged_read", ["survivor", "missing"])
def test_a_transaction_of_a_company_that_was_merged_finds_the_other(sync: DocumentSync, merged_read: str) -> None:
    """At once where HubSpot says which; else as soon as the company is delivered anew."""
    sync.hubspot.configure(merged_read=merged_read)
    sync.sync(customer(), batch("000001"))
    mine, other = sync.hubspot.records("companies")[0]["id"], sync.hubspot.make("companies", name="Nordfisk gammel")
    sync.hubspot.control("merge/companies", {"primary": int(other), "merged": int(mine)})
    sync.sync(batch("000002"))
    assert sync.state("transactions", "AR-000002").outcome == ("created" if merged_read == "survivor" else "failed")
    sync.deliver()
    assert links_of(sync, "companies") == {"AR-000001": [other], "AR-000002": [other]}


def test_a_segment_that_is_called_otherwise_is_written_again(open_sync: OpenSync) -> None:
    """To transactions and invoices; dimensions are reference data, and nothing goes before they were read."""
    blocks = {"invoices": {"segments": {"visma_region": 2}}, "transactions": {"segments": {"region": 2}}}
    opened = open_sync(flows={**FLOWS, **blocks})
    sync = DocumentSync(opened.ledger, opened.hubspot, opened.account)
    lines = [posting("1500", "1250"), posting("3000", "-1000", **in_region("0100")), posting("2700", "-250")]
    rows = customer(), invoice("100045", line(**in_region("0100"))), batch("000123", *lines)
    assert sync.sync(*rows)["invoices"].stopped is not None
    for name in ("East", "East and north"):
        sync.visma.put(dimension(v0100=name))
        sync.read()
        sync.deliver()
        assert [one["region"] for one in transactions(sync)] == [f"0100 {name}"]
        assert sync.hubspot.one("invoices")["visma_region"] == f"0100 {name}"


# --- without custom objects ---


@pytest.fixture
def poor(hubspot: HubSpot, open_documents: OpenDocuments) -> DocumentSync:
    """A sync with an account that has no custom objects."""
    hubspot.configure(plan="professional")
    return open_documents()


def test_without_custom_objects_a_batch_stands_on_its_invoice(poor: DocumentSync) -> None:
    """As properties, which every plan takes."""
    reports = poor.sync(customer(), invoice(), credit_note(), batch())
    assert counts(reports["transactions"]) == {"read": 1, "created": 1}
    found = poor.hubspot.one("invoices", visma_document_type="Invoice")
    assert (found["visma_transaction"], found["visma_transaction_sales"]) == ("AR-000123", "1000")
    assert found["visma_transaction_date"] in ("2026-10-01", "1790812800000")


def test_without_custom_objects_the_segments_of_a_batch_stand_on_its_invoice(
    hubspot: HubSpot, open_sync: OpenSync
) -> None:
    """Beside the invoice's own, which come from other lines; a value that is taken away is cleared."""
    hubspot.configure(plan="professional")
    blocks = {"invoices": {"segments": {"visma_region": 2}}, "transactions": {"segments": {"region": 2}}}
    opened = open_sync(flows={**FLOWS, **blocks})
    sync = DocumentSync(opened.ledger, opened.hubspot, opened.account)
    sync.visma.put(dimension(v0100="East", v0200="West"))
    lines = [posting("1500", "1250"), posting("3000", "-1000", **in_region("0100")), posting("2700", "-250")]
    sync.sync(customer(), invoice("100045", line(**in_region("0200"))), batch("000123", *lines))
    found = sync.hubspot.one("invoices")
    assert (found["visma_region"], found["visma_transaction_region"]) == ("0200 West", "0100 East")
    sync.sync(batch())
    assert not sync.hubspot.one("invoices")["visma_transaction_region"]


def test_two_batches_of_one_invoice_come_one_after_the_other(poor: DocumentSync) -> None:
    """An id may stand once in a call (failures.md 10)."""
    reports = poor.sync(customer(), invoice(), batch("000001"), batch("000002"))
    assert counts(reports["transactions"]) == {"read": 2, "created": 2}
    found = poor.hubspot.one("invoices", visma_document_type="Invoice")
    assert found["visma_transaction"] in ("AR-000001", "AR-000002")


def test_a_batch_without_an_invoice_has_no_place_there(poor: DocumentSync) -> None:
    """It is skipped, with the reason, and comes when the invoice does."""
    lines = [posting("1500", "1", transactionType="X"), posting("3000", "-1", transactionType="X")]
    reports = poor.sync(customer(), batch("000009", *lines), batch())
    assert counts(reports["transactions"]) == {"read": 2, "skipped": 2}
    state = poor.state("transactions", "AR-000009")
    assert state.kind == "no custom object, and no invoice"
    assert state.reason is not None
    assert "only Enterprise accounts have" in state.reason
    assert counts(poor.sync(invoice())["transactions"]) == {"read": 1, "created": 1}


def test_a_batch_brings_an_invoice_back_that_was_deleted(poor: DocumentSync) -> None:
    """It stands nowhere else."""
    poor.sync(customer(), invoice())
    poor.hubspot.delete("invoices", poor.hubspot.records("invoices")[0]["id"])
    poor.sync(batch())
    waiting = poor.state("transactions", "AR-000123")
    assert (waiting.outcome, waiting.kind) == ("failed", "dependency")
    poor.deliver()
    assert poor.hubspot.one("invoices")["visma_transaction"] == "AR-000123"


def test_the_check_says_where_transactions_go_and_why(
    open_account: Callable[..., HubSpotAccount], hubspot: HubSpot
) -> None:
    """For an Enterprise account, one below, and one whose token may not."""
    account = open_account(flows={**FLOWS, "transactions": {}})
    found = findings(account)
    assert found["transactions"].what.startswith("Transactions go to the custom object visma_transaction.")
    assert not found["object: visma_transaction"].ok
    set_up(account)
    assert all(finding.ok for finding in account.check())
    hubspot.configure(plan="professional")
    assert findings(account)["transactions"].what == (
        "Transactions go to properties of their invoices, and those without an invoice nowhere. HubSpot refuses its "
        "custom objects (status 403), which only Enterprise accounts have."
    )
    scopes = [scope for scope in hubspot.settings.scopes if scope != "crm.schemas.custom.read"]
    hubspot.configure(plan="enterprise", scopes=scopes)
    assert findings(account)["transactions"].what.endswith("the token lacks crm.schemas.custom.read.")


def test_an_object_that_is_wanted_and_cannot_be_is_told(
    open_account: Callable[..., HubSpotAccount], hubspot: HubSpot
) -> None:
    """`store: object` never falls back."""
    hubspot.configure(plan="professional")
    account = open_account(flows={**FLOWS, "transactions": {"store": "object"}})
    assert not findings(account)["transactions"].ok


def test_without_invoices_there_is_no_fallback(open_account: Callable[..., HubSpotAccount], hubspot: HubSpot) -> None:
    """The check says so."""
    hubspot.configure(plan="free")
    account = open_account(flows={"companies": {}, "transactions": {}})
    assert not findings(account)["transactions"].ok


def test_setup_creates_the_object_once_and_then_what_it_lacks(
    open_account: Callable[..., HubSpotAccount], hubspot: HubSpot
) -> None:
    """With its unique key and its links to companies and invoices."""
    account = open_account(flows={**FLOWS, "transactions": {}})
    steps = account.setup()
    assert "create the custom object visma_transaction" in [step.title for step in steps]
    for step in (*steps, *steps):
        step.apply()
    assert account.setup() == []
    headers = {"Authorization": f"Bearer {hubspot.settings.access_token}"}
    kind = type_id(hubspot)
    hubspot.http.delete(f"/crm/v3/properties/{kind}/documents", headers=headers).raise_for_status()
    assert set_up(account) == ["create the property documents of visma_transaction"]
    assert account.setup() == []


@pytest.mark.parametrize("unique", [True, False])
def test_a_property_that_somebody_else_creates_meanwhile_is_there(
    open_account: Callable[..., HubSpotAccount], hubspot: HubSpot, unique: bool
) -> None:
    """HubSpot answers 409, and that is done; unless it is our key and not unique."""
    account = open_account(flows={**FLOWS, "transactions": {}})
    set_up(account)
    headers = {"Authorization": f"Bearer {hubspot.settings.access_token}"}
    routes, kind = account.client.routes, type_id(hubspot)
    name = "documents" if unique else "visma_transaction_key"
    hubspot.http.delete(f"/crm/v3/properties/{kind}/{name}", headers=headers).raise_for_status()
    (step,) = account.setup()
    group = "visma_transaction_information"
    body = {"name": name, "label": "X", "type": "string", "fieldType": "text", "groupName": group}
    account.client.post(routes.properties(kind), body)
    if unique:
        step.apply()
        assert account.setup() == []
    else:
        with pytest.raises(ConfigurationProblem, match="visma_transaction_key of visma_transaction already"):
            step.apply()


def test_an_object_whose_key_is_not_unique_is_never_ours(
    open_account: Callable[..., HubSpotAccount], hubspot: HubSpot
) -> None:
    """failures.md 8: the same batch could become two records."""
    account = open_account(flows={**FLOWS, "transactions": {}})
    client = account.client
    properties = [
        {"name": name, "label": name, "type": "string", "fieldType": "text"}
        for name in ("batch", "visma_transaction_key")
    ]
    client.post(
        client.routes.schemas,
        {
            "name": "visma_transaction",
            "labels": {"singular": "T", "plural": "Ts"},
            "primaryDisplayProperty": "batch",
            "requiredProperties": [],
            "properties": properties,
            "associatedObjects": [],
        },
    )
    with pytest.raises(ConfigurationProblem, match="visma_transaction_key of visma_transaction already"):
        account.setup()


def test_nothing_is_sent_where_the_object_is_missing(open_account: Callable[..., HubSpotAccount]) -> None:
    """The run stops and says what to do."""
    account = open_account(flows={**FLOWS, "transactions": {}})
    wish = desired(batch())
    wanted = Change("AR-000123", Operation.CREATE, wish.claim, None, wish.body, True, None, {}, b"of the body")
    with pytest.raises(StoppedProblem, match="the custom object visma_transaction does not exist"):
        list(account.writer("transactions").deliver(iter([wanted]), None))  # type: ignore[arg-type]
