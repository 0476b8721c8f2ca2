"""What a command prints: tables and sentences for people, one JSON document for programs, errors in three parts."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, is_dataclass
from datetime import UTC, date, datetime, tzinfo
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from ml_connector.errors import Problem

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output, and nothing else.")]
Columns = Mapping[str, str | Callable[[Any], Any]]
PIPE_WIDTH = 200  # where nobody says how wide a line may be


def any_letter() -> None:
    """Let no letter end a command that the locale lacks: programs get UTF-8, terminals what they can show."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors="replace")


def console(error: bool = False) -> Console:
    """A console on the stream as it is now; text is printed as it stands, brackets included."""
    stream = sys.stderr if error else sys.stdout
    width = None if stream.isatty() else PIPE_WIDTH
    return Console(file=stream, width=width, markup=False, highlight=False, emoji=False)


def say(text: str = "") -> None:
    """A sentence on standard output."""
    console().print(text)


def note(text: str) -> None:
    """A sentence that is no result: on standard error."""
    console(error=True).print(text)


def document(value: Any) -> None:
    """The one JSON document of a command."""
    sys.stdout.write(json.dumps(value, default=_plain, ensure_ascii=False, indent=2) + "\n")


def plain_text(value: Any) -> str:
    """A value as JSON on one line; a moment as it stands in JSON, without the quotes."""
    text = json.dumps(value, default=_plain, ensure_ascii=False)
    return text.strip('"') if isinstance(value, datetime) else text


def table(columns: Columns, rows: Iterable[Any]) -> None:
    """Rows on standard output; numbers stand right.

    Args:
        columns: heading -> the key of each row that stands below it, or a function of the row.
    """
    cells = [[row[pick] if isinstance(pick, str) else pick(row) for pick in columns.values()] for row in rows]
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for position, heading in enumerate(columns):
        numeric = bool(cells) and all(isinstance(row[position], int | float) for row in cells)
        grid.add_column(heading, justify="right" if numeric else "left", overflow="fold")
    for row in cells:
        grid.add_row(*(_cell(value) for value in row))
    console().print(grid)


def problem(found: Problem) -> None:
    """An error in its three parts, on standard error."""
    printer = console(error=True)
    printer.print(f"Error: {found.what}", style="bold red", soft_wrap=True)
    printer.print(found.meaning, soft_wrap=True)
    printer.print(found.action, soft_wrap=True)


def problem_document(found: Problem) -> Mapping[str, Any]:
    """The same error for a program."""
    return {
        "error": {
            "what": found.what,
            "meaning": found.meaning,
            "action": found.action,
            "exit_code": found.exit_code,
        }
    }


def moment(at: datetime | None, zone: tzinfo | None = UTC) -> str:
    """`2026-11-01 13:05 UTC`; a dash where there is none."""
    if at is None:
        return "-"
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M %Z")


def ago(at: datetime | None, now: datetime) -> str:
    """`5 min ago`, `in 2 h`; "never" where there is none."""
    if at is None:
        return "never"
    seconds = abs((now - at).total_seconds())
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            amount = f"{seconds // length:.0f} {unit}"
            break
    else:
        amount = f"{seconds:.0f} s"
    return f"{amount} ago" if at <= now else f"in {amount}"


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.1f}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, datetime):
        return moment(value)
    return str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} has no place in a JSON document")
