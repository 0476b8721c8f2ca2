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
from ml_connector_tests.systems.chargebee.expected import Chart, Expected, Posting, by_reference, expected, standing
from ml_connector_tests.systems.chargebee.support import COMPANY, LINES, TARGET, events_block, open_sync

KILLED = -9
PLACES = [*INWARD_CHECKPOINTS, *(place for place in CHECKPOINTS if place != "poll: vanished records marked")]
PLACES_OF_INVOICES = (
    "deliver: intents written",
    "visma: document created",
    "deliver: answered",
    "deliver: outcomes recorded",
)
"""Where it matters what a document becomes."""
PLACES_OF_MONTHS = (
    "told: events landed",
    "derive: everything landed#2",  # documents are made of the events, months are not yet
    "derive: taken up#2",
    "deliver: flow opened#2",
    "deliver: intents written#2",
    "visma: document created",
    "visma: document created#2",
    "visma: document created#3",
    "deliver: answered#2",
    "deliver: outcomes recorded",
    "deliver: outcomes recorded#2",
    "deliver: pass ended#2",
    "deliver: everything taken up#2",
    "deliver: counted#2",
)
"""Of a run that posts a document, and the months that have ended of it and of those before. The first place of a name
is on the way of the document, later ones are on that of its months."""
INVOICES: dict[str, Any] = {"post": "invoices", "policy": "immediate", "release": True}
AFTER_SETTLING = timedelta(minutes=6)
MONTH = timedelta(days=31)  # the end of one month at least lies within
SEVERAL_LINES = [
    {"item_price_id": "lisens", "item_type": "plan", "unit_price": 99_999},
    {"item_price_id": "bruker", "item_type": "addon", "unit_price": 10_001, "quantity": 3},
    {"item_price_id": "oppstart", "item_type": "charge", "unit_price": 5_000},
]
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

    def run(self, die_at: str = "", then: timedelta = AFTER_SETTLING) -> int:
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
        self.offset += then
        return process.exitcode or 0

    def tell(self, newest: int = 1) -> None:
        """Webhooks tell of the newest events, and of one that does not exist."""
        database = Database.open(f"sqlite:///{self.folder}/ledger.db")
        vault = Vault.open(database, parse_key(self.key))
        ledger = Ledger(database, vault, Landings(self.folder / "landings", vault.landing_key), "nordic")
        for event in self.chargebee.events()[-newest:]:
            ledger.inbox("chargebee").store(event["id"], json.dumps(event).encode(), datetime.now(UTC))
        ledger.inbox("chargebee").store(f"forged-{event['id']}", b"{}", datetime.now(UTC))
        database.close()

    def batches(self) -> Counter[str]:
        """How often each of our references stands in the books."""
        rows = self.visma.books()["journals"]["rows"]
        return Counter(
            row[LINES][0]["referenceNumber"] for row in rows if row[LINES][0]["referenceNumber"].startswith("CB")
        )

    def expected(self) -> Expected:
        """What Chargebee's documents come to, at the time of the next process."""
        invoices, notes = (
            self.chargebee.control(f"records/{kind}?count=10000")["records"] for kind in ("invoices", "credit_notes")
        )
        return expected(invoices, notes, datetime.now(UTC) + self.offset, Chart())

    def standing(self) -> dict[str, Posting]:
        """The transactions that stand in Visma, by reference: each once, and balanced."""
        return standing(self.visma.books()["journals"]["rows"])


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


def test_killed_at_every_step_when_months_have_ended(site: Site) -> None:
    """failures.md 20 and failures.md 26: whoever goes on at once, and whoever does later, posts of each document and of
    each month that has ended everything, line by line, and once."""
    for number, place in enumerate(PLACES_OF_MONTHS):
        before = len(site.chargebee.events())
        subscribe(site, number, items=SEVERAL_LINES, billing_period=2)
        site.tell(len(site.chargebee.events()) - before)
        site.offset += MONTH
        stood = len(site.standing())
        assert site.run(place, then=timedelta()) == KILLED, place
        _at_the_place(place, site.expected(), site.standing(), stood)
        assert site.run() == 0
        assert site.standing().items() <= _wanted(site).items(), place
    assert site.run() == 0
    assert site.run() == 0
    wanted = site.expected()
    assert site.standing() == _wanted(site)
    assert len(wanted.documents) == len(PLACES_OF_MONTHS)
    months = [posting for key, posting in wanted.months.items() if key.startswith("invoice/1/")]
    assert len(months) >= len(PLACES_OF_MONTHS)
    assert {len(posting.lines) for posting in months} == {4}, "plan and addon, each off one account and on the other"


def _at_the_place(place: str, wanted: Expected, standing: dict[str, Posting], stood: int) -> None:
    """What was created before the process died is what the place says: the document, then months."""
    created, last = len(standing) - stood, standing.keys() & by_reference(wanted.documents, COMPANY, TARGET).keys()
    at = PLACES_OF_MONTHS.index(place)
    match place.partition("#"):
        case ("visma: document created", _, times):
            assert created == int(times or 1), place
        case ("deliver: answered", _, times):  # also of one that is found, because the process before had created it
            assert 1 < created <= int(times), place
        case ("deliver: outcomes recorded", _, ""):
            assert created == 1, place
        case ("deliver: flow opened" | "deliver: intents written", _, _):
            assert created == 1, place
        case ("told: events landed" | "derive: everything landed" | "derive: taken up", _, _):
            assert created == 0, place
            return
        case _:
            assert created > 2, place
    assert len(last) == at + 1, "the document of this round was posted before its months"


def _wanted(site: Site) -> dict[str, Posting]:
    return by_reference(site.expected().postings, COMPANY, TARGET)


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


def subscribe(site: Site, number: int, **more: Any) -> dict[str, Any]:
    """A subscription for a year from today: its first month has not ended."""
    yearly = {"billing_period_unit": "year", "tax_rate": 25, "tax_name": "MVA"}
    return site.chargebee.subscribe(f"S-{number}", **yearly, **more)
