"""The process is killed anywhere between a webhook and the books; each document is posted once all the same."""

from __future__ import annotations

import json
import multiprocessing
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ml_connector.engine.checkpoints import CHECKPOINTS, INWARD_CHECKPOINTS, arm
from ml_connector.simulators.chargebee import ChargebeeSettings
from ml_connector.store.database import Database
from ml_connector.store.landing import Landings
from ml_connector.store.ledger import Ledger
from ml_connector.store.vault import Vault, new_key, parse_key
from ml_connector_tests.simulators.chargebee_support import Chargebee, serve_chargebee
from ml_connector_tests.simulators.visma_support import Visma, serve_visma
from ml_connector_tests.systems.chargebee.support import LINES, events_block, open_sync

KILLED = -9
PLACES = [*INWARD_CHECKPOINTS, *(place for place in CHECKPOINTS if place != "poll: vanished records marked")]
PLACES_OF_INVOICES = (
    "deliver: intents written",
    "visma: document created",
    "deliver: answered",
    "deliver: outcomes recorded",
)
"""Where it matters what a document becomes."""
INVOICES: dict[str, Any] = {"post": "invoices", "policy": "immediate", "release": True}
AFTER_SETTLING = timedelta(minutes=6)
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["ml_connector_tests.systems.chargebee.support"])


def go_on(
    folder: str, key: str, chargebee_url: str, visma_url: str, events: dict[str, Any], offset: float, die_at: str
) -> None:
    """What a process of ours does with what came: all of it, once, or until it is killed."""
    arm(die_at)
    database = Database.open(f"sqlite:///{folder}/ledger.db")
    vault = Vault.open(database, parse_key(key))
    ledger = Ledger(database, vault, Landings(Path(folder) / "landings", vault.landing_key), "nordic")
    chargebee, visma = Chargebee(chargebee_url, ChargebeeSettings()), Visma(visma_url)
    with open_sync(ledger, chargebee, visma, events=events_block(**events)) as sync:
        sync.offset = timedelta(seconds=offset)
        sync.sync_back()
    database.close()


@dataclass
class Site:
    """A ledger on disk between two simulators, and the processes that work on it.

    Attributes:
        events: of the block `events`, what is unlike the usual.
        offset: how far the clock of the next process is ahead.
    """

    folder: Path
    key: str
    chargebee: Chargebee
    visma: Visma
    events: dict[str, Any] = field(default_factory=dict)
    offset: timedelta = timedelta()

    def run(self, die_at: str = "") -> int:
        """One process, which may be killed at a checkpoint; the next one comes after the time that a call may take."""
        arguments = (
            str(self.folder),
            self.key,
            self.chargebee.url,
            self.visma.url,
            self.events,
            self.offset.total_seconds(),
            die_at,
        )
        process = PROCESSES.Process(target=go_on, args=arguments)
        process.start()
        process.join()
        self.offset += AFTER_SETTLING
        return process.exitcode or 0

    def tell(self) -> None:
        """A webhook tells of the newest event, and of one that does not exist."""
        database = Database.open(f"sqlite:///{self.folder}/ledger.db")
        vault = Vault.open(database, parse_key(self.key))
        ledger = Ledger(database, vault, Landings(self.folder / "landings", vault.landing_key), "nordic")
        event = self.chargebee.events()[-1]
        ledger.inbox("chargebee").store(event["id"], json.dumps(event).encode(), datetime.now(UTC))
        ledger.inbox("chargebee").store(f"forged-{event['id']}", b"{}", datetime.now(UTC))
        database.close()

    def batches(self) -> Counter[str]:
        """How often each of our references stands in the books."""
        rows = self.visma.books()["journals"]["rows"]
        return Counter(
            row[LINES][0]["referenceNumber"] for row in rows if row[LINES][0]["referenceNumber"].startswith("CB")
        )


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with serve_chargebee(plan="custom") as chargebee, serve_visma() as visma:
        visma.start_over()
        yield Site(tmp_path, new_key(), chargebee, visma)


def test_killed_at_every_step_between_a_webhook_and_the_books(site: Site) -> None:
    """failures.md 20 and failures.md 26: nothing is lost, and nothing stands twice."""
    made = 0
    for number, place in enumerate(PLACES):
        made += 1
        subscribe(site, number)
        site.tell()
        assert site.run(place) == KILLED, place
    assert site.run() == 0
    assert site.run() == 0
    assert set(site.batches().values()) == {1}
    assert sum(site.batches().values()) == made
    totals: Counter[str] = Counter()
    for row in site.visma.books()["journals"]["rows"]:
        for line in row[LINES] if row[LINES][0]["referenceNumber"].startswith("CB") else ():
            totals[line["accountNumber"]] += round((line["debitAmount"] - line["creditAmount"]) * 100)
    assert totals == {"1530": made * 37_500, "2700": made * -7_500, "2970": made * -30_000}


def test_killed_at_every_step_of_an_invoice(site: Site) -> None:
    """failures.md 20: with `post: invoices` each stands once, and is released although who made it died before."""
    site.events = INVOICES
    for number, place in enumerate(PLACES_OF_INVOICES):
        subscribe(site, number)
        assert site.run(place) == KILLED, place
    assert site.run() == 0
    rows = [row for row in site.visma.books()["invoices"]["rows"] if (row["externalReference"] or "")[:2] == "CB"]
    assert len({row["externalReference"] for row in rows}) == len(rows) == len(PLACES_OF_INVOICES)
    assert {(row["status"], row["amountInCurrency"]) for row in rows} == {("Open", 375.0)}
    assert not site.batches()


def subscribe(site: Site, number: int) -> dict[str, Any]:
    """A subscription for a year from today: its first month has not ended."""
    yearly = {"billing_period_unit": "year", "tax_rate": 25, "tax_name": "MVA"}
    return site.chargebee.subscribe(f"S-{number}", **yearly)
