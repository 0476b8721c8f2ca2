"""Merge fields of the Mailchimp simulator, and what each type takes (reference, section 8)."""

from __future__ import annotations

from typing import Any

import pytest

from ml_connector_tests.simulators.mailchimp_support import ADDRESS, KARI, Mailchimp, field_errors, refusal

pytest_plugins = "ml_connector_tests.simulators.mailchimp_fixtures"


def fields(mailchimp: Mailchimp, **params: Any) -> list[str]:
    """The tags that a listing gives."""
    answer = mailchimp.http.get(f"{mailchimp.list}/merge-fields", params=params).json()
    return [found["tag"] for found in answer["merge_fields"]]


def value(mailchimp: Mailchimp, tag: str) -> Any:
    return mailchimp.get(KARI).json()["merge_fields"][tag]


def test_a_new_audience_has_four_fields_and_no_email(mailchimp: Mailchimp) -> None:
    """EMAIL is no merge field of the list."""
    assert fields(mailchimp) == ["FNAME", "LNAME", "ADDRESS", "PHONE"]
    assert fields(mailchimp, type="address") == ["ADDRESS"]
    assert fields(mailchimp, required="true") == []


def test_the_default_page_hides_the_eleventh_field(mailchimp: Mailchimp) -> None:
    """Ten without a count; total_items tells."""
    for number in range(8):
        assert mailchimp.add_field(f"F{number}").status_code == 200
    assert len(fields(mailchimp)) == 10
    assert fields(mailchimp, count=1000)[-1] == "F7"
    assert fields(mailchimp, offset=10) == ["F6", "F7"]


def test_a_field_is_created_read_changed_and_deleted(mailchimp: Mailchimp) -> None:
    """Values follow their field when its tag changes, and go with it."""
    created = mailchimp.add_field("COMPANY", help_text="Firma").json()
    own = f"{mailchimp.list}/merge-fields/{created['merge_id']}"
    assert (created["type"], created["required"], created["help_text"]) == ("text", False, "Firma")
    mailchimp.put(KARI, merge_fields={"COMPANY": "Nordfisk AS"})
    changed = mailchimp.http.patch(own, json={"name": "Firma", "tag": "FIRMA", "type": "number"}).json()
    assert (changed["tag"], changed["type"]) == ("FIRMA", "text"), "the type is read-only"
    assert value(mailchimp, "FIRMA") == "Nordfisk AS"
    assert mailchimp.http.get(own).json()["tag"] == "FIRMA"
    assert mailchimp.http.delete(own).status_code == 204
    assert "FIRMA" not in mailchimp.get(KARI).json()["merge_fields"]
    assert mailchimp.http.get(own).status_code == 404


def test_a_field_without_a_tag_gets_one(mailchimp: Mailchimp) -> None:
    """MMERGE and the id."""
    created = mailchimp.http.post(f"{mailchimp.list}/merge-fields", json={"name": "Firma", "type": "text"}).json()
    assert created["tag"] == f"MMERGE{created['merge_id']}"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "Firma"}, ""),
        ({"type": "text"}, ""),
        ({"name": "Firma", "type": "money"}, "type"),
        ({"name": "Firma", "type": "text", "tag": "firma"}, "tag"),
        ({"name": "Firma", "type": "text", "tag": "ELEVENCHARS"}, "tag"),
        ({"name": "Klasse", "type": "dropdown", "tag": "KLASSE"}, "options.choices"),
        ({"name": "Klasse", "type": "radio", "options": {"choices": "B2B"}}, "choices"),
        ({"name": " ", "type": "text"}, "name"),
    ],
)
def test_wrong_field_definitions_are_named(mailchimp: Mailchimp, body: dict[str, Any], field: str) -> None:
    """Every refusal names the key."""
    answer = mailchimp.http.post(f"{mailchimp.list}/merge-fields", json=body)
    assert refusal(answer) == (400, "Invalid Resource")
    assert field_errors(answer).keys() == {field}


@pytest.mark.parametrize("tag", ["FNAME", "EMAIL"])
def test_a_tag_is_taken_once(mailchimp: Mailchimp, tag: str) -> None:
    """EMAIL is taken although it is not listed."""
    assert refusal(mailchimp.add_field(tag)) == (400, "Invalid Resource")


def test_the_number_of_fields_is_limited(mailchimp: Mailchimp) -> None:
    """Thirty by default; here five."""
    mailchimp.configure(merge_fields_limit=5)
    assert mailchimp.add_field("ONE").status_code == 200
    assert refusal(mailchimp.add_field("TWO")) == (400, "Invalid Resource")


@pytest.mark.parametrize(
    ("kind", "options", "sent", "kept"),
    [
        ("text", {}, "Ærø & Sønner", "Ærø & Sønner"),
        ("text", {}, 10023, "10023"),
        ("number", {}, 12, 12),
        ("number", {}, "12.5", 12.5),
        ("number", {}, "0", 0),
        ("phone", {"phone_format": "none"}, "+47 77 00 00 00", "+47 77 00 00 00"),
        ("phone", {"phone_format": "US"}, "(555) 555-0100", "(555) 555-0100"),
        ("date", {}, "2026-11-30", "2026-11-30"),
        ("date", {}, "11/30/2026", "2026-11-30"),
        ("date", {"date_format": "DD/MM/YYYY"}, "30/11/2026", "2026-11-30"),
        ("birthday", {}, "02/29", "02/29"),
        ("zip", {}, "90210", "90210"),
        ("url", {}, "https://nordfisk.no/om", "https://nordfisk.no/om"),
        ("imageurl", {}, "https://nordfisk.no/logo.png", "https://nordfisk.no/logo.png"),
        ("dropdown", {"choices": ["B2B", "B2C"]}, "B2C", "B2C"),
        ("radio", {"choices": ["Ja", "Nei"]}, "Nei", "Nei"),
        ("address", {}, ADDRESS, {**ADDRESS, "addr2": ""}),
        (
            "address",
            {},
            {k: v for k, v in ADDRESS.items() if k != "country"},
            {**ADDRESS, "addr2": "", "country": "US"},
        ),
        ("address", {}, "Storgata 1  Tromsø  Tromsø  9008  NO", {**ADDRESS, "addr2": ""}),
    ],
)
def test_values_are_taken_and_cleared(
    mailchimp: Mailchimp, kind: str, options: dict[str, Any], sent: Any, kept: Any
) -> None:
    """Each type keeps its values in one form, and an empty text clears them."""
    mailchimp.add_field("FIELD", kind, options=options)
    assert mailchimp.put(KARI, merge_fields={"FIELD": sent}).status_code == 200
    assert value(mailchimp, "FIELD") == kept
    mailchimp.put(KARI, merge_fields={"FNAME": "Kari"})
    assert value(mailchimp, "FIELD") == kept, "what is not sent stays"
    mailchimp.put(KARI, merge_fields={"FIELD": ""})
    assert value(mailchimp, "FIELD") == ""


@pytest.mark.parametrize(
    ("kind", "options", "sent"),
    [
        ("text", {}, None),
        ("text", {}, True),
        ("text", {}, {"a": "b"}),
        ("number", {}, "AAAAA"),
        ("number", {}, "12,5"),
        ("phone", {"phone_format": "US"}, "+47 77 00 00 00"),
        ("date", {}, "30.11.2026"),
        ("date", {}, "30/11/2026"),
        ("date", {}, "2026-02-30"),
        ("birthday", {}, "29/02"),
        ("zip", {}, "9008"),
        ("url", {}, "nordfisk.no"),
        ("dropdown", {"choices": ["B2B", "B2C"]}, "b2b"),
        ("address", {}, 9008),
        ("address", {}, "Storgata 1, 9008 Tromsø"),
        ("address", {}, {**ADDRESS, "zip": 9008}),
    ],
)
def test_wrong_values_are_named_by_tag(mailchimp: Mailchimp, kind: str, options: dict[str, Any], sent: Any) -> None:
    """400 with the merge tag as field, and the member is not made."""
    mailchimp.add_field("FIELD", kind, options=options)
    answer = mailchimp.put(KARI, merge_fields={"FIELD": sent, "FNAME": "Kari"})
    assert refusal(answer) == (400, "Invalid Resource")
    assert answer.json()["detail"] == "Your merge fields were invalid."
    assert field_errors(answer).keys() == {"FIELD"}
    assert mailchimp.get(KARI).status_code == 404


def test_all_wrong_values_are_reported_at_once(mailchimp: Mailchimp) -> None:
    """In Mailchimp's words."""
    mailchimp.add_field("LTV", "number")
    answer = mailchimp.put(KARI, merge_fields={"LTV": "AAAAA", "ADDRESS": {"city": "Tromsø"}})
    assert field_errors(answer) == {"LTV": "Please enter a number", "ADDRESS": "Please enter a complete address"}


@pytest.mark.parametrize("part", ["addr1", "city", "state", "zip"])
@pytest.mark.parametrize("value", ["", None])
def test_an_address_needs_four_parts(mailchimp: Mailchimp, part: str, value: str | None) -> None:
    """An empty part is a missing one: Nordic addresses, which have no state, are refused (failures.md 13)."""
    address = {name: text for name, text in ADDRESS.items() if name != part} | ({} if value is None else {part: value})
    answer = mailchimp.put(KARI, merge_fields={"ADDRESS": address})
    assert field_errors(answer) == {"ADDRESS": "Please enter a complete address"}


@pytest.mark.parametrize(("setting", "status"), [("refuse", 400), ("accept", 200)])
def test_skipping_validation_and_incomplete_addresses(mailchimp: Mailchimp, setting: str, status: int) -> None:
    """Whether skip_merge_validation lets an incomplete address in is open (section 13)."""
    mailchimp.configure(incomplete_address_with_skip=setting)
    body: dict[str, Any] = {"merge_fields": {"ADDRESS": {"addr1": "Storgata 1", "city": "Tromsø"}}}
    assert mailchimp.put(KARI, params={"skip_merge_validation": "true"}, **body).status_code == status
    assert mailchimp.put(KARI, **body).status_code == 400


def test_an_incomplete_stored_address_blocks_unrelated_updates(mailchimp: Mailchimp) -> None:
    """Until it is completed or cleared, also for a change of status (failures.md 13)."""
    mailchimp.put(KARI)
    mailchimp.control(f"members/{KARI}/merge-values", {"ADDRESS": {"addr1": "Storgata 1", "city": "Tromsø"}})
    unrelated = mailchimp.put(KARI, merge_fields={"FNAME": "Kari"})
    assert field_errors(unrelated) == {"ADDRESS": "Please enter a complete address"}
    assert mailchimp.patch(KARI, status="unsubscribed").status_code == 400
    assert mailchimp.put(KARI, merge_fields={"FNAME": "Kari", "ADDRESS": ADDRESS}).status_code == 200
    mailchimp.control(f"members/{KARI}/merge-values", {"ADDRESS": {"addr1": "Storgata 1"}})
    assert mailchimp.put(KARI, merge_fields={"ADDRESS": ""}).status_code == 200


def test_long_text_is_cut_by_bytes(mailchimp: Mailchimp) -> None:
    """At 255 bytes of UTF-8, never through a letter, and without a word."""
    mailchimp.put(KARI, merge_fields={"FNAME": "ø" * 200, "LNAME": "a" * 300})
    assert value(mailchimp, "FNAME") == "ø" * 127
    assert value(mailchimp, "LNAME") == "a" * 255


def test_long_text_can_be_refused(mailchimp: Mailchimp) -> None:
    """The other choice of section 13: 255 bytes pass, 256 do not."""
    mailchimp.configure(long_text="refuse")
    assert mailchimp.put(KARI, merge_fields={"LNAME": "a" * 255}).status_code == 200
    assert field_errors(mailchimp.put(KARI, merge_fields={"LNAME": "ø" * 128})).keys() == {"LNAME"}


def test_unknown_tags_are_ignored(mailchimp: Mailchimp) -> None:
    """Without an error, and without a trace (failures.md 11)."""
    answer = mailchimp.put(KARI, merge_fields={"COMPANY": "Nordfisk AS", "fname": "Kari"})
    assert answer.status_code == 200
    assert answer.json()["merge_fields"] == {"FNAME": "", "LNAME": "", "ADDRESS": "", "PHONE": ""}


def test_required_fields_are_demanded_unless_skipped(mailchimp: Mailchimp) -> None:
    """Of new and of existing members; skip_merge_validation waives that, but no type check."""
    mailchimp.put(KARI)
    mailchimp.add_field("KUNDENR", "number", required=True)
    skip = {"skip_merge_validation": "true"}
    assert field_errors(mailchimp.put(KARI, merge_fields={"FNAME": "Kari"})).keys() == {"KUNDENR"}
    assert field_errors(mailchimp.patch(KARI, language="no")).keys() == {"KUNDENR"}
    assert mailchimp.put(KARI, params=skip).status_code == 200
    assert field_errors(mailchimp.put(KARI, params=skip, merge_fields={"KUNDENR": "x"})).keys() == {"KUNDENR"}
    assert mailchimp.put(KARI, merge_fields={"KUNDENR": 0}).status_code == 200
    assert mailchimp.put(KARI).status_code == 200
