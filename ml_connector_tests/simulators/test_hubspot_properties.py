"""Property definitions and groups at the HubSpot simulator."""

from __future__ import annotations

from typing import Any

import pytest

from ml_connector_tests.simulators.hubspot_support import KEY, Hubspot, codes, refusal, upsert_input

pytest_plugins = "ml_connector_tests.simulators.hubspot_fixtures"

COMPANIES = "/crm/v3/properties/companies"


def options(*values: str) -> list[dict[str, Any]]:
    return [{"label": value.title(), "value": value, "hidden": False} for value in values]


def error_code(answer: Any) -> str:
    code: str = answer.json()["errors"][0]["code"]
    return code


def test_a_property_is_created_with_its_place(hubspot: Hubspot) -> None:
    """201 and a Location; readable at once, and among all of them."""
    answer = hubspot.add_property("companies", "visma_class", description="Customer class")
    assert answer.status_code == 201
    assert answer.headers["location"].endswith("/crm/v3/properties/companies/visma_class")
    assert hubspot.http.get(f"{COMPANIES}/visma_class").json() == answer.json()
    dated = hubspot.http.get("/crm/properties/2026-03/company").json()["results"]
    assert answer.json() in dated


def test_the_group_comes_first(hubspot: Hubspot) -> None:
    """A property in a group that is not there is refused."""
    assert hubspot.add_property("companies", "mine", groupName="visma").status_code == 400
    group = hubspot.http.post(f"{COMPANIES}/groups", json={"name": "visma", "label": "Visma.net"})
    assert (group.status_code, group.json()["label"]) == (201, "Visma.net")
    assert hubspot.add_property("companies", "mine", groupName="visma").status_code == 201
    again = hubspot.http.post(f"{COMPANIES}/groups", json={"name": "visma", "label": "Visma.net"})
    assert refusal(again) == (409, "OBJECT_ALREADY_EXISTS")
    assert hubspot.http.delete(f"{COMPANIES}/groups/visma").status_code == 400
    hubspot.http.delete(f"{COMPANIES}/mine")
    assert hubspot.http.patch(f"{COMPANIES}/groups/visma", json={"label": "ERP"}).json()["label"] == "ERP"
    assert hubspot.http.delete(f"{COMPANIES}/groups/visma").status_code == 204
    assert hubspot.http.get(f"{COMPANIES}/groups/visma").status_code == 404


def test_a_name_that_is_taken(hubspot: Hubspot) -> None:
    """409, with the sub-category by which setting up twice is harmless."""
    hubspot.add_property("companies", "mine")
    answer = hubspot.add_property("companies", "mine")
    assert refusal(answer) == (409, "OBJECT_ALREADY_EXISTS")
    assert answer.json()["subCategory"] == "Properties.PROPERTY_WITH_NAME_EXISTS"


def test_unique_values_are_frozen(hubspot: Hubspot) -> None:
    """A PATCH of `hasUniqueValue` answers 200 and does nothing: get it right on the first day."""
    hubspot.add_property("companies", KEY)
    answer = hubspot.http.patch(f"{COMPANIES}/{KEY}", json={"hasUniqueValue": True, "label": "No."})
    assert (answer.status_code, answer.json()["hasUniqueValue"], answer.json()["label"]) == (200, False, "No.")
    assert hubspot.batch("companies", "upsert", upsert_input(1, name="A")).status_code == 400


def test_ten_unique_properties_at_most(hubspot: Hubspot) -> None:
    """And they are texts."""
    answers = [hubspot.add_property("companies", f"key{one}", hasUniqueValue=True) for one in range(11)]
    assert [answer.status_code for answer in answers] == [201] * 10 + [400]
    assert hubspot.add_property("contacts", "key", "number", hasUniqueValue=True).status_code == 400


def test_a_bool_has_exactly_true_and_false(hubspot: Hubspot) -> None:
    """Else INVALID_BOOLEAN_OPTION."""
    for wrong in ([], options("true"), options("yes", "no")):
        assert (
            error_code(hubspot.add_property("companies", "supplier", "bool", options=wrong)) == "INVALID_BOOLEAN_OPTION"
        )
    assert hubspot.add_property("companies", "supplier", "bool", options=options("true", "false")).status_code == 201


def test_options_are_replaced_whole(hubspot: Hubspot) -> None:
    """Whoever adds one sends the old ones too."""
    hubspot.add_property("companies", "terms", "enumeration", options=options("d14", "d30"))
    assert hubspot.create("companies", name="A", terms="d14").status_code == 201
    changed = hubspot.http.patch(f"{COMPANIES}/terms", json={"options": options("d45")}).json()
    assert [option["value"] for option in changed["options"]] == ["d45"]
    assert codes(hubspot.create("companies", name="A", terms="d14")) == {"terms": "INVALID_OPTION"}


def test_several_values_are_joined(hubspot: Hubspot) -> None:
    """With semicolons, where the field is a checkbox."""
    hubspot.add_property("companies", "areas", "enumeration", fieldType="checkbox", options=options("fish", "wood"))
    company = hubspot.made("companies", name="A", areas="fish;wood")
    assert hubspot.values("companies", company, "areas") == {"areas": "fish;wood"}
    assert codes(hubspot.patch("companies", company, areas="fish,wood")) == {"areas": "INVALID_OPTION"}


def test_an_archived_property_comes_back_with_its_values(hubspot: Hubspot) -> None:
    """404 plain, 200 with `archived=true`; creating its name restores it, under the new definition."""
    hubspot.add_property("companies", "mine")
    company = hubspot.made("companies", name="A", mine="old")
    assert hubspot.http.delete(f"{COMPANIES}/mine").status_code == 204
    assert refusal(hubspot.http.get(f"{COMPANIES}/mine")) == (404, "OBJECT_NOT_FOUND")
    assert hubspot.http.get(f"{COMPANIES}/mine", params={"archived": "true"}).json()["archived"] is True
    assert hubspot.values("companies", company, "mine") == {}
    assert codes(hubspot.patch("companies", company, mine="new")) == {"mine": "PROPERTY_DOESNT_EXIST"}
    assert hubspot.add_property("companies", "mine", label="Another").json()["label"] == "Another"
    assert hubspot.values("companies", company, "mine") == {"mine": "old"}


def test_what_is_read_only_is_told(hubspot: Hubspot) -> None:
    """By `readOnlyValue`, to be read at the start; HubSpot's own may lack `archived`."""
    found = {one["name"]: one for one in hubspot.http.get("/crm/v3/properties/invoices").json()["results"]}
    read_only = {name for name, one in found.items() if one["modificationMetadata"]["readOnlyValue"]}
    assert {"hs_balance_due", "hs_object_id", "hs_invoice_link"} <= read_only
    assert not {"hs_currency", "hs_invoice_status", "hs_number"} & read_only
    assert "archived" not in found["hs_currency"]
    hubspot.configure(nonbillable_fields="refused")
    number = hubspot.http.get("/crm/v3/properties/invoices/hs_number").json()
    assert number["modificationMetadata"]["readOnlyValue"] is True


def test_hubspots_own_properties_stay(hubspot: Hubspot) -> None:
    """CANNOT_DELETE_PROPERTY_IN_USE."""
    answer = hubspot.http.delete(f"{COMPANIES}/name")
    assert refusal(answer) == (400, "VALIDATION_ERROR")
    assert answer.json()["subCategory"] == "PropertyValidationError.CANNOT_DELETE_PROPERTY_IN_USE"


@pytest.mark.parametrize(
    "body",
    [
        {"name": "Mine"},
        {"type": "text"},
        {"fieldType": "input"},
        {"label": ""},
        {"type": "enumeration", "fieldType": "select"},
    ],
)
def test_definitions_are_checked(hubspot: Hubspot, body: dict[str, Any]) -> None:
    """Names in lower case, known types and fields, options where they are needed."""
    whole = {"name": "mine", "label": "M", "type": "string", "fieldType": "text", "groupName": "companyinformation"}
    assert hubspot.http.post(COMPANIES, json={**whole, **body}).status_code == 400


def test_definitions_in_batches(hubspot: Hubspot) -> None:
    """Create and read may be 207; archive is 204."""
    whole = {"label": "M", "type": "string", "fieldType": "text", "groupName": "companyinformation"}
    inputs = [{**whole, "name": name} for name in ("one", "two", "name")]
    answer = hubspot.http.post(f"{COMPANIES}/batch/create", json={"inputs": inputs})
    assert (answer.status_code, answer.json()["numErrors"], len(answer.json()["results"])) == (207, 1, 2)
    names = {"inputs": [{"name": "one"}, {"name": "two"}], "archived": False}
    assert hubspot.http.post(f"{COMPANIES}/batch/read", json=names).status_code == 200
    assert hubspot.http.post(f"{COMPANIES}/batch/archive", json=names).status_code == 204
    assert hubspot.http.post(f"{COMPANIES}/batch/read", json=names).status_code == 207
