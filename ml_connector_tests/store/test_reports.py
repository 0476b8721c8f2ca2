"""What people ask the ledger, on SQLite and on PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from ml_connector.store import checks, reports
from ml_connector.store.audit import AuditLog, Entry
from ml_connector.store.database import Database
from ml_connector.store.tables import delivery, entity_state, flow_state, landing, record_state, source_row
from ml_connector.store.vault import Vault

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
FLOW = ("nordic", "mailchimp", "members")
ID = dict(zip(("company", "target", "flow"), FLOW, strict=True))
CUSTOMERS = "visma.customers"


def state(key: str, outcome: str, **other: Any) -> dict[str, Any]:
    values = {"key": key, "facts": "{}", "seq": 1, "changed_at": NOW, "outcome": outcome, "attempts": 0}
    times = {"first_seen": NOW, "last_tried": NOW, "run_id": "run-1", "window": "2026-11-20-10:00"}
    return ID | values | times | other


def version(key: str, seq: int, entity: str = CUSTOMERS, **other: Any) -> dict[str, Any]:
    place = {"landing_id": seq, "position": 0, "seq": seq, "seen_by": 1}
    return {"company": "nordic", "entity": entity, "key": key, "changed_at": NOW, "digest": b"d" * 16} | place | other


def landed(number: int, at: datetime = NOW) -> dict[str, Any]:
    row = {"id": number, "company": "nordic", "entity": CUSTOMERS, "reading_id": 1, "rows": 1, "written_at": at}
    return row | {"path": f"nordic/{number}.parquet"}


def delivered(run_id: str, window: str, **other: Any) -> dict[str, Any]:
    counts = dict.fromkeys(reports.COUNTS, 0) | {"calls": 0, "seconds": 0.0}
    return ID | counts | {"run_id": run_id, "window": window, "finished": True, "at": NOW, "stopped": None} | other


def position(taken_up_to: int) -> dict[str, Any]:
    return ID | {"fingerprint": "f", "taken_up_to": taken_up_to, "window_minutes": 60, "start": NOW}


def save(database: Database, table: Any, *rows: dict[str, Any]) -> None:
    with database.begin() as connection:
        for row in rows:
            database.insert(connection, table, [row])


def test_problems_are_what_is_rejected_or_failed_the_oldest_first(database: Database) -> None:
    """The keys are those that programs rely on."""
    save(
        database,
        record_state,
        state("1", "rejected", kind="fake address", reason="It looks fake.", vendor_code="Invalid Resource"),
        state("2", "failed", first_seen=NOW - HOUR, attempts=3),
        state("3", "created"),
        state("4", "skipped"),
        state("5", "rejected", target="other"),
        state("6", "rejected", company="baltic"),
    )
    with database.connect() as connection:
        everything = reports.problems(connection)
        mine = reports.problems(connection, "nordic", "mailchimp")
        company = reports.problems(connection, "nordic")
    assert [row["key"] for row in everything] == ["2", "6", "1", "5"]
    assert [row["key"] for row in company] == ["2", "1", "5"]
    assert [(row["key"], row["attempts"]) for row in mine] == [("2", 3), ("1", 0)]
    assert mine[1] == {
        "company": "nordic",
        "target": "mailchimp",
        "flow": "members",
        "key": "1",
        "outcome": "rejected",
        "class": "fake address",
        "reason": "It looks fake.",
        "vendor_code": "Invalid Resource",
        "first_seen": NOW,
        "last_tried": NOW,
        "attempts": 0,
        "run_id": "run-1",
    }


def test_a_flow_that_never_ran_waits_with_everything_that_landed(database: Database) -> None:
    """Undelivered since the first of it landed."""
    save(database, landing, landed(1, NOW - HOUR), landed(2, NOW))
    save(database, source_row, version("1", 1), version("2", 2), version("9", 2, "visma.contacts"))
    with database.connect() as connection:
        found = reports.flow_status(connection, *FLOW, CUSTOMERS, NOW)
    assert (found.waiting, found.oldest) == (2, NOW - HOUR)
    assert (found.delivered_at, found.stopped, found.records, found.problems) == (None, None, {}, 0)


def test_what_was_taken_up_waits_no_more_and_what_failed_is_undelivered_since_then(database: Database) -> None:
    """A version behind the flow's position counts only if its record does not hold it yet."""
    save(database, landing, landed(1), landed(2), landed(3))
    save(database, source_row, version("1", 1), version("2", 2), version("3", 3))
    save(database, flow_state, position(1))
    save(
        database,
        record_state,
        state("1", "created"),
        state("2", "failed", seq=2, first_seen=NOW - 3 * HOUR, due_at=NOW + HOUR),
        state("3", "updated", seq=2),
    )
    with database.connect() as connection:
        found = reports.flow_status(connection, *FLOW, CUSTOMERS, NOW)
    assert (found.waiting, found.oldest, found.problems) == (1, NOW - 3 * HOUR, 1)
    assert found.due_at == NOW + HOUR
    assert found.records == {"created": 1, "failed": 1, "updated": 1}


def test_the_last_success_is_the_last_delivery_that_was_not_stopped(database: Database) -> None:
    """Why the newest one was stopped is said as long as it is the newest."""
    save(
        database,
        delivery,
        delivered("run-1", "w1", at=NOW - 2 * HOUR),
        delivered("run-2", "w1", at=NOW - HOUR, stopped="The key was revoked."),
    )
    with database.connect() as connection:
        found = reports.flow_status(connection, *FLOW, CUSTOMERS, NOW)
    assert (found.delivered_at, found.stopped) == (NOW - 2 * HOUR, "The key was revoked.")
    save(database, delivery, delivered("run-3", "w1", at=NOW))
    with database.connect() as connection:
        found = reports.flow_status(connection, *FLOW, CUSTOMERS, NOW)
    assert (found.delivered_at, found.stopped) == (NOW, None)


def test_a_delivery_of_the_future_does_not_stay_the_newest(database: Database) -> None:
    """A clock that was a day ahead recorded why it was stopped; clocks of several hosts may be a little apart."""
    minute = timedelta(minutes=1)
    save(database, delivery, delivered("run-1", "w1", at=NOW + 24 * HOUR, stopped="A clock is far off."))
    save(database, delivery, delivered("run-2", "w1", at=NOW + minute))
    with database.connect() as connection:
        found = reports.flow_status(connection, *FLOW, CUSTOMERS, NOW)
    assert (found.delivered_at, found.stopped) == (NOW + minute, None)


def test_coverage_names_every_entity_with_its_brake_and_why_it_was_stopped(database: Database) -> None:
    """Of one company."""
    said = {"brake": "6% gone", "stopped": "The key was revoked."}
    row = {"company": "nordic", "entity": CUSTOMERS, "covered_until": NOW, "full_at": NOW - HOUR, **said}
    save(database, entity_state, row, row | {"company": "baltic"})
    with database.connect() as connection:
        assert reports.coverage(connection, "nordic") == [
            {"entity": CUSTOMERS, "covered_until": NOW, "full_at": NOW - HOUR, **said}
        ]


def test_a_record_is_found_with_the_rows_that_belong_to_it_and_in_every_flow(database: Database) -> None:
    """The record itself comes first."""
    save(database, landing, landed(1, NOW), landed(2, NOW + HOUR))
    save(
        database,
        source_row,
        version("77", 2, "visma.contacts", related="1"),
        version("1", 1),
        version("2", 1),
        version("1", 1, company="baltic"),
    )
    save(database, record_state, state("1", "created"), state("1", "skipped", target="other"), state("2", "created"))
    with database.connect() as connection:
        versions = reports.source_versions(connection, "nordic", "1")
        states = reports.record_states(connection, "nordic", "1")
    assert [(row["entity"], row["key"], row["landed_at"]) for row in versions] == [
        (CUSTOMERS, "1", NOW),
        ("visma.contacts", "77", NOW + HOUR),
    ]
    assert [(row["target"], row["outcome"]) for row in states] == [("mailchimp", "created"), ("other", "skipped")]


def test_keys_that_no_read_has_met_are_unknown(database: Database) -> None:
    """However many are asked for at once; another entity's keys do not count."""
    save(database, landing, landed(1))
    save(database, source_row, version("1", 1), version("5", 1, "visma.contacts"))
    asked = ["1", "5", *(str(number) for number in range(10_000, 12_500))]
    with database.connect() as connection:
        assert reports.unknown(connection, "nordic", [CUSTOMERS], asked) == asked[1:]
        assert reports.unknown(connection, "nordic", [CUSTOMERS], []) == []


def test_a_runs_records_are_those_that_it_tried_and_those_that_it_left_unchanged(
    database: Database, vault: Vault
) -> None:
    """The log has no row for what was unchanged; the record's state says who looked at it last."""
    log = AuditLog(database, vault, "nordic", "mailchimp")
    attempt = {"at": NOW, "window": "w", "direction": "out", "system": "mailchimp", "flow": "members"}
    entries = [
        Entry(run_id="run-1", key="3", operation="update", outcome="updated", **attempt),
        Entry(run_id="run-2", key="4", operation="update", outcome="updated", **attempt),
    ]
    with database.begin() as connection:
        log.append(connection, entries)
    save(database, record_state, state("1", "unchanged"), state("3", "updated", run_id="run-9"))
    with database.connect() as connection:
        assert reports.keys_of_run(connection, "nordic", "mailchimp", "run-1") == ["1", "3"]
        assert reports.keys_of_run(connection, "nordic", "mailchimp", "run-7") == []
        assert reports.audited_companies(connection) == ["nordic"]
        assert reports.audited_targets(connection, "nordic") == ["mailchimp"]
        assert reports.audited_targets(connection, "nordic", "99") == []


def test_a_runs_windows_are_added_up_per_flow_in_the_order_that_was_asked_for(database: Database) -> None:
    """As `sync --json` shows them."""
    save(
        database,
        delivery,
        delivered("run-1", "2026-11-20-09:00", read=3, created=3, calls=4, seconds=1.25),
        delivered("run-1", "2026-11-20-10:00", read=2, rejected=2),
        delivered("run-2", "2026-11-20-10:00"),
    )
    with database.connect() as connection:
        found = reports.deliveries(connection, ["run-2", "run-1", "run-0"])
    assert [run["run_id"] for run in found] == ["run-2", "run-1"]
    assert found[1]["windows"] == ["2026-11-20-09:00", "2026-11-20-10:00"]
    counts = {"read": 5, "created": 3, "updated": 0, "unchanged": 0, "skipped": 0, "rejected": 2, "failed": 0}
    assert found[1]["flows"] == [{"flow": "members", **counts, "calls": 4, "seconds": pytest.approx(1.25)}]


def test_what_is_undelivered_is_found_without_a_look_at_every_record(tmp_path: Path) -> None:
    """A run asks several times, and of a hundred thousand records few are; SQLite says by which index it looks."""
    database, asked = Database.open(f"sqlite:///{tmp_path / 'ledger.db'}"), list[tuple[str, Any]]()
    event.listen(database.engine, "before_cursor_execute", lambda *call: asked.append(call[2:4]))
    with database.connect() as connection:
        checks.undelivered(connection, *FLOW, limit=5)
        checks.rejected_windows(connection, *FLOW)
        reports.problems(connection, "nordic")
        for query, values in [one for one in asked if one[0].startswith("SELECT")]:
            (plan, *_) = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", values).all()
            assert "record_state_undelivered" in plan.detail
    database.close()
