"""Where the value of a property comes from: a dotted path into the customer or supplier, or a template of such paths.

| begins with | leads into                                                                                            |
| ----------- | ----------------------------------------------------------------------------------------------------- |
| `contact.`  | the customer's contact person: the active contact with its address                                    |
| `class.`    | the class of the customer or supplier, with its description                                           |
| anything else | the customer or supplier (`class` alone is the id of its class)                                     |

In a template paths stand in braces: `{main_address.city}, {currency_id}`. Every value is a text on the wire; an empty
one clears the property (HubSpot reference, section 4).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from ml_connector.systems.visma.models import Contact, Customer, CustomerClass, Model, Supplier, SupplierClass
from ml_connector.systems.visma.paths import exists, paths, read

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

Roots = Mapping[str, type[Model]]
CUSTOMER_ROOTS: Final[Roots] = MappingProxyType({"": Customer, "contact": Contact, "class": CustomerClass})
SUPPLIER_ROOTS: Final[Roots] = MappingProxyType({"": Supplier, "class": SupplierClass})
_TITLES = {Customer: "the customer, its contact or class", Supplier: "the supplier or its class"}
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_DANGLING = " ,;:/|-\u2013"


@dataclass(frozen=True, slots=True)
class Subject:
    """What paths lead into.

    Attributes:
        party: the customer or supplier.
        contact: the contact person, or None.
        party_class: with its description, or None.
    """

    party: Customer | Supplier
    contact: Contact | None = None
    party_class: CustomerClass | SupplierClass | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A path that exists.

    Attributes:
        root: `contact`, `class`, or "" for the customer or supplier.
        path: below the root.
        names: the members on the way; empty where only `read` finds what stands there.
    """

    root: str
    path: str
    names: Sequence[str]

    def look_up(self, subject: Subject) -> Any:
        """What stands there; None where something on the way is missing."""
        value: Any = subject.party
        if self.root:
            value = subject.contact if self.root == "contact" else subject.party_class
        if not self.names:
            return None if value is None else read(value, self.path)
        for name in self.names:
            if value is None:
                return None
            value = getattr(value, name)
        return value


@dataclass(frozen=True, slots=True)
class Source:
    """A parsed source.

    Attributes:
        text: as written.
        places: its paths, in order.
        around: the literal texts before, between and behind the paths of a template; None for a plain path.
    """

    text: str
    places: Sequence[Place]
    around: Sequence[str] | None = None

    def looks_into(self, root: str) -> bool:
        return any(place.root == root for place in self.places)

    def value(self, subject: Subject) -> str:
        """What to send; an empty text where nothing stands there."""
        if self.around is None:
            return as_text(self.places[0].look_up(subject))
        texts = [as_text(place.look_up(subject)) for place in self.places]
        if not any(texts):
            return ""
        parts = [self.around[0], *(part for pair in zip(texts, self.around[1:], strict=True) for part in pair)]
        return "".join(parts).strip(_DANGLING)[:LONGEST_TEXT]


def parse_source(text: str) -> Source:
    """A source of customers. Raises ValueError with what was expected, and the nearest path that exists."""
    return _parsed(text, Customer)


def parse_supplier_source(text: str) -> Source:
    """Likewise, of suppliers."""
    return _parsed(text, Supplier)


@cache
def _parsed(text: str, of: type[Model]) -> Source:
    roots = SUPPLIER_ROOTS if of is Supplier else CUSTOMER_ROOTS
    if "{" not in text and "}" not in text:
        return Source(text, [_place(text, roots)])
    names, around = _PLACEHOLDER.findall(text), _PLACEHOLDER.split(text)[::2]
    if not names or any("{" in literal or "}" in literal for literal in around):
        raise ValueError("expected a path like main_address.city, or a template like {main_address.city} {number}")
    return Source(text, [_place(name.strip(), roots) for name in names], around)


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


def _place(text: str, roots: Roots) -> Place:
    text = "class" if text == "class.id" else text  # the party's own row holds the id
    root, dot, rest = text.partition(".")
    root, path = (root, rest) if dot and root in roots else ("", text)
    model = roots[root]
    for candidate in (path, f"{path}.id"):
        if exists(model, candidate):
            names = model.shortcuts.get(candidate, candidate).split(".")
            return Place(root, candidate, () if names[0] == "attributes" else names)
    everything = [f"{root}.{path}" if root else path for root, model in roots.items() for path in paths(model)]
    nearest = get_close_matches(text, everything, n=1, cutoff=0.5)
    hint = f"; did you mean {nearest[0]}?" if nearest else ""
    raise ValueError(f"expected the path of a value of {_TITLES[roots['']]}, like main_address.city{hint}")
