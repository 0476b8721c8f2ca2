"""Of versions that are milliseconds apart the newest counts, in whatever order webhooks and polls bring them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import select

from ml_connector.store.landing import Landings
from ml_connector.store.ledger import Ledger
from ml_connector.store.tables import record_state, source_row
from ml_connector.store.vault import Vault, new_key, parse_key
from ml_connector_tests.databases import new_database
from ml_connector_tests.simulators.chargebee_support import Chargebee
from ml_connector_tests.simulators.visma_support import Visma
from ml_connector_tests.systems.chargebee.expected import Chart, Expected, by_reference, expected, standing
from ml_connector_tests.systems.chargebee.support import BACK, COMPANY, TARGET, Sync, open_sync

Events = Sequence[dict[str, Any]]
ITEMS = [
    {"item_price_id": "lisens", "item_type": "plan", "unit_price": 120_000},
    {"item_price_id": "oppstart", "item_type": "charge", "unit_price": 5_000},
]
ORDERS = [order for told in range(3) for order in permutations(range(3), told)]
"""Which of three events webhooks tell of, one after the other; a poll finds the others. So each order comes about."""


def _amounts(chargebee: Chargebee, *of_the_plan: int) -> None:
    """The invoice is another one each time, within the same second."""
    for number, amount in enumerate(of_the_plan):
        (invoice,) = chargebee.control("records/invoices")["records"]
        plan, charge = invoice["line_items"]
        total = amount + charge["amount"]
        lines = [{**plan, "amount": amount, "unit_amount": amount}, charge]
        changes = {"line_items": lines, "total": total, "sub_total": total, "amount_due": total}
        chargebee.control(f"records/invoices/{invoice['id']}", {"set": changes})
        chargebee.done(f"/invoices/{invoice['id']}/update_details", po_number=f"PO-{number}")


def _void(chargebee: Chargebee) -> None:
    """The invoice gets an order number, and is void."""
    chargebee.done("/invoices/1/update_details", po_number="PO-1")
    chargebee.done("/invoices/1/void")


def _keep(chargebee: Chargebee) -> None:
    """The subscription is cancelled, and is not: it is again as it was."""
    chargebee.control("subscriptions/S-1/cancel", {"when": "term_end"})
    chargebee.control("subscriptions/S-1/keep", {})


def _other_items(chargebee: Chargebee) -> None:
    """The subscription has other prices, and then ends."""
    chargebee.control("subscriptions/S-1/change", {"items": [{**ITEMS[0], "unit_price": 240_000}], "prorate": False})
    chargebee.control("subscriptions/S-1/cancel", {"when": "now", "credit": False})


@dataclass(frozen=True)
class Change:
    """What happens, to what, and whether each version is posted before the next one comes: what was posted with other
    amounts is for people."""

    happens: Callable[[Chargebee], None]
    to: str = "subscription"
    posted_at_once: bool = False


CHANGES = {
    "amounts": Change(lambda chargebee: _amounts(chargebee, 60_000, 240_000), "invoice"),
    "amounts, and back": Change(lambda chargebee: _amounts(chargebee, 60_000, 120_000), "invoice"),
    "void": Change(_void, "invoice"),
    "void, posted at once": Change(_void, "invoice", posted_at_once=True),
    "kept": Change(_keep, posted_at_once=True),
    "other items, and ended": Change(_other_items),
}


def changed_within_milliseconds(chargebee: Chargebee, change: Change) -> Events:
    """The first event with each of three versions, of which each is a millisecond after the one before: the clock goes
    back a minute, and versions do not."""
    chargebee.subscribe(items=ITEMS, billing_period_unit="year", tax_rate=0)
    chargebee.configure(clock_offset_seconds=-60)
    change.happens(chargebee)
    first: dict[int, dict[str, Any]] = {}
    for event in chargebee.events():
        if change.to in event["content"]:
            first.setdefault(event["content"][change.to]["resource_version"], event)
    versions = sorted(first)[-3:]
    assert versions[-1] - versions[0] < 10, "milliseconds apart"
    return [first[version] for version in versions]


@contextmanager
def fresh(chargebee: Chargebee, visma: Visma) -> Iterator[Sync]:
    """An empty ledger; of what stands in Visma, it is the newest that counts."""
    with tempfile.TemporaryDirectory() as folder:
        database = new_database(Path(folder) / "ledger.db")
        vault = Vault.open(database, parse_key(new_key()))
        ledger = Ledger(database, vault, Landings(Path(folder) / "landings", vault.landing_key), COMPANY)
        with open_sync(ledger, chargebee, visma) as sync:
            yield sync
        database.close()


def tell(sync: Sync, event: dict[str, Any]) -> None:
    """A webhook, which is acted on at once."""
    sync.ledger.inbox(TARGET).store(event["id"], orjson.dumps(event), sync.now())
    sync.take_in()
    sync.derive()


def in_ledger(sync: Sync) -> tuple[set[Any], set[Any]]:
    """The newest version of everything that was derived, and what became of it, but for the numbers of batches."""
    rows = select(source_row.c.entity, source_row.c.key, source_row.c.digest, source_row.c.changed_at)
    states = select(record_state.c.flow, record_state.c.key, record_state.c.outcome, record_state.c.rule)
    with sync.ledger.database.connect() as connection:
        derived = {tuple(row) for row in connection.execute(rows) if row.entity != f"{TARGET}.events"}
        return derived, {tuple(row) for row in connection.execute(states.where(record_state.c.target == BACK))}


def batches(visma: Visma) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = visma.books()["journals"]["rows"]
    return rows


def wanted(sync: Sync) -> Expected:
    records = {kind: sync.chargebee.control(f"records/{kind}")["records"] for kind in ("invoices", "credit_notes")}
    return expected(records["invoices"], records["credit_notes"], sync.now(), Chart())


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_any_order_of_near_versions_ends_alike(chargebee: Chargebee, visma: Visma, change: Change) -> None:
    """failures.md 26: in one ledger, in the same transactions of Visma, and in the subscription as it is."""
    versions = changed_within_milliseconds(chargebee, change)
    ends = []
    for order in ORDERS:
        before = {(row["module"], row["batchNumber"]) for row in batches(visma)}
        with fresh(chargebee, visma) as sync:
            for number in order:
                tell(sync, versions[number])
                if change.posted_at_once:
                    sync.post()
            sync.poll()
            sync.derive()
            sync.wait(days=70)
            sync.post()
            new = [row for row in batches(visma) if (row["module"], row["batchNumber"]) not in before]
            assert standing(new) == by_reference(wanted(sync).postings, COMPANY, TARGET), order
            _is_as_it_is(sync, order)
            ends.append(in_ledger(sync))
    assert [order for order, end in zip(ORDERS, ends, strict=True) if end != ends[0]] == []


def _is_as_it_is(sync: Sync, order: tuple[int, ...]) -> None:
    """What people are told of the subscription is what Chargebee has."""
    (row,) = sync.chargebee.control("records/subscriptions")["records"]
    amount = f"{row['mrr'] // 100}.{row['mrr'] % 100:02d}"
    assert sync.state_back("subscriptions", "S-1").reason == f"{row['status']}, {amount} NOK a month", order
