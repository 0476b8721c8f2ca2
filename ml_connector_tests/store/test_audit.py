"""The audit: every attempt in its order, and any later change to it shows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError

from ml_connector.store.audit import AuditLog, Entry
from ml_connector.store.database import Database
from ml_connector.store.tables import audit
from ml_connector.store.vault import Vault, new_key, parse_key

NOW = datetime(2026, 11, 20, 10, 0, 0, 123_456, tzinfo=UTC)
ROWS = 6


def entry(number: int, **other: Any) -> Entry:
    values: dict[str, Any] = {
        "at": NOW + timedelta(seconds=number),
        "run_id": f"run-{number // 3}",
        "window": "2026-11-20-10:00",
        "direction": "out",
        "system": "mailchimp",
        "flow": "members",
        "key": str(10_000 + number % 4),
        "operation": "create",
        "outcome": "created",
        "target_id": "cfcd208495d565ef66e7dff9f98764da",
        "status": 200,
        "facts": {"status": "subscribed", "consent": None},
        "payload": b'{"email_address":"gudrun%d@example.no"}' % number,
    }
    return Entry(**values | other)


@pytest.fixture
def log(database: Database, vault: Vault) -> AuditLog:
    return AuditLog(database, vault, "nordic", "mailchimp")


def append(database: Database, log: AuditLog, *entries: Entry) -> None:
    with database.begin() as connection:
        log.append(connection, entries)


def test_entries_come_back_as_they_went_in(database: Database, log: AuditLog) -> None:
    """With every field, in their order, numbered from 1 without a gap over several transactions."""
    written = [entry(i) for i in range(5)]
    written += [
        entry(5, payload=None, target_id=None, status=None, facts={}),
        entry(6, vendor_code="Invalid Resource", message="Ærlig «talt»", correlation_id="c-1", outcome="rejected"),
    ]
    append(database, log, *written[:2])
    append(database, log, *written[2:])
    found = list(log.entries(with_payload=True))
    assert [one.entry for one in found] == written
    assert [one.number for one in found] == list(range(1, 8))
    assert found[-1].hash == log.last_hash()


def test_entries_are_found_by_record_run_and_time(database: Database, log: AuditLog) -> None:
    """Each alone and together; payloads only when asked for."""
    append(database, log, *(entry(i) for i in range(12)))

    def numbers(**wanted: Any) -> list[int]:
        return [one.number for one in log.entries(**wanted)]

    assert numbers(key="10001") == [2, 6, 10]
    assert numbers(run_id="run-1") == [4, 5, 6]
    assert numbers(since=NOW + timedelta(seconds=3), until=NOW + timedelta(seconds=5)) == [4, 5]
    assert numbers(key="10001", run_id="run-1") == [6]
    assert all(one.entry.payload is None for one in log.entries())


def test_targets_have_chains_of_their_own(database: Database, vault: Vault, log: AuditLog) -> None:
    """Another target's rows are neither listed nor part of the hashes."""
    other = AuditLog(database, vault, "nordic", "hubspot")
    append(database, log, entry(1))
    append(database, other, entry(1), entry(2))
    append(database, log, entry(2))
    assert [one.number for one in log.entries()] == [1, 2]
    assert log.last_hash() != other.last_hash()
    assert log.verify().ok
    assert other.verify().ok


def test_an_empty_audit_is_fine(database: Database, log: AuditLog) -> None:
    """It has no last hash, and appending nothing changes nothing."""
    append(database, log)
    assert log.last_hash() is None
    assert log.verify().ok
    assert list(log.entries()) == []


def test_payloads_are_sealed(database: Database, log: AuditLog) -> None:
    """The database holds no plain payload, and the repr of an entry shows none."""
    append(database, log, entry(1))
    with database.connect() as connection:
        stored = connection.scalar(select(audit.c.payload))
    assert stored
    assert b"gudrun" not in stored
    assert "gudrun" not in repr(next(log.entries(with_payload=True)))


def test_what_vendors_say_never_breaks_the_audit(database: Database, log: AuditLog) -> None:
    """Characters that a database refuses and ids that are too long are replaced or cut, and the chain holds."""
    append(database, log, entry(1, message="a\0b\ud800c", vendor_code="\0", correlation_id="x" * 300))
    (found,) = log.entries()
    assert found.entry.message == "a\ufffdb?c"
    assert found.entry.correlation_id == "x" * 128
    assert log.verify().ok


def test_the_hash_knows_instants_and_not_zones(database: Database, log: AuditLog) -> None:
    """A moment given in another zone verifies after the database has turned it into UTC."""
    append(database, log, entry(1, at=NOW.astimezone(timezone(timedelta(hours=2)))))
    assert log.verify().ok


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # SQLite lets one writer in at a time
def test_two_writers_cannot_fork_the_chain(database: Database, log: AuditLog) -> None:
    """Without the lease one of two that append at once fails and leaves nothing."""
    append(database, log, entry(1))
    with database.begin() as first:
        log.append(first, [entry(2)])
        with pytest.raises(Exception, match="lock timeout"), database.begin() as second:  # noqa: PT012
            second.exec_driver_sql("SET lock_timeout = '100ms'")
            log.append(second, [entry(3)])
    assert [one.entry.key for one in log.entries()] == [entry(1).key, entry(2).key]


def test_a_number_that_is_taken_is_refused(database: Database, log: AuditLog) -> None:
    """The primary key guards the chain."""
    append(database, log, entry(1))
    with database.connect() as connection:
        row = dict(connection.execute(select(audit)).mappings().one())
    with pytest.raises(IntegrityError), database.begin() as connection:
        database.insert(connection, audit, [row])


def test_verify_survives_key_rotation_and_erasure(database: Database, vault: Vault, log: AuditLog) -> None:
    """Neither is a change of what happened; an erased payload is gone and its rows stay."""
    append(database, log, *(entry(i) for i in range(8)))
    before = log.last_hash()
    new = parse_key(new_key())
    vault.rotate(new)
    again = AuditLog(database, Vault.open(database, new), "nordic", "mailchimp")
    assert again.erase_payloads("10001") == 2
    assert again.erase_payloads("10001") == 0
    found = again.verify()
    assert (found.ok, found.rows, found.last_hash) == (True, 8, before)
    payloads = {one.number: one.entry.payload for one in again.entries(with_payload=True)}
    assert [number for number, payload in payloads.items() if payload is None] == [2, 6]


def test_verify_reads_more_than_a_chunk(database: Database, log: AuditLog) -> None:
    """And names a bad row deep inside."""
    append(database, log, *(entry(i) for i in range(2_500)))
    assert log.verify().rows == 2_500
    with database.begin() as connection:
        connection.execute(delete(audit).where(audit.c.number == 2_222))
    found = log.verify()
    assert (found.first_bad, found.rows) == (2_222, 2_221)
    assert found.problem == "row 2222 is missing: row 2223 stands in its place"


def test_rows_missing_at_the_end_show_by_a_witness(database: Database, log: AuditLog) -> None:
    """The chain ends well without them; the hash that a run's materialization carries does not."""
    append(database, log, entry(1), entry(2))
    witness = log.last_hash()
    assert witness
    append(database, log, entry(3))
    assert log.verify([witness]).ok
    with database.begin() as connection:
        connection.execute(delete(audit).where(audit.c.number >= 2))
    assert log.verify().ok
    found = log.verify([witness])
    assert (found.first_bad, found.ok) == (2, False)
    assert witness in (found.problem or "")


def test_reordered_rows_show(database: Database, log: AuditLog) -> None:
    """Two rows that changed places, hashes and all."""
    append(database, log, *(entry(i) for i in range(ROWS)))
    with database.begin() as connection:
        for old, new in ((3, 0), (4, 3), (0, 4)):
            connection.execute(update(audit).where(audit.c.number == old).values(number=new))
    assert log.verify().first_bad == 3


EDITS = st.one_of(
    *(
        st.tuples(st.just(name), st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8))
        for name in ("run_id", "window", "direction", "system", "flow", "key", "operation", "outcome")
    ),
    *(
        st.tuples(st.just(name), st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8))
        for name in ("target_id", "vendor_code", "message", "correlation_id")
    ),
    st.tuples(st.just("status"), st.none() | st.integers(0, 999)),
    st.tuples(st.just("facts"), st.sampled_from(["{}", '{"status":"unsubscribed"}', '{"status": "subscribed"}'])),
    st.tuples(st.just("at"), st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))),  # noqa: DTZ001
    st.tuples(st.sampled_from(["hash", "payload_hash"]), st.binary(min_size=32, max_size=32)),
    st.tuples(st.just("payload"), st.binary(min_size=1, max_size=80)),
    st.tuples(st.just("payload_hash"), st.none()),
)


@pytest.fixture
def written(database: Database, vault: Vault, log: AuditLog) -> AuditLog:
    append(database, log, *(entry(i) for i in range(ROWS)))
    return log


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(number=st.integers(1, ROWS), edit=EDITS)
def test_any_single_edit_is_found(database: Database, written: AuditLog, number: int, edit: tuple[str, Any]) -> None:
    """Whichever column of whichever row: `verify` names that row."""
    column, value = edit
    with database.connect() as connection:
        original = connection.scalar(select(audit.c[column]).where(audit.c.number == number))
    if original == value:
        return
    with _set(database, number, column, value, original):
        assert written.verify().first_bad == number
    assert written.verify().ok


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(first=st.integers(1, ROWS - 1), second=st.integers(1, ROWS))
def test_a_payload_of_another_row_is_found(database: Database, written: AuditLog, first: int, second: int) -> None:
    """A sealed payload opens in its own row only."""
    if first == second:
        return
    with database.connect() as connection:
        payloads = dict(connection.execute(select(audit.c.number, audit.c.payload)).tuples().all())
    with _set(database, first, "payload", payloads[second], payloads[first]):
        assert written.verify().first_bad == first


@contextmanager
def _set(database: Database, number: int, column: str, value: Any, original: Any) -> Iterator[None]:
    """Edit one value as an intruder would, and put it back."""
    for step in (value, original):
        with database.begin() as connection:
            connection.execute(update(audit).where(audit.c.number == number).values({column: step}))
        if step is value:
            yield


def test_an_added_row_is_found(database: Database, written: AuditLog) -> None:
    """A row appended without its hash, or slipped in before the first."""
    with database.connect() as connection:
        row = dict(connection.execute(select(audit).where(audit.c.number == 2)).mappings().one())
    for number in (ROWS + 1, 0):
        with database.begin() as connection:
            database.insert(connection, audit, [row | {"number": number, "hash": os.urandom(32)}])
        assert written.verify().first_bad == (ROWS + 1 if number else 1)
    with database.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(audit)) == ROWS + 2
