"""A HubSpot target in connections.yaml, and its credentials in the vault."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from ml_connector.systems.hubspot.fields import COMPANY_FIELDS, CONTACT_FIELDS, Source, parse_source
from ml_connector.systems.hubspot.invoice_settings import InvoicesSettings
from ml_connector.systems.hubspot.routes import DATED, NUMBERED
from ml_connector.systems.hubspot.setting_types import Block, Property, property_name

CUSTOMER_MARK = "visma_is_customer"
LIFECYCLE = "lifecyclestage"
EMAIL = "email"

_NAMESPACE = re.compile(r"[A-Za-z0-9_-]{1,48}")
_DURATION = re.compile(r"(\d{1,5})([smh])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours"}


def _mapped_property(name: str) -> str:
    if property_name(name) in (EMAIL, LIFECYCLE, CUSTOMER_MARK):
        raise ValueError(f"{name} is always written; another setting says where it comes from")
    return name


def _source(text: str) -> str:
    parse_source(text)
    return text


def _plain_source(text: str) -> str:
    if "{" in text:
        raise ValueError("expected the path of one value, like main_contact.email")
    return _source(text)


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
Path = Annotated[str, AfterValidator(_plain_source)]
Url = Annotated[str, AfterValidator(_url)]
Merge = Literal["overwrite", "fill_empty", "never"]


class _Mapping(Block):
    """What the flows that write properties have in common."""

    fields: dict[MappedProperty, FieldSource | None] = Field(
        {}, description="property -> path or template; null leaves it out"
    )
    merge: dict[MappedProperty, Merge] = Field(
        {}, description="property -> overwrite, fill_empty or never, for records that HubSpot holds already"
    )

    @property
    def defaults(self) -> Mapping[str, str]:
        raise NotImplementedError

    @cached_property
    def sources(self) -> Mapping[str, Source]:
        """Property -> where its value comes from: the defaults, with what the configuration puts over them."""
        chosen = {**self.defaults, **self.fields}
        return {name: parse_source(text) for name, text in chosen.items() if text is not None}

    @model_validator(mode="after")
    def _merges_what_is_mapped(self) -> Self:
        if unknown := self.merge.keys() - self.sources.keys():
            raise ValueError(f"merge: {', '.join(sorted(unknown))} is not mapped under fields")
        return self


class CompaniesSettings(_Mapping):
    """The flow `companies`: which customers become companies, and how."""

    customer_key: Property = Field(
        "visma_customer_id", description="the unique property that holds our key; must not exist otherwise"
    )
    where: dict[Path, list[str]] = Field({}, description="path -> accepted values; all must fit")
    match: dict[Property, Path] = Field(
        {}, description="property -> path, in order: how companies that people made are found and adopted"
    )
    lifecycle_stage: str | None = Field("customer", description="the stage of new companies; null writes none")
    create_inactive: bool = Field(False, description="whether customers that are inactive already become companies")

    @property
    def defaults(self) -> Mapping[str, str]:
        return COMPANY_FIELDS

    @model_validator(mode="after")
    def _key_is_not_mapped(self) -> Self:
        if self.customer_key in self.sources:
            raise ValueError(f"fields: {self.customer_key} holds our key and cannot hold anything else")
        return self


class ContactsSettings(_Mapping):
    """The flow `contacts`: the customers' contact persons."""

    contact_key: Property = Field(
        "visma_contact_key", description="the unique property that holds our key; must not exist otherwise"
    )
    email: Path = Field("main_contact.email", description="where the address comes from")

    @property
    def defaults(self) -> Mapping[str, str]:
        return CONTACT_FIELDS

    @model_validator(mode="after")
    def _key_is_not_mapped(self) -> Self:
        if self.contact_key in self.sources:
            raise ValueError(f"fields: {self.contact_key} holds our key and cannot hold anything else")
        return self


class FlowsSettings(Block):
    """The flows of a HubSpot target."""

    companies: CompaniesSettings = Field(description="the settings of the flow companies; {} for the defaults")
    contacts: ContactsSettings | None = Field(None, description="contact persons, linked to their companies")
    invoices: InvoicesSettings | None = Field(
        None, description="invoices and credit notes, which HubSpot does not bill"
    )


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
