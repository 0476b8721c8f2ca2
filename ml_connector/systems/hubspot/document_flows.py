"""The flows of documents: invoices, credit notes, and transactions of the general ledger."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Any

from ml_connector.engine.ports import Flow
from ml_connector.engine.records import Mapped, Record
from ml_connector.systems.hubspot.invoice_settings import INVOICE_TYPES, InvoicesSettings
from ml_connector.systems.hubspot.invoices import CREDIT_NOTES, INVOICES, map_invoice
from ml_connector.systems.hubspot.segments import DIMENSIONS
from ml_connector.systems.hubspot.settings import Settings
from ml_connector.systems.hubspot.transaction_settings import OBJECT_TYPES, TransactionsSettings
from ml_connector.systems.hubspot.transactions import TRANSACTIONS, map_transaction

INVOICES_FLOW = "invoices"
CREDIT_NOTES_FLOW = "credit_notes"
TRANSACTIONS_FLOW = "transactions"
VERSION = 1
"""Of the mapping itself; a new one maps every document again."""


class InvoicesFlow:
    """Documents of one entity to HubSpot invoices; a `Flow` (see `engine/ports.py`)."""

    secondary: tuple[str, ...] = ()
    reference: tuple[str, ...]
    withdrawal: Mapping[str, Any] | None = None
    made: None = None

    def __init__(self, name: str, title: str, entity: str, settings: Settings, invoices: InvoicesSettings, space: str):
        self.name = name
        self.title = title
        self.entity = entity
        self.invoices = invoices
        self.namespace = space
        self.portal = settings.portal
        self.contacts = settings.flows.contacts is not None
        self.settle: timedelta = settings.settle
        self.on_rejected_fail: bool = settings.on_rejected == "fail"
        parts = [VERSION, name, space, self.portal, self.contacts, invoices.model_dump(mode="json")]
        self.fingerprint: str = _digest(parts)
        self.fields: Mapping[str, str] = {
            invoices.invoice_key: "document_type and reference_number",
            **dict.fromkeys(INVOICE_TYPES, "the document's own"),
            **invoices.sources,
            **_texts(invoices.segments),
        }
        self.reference = (DIMENSIONS,) if invoices.segments else ()

    def map(self, record: Record) -> Mapped:
        return map_invoice(record, self.invoices, self.namespace, self.portal, contacts=self.contacts)


class TransactionsFlow:
    """Batches of the general ledger to transactions; a `Flow` (see `engine/ports.py`)."""

    name: str = TRANSACTIONS_FLOW
    title: str = "Transactions"
    entity: str = TRANSACTIONS
    secondary: tuple[str, ...] = ()
    reference: tuple[str, ...]
    withdrawal: Mapping[str, Any] | None = None
    made: None = None

    def __init__(self, settings: Settings, transactions: TransactionsSettings, space: str) -> None:
        self.transactions = transactions
        self.namespace = space
        self.portal = settings.portal
        self.invoices = settings.flows.invoices is not None
        self.settle: timedelta = settings.settle
        self.on_rejected_fail: bool = settings.on_rejected == "fail"
        parts = [VERSION, self.name, space, self.portal, self.invoices, transactions.model_dump(mode="json")]
        self.fingerprint: str = _digest(parts)
        self.fields: Mapping[str, str] = {
            transactions.transaction_key: "module and batch_number",
            **dict.fromkeys(OBJECT_TYPES, "the batch's own"),
            **_texts(transactions.segments),
        }
        self.reference = (DIMENSIONS,) if transactions.segments else ()

    def map(self, record: Record) -> Mapped:
        return map_transaction(record, self.transactions, self.namespace, self.portal, invoices=self.invoices)


def document_flows(settings: Settings, namespace: str) -> Iterator[Flow]:
    """The flows of documents that the settings switch on."""
    invoices = settings.flows.invoices
    if invoices is not None:
        yield InvoicesFlow(INVOICES_FLOW, "Invoices", INVOICES, settings, invoices, namespace)
        if invoices.credit_notes:
            yield InvoicesFlow(CREDIT_NOTES_FLOW, "Credit notes", CREDIT_NOTES, settings, invoices, namespace)
    if (transactions := settings.flows.transactions) is not None:
        yield TransactionsFlow(settings, transactions, namespace)


def _texts(segments: Mapping[str, int]) -> dict[str, str]:
    return {name: f"segment {number} of the lines' subaccounts" for name, number in segments.items()}


def _digest(parts: Sequence[Any]) -> str:
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]
