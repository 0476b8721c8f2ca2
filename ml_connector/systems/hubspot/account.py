"""An open connection to one HubSpot account."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ml_connector.engine.ports import Writer
from ml_connector.http import Retries
from ml_connector.systems.hubspot.associations import LinksWriter
from ml_connector.systems.hubspot.check import check
from ml_connector.systems.hubspot.client import HubSpotClient
from ml_connector.systems.hubspot.document_flows import CREDIT_NOTES_FLOW, INVOICES_FLOW, TRANSACTIONS_FLOW
from ml_connector.systems.hubspot.flows import COMPANIES_FLOW, CONTACTS_FLOW, LINKS_FLOW, SUPPLIERS_FLOW
from ml_connector.systems.hubspot.invoice_writer import InvoicesWriter
from ml_connector.systems.hubspot.properties import COMPANIES, CONTACTS
from ml_connector.systems.hubspot.settings import Credentials, Settings
from ml_connector.systems.hubspot.setup import setup
from ml_connector.systems.hubspot.transaction_writer import TransactionsWriter
from ml_connector.systems.hubspot.writer import ObjectsWriter
from ml_connector.systems.registry import Finding, SetupStep


class HubSpotAccount:
    """A `TargetAccount`."""

    def __init__(self, client: HubSpotClient) -> None:
        self.client = client

    def writer(self, flow: str) -> Writer:
        """The writer of a flow. Raises KeyError for one that this system does not have."""
        if flow == LINKS_FLOW:
            return LinksWriter(self.client, CONTACTS, COMPANIES, ("contact", "company"))
        invoices = self.client.settings.flows.invoices
        if invoices is not None and flow in (INVOICES_FLOW, CREDIT_NOTES_FLOW):
            return InvoicesWriter(self.client, invoices)
        transactions = self.client.settings.flows.transactions
        if transactions is not None and flow == TRANSACTIONS_FLOW:
            return TransactionsWriter(self.client, transactions)
        if flow not in (COMPANIES_FLOW, SUPPLIERS_FLOW, CONTACTS_FLOW):
            raise KeyError(flow)
        return ObjectsWriter(self.client, flow)

    def check(self) -> Iterator[Finding]:
        return check(self.client)

    def setup(self) -> Sequence[SetupStep]:
        return setup(self.client)

    @property
    def calls(self) -> int:
        return self.client.calls


@contextmanager
def connect(settings: Settings, credentials: Credentials, retries: Retries | None = None) -> Iterator[HubSpotAccount]:
    """Open an account; nothing is called yet."""
    with HubSpotClient(settings, credentials, retries) as client:
        yield HubSpotAccount(client)
