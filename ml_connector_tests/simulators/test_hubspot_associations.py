"""Associations and their labels at the HubSpot simulator."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from ml_connector_tests.simulators.hubspot_support import NOWHERE, Hubspot, condition, link, refusal

pytest_plugins = "ml_connector_tests.simulators.hubspot_fixtures"

V4, DATED = "/crm/v4/associations", "/crm/associations/2026-03"
PLAIN, PRIMARY, BILLING = 279, 1, 931


def types(*type_ids: int, category: str = "HUBSPOT_DEFINED") -> list[dict[str, Any]]:
    return [{"associationCategory": category, "associationTypeId": one} for one in type_ids]


def ends(one: str, other: str) -> dict[str, Any]:
    return {"from": {"id": one}, "to": {"id": other}}


def batch(
    hubspot: Hubspot, name: str, *inputs: Any, base: str = V4, pair: str = "contacts/companies"
) -> httpx.Response:
    return hubspot.http.post(f"{base}/{pair}/batch/{name}", json={"inputs": list(inputs)})


@pytest.fixture
def pair(hubspot: Hubspot) -> tuple[str, str]:
    """A contact and a company that have nothing to do with each other."""
    return hubspot.made("contacts", email="kari@nordfisk.no"), hubspot.made("companies", name="Nordfisk AS")


def test_both_directions_come_into_being(hubspot: Hubspot, pair: tuple[str, str]) -> None:
    """Each with its own type id; doing it again is harmless."""
    contact, company = pair
    hubspot.configure(first_company_primary=False)
    for _ in range(2):
        answer = hubspot.associate("contacts", contact, "companies", company)
        assert (answer.status_code, answer.json()["status"]) == (200, "COMPLETE")
    specs = {row["from"]["id"]: row["associationSpec"]["associationTypeId"] for row in answer.json()["results"]}
    assert specs == {contact: 279, company: 280}
    assert hubspot.associated("contacts", contact, "companies") == {company: [(279, None)]}
    assert hubspot.associated("companies", company, "contacts") == {contact: [(280, None)]}


def test_the_first_company_becomes_the_primary_one(hubspot: Hubspot, pair: tuple[str, str]) -> None:
    """Also where nobody asked for it; the second does not."""
    contact, company = pair
    second = hubspot.made("companies", name="Fjordbygg AS")
    for one in (company, second):
        hubspot.associate("contacts", contact, "companies", one)
    found = hubspot.associated("contacts", contact, "companies")
    assert found == {company: [(1, "Primary"), (279, None)], second: [(279, None)]}
    assert hubspot.values("contacts", contact, "associatedcompanyid") == {"associatedcompanyid": company}


def test_a_record_has_one_primary_company(hubspot: Hubspot, pair: tuple[str, str]) -> None:
    """Naming another one takes the label off the first, from whichever end."""
    contact, company = pair
    second = hubspot.made("companies", name="Fjordbygg AS")
    hubspot.associate("contacts", contact, "companies", company)
    hubspot.http.put(f"/crm/v4/objects/companies/{second}/associations/contacts/{contact}", json=types(2))
    found = hubspot.associated("contacts", contact, "companies")
    assert found == {company: [(279, None)], second: [(1, "Primary"), (279, None)]}


def test_an_object_id_is_a_number(hubspot: Hubspot, pair: tuple[str, str]) -> None:
    """The specification says text: compare as texts."""
    contact, company = pair
    hubspot.associate("contacts", contact, "companies", company)
    path = f"/crm/v4/objects/contacts/{contact}/associations/companies"
    assert hubspot.http.get(path).json()["results"][0]["toObjectId"] == int(company)
    (row,) = batch(hubspot, "read", {"id": contact}).json()["results"]
    assert (row["from"]["id"], row["to"][0]["toObjectId"]) == (contact, int(company))
    hubspot.configure(object_id_type="string")
    assert hubspot.http.get(path).json()["results"][0]["toObjectId"] == company


def test_a_labelled_write_replaces_the_labels(hubspot: Hubspot, pair: tuple[str, str]) -> None:
    """To add one, send the old ones too; 201."""
    contact, company = pair
    hubspot.associate("contacts", contact, "companies", company)
    path = f"/crm/v4/objects/contacts/{contact}/associations/companies/{company}"
    hubspot.configure(first_company_primary=False)
    answer = hubspot.http.put(path, json=types(BILLING))
    assert (answer.status_code, answer.json()["labels"]) == (201, ["Billing contact"])
    assert hubspot.associated("contacts", contact, "companies") == {company: [(279, None), (931, "Billing contact")]}
    assert hubspot.http.put(path, json=types(BILLING, PRIMARY)).json()["labels"] == ["Primary", "Billing contact"]
    assert hubspot.associate("contacts", contact, "companies", company).status_code == 200
    assert len(hubspot.associated("contacts", contact, "companies")[company]) == 3


def test_a_type_of_the_other_direction_is_refused(hubspot: Hubspot, pair: tuple[str, str]) -> None:
    """280 leads from companies to contacts; and a pair without a definition cannot be associated at all."""
    contact, company = pair
    path = f"/crm/v4/objects/contacts/{contact}/associations/companies/{company}"
    assert hubspot.http.put(path, json=types(280)).status_code == 400
    line = hubspot.made("line_items", name="Torsk")
    assert hubspot.associate("line_items", line, "companies", company).status_code == 400


def test_a_record_that_is_missing_is_not_associated(hubspot: Hubspot, pair: tuple[str, str]) -> None:
    """404 for one pair; in a batch, an error beside the others' results."""
    contact, company = pair
    assert refusal(hubspot.associate("contacts", contact, "companies", NOWHERE)) == (404, "OBJECT_NOT_FOUND")
    answer = batch(hubspot, "associate/default", ends(contact, company), ends(contact, NOWHERE))
    assert (answer.status_code, answer.json()["numErrors"], len(answer.json()["results"])) == (200, 1, 2)
    labelled = [{**ends(contact, one), "types": types(PLAIN)} for one in (company, NOWHERE)]
    answer = batch(hubspot, "create", *labelled)
    assert (answer.status_code, len(answer.json()["results"]), answer.json()["numErrors"]) == (207, 1, 1)
    assert batch(hubspot, "create", labelled[0]).status_code == 201


def test_a_batch_read_tells_who_has_nobody(hubspot: Hubspot, pair: tuple[str, str]) -> None:
    """An error in a 207, or no word at all."""
    contact, company = pair
    lonely = hubspot.made("contacts", email="ola@nordfisk.no")
    hubspot.associate("contacts", contact, "companies", company)
    answer = batch(hubspot, "read", {"id": contact}, {"id": lonely})
    assert (answer.status_code, answer.json()["errors"][0]["context"]) == (207, {"fromObjectId": [lonely]})
    hubspot.configure(no_associations="absent")
    answer = batch(hubspot, "read", {"id": contact}, {"id": lonely})
    assert (answer.status_code, len(answer.json()["results"])) == (200, 1)


def test_associations_are_read_in_pages(hubspot: Hubspot, pair: tuple[str, str]) -> None:
    """500 by default, or as many as asked for."""
    _, company = pair
    contacts = [
        hubspot.made("contacts", email=f"k{one}@nordfisk.no", associations=[link(company, 279)]) for one in "123"
    ]
    path = f"/crm/v4/objects/companies/{company}/associations/contacts"
    first = hubspot.http.get(path, params={"limit": 2}).json()
    rest = hubspot.http.get(path, params={"after": first["paging"]["next"]["after"]}).json()
    assert [str(row["toObjectId"]) for row in first["results"] + rest["results"]] == contacts
    assert "paging" not in rest


@pytest.mark.parametrize(("base", "status"), [(V4, 204), (DATED, 200)])
@pytest.mark.parametrize("name", ["archive", "labels/archive"])
def test_batches_that_take_away_answer_by_their_family(
    hubspot: Hubspot, pair: tuple[str, str], base: str, status: int, name: str
) -> None:
    """204 in v4, 200 in the dated versions; `to` is an array in the one, not in the other."""
    contact, company = pair
    hubspot.associate("contacts", contact, "companies", company)
    item: dict[str, Any] = ends(contact, company)
    item = {**item, "to": [item["to"]]} if name == "archive" else {**item, "types": types(PRIMARY)}
    assert batch(hubspot, name, item, base=base).status_code == status
    left = {} if name == "archive" else {company: [(279, None)]}
    assert hubspot.associated("contacts", contact, "companies") == left


def test_without_the_unlabelled_type_no_label_is_left(hubspot: Hubspot, pair: tuple[str, str]) -> None:
    """Removing it removes the association."""
    contact, company = pair
    hubspot.associate("contacts", contact, "companies", company)
    batch(hubspot, "labels/archive", {**ends(contact, company), "types": types(PLAIN)})
    assert hubspot.associated("contacts", contact, "companies") == {}


def test_a_pair_is_parted(hubspot: Hubspot, pair: tuple[str, str]) -> None:
    """204, both directions."""
    contact, company = pair
    hubspot.associate("contacts", contact, "companies", company)
    path = f"/crm/objects/2026-03/companies/{company}/associations/contacts/{contact}"
    assert hubspot.http.delete(path).status_code == 204
    assert hubspot.associated("contacts", contact, "companies") == {}


@pytest.mark.parametrize(("name", "most"), [("associate/default", 2000), ("create", 2000), ("read", 1000)])
def test_larger_batches_than_those_of_records(hubspot: Hubspot, name: str, most: int) -> None:
    """2,000 written, 1,000 read."""
    item = {**ends("1", "2"), "types": types(PLAIN), "id": "1"}
    assert batch(hubspot, name, *[item] * most).status_code < 300
    assert batch(hubspot, name, *[item] * (most + 1)).status_code == 400


def test_companies_have_parents(hubspot: Hubspot) -> None:
    """13 from parent to child, 14 back; 450 in both directions."""
    parent, child = (hubspot.made("companies", name=name) for name in ("Holding", "Datter"))
    hubspot.http.put(f"/crm/v4/objects/companies/{parent}/associations/companies/{child}", json=types(13))
    assert [one for one, _ in hubspot.associated("companies", parent, "companies")[child]] == [13, 450]
    assert [one for one, _ in hubspot.associated("companies", child, "companies")[parent]] == [14, 450]


def test_labels_have_ids_that_cannot_be_guessed(hubspot: Hubspot, pair: tuple[str, str]) -> None:
    """Read them from the labels endpoint; each direction has its own."""
    contact, company = pair
    path = f"{V4}/contacts/companies/labels"
    made = hubspot.http.post(path, json={"label": "Purchaser", "name": "purchaser", "inverseLabel": "Buys by"})
    assert made.status_code == 200
    forth, back = made.json()["results"]
    assert (forth["category"], forth["label"], back["label"]) == ("USER_DEFINED", "Purchaser", "Buys by")
    assert forth in hubspot.http.get(f"{DATED}/contacts/companies/labels").json()["results"]
    assert forth in hubspot.http.get("/crm/associations/v4/contacts/companies/labels").json()["results"]
    item = {**ends(contact, company), "types": types(forth["typeId"], category="USER_DEFINED")}
    assert batch(hubspot, "create", item).json()["results"][0]["labels"] == ["Primary", "Purchaser"]
    assert (back["typeId"], "Buys by") in hubspot.associated("companies", company, "contacts")[contact]
    change = {"associationTypeId": forth["typeId"], "label": "Buyer"}
    assert hubspot.http.put(path, json=change).status_code == 204
    assert hubspot.http.delete(f"{path}/{forth['typeId']}").status_code == 204
    assert hubspot.associated("contacts", contact, "companies") == {company: [(1, "Primary"), (279, None)]}
    assert hubspot.http.delete(f"{path}/279").status_code == 404


def test_at_most_50_labels(hubspot: Hubspot) -> None:
    """The next one is a 437."""
    path = f"{V4}/contacts/companies/labels"
    bodies = [{"label": f"L{one}", "name": f"l{one}"} for one in range(51)]
    assert [hubspot.http.post(path, json=body).status_code for body in bodies] == [200] * 50 + [437]


def test_an_archived_record_loses_its_associations(hubspot: Hubspot, pair: tuple[str, str]) -> None:
    """Nothing points at it any more."""
    contact, company = pair
    hubspot.associate("contacts", contact, "companies", company)
    hubspot.http.delete(f"/crm/v3/objects/companies/{company}")
    assert hubspot.associated("contacts", contact, "companies") == {}
    assert hubspot.search("contacts", condition("associations.company", value=company)).json()["total"] == 0
