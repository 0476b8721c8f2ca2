"""Where the value of a merge field comes from (`systems/visma/templates.py`), and how Mailchimp takes it.

The contact person is the active contact with the member's address, else the first active one. A path that ends at an
address means the whole address, for a merge field of the type address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from ml_connector.systems.visma.models import Address
from ml_connector.systems.visma.templates import CUSTOMER_ROOTS, Place, Subject, Template, parse

__all__ = ["Place", "Source", "Subject", "as_text", "cut", "parse_source", "whole_address"]

TEXT_BYTES = 255
"""Mailchimp cuts longer text without a word (Mailchimp reference, section 8)."""

DEFAULT_FIELDS: Mapping[str, str] = {
    "FNAME": "contact.first_name",
    "LNAME": "contact.last_name",
    "COMPANY": "name",
    "ADDRESS": "main_address",
    "CITY": "main_address.city",
    "COUNTRY": "main_address.country.id",
    "CUSTNO": "number",
    "CUSTCLASS": "class.id",
    "BILLSTATUS": "status",
}

_WORDS = {True: "yes", False: "no"}


@dataclass(frozen=True, slots=True)
class Source(Template):
    """A parsed source of a merge field's value."""

    @property
    def is_address(self) -> bool:
        return self.places[0].is_address

    def value(self, subject: Subject) -> str | dict[str, str] | None:
        """What to send: a text, a whole address, or None for an address that is not whole."""
        first = self.places[0]
        if first.is_address:
            return whole_address(first.look_up(subject))
        if self.around is not None:
            return cut(self.written(subject, as_text))
        held = first.look_up(subject)
        if type(held) is str and held.isascii() and len(held) <= TEXT_BYTES:  # as mostly, and for every field
            return held.strip()
        return cut(as_text(held))


@cache
def parse_source(text: str) -> Source:
    """Raises ValueError with what was expected, and the nearest path that exists."""
    return parse(text, CUSTOMER_ROOTS, Source, addresses=True)


def as_text(value: Any) -> str:
    """A value as people read it; nothing is an empty text, which clears the field at Mailchimp."""
    match value:
        case str():
            return value.strip()
        case None:
            return ""
        case bool():
            return _WORDS[value]
        case Decimal():
            return format(value, "f")
        case _:
            return str(value)


def cut(text: str) -> str:
    """The text in at most 255 bytes of UTF-8, cut between characters."""
    if text.isascii() and len(text) <= TEXT_BYTES:
        return text
    encoded = text.encode("utf-8", "replace")
    return encoded[:TEXT_BYTES].decode("utf-8", "ignore")


def whole_address(address: Address | None) -> dict[str, str] | None:
    """An address as Mailchimp takes it, or None if a part is missing.

    An incomplete one would be stored and make later, unrelated updates fail. Nordic addresses have no state, which
    Mailchimp demands all the same: the county, or else the city, stands in (Mailchimp reference, section 8).
    """
    if address is None:
        return None
    lines = [as_text(line) for line in (address.address_line1, address.address_line2, address.address_line3)]
    lines = [line for line in lines if line]
    city, zip_code = as_text(address.city), as_text(address.postal_code)
    country = as_text(address.country.id) if address.country else ""
    county = as_text(address.county.name or address.county.id) if address.county else ""
    if not (lines and city and zip_code and country):
        return None
    parts = {"addr1": lines[0], "city": city, "state": county or city, "zip": zip_code, "country": country}
    if len(lines) > 1:
        parts["addr2"] = ", ".join(lines[1:])
    return {name: cut(part) for name, part in parts.items()}
