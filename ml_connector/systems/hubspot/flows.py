"""The flows: customers and suppliers to companies, contact persons to contacts, and the links between them."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Any

from ml_connector.engine.ports import Flow
from ml_connector.engine.records import Mapped, Record
from ml_connector.systems.hubspot.document_flows import document_flows
from ml_connector.systems.hubspot.fields import Source, parse_source, parse_supplier_source
from ml_connector.systems.hubspot.mapping import map_company, map_contact, map_link, map_supplier
from ml_connector.systems.hubspot.parties import CONTACTS, CUSTOMER_CLASSES, CUSTOMERS, SUPPLIER_CLASSES, SUPPLIERS
from ml_connector.systems.hubspot.settings import EMAIL, ContactsSettings, Settings, SuppliersSettings

COMPANIES_FLOW = "companies"
SUPPLIERS_FLOW = "suppliers"
CONTACTS_FLOW = "contacts"
LINKS_FLOW = "contact_companies"
VERSION = 1
"""Of the mapping itself; a new one maps every record again."""


class _Flow(ABC):
    """What the flows have in common; a `Flow` (see `engine/ports.py`)."""

    name: str
    title: str
    entity: str = CUSTOMERS
    classes: str = CUSTOMER_CLASSES
    withdrawal: Mapping[str, Any] | None = None
    made: None = None
    fields: Mapping[str, str]

    def __init__(self, settings: Settings, namespace: str) -> None:
        self.settings = settings
        self.companies = settings.flows.companies
        self.namespace = namespace
        self.settle: timedelta = settings.settle
        self.on_rejected_fail: bool = settings.on_rejected == "fail"
        self.fingerprint: str = _digest([VERSION, self.name, settings.portal, namespace, *self._parts()])
        looks = [*self._sources()]
        self.secondary: tuple[str, ...] = (CONTACTS,) if any(one.looks_into("contact") for one in looks) else ()
        self.reference: tuple[str, ...] = (self.classes,) if any(one.looks_into("class") for one in looks) else ()

    @abstractmethod
    def _parts(self) -> Iterable[Any]:
        """What decides about the bodies of this flow, besides what decides about all of them."""

    @abstractmethod
    def _sources(self) -> Iterable[Source]:
        """Where its values and conditions come from."""


class CompaniesFlow(_Flow):
    name: str = COMPANIES_FLOW
    title: str = "Companies"

    def __init__(self, settings: Settings, namespace: str) -> None:
        super().__init__(settings, namespace)
        self.joins = settings.flows.suppliers is not None
        self.fields = {self.companies.key: "internal_id", **_texts(self.companies.sources)}

    def map(self, record: Record) -> Mapped:
        return map_company(record, self.companies, self.namespace, self.settings.portal, joins=self.joins)

    def _parts(self) -> Iterable[Any]:
        block = self.companies
        joins = self.settings.flows.suppliers is not None
        return [block.model_dump(mode="json", exclude={"fields"}), _texts(block.sources), joins]

    def _sources(self) -> Iterable[Source]:
        block = self.companies
        return [*block.sources.values(), *map(parse_source, (*block.where, *block.match.values()))]


class SuppliersFlow(_Flow):
    name: str = SUPPLIERS_FLOW
    title: str = "Suppliers"
    entity: str = SUPPLIERS
    classes: str = SUPPLIER_CLASSES

    def __init__(self, settings: Settings, suppliers: SuppliersSettings, namespace: str) -> None:
        self.suppliers = suppliers
        super().__init__(settings, namespace)
        self.fields = {suppliers.key: "internal_id", **_texts(suppliers.sources)}

    def map(self, record: Record) -> Mapped:
        return map_supplier(record, self.suppliers, self.companies, self.namespace, self.settings.portal)

    def _parts(self) -> Iterable[Any]:
        block = self.suppliers
        common = sorted(block.sources.keys() & self.companies.sources.keys())
        return [block.model_dump(mode="json", exclude={"fields"}), _texts(block.sources), common]

    def _sources(self) -> Iterable[Source]:
        return [*self.suppliers.sources.values(), *map(parse_supplier_source, self.suppliers.where)]


class _OfContacts(_Flow):
    """Flows about a customer's contact person, of the customers that become companies."""

    def __init__(self, settings: Settings, contacts: ContactsSettings, namespace: str) -> None:
        self.contacts = contacts
        super().__init__(settings, namespace)
        self.secondary = (CONTACTS,)

    def _parts(self) -> Iterable[Any]:
        return [self.companies.where, self.contacts.email, self.contacts.key]

    def _sources(self) -> Iterable[Source]:
        return [parse_source(path) for path in (*self.companies.where, self.contacts.email)]


class ContactsFlow(_OfContacts):
    name: str = CONTACTS_FLOW
    title: str = "Contacts"

    def __init__(self, settings: Settings, contacts: ContactsSettings, namespace: str) -> None:
        super().__init__(settings, contacts, namespace)
        self.fields = {EMAIL: contacts.email, **_texts(contacts.sources)}

    def map(self, record: Record) -> Mapped:
        return map_contact(record, self.contacts, self.companies, self.settings.portal)

    def _parts(self) -> Iterable[Any]:
        return [*super()._parts(), _texts(self.contacts.sources), self.contacts.merge]

    def _sources(self) -> Iterable[Source]:
        return [*super()._sources(), *self.contacts.sources.values()]


class LinksFlow(_OfContacts):
    name: str = LINKS_FLOW
    title: str = "Contacts of companies"

    def __init__(self, settings: Settings, contacts: ContactsSettings, namespace: str) -> None:
        super().__init__(settings, contacts, namespace)
        self.fields = {"contact": contacts.email, "company": "internal_id"}

    def map(self, record: Record) -> Mapped:
        return map_link(record, self.contacts, self.companies, self.namespace)

    def _parts(self) -> Iterable[Any]:
        return [*super()._parts(), self.companies.key]


def flows(settings: Settings, company: str) -> Sequence[Flow]:
    """The flows that the settings switch on; links come behind both their ends, documents behind everybody."""
    namespace = settings.namespace or company
    found: list[Flow] = [CompaniesFlow(settings, namespace)]
    if (suppliers := settings.flows.suppliers) is not None:
        found.append(SuppliersFlow(settings, suppliers, namespace))
    if (contacts := settings.flows.contacts) is not None:
        found += [ContactsFlow(settings, contacts, namespace), LinksFlow(settings, contacts, namespace)]
    return [*found, *document_flows(settings, namespace)]


def _texts(sources: Mapping[str, Source]) -> dict[str, str]:
    return {name: source.text for name, source in sources.items()}


def _digest(parts: Sequence[Any]) -> str:
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]
