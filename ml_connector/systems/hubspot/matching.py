"""Finding companies that people made, at the first contact with an account that has data (`match:`).

In the configured order: a property with unique values is read, a hundred values a call; any other is searched for,
because nothing else serves there, at the pace of searches. The search index lags (HubSpot reference, section 6), so
what it names is read before anything is done with it. Exactly one company is adopted; several are a rejection that
names them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final

from ml_connector.systems.hubspot.batches import grouped, read, records_of
from ml_connector.systems.hubspot.client import HubSpotClient

VALUES = 50
"""Values of one search: its body may have 3,000 characters, its page 200 results (section 6)."""
PAGE = 200
NAMED = 5
"""So many of several companies are named in a rejection."""

DOMAIN: Final = "domain"
PHONES: Final = frozenset({"phone", "mobilephone"})
FREE_MAIL: Final = frozenset(
    {"gmail.com", "hotmail.com", "outlook.com", "live.com", "yahoo.com", "icloud.com", "online.no", "msn.com"}
)
"""Domains that say nothing about a company."""


@dataclass(frozen=True, slots=True)
class Found:
    """A company that people made.

    Attributes:
        id: HubSpot's id.
        properties: as they were read.
    """

    id: str
    properties: Mapping[str, Any]


@dataclass(slots=True)
class Matcher:
    """Finds companies; thread-safe. Raises CallProblem, Stopped.

    Attributes:
        kind: of the object.
        key: the unique property that holds our key: who has one belongs to a record already.
        unique: property -> whether its values are unique, in the order in which they are tried.
        label: the property by which people know a company.
    """

    client: HubSpotClient
    kind: str
    key: str
    unique: Mapping[str, bool]
    label: str = "name"
    _adopted: dict[str, str] = field(default_factory=dict)  # HubSpot's id -> the record that takes it in this run
    _lock: Lock = field(default_factory=Lock)

    def find(self, values: Mapping[str, Mapping[str, str]], asked: Sequence[str]) -> dict[str, Found | str]:
        """Record -> the company that is its own, or why none can be; records without a match are left out.

        Args:
            values: record -> property -> value.
            asked: properties that are needed of a company.
        """
        decided: dict[str, Found | str] = {}
        for name, is_unique in self.unique.items():
            sought = {
                key: value
                for key, wanted in values.items()
                if key not in decided and (value := normal(name, wanted.get(name, "")))
            }
            if not sought:
                continue
            by_value = self._companies(name, sorted(set(sought.values())), is_unique, asked)
            for key, value in sought.items():
                if companies := by_value.get(value):
                    decided[key] = self._decide(key, name, value, companies)
        return decided

    def _companies(
        self, name: str, values: Sequence[str], is_unique: bool, asked: Sequence[str]
    ) -> dict[str, list[Found]]:
        """Value -> the companies that have it and belong to no record."""
        needed = [*asked, self.key, self.label, name]
        if is_unique:
            records = read(self.client, self.kind, values, needed, unique=name).values()
        else:
            ids = [one for group in grouped(values, VALUES) for one in self._search(name, group)]
            records = read(self.client, self.kind, ids, needed).values()
        found: dict[str, list[Found]] = {}
        for record in records:
            properties = record["properties"]
            value = normal(name, str(properties.get(name) or ""))
            if value in values and not properties.get(self.key):
                found.setdefault(value, []).append(Found(record["id"], properties))
        return found

    def _search(self, name: str, values: Sequence[str]) -> Iterator[str]:
        """Ids of companies that the index has under these values, or under another way of writing them."""
        written = list(dict.fromkeys(form for value in values for form in spellings(name, value)))
        after = "0"
        while True:
            body = {
                "filterGroups": [{"filters": [{"propertyName": name, "operator": "IN", "values": written}]}],
                "sorts": [],
                "properties": [name],
                "limit": PAGE,
                "after": after,
            }
            data = self.client.search(self.client.routes.search(self.kind), body).data
            yield from (record["id"] for record in records_of(data["results"]))
            following = ((data.get("paging") or {}).get("next") or {}).get("after")
            if not following:
                return
            after = str(following)

    def _decide(self, key: str, name: str, value: str, companies: Sequence[Found]) -> Found | str:
        if len(companies) > 1:
            named = ", ".join(f"{one.id} ({one.properties.get(self.label) or 'no name'})" for one in companies[:NAMED])
            more = f" and {len(companies) - NAMED} more" if len(companies) > NAMED else ""
            return (
                f"{len(companies)} {self.kind} at HubSpot have the {name} {value}: {named}{more}. Merge them at "
                f"HubSpot, or write this customer's key into the {self.key} of the right one."
            )
        with self._lock:
            taken_by = self._adopted.setdefault(companies[0].id, key)
        if taken_by != key:
            return f"The one of the {self.kind} at HubSpot with the {name} {value}, {companies[0].id}, is {taken_by}'s."
        return companies[0]


def normal(name: str, value: str) -> str:
    """A value in the form in which two are compared; empty where it says nothing."""
    text = value.strip().lower()
    if name == DOMAIN:
        return _domain(text)
    if name in PHONES:
        return re.sub(r"[^\d+]", "", text)
    return text


def spellings(name: str, value: str) -> list[str]:
    """How a value may be written at HubSpot; in lower case, because the index keeps quiet about others."""
    if name == DOMAIN:
        return [value, f"www.{value}"]
    if name in PHONES and value.startswith("+") and len(value) > 8:
        return [value, f"{value[:3]} {value[3:]}", value[3:]]
    return [value]


def _domain(text: str) -> str:
    """Of an address, a web page or a plain domain."""
    host = text.rpartition("@")[2] if "@" in text else re.sub(r"^[a-z]+://", "", text)
    host = re.split(r"[/:?#\s]", host, maxsplit=1)[0].removeprefix("www.").strip(".")
    return "" if "." not in host or host in FREE_MAIL else host
