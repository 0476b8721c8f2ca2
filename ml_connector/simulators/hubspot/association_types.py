"""Types of associations: HubSpot's own, as a table, and those of the portal (HubSpot reference, section 7)."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from ml_connector.simulators.hubspot.errors import Problem, invalid
from ml_connector.simulators.hubspot.object_types import COMPANIES, CONTACTS, DEALS, INVOICES, LINE_ITEMS, PAYMENTS

Spec = tuple[str, int]
"""Category and type id."""
Pair = tuple[str, str]

HUBSPOT, USER = "HUBSPOT_DEFINED", "USER_DEFINED"
CATEGORIES = (HUBSPOT, USER, "INTEGRATOR_DEFINED", "WORK")
PRIMARY = "Primary"
MOST_LABELS = 50

TABLE: tuple[tuple[str, str, int, int, str | None, str | None], ...] = (
    (CONTACTS, COMPANIES, 279, 280, None, None),
    (CONTACTS, COMPANIES, 1, 2, PRIMARY, PRIMARY),
    (CONTACTS, COMPANIES, 931, 930, "Billing contact", "Billing contact"),
    (COMPANIES, COMPANIES, 450, 450, None, None),
    (COMPANIES, COMPANIES, 13, 14, "Child Company", "Parent Company"),
    (DEALS, COMPANIES, 341, 342, None, None),
    (DEALS, COMPANIES, 5, 6, PRIMARY, PRIMARY),
    (DEALS, CONTACTS, 3, 4, None, None),
    (DEALS, LINE_ITEMS, 19, 20, None, None),
    (INVOICES, CONTACTS, 177, 178, None, None),
    (INVOICES, COMPANIES, 179, 180, None, None),
    (INVOICES, DEALS, 175, 176, None, None),
    (INVOICES, LINE_ITEMS, 409, 410, None, None),
    (INVOICES, PAYMENTS, 541, 542, None, None),
    (PAYMENTS, CONTACTS, 387, 388, None, None),
    (PAYMENTS, COMPANIES, 389, 390, None, None),
    (PAYMENTS, DEALS, 391, 392, None, None),
)
"""From, to, the type's id forth and back, its label forth and back; the first of a pair is the unlabelled one."""


@dataclass(slots=True)
class Kind:
    """One type in one direction; `back` is its other direction's."""

    spec: Spec
    back: Spec
    label: str | None
    name: str = ""

    def view(self) -> dict[str, Any]:
        return {"category": self.spec[0], "typeId": self.spec[1], "label": self.label}


@dataclass(slots=True)
class AssociationTypes:
    """All types by ordered pair of object types; the first of a pair is the unlabelled one."""

    random: random.Random
    pairs: dict[Pair, dict[Spec, Kind]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for here, there, forth, back, label, label_back in TABLE:
            self._add(here, there, Kind((HUBSPOT, forth), (HUBSPOT, back), label))
            if (here, forth) != (there, back):
                self._add(there, here, Kind((HUBSPOT, back), (HUBSPOT, forth), label_back))

    def of(self, here: str, there: str) -> dict[Spec, Kind]:
        """The types of a pair; 400 where the two cannot be associated."""
        found = self.pairs.get((here, there))
        if not found:
            raise invalid(f"No association definition exists from {here} to {there}.")
        return found

    def default(self, here: str, there: str) -> Kind:
        """The unlabelled type."""
        return next(iter(self.of(here, there).values()))

    def define(self, here: str, there: str, label: str | None, label_back: str | None, name: str = "") -> Kind:
        """A type of the portal's own; its ids cannot be guessed, and may repeat across pairs. 437 at the cap."""
        labelled = [kind for kind in self.pairs.get((here, there), {}).values() if kind.label and kind.spec[0] == USER]
        if label is not None and len(labelled) >= MOST_LABELS:
            raise Problem(437, "VALIDATION_ERROR", f"At most {MOST_LABELS} labels are allowed between these objects.")
        forth, back = self._free(here, there), self._free(there, here)
        kind = Kind(forth, back, label, name)
        self._add(here, there, kind)
        if here == there and label == label_back:
            kind.back = forth
        else:
            if back == forth and here == there:
                back = kind.back = (USER, forth[1] + 1)
            self._add(there, here, Kind(back, forth, label_back, name))
        return kind

    def remove(self, here: str, there: str, spec: Spec) -> None:
        """Forget a type, both directions."""
        kind = self.pairs[here, there].pop(spec)
        self.pairs[there, here].pop(kind.back, None)

    def forget(self, name: str) -> None:
        """Forget all types of an object."""
        for pair in [pair for pair in self.pairs if name in pair]:
            del self.pairs[pair]

    def _add(self, here: str, there: str, kind: Kind) -> None:
        self.pairs.setdefault((here, there), {})[kind.spec] = kind

    def _free(self, here: str, there: str) -> Spec:
        while True:
            spec = (USER, self.random.randrange(1, 400))
            if not {spec, (USER, spec[1] + 1)} & self.pairs.get((here, there), {}).keys():
                return spec
