"""What the checks find in the ledger, on SQLite and on PostgreSQL: each can be red, and says why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ml_connector.engine.records import Outcome
from ml_connector.store.audit import AuditLog, Entry
from ml_connector.store.checks import rejected_windows, resubscribed, sums, undelivered
from ml_connector.store.database import Database
from ml_connector.store.tables import delivery, flow_state, record_state, source_row
from ml_connector.store.vault import Vault

START = datetime(2026, 11, 1, tzinfo=UTC)
FLOW = {"company": "nordic", "target": "mailchimp", "flow": "members"}
WHERE = ("nordic", "mailchimp", "members")
ENTITY = "visma.customers"


def state(key: str, **changes: Any) -> dict[str, Any]:
    return {
        **FLOW,
        "key": key,
        "seq": 5,
        "changed_at": START,
        "outcome": "created",
        "first_seen": START,
        "last_tried": START,
        "run_id": "run",
        "window": "2026-11-01-00:00",
        "facts": "{}",
        "attempts": 0,
        "kind": None,
        "reason": None,
        **changes,
    }


def row(key: str, seq: int) -> dict[str, Any]:
    return {
        "company": "nordic",
        "entity": ENTITY,
        "key": key,
        "changed_at": START,
        "digest": b"0" * 16,
        "landing_id": seq,
        "position": 0,
        "seq": seq,
        "seen_by": 1,
    }


def counts(window: str, **numbers: int) -> dict[str, Any]:
    figures = {"read": 0, **{outcome.value: 0 for outcome in Outcome}, **numbers}
    return {
        **FLOW,
        "run_id": "run",
        "window": window,
        **figures,
        "finished": True,
        "calls": 0,
        "seconds": 0.0,
        "at": START,
    }


@pytest.fixture
def taken_up(database: Database) -> Database:
    """A flow that has taken up every version up to 5."""
    position = {**FLOW, "fingerprint": "f", "taken_up_to": 5, "window_minutes": 60, "start": START}
    with database.begin() as connection:
        database.insert(connection, flow_state, [position])
    return database


def test_undelivered_records_are_counted_and_the_oldest_shown(database: Database) -> None:
    """Rejected and failed ones of this flow; skipped ones are held back by a rule and do not count."""
    states = [
        state("1", outcome="failed", first_seen=START + timedelta(hours=2), reason="no answer"),
        state("2", outcome="rejected", kind="mapping", window="2026-11-01-05:00"),
        state("3", outcome="skipped"),
        state("4", outcome="rejected", flow="others"),
    ]
    with database.begin() as connection:
        database.insert(connection, record_state, states)
    with database.connect() as connection:
        found = undelivered(connection, *WHERE, limit=1)
        assert (found.count, [one["key"] for one in found.first]) == (2, ["2"])
        assert undelivered(connection, *WHERE, limit=50).first[1]["reason"] == "no answer"
        assert rejected_windows(connection, *WHERE) == {"2026-11-01-05:00"}


def test_counts_that_do_not_add_up_are_found(taken_up: Database) -> None:
    """failures.md 16: a window in which read is not the sum of the outcomes is named with its run."""
    with taken_up.begin() as connection:
        taken_up.insert(
            connection, delivery, [counts("a", read=2, created=1, unchanged=1), counts("b", read=2, failed=1)]
        )
    with taken_up.connect() as connection:
        found = sums(connection, *WHERE, ENTITY, limit=10)
    assert not found.hold
    assert found.runs == [("run", "b")]


def test_a_dropped_record_is_found(taken_up: Database) -> None:
    """failures.md 16: what the flow says it has taken up and has no outcome for, or an older one; what landed since is
    no business of this check."""
    with taken_up.begin() as connection:
        taken_up.insert(connection, source_row, [row("1", 3), row("2", 4), row("3", 5), row("4", 6)])
        taken_up.insert(connection, record_state, [state("1"), state("2", seq=3)])
    with taken_up.connect() as connection:
        found = sums(connection, *WHERE, ENTITY, limit=10)
    assert (found.without_outcome, list(found.examples), list(found.runs)) == (2, ["2", "3"], [])


def test_a_ledger_in_order_holds(taken_up: Database) -> None:
    """Every record that was taken up has an outcome for its newest version."""
    with taken_up.begin() as connection:
        taken_up.insert(connection, delivery, [counts("a", read=1, created=1)])
        taken_up.insert(connection, source_row, [row("1", 5)])
        taken_up.insert(connection, record_state, [state("1")])
    with taken_up.connect() as connection:
        assert sums(connection, *WHERE, ENTITY, limit=10).hold


class History:
    """What was sent to Mailchimp, one attempt after the other."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self.database = database
        self.log = AuditLog(database, vault, "nordic", "mailchimp")

    def add(
        self,
        key: str,
        member: str,
        outcome: str,
        status: str | None,
        sent: str | None = None,
        opted_in: datetime | None = None,
    ) -> None:
        facts: dict[str, Any] = {"status": status, "sent_status": sent, "tag": None} if status else {}
        if opted_in is not None:
            facts["opted_in"] = opted_in.isoformat()
        entry = Entry(
            at=START,
            run_id=f"run of {key}",
            window="2026-11-01-00:00",
            direction="out",
            system="mailchimp",
            flow="members",
            key=key,
            operation="update",
            outcome=outcome,
            target_id=member,
            status=200,
            vendor_code=None,
            message=None,
            correlation_id=None,
            facts=facts,
            payload=b"{}",
        )
        with self.database.begin() as connection:
            self.log.append(connection, [entry])

    def breaches(self) -> list[str]:
        with self.database.connect() as connection:
            return [one.key for one in resubscribed(connection, *WHERE)]


@pytest.fixture
def history(database: Database, vault: Vault) -> History:
    return History(database, vault)


def test_a_status_that_was_sent_is_a_breach_unless_it_takes_off(history: History) -> None:
    """failures.md 12: no request may carry a status other than `unsubscribed`."""
    history.add("1", "a", "updated", "unsubscribed", sent="unsubscribed")
    history.add("2", "b", "created", "subscribed")
    assert history.breaches() == []
    history.add("3", "c", "updated", "subscribed", sent="subscribed")
    assert history.breaches() == ["3"]


@pytest.mark.parametrize("said_no", ["unsubscribed", "cleaned"])
def test_somebody_who_said_no_and_was_created_again_is_a_breach(history: History, said_no: str) -> None:
    """failures.md 12: also when the member was archived in between, or the record has another address by now."""
    history.add("1", "a", "created", "subscribed")
    history.add("1", "a", "updated", said_no)
    history.add("1", "a", "updated", "archived")
    history.add("1", "a", "failed", None)
    assert history.breaches() == []
    history.add("1", "another address", "created", "subscribed")
    assert history.breaches() == ["1"]


def test_the_address_is_followed_from_record_to_record(history: History) -> None:
    """failures.md 12: another customer with the address of somebody who said no subscribes nobody either."""
    history.add("1", "a", "updated", "unsubscribed")
    history.add("2", "a", "created", "subscribed")
    assert history.breaches() == ["2"]


@pytest.mark.parametrize("said_no", ["unsubscribed", "cleaned"])
@pytest.mark.parametrize("archived", [False, True])
@pytest.mark.parametrize("opted_in", [None, START - timedelta(days=30)])
def test_somebody_who_said_no_and_is_on_the_list_after_an_update_is_a_breach(
    history: History, said_no: str, archived: bool, opted_in: datetime | None
) -> None:
    """failures.md 12: unless they signed up since; a call that brought an archived member back creates nobody."""
    history.add("1", "a", "updated", said_no)
    if archived:
        history.add("1", "a", "updated", "archived")
    history.add("1", "a", "updated", "subscribed", opted_in=opted_in)
    assert history.breaches() == ["1"]


def test_a_member_at_the_new_address_of_somebody_who_said_no_is_no_breach(history: History) -> None:
    """Somebody else, who was on the list already; the customer's record shows them from now on."""
    history.add("1", "a", "updated", "unsubscribed")
    history.add("1", "b", "updated", "subscribed", opted_in=START - timedelta(days=30))
    assert history.breaches() == []


def test_somebody_who_came_back_by_themselves_is_no_breach(history: History) -> None:
    """They signed up after we knew of the no and before we wrote; what follows starts from there."""
    history.add("1", "a", "updated", "unsubscribed")
    history.add("1", "a", "updated", "subscribed", opted_in=START + timedelta(days=1))
    history.add("1", "a", "created", "subscribed")
    assert history.breaches() == []
