"""The audit holds what was sent to Chargebee: every call with its parameters, as it arrived there."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import orjson
import pytest

from ml_connector.systems.chargebee.forms import encoded
from ml_connector_tests.simulators.visma_support import ORDINARY
from ml_connector_tests.systems.chargebee.conftest import OpenSync
from ml_connector_tests.systems.chargebee.support import Sync

KARI = f"V-{ORDINARY}"
ONLY = {"customers": {"where": {"number": [ORDINARY]}}, "invoices": {"from": "2020-01-01"}}


@pytest.fixture
def sync(open_one: OpenSync) -> Sync:
    return open_one(flows=ONLY)


def proved(sync: Sync, key: str) -> list[tuple[str, list[tuple[str, bytes]]]]:
    """Each attempt at a record: its outcome, and path and content of what was sent for it."""
    rows = (one.entry for one in sync.ledger.audit("chargebee").entries(key=key, with_payload=True))
    return [(row.outcome, _posts(row.payload)) for row in rows]


def _posts(payload: bytes | None) -> list[tuple[str, bytes]]:
    posts: list[dict[str, Any]] = [] if payload is None else orjson.loads(payload)["sent"]
    return [(post.pop("post"), encoded(post)) for post in posts]


def arrived(sync: Sync) -> list[tuple[str, dict[str, str]]]:
    """Path and parameters of every write about documents since the last look, as Chargebee got them."""
    found = [(one["path"].removeprefix("/api/v2"), one["parameters"]) for one in sync.chargebee.control("sent")]
    sync.chargebee.anonymous.delete("/_simulator/sent")
    return found


def parameters(content: bytes) -> dict[str, str]:
    return dict(parse_qsl(content.decode(), keep_blank_values=True))


def test_every_call_about_an_invoice_is_told(sync: Sync) -> None:
    """Its import, a change of its details and a payment: just what arrived, and nothing where nothing was sent."""
    number = str(sync.visma.order(text="Takk!")["referenceNumber"])
    sync.sync_out()
    sync.visma.control("PATCH", f"invoices/{number}", {"customerRefNumber": "PO 8"})
    sync.visma.pay(number, 100)
    sync.sync_out()
    told = proved(sync, f"Invoice-{number}")
    assert [(outcome, [path for path, _ in posts]) for outcome, posts in told] == [
        ("created", ["/invoices/import_invoice"]),
        ("updated", [f"/invoices/VN-{number}/update_details", f"/invoices/VN-{number}/record_payment"]),
    ]
    sent = [(path, parameters(content)) for _, posts in told for path, content in posts]
    ours = f"VN-{number}"
    assert sent == [one for one in arrived(sync) if ours in one[0].split("/") or one[1].get("id") == ours]


def test_a_credit_note_is_told(sync: Sync) -> None:
    number = str(sync.visma.order()["referenceNumber"])
    sync.sync_out()
    note = str(sync.visma.credit(number)["referenceNumber"])
    sync.sync_out()
    ((outcome, ((path, content),)),) = proved(sync, f"CreditNote-{note}")
    assert (outcome, path) == ("created", "/credit_notes/import_credit_note")
    assert (path, parameters(content)) in arrived(sync)


def test_the_calls_about_a_customer_are_told(sync: Sync) -> None:
    """One to create it, two to change both halves of it."""
    sync.sync_out()
    sync.visma.patch(mainContact={"phone1": "+47 1"}, mainAddress={"city": "Vardø"})
    sync.sync_out()
    told = proved(sync, ORDINARY)
    assert [(outcome, [path for path, _ in posts]) for outcome, posts in told] == [
        ("created", ["/customers"]),
        ("updated", [f"/customers/{KARI}", f"/customers/{KARI}/update_billing_info"]),
    ]
    assert parameters(told[1][1][1][1])["billing_address[city]"] == "Vardø"


def test_what_was_refused_is_told_as_well(sync: Sync) -> None:
    sync.sync_out()
    number = str(sync.visma.order()["referenceNumber"])
    sync.chargebee.configure(base_currency="SEK")
    sync.sync_out()
    ((outcome, posts),) = proved(sync, f"Invoice-{number}")
    assert (outcome, [path for path, _ in posts]) == ("rejected", ["/invoices/import_invoice"])
