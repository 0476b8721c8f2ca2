"""Tokens, scopes and paths at the HubSpot simulator."""

from __future__ import annotations

import pytest

from ml_connector.simulators.hubspot.settings import SCOPES
from ml_connector_tests.simulators.hubspot_support import Hubspot, refusal

pytest_plugins = "ml_connector_tests.simulators.hubspot_fixtures"


@pytest.mark.parametrize("header", [None, "Bearer pat-eu1-wrong", "Basic pat-eu1-00000000-0000-4000-8000-000000000000"])
def test_without_the_token_nothing_is_answered(hubspot: Hubspot, header: str | None) -> None:
    """401 INVALID_AUTHENTICATION, with a sentence that code recognises."""
    headers = {} if header is None else {"Authorization": header}
    answer = hubspot.anonymous.get("/crm/v3/objects/companies", headers=headers)
    assert refusal(answer) == (401, "INVALID_AUTHENTICATION")
    assert answer.json()["message"].startswith("Authentication credentials not found")


def test_a_missing_scope_is_named(hubspot: Hubspot) -> None:
    """403 MISSING_SCOPES lists the scopes of which one would do."""
    hubspot.configure(scopes=[scope for scope in SCOPES if scope != "crm.objects.companies.write"])
    assert hubspot.http.get("/crm/v3/objects/companies").status_code == 200
    answer = hubspot.create("companies", name="Nordfisk AS")
    assert refusal(answer) == (403, "MISSING_SCOPES")
    (error,) = answer.json()["errors"]
    assert error["context"]["requiredGranularScopes"] == ["crm.objects.companies.write"]
    assert "scopes" in answer.json()["links"]


def test_a_right_to_write_definitions_is_none_to_read_them(hubspot: Hubspot) -> None:
    """A schema scope for writing alone does not let one read."""
    hubspot.configure(scopes=["crm.schemas.companies.write"])
    assert hubspot.add_property("companies", "mine").status_code == 201
    assert refusal(hubspot.http.get("/crm/v3/properties/companies")) == (403, "MISSING_SCOPES")


def test_line_items_have_no_schema_scope(hubspot: Hubspot) -> None:
    """Creating their property needs `e-commerce`, which opens their records too."""
    hubspot.configure(scopes=["crm.objects.line_items.write"])
    assert hubspot.create("line_items", name="Torsk").status_code == 201
    answer = hubspot.add_property("line_items", "mine")
    assert answer.json()["errors"][0]["context"]["requiredGranularScopes"] == ["e-commerce"]
    hubspot.configure(scopes=["e-commerce"])
    assert hubspot.add_property("line_items", "mine").status_code == 201
    assert hubspot.create("line_items", name="Torsk").status_code == 201


def test_associations_need_both_write_scopes(hubspot: Hubspot) -> None:
    """They have no scope of their own."""
    contact, company = hubspot.made("contacts", email="kari@nordfisk.no"), hubspot.made("companies", name="Nordfisk")
    hubspot.configure(scopes=["crm.objects.contacts.write"])
    answer = hubspot.associate("contacts", contact, "companies", company)
    assert answer.json()["errors"][0]["context"]["requiredGranularScopes"] == ["crm.objects.companies.write"]


def test_a_token_tells_its_scopes(hubspot: Hubspot) -> None:
    """The check at the start: hub id and scopes for a static token, 401 for an unknown one."""
    path = "/oauth/v2/private-apps/get/access-token-info"
    answer = hubspot.anonymous.post(path, json={"tokenKey": hubspot.settings.access_token})
    assert (answer.status_code, answer.json()["hubId"]) == (200, hubspot.settings.portal_id)
    assert "crm.objects.companies.write" in answer.json()["scopes"]
    assert hubspot.anonymous.post(path, json={"tokenKey": "pat-eu1-wrong"}).status_code == 401


@pytest.mark.parametrize("version", ["v3", "2026-03", "2026-09"])
def test_the_account_tells_its_currencies(hubspot: Hubspot, version: str) -> None:
    """With the scope `oauth`, in every version."""
    details = hubspot.http.get(f"/account-info/{version}/details").json()
    assert (details["companyCurrency"], details["timeZone"]) == ("NOK", "Europe/Oslo")
    assert "EUR" in details["additionalCurrencies"]
    usage = hubspot.http.get(f"/account-info/{version}/api-usage/daily/private-apps").json()["results"][0]
    assert usage["usageLimit"] == 1_000_000
    hubspot.configure(scopes=["crm.objects.companies.read"])
    assert hubspot.http.get(f"/account-info/{version}/details").status_code == 403


@pytest.mark.parametrize("base", ["/crm/v3/objects", "/crm/objects/2026-03", "/crm/objects/2026-09"])
@pytest.mark.parametrize("name", ["companies", "company", "COMPANIES", "0-2"])
def test_both_families_and_all_names_lead_to_the_same_records(hubspot: Hubspot, base: str, name: str) -> None:
    """Numbered and dated paths, singular, plural and type id."""
    company = hubspot.made("companies", name="Nordfisk AS")
    assert hubspot.http.get(f"{base}/{name}/{company}").json()["properties"]["name"] == "Nordfisk AS"


def test_a_version_that_is_none_is_not_found(hubspot: Hubspot) -> None:
    """Dates are not free to choose."""
    assert hubspot.http.get("/crm/objects/2026-04/companies").status_code == 404


def test_an_unknown_type_cannot_be_inferred(hubspot: Hubspot) -> None:
    """400, as for a custom object's bare name."""
    answer = hubspot.http.get("/crm/v3/objects/transactions")
    assert refusal(answer) == (400, "VALIDATION_ERROR")
    assert answer.json()["message"].startswith("Unable to infer object type")


def test_an_unknown_path_has_a_page(hubspot: Hubspot) -> None:
    """Not every 404 is JSON."""
    answer = hubspot.http.get("/crm/v3/nothing")
    assert (answer.status_code, answer.headers["content-type"][:9]) == (404, "text/html")


def test_a_uri_can_be_too_long(hubspot: Hubspot) -> None:
    """414 for a list of properties that belongs into a batch read."""
    answer = hubspot.http.get("/crm/v3/objects/companies", params={"properties": ",".join(["name"] * 4000)})
    assert answer.status_code == 414


def test_pipelines_tell_their_stages(hubspot: Hubspot) -> None:
    """The stage ids of deals."""
    (pipeline,) = hubspot.http.get("/crm/v3/pipelines/deals").json()["results"]
    assert pipeline["id"] == "default"
    assert "closedwon" in [stage["id"] for stage in pipeline["stages"]]
    assert hubspot.http.get("/crm/pipelines/2026-03/deals/default").json() == pipeline
    assert hubspot.http.get("/crm/pipelines/2026-03/deals/other").status_code == 404
