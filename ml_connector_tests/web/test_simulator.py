"""Webhooks that the Chargebee simulator sends by itself, to a receiver that runs: what is stored, what is believed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from ml_connector.accounts import connect_source
from ml_connector.engine.poll import poll
from ml_connector.engine.told import UNKNOWN, Told, note_polled, take_in
from ml_connector.home import Home, OpenHome
from ml_connector.store.tables import inbox
from ml_connector.systems.chargebee import inward
from ml_connector_tests.simulators.chargebee_support import Chargebee, quiet, serve_chargebee
from ml_connector_tests.web.conftest import PASSWORD, USER, Receiver, make_home

CUSTOMERS = 60
MADE_UP = 5


@pytest.fixture(scope="module")
def chargebee() -> Iterator[Chargebee]:
    """Of its webhooks some are lost, some come twice, none in order, and for some there is a forged one beside."""
    with serve_chargebee(
        plan="custom",
        api_key="test_key",
        webhook_retry_scale=0.002,
        webhook_duplicates=0.3,
        webhook_losses=0.2,
        webhook_forgeries=0.2,
        webhook_disorder=20,
    ) as served:
        yield served


@pytest.fixture
def home(chargebee: Chargebee, tmp_path: Path) -> Home:
    return make_home(tmp_path / "home", chargebee.url)


def send_to(chargebee: Chargebee, receiver: Receiver) -> None:
    chargebee.start_over()
    chargebee.control("webhooks", {"url": receiver.hook, "username": USER, "password": PASSWORD})


def rows(home: OpenHome) -> dict[str, tuple[str, str, str | None]]:
    """Event id -> origin, state and reason."""
    query = select(inbox.c.event_id, inbox.c.origin, inbox.c.state, inbox.c.reason)
    with home.database.connect() as connection:
        return {row[0]: (row[1], row[2], row[3]) for row in connection.execute(query)}


def read_again(home: OpenHome) -> tuple[Told, int]:
    """What the poll job does: what webhooks told of, and how many events a poll finds besides."""

    def now() -> datetime:
        return datetime.now(UTC)

    ledger = home.ledger("nordic")
    (source,) = home.config.company("nordic").inward
    events = inward.entities(source.settings, "chargebee")[0]
    with connect_source(home, source) as account:
        told = take_in(account, events, ledger, "chargebee", run_id="r1", clock=now)
        report = poll(account, events, ledger, run_id="r1", clock=now, overlap=timedelta(hours=2))
    return told, note_polled(report, ledger, "chargebee", run_id="r1", clock=now)


def test_every_event_is_known_once_and_no_forged_one_is_believed(
    chargebee: Chargebee, home: Home, start_receiver: Callable[..., Receiver]
) -> None:
    """failures.md 26 and 27: duplicates, disorder, losses, forgeries with right, wrong and no credentials, and a
    receiver that is killed and is away for a while."""
    first = start_receiver(home)
    send_to(chargebee, first)
    for number in range(CUSTOMERS):
        chargebee.control("customers", {"id": f"V-{number}", "auto_collection": "off"})
        if number == CUSTOMERS // 2:
            first.kill()
        if number == CUSTOMERS * 3 // 4:
            start_receiver(home, first.port)
    counts = quiet(chargebee, 60)["counts"]
    assert min(counts[kind] for kind in ("lost", "duplicate", "forged", "refused")) > 0
    chargebee.control("webhooks/forge", {"credentials": "right", "times": MADE_UP})
    chargebee.control("webhooks/forge", {"credentials": "wrong", "event": {"id": "ev_wrong"}})
    chargebee.control("webhooks/forge", {"credentials": "none", "event": {"id": "ev_none"}})
    chargebee.control("webhooks/resend", {"events": [chargebee.events()[0]["id"]], "times": 3})
    log = quiet(chargebee)["log"]
    answers = {(entry["event"], entry["status"]) for entry in log}
    assert {("ev_wrong", 401), ("ev_none", 401)} <= answers

    genuine = {event["id"] for event in chargebee.events()}
    answered = {event for event, status in answers if status == 200}
    with home.open() as opened:
        stored = set(rows(opened))  # one more, where the receiver was killed between storing and answering
        told, untold = read_again(opened)
        known = rows(opened)
    assert answered <= stored
    assert not stored & {"ev_wrong", "ev_none"}
    assert (told.taken, untold) == (len(stored & genuine), len(genuine - stored))
    assert told.refused == len(stored - genuine) >= MADE_UP
    assert {event for event, (_, state, _) in known.items() if state == "taken"} == genuine
    assert {known[event] for event in stored - genuine} == {("webhook", "refused", UNKNOWN)}
    assert {event for event, (origin, _, _) in known.items() if origin == "poll"} == genuine - stored


def test_a_lie_about_a_genuine_event_is_not_believed(
    chargebee: Chargebee, home: Home, start_receiver: Callable[..., Receiver]
) -> None:
    """Who knows the password and an event's id still does not decide what it says: Chargebee's copy counts."""
    send_to(chargebee, start_receiver(home))
    chargebee.configure(webhook_losses=1.0, webhook_forgeries=0.0)
    chargebee.control("customers", {"id": "V-1", "auto_collection": "off"})
    (event,) = chargebee.events()
    chargebee.control("webhooks/forge", {"event": {"id": event["id"], "event_type": "invoice_generated"}})
    quiet(chargebee)
    with home.open() as opened:
        received = opened.ledger("nordic").inbox("chargebee").body(event["id"])
        assert received is not None
        assert b"invoice_generated" in received
        assert read_again(opened) == (Told(taken=1), 0)
        landed = b"".join(body for path in opened.landings.files() for body in opened.landings.payloads(path, [0]))
    assert b"customer_created" in landed
    assert b"invoice_generated" not in landed
