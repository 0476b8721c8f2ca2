"""A company between two simulators, Visma's and Chargebee's, through the engine: both ways."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from pydantic import SecretStr

from ml_connector.engine.bring import Bringer
from ml_connector.engine.deliver import FlowReport, deliver
from ml_connector.engine.derive import derive
from ml_connector.engine.poll import poll
from ml_connector.engine.ports import Entity, Flow
from ml_connector.engine.told import Told, note_polled, take_in
from ml_connector.engine.windows import Windows
from ml_connector.http import Retries
from ml_connector.store.deliveries import State
from ml_connector.store.ledger import Ledger
from ml_connector.systems.chargebee import inward, outward
from ml_connector.systems.chargebee.account import (
    BooksOfEvents,
    ChargebeeAccount,
    ChargebeeEvents,
    connect,
    read,
    write,
)
from ml_connector.systems.chargebee.settings import Credentials, Settings
from ml_connector.systems.visma.account import VismaAccount
from ml_connector.systems.visma.account import connect as connect_visma
from ml_connector.systems.visma.listings import LISTINGS
from ml_connector.systems.visma.settings import VismaCredentials, VismaSettings
from ml_connector_tests.simulators.chargebee_support import Chargebee
from ml_connector_tests.simulators.visma_support import Visma

QUICK = Retries(attempts=2, limits=6, first_pause=0.01, longest_pause=0.02, jitter=0.0, outages=100)
COMPANY, TARGET, BACK = "nordic", "chargebee", "chargebee_to_visma"
LINES = "journalTransactionLines"

ACCOUNTS = {
    "receivable": "1530",
    "revenue": "3000",
    "deferred": "2970",
    "rounding": "7740",
    "vat": {"MVA": "2700"},
}


def events_block(**changes: Any) -> dict[str, Any]:
    """A block `events` for the simulator's chart of accounts."""
    block = {"from": "2020-01-01", "policy": "deferred", "timezone": "Europe/Oslo", "accounts": ACCOUNTS}
    return block | {"vat_codes": {"MVA": "3"}} | changes


def settings(url: str = "https://acme.chargebee.com", **changes: Any) -> Settings:
    """A target's block, with everything switched on."""
    block = {
        "site": "acme",
        "base_url": url,
        "calls_per_minute": 10_000,
        "retries": QUICK.model_dump(),
        "flows": {"customers": {}, "invoices": {"from": "2020-01-01"}},
        "events": events_block(),
    }
    return Settings.model_validate(block | changes)


@dataclass
class Sync:
    """One company, with accounts open on both simulators.

    Attributes:
        offset: how far its clock is ahead of the real one.
    """

    ledger: Ledger
    chargebee: Chargebee
    visma: Visma
    settings: Settings
    account: ChargebeeAccount
    events: ChargebeeEvents
    books: BooksOfEvents
    source: VismaAccount
    offset: timedelta = field(default_factory=timedelta)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def later(self, **time: float) -> None:
        """Time goes by, at Chargebee too, where what becomes due happens."""
        self.offset += timedelta(**time)
        self.chargebee.control("clock", time)

    def wait(self, **time: float) -> None:
        """Time goes by here alone."""
        self.offset += timedelta(**time)

    # --- what comes back -----------------------------------------------------------------------------------------

    @property
    def flows_back(self) -> dict[str, Flow]:
        return {flow.name: flow for flow in inward.flows(self.settings, COMPANY, TARGET)}

    @property
    def _events(self) -> Entity:
        return inward.entities(self.settings, TARGET)[0]

    def take_in(self) -> Told:
        """Read again what webhooks told of."""
        return take_in(self.events, self._events, self.ledger, TARGET, run_id=self._run(), clock=self.now)

    def poll(self) -> int:
        """Poll events; returns how many no webhook had told of."""
        run = self._run()
        report = poll(self.events, self._events, self.ledger, run_id=run, clock=self.now, overlap=timedelta(hours=2))
        return note_polled(report, self.ledger, TARGET, run_id=run, clock=self.now)

    def derive(self) -> None:
        for derivation in inward.derivations(self.settings, TARGET):
            derive(derivation, self.ledger, run_id=self._run(), clock=self.now)

    def post(self, *names: str, only: Sequence[str] | None = None) -> dict[str, FlowReport]:
        """Deliver the flows back, or these of them."""
        return self._deliver(self.flows_back, self.books.writer, BACK, "visma", names, only)

    def sync_back(self) -> dict[str, FlowReport]:
        """What the poll job and the deliver job do."""
        self.take_in()
        self.poll()
        self.derive()
        return self.post()

    def state_back(self, flow: str, key: str) -> State:
        return self.ledger.deliveries(BACK, flow, self.flows_back[flow].entity).states([key])[key]

    # --- what goes out -------------------------------------------------------------------------------------------

    @property
    def flows_out(self) -> dict[str, Flow]:
        return {flow.name: flow for flow in outward.flows(self.settings)}

    def read(self, *, whole: bool = False) -> None:
        needed = {name for flow in self.flows_out.values() for name in (flow.entity, *flow.secondary, *flow.reference)}
        for listing in LISTINGS.values():
            if listing.entity.name in needed:
                poll(
                    self.source,
                    listing.entity,
                    self.ledger,
                    run_id=self._run(),
                    clock=self.now,
                    whole=whole,
                    overlap=timedelta(hours=2, minutes=5),
                )

    def send(self, *names: str, only: Sequence[str] | None = None) -> dict[str, FlowReport]:
        return self._deliver(self.flows_out, self.account.writer, TARGET, "chargebee", names, only)

    def sync_out(self) -> dict[str, FlowReport]:
        self.read()
        return self.send()

    def state_out(self, flow: str, key: str) -> State:
        known = self.flows_out[flow]
        return self.ledger.deliveries(TARGET, flow, known.entity, known.secondary).states([key])[key]

    def _deliver(
        self,
        known: Mapping[str, Flow],
        writer: Any,
        target: str,
        system: str,
        names: Sequence[str],
        only: Sequence[str] | None,
    ) -> dict[str, FlowReport]:
        run, reports = self._run(), {}
        windows = Windows(datetime(2020, 1, 1, tzinfo=UTC), 60)
        for name in names or known:
            reports[name] = deliver(
                known[name],
                writer(name),
                self.ledger,
                target,
                system,
                windows,
                run_id=run,
                clock=self.now,
                only=only,
                bring=Bringer(known, writer, self.ledger, target, system, windows, run, self.now),
            )
            assert all(tally.adds_up for tally in reports[name].windows.values())
        return reports

    def _run(self) -> str:
        return uuid4().hex

    # --- what stands in Visma ------------------------------------------------------------------------------------

    def batches(self) -> list[dict[str, Any]]:
        """The batches that came from Chargebee."""
        rows = self.visma.books()["journals"]["rows"]
        return [row for row in rows if any(line["referenceNumber"].startswith("CB") for line in row[LINES])]

    def balances(self) -> dict[str, dict[str, int]]:
        """Period -> account -> debit less credit, of what came from Chargebee, in whole cents."""
        sums: dict[str, dict[str, int]] = {}
        for batch in self.batches():
            accounts = sums.setdefault(batch["financialPeriod"], {})
            for line in batch[LINES]:
                cents = round((line["debitAmountInCurrency"] - line["creditAmountInCurrency"]) * 100)
                accounts[line["accountNumber"]] = accounts.get(line["accountNumber"], 0) + cents
        return {
            period: {account: cents for account, cents in accounts.items() if cents}
            for period, accounts in sums.items()
        }

    def totals(self) -> dict[str, int]:
        """Account -> debit less credit over all periods, in cents."""
        sums: dict[str, int] = {}
        for accounts in self.balances().values():
            for account, cents in accounts.items():
                sums[account] = sums.get(account, 0) + cents
        return {account: cents for account, cents in sums.items() if cents}


@contextmanager
def open_sync(ledger: Ledger, chargebee: Chargebee, visma: Visma, **changes: Any) -> Iterator[Sync]:
    """A sync with these settings."""
    chosen = settings(chargebee.url, **changes)
    key = Credentials(api_key=SecretStr(chargebee.settings.api_key))
    names = ("client_id", "client_secret", "tenant_id")
    credentials = VismaCredentials(**{name: getattr(visma.settings, name) for name in names})
    source = VismaSettings(base_url=visma.url, token_url=f"{visma.url}/connect/token", retries=QUICK)
    with ExitStack() as opened:
        yield Sync(
            ledger,
            chargebee,
            visma,
            chosen,
            opened.enter_context(connect(chosen, key)),
            opened.enter_context(read(chosen, key, TARGET)),
            opened.enter_context(write(chosen, source, credentials, "Europe/Oslo")),
            opened.enter_context(connect_visma(source, credentials, "Europe/Oslo")),
        )


def counts(report: FlowReport) -> dict[str, int]:
    total = report.total
    return {name: value for name in total.__slots__ if (value := getattr(total, name))}
