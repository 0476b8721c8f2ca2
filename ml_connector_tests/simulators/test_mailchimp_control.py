"""What tests and demonstrations can do to the Mailchimp simulator, and what they can see of it."""

from __future__ import annotations

import pytest

from ml_connector.simulators.mailchimp import MailchimpSettings
from ml_connector.simulators.mailchimp.addresses import subscriber_hash
from ml_connector_tests.simulators.mailchimp_support import KARI, OLA, Mailchimp

pytest_plugins = "ml_connector_tests.simulators.mailchimp_fixtures"


def test_the_summary_counts(mailchimp: Mailchimp) -> None:
    """Members by status, resubscriptions, accepted writes by call, refusals by title."""
    mailchimp.put(KARI)
    mailchimp.put(KARI)
    mailchimp.put(OLA, status_if_new="pending")
    mailchimp.put("nobody")
    mailchimp.patch(OLA, status="unsubscribed")
    assert mailchimp.control("summary") == {
        "members": {"subscribed": 1, "unsubscribed": 1},
        "total_members": 2,
        "resubscriptions": 0,
        "writes": {"PUT": 3, "PATCH": 1},
        "refusals": {"Invalid Resource": 1},
    }


def test_reads_are_no_writes(mailchimp: Mailchimp) -> None:
    """Nor are strangers who are looked up refusals."""
    mailchimp.get(KARI)
    mailchimp.http.get(f"{mailchimp.list}/members")
    summary = mailchimp.control("summary")
    assert (summary["writes"], summary["refusals"]) == ({}, {})


def test_members_are_shown_with_all_that_is_known(mailchimp: Mailchimp) -> None:
    """Values that are set, tags, origin and history; in pages, and by status."""
    mailchimp.put(KARI, merge_fields={"FNAME": "Kari"}, tags=["B2B"])
    mailchimp.put(OLA)
    mailchimp.control(f"members/{OLA}/unsubscribe", {"origin": "admin"})
    first = mailchimp.control("members?count=1")
    assert (first["total_items"], [member["email_address"] for member in first["members"]]) == (2, [KARI])
    assert first["members"][0].keys() == {
        "id",
        "email_address",
        "status",
        "origin",
        "merge_fields",
        "tags",
        "last_changed",
        "history",
    }
    (gone,) = mailchimp.control("members?status=unsubscribed")["members"]
    assert (gone["id"], gone["origin"], gone["history"][-1]["via"]) == (subscriber_hash(OLA), "admin", "unsubscribe")


def test_the_state_holds_everything(mailchimp: Mailchimp) -> None:
    """The common endpoint pages members and gives every resubscription."""
    mailchimp.put(KARI)
    mailchimp.put(OLA)
    state = mailchimp.control("state?offset=1&count=1")
    assert [member["email_address"] for member in state["members"]] == [OLA]
    assert (state["total_members"], state["resubscriptions"], state["batches"]) == (2, [], [])
    assert state["merge_fields"] == ["FNAME", "LNAME", "ADDRESS", "PHONE"]


def test_some_people_leave(mailchimp: Mailchimp) -> None:
    """The same ones every time, by themselves, and never more than there are."""
    emails = [f"kunde{number}@nordfisk.no" for number in range(40)]
    chosen = []
    for _ in range(2):
        mailchimp.control("reset", {})
        for email in emails:
            mailchimp.put(email)
        left = mailchimp.control("unsubscribe-some", {"count": 4})["members"]
        chosen.append([member["email_address"] for member in left])
        assert {(member["status"], member["origin"]) for member in left} == {("unsubscribed", "self")}
    assert chosen[0] == chosen[1]
    assert chosen[0] != emails[:4], "spread over the list"
    assert len(mailchimp.control("unsubscribe-some", {"count": 100})["members"]) == 36
    assert mailchimp.control("summary")["members"] == {"unsubscribed": 40}


def test_a_person_moves_last_changed(mailchimp: Mailchimp) -> None:
    """Leaving is a change that a client can find by time."""
    before = mailchimp.put(KARI).json()["last_changed"]
    mailchimp.configure(clock_offset_seconds=60)
    mailchimp.control(f"members/{KARI}/clean", {})
    found = mailchimp.http.get(f"{mailchimp.list}/members", params={"since_last_changed": before}).json()
    assert [member["status"] for member in found["members"]] == ["cleaned"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (f"members/{KARI}/unsubscribe", {"origin": "nobody"}),
        (f"members/{KARI}/merge-values", {"UNKNOWN": "x"}),
        (f"members/{KARI}/merge-values", []),
        ("unsubscribe-some", {"count": "four"}),
        ("unsubscribe-some", []),
        ("settings", {"archived_on_put": "goes"}),
        ("settings", {"unknown": 1}),
        ("settings", {"connections": "ten", "long_text": "refuse"}),
    ],
)
def test_control_calls_that_make_no_sense_are_refused(mailchimp: Mailchimp, path: str, body: object) -> None:
    """400 with a sentence, and nothing is changed."""
    mailchimp.put(KARI)
    before = mailchimp.control("state"), mailchimp.control("settings")
    answer = mailchimp.anonymous.post(f"/_simulator/{path}", json=body)
    assert (answer.status_code, answer.json().keys()) == (400, {"error"})
    assert (mailchimp.control("state"), mailchimp.control("settings")) == before


def test_a_stranger_cannot_be_controlled(mailchimp: Mailchimp) -> None:
    """404 with a sentence."""
    answer = mailchimp.anonymous.post(f"/_simulator/members/{KARI}/clean", json={})
    assert (answer.status_code, answer.json().keys()) == (404, {"error"})


def test_a_reset_keeps_the_settings(mailchimp: Mailchimp) -> None:
    """Members, fields and counts go; what the server is like stays."""
    mailchimp.configure(audience_name="Kunder")
    mailchimp.add_field("COMPANY")
    mailchimp.put(KARI)
    mailchimp.control("reset", {})
    assert mailchimp.control("summary")["total_members"] == 0
    assert mailchimp.control("state")["merge_fields"] == ["FNAME", "LNAME", "ADDRESS", "PHONE"]
    assert mailchimp.http.get(mailchimp.list).json()["name"] == "Kunder"


def test_the_data_centre_follows_the_last_hyphen() -> None:
    """A key may hold more than one."""
    assert MailchimpSettings(api_key="a-b-us7").data_centre == "us7"
