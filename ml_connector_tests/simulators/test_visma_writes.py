"""Writes: wrapped values, partial PUT, versions, creation, change of number (Visma reference, sections 7, 8 and 12)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ml_connector_tests.simulators.visma_support import CUSTOMERS, ORDINARY, Visma

OSLO = ZoneInfo("Europe/Oslo")
TEXT = {"value": "Ny tekst"}


def test_put_changes_what_it_names_and_nothing_else(visma: Visma) -> None:
    """An absent field stays; the row's stamp and version move; the answer is 204 with the new ETag."""
    before = visma.read()
    answer = visma.put({"name": {"value": "Nytt Navn AS"}})
    after = visma.read()
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["etag"] == f'"{after["timeStamp"]}"' != f'"{before["timeStamp"]}"'
    stamp = datetime.fromisoformat(after["lastModifiedDateTime"]).replace(tzinfo=OSLO)
    assert abs(datetime.now(UTC) - stamp) < timedelta(seconds=30)
    moved = {"name", "lastModifiedDateTime", "timeStamp"}
    assert {key for key in after if after[key] != before[key]} == moved


def test_put_by_internal_id(visma: Visma) -> None:
    """The internal id addresses the same customer; 404 for another."""
    path = f"/v1/customer/internal/{visma.read()['internalId']}"
    assert visma.http.put(path, json={"corporateId": {"value": "911222333"}}).status_code == 204
    assert visma.read()["corporateId"] == "911222333"
    assert visma.http.put("/v1/customer/internal/1", json={}).status_code == 404
    assert visma.put({}, "nobody").status_code == 404


def test_nested_objects_are_wrapped_and_partial_too(visma: Visma) -> None:
    """An address and a contact are wrapped, and so is each of their members; those left out stay."""
    before = visma.read()
    body = {
        "mainAddress": {"value": {"city": {"value": "Å"}, "countryId": {"value": "SE"}}},
        "mainContact": {"value": {"email": {"value": "ny@nordlys-bygg.no"}}},
    }
    assert visma.put(body).status_code == 204
    after = visma.read()
    assert after["mainAddress"] == before["mainAddress"] | {"city": "Å", "country": {"id": "SE", "name": "Sverige"}}
    assert after["mainContact"] == before["mainContact"] | {"email": "ny@nordlys-bygg.no"}


def test_references_are_written_by_id(visma: Visma) -> None:
    """`customerClassId` is written where `customerClass` is read; likewise terms, zones, price classes, parents."""
    body = {
        "customerClassId": {"value": "B2C"},
        "creditTermsId": {"value": "45"},
        "vatZoneId": {"value": "02"},
        "priceClassId": {"value": "STD"},
        "parentRecordNumber": {"value": "10002"},
        "attributeLines": [{"attributeId": {"value": "SEGMENT"}, "attributeValue": {"value": "C"}}],
        "overrideWithClassValues": True,
    }
    assert visma.put(body).status_code == 204
    after = visma.read()
    assert after["customerClass"] == {"id": "B2C", "description": "Privatkunder"}
    assert [after[name]["id"] for name in ("creditTerms", "vatZone", "priceClass")] == ["45", "02", "STD"]
    assert after["parentRecord"] == {"number": "10002", "name": visma.read("10002")["name"]}
    assert [(line["id"], line["value"]) for line in after["attributes"]] == [("SEGMENT", "C")]


def test_null_clears(visma: Visma) -> None:
    """`{"value": null}` empties a field; a field that is left out is another thing."""
    body = {"corporateId": {"value": None}, "mainAddress": {"value": {"countryId": {"value": None}}}}
    assert visma.put(body).status_code == 204
    after = visma.read()
    assert after["corporateId"] is None
    assert after["mainAddress"]["country"] is None
    assert after["mainAddress"]["city"]


@pytest.mark.parametrize(
    "body",
    [
        {"name": "Nytt Navn AS"},
        {"name": {"values": "x"}},
        {"name": {"value": "x", "extra": 1}},
        {"name": {"value": 7}},
        {"name": {"value": ""}},
        {"name": {"value": None}},
        {"printInvoices": {"value": "yes"}},
        {"numberOfEmployees": {"value": True}},
        {"creditLimit": {"value": "much"}},
        {"status": {"value": "Sleeping"}},
        {"customerClassId": {"value": "B2X"}},
        {"parentRecordNumber": {"value": "nobody"}},
        {"mainAddress": {"city": {"value": "Oslo"}}},
        {"mainAddress": {"value": {"city": "Oslo"}}},
        {"mainAddress": {"value": {"countryId": {"value": "Norge"}}}},
        {"attributeLines": [{"attributeId": "SEGMENT", "attributeValue": {"value": "A"}}]},
        {"attributeLines": {"value": []}},
        {"overrideWithClassValues": {"value": True}},
    ],
)
def test_what_does_not_fit_is_refused_whole(visma: Visma, body: dict[str, object]) -> None:
    """An unwrapped scalar, a wrong type or an unknown reference gets 400, and the valid part is not written either."""
    before = visma.read()
    answer = visma.put({"accountReference": TEXT} | body)
    assert (answer.status_code, list(answer.json())) == (400, ["message"])
    assert visma.read() == before


@pytest.mark.parametrize("content", [b"", b"[]", b"{"])
def test_a_body_is_a_json_object(visma: Visma, content: bytes) -> None:
    """Anything else is refused."""
    assert visma.http.put(f"/v1/customer/{ORDINARY}", content=content).status_code == 400


@pytest.mark.parametrize("quote", ['"', ""])
def test_if_match_guards_a_write(visma: Visma, quote: str) -> None:
    """With the present version, quoted or not, the write goes through once; the second meets another version: 412."""
    token = f"{quote}{visma.read()['timeStamp']}{quote}"
    headers = {"If-Match": token}
    assert visma.put({"accountReference": TEXT}, **headers).status_code == 204
    before = visma.read()
    refused = visma.put({"name": TEXT}, **headers)
    assert (refused.status_code, list(refused.json())) == (412, ["message"])
    assert visma.read() == before


def test_a_conflict_may_be_409(visma: Visma) -> None:
    """The setting for endpoints that answer 409 instead of 412."""
    visma.configure(conflict_status=409)
    assert visma.put({"name": TEXT}, **{"If-Match": '"AAAAAAAAAAE="'}).status_code == 409


def test_without_if_match_the_last_writer_wins(visma: Visma) -> None:
    """No header, no check."""
    assert [visma.put({"name": {"value": name}}).status_code for name in ("One", "Two")] == [204, 204]
    assert visma.read()["name"] == "Two"


def test_create_answers_with_the_place(visma: Visma) -> None:
    """201, no body, an ETag, and a `Location` on the vendor's host that ends with the number the server chose."""
    body = {
        "name": {"value": "Nyere AS"},
        "overrideWithClassValues": True,
        "customerClassId": {"value": "B2B"},
        "mainAddress": {"value": {"addressLine1": {"value": "Vei 1"}, "countryId": {"value": "NO"}}},
    }
    answer = visma.http.post("/v1/customer", json=body)
    assert (answer.status_code, answer.content) == (201, b"")
    assert answer.headers["location"].startswith("https://api.finance.visma.net/v1/customer/")
    row = visma.read(answer.headers["location"].rpartition("/")[2])
    assert (row["name"], row["status"], row["mainAddress"]["addressLine1"]) == ("Nyere AS", "Active", "Vei 1")
    assert answer.headers["etag"] == f'"{row["timeStamp"]}"'
    assert row["createdDateTime"] == row["lastModifiedDateTime"]


def test_creating_twice_makes_two(visma: Visma) -> None:
    """failures.md 20: there is no idempotency key; only a number of one's own collides, with 400."""
    places = [visma.http.post("/v1/customer", json={"name": TEXT}).headers["location"] for _ in range(2)]
    assert places[0] != places[1]
    numbered = {"name": TEXT, "number": {"value": "77001"}}
    assert [visma.http.post("/v1/customer", json=numbered).status_code for _ in range(2)] == [201, 400]
    assert visma.find()[0]["metadata"]["totalCount"] == CUSTOMERS + 3


def test_a_customer_needs_a_name(visma: Visma) -> None:
    """POST without one is refused."""
    assert visma.http.post("/v1/customer", json={"number": {"value": "77001"}}).status_code == 400


def test_a_number_can_change(visma: Visma) -> None:
    """failures.md 32: the internal id stays, the number and the contacts' account follow, PUT does not touch it."""
    contact = visma.rows("/v1/contact")[0]
    before = visma.read(contact["businessAccount"])
    visma.put({"number": {"value": "88001"}}, before["number"])
    assert visma.read(before["number"])["number"] == before["number"]
    path = f"/v1/customer/action/changeCustomerCd/{before['internalId']}"
    answer = visma.http.post(path, json={"customerCd": "88001"})
    assert (answer.status_code, answer.json()["actionResult"]) == (200, "Done")
    assert visma.read("88001")["internalId"] == before["internalId"]
    assert visma.http.get(f"/v1/customer/{before['number']}").status_code == 404
    assert contact["contactId"] in [row["contactId"] for row in visma.rows("/v1/customer/88001/contact")]


def test_an_action_can_fail_with_200(visma: Visma) -> None:
    """failures.md 11: a number that is taken is refused in the body only."""
    answer = visma.http.post("/v1/customer/action/changeCustomerCd/1001", json={"customerCd": "10002"})
    assert (answer.status_code, answer.json()["actionResult"]) == (200, "Failed")
    assert answer.json()["errorInfo"]
    assert visma.read()["internalId"] == 1001


@pytest.mark.parametrize(("internal_id", "body", "status"), [(1, {"customerCd": "5"}, 404), (1001, {}, 400)])
def test_an_action_needs_its_customer_and_number(
    visma: Visma, internal_id: int, body: dict[str, str], status: int
) -> None:
    """404 for an unknown customer, 400 without the new number."""
    path = f"/v1/customer/action/changeCustomerCd/{internal_id}"
    assert visma.http.post(path, json=body).status_code == status


def test_contacts_are_read_by_id_and_by_customer(visma: Visma) -> None:
    """One contact has an ETag; a customer's contacts are those whose account is its number."""
    contact = visma.rows("/v1/contact")[0]
    answer = visma.http.get(f"/v1/contact/{contact['contactId']}")
    assert (answer.json(), answer.headers["etag"]) == (contact, f'"{contact["timeStamp"]}"')
    number = contact["businessAccount"]
    assert visma.rows(f"/v1/customer/{number}/contact") == visma.rows("/v1/contact", businessAccount=number)
    assert visma.http.get("/v1/contact/1").status_code == 404
    assert visma.http.get("/v1/customer/nobody/contact").status_code == 404


def test_contacts_are_written(visma: Visma) -> None:
    """PUT is partial, guarded by If-Match, moves the display name, and can move the contact to another customer."""
    contact = visma.rows("/v1/contact")[0]
    path = f"/v1/contact/{contact['contactId']}"
    body = {"lastName": {"value": "Ødegård"}, "noMassMail": {"value": True}, "businessAccount": {"value": "10240"}}
    stale = {"If-Match": '"AAAAAAAAAAE="'}
    assert visma.http.put(path, json=body, headers=stale).status_code == 412
    assert visma.http.put(path, json=body).status_code == 204
    after = visma.http.get(path).json()
    assert after["displayName"] == f"Ødegård, {contact['firstName']}"
    assert (after["noMassMail"], after["email"]) == (True, contact["email"])
    assert contact["contactId"] in [row["contactId"] for row in visma.rows("/v1/customer/10240/contact")]
    assert contact["contactId"] not in [
        row["contactId"] for row in visma.rows(f"/v1/customer/{contact['businessAccount']}/contact")
    ]
    assert visma.http.put(path, json={"businessAccount": {"value": "nobody"}}).status_code == 400


def test_contacts_are_created(visma: Visma) -> None:
    """POST answers with the new contact's place."""
    body = {"firstName": TEXT, "businessAccount": {"value": ORDINARY}, "address": {"value": {"city": {"value": "Bø"}}}}
    answer = visma.http.post("/v1/contact", json=body)
    assert answer.status_code == 201
    contact = visma.http.get(f"/v1/contact/{answer.headers['location'].rpartition('/')[2]}").json()
    assert (contact["displayName"], contact["businessAccount"], contact["address"]["city"]) == (
        "Ny tekst",
        ORDINARY,
        "Bø",
    )
