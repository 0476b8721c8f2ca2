"""Where the value of a property comes from (`systems/visma/templates.py`), and how HubSpot takes it.

Every value is a text on the wire; an empty one clears the property (HubSpot reference, section 4).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from ml_connector.systems.visma.templates import CUSTOMER_ROOTS, SUPPLIER_ROOTS, Subject, Template, parse

__all__ = ["Source", "Subject", "as_text", "parse_source", "parse_supplier_source"]

LONGEST_TEXT = 65_536
"""Characters of a text property; longer ones are cut here, so that the digest is of what HubSpot holds."""

COMPANY_FIELDS: Mapping[str, str] = {
    "name": "name",
    "phone": "main_contact.phone1",
    "address": "main_address.address_line1",
    "address2": "main_address.address_line2",
    "zip": "main_address.postal_code",
    "city": "main_address.city",
    "country": "main_address.country.name",
    "visma_customer_number": "number",
    "visma_customer_class": "class.id",
    "visma_customer_status": "status",
    "visma_organization_number": "corporate_id",
    "visma_vat_number": "vat_registration_id",
}
SUPPLIER_FIELDS: Mapping[str, str] = {
    **{name: path for name, path in COMPANY_FIELDS.items() if not name.startswith("visma_customer_")},
    "visma_supplier_number": "number",
    "visma_supplier_class": "class.id",
    "visma_supplier_status": "status",
}
CONTACT_FIELDS: Mapping[str, str] = {
    "firstname": "contact.first_name",
    "lastname": "contact.last_name",
    "phone": "contact.phone1",
    "jobtitle": "contact.position",
}


@dataclass(frozen=True, slots=True)
class Source(Template):
    """A parsed source of a property's value."""

    def value(self, subject: Subject) -> str:
        """What to send; an empty text where nothing stands there."""
        return self.written(subject, as_text)[:LONGEST_TEXT]


@cache
def parse_source(text: str) -> Source:
    """A source of customers. Raises ValueError with what was expected, and the nearest path that exists."""
    return parse(text, CUSTOMER_ROOTS, Source)


@cache
def parse_supplier_source(text: str) -> Source:
    """Likewise, of suppliers."""
    return parse(text, SUPPLIER_ROOTS, Source)


def as_text(value: Any) -> str:
    """A value as HubSpot takes it: `true` and `false`, amounts digit by digit, nothing as an empty text."""
    match value:
        case str():
            return value.strip().encode("utf-8", "replace").decode()[:LONGEST_TEXT]
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Decimal():
            return format(value, "f")
        case _:
            return str(value)
