"""Who is on the list, and who may be put back on it (reference, section 6; failures.md 12)."""

from __future__ import annotations

from typing import Any

import pytest

from ml_connector_tests.simulators.mailchimp_support import KARI, OLA, Mailchimp, field_errors, refusal

pytest_plugins = "ml_connector_tests.simulators.mailchimp_fixtures"

COMPLIANCE = (400, "Member In Compliance State")


def leave(mailchimp: Mailchimp, email: str, origin: str) -> None:
    """Put somebody on the list and take them off again: by themselves, by others, or by a bounce."""
    mailchimp.put(email)
    if origin == "bounce":
        mailchimp.control(f"members/{email}/clean", {})
    else:
        mailchimp.control(f"members/{email}/unsubscribe", {"origin": origin})


@pytest.mark.parametrize("status", ["subscribed", "unsubscribed", "cleaned", "pending", "transactional"])
def test_status_if_new_is_for_new_members_alone(mailchimp: Mailchimp, status: str) -> None:
    """A new member gets it; an existing one keeps the status, whatever it says (failures.md 12)."""
    assert mailchimp.put(KARI, status_if_new=status).json()["status"] == status
    for other in ("subscribed", "unsubscribed", "pending"):
        assert mailchimp.put(KARI, status_if_new=other).json()["status"] == status
    assert mailchimp.resubscriptions() == []


@pytest.mark.parametrize("origin", ["self", "admin", "api", "bounce"])
def test_put_without_status_never_subscribes_again(mailchimp: Mailchimp, origin: str) -> None:
    """The sync's call leaves everybody off the list who is off it (failures.md 12)."""
    leave(mailchimp, KARI, origin)
    before = mailchimp.get(KARI).json()["status"]
    assert mailchimp.put(KARI, merge_fields={"FNAME": "Kari"}).json()["status"] == before
    assert mailchimp.resubscriptions() == []
    assert mailchimp.known(KARI)["history"][-1] | {"at": 0} == {
        "at": 0,
        "via": "PUT",
        "status_before": before,
        "status_after": before,
        "body_status": None,
        "created": False,
    }


def test_a_new_member_needs_a_status(mailchimp: Mailchimp) -> None:
    """Neither status nor status_if_new: refused for a stranger, fine for a member."""
    assert field_errors(mailchimp.put(KARI, status_if_new=...)).keys() == {""}
    assert mailchimp.put(KARI, status_if_new=..., status="pending").json()["status"] == "pending"
    assert mailchimp.put(KARI, status_if_new=...).json()["status"] == "pending"


def test_status_if_new_comes_first_for_a_new_member(mailchimp: Mailchimp) -> None:
    """With both, a stranger gets status_if_new and a member gets status."""
    both: dict[str, Any] = {"status": "unsubscribed", "status_if_new": "transactional"}
    assert mailchimp.put(KARI, **both).json()["status"] == "transactional"
    assert mailchimp.put(KARI, **both).json()["status"] == "unsubscribed"


@pytest.mark.parametrize("origin", ["self", "bounce"])
def test_people_who_left_or_bounced_cannot_be_subscribed(mailchimp: Mailchimp, origin: str) -> None:
    """By no verb; a detour over another status does not help either."""
    leave(mailchimp, KARI, origin)
    assert refusal(mailchimp.put(KARI, status="subscribed")) == COMPLIANCE
    assert refusal(mailchimp.patch(KARI, status="subscribed")) == COMPLIANCE
    mailchimp.patch(KARI, status="transactional")
    assert refusal(mailchimp.patch(KARI, status="subscribed")) == COMPLIANCE
    mailchimp.patch(KARI, status="unsubscribed")
    assert refusal(mailchimp.patch(KARI, status="subscribed")) == COMPLIANCE
    assert mailchimp.resubscriptions() == []


def test_a_refused_write_changes_nothing(mailchimp: Mailchimp) -> None:
    """Not the values that came with the status either."""
    leave(mailchimp, KARI, "self")
    before = mailchimp.known(KARI)
    mailchimp.put(KARI, status="subscribed", merge_fields={"FNAME": "Kari"}, tags=["X"], language="no")
    assert mailchimp.known(KARI) == before
    assert mailchimp.control("summary")["refusals"] == {"Member In Compliance State": 1}


@pytest.mark.parametrize("origin", ["admin", "api"])
def test_people_whom_others_took_off_are_subscribed_silently(mailchimp: Mailchimp, origin: str) -> None:
    """The trap: the API does not protect them, and the simulator remembers (failures.md 12)."""
    leave(mailchimp, KARI, origin)
    assert mailchimp.put(KARI, status="subscribed").json()["status"] == "subscribed"
    (found,) = mailchimp.resubscriptions()
    assert (found["email_address"], found["via"], found["origin"]) == (KARI, "PUT", origin)
    assert (found["status_before"], found["status_after"], found["body_status"]) == (
        "unsubscribed",
        "subscribed",
        "subscribed",
    )


@pytest.mark.parametrize("origin", ["self", "admin", "bounce"])
def test_pending_writes_to_people_who_left(mailchimp: Mailchimp, origin: str) -> None:
    """It is accepted, sends a real e-mail, and so counts as a resubscription."""
    leave(mailchimp, KARI, origin)
    assert mailchimp.put(KARI, status="pending").json()["status"] == "pending"
    assert [found["status_after"] for found in mailchimp.resubscriptions()] == ["pending"]


def test_a_detour_over_another_status_is_still_a_resubscription(mailchimp: Mailchimp) -> None:
    """Unsubscribed, transactional, subscribed: the person never asked for it."""
    leave(mailchimp, KARI, "admin")
    mailchimp.patch(KARI, status="transactional")
    mailchimp.patch(KARI, status="subscribed")
    assert [found["status_before"] for found in mailchimp.resubscriptions()] == ["transactional"]


def test_ordinary_changes_are_no_resubscriptions(mailchimp: Mailchimp) -> None:
    """From transactional or pending to subscribed, and off the list, nobody is put back."""
    mailchimp.put(KARI, status_if_new="transactional")
    mailchimp.patch(KARI, status="subscribed")
    mailchimp.put(OLA, status_if_new="pending")
    mailchimp.patch(OLA, status="subscribed")
    mailchimp.patch(OLA, status="unsubscribed")
    assert mailchimp.known(OLA)["origin"] == "api"
    assert mailchimp.resubscriptions() == []


def test_a_person_may_sign_up_again(mailchimp: Mailchimp) -> None:
    """By a form: no API call did it, and the compliance state is over."""
    leave(mailchimp, KARI, "self")
    mailchimp.control(f"members/{KARI}/resubscribe", {})
    assert (mailchimp.known(KARI)["status"], mailchimp.known(KARI)["history"][-1]["via"]) == ("subscribed", "form")
    assert mailchimp.resubscriptions() == []
    assert mailchimp.put(KARI, status="subscribed").status_code == 200


def test_an_archived_member_stays_archived(mailchimp: Mailchimp) -> None:
    """A PUT without status writes values and leaves the status (section 13, first choice)."""
    mailchimp.put(KARI)
    mailchimp.delete(KARI)
    assert mailchimp.put(KARI, merge_fields={"FNAME": "Kari"}).json()["status"] == "archived"
    assert mailchimp.resubscriptions() == []


def test_an_archived_member_can_come_back_by_put(mailchimp: Mailchimp) -> None:
    """Section 13, second choice: the PUT takes status_if_new, and that is a resubscription."""
    mailchimp.configure(archived_on_put="status_if_new")
    mailchimp.put(KARI)
    mailchimp.delete(KARI)
    assert mailchimp.put(KARI).json()["status"] == "subscribed"
    assert [found["status_before"] for found in mailchimp.resubscriptions()] == ["archived"]


@pytest.mark.parametrize("call", ["put", "patch", "post"])
def test_unarchiving_does_not_restore_the_former_status(mailchimp: Mailchimp, call: str) -> None:
    """Somebody who left, was archived and is subscribed then has lost every protection (section 6, rule 5)."""
    leave(mailchimp, KARI, "self")
    mailchimp.delete(KARI)
    calls = {
        "put": lambda: mailchimp.put(KARI, status="subscribed"),
        "patch": lambda: mailchimp.patch(KARI, status="subscribed"),
        "post": lambda: mailchimp.post(email_address=KARI, status="subscribed"),
    }
    assert calls[call]().json()["status"] == "subscribed"
    assert len(mailchimp.resubscriptions()) == 1


def test_double_optin_does_not_turn_subscribed_into_pending(mailchimp: Mailchimp) -> None:
    """The list shows the setting; the API takes subscribed at face value (section 6, rule 6)."""
    mailchimp.configure(double_optin=True)
    assert mailchimp.http.get(mailchimp.list).json()["double_optin"] is True
    assert mailchimp.put(KARI).json()["status"] == "subscribed"


@pytest.mark.parametrize(("origin", "shown"), [("self", "No reason given"), ("api", "N/A (Unsubscribed by the API)")])
def test_the_reason_of_leaving_is_shown(mailchimp: Mailchimp, origin: str, shown: str) -> None:
    """Only for the unsubscribed."""
    leave(mailchimp, KARI, origin)
    assert mailchimp.get(KARI).json()["unsubscribe_reason"] == shown
    assert "unsubscribe_reason" not in mailchimp.put(OLA).json()


def test_every_write_stands_in_the_history(mailchimp: Mailchimp) -> None:
    """With what it asked for and what became of it, the first one as created."""
    mailchimp.put(KARI)
    mailchimp.patch(KARI, status="unsubscribed")
    mailchimp.delete(KARI)
    history: list[dict[str, Any]] = mailchimp.known(KARI)["history"]
    keys = ("via", "status_before", "status_after", "body_status", "created")
    assert [tuple(event[key] for key in keys) for event in history] == [
        ("PUT", None, "subscribed", None, True),
        ("PATCH", "subscribed", "unsubscribed", "unsubscribed", False),
        ("DELETE", "unsubscribed", "archived", None, False),
    ]
