"""`ml-connector problems`: what is rejected or failed now."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from ml_connector.cli import output
from ml_connector.cli.arguments import Selection, known, opened

EXAMPLE = "Example: ml-connector problems nordic/mailchimp"


def run(selection: Selection = None, as_json: output.AsJson = False) -> None:
    """List what is rejected or failed now, with the reason, the oldest first.

    A failed record is tried again by itself; a rejected one waits for a new version, a changed mapping or a replay. A
    refused event was told of by a webhook, and the system that is said to have sent it does not know it.
    """
    from ml_connector.store import reports

    with opened() as home, home.database.connect() as connection:
        company, target = known(home.config, selection)
        rows = [*reports.problems(connection, company, target), *reports.refused_events(connection, company, target)]
    if as_json:
        output.document(rows)
    elif not rows:
        output.say("Nothing is rejected or failed.")
    else:
        now = datetime.now(UTC)
        columns: output.Columns = {
            "Target": lambda row: f"{row['company']}/{row['target']}",
            "Flow": "flow",
            "Record": "key",
            "Outcome": "outcome",
            "Class": "class",
            "Reason": "reason",
            "Since": lambda row: output.ago(row["first_seen"], now),
            "Attempts": "attempts",
        }
        output.table(columns, rows)
        output.say()
        name = _only(row["company"] for row in rows) or "COMPANY"
        account = _only(f"{row['company']}/{row['target']}" for row in rows) or "COMPANY/TARGET"
        output.say(f"One record's whole history: ml-connector record {name} RECORD")
        output.say(f"Try them again now:         ml-connector replay {account} --problems")
        output.say(f'Rejected, and done by hand: ml-connector handled {account} --record RECORD --note "WHAT, BY WHOM"')


def _only(names: Iterable[str]) -> str | None:
    """The name, where there is but one."""
    found = set(names)
    return found.pop() if len(found) == 1 else None
