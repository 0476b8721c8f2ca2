"""What Visma's rows hold, under the names that people use in `fields:` and `where:`.

Read from a landed payload at mapping time only. Tolerant, because the vendor leaves out, nulls or empties whatever it
likes: every member but the key may be missing, a null list is empty, unknown members are ignored. Names and types are
those of the Visma reference's appendix, in snake case; amounts are Decimal.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic.alias_generators import to_camel


class Model(BaseModel):
    """Common to all; `shortcuts` are further names for paths."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True, coerce_numbers_to_str=True
    )
    shortcuts: ClassVar[Mapping[str, str]] = {}


def _list(value: Any) -> Any:
    return [] if value is None else value


class Described(Model):
    """A reference to master data: IdDesc."""

    id: str | None = None
    description: str | None = None


class Named(Model):
    """A country, county or location: IdName."""

    id: str | None = None
    name: str | None = None


class Numbered(Model):
    """Another record: NumName."""

    number: str | None = None
    name: str | None = None


class Location(Model):
    country_id: str | None = None
    id: str | None = None
    name: str | None = None


class Attribute(Model):
    id: str | None = None
    value: str | None = None
    description: str | None = None


class Address(Model):
    address_line1: str | None = None
    address_line2: str | None = None
    address_line3: str | None = None
    postal_code: str | None = None
    city: str | None = None
    country: Named | None = None
    county: Named | None = None


class ContactInfo(Model):
    """A contact that is part of a customer: main, invoice or delivery."""

    name: str | None = None
    attention: str | None = None
    email: str | None = None
    web: str | None = None
    phone1: str | None = None
    phone2: str | None = None
    fax: str | None = None


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
    attributes: Annotated[list[Attribute], BeforeValidator(_list)] = []
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
