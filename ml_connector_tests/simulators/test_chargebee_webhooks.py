"""Webhooks that the Chargebee simulator really sends (reference, sections 5.2 and 5.3)."""

from __future__ import annotations

import base64
import time

import pytest

from ml_connector.simulators.chargebee.webhooks import RETRIES
from ml_connector_tests.simulators.chargebee_support import Chargebee, Receiver, quiet

pytest_plugins = "ml_connector_tests.simulators.chargebee_fixtures"

FLOOD = 10_000
CREDENTIALS = f"Basic {base64.b64encode(b'cb:hemmelig').decode()}"


def people(chargebee: Chargebee, count: int) -> list[str]:
    """So many events; their ids in order."""
    for number in range(count):
        chargebee.customer(f"V-{number}")
    return [event["id"] for event in chargebee.events("customer_created")]


def test_an_event_is_sent_as_it_is_read(chargebee: Chargebee, receiver: Receiver) -> None:
    """The same body as GET /events/{id}, with the credentials of its URL and the state at the time of sending."""
    chargebee.customer()
    quiet(chargebee)
    (body,) = receiver.bodies
    event = chargebee.read(f"/events/{body['id']}")["event"]
    assert receiver.credentials == [CREDENTIALS]
    assert (body["webhook_status"], event["webhook_status"]) == ("scheduled", "succeeded")
    assert {**body, "webhook_status": "", "webhooks": []} == {**event, "webhook_status": "", "webhooks": []}
    assert event["webhooks"] == [{"id": "whv2_1", "webhook_status": "succeeded", "object": "webhook"}]


def test_without_a_url_nothing_is_sent(chargebee: Chargebee, receiver: Receiver) -> None:
    """Nor afterwards, for what happened meanwhile: only polling finds it."""
    chargebee.anonymous.delete("/_simulator/webhooks")
    chargebee.customer()
    chargebee.control("webhooks", {"url": receiver.url})
    chargebee.customer("V-2")
    quiet(chargebee)
    assert [body["content"]["customer"]["id"] for body in receiver.bodies] == ["V-2"]
    assert receiver.credentials == [""]


def test_a_refused_webhook_comes_again(chargebee: Chargebee, receiver: Receiver) -> None:
    """Any 2xx ends it, anything else does not."""
    answers = {1: 500, 2: 302, 3: 404, 4: 204}
    receiver.answer = lambda _body, attempt: answers[attempt]
    chargebee.customer()
    webhooks = quiet(chargebee)
    assert [entry["status"] for entry in webhooks["log"]] == [500, 302, 404, 204]
    assert len(set(receiver.ids())) == 1
    assert chargebee.events()[0]["webhook_status"] == "succeeded"
    assert receiver.bodies[1]["webhook_status"] == "re_scheduled"


def test_seven_attempts_follow_the_first_one(chargebee: Chargebee, receiver: Receiver) -> None:
    """The last one about three days and seven hours after the event; then it has failed."""
    assert round(sum(RETRIES) / 3600) == 79
    chargebee.configure(webhook_retry_scale=0.000001)
    receiver.answer = lambda _body, _attempt: 503
    chargebee.customer()
    webhooks = quiet(chargebee)
    assert (len(receiver.bodies), webhooks["counts"]["given_up"]) == (8, 1)
    assert chargebee.events()[0]["webhook_status"] == "failed"


def test_attempts_wait_on_the_sites_clock(chargebee: Chargebee, receiver: Receiver) -> None:
    """Two minutes to the second one, six more to the third."""
    chargebee.configure(webhook_retry_scale=1.0)
    receiver.answer = lambda _body, _attempt: 503
    chargebee.customer()
    seen = []
    for seconds in (0, 115, 10, 350, 15):
        if seconds:
            chargebee.control("clock", {"seconds": seconds})
        time.sleep(0.3)
        seen.append(len(receiver.bodies))
    assert seen == [1, 1, 2, 2, 3]


def test_a_receiver_that_is_away_gets_it_later(chargebee: Chargebee) -> None:
    """A refused connection is a failed attempt."""
    chargebee.configure(webhook_retry_scale=0.000001)
    chargebee.control("webhooks", {"url": "http://127.0.0.1:9/hook"})
    chargebee.customer()
    webhooks = quiet(chargebee)
    assert [entry["status"] for entry in webhooks["log"]] == [None] * 8
    chargebee.anonymous.delete("/_simulator/webhooks")


def test_a_person_sends_a_webhook_again(chargebee: Chargebee, receiver: Receiver) -> None:
    """At any time, also one that had succeeded (failures.md 26)."""
    (event_id,) = people(chargebee, 1)
    quiet(chargebee)
    chargebee.control("clock", {"days": 30})
    chargebee.control("webhooks/resend", {"events": [event_id], "times": 2})
    quiet(chargebee)
    assert receiver.ids() == [event_id] * 3


def test_webhooks_are_sent_twice_on_demand(chargebee: Chargebee, receiver: Receiver) -> None:
    """The share that the setting says (failures.md 26)."""
    chargebee.configure(webhook_duplicates=1.0)
    ids = people(chargebee, 5)
    assert quiet(chargebee)["counts"]["duplicate"] == 5
    assert sorted(receiver.ids()) == sorted(ids * 2)


def test_webhooks_are_lost_on_demand(chargebee: Chargebee, receiver: Receiver) -> None:
    """They never come; polling finds their events (failures.md 26)."""
    chargebee.configure(webhook_losses=0.5)
    ids = people(chargebee, 40)
    lost = quiet(chargebee)["counts"]["lost"]
    assert 5 < lost < 35
    assert set(receiver.ids()) < set(ids)
    failed = chargebee.listed("events", limit=100, **{"webhook_status[is]": "failed"})
    assert {event["id"] for event in failed} == set(ids) - set(receiver.ids())


def test_webhooks_come_in_disorder_on_demand(chargebee: Chargebee, receiver: Receiver) -> None:
    """All of them, in an order of their own (failures.md 26)."""
    chargebee.configure(webhook_hold=True, webhook_disorder=20)
    ids = people(chargebee, 20)
    assert (receiver.bodies, chargebee.control("webhooks")["waiting"]) == ([], 20)
    chargebee.configure(webhook_hold=False)
    quiet(chargebee)
    assert receiver.ids() != ids
    assert sorted(receiver.ids()) == sorted(ids)


def test_one_connection_keeps_the_order(chargebee: Chargebee, receiver: Receiver) -> None:
    """Each waits for the one before."""
    chargebee.configure(webhook_connections=1)
    ids = people(chargebee, 20)
    quiet(chargebee)
    assert receiver.ids() == ids


def test_a_forged_event_is_not_at_its_source(chargebee: Chargebee, receiver: Receiver) -> None:
    """It looks genuine, and has the right credentials; only re-reading tells (failures.md 27)."""
    chargebee.configure(webhook_forgeries=1.0)
    (event_id,) = people(chargebee, 1)
    quiet(chargebee)
    genuine, forged = sorted(receiver.bodies, key=lambda body: body["id"] != event_id)
    assert forged.keys() == genuine.keys()
    assert receiver.credentials == [CREDENTIALS, CREDENTIALS]
    assert chargebee.get(f"/events/{genuine['id']}").status_code == 200
    assert chargebee.get(f"/events/{forged['id']}").status_code == 404


@pytest.mark.parametrize(("credentials", "seen"), [("right", CREDENTIALS), ("none", "")])
def test_events_are_forged_by_hand(chargebee: Chargebee, receiver: Receiver, credentials: str, seen: str) -> None:
    """With or without credentials; with the id of a genuine event too, whose content is another at its source."""
    (event_id,) = people(chargebee, 1)
    forged = {"id": event_id, "event_type": "invoice_generated", "content": {"invoice": {"id": "1", "total": 1}}}
    chargebee.control("webhooks/forge", {"event": forged, "credentials": credentials})
    quiet(chargebee)
    assert (receiver.ids(), receiver.credentials[-1]) == ([event_id] * 2, seen)
    assert chargebee.read(f"/events/{event_id}")["event"]["event_type"] == "customer_created"


def test_wrong_credentials_are_sent_on_demand(chargebee: Chargebee, receiver: Receiver) -> None:
    """Somebody who guesses; nobody repeats it."""
    receiver.answer = lambda _body, _attempt: 401
    chargebee.control("webhooks/forge", {"credentials": "wrong", "times": 3})
    assert quiet(chargebee)["counts"]["forged"] == 3
    assert len(receiver.bodies) == 3
    assert CREDENTIALS not in receiver.credentials


def test_up_to_five_urls_get_every_event(chargebee: Chargebee, receiver: Receiver) -> None:
    """Each with a state of its own."""
    targets = [{"url": f"{receiver.url}?{number}"} for number in range(5)]
    chargebee.control("webhooks", {"targets": targets})
    (event_id,) = people(chargebee, 1)
    quiet(chargebee)
    assert receiver.ids() == [event_id] * 5
    assert len(chargebee.read(f"/events/{event_id}")["event"]["webhooks"]) == 5
    refused = chargebee.anonymous.post("/_simulator/webhooks", json={"targets": [*targets, targets[0]]})
    assert refused.status_code == 400


def test_a_slow_receiver_is_given_up_on(chargebee: Chargebee, receiver: Receiver) -> None:
    """And it may well have stored what it did not answer in time: the same event comes again."""
    chargebee.configure(webhook_timeout_seconds=0.3)

    def slow(_body: object, attempt: int) -> int:
        time.sleep(0.6 if attempt == 1 else 0)
        return 200

    receiver.answer = slow
    (event_id,) = people(chargebee, 1)
    webhooks = quiet(chargebee)
    assert [entry["status"] for entry in webhooks["log"]] == [None, 200]
    assert receiver.ids() == [event_id] * 2


def test_a_reset_forgets_what_is_under_way(chargebee: Chargebee, receiver: Receiver) -> None:
    """URLs, waiting webhooks, retries."""
    chargebee.configure(webhook_retry_scale=1.0)
    receiver.answer = lambda _body, _attempt: 500
    people(chargebee, 3)
    time.sleep(0.3)
    chargebee.control("reset", {})
    webhooks = chargebee.control("webhooks")
    assert (webhooks["targets"], webhooks["waiting"], webhooks["retrying"], webhooks["counts"]) == ([], 0, 0, {})


def test_a_flood_is_sent_at_two_hundred_a_second(chargebee: Chargebee, receiver: Receiver) -> None:
    """Ten thousand events, a fifth twice, some forged: every genuine one arrives, and GET /events has them all."""
    chargebee.configure(webhook_duplicates=0.2, webhook_forgeries=0.05, webhook_connections=8, plan="custom")
    began = time.monotonic()
    assert chargebee.control("flood", {"events": FLOOD, "subscriptions": 200})["events"] >= FLOOD
    counts = quiet(chargebee, 120)["counts"]
    rate = len(receiver.bodies) / (time.monotonic() - began)
    assert counts["genuine"] >= FLOOD
    assert 0.15 < counts["duplicate"] / FLOOD < 0.25
    assert 0.03 < counts["forged"] / FLOOD < 0.07
    genuine = {event_id for event_id in receiver.ids() if not event_id.startswith("ev_forged")}
    assert genuine == {event["id"] for event in chargebee.events()}
    assert rate > 200, f"{rate:.0f} a second"
