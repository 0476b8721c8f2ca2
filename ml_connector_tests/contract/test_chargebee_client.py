"""The vendor's own client, `chargebee` 3.29.0, drives the simulator (reference, section 6).

It judges URLs, methods, form keys, wrappers, offsets, errors and the replay flag; names and types of attributes are
judged by the description.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from chargebee import APIError, Chargebee, InvalidRequestError, OperationFailedError
from chargebee.retry_config import RetryConfig

from ml_connector_tests.simulators import chargebee_support as support
from ml_connector_tests.simulators.chargebee_support import DAY, KARI, Receiver, quiet

pytest_plugins = "ml_connector_tests.simulators.chargebee_fixtures"

Simulator = support.Chargebee


@pytest.fixture(scope="module", autouse=True)
def plain_http() -> Iterator[None]:
    """On the class: the client reads it there, and would rewrite the scheme to https."""
    before = Chargebee.verify_ca_certs
    Chargebee.verify_ca_certs = False
    yield
    Chargebee.verify_ca_certs = before


def client_for(chargebee: Simulator, api_key: str | None = None) -> Any:
    """The client, pointed at loopback as the reference says."""
    port = chargebee.url.rpartition(":")[2]
    key = api_key or chargebee.settings.api_key
    return Chargebee(api_key=key, site="127.0.0", chargebee_domain=f"1:{port}", protocol="http")


@pytest.fixture
def client(chargebee: Simulator) -> Any:
    return client_for(chargebee)


def refusal(error: type[APIError], call: Callable[[], Any]) -> tuple[int, str, str | None]:
    """Status, code and parameter of the error that the call ends with."""
    with pytest.raises(error) as raised:
        call()
    assert type(raised.value) is error
    return raised.value.http_status_code, raised.value.api_error_code, raised.value.param


def add_kari(client: Any, **params: Any) -> Any:
    return client.Customer.create({"id": KARI, "auto_collection": "off", **params}).customer


def invoice_of(chargebee: Simulator, **params: Any) -> dict[str, Any]:
    """The sync's import in the client's words."""
    return support.invoice_form(chargebee, **params)


def test_customers_by_every_operation(client: Any) -> None:
    """Create, read, update, billing info, list, delete."""
    created = add_kari(client, first_name="Kåre", billing_address=support.ADDRESS, cf_visma_number="10001")
    assert (created.id, created.billing_address.city) == (KARI, "Tromsø")
    assert client.Customer.retrieve(KARI).customer.first_name == "Kåre"
    updated = client.Customer.update(KARI, {"first_name": "Åse", "email": "ase@nordfisk.no"}).customer
    assert (updated.first_name, updated.email) == ("Åse", "ase@nordfisk.no")
    billed = client.Customer.update_billing_info(
        KARI, {"billing_address": {"city": "Oslo"}, "vat_number": "NO987654321"}
    ).customer
    assert (billed.billing_address.city, billed.billing_address.line1, billed.vat_number) == (
        "Oslo",
        None,
        "NO987654321",
    )
    assert [entry.customer.id for entry in client.Customer.list({"limit": 5}).list] == [KARI]
    assert client.Customer.delete(KARI).customer.deleted


def test_none_is_sent_as_an_empty_text(client: Any) -> None:
    """Which clears: leave a key out to keep its value."""
    add_kari(client, email="kari@nordfisk.no", phone="+47 22 00 00 00")
    customer = client.Customer.update(KARI, {"email": None}).customer
    assert (customer.email, customer.phone) == (None, "+47 22 00 00 00")


def test_meta_data_must_be_encoded_by_the_caller(client: Any) -> None:
    """The client sends a dict as its repr."""
    assert refusal(InvalidRequestError, lambda: add_kari(client, meta_data={"a": 1})) == (
        400,
        "param_wrong_value",
        "meta_data",
    )
    assert add_kari(client, meta_data=json.dumps({"a": 1})).meta_data == {"a": 1}


def test_an_invoice_is_imported_and_read(chargebee: Simulator, client: Any) -> None:
    """Lists of dicts become bracket arrays, and come back as rows."""
    add_kari(client)
    params = invoice_of(chargebee, payment_reference_numbers=[{"type": "kid", "number": "0012345678903"}])
    imported = client.Invoice.import_invoice(params).invoice
    assert (imported.id, imported.total, imported.amount_due) == ("VN-1", 12_500, 12_500)
    line = client.Invoice.retrieve("VN-1").invoice.line_items[0]
    assert (line.description, line.amount, line.tax_amount) == ("Lisens", 10_000, 2_500)
    wanted = {"payment_reference_number[number][is]": "0012345678903"}
    found = client.Invoice.list_payment_reference_numbers(wanted).list
    assert [entry.payment_reference_number.invoice_id for entry in found] == ["VN-1"]


def test_what_changes_later_has_its_operations(chargebee: Simulator, client: Any) -> None:
    """Details, payments on and off, credit notes, void, delete."""
    add_kari(client, billing_address=support.ADDRESS)
    client.Invoice.import_invoice(invoice_of(chargebee))
    changed = client.Invoice.update_details("VN-1", {"po_number": "PO-2", "billing_address": {"line1": "Sjøgata 2"}})
    assert (changed.invoice.po_number, changed.invoice.billing_address.line1) == ("PO-2", "Sjøgata 2")
    payment = {"amount": 12_500, "payment_method": "bank_transfer", "reference_number": "900001"}
    paid = client.Invoice.record_payment("VN-1", {"transaction": payment})
    assert (paid.invoice.status, paid.transaction.reference_number) == ("paid", "900001")
    assert client.Transaction.retrieve(paid.transaction.id).transaction.amount == 12_500
    assert refusal(InvalidRequestError, lambda: client.Invoice.void_invoice("VN-1")) == (
        409,
        "invalid_state_for_request",
        None,
    )
    removed = client.Invoice.remove_payment("VN-1", {"transaction": {"id": paid.transaction.id}})
    assert removed.invoice.status == "posted"
    applied = client.Invoice.apply_payments("VN-1", {"transactions": [{"id": paid.transaction.id, "amount": 100}]})
    assert applied.invoice.amount_paid == 100
    client.Invoice.remove_payment("VN-1", {"transaction": {"id": paid.transaction.id}})
    assert client.Invoice.void_invoice("VN-1", {"comment": "Feil"}).invoice.status == "voided"
    assert client.Invoice.delete("VN-1").invoice.deleted


def test_credit_notes_are_imported_made_and_listed(chargebee: Simulator, client: Any) -> None:
    """And what is left can be written off."""
    add_kari(client)
    client.Invoice.import_invoice(invoice_of(chargebee))
    note = client.CreditNote.import_credit_note(
        {
            "id": "VC-1",
            "reference_invoice_id": "VN-1",
            "type": "adjustment",
            "create_reason_code": "Retur",
            "date": chargebee.now() - 60,
            "line_items": [{"description": "Retur", "amount": 2_000, "tax1_name": "MVA", "tax1_amount": 500}],
            "taxes": [{"name": "MVA", "rate": 25, "amount": 500}],
        }
    ).credit_note
    assert (note.id, note.total, note.line_items[0].amount) == ("VC-1", 2_500, 2_000)
    made = client.CreditNote.create(
        {"reference_invoice_id": "VN-1", "type": "adjustment", "total": 100, "reason_code": "waiver"}
    )
    assert (made.credit_note.id, made.invoice.amount_due) == ("CN-1", 9_900)
    assert client.CreditNote.retrieve("CN-1").credit_note.total == 100
    assert [entry.credit_note.id for entry in client.CreditNote.list({"total": {"gt": 100}}).list] == ["VC-1"]
    written_off = client.Invoice.write_off("VN-1")
    assert (written_off.invoice.amount_due, written_off.credit_note.total) == (0, 9_900)


def test_lists_are_walked_by_their_offset(client: Any) -> None:
    """Until there is none; the client escapes its brackets and quotes."""
    for number in range(5):
        client.Customer.create({"id": f"V-{number}"})
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 2, "sort_by": {"asc": "created_at"}}
    while True:
        page = client.Customer.list(params)
        seen += [entry.customer.id for entry in page.list]
        if page.next_offset is None:
            break
        params["offset"] = page.next_offset
    assert seen == [f"V-{number}" for number in range(5)]


def test_filters_in_the_clients_own_notation(client: Any) -> None:
    """Single quotes from nested dicts, double ones from flat keys."""
    for number in range(3):
        client.Customer.create({"id": f"V-{number}"})
    for params in ({"id": {"in": ["V-0", "V-2"]}}, {"id[in]": ["V-0", "V-2"]}, {"id[in]": '["V-0","V-2"]'}):
        assert [entry.customer.id for entry in client.Customer.list(params).list] == ["V-0", "V-2"]
    created = client.Customer.retrieve("V-0").customer.created_at
    between = {"created_at": {"between": [created - DAY, created + DAY]}}
    assert len(client.Customer.list(between).list) == 3


def test_errors_map_to_the_clients_classes(chargebee: Simulator, client: Any) -> None:
    """By their type: a wrong request, a failed operation, and everything else."""
    add_kari(client)
    assert refusal(InvalidRequestError, lambda: add_kari(client)) == (400, "duplicate_entry", "id")
    missing = refusal(InvalidRequestError, lambda: client.Customer.retrieve("nobody"))
    assert missing == (404, "resource_not_found", None)
    stranger = client_for(chargebee, "test_wrong")
    assert refusal(APIError, lambda: stranger.Customer.list())[:2] == (401, "api_authentication_failed")
    reader = client_for(chargebee, chargebee.settings.read_only_key)
    assert refusal(OperationFailedError, lambda: reader.Customer.create({}))[:2] == (403, "api_authorization_failed")
    chargebee.configure(calls_per_minute=0)
    limited = refusal(OperationFailedError, lambda: client.Customer.list())
    assert limited == (429, "api_request_limit_exceeded", None)


def test_a_repeated_write_is_recognised_as_replayed(client: Any) -> None:
    """The flag is false without the header, and true with it."""
    headers = {"chargebee-idempotency-key": "10001-1"}
    first = client.Customer.create({"id": KARI}, headers)
    again = client.Customer.create({"id": KARI}, headers)
    assert (first.is_idempotency_replayed, again.is_idempotency_replayed) == (False, True)
    assert again.customer.id == KARI
    other = refusal(InvalidRequestError, lambda: client.Customer.create({"id": "V-2"}, headers))
    assert other == (422, "unable_to_process_request", None)


def test_the_clients_retries_bring_their_own_key(chargebee: Simulator) -> None:
    """A write that failed once is done once, and counted once."""
    client = client_for(chargebee)
    client.update_retry_config(RetryConfig(enabled=True, max_retries=2, delay_ms=10, retry_on=[500]))
    chargebee.control("faults", [{"fault": "server_error", "times": 1}])
    assert add_kari(client).id == KARI
    chargebee.control("faults", [])
    assert chargebee.types() == ["customer_created"]


def test_events_are_polled_and_read(chargebee: Simulator, client: Any) -> None:
    """With the filters of the inbox, and their content as plain data."""
    chargebee.subscribe()
    chargebee.control("clock", {"days": 40})
    params = {
        "event_type": {"in": ["subscription_created", "subscription_renewed"]},
        "occurred_at": {"after": chargebee.now() - 60 * DAY},
        "sort_by": {"asc": "occurred_at"},
    }
    events = [entry.event for entry in client.Event.list(params).list]
    assert [event.event_type for event in events] == ["subscription_created", "subscription_renewed"]
    read = client.Event.retrieve(events[1].id).event
    assert read.content["subscription"]["id"] == "S-1"
    assert read.content["invoice"]["line_items"][0]["amount"] == 30_000
    missing = refusal(InvalidRequestError, lambda: client.Event.retrieve("ev_forged"))
    assert missing[:2] == (404, "resource_not_found")


def test_a_webhook_is_an_event_to_the_client(chargebee: Simulator, receiver: Receiver, client: Any) -> None:
    """Its body is taken by the client's own reader, which wants version v2."""
    add_kari(client)
    quiet(chargebee)
    event = client.Event.deserialize(json.dumps(receiver.bodies[0]))
    assert (event.event_type, event.content["customer"]["id"]) == ("customer_created", KARI)


def test_subscriptions_are_read_with_their_customer(chargebee: Simulator, client: Any) -> None:
    """Alone and in lists."""
    chargebee.subscribe()
    read = client.Subscription.retrieve("S-1")
    assert (read.subscription.status, read.customer.id) == ("active", KARI)
    assert read.subscription.subscription_items[0].item_price_id == "standard"
    listed = client.Subscription.list({"status": {"is": "active"}}).list
    assert [(entry.subscription.id, entry.customer.id) for entry in listed] == [("S-1", KARI)]


def test_charges_are_invoiced(client: Any) -> None:
    """Catalogue 2.0: item prices and single charges."""
    add_kari(client)
    params = {
        "customer_id": KARI,
        "item_prices": [{"item_price_id": "setup", "unit_price": 5_000, "quantity": 2}],
        "charges": [{"amount": 1_000, "description": "Bistand"}],
    }
    invoice = client.Invoice.create_for_charge_items_and_charges(params).invoice
    assert [line.amount for line in invoice.line_items] == [10_000, 1_000]
