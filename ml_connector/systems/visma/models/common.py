"""What all models share, and the blocks that several of them hold (Visma reference, appendix, shared blocks)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

T = TypeVar("T")


class Model(BaseModel):
    """Common to all; `shortcuts` are further names for paths."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True, coerce_numbers_to_str=True
    )
    shortcuts: ClassVar[Mapping[str, str]] = {}


def _list(value: Any) -> Any:
    return [] if value is None else value


def _day(value: Any) -> Any:
    """The date of a date-time; None for the first day of the calendar, which stands for "never", and for no date."""
    if not isinstance(value, str):
        return value
    try:
        day = date.fromisoformat(value[:10])
    except ValueError:
        return None
    return day if day > date.min else None


Listed = Annotated[list[T], BeforeValidator(_list)]
"""A list; null is empty."""

Day = Annotated[date | None, BeforeValidator(_day)]
"""A date in a date-time's clothing: its date part, never shifted between zones (Visma reference, section 5)."""

Money = Decimal | None
"""In the company's currency, or, where the name ends in `in_currency`, in the document's (section 6)."""


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
    """A contact that is part of a customer, a supplier or a branch."""

    name: str | None = None
    attention: str | None = None
    email: str | None = None
    web: str | None = None
    phone1: str | None = None
    phone2: str | None = None
    fax: str | None = None


class AccountRef(Model):
    """An account of the general ledger, as documents refer to it."""

    number: str | None = None
    description: str | None = None
    type: str | None = None


class Segment(Model):
    """One part of a subaccount: a dimension's segment and its value."""

    segment_id: int | None = None
    segment_description: str | None = None
    segment_value: str | None = None
    segment_value_description: str | None = None


class SubaccountRef(Model):
    """A subaccount within a line; its number is the segments' values joined (section 7)."""

    subaccount_number: str | None = None
    description: str | None = None
    segments: Listed[Segment] = Field(default_factory=list)
