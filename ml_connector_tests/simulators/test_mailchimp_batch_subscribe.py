"""POST /lists/{list_id} of the Mailchimp simulator, with its dangers (reference, section 7)."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from ml_connector_tests.simulators.mailchimp_support import KARI, OLA, Mailchimp, field_errors, refusal

pytest_plugins = "ml_connector_tests.simulators.mailchimp_fixtures"


def subscribe(
    mailchimp: Mailchimp, *members: dict[str, Any], params: dict[str, str] | None = None, **body: Any
) -> httpx.Response:
    return mailchimp.http.post(mailchimp.list, json={"members": list(members), **body}, params=params)


def counts(answer: httpx.Response) -> tuple[int, int, int]:
    """Created, updated and refused."""
    body = answer.json()
    assert answer.status_code == 200, answer.text
    assert (len(body["new_members"]), len(body["updated_members"]), len(body["errors"])) == (
        body["total_created"],
        body["total_updated"],
        body["error_count"],
    )
    return body["total_created"], body["total_updated"], body["error_count"]


def test_members_are_created_and_existing_ones_come_back_as_errors(mailchimp: Mailchimp) -> None:
    """Without update_existing a member who exists is ERROR_CONTACT_EXISTS, with status 200 (failures.md 11)."""
    mailchimp.put(OLA)
    answer = subscribe(
        mailchimp,
        {"email_address": KARI, "status": "subscribed", "tags": ["B2B"], "vip": None},
        {"email_address": OLA, "status": "unsubscribed"},
    )
    assert counts(answer) == (1, 0, 1)
    (error,) = answer.json()["errors"]
    assert (error["email_address"], error["error_code"]) == (OLA, "ERROR_CONTACT_EXISTS")
    assert mailchimp.get(OLA).json()["status"] == "subscribed"
    assert mailchimp.known(KARI)["tags"] == ["B2B"]
    assert mailchimp.known(KARI)["history"][0]["via"] == "POST list"


def test_every_refusal_of_a_member_is_a_generic_error_in_a_200(mailchimp: Mailchimp) -> None:
    """Compliance, fake and broken addresses, wrong values; the field is given for field errors (failures.md 11)."""
    mailchimp.put(OLA)
    mailchimp.control(f"members/{OLA}/unsubscribe", {"origin": "self"})
    answer = subscribe(
        mailchimp,
        {"email_address": OLA, "status": "subscribed"},
        {"email_address": "kari@example.com", "status": "subscribed"},
        {"email_address": "kari@glemt.no", "status": "subscribed"},
        {"email_address": "kari", "status": "subscribed"},
        {"email_address": KARI, "status": "subscribed", "merge_fields": {"ADDRESS": {"city": "Oslo"}}},
        {"email_address": KARI},
        {"status": "subscribed"},
        {"email_address": KARI, "status": "archived"},
        update_existing=True,
    )
    assert counts(answer)[:2] == (0, 0)
    errors = answer.json()["errors"]
    assert {error["error_code"] for error in errors} == {"ERROR_GENERIC"}
    assert [error["field"] for error in errors] == ["", "", "", "email_address", "ADDRESS", "", "", ""]
    assert errors[4]["field_message"] == "Please enter a complete address"
    assert "compliance state" in errors[0]["error"]


def test_update_existing_with_status_subscribes_people_again(mailchimp: Mailchimp) -> None:
    """The danger: whom an administrator took off is back on, silently (failures.md 12)."""
    mailchimp.put(KARI)
    mailchimp.control(f"members/{KARI}/unsubscribe", {"origin": "admin"})
    answer = subscribe(mailchimp, {"email_address": KARI, "status": "subscribed"}, update_existing=True)
    assert counts(answer) == (0, 1, 0)
    assert [found["via"] for found in mailchimp.resubscriptions()] == ["POST list"]


def test_status_if_new_alone_keeps_the_status(mailchimp: Mailchimp) -> None:
    """The 2026 form of the item is safe."""
    mailchimp.put(KARI)
    mailchimp.control(f"members/{KARI}/unsubscribe", {"origin": "admin"})
    item = {"email_address": KARI, "status_if_new": "subscribed", "merge_fields": {"FNAME": "Kari"}}
    assert counts(subscribe(mailchimp, item, update_existing=True)) == (0, 1, 0)
    assert mailchimp.known(KARI)["status"] == "unsubscribed"
    assert mailchimp.known(KARI)["merge_fields"] == {"FNAME": "Kari"}
    assert mailchimp.resubscriptions() == []


def test_status_if_new_can_be_unknown(mailchimp: Mailchimp) -> None:
    """In specification 3.0.85 the item has neither status_if_new nor tags."""
    mailchimp.configure(batch_status_if_new="refused")
    assert counts(subscribe(mailchimp, {"email_address": KARI, "status_if_new": "subscribed"})) == (0, 0, 1)
    assert counts(subscribe(mailchimp, {"email_address": KARI, "status": "subscribed", "tags": ["X"]})) == (1, 0, 0)
    assert mailchimp.known(KARI)["tags"] == []


def test_repeated_addresses_are_errors_or_ignored(mailchimp: Mailchimp) -> None:
    """The first of them wins; the others are errors unless skip_duplicate_check is set (failures.md 10)."""
    twice = ({"email_address": KARI, "status": "pending"}, {"email_address": KARI.upper(), "status": "subscribed"})
    assert counts(subscribe(mailchimp, *twice)) == (1, 0, 1)
    mailchimp.control("reset", {})
    assert counts(subscribe(mailchimp, *twice, params={"skip_duplicate_check": "true"})) == (1, 0, 0)
    assert mailchimp.get(KARI).json()["status"] == "pending"


def test_sync_tags_replaces_all_tags(mailchimp: Mailchimp) -> None:
    """Also those that other people gave; without it tags are added."""
    mailchimp.put(KARI, tags=["Messe 2025"])
    item = {"email_address": KARI, "status_if_new": "subscribed", "tags": ["B2B"]}
    subscribe(mailchimp, item, update_existing=True)
    assert mailchimp.known(KARI)["tags"] == ["B2B", "Messe 2025"]
    subscribe(mailchimp, item, update_existing=True, sync_tags=True)
    assert mailchimp.known(KARI)["tags"] == ["B2B"]


def test_five_hundred_members_and_no_more(mailchimp: Mailchimp) -> None:
    """501 refuse the whole call."""
    members = [{"email_address": f"kunde{number}@nordfisk.no", "status": "subscribed"} for number in range(501)]
    assert refusal(subscribe(mailchimp, *members)) == (400, "Invalid Resource")
    assert counts(subscribe(mailchimp, *members[:500])) == (500, 0, 0)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, ""),
        ({"members": None}, "members"),
        ({"members": ["x"]}, "members"),
        ({"members": [], "update_existing": "yes"}, "update_existing"),
    ],
)
def test_wrong_requests_are_refused_whole(mailchimp: Mailchimp, body: dict[str, Any], field: str) -> None:
    """400 is for the request itself."""
    answer = mailchimp.http.post(mailchimp.list, json=body)
    assert field_errors(answer).keys() == {field}


def test_members_are_shown_without_some_keys(mailchimp: Mailchimp) -> None:
    """Here the object is smaller than elsewhere."""
    answer = subscribe(mailchimp, {"email_address": KARI, "status": "subscribed"})
    member = answer.json()["new_members"][0]
    assert member["email_address"] == KARI
    assert not {"full_name", "web_id", "source"} & member.keys()
