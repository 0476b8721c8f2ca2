"""Who is associated with whom (HubSpot reference, section 7)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ml_connector.simulators.hubspot.association_types import PRIMARY, AssociationTypes, Pair, Spec

NOBODY: Mapping[int, frozenset[Spec]] = {}


@dataclass(slots=True)
class Graph:
    """Associations in both directions; each direction has its own type ids."""

    types: AssociationTypes
    links: dict[Pair, dict[int, dict[int, frozenset[Spec]]]] = field(default_factory=dict)
    _shared: dict[frozenset[Spec], frozenset[Spec]] = field(default_factory=dict)

    def of(self, here: str, record_id: int, there: str) -> Mapping[int, frozenset[Spec]]:
        """The types by record at the other end."""
        return self.links.get((here, there), {}).get(record_id, NOBODY)

    def neighbours(self, here: str, record_id: int) -> Iterator[tuple[str, int]]:
        """Everything that a record is associated with."""
        for (start, there), links in self.links.items():
            if start == here:
                yield from ((there, other) for other in links.get(record_id, NOBODY))

    def put(self, here: str, record_id: int, there: str, other: int, specs: frozenset[Spec]) -> None:
        """Set a pair's types to these and the unlabelled one; one primary company per record."""
        types = self.types.of(here, there)
        specs |= {self.types.default(here, there).spec}
        for spec in specs:
            if types[spec].label == PRIMARY:
                self._one_primary(here, record_id, there, other, spec)
        back = frozenset(types[spec].back for spec in specs)
        self._set(here, record_id, there, other, specs)
        if (here, record_id) != (there, other):
            self._set(there, other, here, record_id, back)

    def remove(self, here: str, record_id: int, there: str, other: int) -> None:
        """Take a pair apart, all labels included."""
        for start, first, end, second in ((here, record_id, there, other), (there, other, here, record_id)):
            links = self.links.get((start, end), {})
            if second in links.get(first, NOBODY):
                del links[first][second]
                if not links[first]:
                    del links[first]

    def forget(self, here: str, record_id: int) -> None:
        """Take apart whatever a record is part of."""
        for there, other in list(self.neighbours(here, record_id)):
            self.remove(here, record_id, there, other)

    def count(self) -> dict[str, int]:
        """Associated records by direction, such as `contacts/companies`."""
        return {
            f"{here}/{there}": sum(map(len, links.values())) for (here, there), links in self.links.items() if links
        }

    def _one_primary(self, here: str, record_id: int, there: str, other: int, spec: Spec) -> None:
        """The primary label goes over to another company; it may be asked for from either end."""
        if there == "companies":
            start, end, keep = record_id, there, other
            holder, primary = here, spec
        else:
            start, end, keep = other, here, record_id
            holder, primary = there, self.types.of(here, there)[spec].back
        for company, held in list(self.of(holder, start, end).items()):
            if company != keep and primary in held:
                rest = held - {primary}
                back = frozenset(self.types.of(holder, end)[one].back for one in rest)
                self._set(holder, start, end, company, rest)
                self._set(end, company, holder, start, back)

    def _set(self, here: str, record_id: int, there: str, other: int, specs: frozenset[Spec]) -> None:
        specs = self._shared.setdefault(specs, specs)  # few sets, many associations
        self.links.setdefault((here, there), {}).setdefault(record_id, {})[other] = specs
