"""The vendor's client of the dated routes, `hubspot-sdk` 0.1.0a9, drives the simulator.

How it is pointed at loopback is in the HubSpot reference, section 14. Its answers are validated strictly: a missing
field, a number where the specification says text, or a null among the properties raises. Where HubSpot itself answers
otherwise, the simulator's switch is set to the specification.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hubspot_sdk import (
    APIResponseValidationError,
    AuthenticationError,
    ConflictError,
    HubSpot,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
)

from ml_connector_tests.simulators.hubspot_support import KEY, NOWHERE, Hubspot, upsert_input

pytest_plugins = "ml_connector_tests.simulators.hubspot_fixtures"

PLAIN: list[Any] = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279}]


@pytest.fixture
def client(hubspot: Hubspot) -> Iterator[Any]:
    """A strict client that does not repeat anything by itself."""
    hubspot.configure(object_id_type="string", empty_value="absent")
    with HubSpot(
        access_token=hubspot.settings.access_token,
        base_url=hubspot.url,
        max_retries=0,
        _strict_response_validation=True,
    ) as client:
        yield client


def trace_input(number: int, **properties: str) -> dict[str, Any]:
    """As this client wants it: its own names for what is sent."""
    item = upsert_input(number, trace=True, **properties)
    return {
        "id": item["id"],
        "id_property": KEY,
        "properties": item["properties"],
        "object_write_trace_id": item["objectWriteTraceId"],
    }


def test_records_by_every_verb(client: Any) -> None:
    """Create, read, list, change, archive."""
    api = client.crm.objects.companies
    company = api.create(properties={"name": "Nordfisk AS"}, associations=[]).id
    found = api.get(company, properties=["name", "city"])
    assert found.properties["name"] == "Nordfisk AS"
    assert api.update(company, properties={"city": "Tromsø"}).properties["city"] == "Tromsø"
    api.create(properties={"name": "Fjordbygg AS"}, associations=[])
    assert [one.properties["name"] for one in api.list(limit=1, properties=["name"])] == ["Nordfisk AS", "Fjordbygg AS"]
    assert api.delete(company) is None
    with pytest.raises(NotFoundError):
        api.get(company)


def test_nulls_break_the_strict_client(hubspot: Hubspot, client: Any) -> None:
    """What the documents show for an empty property is not in the specification."""
    hubspot.configure(empty_value="null")
    company = client.crm.objects.companies.create(properties={"name": "Nordfisk AS"}, associations=[]).id
    with pytest.raises(APIResponseValidationError):
        client.crm.objects.companies.get(company, properties=["city"])


def test_batches_of_records(hubspot: Hubspot, client: Any) -> None:
    """All five; a 207's errors survive only beside the model."""
    hubspot.add_key()
    api = client.crm.objects.companies.batch
    upserted = api.upsert(inputs=[trace_input(1, name="A"), trace_input(2, name="B")])
    assert {row.properties[KEY]: row.new for row in upserted.results} == {"1": True, "2": True}
    partial = api.upsert(inputs=[trace_input(1, name="A"), trace_input(3, nothing="x")])
    assert ([row.new for row in partial.results], partial.model_extra["numErrors"]) == ([False], 1)
    ids = [{"id": row.id} for row in upserted.results]
    read = api.get(inputs=[*ids, {"id": NOWHERE}], properties=[KEY], properties_with_history=["name"])
    assert (len(read.results), read.model_extra["errors"][0]["category"]) == (2, "OBJECT_NOT_FOUND")
    updated = api.update(inputs=[{**one, "properties": {"city": "Oslo"}} for one in ids])
    assert len(updated.results) == 2
    assert api.create(inputs=[{"properties": {"name": "C"}, "associations": []}]).status == "COMPLETE"
    assert api.delete(inputs=ids) is None


def test_search_and_merge(hubspot: Hubspot, client: Any) -> None:
    """With everything that the specification demands of a request."""
    api = client.crm.objects.companies
    one, two = (api.create(properties={"name": name}, associations=[]).id for name in ("Nordfisk", "Nord Fisk"))
    hubspot.control("search-index", {})
    groups: list[Any] = [{"filters": [{"property_name": "name", "operator": "EQ", "value": "nordfisk"}]}]
    found = api.search(after="0", filter_groups=groups, limit=10, properties=["name"], sorts=["name"])
    assert (found.total, found.results[0].id) == (1, one)
    assert api.merge(primary_object_id=one, object_id_to_merge=two).id == one


def test_associations(hubspot: Hubspot, client: Any) -> None:
    """Default, labelled and in batches; batches that take away answer 200."""
    contact = client.crm.objects.contacts.create(properties={"email": "kari@nordfisk.no"}, associations=[]).id
    company = client.crm.objects.companies.create(properties={"name": "Nordfisk AS"}, associations=[]).id
    api, pair = client.crm.associations, {"from_object_type": "contacts", "to_object_type": "companies"}
    ends: dict[str, Any] = {"from": {"id": contact}, "to": {"id": company}}
    made = api.create(company, from_object_id=contact, **pair)
    assert {row.association_spec.association_type_id for row in made.results} == {279, 280}
    named = {"object_type": "contacts", "object_id": contact, "to_object_type": "companies"}
    labelled = api.update_labels(
        company, **named, body=[{"association_category": "HUBSPOT_DEFINED", "association_type_id": 931}]
    )
    assert "Billing contact" in labelled.labels
    assert [row.to_object_id for row in api.list("companies", object_type="contacts", object_id=contact)] == [company]
    batch = api.batch
    target, source = "companies", {"from_object_type": "contacts"}
    assert len(batch.create_default(target, **source, inputs=[ends]).results) == 2
    assert batch.create(target, **source, inputs=[{**ends, "types": PLAIN}]).status == "COMPLETE"
    assert batch.get(target, **source, inputs=[{"id": contact}]).results[0].to[0].to_object_id == company
    label = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 931}
    raw = batch.with_raw_response.delete_labels(target, **source, inputs=[{**ends, "types": [label]}])
    assert raw.status_code == 200
    raw = batch.with_raw_response.delete(target, **source, inputs=[{**ends, "to": [ends["to"]]}])
    assert raw.status_code == 200
    assert hubspot.associated("contacts", contact, "companies") == {}
    assert api.delete(company, **named) is None


def test_labels(client: Any) -> None:
    """Made, listed, worded anew, taken away."""
    api, pair = client.crm.associations_schema.labels, {"from_object_type": "contacts"}
    made = api.create_label("companies", **pair, label="Purchaser", name="purchaser", inverse_label="Buys by")
    type_id = made.results[0].type_id
    assert api.update_label("companies", **pair, association_type_id=type_id, label="Buyer") is None
    kinds = {kind.type_id: kind.label for kind in api.list_labels("companies", **pair).results}
    assert (kinds[279], kinds[type_id]) == (None, "Buyer")
    assert api.delete_label(type_id, from_object_type="contacts", to_object_type="companies") is None


def test_properties_and_groups(client: Any) -> None:
    """Groups first; definitions one by one and in batches."""
    api = client.crm.properties
    assert api.groups.create("companies", name="visma", label="Visma.net").name == "visma"
    assert "visma" in [group.name for group in api.groups.list("companies").results]
    body: dict[str, Any] = {"label": "No.", "type": "string", "field_type": "text", "group_name": "visma"}
    assert api.create("companies", name=KEY, has_unique_value=True, **body).has_unique_value is True
    with pytest.raises(ConflictError):
        api.create("companies", name=KEY, **body)
    assert api.update(KEY, object_type="companies", label="Number").label == "Number"
    found = {one.name: one for one in api.list("companies").results}
    assert found["hs_object_id"].modification_metadata.read_only_value is True
    inputs = [{**body, "name": "visma_class"}]
    assert api.batch.create("companies", inputs=inputs).results[0].name == "visma_class"
    named: dict[str, Any] = {"archived": False, "data_sensitivity": "non_sensitive"}
    assert len(api.batch.get("companies", inputs=[{"name": "visma_class"}], **named).results) == 1
    assert api.batch.delete("companies", inputs=[{"name": "visma_class"}]) is None
    assert api.delete(KEY, object_type="companies") is None
    assert api.get(KEY, object_type="companies", archived=True).archived is True


def test_custom_objects(client: Any) -> None:
    """Schema, limits, records."""
    number: dict[str, Any] = {"name": "number", "label": "No.", "type": "string", "field_type": "text"}
    schema = client.crm.object_schemas.create(
        name="visma_transaction",
        labels={"singular": "Transaction", "plural": "Transactions"},
        primary_display_property="number",
        secondary_display_properties=[],
        searchable_properties=["number"],
        required_properties=["number"],
        properties=[{**number, "has_unique_value": True}],
        associated_objects=["COMPANY"],
        allows_sensitive_properties=False,
    )
    kind = schema.object_type_id
    assert client.crm.limits.get_custom_object_type_limits().usage == 1
    assert client.crm.object_schemas.get(kind).fully_qualified_name == schema.fully_qualified_name
    assert client.crm.object_schemas.list().results[0].associations[0].to_object_type_id == "0-2"
    changed = client.crm.object_schemas.update(kind, clear_description=False, searchable_properties=[])
    assert changed.searchable_properties == []
    made = client.crm.object_schemas.create_association(
        kind, from_object_type_id=kind, to_object_type_id="0-1", name="to_contact"
    )
    assert made.id.isdigit()
    api = client.crm.objects.custom
    inputs = [{"id": "900001", "id_property": "number", "properties": {"number": "900001"}}]
    (row,) = api.batch.upsert(kind, inputs=inputs).results
    assert api.get(row.id, object_type=kind, properties=["number"]).properties["number"] == "900001"
    assert api.delete(row.id, object_type=kind) is None
    assert client.crm.object_schemas.delete(kind) is None


def test_invoices_lines_payments_and_deals(client: Any) -> None:
    """The objects of commerce."""
    objects = client.crm.objects
    line = objects.line_items.create(properties={"name": "Torsk", "quantity": "2", "price": "125"}, associations=[]).id
    kind = {"association_category": "HUBSPOT_DEFINED", "association_type_id": 409}
    invoice = objects.invoices.create(
        properties={"hs_currency": "NOK", "hs_invoice_billable": "false", "hs_invoice_status": "open"},
        associations=[{"to": {"id": line}, "types": [kind]}],
    ).id
    found = objects.invoices.get(invoice, properties=["hs_amount_billed"], associations=["line_items"])
    assert (found.properties["hs_amount_billed"], found.associations["line_items"].results[0].id) == ("250.00", line)
    payment = {"hs_initial_amount": "250", "hs_initiated_date": "2026-11-25T10:00:00Z"}
    paid = objects.commerce_payments.create(properties=payment, associations=[]).id
    assert (
        objects.commerce_payments.get(paid, properties=["hs_initial_amount"]).properties["hs_initial_amount"] == "250"
    )
    (pipeline,) = client.crm.pipelines.list("deals").results
    deal = {"dealname": "Torsk", "dealstage": pipeline.stages[0].id}
    assert objects.deals.create(properties=deal, associations=[]).properties["pipeline"] == "default"


def test_the_account(client: Any) -> None:
    """Currencies, time zone, and what was used of the day."""
    assert (client.account.get().company_currency, client.account.get().time_zone) == ("NOK", "Europe/Oslo")
    (usage,) = client.account.get_daily_private_apps_usage().results
    assert (usage.usage_limit, usage.current_usage) == (1_000_000, 3)


def test_errors_have_their_types(hubspot: Hubspot, client: Any) -> None:
    """By status; the body is at hand."""
    contact = {"properties": {"email": "kari@nordfisk.no"}, "associations": []}
    first = client.crm.objects.contacts.create(**contact).id
    with pytest.raises(ConflictError) as conflict:
        client.crm.objects.contacts.create(**contact)
    assert conflict.value.body["message"].endswith(f"Existing ID: {first}")
    with pytest.raises(AuthenticationError):
        client.with_options(access_token="pat-eu1-wrong").crm.objects.contacts.get(first)
    hubspot.configure(scopes=[])
    with pytest.raises(PermissionDeniedError):
        client.crm.objects.contacts.get(first)
    hubspot.configure(burst=0)
    with pytest.raises(RateLimitError):
        client.crm.objects.contacts.get(first)


def test_an_object_id_as_a_number_breaks_the_strict_client(hubspot: Hubspot, client: Any) -> None:
    """Documented answers against the specification."""
    hubspot.configure(object_id_type="number")
    company = hubspot.made("companies", name="Nordfisk AS")
    contact = hubspot.made("contacts", email="kari@nordfisk.no")
    hubspot.associate("contacts", contact, "companies", company)
    with pytest.raises(APIResponseValidationError):
        list(client.crm.associations.list("companies", object_type="contacts", object_id=contact))
