"""Where the value of a merge field comes from: a dotted path into the customer, or a template of such paths.

| begins with     | leads into                                                                                  |
| --------------- | ------------------------------------------------------------------------------------------- |
| `contact.`      | the contact person: the active contact with the member's address, else the first active one |
| `class.`        | the customer class, with its description                                                    |
| anything else   | the customer (`class` alone is the id of its class)                                         |

A path that ends at something with an id means the id (`main_address.country`); one that ends at an address means the
whole address, for a merge field of the type address. In a template paths stand in braces: `{main_address.city},
{currency_id}`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from functools import cache
from typing import Any

from ml_connector.systems.visma.models import Address, Contact, Customer, CustomerClass, Model
from ml_connector.systems.visma.paths import exists, paths, read

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

_ROOTS: Mapping[str, type[Model]] = {"": Customer, "contact": Contact, "class": CustomerClass}
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_DANGLING = " ,;:/|-\u2013"
_WORDS = {True: "yes", False: "no"}


@dataclass(frozen=True, slots=True)
class Subject:
    """What paths lead into.

    Attributes:
        contact: the contact person, or None.
        customer_class: with its description, or None.
    """

    customer: Customer
    contact: Contact | None
    customer_class: CustomerClass | None


@dataclass(frozen=True, slots=True)
class Place:
    """A path that exists.

    Attributes:
        root: `contact`, `class`, or "" for the customer.
        path: below the root.
        names: the members on the way, from the root on; empty where only `read` finds what stands there.
        is_address: a whole address stands there.
    """

    root: str
    path: str
    names: Sequence[str]
    is_address: bool = False

    def look_up(self, subject: Subject) -> Any:
        """What stands there; None where something on the way is missing."""
        value: Any = subject.customer
        if self.root:
            value = subject.contact if self.root == "contact" else subject.customer_class
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

    @property
    def is_address(self) -> bool:
        return self.places[0].is_address

    def value(self, subject: Subject) -> str | dict[str, str] | None:
        """What to send: a text, a whole address, or None for an address that is not whole."""
        first = self.places[0]
        if first.is_address:
            return whole_address(first.look_up(subject))
        if self.around is None:
            return cut(as_text(first.look_up(subject)))
        texts = [as_text(place.look_up(subject)) for place in self.places]
        if not any(texts):
            return ""
        parts = [self.around[0], *(part for pair in zip(texts, self.around[1:], strict=True) for part in pair)]
        return cut("".join(parts).strip(_DANGLING))


@cache
def parse_source(text: str) -> Source:
    """Raises ValueError with what was expected, and the nearest path that exists."""
    if "{" not in text and "}" not in text:
        return Source(text, [_place(text)])
    names, around = _PLACEHOLDER.findall(text), _PLACEHOLDER.split(text)[::2]
    if not names or any("{" in literal or "}" in literal for literal in around):
        raise ValueError("expected a path like main_address.city, or a template like {main_address.city} {number}")
    places = [_place(name.strip()) for name in names]
    if any(place.is_address for place in places):
        raise ValueError("a whole address cannot stand in a template; expected paths of its parts")
    return Source(text, places, around)


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


def _place(text: str) -> Place:
    text = "class" if text == "class.id" else text  # the customer's own row holds the id
    root, dot, rest = text.partition(".")
    root, path = (root, rest) if dot and root in _ROOTS else ("", text)
    model = _ROOTS[root]
    for candidate in (path, f"{path}.id"):
        if exists(model, candidate):
            names = model.shortcuts.get(candidate, candidate).split(".")
            return Place(root, candidate, () if names[0] == "attributes" else names)
    if path in _addresses(model):
        return Place(root, path, [path], is_address=True)
    nearest = get_close_matches(text, _everything(), n=1, cutoff=0.5)
    hint = f"; did you mean {nearest[0]}?" if nearest else ""
    raise ValueError(
        f"expected the path of a value of the customer, its contact or class, like main_address.city{hint}"
    )


def _addresses(model: type[Model]) -> list[str]:
    """The members of a model that are whole addresses."""
    return [
        path.removesuffix(".address_line1") for path in paths(model) if path.count(".") == 1 and "address_line1" in path
    ]


@cache
def _everything() -> Sequence[str]:
    """Every path that may be written, for suggestions."""
    return [
        f"{root}.{path}" if root else path
        for root, model in _ROOTS.items()
        for path in (*paths(model), *_addresses(model))
    ]
