"""Retention: what nobody points to goes, and the newest landed version of every key stays."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from ml_connector.engine.records import SourceRow
from ml_connector.store.database import Database
from ml_connector.store.landing import Landings
from ml_connector.store.retention import sweep
from ml_connector.store.tables import landing, source_row

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
KEEP = timedelta(days=30)
OLD = NOW - timedelta(days=31)
YOUNG = NOW - timedelta(days=29)


class Shelf:
    """Landings with their rows and pointers, as reads make them."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.folder = folder
        self.landings = Landings(folder, bytes(32))

    def land(self, keys: list[str], at: datetime, entity: str = "visma.customers") -> tuple[int, str]:
        """A landing of these keys, which holds their newest version from now on; its id and path."""
        with self.database.begin() as connection:
            values = {"company": "nordic", "entity": entity, "reading_id": 1, "rows": len(keys), "written_at": at}
            number = connection.execute(landing.insert().values(values).returning(landing.c.id)).scalar_one()
            path = f"nordic/{entity}/{number}.parquet"
            connection.execute(landing.update().where(landing.c.id == number).values(path=path))
            self.database.upsert(connection, source_row, [self._row(key, entity, number, at) for key in keys])
        self.file(path, at)
        return number, path

    def _row(self, key: str, entity: str, number: int, at: datetime) -> dict[str, Any]:
        return {
            "company": "nordic",
            "entity": entity,
            "key": key,
            "changed_at": at,
            "digest": bytes(16),
            "landing_id": number,
            "position": 0,
            "seq": number,
            "seen_by": 1,
        }

    def file(self, path: str, at: datetime) -> None:
        with self.landings.writer(path) as writer:
            writer.add([SourceRow("k", None, at, b"{}", bytes(16))])
        os.utime(self.folder / path, (at.timestamp(), at.timestamp()))

    def paths(self) -> set[str]:
        with self.database.connect() as connection:
            return {path for path in connection.scalars(select(landing.c.path)) if path}

    def files(self) -> set[str]:
        return {path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file()}


@pytest.fixture
def shelf(database: Database, tmp_path: Path) -> Shelf:
    return Shelf(database, tmp_path / "landings")


def test_a_landing_that_holds_no_newest_version_goes(shelf: Shelf) -> None:
    """With its file and its row, once it is old enough."""
    _, replaced = shelf.land(["1", "2"], OLD)
    _, young = shelf.land(["1", "2"], YOUNG)
    _, newest = shelf.land(["1", "2"], NOW)
    swept = sweep(shelf.database, shelf.landings, NOW, KEEP)
    assert (swept.landings, swept.leftovers) == (1, 0)
    assert shelf.files() == shelf.paths() == {young, newest}
    assert replaced not in shelf.files()


def test_the_newest_version_of_a_key_is_kept_for_ever(shelf: Shelf) -> None:
    """One key that never changed again keeps its landing, however old, also in another entity."""
    _, kept = shelf.land(["1", "2"], OLD)
    shelf.land(["1"], NOW)
    _, other = shelf.land(["1", "2"], OLD, entity="visma.contacts")
    assert sweep(shelf.database, shelf.landings, NOW, KEEP).landings == 0
    assert {kept, other} <= shelf.files()


def test_marks_that_a_record_still_counts_by_are_kept(shelf: Shelf) -> None:
    """A landing without a file that marks a record as vanished stays as long as it is the record's newest mark."""
    shelf.land(["1"], OLD)
    values = {"company": "nordic", "entity": "visma.customers", "reading_id": 1, "rows": 0, "written_at": OLD}
    marks = []
    for _ in range(2):
        with shelf.database.begin() as connection:
            marks.append(connection.execute(landing.insert().values(values).returning(landing.c.id)).scalar_one())
            connection.execute(source_row.update().values(seq=marks[-1]))
    assert sweep(shelf.database, shelf.landings, NOW, KEEP).landings == 1
    with shelf.database.connect() as connection:
        assert connection.scalars(select(landing.c.id).where(landing.c.path.is_(None))).all() == marks[1:]


def test_what_crashed_reads_left_goes(shelf: Shelf) -> None:
    """A file without a row, and an unfinished one, after a day; a read that is running keeps its own."""
    _, landed = shelf.land(["1"], OLD)
    for age, name in ((2, "old"), (0, "running")):
        moment = NOW - timedelta(days=age, hours=1)
        shelf.file(f"nordic/visma.customers/{name}.parquet", moment)
        unfinished = shelf.folder / f"nordic/visma.customers/{name}-2.parquet.unfinished"
        unfinished.write_bytes(b"PAR")
        os.utime(unfinished, (moment.timestamp(), moment.timestamp()))
    assert sweep(shelf.database, shelf.landings, NOW, KEEP).leftovers == 2
    names = {"running.parquet", "running-2.parquet.unfinished"}
    assert shelf.files() == {landed} | {f"nordic/visma.customers/{name}" for name in names}


def test_other_peoples_files_stay(shelf: Shelf) -> None:
    """Only landings and what was to become one are touched."""
    note = shelf.folder / "README.txt"
    note.parent.mkdir()
    note.write_text("mine")
    os.utime(note, (0, 0))
    sweep(shelf.database, shelf.landings, NOW, KEEP)
    assert note.exists()


def test_a_folder_that_does_not_exist_yet_is_empty(shelf: Shelf) -> None:
    """Before the first read there is nothing to do."""
    assert sweep(shelf.database, shelf.landings, NOW, KEEP).landings == 0


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(reads=st.lists(st.tuples(st.sets(st.sampled_from("abcd"), min_size=1), st.booleans()), max_size=6))
def test_every_pointer_leads_to_a_file(shelf: Shelf, reads: list[tuple[set[str], bool]]) -> None:
    """Whatever was read and whenever it is swept: no record's newest version is lost."""
    with shelf.database.begin() as connection:
        connection.execute(delete(source_row))
    for keys, then_sweep in reads:
        shelf.land(sorted(keys), OLD)
        if then_sweep:
            sweep(shelf.database, shelf.landings, NOW, KEEP)
    sweep(shelf.database, shelf.landings, NOW, KEEP)
    with shelf.database.connect() as connection:
        join = select(landing.c.path).join(source_row, source_row.c.landing_id == landing.c.id)
        pointed_at = set(connection.scalars(join))
    assert shelf.files() == shelf.paths() == pointed_at
    assert len(pointed_at) <= len(reads)
