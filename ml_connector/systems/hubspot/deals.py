"""The deal of an invoice, by the rule of the configuration: a deal's property equals a reference of the invoice, or it
is the only open deal of the invoice's company. More than one is none, and a note that names them.

A property with unique values is read; any other is searched for, because nothing else serves there, and the index lags
(HubSpot reference, section 6): a deal that is seconds old may be missed, and is found when the invoice changes again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import Any, Final, NamedTuple

from ml_connector.systems.hubspot.batches import grouped, read, records_of
from ml_connector.systems.hubspot.client import HubSpotClient
from ml_connector.systems.hubspot.invoice_settings import DealsSettings
from ml_connector.systems.hubspot.pairs import associated

DEALS: Final = "deals"
COMPANIES: Final = "companies"
LABEL, STAGE = "dealname", "dealstage"
VALUES: Final = 50
"""Values of one search: its body may have 3,000 characters (section 6)."""
PAGE: Final = 200
NAMED: Final = 5
"""So many of several deals are named in a note."""


class Sought(NamedTuple):
    """By what an invoice's deal may be found; empty texts find nothing."""

    reference: str
    company: str


class Choice(NamedTuple):
    """The deal, or why there is none."""

    id: str | None = None
    note: str | None = None


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
        if self.rule.property is not None:
            name = self.rule.property
            form = str.strip if self.is_unique else normal
            references = sorted({form(one.reference) for one in sought.values() if normal(one.reference)})
            by_value = self._by_property(name, references) if references else {}
            for key, one in sought.items():
                if deals := by_value.get(normal(one.reference)):
                    chosen[key] = _choice(deals, f"have the {name} {one.reference}")
        left = {key: one.company for key, one in sought.items() if key not in chosen and one.company}
        if self.rule.only_open and left:
            by_company = self._open_of(sorted(set(left.values())))
            for key, company in left.items():
                if deals := by_company.get(company):
                    chosen[key] = _choice(deals, "of the company are open")
        return chosen

    def _by_property(self, name: str, values: Sequence[str]) -> dict[str, list[Mapping[str, Any]]]:
        if self.is_unique:
            records = read(self.client, DEALS, values, [name, LABEL], unique=name).values()
        else:
            ids = [one for group in grouped(values, VALUES) for one in self._search(name, group)]
            records = read(self.client, DEALS, ids, [name, LABEL]).values()
        found: dict[str, list[Mapping[str, Any]]] = {}
        for record in records:
            found.setdefault(normal(str(record["properties"].get(name) or "")), []).append(record)
        return found

    def _search(self, name: str, values: Sequence[str]) -> Iterator[str]:
        """Ids of the deals that the index has under these values, which have to be in lower case."""
        after = "0"
        while after:
            body = {
                "filterGroups": [{"filters": [{"propertyName": name, "operator": "IN", "values": list(values)}]}],
                "sorts": [],
                "properties": [name],
                "limit": PAGE,
                "after": after,
            }
            data = self.client.search(self.client.routes.search(DEALS), body).data
            yield from (record["id"] for record in records_of(data["results"]))
            after = str(((data.get("paging") or {}).get("next") or {}).get("after") or "")

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


def normal(reference: str) -> str:
    """A reference in the form in which two are compared."""
    return reference.strip().lower()


def _stage(deal: Mapping[str, Any]) -> str:
    return str(deal["properties"].get(STAGE) or "")


def _choice(deals: Sequence[Mapping[str, Any]], what: str) -> Choice:
    if len(deals) == 1:
        return Choice(deals[0]["id"])
    named = ", ".join(f"{one['id']} ({one['properties'].get(LABEL) or 'no name'})" for one in deals[:NAMED])
    more = f" and {len(deals) - NAMED} more" if len(deals) > NAMED else ""
    return Choice(note=f"No deal was linked: {len(deals)} deals {what}: {named}{more}.")
