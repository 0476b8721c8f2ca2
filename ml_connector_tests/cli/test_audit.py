"""`ml-connector audit`: every attempt can be taken out, and an edited log is noticed."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import stat
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ml_connector.home import Home
from ml_connector_tests.cli.conftest import CUSTOMERS, FIRST, REFUSED, TARGET, Cli


def edit(home: Home, statement: str) -> None:
    """What somebody with the database's file and a mind to cheat could do."""
    with closing(sqlite3.connect(home.path / "ml_connector.db")) as connection, connection:
        assert connection.execute(statement).rowcount == 1


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_table_has_a_row_for_every_attempt_in_their_order(cli: Cli, synced: Home, with_a_problem: str) -> None:
    """With what was done and what came of it, and without what was sent."""
    rows = table(cli("audit", "export").out)
    assert [int(row["number"]) for row in rows] == list(range(1, CUSTOMERS + 2))
    assert {row["company"] + "/" + row["target"] for row in rows} == {TARGET}
    last = rows[-1]
    assert (last["key"], last["operation"], last["outcome"]) == (with_a_problem, "move", "rejected")
    assert datetime.fromisoformat(last["at"]).tzinfo is not None
    assert "payload" not in last
    assert REFUSED not in str(rows)


def test_what_was_sent_is_in_it_only_when_asked_for(cli: Cli, synced: Home, with_a_problem: str) -> None:
    """It holds personal data."""
    last = table(cli("audit", "export", "--payload").out)[-1]
    assert json.loads(last["payload"])["email_address"] == REFUSED


def test_half_an_export_is_not_left_behind(cli: Cli, synced: Home, tmp_path: Path) -> None:
    """Nobody shall take it for a whole one."""
    edit(synced, f"UPDATE audit SET payload = x'00' WHERE number = {CUSTOMERS}")
    assert cli("audit", "export", "--payload", "-o", str(tmp_path / "out.csv")).code == 1
    assert not (tmp_path / "out.csv").exists()


def test_a_period_that_ends_before_it_begins_is_a_mistake(cli: Cli, synced: Home) -> None:
    """An empty table would look like a log without attempts."""
    ran = cli("audit", "export", "--from", "2026-11-02", "--to", "2026-11-01")
    assert (ran.code, ran.out, ran.parts[0]) == (2, "", "Error: --from is later than --to.")


@pytest.mark.parametrize("form", [("--format", "jsonl"), ("--json",)])
def test_programs_get_json(cli: Cli, synced: Home, form: tuple[str, ...]) -> None:
    """One object per line, or one array."""
    text = cli("audit", "export", *form).out
    rows = json.loads(text) if form == ("--json",) else [json.loads(line) for line in text.splitlines()]
    assert len(rows) == CUSTOMERS
    assert rows[0]["facts"]["status"] == "subscribed"


def test_an_empty_log_is_a_table_without_rows_and_an_array_without_items(cli: Cli, ready: Home) -> None:
    """Nothing was ever sent."""
    assert table(cli("audit", "export").out) == []
    assert cli("audit", "export", "--json").json == []
    assert cli("audit", "verify").out == "The log is empty.\n"


def test_a_selection_that_nothing_fits_is_no_error_and_is_told(cli: Cli, synced: Home) -> None:
    """The table has its head and no rows: a run or a month that was mistyped would look like one without attempts."""
    for ran in (cli("audit", "export", "--run", "no-such-run"), cli("audit", "export", "--to", "2020-01-01")):
        assert (ran.code, table(ran.out)) == (0, [])
        assert ran.err.startswith("Nothing in the log fits: ")
    assert cli("audit", "export").err == ""


def test_a_period_is_taken_by_days_and_by_moments(cli: Cli, synced: Home) -> None:
    """A day counts whole, in UTC."""
    today = datetime.now(UTC).date()
    day = timedelta(days=1)
    for options, expected in [
        (("--from", f"{today - day}", "--to", f"{today}"), CUSTOMERS),
        (("--from", f"{today + day}"), 0),
        (("--to", f"{today - day}"), 0),
        (("--from", f"{today - day}T00:00Z", "--to", f"{today + 2 * day}T00:00+02:00"), CUSTOMERS),
        (("--to", "2026-01-01T00:00"), 0),
    ]:
        assert len(table(cli("audit", "export", *options).out)) == expected, options


def test_an_export_goes_to_a_new_file_that_only_its_owner_can_read(cli: Cli, synced: Home, tmp_path: Path) -> None:
    """Never over a file that is there."""
    file = tmp_path / "log.csv"
    ran = cli("audit", "export", TARGET, "-o", str(file))
    assert (ran.code, ran.out) == (0, "")
    assert len(table(file.read_text(encoding="utf-8"))) == CUSTOMERS
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = cli("audit", "export", "-o", str(file))
    assert again.code == 2
    assert "File exists" in again.parts[0]


def test_a_cell_that_a_spreadsheet_would_take_for_a_formula_is_made_harmless(
    cli: Cli, synced: Home, with_a_problem: str
) -> None:
    """Customers choose their own names and addresses, and messages repeat them."""
    edit(synced, "UPDATE audit SET message = '=HYPERLINK(\"http://x\")' WHERE outcome = 'rejected'")
    assert table(cli("audit", "export").out)[-1]["message"] == '\'=HYPERLINK("http://x")'


def test_an_unbroken_chain_is_verified_with_0(cli: Cli, synced: Home) -> None:
    """The document says how many rows were looked at."""
    ran = cli("audit", "verify", "--json")
    assert ran.code == 0
    assert ran.json == [{"target": TARGET, "ok": True, "rows": CUSTOMERS, "first_bad": None, "problem": None}]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET outcome = 'updated' WHERE number = 7",
        "UPDATE audit SET at = datetime(at, '-1 day') WHERE number = 7",
        "DELETE FROM audit WHERE number = 7",
    ],
)
def test_an_edited_or_missing_row_ends_with_1_and_is_named(cli: Cli, synced: Home, statement: str) -> None:
    """The first one that is wrong."""
    edit(synced, statement)
    ran = cli("audit", "verify", "--json")
    assert ran.code == 1
    assert (ran.json[0]["ok"], ran.json[0]["first_bad"]) == (False, 7)
    assert "BROKEN at no. 7" in cli("audit", "verify", TARGET).out


def test_rows_that_are_gone_from_the_end_are_noticed_because_dagster_remembers(cli: Cli, ready: Home) -> None:
    """The chain alone cannot know how long it was."""
    assert cli("sync", "nordic", "--json").code == 0
    assert cli("audit", "verify").code == 0
    edit(ready, f"DELETE FROM audit WHERE number = {CUSTOMERS}")
    ran = cli("audit", "verify")
    assert ran.code == 1
    assert "rows at its end are missing" in ran.out


def test_a_company_that_is_no_longer_configured_keeps_its_log(cli: Cli, synced: Home) -> None:
    """What was done stays on record."""
    text = synced.config_path.read_text()
    synced.config_path.write_text(text.replace("  nordic:", "  baltic:"))
    assert len(table(cli("audit", "export").out)) == CUSTOMERS
    assert cli("audit", "verify").code == 0


def test_a_record_can_be_found_in_the_log(cli: Cli, synced: Home) -> None:
    """By its key, as people know it."""
    assert [row["key"] for row in table(cli("audit", "export").out)].count(FIRST) == 1
