"""Whatever is sent to the HubSpot simulator, it answers as an API does: it never breaks."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml_connector_tests.simulators.hubspot_support import Hubspot, condition, link

pytest_plugins = "ml_connector_tests.simulators.hubspot_fixtures"

COMPANY, CONTACT = "15003000009", "15000000000"
V3, V4 = "/crm/v3/objects", "/crm/v4/associations/contacts/companies"
PROPERTIES = "/crm/v3/properties/companies"
TYPES = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279}]
ENDS = {"from": {"id": CONTACT}, "to": {"id": COMPANY}, "types": TYPES}
WRITE = {
    "id": COMPANY,
    "idProperty": "hs_object_id",
    "objectWriteTraceId": "t",
    "properties": {"name": "A", "annualrevenue": "5", "lifecyclestage": "lead"},
}
DEFINITION = {
    "name": "terms",
    "label": "Terms",
    "type": "enumeration",
    "fieldType": "select",
    "groupName": "companyinformation",
    "displayOrder": 1,
    "options": [{"label": "30", "value": "30", "hidden": False, "displayOrder": 1}],
}
SCHEMA = {
    "name": "transaction",
    "labels": {"singular": "T", "plural": "Ts"},
    "primaryDisplayProperty": "terms",
    "requiredProperties": ["terms"],
    "secondaryDisplayProperties": ["terms"],
    "searchableProperties": ["terms"],
    "properties": [DEFINITION],
    "associatedObjects": ["COMPANY"],
}
SEARCH = {
    "filterGroups": [
        {"filters": [condition("annualrevenue", "BETWEEN", "1", highValue="2"), condition("name", "IN", values=["a"])]},
        {"filters": [condition("associations.contact", value=CONTACT), condition("name", "CONTAINS_TOKEN", "a*")]},
    ],
    "sorts": [{"propertyName": "name", "direction": "DESCENDING"}],
    "query": "a",
    "properties": ["name"],
    "limit": 5,
    "after": "0",
}
CALLS: tuple[tuple[str, str, Any], ...] = (
    ("POST", f"{V3}/contacts", {"properties": {"email": "k@a.no"}, "associations": [link(COMPANY, 279)]}),
    ("POST", f"{V3}/invoices", {"properties": {"hs_currency": "NOK", "hs_due_date": "2026-01-01", "hs_tax_id": ""}}),
    (
        "POST",
        f"{V3}/deals",
        {"properties": {"dealname": "D", "dealstage": "closedwon", "closedate": "1", "amount": "1"}},
    ),
    ("POST", f"{V3}/line_items", {"properties": {"quantity": "1", "price": "2", "hs_discount_percentage": "3"}}),
    ("PATCH", f"{V3}/companies/{COMPANY}", {"properties": {"annualrevenue": "1", "phone": ""}}),
    *(
        ("POST", f"{V3}/companies/batch/{name}", {"inputs": [WRITE]})
        for name in ("create", "update", "upsert", "archive")
    ),
    ("POST", f"{V3}/companies/batch/read", {"inputs": [{"id": COMPANY}], "properties": ["name"], "idProperty": None}),
    ("POST", f"{V3}/companies/batch/read", {"inputs": [{"id": COMPANY}], "propertiesWithHistory": ["name"]}),
    ("POST", f"{V3}/companies/search", SEARCH),
    ("POST", f"{V3}/companies/merge", {"primaryObjectId": COMPANY, "objectIdToMerge": "1"}),
    *(("POST", f"{V4}/batch/{name}", {"inputs": [ENDS]}) for name in ("associate/default", "create", "labels/archive")),
    ("POST", f"{V4}/batch/archive", {"inputs": [{**ENDS, "to": [ENDS["to"]]}]}),
    ("POST", f"{V4}/batch/read", {"inputs": [{"id": CONTACT, "after": "0"}]}),
    ("PUT", f"/crm/v4/objects/contacts/{CONTACT}/associations/companies/{COMPANY}", TYPES),
    ("POST", f"{V4}/labels", {"label": "L", "name": "l", "inverseLabel": "M"}),
    ("PUT", f"{V4}/labels", {"label": "L", "associationTypeId": 1, "inverseLabel": "M"}),
    ("POST", PROPERTIES, DEFINITION),
    ("PATCH", f"{PROPERTIES}/mine", DEFINITION),
    *(("POST", f"{PROPERTIES}/batch/{name}", {"inputs": [DEFINITION]}) for name in ("create", "read", "archive")),
    ("POST", f"{PROPERTIES}/groups", {"name": "visma", "label": "V", "displayOrder": 1}),
    ("PATCH", f"{PROPERTIES}/groups/companyinformation", {"label": "V", "displayOrder": 1}),
    ("POST", "/crm-object-schemas/v3/schemas", SCHEMA),
    ("POST", "/oauth/v2/private-apps/get/access-token-info", {"tokenKey": "x"}),
)
"""Calls with bodies that make sense, of which some part is then replaced."""

JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.sampled_from(
        ["15003000009", "999999999999999999999", "1e400", "NaN", "email", "hs_object_id", ";", "*", "²", "-1"]
    ),
    st.sampled_from([[], {}, [None], [[]], [{}], {"id": None}, {"id": "x"}, {"id": []}, {"properties": None}, ["x"]]),
)


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The ways to every part of a body, the whole included."""
    yield at
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*at, key))


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, str, Any]:
    """A call with one or two parts of its body replaced."""
    method, path, body = draw(st.sampled_from(CALLS))
    body = deepcopy(body)
    for _ in range(draw(st.integers(1, 2))):
        *way, last = (None, *draw(st.sampled_from(list(places(body)))))
        if not way:
            return method, path, deepcopy(draw(JUNK))
        holder = body
        for key in way[1:]:
            holder = holder[key]
        holder[last] = deepcopy(draw(JUNK))
    return method, path, body


@pytest.fixture
def portal(hubspot: Hubspot) -> Hubspot:
    """A company, a contact of it and a property, without limits."""
    hubspot.configure(search_per_second=10**9, burst=10**9, association_burst=10**9, search_lag_seconds=0.0)
    hubspot.add_property("companies", "mine")
    company = hubspot.made("companies", name="Nordfisk AS", annualrevenue="5")
    contact = hubspot.made("contacts", email="kari@nordfisk.no", associations=[link(company, 279)])
    assert (company, contact) == (COMPANY, CONTACT)
    return hubspot


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(call=calls())
def test_no_body_breaks_it(portal: Hubspot, call: tuple[str, str, Any]) -> None:
    """Every refusal has HubSpot's shape."""
    method, path, body = call
    answer = portal.http.request(method, path, json=body)
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert {"status", "message", "correlationId", "category"} <= answer.json().keys()


def test_a_name_that_no_header_can_hold_is_an_answer_too(portal: Hubspot) -> None:
    """It stands in the address of what was made."""
    answer = portal.http.post(f"{PROPERTIES}/groups", json={"name": "a\nb", "label": "A"})
    assert answer.status_code == 201
    assert answer.headers["location"].endswith("/a%0Ab")
