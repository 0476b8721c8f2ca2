"""Suppliers and their classes (Visma reference, appendix)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from ml_connector.systems.visma.models.common import (
    Address,
    Attribute,
    ContactInfo,
    Described,
    Listed,
    Location,
    Model,
    Numbered,
)


class Supplier(Model):
    """One supplier. Its number may be that of no customer, even where both are the same business: what they share is
    `corporate_id`, which the vendor keeps neither unique nor filled."""

    shortcuts: ClassVar[Mapping[str, str]] = {"class": "supplier_class.id"}

    number: str
    internal_id: int | None = None
    name: str | None = None
    status: str | None = None
    main_address: Address | None = None
    main_contact: ContactInfo | None = None
    remit_address: Address | None = None
    remit_contact: ContactInfo | None = None
    supplier_address: Address | None = None
    supplier_contact: ContactInfo | None = None
    account_reference: str | None = None
    parent_record: Numbered | None = None
    supplier_class: Described | None = None
    credit_terms: Described | None = None
    document_language: str | None = None
    currency_id: str | None = None
    payment_method: Described | None = None
    cash_account: str | None = None
    payment_by: str | None = None
    payment_lead_time: int | None = None
    pay_separately: bool | None = None
    charge_bearer: str | None = None
    vat_registration_id: str | None = None
    corporate_id: str | None = None
    vat_zone: Described | None = None
    location: Location | None = None
    attributes: Listed[Attribute] = Field(default_factory=list)
    number_of_employees: int | None = None
    nace_code: str | None = None
    last_modified_date_time: str | None = None


class SupplierClass(Model):
    """A class of suppliers; master data without a change time."""

    id: str
    description: str | None = None
    payment_method_id: str | None = None
    payment_method_description: str | None = None
