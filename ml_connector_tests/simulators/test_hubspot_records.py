"""Single records and lists at the HubSpot simulator."""

from __future__ import annotations

import pytest

from ml_connector_tests.simulators.hubspot_support import DATED, KEY, NOWHERE, V3, Hubspot, codes, link, refusal

pytest_plugins = "ml_connector_tests.simulators.hubspot_fixtures"


def test_a_record_is_created_read_changed_and_archived(hubspot: Hubspot) -> None:
    """201, 200, 200, 204, and then 404."""
    made = hubspot.create("companies", name="Nordfisk AS")
    assert (made.status_code, made.json()["archived"]) == (201, False)
    company = made.json()["id"]
    assert hubspot.patch("companies", company, city="Tromsø").json()["properties"]["city"] == "Tromsø"
    assert hubspot.values("companies", company, "name", "city") == {"name": "Nordfisk AS", "city": "Tromsø"}
    assert hubspot.http.delete(f"{V3}/companies/{company}").status_code == 204
    gone = hubspot.get("companies", company)
    assert (refusal(gone), gone.json()["message"]) == ((404, "OBJECT_NOT_FOUND"), "resource not found")
    assert hubspot.get("companies", company, archived="true").json()["archived"] is True


def test_associations_may_be_left_out_of_a_create(hubspot: Hubspot) -> None:
    """The specification demands them; the API does not."""
    assert hubspot.http.post(f"{V3}/companies", json={"properties": {"name": "Nordfisk AS"}}).status_code == 201


def test_every_value_is_a_text(hubspot: Hubspot) -> None:
    """Numbers and booleans, too."""
    hubspot.add_property("companies", "credit", "number")
    options = [{"label": text, "value": text, "hidden": False} for text in ("true", "false")]
    hubspot.add_property("companies", "supplier", "bool", options=options)
    company = hubspot.made("companies", name="Nordfisk AS", credit=1500.5, supplier=True)
    assert hubspot.values("companies", company, "credit", "supplier") == {"credit": "1500.5", "supplier": "true"}


def test_only_a_few_properties_come_unasked(hubspot: Hubspot) -> None:
    """The others must be named."""
    company = hubspot.made("companies", name="Nordfisk AS", city="Tromsø")
    names = {"name", "domain", "createdate", "hs_lastmodifieddate", "hs_object_id"}
    assert hubspot.get("companies", company).json()["properties"].keys() == names


def test_contacts_have_another_name_for_their_last_change(hubspot: Hubspot) -> None:
    """`lastmodifieddate`, without `hs_`."""
    contact = hubspot.made("contacts", email="kari@nordfisk.no")
    properties = hubspot.get("contacts", contact).json()["properties"]
    assert "lastmodifieddate" in properties
    assert "hs_lastmodifieddate" not in properties


def test_an_undefined_property_is_left_out_and_an_empty_one_is_null(hubspot: Hubspot) -> None:
    """The pages contradict each other about the latter: it may also be absent."""
    company = hubspot.made("companies", name="Nordfisk AS")
    assert hubspot.values("companies", company, "city", "nothing") == {"city": None}
    hubspot.configure(empty_value="absent")
    assert hubspot.values("companies", company, "city", "nothing") == {}


def test_an_empty_string_clears(hubspot: Hubspot) -> None:
    """It reads back as null, or as itself."""
    company = hubspot.made("companies", name="Nordfisk AS", city="Tromsø")
    hubspot.patch("companies", company, city="")
    assert hubspot.values("companies", company, "city") == {"city": None}
    hubspot.configure(cleared_value="empty")
    assert hubspot.values("companies", company, "city") == {"city": ""}


def test_one_unknown_property_fails_the_whole_record(hubspot: Hubspot) -> None:
    """400, and the message embeds what `errors` says again."""
    answer = hubspot.create("companies", name="Nordfisk AS", nothing="x")
    assert refusal(answer) == (400, "VALIDATION_ERROR")
    assert codes(answer) == {"nothing": "PROPERTY_DOESNT_EXIST"}
    assert '"error":"PROPERTY_DOESNT_EXIST"' in answer.json()["message"]
    assert hubspot.control("summary")["records"]["companies"] == 0


@pytest.mark.parametrize(
    ("kind", "name", "value", "code"),
    [
        ("companies", "annualrevenue", "much", "INVALID_INTEGER"),
        ("companies", "lifecyclestage", "Customer", "INVALID_OPTION"),
        ("companies", "type", "vendor", "INVALID_OPTION"),
        ("companies", "hs_object_id", "7", "READ_ONLY_VALUE"),
        ("contacts", "email", "kari at nordfisk", "INVALID_EMAIL"),
        ("deals", "closedate", "yesterday", "INVALID_DATE"),
        ("line_items", "hs_recurring_billing_start_date", "1772439330000", "INVALID_DATE"),
    ],
)
def test_values_are_checked_by_type(hubspot: Hubspot, kind: str, name: str, value: str, code: str) -> None:
    """Enumerations by their internal name and case, dates at midnight UTC, read-only ones never."""
    assert codes(hubspot.create(kind, **{name: value})) == {name: code}


def test_dates_are_read_in_several_forms(hubspot: Hubspot) -> None:
    """Ten-digit seconds are milliseconds of 1970: nobody warns."""
    made = [
        hubspot.made("deals", dealname="D", dealstage="closedwon", closedate=text)
        for text in ("2026-03-02", "1772409600000", "2026-03-02T01:00:00+01:00", "1772409600")
    ]
    dates = [hubspot.values("deals", deal, "closedate")["closedate"] for deal in made]
    assert dates == ["2026-03-02T00:00:00.000Z"] * 3 + ["1970-01-21T12:20:09.600Z"]


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("companies", {"city": "Oslo"}),
        ("contacts", {"phone": "22334455"}),
        ("deals", {"dealname": "Torsk"}),
        ("invoices", {"hs_invoice_billable": "false"}),
        ("commerce_payments", {"hs_initial_amount": "100"}),
    ],
)
def test_a_create_needs_something(hubspot: Hubspot, kind: str, properties: dict[str, str]) -> None:
    """What, depends on the object."""
    assert refusal(hubspot.create(kind, **properties)) == (400, "VALIDATION_ERROR")


def test_a_deal_names_its_pipeline_where_there_are_several(hubspot: Hubspot) -> None:
    """And a stage of it."""
    assert hubspot.create("deals", dealname="Torsk", dealstage="closedwon").status_code == 201
    assert codes(hubspot.create("deals", dealname="Torsk", dealstage="won")) == {"dealstage": "INVALID_OPTION"}
    hubspot.configure(pipelines=2)
    assert hubspot.create("deals", dealname="Torsk", dealstage="closedwon").status_code == 400
    assert hubspot.create("deals", dealname="Torsk", dealstage="closedwon", pipeline="default").status_code == 201
    answer = hubspot.create("deals", dealname="Torsk", dealstage="closedwon", pipeline="90001000")
    assert codes(answer) == {"dealstage": "INVALID_OPTION"}


def test_lists_go_on_by_a_cursor(hubspot: Hubspot) -> None:
    """Ten by default, 100 at most; without a cursor the page is the last."""
    made = [hubspot.made("companies", name=f"Firma {number}") for number in range(12)]
    first = hubspot.http.get(f"{V3}/companies").json()
    second = hubspot.http.get(first["paging"]["next"]["link"]).json()
    assert [row["id"] for row in first["results"] + second["results"]] == made
    assert "paging" not in second
    assert hubspot.http.get(f"{V3}/companies", params={"limit": 101}).status_code == 400
    assert hubspot.http.get(f"{V3}/companies", params={"archived": "true"}).json() == {"results": []}


def test_properties_may_be_repeated_or_separated_by_commas(hubspot: Hubspot) -> None:
    """Both forms of a list in the query."""
    hubspot.made("companies", name="Nordfisk AS", city="Tromsø", zip="9008")
    query = [("properties", "name,city"), ("properties", "zip")]
    (row,) = hubspot.http.get(f"{V3}/companies", params=query).json()["results"]
    assert {"name", "city", "zip"} <= row["properties"].keys()


def test_a_record_is_found_by_a_unique_property(hubspot: Hubspot) -> None:
    """`idProperty` in GET and PATCH; a property without unique values is refused."""
    hubspot.add_key()
    company = hubspot.made("companies", name="Nordfisk AS", **{KEY: "10001"})
    assert hubspot.get("companies", "10001", idProperty=KEY).json()["id"] == company
    answer = hubspot.http.patch(
        f"{V3}/companies/10001", params={"idProperty": KEY}, json={"properties": {"city": "Oslo"}}
    )
    assert answer.json()["id"] == company
    assert hubspot.get("companies", "Nordfisk AS", idProperty="name").status_code == 400
    assert hubspot.get("companies", "10002", idProperty=KEY).status_code == 404


def test_inline_associations_point_at_records_that_exist(hubspot: Hubspot) -> None:
    """From the new record's end; nothing is created where one is wrong."""
    company = hubspot.made("companies", name="Nordfisk AS")
    contact = hubspot.made("contacts", email="kari@nordfisk.no", associations=[link(company, 279)])
    assert company in hubspot.associated("contacts", contact, "companies")
    for wrong in (link(NOWHERE, 279), link(company, 280)):
        assert hubspot.create("contacts", email="ola@nordfisk.no", associations=[wrong]).status_code == 400
    shown = hubspot.get("contacts", contact, associations="companies").json()["associations"]
    assert {row["id"] for row in shown["companies"]["results"]} == {company}


def test_a_missing_record_is_deleted_in_silence(hubspot: Hubspot) -> None:
    """204 as far as anybody knows; or a 404."""
    assert hubspot.http.delete(f"{V3}/companies/{NOWHERE}").status_code == 204
    hubspot.configure(missing_on_delete=404)
    assert hubspot.http.delete(f"{V3}/companies/{NOWHERE}").status_code == 404


def test_an_unchanged_write_does_not_change_the_time(hubspot: Hubspot) -> None:
    """The same state twice is one change."""
    company = hubspot.made("companies", name="Nordfisk AS")
    before = hubspot.get("companies", company).json()["updatedAt"]
    hubspot.patch("companies", company, name="Nordfisk AS")
    assert hubspot.get("companies", company).json()["updatedAt"] == before


def test_a_unique_value_belongs_to_one_record(hubspot: Hubspot) -> None:
    """Another record's value is a 400; an archived record's is free."""
    hubspot.add_key()
    first = hubspot.made("companies", name="Nordfisk AS", **{KEY: "10001"})
    answer = hubspot.create("companies", name="Fjordbygg AS", **{KEY: "10001"})
    assert codes(answer) == {KEY: "CONFLICTING_UNIQUE_VALUE"}
    assert hubspot.patch("companies", first, **{KEY: "10001"}).status_code == 200
    hubspot.http.delete(f"{V3}/companies/{first}")
    assert hubspot.create("companies", name="Fjordbygg AS", **{KEY: "10001"}).status_code == 201


def test_records_are_merged(hubspot: Hubspot) -> None:
    """The first survives, takes what it lacks and all associations; invoices cannot be merged."""
    one, two = hubspot.made("companies", name="Nordfisk"), hubspot.made("companies", name="Nord Fisk", city="Tromsø")
    contact = hubspot.made("contacts", email="kari@nordfisk.no", associations=[link(two, 279)])
    merged = hubspot.http.post(f"{V3}/companies/merge", json={"primaryObjectId": one, "objectIdToMerge": two})
    assert (merged.status_code, merged.json()["id"]) == (200, one)
    assert hubspot.values("companies", one, "name", "city") == {"name": "Nordfisk", "city": "Tromsø"}
    assert list(hubspot.associated("contacts", contact, "companies")) == [one]
    assert hubspot.get("companies", two).json()["id"] == one
    hubspot.configure(merged_read="missing")
    assert hubspot.get("companies", two).status_code == 404
    invoices = [hubspot.made("invoices", hs_currency="NOK") for _ in range(2)]
    body = dict(zip(("primaryObjectId", "objectIdToMerge"), invoices, strict=True))
    assert hubspot.http.post(f"{V3}/invoices/merge", json=body).status_code == 404


@pytest.mark.parametrize(("base", "status"), [(V3, 201), (DATED, 201), ("/crm/objects/2026-09", 400)])
def test_an_admins_rules_are_enforced_from_2026_09_on(hubspot: Hubspot, base: str, status: int) -> None:
    """On creates and on changes; a portal without rules knows no difference."""
    path, body = f"{base}/companies", {"properties": {"name": "Nordfisk AS"}}
    made = hubspot.http.post(path, json=body)
    assert made.status_code == 201
    hubspot.configure(validation_rules=["companies.city"])
    answers = [hubspot.http.post(path, json=body), hubspot.http.patch(f"{path}/{made.json()['id']}", json=body)]
    assert [answer.status_code for answer in answers] == [status, 400 if status == 400 else 200]
    if status == 400:
        assert codes(answers[0]) == {"city": "MISSING_REQUIRED_PROPERTY"}
    assert hubspot.http.post(path, json={"properties": {"name": "A", "city": "Oslo"}}).status_code == 201
