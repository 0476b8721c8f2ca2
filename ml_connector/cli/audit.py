"""`ml-connector audit`: the log of every attempt, exported and verified."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from ml_connector.cli import audit_period, output
from ml_connector.cli.arguments import Selection, known, opened
from ml_connector.cli.progress import progress
from ml_connector.cli.record import attempt
from ml_connector.cli.witnesses import audit_hashes
from ml_connector.errors import ConfigurationProblem
from ml_connector.home import OpenHome

app = typer.Typer(
    help="Export the log of every attempt, and verify that nobody edited it.",
    epilog="Example: ml-connector audit verify",
)

BROKEN = 1
COLUMNS = (
    *("company", "target", "number", "at", "run_id", "window", "flow", "key", "operation", "outcome", "target_id"),
    *("status", "vendor_code", "message", "correlation_id", "facts"),
)
Rows = Iterable[Mapping[str, Any]]


class Form(StrEnum):
    """How an export is written."""

    CSV = "csv"
    JSONL = "jsonl"


FormOption = Annotated[Form, typer.Option("--format", help="A table, or one JSON object per line.")]
File = Annotated[Path | None, typer.Option("--output", "-o", help="Write to this new file, not to standard output.")]
From = Annotated[str | None, typer.Option("--from", help="The first day or moment: 2026-11-01, 2026-11-01T08:00Z.")]
To = Annotated[str | None, typer.Option("--to", help="Up to this moment, or up to the end of this day.")]
RunId = Annotated[str | None, typer.Option("--run", metavar="ID", help="Only what this run attempted.")]
Period = Annotated[str | None, typer.Option("--period", metavar="MONTH", help="Amounts of this month: 2026-11.")]
Payload = Annotated[bool, typer.Option("--payload", help="Also decrypt what was sent; it holds personal data.")]


@app.command("export", epilog="Example: ml-connector audit export nordic --period 2026-11 -o november.csv")
def export(
    selection: Selection = None,
    form: FormOption = Form.CSV,
    file: File = None,
    since: From = None,
    until: To = None,
    run_id: RunId = None,
    payload: Payload = False,
    period: Period = None,
    as_json: output.AsJson = False,
) -> None:
    """Write out every attempt, oldest first within each target. What was sent is left out unless --payload is given.

    With --period: every amount that came back into Visma's general ledger in that month, each with its document, line,
    batch and events, then the sums per account and the balance of deferred revenue, and what is undelivered.
    """
    if period is not None:
        _refuse_with_period(since or until or run_id or payload)
    first, last = _moment(since, "--from", time.min), _moment(until, "--to", time.max)
    if first and last and first > last:
        raise ConfigurationProblem("--from is later than --to.", "Nothing was exported.", "Exchange the two.")
    columns: Sequence[str] = (*COLUMNS, "payload") if payload else COLUMNS
    with opened() as home, _destination(file) as stream:
        if period is not None:
            rows: Rows = list(audit_period.rows(home, selection, period))
            columns = audit_period.COLUMNS
            for remark in audit_period.remarks(home, selection, period):
                output.note(remark)
        else:
            rows = _rows(home, selection, first, last, run_id, payload)
        rows = _noticed(rows)
        if as_json:
            _json(rows, stream)
        elif form is Form.JSONL:
            _lines(rows, stream)
        else:
            _csv(rows, columns, stream)
    if file:
        output.note(f"Written to {file}. It holds customer numbers" + (" and personal data." if payload else "."))


def _refuse_with_period(given: object) -> None:
    if given:
        raise ConfigurationProblem(
            "--period goes with no other selection.",
            "Nothing was exported.",
            "Leave out --from, --to, --run, --payload.",
        )


@app.command("verify", epilog="Example: ml-connector audit verify nordic/mailchimp")
def verify(selection: Selection = None, as_json: output.AsJson = False) -> None:
    """Recompute the chain of hashes of each target; ends with 1 where a row was edited or is missing.

    Dagster remembers the last hash of every delivery: so rows that are gone from the end are noticed, too.
    """
    with progress() as say, opened() as home:
        found = []
        for company, target in _targets(home, selection):
            say(f"Verifying {company}/{target}")
            found.append(
                (f"{company}/{target}", home.ledger(company).audit(target).verify(_hashes(home, company, target)))
            )
    if as_json:
        output.document(
            [
                {"target": name, "ok": one.ok, "rows": one.rows, "first_bad": one.first_bad, "problem": one.problem}
                for name, one in found
            ]
        )
    elif not found:
        output.say("The log is empty.")
    else:
        columns: output.Columns = {
            "Target": lambda row: row[0],
            "Rows": lambda row: row[1].rows,
            "Chain": lambda row: "unbroken" if row[1].ok else f"BROKEN at no. {row[1].first_bad}: {row[1].problem}",
        }
        output.table(columns, found)
    raise typer.Exit(0 if all(one.ok for _, one in found) else BROKEN)


def _hashes(home: OpenHome, company: str, target: str) -> set[str]:
    """What Dagster's runs say; a target that is no longer configured has nothing there that could be found."""
    targets = home.config.companies[company].targets if company in home.config.companies else {}
    return audit_hashes(home.home, targets[target]) if target in targets else set()


def _targets(home: OpenHome, selection: str | None) -> list[tuple[str, str]]:
    """Every target that has rows, also those that the configuration no longer names."""
    from ml_connector.store import reports

    company, target = known(home.config, selection)
    with home.database.connect() as connection:
        return [
            (name, audited)
            for name in ([company] if company else reports.audited_companies(connection))
            for audited in reports.audited_targets(connection, name)
            if target in (None, audited)
        ]


def _rows(
    home: OpenHome,
    selection: str | None,
    since: datetime | None,
    until: datetime | None,
    run_id: str | None,
    payload: bool,
) -> Iterator[dict[str, Any]]:
    for company, target in _targets(home, selection):
        log = home.ledger(company).audit(target)
        for entry in log.entries(run_id=run_id, since=since, until=until, with_payload=payload):
            yield {"company": company} | attempt(target, entry, payload)


def _noticed(rows: Rows) -> Iterator[Mapping[str, Any]]:
    """The rows. Where there is none, a person hears of it: the run or the month may be mistyped."""
    empty = True
    for row in rows:
        empty = empty and row.get("kind") == audit_period.UNDELIVERED
        yield row
    if empty:
        output.note("Nothing in the log fits: compare the company, the target and the time or run with `status`.")


def _csv(rows: Rows, columns: Iterable[str], stream: TextIO) -> None:
    writer = csv.DictWriter(stream, list(columns))
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(row[name]) for name in columns})


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return _harmless(value)
    return output.plain_text(value) if isinstance(value, Mapping | datetime) else value


def _harmless(text: str) -> str:
    """A spreadsheet takes a cell that begins so for a formula; customers choose their own names."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _lines(rows: Rows, stream: TextIO) -> None:
    for row in rows:
        stream.write(output.plain_text(row) + "\n")


def _json(rows: Rows, stream: TextIO) -> None:
    """One array, row by row: a log of years does not fit into memory."""
    separator = "[\n"
    for row in rows:
        stream.write(separator + output.plain_text(row))
        separator = ",\n"
    stream.write("\n]\n" if separator.startswith(",") else "[]\n")


@contextmanager
def _destination(file: Path | None) -> Iterator[TextIO]:
    if file is None:
        yield sys.stdout
        return
    try:
        stream = file.open("x", encoding="utf-8", newline="")
    except OSError as error:
        raise ConfigurationProblem(
            f"{file} cannot be written: {error.strerror}.", "Nothing was exported.", "Name a new file."
        ) from None
    try:
        with stream:
            file.chmod(0o600)
            yield stream
    except BaseException:
        file.unlink()  # nobody shall take half an export for a whole one
        raise


def _moment(text: str | None, option: str, of_day: time) -> datetime | None:
    """A day stands for its begin or its end; a moment without a zone is UTC."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigurationProblem(
            f'{option} is "{text}".', "Nothing was done.", "Expected a day, 2026-11-01, or a moment, 2026-11-01T08:00Z."
        ) from None
    if len(text) == len("2026-11-01"):
        moment = datetime.combine(moment.date(), of_day)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
