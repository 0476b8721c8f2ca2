"""Landings: complete or absent, unreadable without the key, and read back as they were written."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml_connector.engine.records import SourceRow
from ml_connector.errors import ConfigurationProblem, Problem
from ml_connector.store.landing import Landings
from ml_connector_tests.store.processes import await_ready, python

NAME = "nordic/visma.customers/17.parquet"
NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
KEY = bytes(range(32))


def row(number: int, payload: bytes | None = None, related: str | None = None) -> SourceRow:
    payload = payload if payload is not None else b'{"name":"Kirkegata %d AS"}' % number
    digest = hashlib.md5(payload).digest()
    return SourceRow(str(10_000 + number), related, NOW + timedelta(microseconds=number), payload, digest)


def write(landings: Landings, name: str, rows: list[SourceRow], step: int = 400) -> None:
    with landings.writer(name) as writer:
        for begin in range(0, len(rows), step):
            writer.add(rows[begin : begin + step])
    assert writer.rows == len(rows)


@pytest.fixture
def landings(tmp_path: Path) -> Landings:
    return Landings(tmp_path, KEY)


def test_positions_lead_to_payloads(landings: Landings) -> None:
    """A position is the order of arrival, over row groups of a thousand and additions of any size."""
    rows = [row(i) for i in range(2_345)]
    write(landings, NAME, rows)
    wanted = [0, 1, 999, 1_000, 1_001, 1_999, 2_000, 2_344]
    assert landings.payloads(NAME, wanted) == [rows[i].payload for i in wanted]
    assert landings.payloads(NAME, range(2_345)) == [one.payload for one in rows]
    assert landings.payloads(NAME, []) == []


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    payloads=st.lists(st.tuples(st.binary(max_size=50), st.none() | st.text(st.characters(codec="utf-8"))), max_size=20)
)
def test_any_row_survives(landings: Landings, payloads: list[tuple[bytes, str | None]]) -> None:
    """Any payload, also an empty one, and any related key, also none."""
    rows = [row(i, payload, related) for i, (payload, related) in enumerate(payloads)]
    landings.delete(NAME)
    write(landings, NAME, rows)
    assert landings.payloads(NAME, range(len(rows))) == [one.payload for one in rows]
    frame = landings.frame(NAME)
    assert [value if isinstance(value, str) else None for value in frame["related"]] == [one.related for one in rows]


def test_a_landing_opens_as_a_table_for_people(landings: Landings) -> None:
    """With keys, moments to the microsecond, digests and payloads."""
    rows = [row(i, related="A" if i % 2 else None) for i in range(1_500)]
    write(landings, NAME, rows)
    frame = landings.frame(NAME)
    assert list(frame.columns) == ["key", "related", "changed_at", "digest", "payload"]
    for column in ("key", "changed_at", "digest", "payload"):
        assert list(frame[column]) == [getattr(one, column) for one in rows]


def test_row_groups_have_a_thousand_rows(landings: Landings) -> None:
    """So a position says which group to decrypt."""
    write(landings, NAME, [row(i) for i in range(2_300)], step=700)
    metadata = landings._open(NAME).metadata
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [1_000, 1_000, 300]


def test_a_landing_file_shows_nothing(landings: Landings, tmp_path: Path) -> None:
    """Neither payload nor key nor column name stands in it, and only its owner may read it."""
    secret = b"Gudrun Oyvindsdatter"
    incompressible = [secret + os.urandom(40).hex().encode() for _ in range(1_200)]
    write(landings, NAME, [row(i, payload, "RELATED-KEY") for i, payload in enumerate(incompressible)])
    path = tmp_path / NAME
    content = path.read_bytes()
    for plain in (secret, *(payload[:24] for payload in incompressible[:50]), b"RELATED-KEY", b"10001", b"changed_at"):
        assert plain not in content
    assert KEY not in content
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "RELATED" not in repr(landings)
    assert KEY.hex() not in repr(landings)


def test_the_wrong_key_is_explained(landings: Landings, tmp_path: Path) -> None:
    """As a matter of configuration, for programs and for people."""
    write(landings, NAME, [row(1)])
    stranger = Landings(tmp_path, bytes(32))
    for read in (lambda: stranger.payloads(NAME, [0]), lambda: stranger.frame(NAME)):
        with pytest.raises(ConfigurationProblem, match="written with another vault"):
            read()


def test_a_missing_file_is_explained(landings: Landings) -> None:
    """With its path, and how its records come back."""
    with pytest.raises(Problem, match="is missing") as caught:
        landings.payloads(NAME, [0])
    assert "--full" in caught.value.action


@pytest.mark.parametrize("damage", ["cut", "altered", "empty"])
def test_a_damaged_file_is_explained(landings: Landings, tmp_path: Path, damage: str) -> None:
    """Encryption notices every change; wrong payloads are never returned."""
    write(landings, NAME, [row(i, os.urandom(100)) for i in range(1_000)])
    path = tmp_path / NAME
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes({"cut": bytes(content[:-100]), "altered": bytes(content), "empty": b""}[damage])
    with pytest.raises(Problem, match="cannot be read"):
        landings.payloads(NAME, range(1_000))


def test_a_failed_read_leaves_no_file(landings: Landings, tmp_path: Path) -> None:
    """Nothing stands under the name before the block ends well, and nothing at all after it failed."""

    def fail() -> None:
        with landings.writer(NAME) as writer:
            writer.add([row(i) for i in range(1_500)])
            assert list(landings.files()) == []
            assert list(landings.unfinished()) == [f"{NAME}.unfinished"]
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_killed_read_leaves_an_unfinished_file_only(landings: Landings, tmp_path: Path) -> None:
    """kill -9 in the middle: no landing, and what lies there is known as unfinished; writing it again works."""
    code = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from ml_connector.engine.records import SourceRow
from ml_connector.store.landing import Landings
with Landings(Path(sys.argv[1]), bytes(range(32))).writer(sys.argv[2]) as writer:
    writer.add([SourceRow("k", None, datetime.now(UTC), b"{}", bytes(16))] * 2_500)
    print("ready", flush=True)
    sys.stdin.readline()
"""
    with python(code, str(tmp_path), NAME) as process:
        await_ready(process)
        process.kill()
    assert list(landings.files()) == []
    assert list(landings.unfinished()) == [f"{NAME}.unfinished"]
    write(landings, NAME, [row(1)])
    assert list(landings.files()) == [NAME]
    assert list(landings.unfinished()) == []


def test_many_files_are_read_in_turn(landings: Landings) -> None:
    """Only a few stay open, whatever the order; a deleted one is gone for good."""
    names = [f"nordic/e/{i}.parquet" for i in range(20)]
    for i, name in enumerate(names):
        write(landings, name, [row(i * 10 + j) for j in range(3)])
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(2):
        for i, name in enumerate(names):
            assert landings.payloads(name, [0, 2]) == [row(i * 10).payload, row(i * 10 + 2).payload]
    assert len(os.listdir("/proc/self/fd")) - before <= 8
    landings.delete(names[19])
    with pytest.raises(Problem, match="is missing"):
        landings.payloads(names[19], [0])
    landings.delete(names[19])
    assert sorted(landings.files()) == sorted(names[:19])
    landings.close()
    assert len(os.listdir("/proc/self/fd")) <= before


def test_threads_read_the_same_files(landings: Landings) -> None:
    """Each gets what it asked for."""
    names = [f"nordic/e/{i}.parquet" for i in range(12)]
    for i, name in enumerate(names):
        write(landings, name, [row(i)])
    wrong: list[str] = []

    def read() -> None:
        for _ in range(10):
            wrong.extend(n for i, n in enumerate(names) if landings.payloads(n, [0]) != [row(i).payload])

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_writing_and_reading_load_no_pandas(tmp_path: Path) -> None:
    """It would cost every run 80 MB; only `frame` needs it."""
    code = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from ml_connector.engine.records import SourceRow
from ml_connector.store.landing import Landings
landings = Landings(Path(sys.argv[1]), bytes(32))
with landings.writer("a.parquet") as writer:
    writer.add([SourceRow("k", related, datetime.now(UTC), b"{}", bytes(16)) for related in (None, "a")])
assert landings.payloads("a.parquet", [0, 1]) == [b"{}", b"{}"]
sys.exit("pandas" in sys.modules)
"""
    with python(code, str(tmp_path)) as process:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
