"""Members of the Mailchimp simulator: hash, verbs, filters, tags (reference, sections 6 and 9)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ml_connector.simulators.mailchimp.addresses import subscriber_hash
from ml_connector_tests.simulators.mailchimp_support import KARI, OLA, Mailchimp, field_errors, refusal

pytest_plugins = "ml_connector_tests.simulators.mailchimp_fixtures"


def addresses(mailchimp: Mailchimp, **params: Any) -> list[str]:
    """The addresses that a listing gives."""
    answer = mailchimp.http.get(f"{mailchimp.list}/members", params={"count": 1000, **params})
    assert answer.status_code == 200, answer.text
    return [member["email_address"] for member in answer.json()["members"]]


def shift_clock(mailchimp: Mailchimp, seconds: float) -> None:
    mailchimp.configure(clock_offset_seconds=seconds)


def test_the_hash_is_md5_of_the_lower_cased_address() -> None:
    """The vendor's own example, in any case."""
    assert subscriber_hash("Urist.McVankab@freddiesjokes.com") == "62eeb292278cc15f5817cb78f7790b08"


def test_put_creates_and_then_updates(mailchimp: Mailchimp) -> None:
    """The upsert answers 200 both times, with the member; what is not sent stays."""
    created = mailchimp.put(KARI, merge_fields={"FNAME": "Kari", "LNAME": "Nordmann"})
    updated = mailchimp.put(KARI, merge_fields={"FNAME": "Kåre"})
    assert (created.status_code, updated.status_code) == (200, 200)
    assert created.json()["id"] == updated.json()["id"] == subscriber_hash(KARI)
    assert updated.json()["full_name"] == "Kåre Nordmann"
    assert [event["created"] for event in mailchimp.known(KARI)["history"]] == [True, False]


def test_a_member_is_found_by_hash_and_by_address_in_any_case(mailchimp: Mailchimp) -> None:
    """Addresses are compared without case and returned as they were given."""
    mailchimp.put("Kari@NordFisk.no")
    for name in (subscriber_hash(KARI), KARI, "KARI@nordfisk.no"):
        answer = mailchimp.http.get(f"{mailchimp.list}/members/{name}")
        assert answer.json()["email_address"] == "Kari@NordFisk.no"


def test_a_stranger_is_not_found(mailchimp: Mailchimp) -> None:
    """404 is the normal answer for somebody who never was on the list."""
    assert refusal(mailchimp.get(KARI)) == (404, "Resource Not Found")
    assert refusal(mailchimp.patch(KARI, language="no")) == (404, "Resource Not Found")
    assert refusal(mailchimp.delete(KARI)) == (404, "Resource Not Found")


def test_a_hash_of_the_wrong_address_does_not_make_a_second_member(mailchimp: Mailchimp) -> None:
    """A client that hashes without lower-casing creates once and then gets Member Exists."""
    body = {"email_address": "Kari@nordfisk.no", "status_if_new": "subscribed"}
    wrong = f"{mailchimp.list}/members/{'0' * 32}"
    assert mailchimp.http.put(wrong, json=body).json()["id"] == subscriber_hash(KARI)
    assert refusal(mailchimp.http.put(wrong, json=body)) == (400, "Member Exists")


def test_post_refuses_a_member_who_exists(mailchimp: Mailchimp) -> None:
    """POST is for strangers, and for archived members."""
    assert mailchimp.post(email_address=KARI, status="subscribed").status_code == 200
    assert refusal(mailchimp.post(email_address=KARI.upper(), status="subscribed")) == (400, "Member Exists")
    mailchimp.delete(KARI)
    assert mailchimp.post(email_address=KARI, status="subscribed").json()["status"] == "subscribed"


def test_required_keys_are_named(mailchimp: Mailchimp) -> None:
    """What is missing stands under an empty field."""
    missing = mailchimp.http.post(f"{mailchimp.list}/members", json={})
    assert field_errors(missing) == {"": "Required fields were not provided: email_address, status"}
    assert field_errors(mailchimp.http.put(mailchimp.path(KARI), json={})).keys() == {""}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("status", "archived"),
        ("status", None),
        ("status_if_new", "active"),
        ("merge_fields", []),
        ("merge_fields", None),
        ("vip", "yes"),
        ("tags", "B2B"),
        ("tags", [1]),
        ("language", 1),
        ("email_type", "pdf"),
        ("timestamp_opt", "yesterday"),
        ("timestamp_opt", 5),
    ],
)
def test_wrong_types_are_named_by_key(mailchimp: Mailchimp, key: str, value: Any) -> None:
    """A key of a wrong type is refused, null included, and nothing is written."""
    answer = mailchimp.put(KARI, **{key: value})
    assert refusal(answer) == (400, "Invalid Resource")
    assert field_errors(answer).keys() == {key}
    assert mailchimp.get(KARI).status_code == 404


@pytest.mark.parametrize("text", ["2020-03-29 01:30:00", "2020-03-29T01:30:00Z", "2020-03-29T03:30:00+02:00"])
def test_times_are_taken_in_three_forms_and_shown_in_one(mailchimp: Mailchimp, text: str) -> None:
    """Written ones with or without an offset; returned ones in UTC."""
    assert mailchimp.put(KARI, timestamp_opt=text).json()["timestamp_opt"] == "2020-03-29T01:30:00+00:00"


def test_unset_times_are_empty_texts(mailchimp: Mailchimp) -> None:
    """Never null."""
    assert mailchimp.put(KARI, timestamp_signup="").json()["timestamp_signup"] == ""


def test_rarely_written_keys_are_kept(mailchimp: Mailchimp) -> None:
    """Language, VIP and location come back as they were sent."""
    member = mailchimp.put(KARI, language="no", vip=True, location={"latitude": 69.65, "longitude": 18.96}).json()
    assert (member["language"], member["vip"], member["location"]["latitude"]) == ("no", True, 69.65)


def test_a_changed_address_moves_the_member_with_the_history(mailchimp: Mailchimp) -> None:
    """PATCH gives a new hash, keeps status, values and tags, and the old hash is gone."""
    mailchimp.put(KARI, tags=["B2B"], merge_fields={"FNAME": "Kari"})
    mailchimp.control(f"members/{KARI}/unsubscribe", {"origin": "self"})
    moved = mailchimp.patch(KARI, email_address=OLA)
    assert (moved.json()["id"], moved.json()["status"]) == (subscriber_hash(OLA), "unsubscribed")
    assert mailchimp.get(KARI).status_code == 404
    known = mailchimp.known(OLA)
    assert (known["merge_fields"], known["tags"], len(known["history"])) == ({"FNAME": "Kari"}, ["B2B"], 3)
    assert addresses(mailchimp) == [OLA]


@pytest.mark.parametrize("archived", [False, True])
def test_a_move_onto_another_member_is_refused(mailchimp: Mailchimp, archived: bool) -> None:
    """The new address must not be on the list, not even archived."""
    mailchimp.put(KARI)
    mailchimp.put(OLA)
    if archived:
        mailchimp.delete(OLA)
    assert refusal(mailchimp.patch(KARI, email_address=OLA)) == (400, "Member Exists")
    assert mailchimp.get(KARI).json()["email_address"] == KARI


def test_a_change_of_case_is_no_move(mailchimp: Mailchimp) -> None:
    """Only the spelling changes."""
    mailchimp.put(KARI)
    assert mailchimp.patch(KARI, email_address="Kari@Nordfisk.no").json()["email_address"] == "Kari@Nordfisk.no"
    assert mailchimp.get(KARI).status_code == 200


def test_delete_archives_and_keeps_the_history(mailchimp: Mailchimp) -> None:
    """204; the member can still be read, and is listed only when archived ones are asked for."""
    mailchimp.put(KARI)
    assert mailchimp.delete(KARI).status_code == 204
    assert mailchimp.get(KARI).json()["status"] == "archived"
    assert addresses(mailchimp) == []
    assert addresses(mailchimp, status="archived") == [KARI]
    assert [event["status_after"] for event in mailchimp.known(KARI)["history"]] == ["subscribed", "archived"]


@pytest.mark.parametrize("status", [404, 405])
def test_a_second_delete_is_refused(mailchimp: Mailchimp, status: int) -> None:
    """The sources leave open how, so it is a setting."""
    mailchimp.configure(archived_on_delete=status)
    mailchimp.put(KARI)
    mailchimp.delete(KARI)
    assert mailchimp.delete(KARI).status_code == status


def test_delete_permanent_forgets_for_good(mailchimp: Mailchimp) -> None:
    """Named by the hash only; afterwards the address cannot come back by any call."""
    mailchimp.put(KARI)
    by_address = mailchimp.http.post(f"{mailchimp.list}/members/{KARI}/actions/delete-permanent")
    assert by_address.status_code == 404
    assert mailchimp.http.post(f"{mailchimp.path(KARI)}/actions/delete-permanent").status_code == 204
    assert mailchimp.get(KARI).status_code == 404
    forgotten = (400, "Forgotten Email Not Subscribed")
    assert refusal(mailchimp.put(KARI.upper())) == forgotten
    assert refusal(mailchimp.post(email_address=KARI, status="pending")) == forgotten
    mailchimp.put(OLA)
    assert refusal(mailchimp.patch(OLA, email_address=KARI)) == forgotten
    assert mailchimp.control("summary")["members"] == {"subscribed": 1}


def test_last_changed_moves_only_with_a_change(mailchimp: Mailchimp) -> None:
    """The same content again leaves the member as it was."""
    mailchimp.put(KARI, merge_fields={"FNAME": "Kari"}, tags=["B2B"])
    first = mailchimp.get(KARI).json()["last_changed"]
    shift_clock(mailchimp, 100)
    assert mailchimp.put(KARI, merge_fields={"FNAME": "Kari"}, tags=["B2B"]).json()["last_changed"] == first
    changed = mailchimp.put(KARI, merge_fields={"FNAME": "Kåre"}).json()["last_changed"]
    shift_clock(mailchimp, 200)
    tags = [{"name": "B2B", "status": "active"}]
    mailchimp.http.post(f"{mailchimp.path(KARI)}/tags", json={"tags": tags})
    assert mailchimp.get(KARI).json()["last_changed"] == changed > first


def test_members_are_filtered_by_status(mailchimp: Mailchimp) -> None:
    """One status at a time; an unknown one is refused."""
    mailchimp.put(KARI)
    mailchimp.put(OLA, status_if_new="transactional")
    assert addresses(mailchimp) == [KARI, OLA]
    assert addresses(mailchimp, status="transactional") == [OLA]
    wrong = mailchimp.http.get(f"{mailchimp.list}/members", params={"status": "active"})
    assert field_errors(wrong).keys() == {"status"}


def test_members_are_filtered_and_sorted_by_last_changed(mailchimp: Mailchimp) -> None:
    """After and before a time, the second itself left out on both sides."""
    mailchimp.put(KARI)
    shift_clock(mailchimp, 100)
    mailchimp.put(OLA)
    kari, ola = (mailchimp.get(email).json()["last_changed"] for email in (KARI, OLA))
    between = (datetime.now(UTC) + timedelta(seconds=50)).isoformat(timespec="seconds")
    assert addresses(mailchimp, since_last_changed=between) == [OLA]
    assert addresses(mailchimp, before_last_changed=between) == [KARI]
    assert addresses(mailchimp, since_last_changed=kari) == [OLA]
    assert addresses(mailchimp, before_last_changed=ola) == [KARI]
    assert addresses(mailchimp, sort_field="last_changed", sort_dir="DESC") == [OLA, KARI]


def test_a_time_whose_plus_was_not_encoded_is_refused(mailchimp: Mailchimp) -> None:
    """`+00:00` in a query is a blank; nothing is filtered by mistake."""
    answer = mailchimp.http.get(f"{mailchimp.list}/members?since_last_changed=2026-11-01T00:00:00+00:00")
    assert field_errors(answer).keys() == {"since_last_changed"}


def test_filters_that_are_not_simulated_are_refused(mailchimp: Mailchimp) -> None:
    """Rather than ignored, so that no test relies on one."""
    answer = mailchimp.http.get(f"{mailchimp.list}/members", params={"vip_only": "true"})
    assert field_errors(answer).keys() == {"vip_only"}


def test_tags_are_given_and_taken_by_name(mailchimp: Mailchimp) -> None:
    """204; an unknown tag is created, an inactive one is taken away, others stay."""
    mailchimp.put(KARI, tags=["Kunde"])
    path = f"{mailchimp.path(KARI)}/tags"
    changes = [{"name": "Avsluttet", "status": "active"}, {"name": "Kunde", "status": "inactive"}]
    assert mailchimp.http.post(path, json={"tags": changes, "is_syncing": True}).status_code == 204
    shown = mailchimp.http.get(path).json()
    assert ([tag["name"] for tag in shown["tags"]], shown["total_items"]) == (["Avsluttet"], 1)
    member = mailchimp.get(KARI).json()
    assert (member["tags_count"], member["tags"][0]["name"]) == (1, "Avsluttet")


def test_no_tags_are_a_valid_change(mailchimp: Mailchimp) -> None:
    """`tags: []` is answered with 204 as well, and so is taking away a tag that nobody has."""
    mailchimp.put(KARI)
    path = f"{mailchimp.path(KARI)}/tags"
    assert mailchimp.http.post(path, json={"tags": []}).status_code == 204
    assert mailchimp.http.post(path, json={"tags": [{"name": "X", "status": "inactive"}]}).status_code == 204
    assert mailchimp.known(KARI)["tags"] == []


@pytest.mark.parametrize(
    "body", [{}, {"tags": "B2B"}, {"tags": [{"name": "B2B"}]}, {"tags": [{"name": " ", "status": "active"}]}]
)
def test_wrong_tag_bodies_are_refused(mailchimp: Mailchimp, body: dict[str, Any]) -> None:
    """A tag needs a name and a status."""
    mailchimp.put(KARI)
    assert refusal(mailchimp.http.post(f"{mailchimp.path(KARI)}/tags", json=body)) == (400, "Invalid Resource")


def test_tags_of_a_write_are_added(mailchimp: Mailchimp) -> None:
    """PUT with tags takes none away."""
    mailchimp.put(KARI, tags=["A"])
    mailchimp.put(KARI, tags=["B"])
    assert mailchimp.known(KARI)["tags"] == ["A", "B"]
