"""Customers, their classes, and the person contacts of customers and suppliers (Visma reference, appendix)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
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


class Customer(Model):
    """One customer. `number` can be changed by the vendor's users, `internal_id` cannot."""

    shortcuts: ClassVar[Mapping[str, str]] = {"class": "customer_class.id"}

    number: str
    internal_id: int | None = None
    name: str | None = None
    status: str | None = None
    main_address: Address | None = None
    main_contact: ContactInfo | None = None
    invoice_address: Address | None = None
    invoice_contact: ContactInfo | None = None
    delivery_address: Address | None = None
    delivery_contact: ContactInfo | None = None
    account_reference: str | None = None
    parent_record: Numbered | None = None
    customer_class: Described | None = None
    credit_terms: Described | None = None
    currency_id: str | None = None
    credit_verification: str | None = None
    credit_limit: Decimal | None = None
    credit_days_past_due: int | None = None
    print_invoices: bool | None = None
    accept_auto_invoices: bool | None = None
    send_invoices_by_email: bool | None = None
    vat_registration_id: str | None = None
    corporate_id: str | None = None
    gln: str | None = None
    vat_zone: Described | None = None
    location: Location | None = None
    price_class: Described | None = None
    attributes: Listed[Attribute] = Field(default_factory=list)
    number_of_employees: int | None = None
    exclude_debt_collection: bool | None = None
    created_date_time: str | None = None
    last_modified_date_time: str | None = None


class Contact(Model):
    """One person. `business_account` is the number of the customer or supplier that the person belongs to."""

    contact_id: int
    display_name: str | None = None
    active: bool | None = None
    title: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    position: str | None = None
    business_account: str | None = None
    business_account_type: str | None = None
    address: Address | None = None
    email: str | None = None
    web: str | None = None
    phone1: str | None = None
    phone2: str | None = None
    phone3: str | None = None
    fax: str | None = None
    contact_method: str | None = None
    do_not_call: bool | None = None
    do_not_fax: bool | None = None
    do_not_email: bool | None = None
    do_not_mail: bool | None = None
    no_mass_mail: bool | None = None
    no_marketing: bool | None = None
    last_modified_date_time: str | None = None


class CustomerClass(Model):
    """A class of customers; master data without a change time."""

    id: str
    description: str | None = None
    tax_zone_id: str | None = None
    required_taxzone_id: bool | None = None
    payment_method_id: str | None = None
