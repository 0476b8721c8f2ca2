"""What goes to Chargebee: customers, invoices and credit notes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Any

from pydantic import BaseModel

from ml_connector.engine.ports import Flow
from ml_connector.engine.records import Mapped, Record
from ml_connector.systems.chargebee.customers import CLASSES, CONTACTS, map_customer
from ml_connector.systems.chargebee.customers import CUSTOMERS as CUSTOMERS_ENTITY
from ml_connector.systems.chargebee.fields import parse_source
from ml_connector.systems.chargebee.flow_settings import CustomersSettings, InvoicesSettings
from ml_connector.systems.chargebee.invoices import CREDIT_NOTES as CREDIT_NOTES_ENTITY
from ml_connector.systems.chargebee.invoices import INVOICES as INVOICES_ENTITY
from ml_connector.systems.chargebee.invoices import map_credit_note, map_invoice
from ml_connector.systems.chargebee.settings import Settings

CUSTOMERS, INVOICES, CREDIT_NOTES = "customers", "invoices", "credit_notes"
SETTLE = timedelta(minutes=2)
"""For how long a call without an answer may still take effect; not documented, and its key and id make it harmless."""
VERSION = 1


class _Flow:
    """A `Flow` (see `engine/ports.py`)."""

    name: str
    title: str
    entity: str
    secondary: tuple[str, ...] = ()
    reference: tuple[str, ...] = ()
    withdrawal: Mapping[str, Any] | None = None
    made: None = None
    settle: timedelta = SETTLE
    fields: Mapping[str, str]

    def __init__(self, settings: Settings, block: BaseModel) -> None:
        self.on_rejected_fail: bool = settings.on_rejected == "fail"
        parts = [VERSION, self.name, settings.site, block.model_dump(mode="json")]
        self.fingerprint: str = sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


class CustomersFlow(_Flow):
    name: str = CUSTOMERS
    title: str = "Customers"
    entity: str = CUSTOMERS_ENTITY

    def __init__(self, settings: Settings, block: CustomersSettings) -> None:
        super().__init__(settings, block)
        self._block = block
        looks = [*block.sources.values(), *map(parse_source, block.where)]
        self.secondary: tuple[str, ...] = (CONTACTS,) if any(one.looks_into("contact") for one in looks) else ()
        self.reference: tuple[str, ...] = (CLASSES,) if any(one.looks_into("class") for one in looks) else ()
        self.fields: Mapping[str, str] = {
            "id": f"{block.prefix}{{number}}",
            **{name: source.text for name, source in block.sources.items()},
        }

    def map(self, record: Record) -> Mapped:
        return map_customer(record, self._block)


class InvoicesFlow(_Flow):
    name: str = INVOICES
    title: str = "Invoices"
    entity: str = INVOICES_ENTITY

    def __init__(self, settings: Settings, block: InvoicesSettings) -> None:
        super().__init__(settings, block)
        self._block = block
        self.fields: Mapping[str, str] = {
            "id": f"{block.prefix}{{reference_number}}",
            "po_number": "customer_ref_number",
            "billing_address": "invoice_address, with invoice_contact.business_name as company",
            "vat_number": "the customer's",
            "notes, later comment": "invoice_text",
            "payment_reference_numbers": f"payment_reference, as {block.payment_reference}",
            "date, due_date, lines, taxes, total": "the document's own",
            "payments": "applications that are payments",
        }

    def map(self, record: Record) -> Mapped:
        return map_invoice(record, self._block)


class CreditNotesFlow(_Flow):
    name: str = CREDIT_NOTES
    title: str = "Credit notes"
    entity: str = CREDIT_NOTES_ENTITY

    def __init__(self, settings: Settings, block: InvoicesSettings) -> None:
        super().__init__(settings, block)
        self._block = block
        self.fields: Mapping[str, str] = {
            "id": f"{block.credit_note_prefix}{{reference_number}}",
            "reference_invoice_id": "originator_doc_ref",
            "date, lines, taxes, total": "the document's own",
        }

    def map(self, record: Record) -> Mapped:
        return map_credit_note(record, self._block)


def flows(settings: Settings, _company: str = "") -> Sequence[Flow]:
    """The flows that the settings switch on; what needs another one's objects stands behind it."""
    found: list[Flow] = [CustomersFlow(settings, settings.flows.customers)]
    if (invoices := settings.flows.invoices) is not None:
        found.append(InvoicesFlow(settings, invoices))
        if invoices.credit_notes:
            found.append(CreditNotesFlow(settings, invoices))
    return found
