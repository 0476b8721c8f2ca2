"""Custom objects at the HubSpot simulator."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from ml_connector_tests.simulators.hubspot_support import Hubspot, codes, refusal, upsert_input

pytest_plugins = "ml_connector_tests.simulators.hubspot_fixtures"

SCHEMAS = "/crm-object-schemas/v3/schemas"


def define(hubspot: Hubspot, name: str = "visma_transaction", **body: Any) -> httpx.Response:
    properties = [
        {"name": "number", "label": "No.", "type": "string", "fieldType": "text", "hasUniqueValue": True},
        {"name": "amount", "label": "Amount", "type": "number", "fieldType": "number"},
    ]
    whole = {
        "name": name,
        "labels": {"singular": "Transaction", "plural": "Transactions"},
        "primaryDisplayProperty": "number",
        "requiredProperties": ["number"],
        "properties": properties,
        "associatedObjects": ["COMPANY"],
    }
    return hubspot.http.post(SCHEMAS, json={**whole, **body})


@pytest.fixture
def transactions(hubspot: Hubspot) -> dict[str, Any]:
    """The schema of a custom object."""
    answer = define(hubspot)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_schema_tells_its_names_and_ids(hubspot: Hubspot, transactions: dict[str, Any]) -> None:
    """`2-n`, `p{hubId}_{name}`, and types of associations that nobody could have guessed."""
    assert transactions["objectTypeId"].startswith("2-")
    assert transactions["fullyQualifiedName"] == f"p{hubspot.settings.portal_id}_visma_transaction"
    forth, back = transactions["associations"]
    assert (forth["toObjectTypeId"], back["fromObjectTypeId"]) == ("0-2", "0-2")
    path = f"/crm/v4/associations/{transactions['objectTypeId']}/companies/labels"
    (kind,) = hubspot.http.get(path).json()["results"]
    assert (kind["category"], str(kind["typeId"]), kind["label"]) == ("USER_DEFINED", forth["id"], None)


def test_records_of_a_custom_object(hubspot: Hubspot, transactions: dict[str, Any]) -> None:
    """By type id or full name; its bare name cannot be inferred. Upserts and default associations as for the others."""
    kind = transactions["objectTypeId"]
    answer = hubspot.batch(kind, "upsert", upsert_input("900001", "number", amount="12.5"))
    (row,) = answer.json()["results"]
    assert (answer.status_code, row["new"], row["properties"]["amount"]) == (200, True, "12.5")
    assert hubspot.get(transactions["fullyQualifiedName"], row["id"]).status_code == 200
    assert hubspot.get("visma_transaction", row["id"]).status_code == 400
    company = hubspot.made("companies", name="Nordfisk AS")
    assert hubspot.associate(kind, row["id"], "companies", company).status_code == 200
    assert list(hubspot.associated("companies", company, kind)) == [row["id"]]
    assert hubspot.create(kind, amount="1").status_code == 400
    assert codes(hubspot.create(kind, number="900001")) == {"number": "CONFLICTING_UNIQUE_VALUE"}


def test_below_enterprise_schemas_are_refused(hubspot: Hubspot) -> None:
    """403, and the limit is none."""
    hubspot.configure(plan="professional")
    assert refusal(define(hubspot)) == (403, "MISSING_SCOPES")
    assert hubspot.http.get(SCHEMAS).status_code == 403
    assert hubspot.http.get("/crm/v3/limits/custom-object-types").json()["limit"] == 0


def test_how_many_there_may_be(hubspot: Hubspot, transactions: dict[str, Any]) -> None:
    """The number depends on the subscription."""
    found = hubspot.http.get("/crm/limits/2026-03/custom-object-types").json()
    assert found == {"limit": 20, "usage": 1, "percentage": 0.05}


@pytest.mark.parametrize(
    "body",
    [
        {"name": "2nd"},
        {"name": "a" * 51},
        {"primaryDisplayProperty": None},
        {"primaryDisplayProperty": "nothing"},
        {"requiredProperties": ["nothing"]},
        {"labels": {"singular": "x" * 51}},
        {"associatedObjects": ["nothing"]},
    ],
)
def test_schemas_are_checked(hubspot: Hubspot, body: dict[str, Any]) -> None:
    """Nothing is left of one that is refused."""
    assert define(hubspot, **body).status_code == 400
    assert hubspot.http.get(SCHEMAS).json() == {"results": []}
    assert define(hubspot).status_code == 201


def test_a_name_is_unique_whatever_its_case(hubspot: Hubspot, transactions: dict[str, Any]) -> None:
    """409."""
    assert define(hubspot, "VISMA_Transaction").status_code == 409


def test_a_changed_schema_flips_for_a_while(hubspot: Hubspot, transactions: dict[str, Any]) -> None:
    """Single reads are now old, now new; the list is right a few seconds later."""
    hubspot.configure(schema_flip_seconds=60.0, schema_list_seconds=0.3)
    path = f"{SCHEMAS}/{transactions['objectTypeId']}"
    changed = hubspot.http.patch(path, json={"secondaryDisplayProperties": ["amount"]})
    assert (changed.status_code, changed.json()["secondaryDisplayProperties"]) == (200, ["amount"])
    read = [hubspot.http.get(path).json()["secondaryDisplayProperties"] for _ in range(4)]
    assert read == [[], ["amount"], [], ["amount"]]
    assert hubspot.http.get(SCHEMAS).json()["results"][0]["secondaryDisplayProperties"] == []
    time.sleep(0.35)
    assert hubspot.http.get(SCHEMAS).json()["results"][0]["secondaryDisplayProperties"] == ["amount"]


def test_a_patch_names_properties_that_exist(hubspot: Hubspot, transactions: dict[str, Any]) -> None:
    """Create them first."""
    kind = transactions["objectTypeId"]
    path = f"{SCHEMAS}/{kind}"
    body = {"requiredProperties": ["number", "period"]}
    assert hubspot.http.patch(path, json=body).status_code == 400
    made = hubspot.add_property(kind, "period", groupName="visma_transaction_information")
    assert made.status_code == 201
    assert hubspot.http.patch(path, json=body).status_code == 200
    assert hubspot.create(kind, number="1").status_code == 400
    assert hubspot.http.delete(f"/crm/v3/properties/{kind}/period").status_code == 400


def test_a_schema_with_records_stays(hubspot: Hubspot, transactions: dict[str, Any]) -> None:
    """DELETE archives when there are none, and purges an archived one."""
    kind = transactions["objectTypeId"]
    record = hubspot.made(kind, number="1")
    assert hubspot.http.delete(f"{SCHEMAS}/{kind}").status_code == 400
    hubspot.http.delete(f"/crm/v3/objects/{kind}/{record}")
    assert hubspot.http.delete(f"{SCHEMAS}/{kind}").status_code == 204
    assert hubspot.http.get(f"{SCHEMAS}/{kind}").status_code == 404
    assert hubspot.http.get(f"{SCHEMAS}/{kind}", params={"archived": "true"}).status_code == 200
    assert hubspot.http.delete(f"{SCHEMAS}/{kind}", params={"archived": "true"}).status_code == 204
    assert hubspot.http.get(f"{SCHEMAS}/{kind}", params={"archived": "true"}).status_code == 404


def test_creating_an_archived_name_purges_the_old_one(hubspot: Hubspot, transactions: dict[str, Any]) -> None:
    """With its records, and under a new id."""
    hubspot.http.delete(f"{SCHEMAS}/{transactions['objectTypeId']}")
    again = define(hubspot)
    assert again.status_code == 201
    assert again.json()["objectTypeId"] != transactions["objectTypeId"]
    assert hubspot.http.get(f"/crm/v3/objects/{transactions['objectTypeId']}").status_code == 400


def test_another_type_of_association(hubspot: Hubspot, transactions: dict[str, Any]) -> None:
    """Made later, with 201; before, the two cannot be associated."""
    kind = transactions["objectTypeId"]
    record, contact = hubspot.made(kind, number="1"), hubspot.made("contacts", email="kari@nordfisk.no")
    assert hubspot.associate(kind, record, "contacts", contact).status_code == 400
    body = {"fromObjectTypeId": kind, "toObjectTypeId": "0-1", "name": "transaction_to_contact"}
    assert hubspot.http.post(f"{SCHEMAS}/{kind}/associations", json=body).status_code == 201
    assert hubspot.associate(kind, record, "contacts", contact).status_code == 200
