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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple

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


class Subject(NamedTuple):
    """What paths lead into.

    Attributes:
        contact: the contact person, or None.
        customer_class: with its description, or None.
    """

    customer: Customer
    contact: Contact | None
    customer_class: CustomerClass | None


Value = str | dict[str, str] | None


@dataclass(frozen=True, slots=True)
class Place:
    """A path that exists.

    Attributes:
        root: `contact`, `class`, or "" for the customer.
        path: below the root.
        look_up: what stands there; None where something on the way is missing.
        is_address: a whole address stands there.
    """

    root: str
    path: str
    look_up: Callable[[Subject], Any]
    is_address: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """A parsed source; made once, so that what is done for every record is only what this one needs.

    Attributes:
        text: as written.
        places: its paths, in order.
        value: what to send: a text, a whole address, or None for an address that is not whole.
    """

    text: str
    places: Sequence[Place]
    value: Callable[[Subject], Value]

    @property
    def is_address(self) -> bool:
        return self.places[0].is_address


@cache
def parse_source(text: str) -> Source:
    """Raises ValueError with what was expected, and the nearest path that exists."""
    if "{" not in text and "}" not in text:
        place = _place(text)
        return Source(text, [place], _address_at(place) if place.is_address else _text_at(place))
    names, around = _PLACEHOLDER.findall(text), _PLACEHOLDER.split(text)[::2]
    if not names or any("{" in literal or "}" in literal for literal in around):
        raise ValueError("expected a path like main_address.city, or a template like {main_address.city} {number}")
    places = [_place(name.strip()) for name in names]
    if any(place.is_address for place in places):
        raise ValueError("a whole address cannot stand in a template; expected paths of its parts")
    return Source(text, places, _texts_at(places, around))


def _text_at(place: Place) -> Callable[[Subject], str]:
    look_up = place.look_up
    return lambda subject: cut(as_text(look_up(subject)))


def _address_at(place: Place) -> Callable[[Subject], dict[str, str] | None]:
    look_up = place.look_up
    return lambda subject: whole_address(look_up(subject))


def _texts_at(places: Sequence[Place], around: Sequence[str]) -> Callable[[Subject], str]:
    def value(subject: Subject) -> str:
        texts = [as_text(place.look_up(subject)) for place in places]
        if not any(texts):
            return ""
        parts = [around[0], *(part for pair in zip(texts, around[1:], strict=True) for part in pair)]
        return cut("".join(parts).strip(_DANGLING))

    return value


def as_text(value: Any) -> str:
    """A value as people read it; nothing is an empty text, which clears the field at Mailchimp."""
    if isinstance(value, str):  # nearly all are
        return value.strip()
    match value:
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
    parts_of_street = (address.address_line1, address.address_line2, address.address_line3)
    lines = [text for line in parts_of_street if line is not None and (text := line.strip())]
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
            return Place(root, candidate, _look_up(root, candidate, () if names[0] == "attributes" else names))
    if path in _addresses(model):
        return Place(root, path, _look_up(root, path, [path]), is_address=True)
    nearest = get_close_matches(text, _everything(), n=1, cutoff=0.5)
    hint = f"; did you mean {nearest[0]}?" if nearest else ""
    raise ValueError(
        f"expected the path of a value of the customer, its contact or class, like main_address.city{hint}"
    )


def _look_up(root: str, path: str, names: Sequence[str]) -> Callable[[Subject], Any]:
    """What finds the value at a path; `names`: the members on the way, empty where only `read` finds it."""
    begin = attrgetter({"": "customer", "contact": "contact", "class": "customer_class"}[root])

    def at_names(subject: Subject) -> Any:
        value = begin(subject)
        for name in names:
            if value is None:
                return None
            value = getattr(value, name)
        return value

    def at_path(subject: Subject) -> Any:
        value = begin(subject)
        return None if value is None else read(value, path)

    return at_names if names else at_path


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
