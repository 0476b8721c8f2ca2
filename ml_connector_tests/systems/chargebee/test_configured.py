"""What the block `events` says stands in Visma's books: rules, places, descriptions, and which events count."""

from __future__ import annotations

from typing import Any

import orjson

from ml_connector_tests.systems.chargebee.conftest import OpenSync
from ml_connector_tests.systems.chargebee.support import BACK, LINES, Sync, counts, events_block
from ml_connector_tests.systems.chargebee.test_events import item, subscribed
from ml_connector_tests.systems.chargebee.test_post_invoices import documents, invoices_block
from ml_connector_tests.systems.chargebee.test_post_invoices import subscribed as billed

ONBOARDING = item(10_000, "charge", "onboarding")
PLACE = {1: "10", 2: "0100"}
OTHER = {1: "20", 2: "0200"}


def segments(line: dict[str, Any]) -> dict[int, str]:
    return {one["segmentId"]: one["segmentValue"] for one in line["subaccount"]["segments"]}


def test_a_line_for_one_moment_is_revenue_at_once(sync: Sync) -> None:
    """The year of the plan is deferred beside it; no month is made of what is for no time."""
    sync.chargebee.subscribe(
        items=[item(), ONBOARDING], billing_period=1, billing_period_unit="year", tax_rate=25, tax_name="MVA"
    )
    sync.sync_back()
    assert sync.totals() == {"1530": 162_500, "2700": -32_500, "2970": -120_000, "3000": -10_000}
    sync.wait(days=800)
    sync.sync_back()
    assert sync.totals() == {"1530": 162_500, "2700": -32_500, "3000": -130_000}


def test_rules_move_revenue_deferred_revenue_and_the_subaccount(open_one: OpenSync) -> None:
    """Of the lines that they fit; the others have what the block says of every line."""
    rule = {"entity_id": "lisens", "revenue": "3100", "deferred": "2930", "subaccount": OTHER}
    sync = open_one(events=events_block(rules=[rule], subaccount=PLACE, branch="2"))
    sync.chargebee.subscribe(
        items=[item(), ONBOARDING], billing_period=1, billing_period_unit="year", tax_rate=25, tax_name="MVA"
    )
    sync.sync_back()
    (batch,) = sync.batches()
    places = {line["accountNumber"]: segments(line) for line in batch[LINES]}
    assert (places["2930"], places["3000"], places["1530"]) == (OTHER, PLACE, PLACE)
    assert (batch["branch"], {line["branch"] for line in batch[LINES]}) == ("2", {"2"})
    sync.wait(days=800)
    sync.sync_back()
    assert sync.totals() == {"1530": 162_500, "2700": -32_500, "3000": -10_000, "3100": -120_000}


def test_invoices_have_the_places_as_well(open_one: OpenSync) -> None:
    sync = open_one(events=invoices_block(subaccount=PLACE, branch="2"))
    billed(sync)
    sync.sync_back()
    (row,) = documents(sync)
    (line,) = row["invoiceLines"]
    assert (segments(line), line["branchNumber"]["number"]) == (PLACE, "2")
    told = (recorded.entry for recorded in sync.ledger.audit(BACK).entries(with_payload=True))
    (payload,) = (entry.payload for entry in told if entry.payload)
    (sent,) = orjson.loads(payload)["invoiceLines"]
    assert sent["branchNumber"] == {"value": "2"}


def test_the_description_is_the_configured_one(open_one: OpenSync) -> None:
    sync = open_one(events=events_block(description="{kind} {document} of {customer}, {period}"))
    invoice = subscribed(sync)
    sync.sync_back()
    (batch,) = sync.batches()
    (document,) = sync.chargebee.listed("invoices")
    wanted = f"invoice {document['id']} of {invoice['customer_id']}, {batch['financialPeriod'][:4]}-"
    assert batch["description"].startswith(wanted)


def test_only_events_of_the_listed_types_count(open_one: OpenSync) -> None:
    """The invoice comes with several events; a credit note comes with its own, which is not listed here."""
    sync = open_one(events=events_block(types=["invoice_generated"], policy="immediate"))
    subscribed(sync)
    (invoice,) = sync.chargebee.listed("invoices")
    sync.chargebee.control(f"invoices/{invoice['id']}/credit", {"amount": invoice["total"], "type": "adjustment"})
    assert {"invoice_generated", "credit_note_created"} <= set(sync.chargebee.types())
    sync.sync_back()
    assert sync.totals() == {"1530": 150_000, "2700": -30_000, "3000": -120_000}


def test_what_a_subscription_is_worth_is_kept(sync: Sync) -> None:
    """120,000 a year in minor units."""
    subscribed(sync)
    sync.sync_back()
    assert (sync.state_back("subscriptions", "S-1").reason or "") == "active, 100.00 NOK a month"


def test_a_second_closing_makes_no_second_transaction(open_one: OpenSync) -> None:
    """A month is closed, so the next open one is taken; the answer is lost; then that one is closed, too."""
    sync = open_one(events=events_block(policy="immediate"))
    subscribed(sync)
    close(sync, f"{sync.now():%Y%m}")
    sync.visma.fault("lost_answer", path="journaltransaction$", method="POST", times=1)
    assert counts(sync.sync_back()["journals"]) == {"read": 1, "failed": 1}
    (batch,) = sync.batches()
    close(sync, batch["financialPeriod"])
    another_run = open_one(events=events_block(policy="immediate"))  # which reads the periods anew
    another_run.wait(minutes=10)
    assert counts(another_run.post("journals")["journals"]) == {"read": 1, "created": 1}
    assert [one["batchNumber"] for one in sync.batches()] == [batch["batchNumber"]]


def close(sync: Sync, period: str) -> None:
    sync.visma.control("POST", f"periods/{period}/close")
