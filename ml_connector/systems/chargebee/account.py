"""Open connections to one Chargebee site, and to the books that its documents end in."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta

from ml_connector.engine.ports import Page, Writer
from ml_connector.http import CallProblem, Retries, Stopped
from ml_connector.systems.chargebee.base_currency import BaseCurrency
from ml_connector.systems.chargebee.check import check, unreadable
from ml_connector.systems.chargebee.client import ChargebeeClient
from ml_connector.systems.chargebee.credit_note_writer import CreditNotesWriter
from ml_connector.systems.chargebee.customer_writer import CustomersWriter
from ml_connector.systems.chargebee.event_settings import EventsSettings
from ml_connector.systems.chargebee.events import Events
from ml_connector.systems.chargebee.invoice_writer import InvoicesWriter
from ml_connector.systems.chargebee.inward import RECOGNITIONS
from ml_connector.systems.chargebee.journals import JOURNALS
from ml_connector.systems.chargebee.outward import CREDIT_NOTES, CUSTOMERS, INVOICES
from ml_connector.systems.chargebee.posting import DocumentsWriter, RecognitionWriter, TransactionsWriter
from ml_connector.systems.chargebee.settings import Credentials, Settings
from ml_connector.systems.chargebee.webhooks import Webhooks
from ml_connector.systems.registry import Finding, SetupStep
from ml_connector.systems.visma.books import Books, connect_books
from ml_connector.systems.visma.named import Named
from ml_connector.systems.visma.periods import Period
from ml_connector.systems.visma.settings import VismaCredentials, VismaSettings

DAY = timedelta(days=1)
TAKEN = "Those are taken that come with the user name and password that are stored."
NOT_TAKEN = "None is taken, because no user name and password for them are stored; polls find every event."


class ChargebeeAccount:
    """A site as a target; a `TargetAccount`."""

    def __init__(self, client: ChargebeeClient) -> None:
        self.client = client

    @property
    def calls(self) -> int:
        return self.client.calls

    def writer(self, flow: str) -> Writer:
        """The writer of a flow. Raises KeyError for one that this system does not have."""
        if flow == CUSTOMERS:
            return CustomersWriter(self.client)
        invoices = self.client.settings.flows.invoices
        if invoices is None or flow not in (INVOICES, CREDIT_NOTES):
            raise KeyError(flow)
        return InvoicesWriter(self.client, invoices) if flow == INVOICES else CreditNotesWriter(self.client)

    def check(self) -> Iterator[Finding]:
        return check(self.client)

    def setup(self) -> Sequence[SetupStep]:
        """Nothing can be created by the API: custom fields are made by people; `check` says which."""
        return []


class ChargebeeEvents:
    """A site as a source of events; an `InwardAccount`."""

    def __init__(self, client: ChargebeeClient, events: EventsSettings, *, takes_webhooks: bool) -> None:
        self._client = client
        self._takes_webhooks = takes_webhooks
        # A document of the first day may have been made of in an event of the day before, by another zone's clock.
        self._events = Events(client, datetime.combine(events.from_, time(), UTC) - DAY)

    @property
    def calls(self) -> int:
        return self._client.calls

    def read(self, entity: str, since: datetime | None) -> Iterator[Page]:
        return self._events.read(since)

    def fetch(self, entity: str, keys: Sequence[str]) -> Iterator[Page]:
        return self._events.fetch(keys)

    def check(self, entities: Collection[str]) -> Iterator[Finding]:
        try:
            self._client.get("/events", {"limit": 1})
        except (CallProblem, Stopped) as problem:
            yield unreadable(self._client, "events", problem)
            return
        yield Finding("events", True, "They can be read.")
        try:
            currency = BaseCurrency(self._client).ask()
        except (CallProblem, Stopped) as problem:
            yield unreadable(self._client, "subscriptions", problem)
        else:
            yield Finding("base currency", True, _where_rates_lead(currency))
        yield Finding("webhooks", True, TAKEN if self._takes_webhooks else NOT_TAKEN)


def _where_rates_lead(currency: str | None) -> str:
    if currency is None:
        return "No subscription says yet to which currency exchange rates lead."
    return f"Exchange rates lead to {currency}; Visma's books must be kept in it where documents come with a rate."


class BooksOfEvents(Books):
    """Visma's books, for the flows of events."""

    def writer(self, flow: str) -> Writer:
        return RecognitionWriter(self._ledger) if flow == RECOGNITIONS else TransactionsWriter(self._ledger)


class BooksOfInvoices(BooksOfEvents):
    """The same, where documents become Visma's invoices and credit notes."""

    def first_open_period(self) -> Period | None:
        return self._ledger.periods.open_for_customers("")

    def writer(self, flow: str) -> Writer:
        return DocumentsWriter(self._ledger) if flow == JOURNALS else super().writer(flow)


@contextmanager
def connect(settings: Settings, credentials: Credentials, retries: Retries | None = None) -> Iterator[ChargebeeAccount]:
    """Open a site. Makes no call yet."""
    with ChargebeeClient(settings, credentials, retries) as client:
        yield ChargebeeAccount(client)


@contextmanager
def read(
    settings: Settings, credentials: Credentials, target: str, retries: Retries | None = None
) -> Iterator[ChargebeeEvents]:
    """Open a site for reading its events. Makes no call yet."""
    if settings.events is None:
        raise ValueError(f"{target} has no block `events`")
    with ChargebeeClient(settings, credentials, retries) as client:
        takes_webhooks = Webhooks().has_credentials(credentials)
        yield ChargebeeEvents(client, settings.events, takes_webhooks=takes_webhooks)


@contextmanager
def write(
    settings: Settings, visma: VismaSettings, credentials: VismaCredentials, company_zone: str
) -> Iterator[BooksOfEvents]:
    """Open Visma's books for what the site's events end in. Makes no call yet."""
    named = settings.events.named if settings.events else Named()
    as_invoices = settings.events is not None and settings.events.post == "invoices"
    kind = BooksOfInvoices if as_invoices else BooksOfEvents
    with connect_books(visma, credentials, company_zone, named, kind) as books:
        yield books
