"""The deal of an invoice, by the rule of the configuration: a deal's property equals a reference of the invoice, or it
is the only open deal of the invoice's company. More than one is none, and a note that names them.

A property with unique values is read; any other is searched for, because nothing else serves there, and the index lags
(HubSpot reference, section 6): a deal that is seconds old may be missed, and is found when the invoice changes again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import Any, Final, NamedTuple

from ml_connector.systems.hubspot.batches import Reply, read
from ml_connector.systems.hubspot.client import HubSpotClient
from ml_connector.systems.hubspot.invoice_settings import DealsSettings
from ml_connector.systems.hubspot.pairs import associated
from ml_connector.systems.hubspot.searching import TOO_LONG, Finder

DEALS: Final = "deals"
COMPANIES: Final = "companies"
LABEL, STAGE = "dealname", "dealstage"
NAMED: Final = 5
"""So many of several deals are named in a note."""


class Sought(NamedTuple):
    """By what an invoice's deal may be found; empty texts find nothing."""

    reference: str
    company: str


class Choice(NamedTuple):
    """The deal, or why there is none: a note where the invoice can do without, or what went wrong."""

    id: str | None = None
    note: str | None = None
    wrong: Reply | None = None


@dataclass  # without slots, for the cached property
class Deals:
    """Finds deals; thread-safe. Raises CallProblem, Stopped.

    Attributes:
        is_unique: the property's values are unique.
    """

    client: HubSpotClient
    rule: DealsSettings
    is_unique: bool = False
    _lock: Lock = field(default_factory=Lock)

    def find(self, sought: Mapping[str, Sought]) -> dict[str, Choice]:
        """Name -> the choice, for those that have any."""
        chosen: dict[str, Choice] = {}
        too_long: set[str] = set()
        if self.rule.property is not None:
            name = self.rule.property
            finder = Finder(self.client, DEALS, name)
            by_value = self._by_property(finder, {one.reference.strip() for one in sought.values()} - {""})
            for key, one in sought.items():
                reference = one.reference.strip()
                if wrong := finder.wrong.get(reference if self.is_unique else normal(reference)):
                    if _is_too_long(wrong):
                        too_long.add(key)  # the company may have one
                    else:
                        chosen[key] = Choice(wrong=wrong)
                elif deals := by_value.get(normal(reference)):
                    chosen[key] = _choice(deals, f"have the invoice's reference as their {name}")
        left = {key: one.company for key, one in sought.items() if key not in chosen and one.company}
        if self.rule.only_open and left:
            by_company = self._open_of(sorted(set(left.values())))
            for key, company in left.items():
                if deals := by_company.get(company):
                    chosen[key] = _choice(deals, "of the company are open")
        return dict.fromkeys(too_long, UNSEARCHABLE) | chosen

    def _by_property(self, finder: Finder, references: Set[str]) -> dict[str, list[Mapping[str, Any]]]:
        asked = [finder.name, LABEL]
        if self.is_unique:
            records = finder.read({one: [one] for one in sorted(references)}, asked)
        else:
            records = finder.search({one: [one] for one in sorted(map(normal, references))}, asked)
        found: dict[str, list[Mapping[str, Any]]] = {}
        for record in records:
            found.setdefault(normal(str(record["properties"].get(finder.name) or "")), []).append(record)
        return found

    def _open_of(self, companies: Sequence[str]) -> dict[str, list[Mapping[str, Any]]]:
        """Company's id -> its deals whose stage is not a closed one."""
        linked = associated(self.client, COMPANIES, DEALS, companies)
        ids = list(dict.fromkeys(deal for deals in linked.values() for deal in deals))
        if not ids:
            return {}
        with self._lock:
            closed = self._closed_stages
        records = read(self.client, DEALS, ids, [STAGE, LABEL])
        return {
            company: [records[one] for one in deals if one in records and _stage(records[one]) not in closed]
            for company, deals in linked.items()
        }

    @cached_property
    def _closed_stages(self) -> frozenset[str]:
        """The ids of the stages that end a deal; a stage's id says in which pipeline it is (section 11)."""
        pipelines = self.client.get(self.client.routes.pipelines(DEALS)).data.get("results") or []
        stages = [stage for one in pipelines if isinstance(one, Mapping) for stage in one.get("stages") or ()]
        return frozenset(str(one.get("id")) for one in stages if (one.get("metadata") or {}).get("isClosed") == "true")


UNSEARCHABLE: Final = Choice(note="No deal was linked: the invoice's reference is too long to be searched for.")


def normal(reference: str) -> str:
    """A reference in the form in which two are compared."""
    return reference.strip().lower()


def _is_too_long(wrong: Reply) -> bool:
    return wrong.decision is not None and wrong.decision.kind == TOO_LONG


def _stage(deal: Mapping[str, Any]) -> str:
    return str(deal["properties"].get(STAGE) or "")


def _choice(deals: Sequence[Mapping[str, Any]], what: str) -> Choice:
    if len(deals) == 1:
        return Choice(deals[0]["id"])
    named = ", ".join(f"{one['id']} ({one['properties'].get(LABEL) or 'no name'})" for one in deals[:NAMED])
    more = f" and {len(deals) - NAMED} more" if len(deals) > NAMED else ""
    return Choice(note=f"No deal was linked: {len(deals)} deals {what}: {named}{more}.")
