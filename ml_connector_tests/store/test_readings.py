"""What is met again is told from digests alone, the same on both databases."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from ml_connector.store.database import Database
from ml_connector.store.deliveries import Deliveries
from ml_connector.store.landing import Landings
from ml_connector.store.readings import Landed, Readings
from ml_connector.store.tables import record_state, source_row
from ml_connector.store.vault import Vault
from ml_connector_tests.store.test_bulk import NOW, state

ENTITY = "visma.customers"
ODD = 'Åse & "sønner" \\ 7'
FIRST, SECOND = 1, 2


def digest(text: str) -> bytes:
    return text.encode().ljust(16, b"\xff")[:16]


@pytest.fixture
def readings(database: Database, vault: Vault) -> Readings:
    """The first read landed three rows."""
    readings = Readings(database, vault, "nordic")
    rows = [Landed(key, None, NOW, digest(key), place, None) for place, key in enumerate(("1", "2", ODD))]
    readings.land(ENTITY, FIRST, "nordic/visma.customers/1.parquet", rows, NOW)
    return readings


@pytest.fixture
def landings(vault: Vault, tmp_path: Path) -> Landings:
    return Landings(tmp_path, vault.landing_key)


def seen_by(database: Database) -> dict[str, int]:
    with database.connect() as connection:
        return {row.key: row.seen_by for row in connection.execute(select(source_row.c.key, source_row.c.seen_by))}


def test_a_page_of_what_is_landed_is_met_as_a_whole(readings: Readings, database: Database) -> None:
    """Whatever letters a key holds; what another read does not name keeps its mark."""
    assert readings.met_again(ENTITY, SECOND, {"1": digest("1"), ODD: digest(ODD)})
    assert seen_by(database) == {"1": SECOND, "2": FIRST, ODD: SECOND}


def test_other_content_and_other_keys_are_not_met(readings: Readings, database: Database) -> None:
    """A row with new content, or another row's, and one that nobody knows are left to be compared."""
    assert not readings.met_again(ENTITY, SECOND, {"1": digest("new"), "2": digest("1"), "3": digest("3")})
    assert seen_by(database) == {"1": FIRST, "2": FIRST, ODD: FIRST}
    assert not readings.met_again("visma.contacts", SECOND, {"1": digest("1")})


def test_what_vanished_or_lost_its_file_is_not_met(readings: Readings, database: Database) -> None:
    """A row that comes back is news, and one whose landing is gone has to be landed again."""
    assert not readings.met_again(ENTITY, SECOND, {"1": digest("1")}, lost={FIRST})
    readings.vanish(ENTITY, SECOND, NOW)
    assert not readings.met_again(ENTITY, SECOND, {"1": digest("1")})
    assert set(seen_by(database).values()) == {FIRST}


def test_others_who_want_an_identity_become_due(database: Database, landings: Landings) -> None:
    """Not the record that changed who wants it, unless several did; and nobody who wants another one."""
    rows = [state("1", claim="a"), state("2", claim="a"), state("3", claim="b"), state("4", claim="c")]
    book = Deliveries(database, landings, "nordic", "mailchimp", "members", ENTITY, ())
    later = NOW + timedelta(minutes=1)
    with database.begin() as connection:
        database.upsert(connection, record_state, rows)
        book.wake(connection, {"a": "1", "b": None}, later)
    with database.connect() as connection:
        due = {row.key: row.due_at for row in connection.execute(select(record_state.c.key, record_state.c.due_at))}
    assert due == {"1": None, "2": later, "3": later, "4": None}
