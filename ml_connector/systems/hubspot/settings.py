"""A HubSpot target in connections.yaml, and its credentials in the vault."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from ml_connector.systems.hubspot.fields import (
    COMPANY_FIELDS,
    CONTACT_FIELDS,
    SUPPLIER_FIELDS,
    Source,
    parse_source,
    parse_supplier_source,
)
from ml_connector.systems.hubspot.invoice_settings import InvoicesSettings
from ml_connector.systems.hubspot.routes import DATED, NUMBERED
from ml_connector.systems.hubspot.setting_types import Block, Property, property_name
from ml_connector.systems.hubspot.transaction_settings import TransactionsSettings

CUSTOMER_MARK = "visma_is_customer"
SUPPLIER_MARK = "visma_is_supplier"
LIFECYCLE = "lifecyclestage"
EMAIL = "email"

_NAMESPACE = re.compile(r"[A-Za-z0-9_-]{1,48}")
_DURATION = re.compile(r"(\d{1,5})([smh])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours"}


def _mapped_property(name: str) -> str:
    if property_name(name) in (EMAIL, LIFECYCLE, CUSTOMER_MARK, SUPPLIER_MARK):
        raise ValueError(f"{name} is always written; another setting says where it comes from")
    return name


def _source(text: str) -> str:
    parse_source(text)
    return text


def _supplier_source(text: str) -> str:
    parse_supplier_source(text)
    return text


def _plain(text: str) -> str:
    if "{" in text:
        raise ValueError("expected the path of one value, like main_contact.email")
    return text


def _url(url: str) -> str:
    if not re.fullmatch(r"https?://[^/\s]+/?", url):
        raise ValueError("expected scheme, host and port, like https://api.hubapi.com")
    return url.rstrip("/")


def _version(version: str) -> str:
    if not NUMBERED.fullmatch(version) and not DATED.fullmatch(version):
        raise ValueError('expected a version of the API, like "2026-03" or "v3"')
    return version


def _portal(portal: str) -> str:
    if not re.fullmatch(r"\d{1,15}", portal):
        raise ValueError('expected the number of the HubSpot account, like "12345678"')
    return portal


def _namespace(namespace: str) -> str:
    if not _NAMESPACE.fullmatch(namespace):
        raise ValueError("expected at most 48 letters, digits, hyphens and underscores")
    return namespace


def _duration(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise ValueError('expected a length of time, like "2m" or "90s"')
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


MappedProperty = Annotated[str, AfterValidator(_mapped_property)]
FieldSource = Annotated[str, AfterValidator(_source)]
Path = Annotated[str, AfterValidator(_plain), AfterValidator(_source)]
SupplierSource = Annotated[str, AfterValidator(_supplier_source)]
SupplierPath = Annotated[str, AfterValidator(_plain), AfterValidator(_supplier_source)]
Url = Annotated[str, AfterValidator(_url)]
Merge = Literal["overwrite", "fill_empty", "never"]


class _Mapping(Block):
    """What the flows that write properties have in common."""

    fields: Mapping[str, str | None]
    merge: dict[MappedProperty, Merge] = Field(
        {}, description="property -> overwrite, fill_empty or never, for records that HubSpot holds already"
    )

    @property
    @abstractmethod
    def key(self) -> str:
        """The unique property that holds our key."""

    @cached_property
    def sources(self) -> Mapping[str, Source]:
        """Property -> where its value comes from: the defaults, with what the configuration puts over them."""
        return _sources(COMPANY_FIELDS, self.fields)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if unknown := self.merge.keys() - self.sources.keys():
            raise ValueError(f"merge: {', '.join(sorted(unknown))} is not mapped under fields")
        if self.key in self.sources:
            raise ValueError(f"fields: {self.key} holds our key and cannot hold anything else")
        return self


class CompaniesSettings(_Mapping):
    """The flow `companies`: which customers become companies, and how."""

    customer_key: Property = Field(
        "visma_customer_id", description="the unique property that holds our key; must not exist otherwise"
    )
    where: dict[Path, list[str]] = Field({}, description="path -> accepted values; all must fit")
    fields: dict[MappedProperty, FieldSource | None] = Field(
        {}, description="property -> path or template; null leaves it out"
    )
    match: dict[Property, Path] = Field(
        {}, description="property -> path, in order: how companies that people made are found and adopted"
    )
    lifecycle_stage: str | None = Field("customer", description="the stage of new companies; null writes none")
    create_inactive: bool = Field(False, description="whether customers that are inactive already become companies")

    @property
    def key(self) -> str:
        return self.customer_key

    @cached_property
    def looks_at_contacts(self) -> bool:
        """Whether anything comes from the contact person."""
        paths = [parse_source(path) for path in (*self.where, *self.match.values())]
        return any(source.looks_into("contact") for source in (*self.sources.values(), *paths))


class SuppliersSettings(_Mapping):
    """The flow `suppliers`: which suppliers become companies, and how."""

    supplier_key: Property = Field(
        "visma_supplier_id", description="the unique property that holds our key; must not exist otherwise"
    )
    where: dict[SupplierPath, list[str]] = Field({}, description="path -> accepted values; all must fit")
    fields: dict[MappedProperty, SupplierSource | None] = Field(
        {}, description="property -> path or template; null leaves it out"
    )
    create_inactive: bool = Field(False, description="whether suppliers that are inactive already become companies")

    @property
    def key(self) -> str:
        return self.supplier_key

    @cached_property
    def sources(self) -> Mapping[str, Source]:
        return _sources(SUPPLIER_FIELDS, self.fields, parse_supplier_source)


class ContactsSettings(_Mapping):
    """The flow `contacts`: the customers' contact persons."""

    contact_key: Property = Field(
        "visma_contact_key", description="the unique property that holds our key; must not exist otherwise"
    )
    email: Path = Field("main_contact.email", description="where the address comes from")
    fields: dict[MappedProperty, FieldSource | None] = Field(
        {}, description="property -> path or template; null leaves it out"
    )

    @property
    def key(self) -> str:
        return self.contact_key

    @cached_property
    def sources(self) -> Mapping[str, Source]:
        return _sources(CONTACT_FIELDS, self.fields)


def _sources(
    defaults: Mapping[str, str], chosen: Mapping[str, str | None], parse: Callable[[str], Source] = parse_source
) -> Mapping[str, Source]:
    return {name: parse(text) for name, text in {**defaults, **chosen}.items() if text is not None}


class FlowsSettings(Block):
    """The flows of a HubSpot target."""

    companies: CompaniesSettings = Field(description="the settings of the flow companies; {} for the defaults")
    suppliers: SuppliersSettings | None = Field(None, description="suppliers, as companies too; {} for the defaults")
    contacts: ContactsSettings | None = Field(None, description="contact persons, linked to their companies")
    invoices: InvoicesSettings | None = Field(
        None, description="invoices and credit notes, which HubSpot does not bill"
    )

    transactions: TransactionsSettings | None = Field(
        None, description="sales-related batches of the general ledger; {} for the defaults"
    )

    @model_validator(mode="after")
    def _keys_differ(self) -> Self:
        if self.suppliers is not None and self.suppliers.key == self.companies.key:
            raise ValueError("supplier_key and customer_key must be different properties: a company may be both")
        return self

    @model_validator(mode="after")
    def _batches_are_apart(self) -> Self:
        """Where there is no custom object, two flows write to invoices."""
        if self.invoices is not None and self.transactions is not None:
            of_invoices = {*self.invoices.sources, *self.invoices.segments}
            if taken := sorted(of_invoices & self.transactions.invoice_types.keys()):
                raise ValueError(f"invoices: {', '.join(taken)} is written by the flow transactions")
        return self


class Settings(Block):
    """One HubSpot account."""

    base_url: Url = Field("https://api.hubapi.com", description="scheme, host and port of the API")
    api_version: Annotated[str, AfterValidator(_version)] = Field(
        "2026-03", description="the version segment of the routes, in quotes"
    )
    portal: Annotated[str, AfterValidator(_portal)] | None = Field(
        None, description="the number of the HubSpot account, in quotes: a token of another one is refused"
    )
    namespace: Annotated[str, AfterValidator(_namespace)] | None = Field(
        None, description="what our keys begin with; by default the company's name"
    )
    connections: int = Field(4, ge=1, le=10, description="calls at the same time")
    daily_reserve: int = Field(0, ge=0, description="calls of the day that are left to other programs")
    settle: Annotated[timedelta, BeforeValidator(_duration)] = Field(
        timedelta(minutes=2), description="how long a call without an answer may still take effect"
    )
    on_rejected: Literal["keep", "fail"] = Field("keep", description="fail: a rejected record also fails its window")
    flows: FlowsSettings = Field(description="the flows to run")


class Credentials(Block):
    """What the vault holds for a HubSpot account: the token of a private app or a service key, which act alike."""

    access_token: SecretStr
