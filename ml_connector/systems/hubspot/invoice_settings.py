"""The flows of documents in a HubSpot target's settings: invoices and credit notes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from ml_connector.systems.hubspot.segments import SegmentNumber
from ml_connector.systems.hubspot.setting_types import Block, Property, property_name
from ml_connector.systems.visma.models import CustomerDocument
from ml_connector.systems.visma.paths import exists

INVOICE_FIELDS: Mapping[str, str] = {
    "visma_customer_number": "customer.number",
    "visma_customer_reference": "customer_ref_number",
    "visma_external_reference": "external_reference",
    "visma_payment_reference": "payment_reference",
    "visma_original_document": "originator_doc_ref",
}
"""The default of `fields`."""

INVOICE_TYPES: Mapping[str, str] = {
    "visma_document_type": "string",
    "visma_document_number": "string",
    "visma_status": "string",
    "visma_payment_status": "string",
    "visma_invoice_date": "date",
    "visma_due_date": "date",
    "visma_paid_date": "date",
    "visma_payments": "string",
    "visma_net_total": "number",
    "visma_vat_total": "number",
    "visma_total": "number",
    "visma_balance": "number",
}
"""The properties of our own that every invoice has, and the types that `setup` gives them."""


def _mapped(name: str) -> str:
    if property_name(name) in INVOICE_TYPES or name.startswith("hs_"):
        raise ValueError(f"{name} is written by the flow itself, or by HubSpot")
    return name


def _path(path: str) -> str:
    if not exists(CustomerDocument, path):
        raise ValueError("expected the path of a value of the invoice, like external_reference")
    return path


DocumentPath = Annotated[str, AfterValidator(_path)]
MappedProperty = Annotated[str, AfterValidator(_mapped)]


class DealsSettings(Block):
    """How the deal of an invoice is found; without either rule there would be none."""

    property: Property | None = Field(None, description="a property of deals that holds a reference of the invoice")
    equals: DocumentPath = Field("external_reference", description="the reference: a path of the invoice")
    only_open: bool = Field(False, description="without such a deal: the company's only open one")

    @model_validator(mode="after")
    def _has_a_rule(self) -> Self:
        if self.property is None and not self.only_open:
            raise ValueError("expected `property`, or `only_open: true`")
        return self


class InvoicesSettings(Block):
    """The flows `invoices` and `credit_notes`: both become HubSpot invoices that HubSpot does not bill."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    invoice_key: Property = Field(
        "visma_invoice_key", description="the unique property of invoices that holds our key; must not exist otherwise"
    )
    line_key: Property | None = Field(
        "visma_line_key",
        description="the same of line items; null where the account takes none: lines are then compared by content",
    )
    payment_key: Property = Field("visma_payment_key", description="the same of payments, for `payments: records`")
    from_: date | None = Field(None, alias="from", description="older documents are left alone")
    credit_notes: bool = Field(True, description="whether credit notes come over too, as invoices below zero")
    drafts: bool = Field(False, description="whether documents that are not released yet come over too, as drafts")
    payments: Literal["properties", "records"] = Field(
        "properties", description="records: payments also become records of their own, where the account has payments"
    )
    deals: DealsSettings | None = Field(None, description="how the deal of an invoice is found; by default none is")
    fields: dict[MappedProperty, DocumentPath | None] = Field(
        {}, description="further properties of invoices -> path; null leaves one of the defaults out"
    )
    segments: dict[MappedProperty, SegmentNumber] = Field(
        {}, description="further properties of invoices -> segment of the subaccounts of the lines"
    )

    @cached_property
    def sources(self) -> Mapping[str, str]:
        """Property -> path: the defaults, with what the configuration puts over them."""
        chosen = {**INVOICE_FIELDS, **self.fields}
        return {name: path for name, path in chosen.items() if path is not None}

    @model_validator(mode="after")
    def _key_is_not_mapped(self) -> Self:
        if self.invoice_key in self.sources:
            raise ValueError(f"fields: {self.invoice_key} holds our key and cannot hold anything else")
        if taken := self.segments.keys() & {self.invoice_key, *self.sources}:
            raise ValueError(f"segments: {', '.join(sorted(taken))} holds something else already")
        return self
