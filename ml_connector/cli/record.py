"""`ml-connector record`: one record's history across all systems, or what one run did with each of its records."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ml_connector.cli import output
from ml_connector.cli.arguments import opened
from ml_connector.errors import ConfigurationProblem, Problem
from ml_connector.home import OpenHome

if TYPE_CHECKING:
    from ml_connector.store.audit import Recorded

EXAMPLE = "Example: ml-connector record nordic 10042 --payload"

Company = Annotated[str, typer.Argument(metavar="COMPANY")]
Key = Annotated[
    str | None,
    typer.Argument(metavar="[KEY]", help="The record's business key: a customer number.", show_default=False),
]
RunId = Annotated[
    str | None, typer.Option("--run", metavar="ID", help="Instead: what this run did with each of its records.")
]
Payload = Annotated[bool, typer.Option("--payload", help="Also decrypt and show what was sent.")]


def run(
    company: Company,
    key: Key = None,
    run_id: RunId = None,
    payload: Payload = False,
    as_json: output.AsJson = False,
) -> None:
    """Show one record: its newest version at the source, what every flow did with it, and every attempt.

    With --run and no KEY, show every record that a run took up, with what became of it there.
    """
    if (key is None) == (run_id is None) or (run_id is not None and payload):
        raise ConfigurationProblem(
            "Which records to show is not said, or said twice.",
            "Nothing was looked up.",
            "Give a KEY, or --run ID alone; `ml-connector audit export --run ID --payload` has what a run sent.",
        )
    with opened() as home:
        home.config.company(company)
        if key is None:
            _show_run(home, company, str(run_id), as_json)
            return
        found = history(home, company, key, payload)
    if not any(found[part] for part in ("source", "flows", "audit", "events")):
        raise Problem(
            f"Nothing is known of a record {key} of {company}.",
            "It was never read, or this is not its key.",
            "Look at `ml-connector status`: was its entity read since the record was made?",
        )
    if as_json:
        output.document(found)
    else:
        _show(found, payload)


def _show_run(home: OpenHome, company: str, run_id: str, as_json: bool) -> None:
    from ml_connector.store import reports

    with home.database.connect() as connection:
        rows = reports.records_of_run(connection, company, run_id)
    if not rows:
        raise Problem(
            f"No record of {company} was taken up by a run {run_id}.",
            "It only read, found nothing to do, or this is not its id.",
            "Dagster shows the id with every run, and `ml-connector problems --json` with every problem.",
        )
    if as_json:
        output.document({"company": company, "run_id": run_id, "records": rows})
        return
    columns: output.Columns = {
        "Target": "target",
        "Flow": "flow",
        "Record": "key",
        "Outcome": "outcome",
        "Linked to": "target_id",
        "Why": "why",
        "When": "at",
    }
    output.table(columns, rows)
    output.say()
    output.say(f"One record's whole history: ml-connector record {company} RECORD")


def history(home: OpenHome, company: str, key: str, payload: bool) -> dict[str, Any]:
    """Everything that the ledger knows of a record, as JSON."""
    from ml_connector.store import reports

    with home.database.connect() as connection:
        source = reports.source_versions(connection, company, key)
        flows = reports.record_states(connection, company, key)
        targets = reports.audited_targets(connection, company, key)
        entities = {row["entity"] for row in source if row["key"] == key}
        made_of = _made_of(home, company, key, entities)
        events = {event["event_id"]: event for event in reports.told_events(connection, company, [*made_of, key])}
    ledger = home.ledger(company)
    entries = [
        attempt(target, entry, payload)
        for target in targets
        for entry in ledger.audit(target).entries(key=key, with_payload=payload)
    ]
    return {
        "company": company,
        "key": key,
        "source": source,
        "events": [events[event] | {"changed_at": made_of.get(event)} for event in [*made_of, key] if event in events],
        "flows": [flow | {"facts": json.loads(flow["facts"])} for flow in flows],
        "audit": sorted(entries, key=lambda entry: (entry["at"], entry["target"], entry["number"])),
    }


def _made_of(home: OpenHome, company: str, key: str, entities: Collection[str]) -> dict[str, datetime]:
    """The events that carried a record which is made of events, each with its time, in the order of these."""
    from ml_connector.engine.origins import origins

    derivations = [one for inward in home.config.company(company).inward for one in inward.derivations]
    return {
        event.key: event.changed_at
        for derivation in derivations
        if derivation.entity.name in entities
        for event in origins(derivation, home.ledger(company), {key}).get(key, ())
    }


def attempt(target: str, recorded: Recorded, payload: bool) -> dict[str, Any]:
    """One row of the audit, as JSON; with what was sent where `payload` asks for it."""
    entry = recorded.entry
    names = ("at", "run_id", "window", "flow", "key", "operation", "outcome", "target_id")
    answer = ("status", "vendor_code", "message", "correlation_id", "facts")
    row = {"target": target, "number": recorded.number} | {name: getattr(entry, name) for name in (*names, *answer)}
    return row | ({"payload": sent_text(entry.payload)} if payload else {})


def sent_text(payload: bytes | None) -> Any:
    """A payload for people and programs: JSON where it is JSON."""
    if payload is None:
        return None
    text = payload.decode("utf-8", "replace")
    try:
        return json.loads(text)
    except ValueError:
        return text


def _show(found: dict[str, Any], payload: bool) -> None:
    _show_events(found["events"])
    output.table(
        {
            "At the source": "entity",
            "Key": "key",
            "Changed": "changed_at",
            "Landed": "landed_at",
            "Vanished": "vanished_at",
        },
        found["source"],
    )
    output.say()
    output.table(
        {
            "Target": "target",
            "Flow": "flow",
            "Outcome": "outcome",
            "Linked to": "target_id",
            "Why": lambda row: ": ".join(filter(None, (row["rule"], row["reason"]))),
            "Since": "first_seen",
            "Due again": "due_at",
            "Attempts": "attempts",
        },
        found["flows"],
    )
    output.say()
    output.table(
        {
            "No.": "number",
            "When": "at",
            "Target": "target",
            "Operation": "operation",
            "Outcome": "outcome",
            "Status": "status",
            "Message": "message",
            "Run": "run_id",
        },
        found["audit"],
    )
    for row in found["audit"] if payload else []:
        if row["payload"] is not None:
            output.say(f"\n{row['target']} no. {row['number']} sent:")
            output.say(json.dumps(row["payload"], ensure_ascii=False, indent=2))


def _show_events(events: list[dict[str, Any]]) -> None:
    if not events:
        return
    output.table(
        {
            "Event": "event_id",
            "Of": "target",
            "Occurred": "changed_at",
            "Found by": "origin",
            "First heard of": "received_at",
            "State": "state",
            "Why": "reason",
        },
        events,
    )
    output.say()
