"""Batches at the HubSpot simulator: which of them fail as a whole, and which in parts."""

from __future__ import annotations

from typing import Any

import pytest

from ml_connector_tests.simulators.hubspot_support import KEY, NOWHERE, Hubspot, refusal, upsert_input

pytest_plugins = "ml_connector_tests.simulators.hubspot_fixtures"


@pytest.fixture
def keyed(hubspot: Hubspot) -> Hubspot:
    """Companies have a property with unique values."""
    hubspot.add_key()
    return hubspot


def companies(hubspot: Hubspot) -> int:
    count: int = hubspot.control("summary")["records"]["companies"]
    return count


def test_an_upsert_says_what_is_new(keyed: Hubspot) -> None:
    """By a unique property: created, then updated."""
    first = keyed.batch("companies", "upsert", upsert_input(1, name="A"), upsert_input(2, name="B"))
    assert (first.status_code, [row["new"] for row in first.json()["results"]]) == (200, [True, True])
    second = keyed.batch("companies", "upsert", upsert_input(2, name="B2"), upsert_input(3, name="C"))
    new = {row["properties"][KEY]: row["new"] for row in second.json()["results"]}
    assert (new, companies(keyed)) == ({"2": False, "3": True}, 3)


@pytest.mark.parametrize("operation", ["create", "read", "update", "upsert", "archive"])
def test_more_than_100_inputs_are_refused(keyed: Hubspot, operation: str) -> None:
    """Whatever the batch does."""
    inputs = [upsert_input(number, name="A") for number in range(101)]
    assert refusal(keyed.batch("companies", operation, *inputs)) == (400, "VALIDATION_ERROR")
    assert companies(keyed) == 0


def test_without_trace_ids_one_bad_input_refuses_all(keyed: Hubspot) -> None:
    """failures.md 9: nothing is written, and the answer does not say which input it was."""
    inputs = [upsert_input(1, name="A"), upsert_input(2, name="B", annualrevenue="much")]
    assert refusal(keyed.batch("companies", "upsert", *inputs)) == (400, "VALIDATION_ERROR")
    assert companies(keyed) == 0


@pytest.mark.parametrize("operation", ["create", "upsert", "update"])
def test_with_unique_trace_ids_the_good_ones_are_written(keyed: Hubspot, operation: str) -> None:
    """207: the bad input is named by its trace id."""
    ids = [keyed.made("companies", name=text, **{KEY: text}) for text in ("10", "11")]
    bad = [upsert_input(10, trace=True, name="A"), upsert_input(11, trace=True, annualrevenue="much")]
    if operation == "update":
        bad = [{**item, "id": one, "idProperty": None} for item, one in zip(bad, ids, strict=True)]
    elif operation == "create":
        bad = [{**item, "properties": {**item["properties"], KEY: text}} for item, text in zip(bad, "ab", strict=True)]
    answer = keyed.batch("companies", operation, *bad)
    body = answer.json()
    assert (answer.status_code, body["numErrors"]) == (207, 1)
    assert [row["objectWriteTraceId"] for row in body["results"]] == ["trace-10"]
    (error,) = body["errors"]
    assert error.keys() == {"status", "category", "message", "context"}
    assert (error["category"], error["context"]["objectWriteTraceId"]) == ("VALIDATION_ERROR", ["trace-11"])


@pytest.mark.parametrize("traces", [("a", "a"), ("a", None), ("a", "")])
def test_trace_ids_that_are_not_all_there_and_unique_do_not_help(keyed: Hubspot, traces: tuple[str, str]) -> None:
    """Partial success is for batches whose every input has one of its own."""
    inputs = [
        {**upsert_input(number, name="A", annualrevenue=value), "objectWriteTraceId": trace}
        for number, value, trace in zip((1, 2), ("5", "much"), traces, strict=True)
    ]
    assert keyed.batch("companies", "upsert", *inputs).status_code == 400
    assert companies(keyed) == 0


def test_errors_can_have_the_shape_of_the_specification(keyed: Hubspot) -> None:
    """The vendor's own strict client refuses what was recorded."""
    keyed.configure(batch_error_shape="specified")
    (error,) = keyed.batch("companies", "upsert", upsert_input(1, trace=True, nothing="x")).json()["errors"]
    assert (error["links"], error["errors"][0]["code"]) == ({}, "PROPERTY_DOESNT_EXIST")


def test_the_same_id_twice_refuses_the_batch(keyed: Hubspot) -> None:
    """failures.md 10: trace ids do not help."""
    inputs = [upsert_input(7, name="A"), upsert_input(7, name="B"), upsert_input(8, name="C")]
    inputs = [{**item, "objectWriteTraceId": f"t{index}"} for index, item in enumerate(inputs)]
    answer = keyed.batch("companies", "upsert", *inputs)
    assert refusal(answer) == (400, "VALIDATION_ERROR")
    assert answer.json()["message"] == "Duplicate IDs found in batch input: [7]. IDs must be unique"
    assert answer.json()["context"]["ids"] == ["7"]


def test_the_same_address_in_another_case_is_the_same_id(hubspot: Hubspot) -> None:
    """E-mail addresses are lower-cased before they are compared."""
    inputs = [upsert_input(email, "email", firstname="K") for email in ("kari@nordfisk.no", "Kari@Nordfisk.no")]
    assert hubspot.batch("contacts", "upsert", *inputs).status_code == 400


@pytest.mark.parametrize("name", ["domain", "name"])
def test_domain_and_name_of_a_company_identify_nobody(hubspot: Hubspot, name: str) -> None:
    """failures.md 8: an upsert by a property that is not unique is refused."""
    answer = hubspot.batch("companies", "upsert", upsert_input("nordfisk.no", name, city="Oslo"))
    assert answer.status_code == 400
    assert answer.json()["message"] == f"Unable to perform update/upsert by non-unique 0-2 property {name}"


def test_results_come_in_an_order_of_their_own(keyed: Hubspot) -> None:
    """By position, every record would get another's id."""
    inputs = [upsert_input(number, trace=True, name="A") for number in range(50)]
    rows = keyed.batch("companies", "upsert", *inputs).json()["results"]
    order = [row["properties"][KEY] for row in rows]
    assert (sorted(map(int, order)), order == [item["id"] for item in inputs]) == (list(range(50)), False)
    assert all(row["objectWriteTraceId"] == f"trace-{row['properties'][KEY]}" for row in rows)


def test_a_result_has_the_properties_that_were_sent(keyed: Hubspot) -> None:
    """To match by the unique property, send it among the properties."""
    keyed.batch("companies", "upsert", upsert_input(1, name="A"))
    bare = {"id": "1", "idProperty": KEY, "properties": {"city": "Oslo"}}
    (row,) = keyed.batch("companies", "upsert", bare).json()["results"]
    assert row["properties"]["city"] == "Oslo"
    assert KEY not in row["properties"]


def test_a_read_tells_all_missing_ids_in_one_error(hubspot: Hubspot) -> None:
    """207 without any trace ids; `numErrors` is 1 however many are missing."""
    contact = hubspot.made("contacts", email="kari@nordfisk.no")
    missing = [NOWHERE, str(int(NOWHERE) - 1)]
    answer = hubspot.batch("contacts", "read", {"id": contact}, *({"id": one} for one in missing), properties=["email"])
    body = answer.json()
    assert (answer.status_code, body["numErrors"], len(body["results"])) == (207, 1, 1)
    (error,) = body["errors"]
    assert (error["category"], error["context"]["ids"]) == ("OBJECT_NOT_FOUND", missing)
    assert error["message"].startswith("Could not get some CONTACT objects, they may be deleted or not exist.")


def test_a_read_by_unique_property(keyed: Hubspot) -> None:
    """`idProperty` stands beside the inputs."""
    made = keyed.made("companies", name="A", **{KEY: "1"})
    answer = keyed.batch("companies", "read", {"id": "1"}, idProperty=KEY, properties=["name"])
    assert [row["id"] for row in answer.json()["results"]] == [made]


def test_an_update_of_a_missing_record(keyed: Hubspot) -> None:
    """Refuses all, or is an error of its own."""
    made = keyed.made("companies", name="A")
    inputs: list[dict[str, Any]] = [{"id": one, "properties": {"city": "Oslo"}} for one in (made, NOWHERE)]
    assert refusal(keyed.batch("companies", "update", *inputs)) == (404, "OBJECT_NOT_FOUND")
    assert keyed.values("companies", made, "city") == {"city": None}
    traced = [{**item, "objectWriteTraceId": item["id"]} for item in inputs]
    assert keyed.batch("companies", "update", *traced).status_code == 207


def test_an_update_of_a_merged_record_vanishes(hubspot: Hubspot) -> None:
    """No result and no error (failures.md 32)."""
    one, two = (hubspot.made("companies", name=text) for text in "AB")
    hubspot.control("merge/companies", {"primary": one, "merged": two})
    item = {"id": two, "properties": {"city": "Oslo"}, "objectWriteTraceId": "t"}
    answer = hubspot.batch("companies", "update", item)
    assert (answer.status_code, answer.json()["results"]) == (200, [])
    hubspot.configure(merged_update="survivor")
    assert [row["id"] for row in hubspot.batch("companies", "update", item).json()["results"]] == [one]


def test_a_merged_key_is_free_and_upserts_anew(keyed: Hubspot) -> None:
    """The surviving record keeps its own key; the other one's next upsert makes a record (failures.md 32)."""
    one, two = (keyed.made("companies", name=text, **{KEY: text}) for text in ("1", "2"))
    keyed.control("merge/companies", {"primary": one, "merged": two})
    (row,) = keyed.batch("companies", "upsert", upsert_input(2, name="B")).json()["results"]
    assert (row["new"], row["id"] in (one, two)) == (True, False)


def test_a_clash_of_addresses_is_a_409_for_the_batch(hubspot: Hubspot) -> None:
    """In a create without trace ids; with them, an error in a 207."""
    kari = hubspot.made("contacts", email="kari@nordfisk.no")
    inputs = [{"properties": {"email": email}} for email in ("ola@nordfisk.no", "Kari@nordfisk.no")]
    answer = hubspot.batch("contacts", "create", *inputs)
    assert refusal(answer) == (409, "CONFLICT")
    assert answer.json()["message"] == f"Contact already exists. Existing ID: {kari}"
    traced = [{**item, "objectWriteTraceId": str(index)} for index, item in enumerate(inputs)]
    answer = hubspot.batch("contacts", "create", *traced)
    assert (answer.status_code, answer.json()["errors"][0]["category"]) == (207, "CONFLICT")


def test_two_inputs_cannot_take_the_same_value(keyed: Hubspot) -> None:
    """The second one loses, before anything is written."""
    inputs = [{"properties": {"name": text, KEY: "1"}, "objectWriteTraceId": text} for text in "AB"]
    answer = keyed.batch("companies", "create", *inputs)
    assert [row["properties"]["name"] for row in answer.json()["results"]] == ["A"]
    assert "CONFLICTING_UNIQUE_VALUE" in answer.json()["errors"][0]["message"]


def test_an_upsert_by_address_clears_what_it_leaves_out(hubspot: Hubspot) -> None:
    """It is no partial update; by a property of one's own it is."""
    hubspot.add_key("contacts")
    kari = hubspot.made("contacts", email="kari@nordfisk.no", firstname="Kari", phone="22334455", **{KEY: "1"})
    hubspot.batch("contacts", "upsert", upsert_input(1, firstname="Kåre"))
    assert hubspot.values("contacts", kari, "firstname", "phone") == {"firstname": "Kåre", "phone": "22334455"}
    hubspot.batch("contacts", "upsert", upsert_input("KARI@nordfisk.no", "email", firstname="Kari", **{KEY: "1"}))
    assert hubspot.values("contacts", kari, "firstname", "phone") == {"firstname": "Kari", "phone": None}
    hubspot.configure(email_upsert="partial")
    hubspot.batch("contacts", "upsert", upsert_input("kari@nordfisk.no", "email", lastname="Nord"))
    assert hubspot.values("contacts", kari, "firstname", "email") == {"firstname": "Kari", "email": "kari@nordfisk.no"}


def test_an_archive_says_nothing(hubspot: Hubspot) -> None:
    """204, also for ids that were not there."""
    made = hubspot.made("companies", name="A")
    answer = hubspot.batch("companies", "archive", {"id": made}, {"id": NOWHERE})
    assert (answer.status_code, answer.content, companies(hubspot)) == (204, b"", 0)


def test_fast_large_upserts_are_locked(keyed: Hubspot) -> None:
    """423 from so many inputs in a second on."""
    keyed.configure(upsert_lock=150)
    statuses = [
        keyed.batch("companies", "upsert", *(upsert_input(base + one, name="A") for one in range(100))).status_code
        for base in (0, 100)
    ]
    assert (statuses, companies(keyed)) == ([200, 423], 100)


def test_the_dated_family_answers_the_same(keyed: Hubspot) -> None:
    """Same handlers, same records."""
    path = "/crm/objects/2026-03/companies/batch/upsert"
    answer = keyed.http.post(path, json={"inputs": [upsert_input(1, name="A")]})
    assert (answer.status_code, answer.json()["status"], companies(keyed)) == (200, "COMPLETE", 1)
