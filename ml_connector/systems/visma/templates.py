"""Where a value for another system comes from: a dotted path into a customer or supplier, or a template of such paths.

| begins with   | leads into                                                                                          |
| ------------- | --------------------------------------------------------------------------------------------------- |
| `contact.`    | the customer's contact person                                                                       |
| `class.`      | the class of the customer or supplier, with its description                                         |
| anything else | the customer or supplier (`class` alone is the id of its class)                                     |

A path that ends at something with an id means the id (`main_address.country`); where the other system takes whole
addresses, one that ends at an address means all of it. In a template paths stand in braces: `{main_address.city},
{currency_id}`. How a value is written is the other system's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Final, TypeVar

from ml_connector.systems.visma.models import Contact, Customer, CustomerClass, Model, Supplier, SupplierClass
from ml_connector.systems.visma.paths import exists, paths, read

Roots = Mapping[str, type[Model]]
CUSTOMER_ROOTS: Final[Roots] = MappingProxyType({"": Customer, "contact": Contact, "class": CustomerClass})
SUPPLIER_ROOTS: Final[Roots] = MappingProxyType({"": Supplier, "class": SupplierClass})
_TITLES: Mapping[type[Model], str] = {
    Customer: "the customer, its contact or class",
    Supplier: "the supplier or its class",
}
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
        is_address: a whole address stands there.
    """

    root: str
    path: str
    names: Sequence[str]
    is_address: bool = False
    _found: Callable[[Any], Any] = field(init=False, repr=False, compare=False)  # made once: every record asks

    def __post_init__(self) -> None:
        found = attrgetter(".".join(self.names)) if self.names else partial(read, path=self.path)
        object.__setattr__(self, "_found", found)

    def look_up(self, subject: Subject) -> Any:
        """What stands there; None where something on the way is missing."""
        value: Any = subject.party
        if self.root:
            value = subject.contact if self.root == "contact" else subject.party_class
        try:
            return None if value is None else self._found(value)
        except AttributeError:  # a block on the way is None; whatever else a path names, the models have
            return None


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed source of a value.

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

    def written(self, subject: Subject, as_text: Callable[[Any], str]) -> str:
        """The value as text; empty where nothing stands there, and without what then dangles of a template."""
        if self.around is None:
            return as_text(self.places[0].look_up(subject))
        texts = [as_text(place.look_up(subject)) for place in self.places]
        if not any(texts):
            return ""
        parts = [self.around[0], *(part for pair in zip(texts, self.around[1:], strict=True) for part in pair)]
        return "".join(parts).strip(_DANGLING)


AnyTemplate = TypeVar("AnyTemplate", bound=Template)


def parse(text: str, roots: Roots, kind: type[AnyTemplate], *, addresses: bool = False) -> AnyTemplate:
    """Raises ValueError with what was expected, and the nearest path that exists.

    Args:
        kind: what is made of it.
        addresses: whether a path may end at a whole address.
    """
    if "{" not in text and "}" not in text:
        return kind(text, [_place(text, roots, addresses=addresses)])
    names, around = _PLACEHOLDER.findall(text), _PLACEHOLDER.split(text)[::2]
    if not names or any("{" in literal or "}" in literal for literal in around):
        raise ValueError("expected a path like main_address.city, or a template like {main_address.city} {number}")
    places = [_place(name.strip(), roots, addresses=addresses) for name in names]
    if any(place.is_address for place in places):
        raise ValueError("a whole address cannot stand in a template; expected paths of its parts")
    return kind(text, places, around)


def _place(text: str, roots: Roots, *, addresses: bool) -> Place:
    text = "class" if text == "class.id" else text  # the party's own row holds the id
    root, dot, rest = text.partition(".")
    root, path = (root, rest) if dot and root in roots else ("", text)
    model = roots[root]
    for candidate in (path, f"{path}.id"):
        if exists(model, candidate):
            names = model.shortcuts.get(candidate, candidate).split(".")
            return Place(root, candidate, () if names[0] == "attributes" else names)
    if addresses and path in _addresses(model):
        return Place(root, path, [path], is_address=True)
    everything = [
        f"{root}.{path}" if root else path
        for root, model in roots.items()
        for path in (*paths(model), *(_addresses(model) if addresses else ()))
    ]
    nearest = get_close_matches(text, everything, n=1, cutoff=0.5)
    hint = f"; did you mean {nearest[0]}?" if nearest else ""
    raise ValueError(f"expected the path of a value of {_TITLES[roots['']]}, like main_address.city{hint}")


def _addresses(model: type[Model]) -> list[str]:
    """The members of a model that are whole addresses."""
    return [
        path.removesuffix(".address_line1") for path in paths(model) if path.count(".") == 1 and "address_line1" in path
    ]
