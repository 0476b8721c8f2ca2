"""Events of the Chargebee simulator: what raises them, what they carry, how they are found (reference, section 5)."""

from __future__ import annotations

from typing import Any

import pytest

from ml_connector_tests.simulators.chargebee_support import ADDRESS, KARI, Chargebee, refusal

pytest_plugins = "ml_connector_tests.simulators.chargebee_fixtures"

BANK = {"payment_method": "bank_transfer"}
CREDIT = {"reference_invoice_id": "VN-1", "type": "adjustment", "create_reason_code": "Retur", "total": 2_500}


def test_an_event_has_the_envelope_of_the_documents(chargebee: Chargebee) -> None:
    """Our own writes come from the API, by the name of the key."""
    chargebee.customer()
    (event,) = chargebee.events()
    assert event.keys() == {
        *("id", "occurred_at", "source", "user", "object"),
        *("api_version", "content", "event_type", "webhook_status"),
    }
    assert (event["source"], event["user"], event["api_version"]) == ("api", "ml_connector", "v2")
    assert (event["event_type"], event["webhook_status"]) == ("customer_created", "not_configured")
    assert event["content"]["customer"]["id"] == KARI
    assert chargebee.read(f"/events/{event['id']}")["event"] == event


def test_an_unknown_event_is_not_found(chargebee: Chargebee) -> None:
    """So a forged one is recognised (failures.md 27)."""
    assert refusal(chargebee.get("/events/ev_forged"))[:2] == (404, "resource_not_found")


@pytest.mark.parametrize(
    ("path", "form", "raised"),
    [
        (f"/customers/{KARI}", {"first_name": "Åse"}, ["customer_changed"]),
        (f"/customers/{KARI}/update_billing_info", {"billing_address": ADDRESS}, ["customer_changed"]),
        ("/invoices/VN-1/update_details", {"po_number": "1"}, ["invoice_updated"]),
        ("/invoices/VN-1/void", {}, ["invoice_updated"]),
        ("/invoices/VN-1/delete", {}, ["invoice_deleted"]),
        ("/invoices/VN-1/record_payment", {"transaction": BANK}, ["payment_succeeded", "invoice_updated"]),
        ("/invoices/VN-1/write_off", {}, ["credit_note_created", "invoice_updated"]),
        (
            "/credit_notes/import_credit_note",
            {**CREDIT, "id": "VC-1", "date": 1_700_000_000},
            ["credit_note_created", "invoice_updated"],
        ),
    ],
)
def test_every_write_raises_its_events(
    chargebee: Chargebee, path: str, form: dict[str, Any], raised: list[str]
) -> None:
    """`invoice_updated` covers voids, addresses, payments and credits."""
    chargebee.customer()
    chargebee.invoice()
    assert chargebee.types() == ["customer_created", "invoice_generated"]
    chargebee.done(path, **form)
    assert chargebee.types()[2:] == raised


def test_our_own_import_raises_an_event_like_any_other(chargebee: Chargebee) -> None:
    """It must not be booked as revenue (failures.md 38); only its id and source tell."""
    chargebee.customer()
    chargebee.invoice()
    (event,) = chargebee.events("invoice_generated")
    assert (event["content"]["invoice"]["id"], event["source"], event["user"]) == ("VN-1", "api", "ml_connector")
    assert event["content"].keys() == {"invoice"}
    chargebee.configure(import_events=False)
    chargebee.invoice("VN-2")
    assert len(chargebee.events("invoice_generated")) == 1


def test_a_refused_write_raises_nothing(chargebee: Chargebee) -> None:
    """Nor does it change anything."""
    chargebee.customer()
    chargebee.post("/customers", id=KARI)
    chargebee.post(f"/customers/{KARI}", email="kari@")
    assert chargebee.types() == ["customer_created"]


def test_an_event_keeps_the_state_of_its_time(chargebee: Chargebee) -> None:
    """Later changes have later events, with higher versions (failures.md 26)."""
    chargebee.customer(first_name="Kari")
    chargebee.done(f"/customers/{KARI}", first_name="Åse")
    first, second = (event["content"]["customer"] for event in chargebee.events())
    assert (first["first_name"], second["first_name"]) == ("Kari", "Åse")
    assert first["resource_version"] < second["resource_version"]


def test_a_header_suppresses_the_webhook_and_not_the_event(chargebee: Chargebee) -> None:
    """It is presumably still listed."""
    chargebee.control("webhooks", {"url": "http://127.0.0.1:9/hook"})
    chargebee.configure(webhook_hold=True)
    chargebee.post("/customers", id=KARI, headers={"chargebee-event-webhook": "all-disabled"})
    (event,) = chargebee.events()
    assert event["webhook_status"] == "disabled"
    assert chargebee.control("webhooks")["waiting"] == 0
    chargebee.configure(suppressed_events="hidden")
    assert chargebee.events() == []
    assert chargebee.get(f"/events/{event['id']}").status_code == 404


def test_events_are_found_by_time_type_and_source(chargebee: Chargebee) -> None:
    """In the order in which they occurred."""
    chargebee.customer()
    began = chargebee.now()
    chargebee.control("clock", {"seconds": 100})
    chargebee.subscribe()
    found = chargebee.listed("events", **{"occurred_at[after]": began + 50, "sort_by[asc]": "occurred_at"})
    assert [event["event_type"] for event in found] == ["subscription_created", "invoice_generated", "mrr_updated"]
    by_source = chargebee.listed("events", **{"source[is]": "admin_console"})
    assert [event["event_type"] for event in by_source] == ["subscription_created", "invoice_generated"]
    newest = chargebee.listed("events", limit=1, **{"sort_by[desc]": "occurred_at"})
    assert [event["event_type"] for event in newest] == chargebee.types()[::-1]


def test_a_search_by_webhook_status_alone_goes_six_days_back(chargebee: Chargebee) -> None:
    """Older ones need a time, too."""
    chargebee.customer()
    began = chargebee.now()
    chargebee.control("clock", {"days": 7})
    status = {"webhook_status[is]": "not_configured"}
    assert chargebee.listed("events", **status) == []
    assert len(chargebee.listed("events", **status, **{"occurred_at[after]": began - 10})) == 1


def test_events_can_be_forgotten(chargebee: Chargebee) -> None:
    """For how long they are kept is nowhere documented."""
    chargebee.customer()
    chargebee.control("clock", {"days": 91})
    assert len(chargebee.events()) == 1
    chargebee.configure(event_days=90)
    assert chargebee.events() == []
