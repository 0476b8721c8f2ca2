"""The vendor's client of the numbered routes, `hubspot-api-client` 12.0.0, drives the simulator.

How it is pointed at loopback is in the HubSpot reference, section 14. Its own validation is on: an answer that lacks a
required field raises. It judges shapes, not behaviour.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hubspot import HubSpot

from ml_connector_tests.simulators.hubspot_support import KEY, NOWHERE, Hubspot, upsert_input

pytest_plugins = "ml_connector_tests.simulators.hubspot_fixtures"

PLAIN = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279}]


def client_for(hubspot: Hubspot, token: str | None = None, *, strict: bool = True) -> Any:
    """The client, pointed at loopback; the raw helper has a setting of its own for that."""
    return HubSpot(
        access_token=token or hubspot.settings.access_token,
        host=hubspot.url,
        base_url=hubspot.url,
        client_side_validation=strict,
    )


@pytest.fixture
def client(hubspot: Hubspot) -> Any:
    """A strict client; what it refuses although HubSpot sends it is switched to the specification."""
    hubspot.configure(batch_error_shape="specified")
    return client_for(hubspot)


@pytest.fixture
def keyed(hubspot: Hubspot) -> None:
    """Companies have a property with unique values."""
    hubspot.add_key()


def problem(call: Callable[[], Any]) -> dict[str, Any]:
    """The body of the error that the call ends with; every part of the client has an exception of its own."""
    with pytest.raises(Exception, match=r"\(\d{3}\)") as raised:
        call()
    body: dict[str, Any] = orjson.loads(raised.value.body)  # type: ignore[attr-defined]
    return {"http": raised.value.status, **body}  # type: ignore[attr-defined]


def add_company(client: Any, **properties: str) -> str:
    body = {"properties": properties, "associations": []}
    created: str = client.crm.companies.basic_api.create(body).id
    return created


def test_records_by_every_verb(client: Any) -> None:
    """Create, read, list, change, archive."""
    api = client.crm.companies.basic_api
    company = add_company(client, name="Nordfisk AS")
    found = api.get_by_id(company, properties=["name", "city"], associations=["contacts"])
    assert (found.properties["name"], found.properties["city"], found.archived) == ("Nordfisk AS", None, False)
    assert api.update(company, {"properties": {"city": "Tromsø"}}).properties["city"] == "Tromsø"
    add_company(client, name="Fjordbygg AS")
    page = api.get_page(limit=1)
    assert (page.results[0].id, page.paging.next.after) == (company, company)
    assert [one.properties["name"] for one in client.crm.companies.get_all()] == ["Nordfisk AS", "Fjordbygg AS"]
    assert api.archive(company) is None
    assert problem(lambda: api.get_by_id(company))["category"] == "OBJECT_NOT_FOUND"
    assert api.get_by_id(company, archived=True).archived_at is not None


@pytest.mark.usefixtures("keyed")
def test_batches_of_records(client: Any) -> None:
    """All five; an upsert's results say whether they are new."""
    api = client.crm.companies.batch_api
    inputs = [upsert_input(number, trace=True, name="A") for number in range(3)]
    upserted = api.upsert({"inputs": inputs})
    assert (upserted.status, [row.new for row in upserted.results]) == ("COMPLETE", [True] * 3)
    ids = [{"id": row.id} for row in upserted.results]
    read = api.read({"inputs": ids, "properties": [KEY], "propertiesWithHistory": ["name"]})
    assert {row.properties[KEY] for row in read.results} == {"0", "1", "2"}
    assert read.results[0].properties_with_history["name"][0].value == "A"
    updated = api.update({"inputs": [{**one, "properties": {"city": "Oslo"}} for one in ids]})
    assert {row.properties["city"] for row in updated.results} == {"Oslo"}
    created = api.create({"inputs": [{"properties": {"name": "B"}, "associations": []}]})
    assert created.results[0].properties["name"] == "B"
    assert api.archive({"inputs": ids}) is None


@pytest.mark.usefixtures("keyed")
def test_a_207_in_the_shape_of_the_specification(client: Any) -> None:
    """Typed, with its errors, for writes with trace ids and for reads (failures.md 9, 11)."""
    inputs = [upsert_input(1, trace=True, name="A"), upsert_input(2, trace=True, nothing="x")]
    answer = client.crm.companies.batch_api.upsert({"inputs": inputs})
    assert (type(answer).__name__, answer.num_errors) == ("BatchResponseSimplePublicUpsertObjectWithErrors", 1)
    assert answer.errors[0].context["objectWriteTraceId"] == ["trace-2"]
    read = client.crm.companies.batch_api.read(
        {"inputs": [{"id": NOWHERE}], "properties": [], "propertiesWithHistory": []}
    )
    assert (read.num_errors, read.errors[0].context["ids"]) == (1, [NOWHERE])


@pytest.mark.usefixtures("keyed")
def test_a_207_as_it_was_recorded(hubspot: Hubspot) -> None:
    """The strict client refuses what HubSpot really sends; the lax one reads it."""
    body = {"inputs": [upsert_input(1, trace=True, nothing="x")]}
    with pytest.raises(ValueError, match="must not be `None`"):
        client_for(hubspot).crm.companies.batch_api.upsert(body)
    answer = client_for(hubspot, strict=False).crm.companies.batch_api.upsert(body)
    assert answer.errors[0].context["objectWriteTraceId"] == ["trace-1"]


def test_search(hubspot: Hubspot, client: Any) -> None:
    """With everything that the specification demands of a request."""
    company = add_company(client, name="Nordfisk AS")
    hubspot.control("search-index", {})
    told = {"propertyName": "name", "operator": "EQ", "value": "nordfisk as"}
    request = {
        "filterGroups": [{"filters": [told]}],
        "after": "0",
        "limit": 10,
        "properties": ["name"],
        "sorts": ["createdate"],
    }
    found = client.crm.companies.search_api.do_search(request)
    assert (found.total, found.results[0].id) == (1, company)


def test_associations(client: Any) -> None:
    """Default, labelled and in batches; a numeric `toObjectId` is taken for the text that it should be."""
    contact = client.crm.contacts.basic_api.create({"properties": {"email": "kari@nordfisk.no"}, "associations": []}).id
    company = add_company(client, name="Nordfisk AS")
    basic, batch = client.crm.associations.v4.basic_api, client.crm.associations.v4.batch_api
    made = basic.create_default("contacts", contact, "companies", company)
    assert {row.association_spec.association_type_id for row in made.results} == {279, 280}
    assert basic.create("contacts", contact, "companies", company, PLAIN).labels == []
    (row,) = basic.get_page("contacts", contact, "companies").results
    assert (row.to_object_id, {kind.type_id for kind in row.association_types}) == (company, {279})
    ends = {"from": {"id": contact}, "to": {"id": company}}
    assert len(batch.create_default("contacts", "companies", {"inputs": [ends]}).results) == 2
    assert batch.create("contacts", "companies", {"inputs": [{**ends, "types": PLAIN}]}).status == "COMPLETE"
    (read,) = batch.get_page("contacts", "companies", {"inputs": [{"id": contact}]}).results
    assert str(read.to[0].to_object_id) == company
    labels = {"inputs": [{**ends, "types": [{**PLAIN[0], "associationTypeId": 1}]}]}
    assert batch.archive_labels("contacts", "companies", labels) is None
    assert batch.archive("contacts", "companies", {"inputs": [{**ends, "to": [ends["to"]]}]}) is None
    assert basic.archive("contacts", contact, "companies", company) is None
    assert basic.get_page("contacts", contact, "companies").results == []


def test_labels(client: Any) -> None:
    """Made, listed, worded anew, taken away."""
    api = client.crm.associations.v4.schema.definitions_api
    body = {"label": "Purchaser", "name": "purchaser", "inverseLabel": "Buys by"}
    forth = api.create("contacts", "companies", body).results[0]
    change = {"associationTypeId": forth.type_id, "label": "Buyer"}
    assert api.update("contacts", "companies", change) is None
    kinds = {kind.type_id: kind.label for kind in api.get_all("contacts", "companies").results}
    assert (kinds[279], kinds[forth.type_id]) == (None, "Buyer")
    assert api.remove("contacts", "companies", forth.type_id) is None


def test_properties_and_groups(client: Any) -> None:
    """Groups first; definitions one by one and in batches."""
    groups, core, batch = (
        client.crm.properties.groups_api,
        client.crm.properties.core_api,
        client.crm.properties.batch_api,
    )
    assert groups.create("companies", {"name": "visma", "label": "Visma.net"}).name == "visma"
    assert "visma" in [group.name for group in groups.get_all("companies").results]
    assert groups.get_by_name("companies", "visma").label == "Visma.net"
    body = {"name": KEY, "label": "No.", "type": "string", "fieldType": "text", "groupName": "visma"}
    assert core.create("companies", {**body, "hasUniqueValue": True}).has_unique_value is True
    assert problem(lambda: core.create("companies", body))["category"] == "OBJECT_ALREADY_EXISTS"
    assert core.update("companies", KEY, {"label": "Number"}).label == "Number"
    found = {one.name: one.modification_metadata.read_only_value for one in core.get_all("companies").results}
    assert (found[KEY], found["hs_object_id"]) == (False, True)
    more = {"inputs": [{**body, "name": "visma_class"}]}
    assert batch.create("companies", more).results[0].name == "visma_class"
    names = {"inputs": [{"name": "visma_class"}], "archived": False, "dataSensitivity": "non_sensitive"}
    assert batch.read("companies", names).status == "COMPLETE"
    assert batch.archive("companies", {"inputs": [{"name": "visma_class"}]}) is None
    assert core.archive("companies", KEY) is None
    assert core.get_by_name("companies", KEY, archived=True).archived is True


def test_custom_objects(client: Any) -> None:
    """The schema, and its records by the generic calls."""
    egg = {
        "name": "visma_transaction",
        "labels": {"singular": "Transaction", "plural": "Transactions"},
        "primaryDisplayProperty": "number",
        "requiredProperties": ["number"],
        "properties": [
            {"name": "number", "label": "No.", "type": "string", "fieldType": "text", "hasUniqueValue": True}
        ],
        "associatedObjects": ["COMPANY"],
    }
    api = client.crm.schemas.core_api
    schema = api.create(egg)
    assert [one.name for one in api.get_all().results] == ["visma_transaction"]
    patch = {"labels": {"singular": "Posting", "plural": "Postings"}}
    assert api.update(schema.object_type_id, patch).labels.singular == "Posting"
    inputs = [upsert_input("900001", "number")]
    (row,) = client.crm.objects.batch_api.upsert(schema.object_type_id, {"inputs": inputs}).results
    assert client.crm.objects.basic_api.get_by_id(schema.fully_qualified_name, row.id).id == row.id
    client.crm.objects.basic_api.archive(schema.object_type_id, row.id)
    assert api.archive(schema.object_type_id) is None


def test_invoices_lines_and_payments(client: Any) -> None:
    """The objects of commerce; payments by the generic calls."""
    line = client.crm.line_items.basic_api.create(
        {"properties": {"name": "Torsk", "quantity": "2", "price": "125"}, "associations": []}
    ).id
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 409}]
    api = client.crm.commerce.invoices.basic_api
    invoice = api.create({"properties": {"hs_currency": "NOK"}, "associations": [{"to": {"id": line}, "types": types}]})
    found = api.get_by_id(invoice.id, properties=["hs_amount_billed"], associations=["line_items"])
    assert (found.properties["hs_amount_billed"], found.associations["line_items"].results[0].id) == ("250.00", line)
    refused = problem(lambda: api.update(invoice.id, {"properties": {"hs_invoice_status": "open"}}))
    assert (refused["http"], refused["category"]) == (400, "VALIDATION_ERROR")
    payment = {"hs_initial_amount": "250", "hs_initiated_date": "2026-11-25T10:00:00Z"}
    body = {"properties": payment, "associations": []}
    assert client.crm.objects.basic_api.create("commerce_payments", body).properties["hs_initial_amount"] == "250"


def test_deals_and_their_pipelines(client: Any) -> None:
    """A stage is an id of its pipeline."""
    (pipeline,) = client.crm.pipelines.pipelines_api.get_all("deals").results
    properties = {"dealname": "Torsk", "dealstage": pipeline.stages[0].id}
    deal = client.crm.deals.basic_api.create({"properties": properties, "associations": []})
    assert client.crm.deals.basic_api.get_by_id(deal.id).properties["pipeline"] == pipeline.id


def test_errors_reach_the_client_with_their_body(hubspot: Hubspot, client: Any) -> None:
    """Status and raw body: what a client must branch on."""
    body = {"properties": {"email": "kari@nordfisk.no"}, "associations": []}
    first = client.crm.contacts.basic_api.create(body).id
    again = problem(lambda: client.crm.contacts.basic_api.create(body))
    assert (again["http"], again["message"]) == (409, f"Contact already exists. Existing ID: {first}")
    stranger = client_for(hubspot, "pat-eu1-wrong")
    assert problem(lambda: add_company(stranger, name="A"))["http"] == 401
    hubspot.configure(scopes=[])
    assert problem(lambda: add_company(client, name="A"))["category"] == "MISSING_SCOPES"
    hubspot.configure(burst=0)
    assert problem(lambda: add_company(client, name="A"))["policyName"] == "TEN_SECONDLY_ROLLING"


def test_the_raw_helper(hubspot: Hubspot, client: Any) -> None:
    """Account info and token, for which the client has no calls of its own."""
    assert client.api_request({"path": "/account-info/v3/details"}).json()["companyCurrency"] == "NOK"
    told = {"tokenKey": hubspot.settings.access_token}
    path = "/oauth/v2/private-apps/get/access-token-info"
    answer = client.api_request({"path": path, "method": "POST", "body": told})
    assert answer.json()["hubId"] == hubspot.settings.portal_id
