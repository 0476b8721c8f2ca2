"""The flows: Visma customers to companies, their contact persons to contacts, and the links between the two."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Any

from ml_connector.engine.ports import Flow
from ml_connector.engine.records import Mapped, Record
from ml_connector.systems.hubspot.document_flows import document_flows
from ml_connector.systems.hubspot.fields import parse_source
from ml_connector.systems.hubspot.mapping import (
    CLASSES,
    CONTACTS,
    CUSTOMERS,
    map_company,
    map_contact,
    map_link,
    settings_look_at_contacts,
)
from ml_connector.systems.hubspot.settings import EMAIL, CompaniesSettings, ContactsSettings, Settings

COMPANIES_FLOW = "companies"
CONTACTS_FLOW = "contacts"
LINKS_FLOW = "contact_companies"
VERSION = 1
"""Of the mapping itself; a new one maps every customer again."""


class _CustomersFlow:
    """What the flows have in common; a `Flow` (see `engine/ports.py`)."""

    name: str
    title: str
    entity: str = CUSTOMERS
    secondary: tuple[str, ...] = (CONTACTS,)
    reference: tuple[str, ...] = ()
    fields: Mapping[str, str]
    withdrawal: Mapping[str, Any] | None = None

    def __init__(self, settings: Settings, namespace: str) -> None:
        companies = settings.flows.companies
        self.companies: CompaniesSettings = companies
        self.namespace = namespace
        self.portal = settings.portal
        self.settle: timedelta = settings.settle
        self.on_rejected_fail: bool = settings.on_rejected == "fail"
        sources = [*companies.sources.values(), *map(parse_source, (*companies.where, *companies.match.values()))]
        self.fingerprint: str = _fingerprint(settings, namespace, type(self).name)
        if any(source.looks_into("class") for source in sources):
            self.reference = (CLASSES,)


class CompaniesFlow(_CustomersFlow):
    name: str = COMPANIES_FLOW
    title: str = "Companies"

    def __init__(self, settings: Settings, namespace: str) -> None:
        super().__init__(settings, namespace)
        companies = self.companies
        looks = [*companies.sources.values(), *map(parse_source, (*companies.where, *companies.match.values()))]
        self.secondary = (CONTACTS,) if settings_look_at_contacts(looks) else ()
        self.fields = {
            companies.customer_key: "internal_id",
            **{name: source.text for name, source in companies.sources.items()},
        }

    def map(self, record: Record) -> Mapped:
        return map_company(record, self.companies, self.namespace, self.portal)


class ContactsFlow(_CustomersFlow):
    name: str = CONTACTS_FLOW
    title: str = "Contacts"

    def __init__(self, settings: Settings, contacts: ContactsSettings, namespace: str) -> None:
        super().__init__(settings, namespace)
        self.contacts = contacts
        if any(source.looks_into("class") for source in contacts.sources.values()):
            self.reference = (CLASSES,)
        self.fields = {EMAIL: contacts.email, **{name: source.text for name, source in contacts.sources.items()}}

    def map(self, record: Record) -> Mapped:
        return map_contact(record, self.contacts, self.companies, self.portal)


class LinksFlow(_CustomersFlow):
    name: str = LINKS_FLOW
    title: str = "Contacts of companies"

    def __init__(self, settings: Settings, contacts: ContactsSettings, namespace: str) -> None:
        super().__init__(settings, namespace)
        self.contacts = contacts
        self.fields = {"contact": contacts.email, "company": "internal_id"}

    def map(self, record: Record) -> Mapped:
        return map_link(record, self.contacts, self.companies, self.namespace)


def flows(settings: Settings, company: str) -> Sequence[Flow]:
    """The flows that the settings switch on; links come behind both their ends, documents behind everybody."""
    namespace = settings.namespace or company
    found: list[Flow] = [CompaniesFlow(settings, namespace)]
    if (contacts := settings.flows.contacts) is not None:
        found += [ContactsFlow(settings, contacts, namespace), LinksFlow(settings, contacts, namespace)]
    return [*found, *document_flows(settings, namespace)]


def _fingerprint(settings: Settings, namespace: str, flow: str) -> str:
    """Over what decides about the bodies of a flow."""
    companies, contacts = settings.flows.companies, settings.flows.contacts
    parts: list[Any] = [VERSION, flow, settings.portal, namespace, companies.where, companies.customer_key]
    if flow == COMPANIES_FLOW:
        parts += [companies.model_dump(mode="json", exclude={"fields"}), _texts(companies)]
    elif contacts is not None:
        parts += [contacts.email, contacts.contact_key]
        parts += [_texts(contacts), contacts.merge] if flow == CONTACTS_FLOW else []
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _texts(block: CompaniesSettings | ContactsSettings) -> Mapping[str, str]:
    return {name: source.text for name, source in block.sources.items()}
