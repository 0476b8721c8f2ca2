"""Delivering a few changes, each as calls of its own, to the simulator."""

from __future__ import annotations

from typing import Any

import pytest

from ml_connector.engine.records import Outcome, Result
from ml_connector.errors import StoppedProblem
from ml_connector.http import Retries
from ml_connector.systems.mailchimp.mapping import subscriber_hash
from ml_connector_tests.simulators.mailchimp_support import Mailchimp
from ml_connector_tests.systems.mailchimp.conftest import OpenTarget
from ml_connector_tests.systems.mailchimp.support import (
    AUDIENCE,
    Target,
    change,
    contact,
    customer,
    customers,
    desired,
    withdrawal,
)

KARI, OLA = "kari@nordfisk.no", "ola@nordfisk.no"
TAGGED = {"list_id": AUDIENCE, "status": "subscribed", "tag": "Terminated"}


def status_of(mailchimp: Mailchimp, email: str = KARI) -> str:
    return str(mailchimp.known(email)["status"])


def test_a_new_customer_becomes_a_member(target: Target, mailchimp: Mailchimp) -> None:
    """One call, and the facts that the ledger keeps hold no personal data."""
    result = target.send(desired(customer(), contact()))
    assert result.outcome is Outcome.CREATED
    assert result.target_id == subscriber_hash(KARI)
    assert result.facts == {"list_id": AUDIENCE, "status": "subscribed", "sent_status": None, "tag": None}
    assert result.status == 200
    assert result.correlation_id
    assert result.payload is not None
    assert KARI.encode() in result.payload
    assert target.calls() == [f"PUT /members/{subscriber_hash(KARI)}"]
    member = mailchimp.known(KARI)
    assert member["status"] == "subscribed"
    assert member["merge_fields"]["CUSTNO"] == "10001"
    assert member["merge_fields"]["ADDRESS"]["state"] == "Tromsø"


@pytest.mark.parametrize("status", ["subscribed", "pending", "transactional"])
def test_a_second_time_is_an_update(open_target: OpenTarget, status: str) -> None:
    """PUT does not say which; the time of the opt-in does, and else what we know."""
    target = open_target(members={"new_member_status": status})
    wish = desired(customer(), members={"new_member_status": status})
    first = target.send(wish)
    assert (first.outcome, first.facts["status"]) == (Outcome.CREATED, status)
    second = target.send(wish, linked_to=KARI, facts=first.facts)
    assert (second.outcome, second.facts["status"]) == (Outcome.UPDATED, status)


def test_who_stood_on_the_list_before_is_updated(target: Target, mailchimp: Mailchimp) -> None:
    """A member of another origin that no record was linked to."""
    mailchimp.configure(clock_offset_seconds=-60.0)
    mailchimp.put(KARI)
    mailchimp.configure(clock_offset_seconds=0.0)
    assert target.send(desired(customer())).outcome is Outcome.UPDATED


def test_a_member_of_another_record_is_updated(target: Target) -> None:
    """The record that owned the address gave it up; its facts came along."""
    first = target.send(desired(customer()))
    assert target.send(desired(customer()), facts=first.facts).outcome is Outcome.UPDATED


@pytest.mark.parametrize("act", ["unsubscribe", "clean"])
@pytest.mark.parametrize("origin", ["self", "admin", "api"])
def test_who_left_stays_away(target: Target, mailchimp: Mailchimp, act: str, origin: str) -> None:
    """failures.md 12: also somebody whom an administrator took off, whom the API would take back."""
    first = target.send(desired(customer()))
    mailchimp.control(f"members/{KARI}/{act}", {"origin": origin})
    result = target.send(desired(customer(name="Nordfisk Eksport AS")), linked_to=KARI, facts=first.facts)
    assert result.outcome is Outcome.UPDATED
    assert result.facts["status"] == status_of(mailchimp) == {"unsubscribe": "unsubscribed", "clean": "cleaned"}[act]
    assert mailchimp.known(KARI)["merge_fields"]["COMPANY"] == "Nordfisk Eksport AS"


def test_an_archived_member_stays_archived(target: Target, mailchimp: Mailchimp) -> None:
    """failures.md 12: what is archived is left alone."""
    target.send(desired(customer()))
    mailchimp.delete(KARI)
    assert target.send(desired(customer()), linked_to=KARI).facts["status"] == "archived"


def test_an_archived_member_who_had_left_is_not_brought_back(target: Target, mailchimp: Mailchimp) -> None:
    """failures.md 12: even where Mailchimp takes an archived member for a new one, an active customer stays off."""
    mailchimp.configure(archived_on_put="status_if_new")
    first = target.send(desired(customer()))
    mailchimp.control(f"members/{KARI}/unsubscribe", {"origin": "self"})
    gone = desired(customer(status="Inactive"), members={"terminated": "archive"})
    archived = target.send(gone, linked_to=KARI, facts=first.facts)
    back = target.send(desired(customer(name="Nordfisk igjen")), linked_to=KARI, facts=archived.facts)
    assert (back.outcome, back.facts["status"], status_of(mailchimp)) == (Outcome.UPDATED, "archived", "archived")
    mailchimp.control(f"members/{KARI}/unsubscribe", {"origin": "self"})
    assert mailchimp.control("summary")["resubscriptions"] == 0


@pytest.mark.parametrize("said", ["unsubscribed", "cleaned"])
def test_a_known_no_goes_along_with_every_put(target: Target, mailchimp: Mailchimp, said: str) -> None:
    """failures.md 12: whom Mailchimp takes for new is not new to us, so what a new member becomes is not for them."""
    mailchimp.configure(archived_on_put="status_if_new")
    facts = {"list_id": AUDIENCE, "status": said, "tag": None}
    target.send(desired(customer()))
    mailchimp.control(f"members/{KARI}/{'clean' if said == 'cleaned' else 'unsubscribe'}", {"origin": "admin"})
    mailchimp.delete(KARI)
    result = target.send(desired(customer(name="Nordfisk Eksport AS")), linked_to=KARI, facts=facts)
    assert (result.outcome, result.facts["status"], status_of(mailchimp)) == (
        Outcome.UPDATED,
        "unsubscribed",
        "unsubscribed",
    )


@pytest.mark.parametrize("shared", [False, True])
def test_who_was_archived_is_not_subscribed_at_another_address(
    target: Target, mailchimp: Mailchimp, shared: bool
) -> None:
    """failures.md 12: Mailchimp does not show what an archived member was before; it may have been a no."""
    facts = {"list_id": AUDIENCE, "status": "archived", "tag": None}
    target.send(desired(customer(email=OLA)), linked_to=KARI, facts=facts, old_is_shared=shared)
    assert status_of(mailchimp, OLA) == "unsubscribed"


def test_a_no_outlasts_a_member_who_was_deleted(target: Target, mailchimp: Mailchimp) -> None:
    """failures.md 12: terminated, deleted by hand at Mailchimp, and active again: the person was not asked anew."""
    facts = {"list_id": AUDIENCE, "status": "unsubscribed", "tag": None}
    gone = target.send(desired(customer(status="Inactive")), linked_to=KARI, facts=facts)
    assert (gone.outcome, gone.facts["status"]) == (Outcome.SKIPPED, "unsubscribed")
    back = target.send(desired(customer()), facts=gone.facts)
    assert (back.facts["status"], status_of(mailchimp)) == ("unsubscribed", "unsubscribed")


def test_who_came_back_by_themselves_is_known_by_the_time_of_it(target: Target, mailchimp: Mailchimp) -> None:
    """failures.md 12: the check on consent can tell them from somebody whom our call put on the list."""
    mailchimp.configure(clock_offset_seconds=-60.0)
    mailchimp.put(KARI)
    signed_up = mailchimp.get(KARI).json()["timestamp_opt"]
    mailchimp.configure(clock_offset_seconds=0.0)
    assert target.send(desired(customer())).facts["opted_in"] == signed_up
    assert "opted_in" not in target.send(desired(customer(email=OLA))).facts


def test_required_fields_of_the_audience_refuse_nobody(target: Target, mailchimp: Mailchimp) -> None:
    """What a sign-up form requires is no condition for a customer."""
    mailchimp.add_field("SHOESIZE", "number", required=True)
    assert target.send(desired(customer())).outcome is Outcome.CREATED


def test_a_cleared_value_is_cleared(target: Target, mailchimp: Mailchimp) -> None:
    """An empty text at Visma empties the field at Mailchimp."""
    target.send(desired(customer(), contact()))
    target.send(desired(customer()), linked_to=KARI)
    assert "FNAME" not in mailchimp.known(KARI)["merge_fields"]


def test_a_customer_without_a_whole_address_can_be_changed_again(target: Target, mailchimp: Mailchimp) -> None:
    """failures.md 13: an incomplete ADDRESS would have made the second, unrelated update fail."""
    place = customer()["mainAddress"] | {"postalCode": None}
    first = target.send(desired(customer(mainAddress=place)))
    second = target.send(desired(customer(mainAddress=place, name="Nordfisk Eksport AS")), linked_to=KARI)
    assert (first.outcome, second.outcome) == (Outcome.CREATED, Outcome.UPDATED)
    fields = mailchimp.known(KARI)["merge_fields"]
    assert "ADDRESS" not in fields
    assert fields["CITY"] == "Tromsø"


def test_long_text_arrives_as_it_was_cut(target: Target, mailchimp: Mailchimp) -> None:
    """By whole characters, so that what Mailchimp holds is what the digest stands for."""
    mailchimp.configure(long_text="refuse")
    target.send(desired(customer(name="Ø" * 200)))
    assert mailchimp.known(KARI)["merge_fields"]["COMPANY"] == "Ø" * 127


def test_a_terminated_customer_gets_the_tag_once(target: Target, mailchimp: Mailchimp) -> None:
    """The second time the ledger knows it, and no call for tags is made."""
    first = target.send(desired(customer()))
    wish = desired(customer(status="Inactive"))
    second = target.send(wish, linked_to=KARI, facts=first.facts)
    assert (second.outcome, second.facts["tag"]) == (Outcome.UPDATED, "Terminated")
    assert mailchimp.known(KARI)["tags"] == ["Terminated"]
    assert mailchimp.known(KARI)["merge_fields"]["BILLSTATUS"] == "Inactive"
    target.calls()
    target.send(desired(customer(status="Inactive", name="X")), linked_to=KARI, facts=second.facts)
    assert target.calls() == [f"PATCH /members/{subscriber_hash(KARI)}"]


def test_an_active_customer_again_loses_the_tag(target: Target, mailchimp: Mailchimp) -> None:
    """And the facts say so."""
    target.send(desired(customer()))
    terminated = target.send(desired(customer(status="Inactive")), linked_to=KARI)
    again = target.send(desired(customer()), linked_to=KARI, facts=terminated.facts)
    assert (again.outcome, again.facts["tag"]) == (Outcome.UPDATED, None)
    assert mailchimp.known(KARI)["tags"] == []


def test_a_tag_of_another_name_replaces_the_old_one(target: Target, mailchimp: Mailchimp) -> None:
    """After the setting changed."""
    target.send(desired(customer()))
    before = target.send(desired(customer(status="Inactive")), linked_to=KARI)
    renamed = desired(customer(status="Inactive"), members={"terminated_tag": "Former customer"})
    after = target.send(renamed, linked_to=KARI, facts=before.facts)
    assert after.facts["tag"] == "Former customer"
    assert mailchimp.known(KARI)["tags"] == ["Former customer"]


@pytest.mark.parametrize("terminated", ["tag", "archive", "unsubscribe"])
def test_a_terminated_customer_who_is_no_member_is_skipped(target: Target, terminated: str) -> None:
    """Nobody is put on the list to be tagged or taken off."""
    result = target.send(desired(customer(status="Inactive"), members={"terminated": terminated}))
    assert (result.outcome, result.kind) == (Outcome.SKIPPED, "terminated, and not a member")
    assert result.reason == "Nobody with this address is on the list."
    assert len(target.calls()) == 1


def test_a_terminated_customer_is_archived_once(target: Target, mailchimp: Mailchimp) -> None:
    """A second DELETE finds nobody, which is as it should be."""
    first = target.send(desired(customer()))
    wish = desired(customer(status="Inactive"), members={"terminated": "archive"})
    for answer in (404, 405):
        mailchimp.configure(archived_on_delete=answer)
        result = target.send(wish, linked_to=KARI, facts=first.facts)
        assert (result.outcome, result.facts["status"]) == (Outcome.UPDATED, "archived")
        assert status_of(mailchimp) == "archived"


def test_archiving_at_an_address_that_nobody_has_is_skipped(target: Target, mailchimp: Mailchimp) -> None:
    """The customer got another address, which is on no list, and the old one serves somebody else."""
    first = target.send(desired(customer()))
    wish = desired(customer(email=OLA, status="Inactive"), members={"terminated": "archive"})
    result = target.send(wish, linked_to=KARI, old_is_shared=True, facts=first.facts)
    assert result.outcome is Outcome.SKIPPED
    assert status_of(mailchimp) == "subscribed"


def test_a_terminated_customer_can_be_taken_off(target: Target, mailchimp: Mailchimp) -> None:
    """The facts say which status was sent."""
    first = target.send(desired(customer()))
    wish = desired(customer(status="Inactive"), members={"terminated": "unsubscribe"})
    result = target.send(wish, linked_to=KARI, facts=first.facts)
    assert result.outcome is Outcome.UPDATED
    assert (result.facts["status"], result.facts["sent_status"]) == ("unsubscribed", "unsubscribed")
    assert status_of(mailchimp) == "unsubscribed"


def test_who_says_no_is_taken_off(target: Target, mailchimp: Mailchimp) -> None:
    """A tag that we gave stays known."""
    target.send(desired(customer()))
    result = target.deliver(withdrawal(KARI, facts=TAGGED))["10001"]
    assert result.outcome is Outcome.UPDATED
    assert (result.facts["sent_status"], result.facts["tag"]) == ("unsubscribed", "Terminated")
    assert status_of(mailchimp) == "unsubscribed"


def test_who_says_no_and_is_no_member_is_skipped(target: Target) -> None:
    """Somebody deleted the member at Mailchimp meanwhile."""
    result = target.deliver(withdrawal(KARI))["10001"]
    assert (result.outcome, result.kind) == (Outcome.SKIPPED, "said no, and not a member")


def test_a_changed_address_moves_the_member(target: Target, mailchimp: Mailchimp) -> None:
    """One call; the history stays with the person."""
    first = target.send(desired(customer()))
    target.calls()
    result = target.send(desired(customer(email=OLA)), linked_to=KARI, facts=first.facts)
    assert (result.outcome, result.target_id) == (Outcome.UPDATED, subscriber_hash(OLA))
    assert target.calls() == [f"PATCH /members/{subscriber_hash(KARI)}"]
    assert len(mailchimp.known(OLA)["history"]) == 2
    assert mailchimp.get(KARI).status_code == 404


def test_who_left_stays_away_at_the_new_address(target: Target, mailchimp: Mailchimp) -> None:
    """failures.md 12: moving keeps the status."""
    first = target.send(desired(customer()))
    mailchimp.control(f"members/{KARI}/unsubscribe", {})
    result = target.send(desired(customer(email=OLA)), linked_to=KARI, facts=first.facts)
    assert result.facts["status"] == status_of(mailchimp, OLA) == "unsubscribed"


def test_an_address_that_is_taken_is_written_to(target: Target, mailchimp: Mailchimp) -> None:
    """Nobody is moved over a member; the old one is left as it is."""
    first = target.send(desired(customer()))
    mailchimp.configure(clock_offset_seconds=-60.0)
    mailchimp.put(OLA)
    mailchimp.configure(clock_offset_seconds=0.0)
    mailchimp.control(f"members/{OLA}/unsubscribe", {})
    result = target.send(desired(customer(email=OLA)), linked_to=KARI, facts=first.facts)
    assert (result.outcome, result.target_id) == (Outcome.UPDATED, subscriber_hash(OLA))
    assert status_of(mailchimp, OLA) == "unsubscribed"
    assert mailchimp.known(OLA)["merge_fields"]["CUSTNO"] == "10001"
    assert status_of(mailchimp, KARI) == "subscribed"


@pytest.mark.parametrize(
    ("last_seen", "status"),
    [("subscribed", "subscribed"), ("unsubscribed", "unsubscribed"), ("cleaned", "unsubscribed")],
)
def test_a_member_who_is_gone_is_made_anew(target: Target, mailchimp: Mailchimp, last_seen: str, status: str) -> None:
    """failures.md 12: with what was last known of the person's will."""
    facts = {"list_id": AUDIENCE, "status": last_seen, "tag": None}
    result = target.send(desired(customer(email=OLA)), linked_to=KARI, facts=facts)
    assert (result.outcome, result.facts["status"]) == (Outcome.CREATED, status) or status == "unsubscribed"
    assert status_of(mailchimp, OLA) == status


def test_a_terminated_customer_moves_too(target: Target, mailchimp: Mailchimp) -> None:
    """And gets the tag at the new address; where nobody is, nobody is created."""
    first = target.send(desired(customer()))
    wish = desired(customer(email=OLA, status="Inactive"))
    result = target.send(wish, linked_to=KARI, facts=first.facts)
    assert (result.outcome, result.target_id) == (Outcome.UPDATED, subscriber_hash(OLA))
    assert mailchimp.known(OLA)["tags"] == ["Terminated"]
    nobody = target.send(desired(customer(email="x@nordfisk.no", status="Inactive")), linked_to=KARI)
    assert nobody.outcome is Outcome.SKIPPED


def test_archiving_hits_the_member_who_is_there(target: Target, mailchimp: Mailchimp) -> None:
    """Terminated, and with another address at the same time."""
    target.send(desired(customer()))
    wish = desired(customer(email=OLA, status="Inactive"), members={"terminated": "archive"})
    assert target.send(wish, linked_to=KARI).outcome is Outcome.UPDATED
    assert status_of(mailchimp, KARI) == "archived"


@pytest.mark.parametrize(
    ("act", "status"), [(None, "subscribed"), ("unsubscribe", "unsubscribed"), ("clean", "unsubscribed")]
)
def test_a_no_at_a_shared_address_holds_at_the_new_one(
    target: Target, mailchimp: Mailchimp, act: str | None, status: str
) -> None:
    """failures.md 12: the other record keeps the old member, so the new one is created with the same will."""
    target.send(desired(customer()))
    if act:
        mailchimp.control(f"members/{KARI}/{act}", {})
    result = target.send(desired(customer(email=OLA)), linked_to=KARI, old_is_shared=True)
    assert result.target_id == subscriber_hash(OLA)
    assert status_of(mailchimp, OLA) == status
    assert mailchimp.get(KARI).status_code == 200


def test_a_shared_member_who_is_gone_leaves_what_was_known(target: Target, mailchimp: Mailchimp) -> None:
    """failures.md 12: a 404 is no yes."""
    facts = {"list_id": AUDIENCE, "status": "unsubscribed", "tag": None}
    target.send(desired(customer(email=OLA)), linked_to=KARI, old_is_shared=True, facts=facts)
    assert status_of(mailchimp, OLA) == "unsubscribed"


@pytest.mark.parametrize(
    ("email", "outcome", "kind"),
    [
        ("post@looks-fake.no", Outcome.REJECTED, "fake address"),
        ("post@glemt.no", Outcome.REJECTED, "forgotten address"),
        ("post@mange-lister.no", Outcome.FAILED, "sign-up brake"),
    ],
)
def test_what_mailchimp_does_not_take_has_a_plain_reason(
    target: Target, email: str, outcome: Outcome, kind: str
) -> None:
    """failures.md 11: per record, without the address in the text, and the others go on."""
    good, bad = customers(1)[0], change(desired(customer(email=email)))
    results = target.deliver(bad, good)
    result = results["10001"]
    assert (result.outcome, result.kind, result.status) == (outcome, kind, 400)
    assert result.reason
    assert email not in result.reason
    assert result.vendor_code
    assert not result.uncertain
    assert results[good.key].outcome is Outcome.CREATED


def test_a_compliance_answer_is_a_rejection(target: Target, mailchimp: Mailchimp) -> None:
    """failures.md 12: nothing of ours provokes it, but Mailchimp may hold somebody back all the same."""
    mailchimp.put(KARI)
    mailchimp.control(f"members/{KARI}/unsubscribe", {"origin": "self"})
    refusal = mailchimp.patch(KARI, status="subscribed")
    decision = target.account.client._api.errors.decide(400, dict(refusal.headers), refusal.content)
    assert decision.kind == "compliance"
    assert "only the person can sign up again" in decision.reason
    assert KARI not in decision.reason


def test_a_refused_field_is_named(target: Target, mailchimp: Mailchimp) -> None:
    """So that somebody can find the value at Visma."""
    fields = mailchimp.http.get(f"{mailchimp.list}/merge-fields", params={"count": 100}).json()["merge_fields"]
    number = next(field["merge_id"] for field in fields if field["tag"] == "CUSTCLASS")
    mailchimp.http.delete(f"{mailchimp.list}/merge-fields/{number}")
    mailchimp.add_field("CUSTCLASS", "number")
    result = target.send(desired(customer()))
    assert (result.outcome, result.kind) == (Outcome.REJECTED, "field")
    assert result.reason == "Mailchimp does not accept the value of CUSTCLASS: Please enter a number."


@pytest.mark.parametrize("fault", ["server_error", "html_error", "reset", "lost_answer", "reset_body", "torn_json"])
def test_an_outage_of_one_call_is_waited_out(target: Target, mailchimp: Mailchimp, fault: str) -> None:
    """PUT sets, so it may be repeated whether or not the first one took effect."""
    target.faults({"fault": fault, "method": "PUT", "times": 2})
    result = target.send(desired(customer()))
    assert result.outcome is Outcome.CREATED
    assert status_of(mailchimp) == "subscribed"


@pytest.mark.parametrize(("fault", "calls"), [("lost_answer", 3), ("server_error", 3)])
def test_a_write_without_an_answer_is_in_doubt(target: Target, fault: str, calls: int) -> None:
    """failures.md 17: it failed, its intent stays open, and no digest is saved."""
    target.faults({"fault": fault, "method": "PUT"})
    result = target.send(desired(customer()))
    assert (result.outcome, result.uncertain, result.kind) == (Outcome.FAILED, True, "outage")
    assert len(target.calls()) == calls


def test_a_write_that_commits_late_is_in_doubt_until_then(target: Target, mailchimp: Mailchimp) -> None:
    """And committing after all does no harm: it brings about what is wished."""
    target.faults({"fault": "late_commit", "method": "PUT", "seconds": 0.3})
    result = target.send(desired(customer()))
    assert (result.outcome, result.uncertain) == (Outcome.FAILED, True)
    mailchimp.anonymous.delete("/_simulator/faults")
    while mailchimp.control("faults")["pending"]:
        pass
    again = target.send(desired(customer()))
    assert again.outcome in (Outcome.CREATED, Outcome.UPDATED)
    assert status_of(mailchimp) == "subscribed"


def test_a_call_that_was_turned_away_is_not_in_doubt(open_target: OpenTarget) -> None:
    """A limit was met on every try: nothing was written."""
    target = open_target()
    target.faults({"fault": "rate_limit_empty", "method": "PUT"})
    result = target.send(desired(customer()))
    assert (result.outcome, result.uncertain, result.kind) == (Outcome.FAILED, False, "limit")


@pytest.mark.parametrize("fault", ["rate_limit_empty", "rate_limit", "forbidden_empty"])
def test_a_limit_is_waited_out(target: Target, fault: str) -> None:
    """failures.md 14: a 429 or a 403 without a JSON body is a limit, whatever the status says."""
    target.faults({"fault": fault, "method": "PUT", "times": 3})
    assert target.send(desired(customer())).outcome is Outcome.CREATED


def test_more_connections_than_allowed_are_a_limit_too(open_target: OpenTarget, mailchimp: Mailchimp) -> None:
    """failures.md 14: another program of the same user takes connections; everybody gets through in the end."""
    target = open_target()
    mailchimp.configure(connections=6, overload_status=403, latency_seconds=0.01)
    results = target.deliver(*customers(40))
    assert {result.outcome for result in results.values()} == {Outcome.CREATED}


def test_a_permission_error_stops(target: Target, mailchimp: Mailchimp) -> None:
    """failures.md 14: a 403 with an explanation is what it says."""
    decide = target.account.client._api.errors.decide
    body = b'{"title": "User Does Not Have Access", "status": 403, "detail": "no"}'
    decision = decide(403, {"content-type": "application/problem+json"}, body)
    assert (decision.action.name, decision.kind) == ("STOP", "rights")
    assert "User Does Not Have Access" in decision.reason


def test_a_revoked_key_stops_before_anything_is_sent(target: Target, mailchimp: Mailchimp) -> None:
    """With what to do about it, and without the key."""
    target.faults({"fault": "expired_token"})
    with pytest.raises(StoppedProblem) as caught:
        target.send(desired(customer()))
    assert "refused" in caught.value.what
    assert "credentials set" in caught.value.action
    assert mailchimp.settings.api_key not in str(caught.value)
    assert target.calls() == []


def test_a_wrong_audience_stops_before_anything_is_sent(open_target: OpenTarget, mailchimp: Mailchimp) -> None:
    """Although every single call would have said no more than 404."""
    target = open_target()
    mailchimp.configure(audience="ffffffffff")
    mailchimp.control("reset", {})
    with pytest.raises(StoppedProblem) as caught:
        target.send(desired(customer(status="Inactive")))
    assert "the audience does not exist" in caught.value.what
    assert len(target.calls()) == 0


def test_an_outage_stops_after_every_known_result(open_target: OpenTarget, mailchimp: Mailchimp) -> None:
    """What was delivered before is recorded; nothing more is asked of a system that is down."""
    retries = Retries(attempts=2, limits=2, first_pause=0.01, longest_pause=0.02, jitter=0.0, outages=3)
    target = open_target(retries=retries, connections=1)
    target.faults({"fault": "server_error", "method": "PUT", "after": 5})
    results: list[Result] = []
    with pytest.raises(StoppedProblem) as caught:
        results.extend(target.results(*customers(30)))
    assert [result.outcome for result in results] == [Outcome.CREATED] * 5 + [Outcome.FAILED] * 2
    assert "3 calls in a row did not work" in caught.value.what
    assert mailchimp.control("summary")["total_members"] == 5


def test_nothing_to_deliver_calls_nobody(target: Target) -> None:
    """An unchanged pass costs no call."""
    before = target.account.calls
    assert target.deliver() == {}
    assert target.account.calls == before


def test_changes_are_taken_as_they_can_be_sent(open_target: OpenTarget, mailchimp: Mailchimp) -> None:
    """Memory does not grow with their number: above what fits into batches, they stream."""
    target = open_target(batch_above=100_000, connections=2)
    taken = 0

    def changes() -> Any:
        nonlocal taken
        for one in customers(3_000):
            taken += 1
            yield one

    results = target.account.writer("members").deliver(changes(), target)
    next(results)
    assert taken < 2_100
    results.close()  # type: ignore[attr-defined]


def test_as_many_connections_as_configured_are_used(open_target: OpenTarget, mailchimp: Mailchimp) -> None:
    """All of them, and never one more."""
    target = open_target(connections=5)
    mailchimp.configure(latency_seconds=0.05)
    results = target.deliver(*customers(60))
    assert {result.outcome for result in results.values()} == {Outcome.CREATED}
    assert mailchimp.control("calls")["max_concurrent"] == 5


def test_an_answer_that_is_no_member_is_a_failure(target: Target) -> None:
    """failures.md 11: 200 with something else in it proves nothing."""
    target.faults({"fault": "empty_page", "method": "PUT"})
    result = target.send(desired(customer()))
    assert (result.outcome, result.uncertain) == (Outcome.FAILED, True)
