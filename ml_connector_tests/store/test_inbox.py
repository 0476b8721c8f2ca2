"""The inbox: each event once, whatever happens, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ml_connector.store.database import Database
from ml_connector.store.inbox import Inbox
from ml_connector.store.vault import Vault, new_key, parse_key

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def inbox(database: Database) -> Inbox:
    return Inbox(database, Vault.open(database, parse_key(new_key())), "nordic", "chargebee")


def test_an_event_is_stored_once_and_sealed(inbox: Inbox) -> None:
    """The first body stays."""
    assert inbox.store("ev_1", b"first", NOW) is True
    assert inbox.store("ev_1", b"second", NOW) is False
    assert inbox.body("ev_1") == b"first"


def test_the_oldest_waits_first(inbox: Inbox) -> None:
    for number in (3, 1, 2):
        inbox.store(f"ev_{number}", b"", NOW + timedelta(seconds=number))
    assert inbox.waiting() == ["ev_1", "ev_2", "ev_3"]
    assert inbox.waiting(1) == ["ev_1"]


def test_what_was_taken_waits_no_more_and_has_no_body(inbox: Inbox) -> None:
    inbox.store("ev_1", b"body", NOW)
    inbox.took(["ev_1"], "run", NOW)
    assert (inbox.waiting(), inbox.body("ev_1"), inbox.counts()) == ([], None, {"taken": 1})
    assert inbox.store("ev_1", b"again", NOW) is False
    assert inbox.waiting() == []


def test_a_poll_counts_what_no_webhook_told_of(inbox: Inbox) -> None:
    """And takes what was waiting, or refused."""
    inbox.store("ev_1", b"", NOW)
    inbox.store("ev_2", b"", NOW)
    inbox.refuse(["ev_2"], "unknown", "run", NOW)
    assert inbox.found(["ev_1", "ev_2", "ev_3"], "run", NOW) == 1
    assert (inbox.found(["ev_3"], "run", NOW), inbox.counts()) == (0, {"taken": 3})


def test_only_what_waits_is_refused(inbox: Inbox) -> None:
    inbox.store("ev_1", b"", NOW)
    inbox.took(["ev_1"], "run", NOW)
    inbox.refuse(["ev_1", "ev_9"], "unknown", "run", NOW)
    assert inbox.counts() == {"taken": 1}


def test_targets_have_inboxes_of_their_own(inbox: Inbox, database: Database) -> None:
    other = Inbox(database, inbox._vault, "nordic", "other")
    inbox.store("ev_1", b"", NOW)
    assert (other.waiting(), other.store("ev_1", b"", NOW)) == ([], True)
