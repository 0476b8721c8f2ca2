"""The process is killed between any two calls to Chargebee; each invoice, payment and credit note stands once."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ml_connector.engine.checkpoints import CHARGEBEE_CHECKPOINTS, CHECKPOINTS, arm
from ml_connector.simulators.chargebee import ChargebeeSettings
from ml_connector.store.database import Database
from ml_connector.store.landing import Landings
from ml_connector.store.ledger import Ledger
from ml_connector.store.vault import Vault, new_key, parse_key
from ml_connector_tests.simulators.chargebee_support import Chargebee, serve_chargebee
from ml_connector_tests.simulators.visma_support import ORDINARY, Visma, serve_visma
from ml_connector_tests.systems.chargebee.support import open_sync
from ml_connector_tests.systems.chargebee.test_outward import ONLY

KILLED = -9
PLACES = [*CHARGEBEE_CHECKPOINTS, *(place for place in CHECKPOINTS if place != "poll: vanished records marked")]
AFTER_SETTLING = timedelta(minutes=3)
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["ml_connector_tests.systems.chargebee.support"])


def go_on(folder: str, key: str, chargebee_url: str, visma_url: str, offset: float, die_at: str) -> None:
    """What a process of ours does: read, and deliver, once, or until it is killed."""
    arm(die_at)
    database = Database.open(f"sqlite:///{folder}/ledger.db")
    vault = Vault.open(database, parse_key(key))
    ledger = Ledger(database, vault, Landings(Path(folder) / "landings", vault.landing_key), "nordic")
    chargebee, visma = Chargebee(chargebee_url, ChargebeeSettings()), Visma(visma_url)
    with open_sync(ledger, chargebee, visma, flows=ONLY) as sync:
        sync.offset = timedelta(seconds=offset)
        sync.sync_out()
    database.close()


@dataclass
class Site:
    """A ledger on disk between two simulators, and the processes that work on it."""

    folder: Path
    key: str
    chargebee: Chargebee
    visma: Visma
    offset: timedelta = timedelta()

    def run(self, die_at: str = "") -> int:
        """One process, which may be killed at a checkpoint; the next one comes after the time that a call may take."""
        where = (str(self.folder), self.key, self.chargebee.url, self.visma.url)
        process = PROCESSES.Process(target=go_on, args=(*where, self.offset.total_seconds(), die_at))
        process.start()
        process.join()
        self.offset += AFTER_SETTLING
        return process.exitcode or 0

    def order(self) -> str:
        return str(self.visma.order()["referenceNumber"])

    def invoice(self, number: str) -> dict[str, Any]:
        found: dict[str, Any] = self.chargebee.read(f"/invoices/VN-{number}")["invoice"]
        return found

    def comments(self) -> list[tuple[str, str]]:
        """Of which invoice, and what it says, in their order."""
        rows = self.chargebee.control("records/comments")["records"]
        return [(row["entity_id"], row["notes"]) for row in rows]


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Chargebee, Visma]]:
    with serve_chargebee(plan="custom") as chargebee, serve_visma() as visma:
        yield chargebee, visma


@pytest.fixture
def site(tmp_path: Path, servers: tuple[Chargebee, Visma]) -> Site:
    """Nothing is at Chargebee yet."""
    chargebee, visma = servers
    chargebee.start_over()
    visma.start_over()
    return Site(tmp_path, new_key(), chargebee, visma)


@pytest.mark.parametrize("minutes", [30, 0], ids=["keys known", "keys forgotten"])
def test_killed_between_any_two_calls(site: Site, minutes: int) -> None:
    """failures.md 20: at every place something is under way of each kind, and in the end all of it stands once."""
    paid, credited, voided, renamed, moved, worded, fresh = [], [], [], [], [], [], []
    site.chargebee.configure(idempotency_minutes=minutes)
    places = PLACES if minutes else CHARGEBEE_CHECKPOINTS
    assert site.run() == 0
    for at, place in enumerate(places):
        paid.append(site.order())
        credited.append(site.order())
        voided.append(site.order())
        renamed.append(site.order())
        moved.append(site.order())
        worded.append(site.order())
        site.visma.pay(voided[-1], 50)
        site.visma.pay(worded[-1])
        assert site.run() == 0
        site.visma.pay(paid[-1], 70)
        site.visma.pay(paid[-1], 30)
        site.visma.credit(credited[-1])
        site.visma.control("PATCH", f"invoices/{voided[-1]}", {"status": "Voided"})
        site.visma.control("PATCH", f"invoices/{renamed[-1]}", {"customerRefNumber": f"PO {at}"})
        site.visma.control("PATCH", f"invoices/{moved[-1]}", {"invoiceAddress": {"city": f"By {at}"}})
        site.visma.control("PATCH", f"invoices/{worded[-1]}", {"invoiceText": f"Text {at}"})
        fresh.append(site.order())
        site.visma.patch(mainContact={"phone1": f"+47 {at}"}, mainAddress={"city": f"By {at}"})
        site.visma.patch(vatRegistrationId=f"NO{at}")
        assert site.run(place) == KILLED, place
        site.chargebee.configure(idempotency_minutes=minutes)
    places = PLACES if minutes else CHARGEBEE_CHECKPOINTS
    assert site.run() == 0
    for at, number in enumerate(paid):
        amounts = sorted(link["txn_amount"] for link in site.invoice(number)["linked_payments"])
        assert amounts == [3_000, 7_000], places[at]
    assert {site.invoice(number)["status"] for number in voided} == {"voided"}
    assert {site.invoice(number)["total"] for number in fresh} == {25_000}
    assert [site.invoice(number)["po_number"] for number in renamed] == [f"PO {at}" for at in range(len(places))]
    assert [site.invoice(number)["billing_address"]["city"] for number in moved] == [
        f"By {at}" for at in range(len(places))
    ]
    last = len(places) - 1
    assert {site.invoice(number)["vat_number"] for number in (*renamed, *moved, *fresh)} == {f"NO{last}"}
    comments = [(f"VN-{number}", f"Text {at}") for at, number in enumerate(worded)]
    assert (sorted({*site.comments()}), not minutes or len(site.comments()) == len(comments)) == (
        sorted(comments),
        True,
    )
    notes = [note["reference_invoice_id"] for note in site.chargebee.listed("credit_notes", limit=100)]
    assert sorted(notes) == sorted({*notes})
    assert {f"VN-{number}" for number in credited} <= {*notes}
    customer = site.chargebee.read(f"/customers/V-{ORDINARY}")["customer"]
    assert (customer["phone"], customer["billing_address"]["city"]) == (f"+47 {last}", f"By {last}")
