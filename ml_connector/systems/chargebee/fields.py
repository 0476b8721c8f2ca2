"""Where the value of a customer's parameter comes from (`systems/visma/templates.py`), and how Chargebee takes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from ml_connector.systems.visma.templates import CUSTOMER_ROOTS, Subject, Template, parse

__all__ = ["Source", "Subject", "as_text", "parse_source"]

CUSTOMER: Mapping[str, int] = {
    "first_name": 150,
    "last_name": 150,
    "email": 70,
    "phone": 50,
    "company": 250,
    "vat_number": 20,
    "locale": 50,
    "invoice_notes": 2000,
    "preferred_currency_code": 3,
}
"""Parameter of a customer -> its longest text (Chargebee reference, section 3.1)."""
ADDRESS: Mapping[str, int] = {
    "first_name": 150,
    "last_name": 150,
    "company": 250,
    "email": 70,
    "phone": 50,
    "line1": 150,
    "line2": 150,
    "line3": 150,
    "city": 50,
    "state": 50,
    "zip": 20,
    "country": 2,
}
"""Likewise, of an address."""
VAT_NUMBER = "vat_number"
BILLING = (VAT_NUMBER,)
"""What of a customer `update_billing_info` changes, besides the address, and nothing else does (section 3.3)."""
LONGEST_CUSTOM = 250

DEFAULT_FIELDS: Mapping[str, str] = {
    "company": "name",
    "email": "main_contact.email",
    "phone": "main_contact.phone1",
    "vat_number": "vat_registration_id",
    "preferred_currency_code": "currency_id",
    "billing_address.company": "name",
    "billing_address.line1": "main_address.address_line1",
    "billing_address.line2": "main_address.address_line2",
    "billing_address.line3": "main_address.address_line3",
    "billing_address.city": "main_address.city",
    "billing_address.zip": "main_address.postal_code",
    "billing_address.country": "main_address.country.id",
}


@dataclass(frozen=True, slots=True)
class Source(Template):
    """A parsed source of a parameter's value."""

    def value(self, subject: Subject, longest: int) -> str:
        """What to send, cut between characters; an empty text clears."""
        return self.written(subject, as_text)[:longest]


@cache
def parse_source(text: str) -> Source:
    """Raises ValueError with what was expected, and the nearest path that exists."""
    return parse(text, CUSTOMER_ROOTS, Source)


def longest(name: str) -> int:
    """How long the value of a parameter may be."""
    if name.startswith("billing_address."):
        return ADDRESS[name.removeprefix("billing_address.")]
    return CUSTOMER.get(name, LONGEST_CUSTOM)


def as_text(value: Any) -> str:
    """A value as Chargebee takes it."""
    match value:
        case str():
            return value.strip().encode("utf-8", "replace").decode()
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Decimal():
            return format(value, "f")
        case _:
            return str(value)
