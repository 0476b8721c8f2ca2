"""A HubSpot simulator on loopback, and how tests talk to it: over HTTP only."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx

from ml_connector.simulators.hubspot import HubspotSettings, create_app
from ml_connector_tests.loopback import client
from ml_connector_tests.simulators.support import Simulated, serving

KEY = "visma_number"
V3, DATED = "/crm/v3/objects", "/crm/objects/2026-03"
NOWHERE = "15999999999"  # an id that no record has


class Hubspot(Simulated):
    """One simulator; every call returns the response as it came."""

    def __init__(self, url: str, settings: HubspotSettings) -> None:
        super().__init__(url, settings)
        self.settings = settings
        self.http = client(base_url=url, headers={"Authorization": f"Bearer {settings.access_token}"})

    def create(self, kind: str, *, associations: Sequence[Mapping[str, Any]] = (), **properties: Any) -> httpx.Response:
        body = {"properties": properties, "associations": list(associations)}
        return self.http.post(f"{V3}/{kind}", json=body)

    def made(self, kind: str, *, associations: Sequence[Mapping[str, Any]] = (), **properties: Any) -> str:
        """The id of a new record."""
        answer = self.create(kind, associations=associations, **properties)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def get(self, kind: str, record_id: str, *properties: str, **params: str) -> httpx.Response:
        wanted = {"properties": ",".join(properties), **params} if properties else params
        return self.http.get(f"{V3}/{kind}/{record_id}", params=wanted)

    def values(self, kind: str, record_id: str, *properties: str) -> dict[str, Any]:
        """The properties of a record that is there."""
        answer = self.get(kind, record_id, *properties)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()["properties"]
        return {name: found[name] for name in properties if name in found}

    def patch(self, kind: str, record_id: str, **properties: Any) -> httpx.Response:
        return self.http.patch(f"{V3}/{kind}/{record_id}", json={"properties": properties})

    def batch(self, kind: str, operation: str, *inputs: Mapping[str, Any], **body: Any) -> httpx.Response:
        return self.http.post(f"{V3}/{kind}/batch/{operation}", json={"inputs": list(inputs), **body})

    def search(self, kind: str, *filters: Mapping[str, Any], **body: Any) -> httpx.Response:
        groups = {"filterGroups": [{"filters": list(filters)}]} if filters else {}
        return self.http.post(f"{V3}/{kind}/search", json={**groups, **body})

    def found(self, kind: str, *filters: Mapping[str, Any], **body: Any) -> list[str]:
        """The ids that a search gives."""
        answer = self.search(kind, *filters, **body)
        assert answer.status_code == 200, answer.text
        return [row["id"] for row in answer.json()["results"]]

    def add_property(self, kind: str, name: str, type_: str = "string", **body: Any) -> httpx.Response:
        group = {"companies": "companyinformation", "contacts": "contactinformation"}.get(
            kind, f"{kind[:-1].replace('_', '')}information"
        )
        fields = {"string": "text", "number": "number", "bool": "booleancheckbox", "enumeration": "select"}
        whole = {"name": name, "label": name, "type": type_, "fieldType": fields[type_], "groupName": group, **body}
        return self.http.post(f"/crm/v3/properties/{kind}", json=whole)

    def add_key(self, kind: str = "companies", name: str = KEY) -> None:
        """A property with unique values."""
        answer = self.add_property(kind, name, hasUniqueValue=True)
        assert answer.status_code == 201, answer.text

    def associate(self, here: str, one: str, there: str, other: str) -> httpx.Response:
        return self.http.put(f"/crm/v4/objects/{here}/{one}/associations/default/{there}/{other}")

    def associated(self, here: str, one: str, there: str) -> dict[str, list[tuple[int, str | None]]]:
        """Type ids and labels by associated record."""
        answer = self.http.get(f"/crm/v4/objects/{here}/{one}/associations/{there}")
        assert answer.status_code == 200, answer.text
        return {
            str(row["toObjectId"]): sorted((kind["typeId"], kind["label"]) for kind in row["associationTypes"])
            for row in answer.json()["results"]
        }


@contextlib.contextmanager
def serve_hubspot(**settings: Any) -> Iterator[Hubspot]:
    """Serve a simulator with these settings for as long as the block runs."""
    with serving(create_app, Hubspot, HubspotSettings(**settings)) as hubspot:
        yield hubspot


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Status and category of an error's body."""
    return answer.status_code, answer.json()["category"]


def codes(answer: httpx.Response) -> dict[str, str]:
    """The codes of an error's body by property."""
    return {name: error["code"] for error in answer.json()["errors"] for name in error["context"]["propertyName"]}


def upsert_input(number: int | str, key: str = KEY, *, trace: bool = False, **properties: Any) -> dict[str, Any]:
    """An input of a batch upsert by a unique property."""
    item = {"id": str(number), "idProperty": key, "properties": {key: str(number), **properties}}
    return {**item, "objectWriteTraceId": f"trace-{number}"} if trace else item


def condition(name: str, operator: str = "EQ", value: Any = None, **more: Any) -> dict[str, Any]:
    """A filter of a search."""
    return {"propertyName": name, "operator": operator, **({} if value is None else {"value": value}), **more}


def link(other: str, type_id: int, category: str = "HUBSPOT_DEFINED") -> dict[str, Any]:
    """An inline association."""
    return {"to": {"id": other}, "types": [{"associationCategory": category, "associationTypeId": type_id}]}
