"""Bulk writes do the same on both databases, and nothing they are given is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from ml_connector.engine.records import Outcome
from ml_connector.store.database import Database
from ml_connector.store.tables import entity_state, landing, reading, record_state

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


def state(key: str, **other: Any) -> dict[str, Any]:
    row = {
        "company": "nordic",
        "target": "mailchimp",
        "flow": "members",
        "key": key,
        "digest": b"\0" * 16,
        "seq": 1,
        "changed_at": NOW,
        "outcome": Outcome.CREATED,
        "first_seen": NOW,
        "last_tried": NOW,
        "run_id": "r1",
        "window": "2026-11-20-10:00",
    }
    return row | other


def read(database: Database, key: str) -> Any:
    with database.connect() as connection:
        return connection.execute(select(record_state).where(record_state.c.key == key)).one()


def test_upsert_inserts_and_then_updates(database: Database) -> None:
    """A second upsert of the same key leaves one row with the new content, more rows than a page included."""
    with database.begin() as connection:
        database.upsert(connection, record_state, [state(str(i)) for i in range(2_500)])
        database.upsert(connection, record_state, [state(str(i), seq=2, reason="x") for i in range(2_500)])
    with database.connect() as connection:
        counts = select(func.count(), func.min(record_state.c.seq), func.count(record_state.c.reason))
        assert connection.execute(counts.select_from(record_state)).one() == (2_500, 2, 2_500)


def test_columns_that_rows_leave_out_take_their_default(database: Database) -> None:
    """A scalar default stands in a new row, and again in a row that is replaced."""
    with database.begin() as connection:
        database.upsert(connection, record_state, [state("1", attempts=3, facts='{"a":1}', reason="x")])
        database.upsert(connection, record_state, [state("1")])
    row = read(database, "1")
    assert (row.attempts, row.facts, row.reason) == (0, "{}", None)


def test_what_is_the_same_in_every_row_is_given_once(database: Database) -> None:
    """Columns of the key among them; of equal keys the last still counts."""
    same = {"company": "nordic", "target": "hubspot", "flow": "companies", "last_tried": NOW}
    rows = [
        {name: value for name, value in state(key, seq=seq).items() if name not in same}
        for key, seq in (("1", 1), ("2", 2), ("1", 3))
    ]
    with database.begin() as connection:
        database.upsert(connection, record_state, rows, same=same)
    with database.connect() as connection:
        stored = connection.execute(select(record_state).order_by(record_state.c.key)).all()
    assert [(row.target, row.key, row.seq, row.last_tried) for row in stored] == [
        ("hubspot", "1", 3, NOW),
        ("hubspot", "2", 2, NOW),
    ]


def test_only_the_named_columns_are_updated(database: Database) -> None:
    """Columns that are not named keep what they had."""
    with database.begin() as connection:
        database.upsert(connection, record_state, [state("1")])
        database.upsert(connection, record_state, [state("1", seq=9, outcome="failed")], ["seq"])
    row = read(database, "1")
    assert (row.seq, row.outcome) == (9, "created")


def test_no_column_to_update_leaves_the_row_alone(database: Database) -> None:
    """With an empty list the first row with a key stays."""
    with database.begin() as connection:
        database.upsert(connection, record_state, [state("1", seq=1), state("1", seq=2)], [])
        database.upsert(connection, record_state, [state("1", seq=3)], [])
    assert read(database, "1").seq == 1


def test_the_last_of_equal_keys_counts(database: Database) -> None:
    """One call may name a key twice; PostgreSQL alone would refuse that."""
    with database.begin() as connection:
        database.upsert(connection, record_state, [state("1", seq=1), state("2"), state("1", seq=2)])
    assert read(database, "1").seq == 2


def test_insert_refuses_a_key_that_is_taken(database: Database) -> None:
    """A plain insert raises, and its transaction leaves nothing behind."""
    with pytest.raises(IntegrityError), database.begin() as connection:
        database.insert(connection, record_state, [state("1"), state("1")])
    with database.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(record_state)) == 0


def test_rows_that_name_different_columns_are_refused(database: Database) -> None:
    """Otherwise values that only some rows name would be lost without a word."""
    with pytest.raises(ValueError, match="different columns"), database.begin() as connection:
        database.upsert(connection, record_state, [state("1"), state("2", reason="lost?")])


def test_an_unknown_column_is_refused(database: Database) -> None:
    """A misspelt column is an error and not a value that vanishes."""
    with pytest.raises(ValueError, match="no column resaon"), database.begin() as connection:
        database.upsert(connection, record_state, [state("1", resaon="x")])


def test_no_rows_are_no_work(database: Database) -> None:
    """An empty list is fine."""
    with database.begin() as connection:
        database.upsert(connection, record_state, [])
        database.insert(connection, record_state, [])


def test_moments_come_back_as_the_same_instant_in_utc(database: Database) -> None:
    """Any zone goes in, UTC comes out, to the microsecond; the database orders them by time (failures.md 7)."""
    oslo = timezone(timedelta(hours=2))
    moments = [
        datetime(2026, 10, 25, 2, 30, 0, 1, tzinfo=oslo),
        datetime(2026, 10, 25, 0, 30, 0, 2, tzinfo=UTC),
        datetime(2026, 10, 25, 3, 30, tzinfo=oslo),
    ]
    rows = [{"company": "nordic", "entity": str(i), "covered_until": at} for i, at in enumerate(moments)]
    with database.begin() as connection:
        database.insert(connection, entity_state, rows)
    with database.connect() as connection:
        stored = list(connection.scalars(select(entity_state.c.covered_until).order_by(entity_state.c.covered_until)))
        later = connection.scalar(select(func.count()).where(entity_state.c.covered_until > moments[0]))
    assert stored == moments
    assert all(moment.tzinfo is UTC for moment in stored)
    assert later == 2


def test_a_moment_without_a_zone_is_refused(database: Database) -> None:
    """failures.md 7: local time never slips in as UTC."""
    naive = NOW.replace(tzinfo=None)
    with pytest.raises(ValueError, match="without a time zone"), database.begin() as connection:
        database.insert(connection, entity_state, [{"company": "nordic", "entity": "e", "covered_until": naive}])


def test_bytes_text_and_numbers_survive(database: Database) -> None:
    """Whatever bytes and letters a row holds, they come back."""
    row = state("Åse & 'sønner' \"%s\" :x ?", digest=bytes(range(16)), claim="ß%", attempts=2**31 - 1, seq=2**62)
    with database.begin() as connection:
        database.upsert(connection, record_state, [row, row | {"key": "2"}])
    stored = read(database, row["key"])
    assert (stored.digest, stored.claim, stored.attempts, stored.seq) == (bytes(range(16)), "ß%", 2**31 - 1, 2**62)


@pytest.mark.parametrize("table", [reading, landing], ids=lambda table: table.name)
def test_a_number_is_never_given_twice(database: Database, table: Any) -> None:
    """After the newest row was deleted the next one still gets a higher number: flows count on the order."""
    common = {"company": "nordic", "entity": "visma.customers"}
    rows = {
        "reading": common | {"run_id": "r", "whole": True, "started_at": NOW},
        "landing": common | {"reading_id": 1, "rows": 1, "written_at": NOW},
    }
    numbers = []
    for _ in range(2):
        with database.begin() as connection:
            numbers.append(connection.scalar(table.insert().values(rows[table.name]).returning(table.c.id)))
            connection.execute(table.delete())
    assert numbers[1] > numbers[0]
