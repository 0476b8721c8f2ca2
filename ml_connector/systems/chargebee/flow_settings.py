"""The block `flows`: what goes to Chargebee."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from functools import cached_property
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from ml_connector.systems.chargebee.fields import ADDRESS, CUSTOMER, DEFAULT_FIELDS, Source, parse_source
from ml_connector.systems.chargebee.setting_types import Block, CustomField

_PREFIX = re.compile(r"[A-Za-z0-9_.-]{1,20}")


def _prefix(prefix: str) -> str:
    if not _PREFIX.fullmatch(prefix):
        raise ValueError("expected at most 20 letters, digits, hyphens, points and underscores, like V-")
    return prefix


def _field(name: str) -> str:
    if name not in CUSTOMER and name.removeprefix("billing_address.") not in ADDRESS and not name.startswith("cf_"):
        raise ValueError("expected a parameter of a customer, like company, billing_address.city or cf_segment")
    return name


def _source(text: str) -> str:
    parse_source(text)
    return text


def _plain(text: str) -> str:
    if "{" in text:
        raise ValueError("expected the path of one value, like status")
    return _source(text)


Prefix = Annotated[str, AfterValidator(_prefix)]


class CustomersSettings(Block):
    """The flow `customers`."""

    prefix: Prefix = Field("V-", description="what an id begins with, before the customer number")
    where: dict[Annotated[str, AfterValidator(_plain)], list[str]] = Field(
        {}, description="path -> accepted values; all must fit"
    )
    fields: dict[Annotated[str, AfterValidator(_field)], Annotated[str, AfterValidator(_source)] | None] = Field(
        {}, description="parameter -> path or template; null leaves it out"
    )
    status_field: CustomField | None = Field(
        None, description="custom field that holds the status in Visma, by which inactive customers are marked"
    )

    @cached_property
    def sources(self) -> Mapping[str, Source]:
        """Parameter -> where its value comes from: the defaults, with what the configuration puts over them."""
        chosen = {**DEFAULT_FIELDS, **self.fields}
        if self.status_field is not None:
            chosen[self.status_field] = "status"
        return {name: parse_source(text) for name, text in chosen.items() if text is not None}


class InvoicesSettings(Block):
    """The flows `invoices` and `credit_notes`."""

    from_: date = Field(alias="from", description="a date, like 2026-11-01; documents dated earlier are left alone")
    prefix: Prefix = Field("VN-", description="what an id begins with, before the invoice number")
    credit_notes: bool = Field(True, description="false: credit notes are left alone")
    credit_note_prefix: Prefix = Field("VC-", description="what the id of a credit note begins with")
    payment_reference: Literal["kid", "ocr", "none"] = Field(
        "kid", description="what Visma's payment reference is: kid (Norway), ocr (Sweden), or none"
    )
    reason: str = Field("ERP", min_length=1, max_length=100, description="reason code of credit notes and voidings")
    payment_method: Literal["bank_transfer", "cash", "check", "other"] = Field(
        "bank_transfer", description="payment method of payments that Visma registered"
    )


class FlowsSettings(Block):
    """The flows of a Chargebee target."""

    customers: CustomersSettings = Field(CustomersSettings(), description="the settings of the flow customers")
    invoices: InvoicesSettings | None = Field(None, description="the settings of the flow invoices; absent: none go")

    @property
    def imported_prefixes(self) -> tuple[str, ...]:
        """How the ids of documents begin that we imported."""
        return () if self.invoices is None else (self.invoices.prefix, self.invoices.credit_note_prefix)
