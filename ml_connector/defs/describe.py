"""What people read in Dagster: descriptions, and the figures of a read and of a delivered window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from ml_connector.config import Company, Source, Target
from ml_connector.engine.deliver import FlowReport
from ml_connector.engine.poll import PollReport
from ml_connector.engine.ports import Entity, Flow
from ml_connector.engine.records import Outcome
from ml_connector.engine.tally import Tally

Metadata = Mapping[str, Any]


def entity(company: Company, source: Source, entity: Entity) -> str:
    """What a source asset is."""
    lines = [f"{entity.title} of {company.name}, as {source.system.title} gives them."]
    if (derivation := source.derivation(entity.name)) is not None:
        lines.append(f"Made of {derivation.source}, right after these are read. An older version changes nothing.")
    elif entity.windowed:
        again = f"; a full re-read at `{source.full}` finds what polling cannot see" if source.full else ""
        lines.append(
            f"Polled at `{source.poll}` ({company.timezone.key}){again}. A read lands every new version, encrypted; "
            "replay starts there. Windows are in UTC; they label reads and do not bound them, so each window of a read "
            "shows the figures of the whole read."
        )
    else:
        lines.append("Reference data without a change time: read as a whole, at most once a day.")
    return "\n\n".join(lines)


def flow(target: Target, flow: Flow) -> str:
    """What a target's asset is, with the mapping of its fields."""
    rows = [f"| {_cell(field)} | {_cell(source)} |" for field, source in flow.fields.items()]
    when = f"at `{target.deliver}`" if target.deliver else "as soon as something landed"
    return "\n".join(
        [
            f"{flow.title} at {target.system.title} ({target.id}), one for each record of {flow.entity}, delivered "
            f"{when}.",
            "",
            "Green: every record of the window (UTC) was attempted. What was refused, or is tried again, is in the "
            "check every_record_delivered. Red: the target stopped; running the window again sends what is missing.",
            "",
            "What is not delivered, and why, in a terminal:",
            "",
            f"    ml-connector problems {target.id}",
            f"    ml-connector record {target.company} KEY",
            "",
            f"| {target.system.title} field | comes from |",
            "| --- | --- |",
            *rows,
        ]
    )


def read(report: PollReport) -> Metadata:
    """The figures of one read."""
    figures: dict[str, Any] = {
        "rows": report.rows,
        "new_versions": report.landed,
        "vanished": report.vanished,
        "calls": report.calls,
        "seconds": round(report.seconds, 3),
        "since": report.since.isoformat() if report.since else "the beginning",
        "whole": report.whole,
        "reading": report.reading_id,
    }
    if report.note:
        figures["note"] = report.note
    return figures


def window(target: Target, report: FlowReport, tally: Tally, run_id: str) -> Metadata:
    """The figures of one delivered window; calls and seconds are those of the flow in this run as a whole."""
    figures: dict[str, Any] = {"read": tally.read}
    figures |= {outcome.value: getattr(tally, outcome.value) for outcome in Outcome}
    figures |= {
        "run_calls": report.calls,
        "run_seconds": round(report.seconds, 3),
        "audit_hash": report.last_hash or "",
        "what_next": dg.MetadataValue.md(
            f"`ml-connector record {target.company} --run {run_id}` shows this run's records, "
            f"`ml-connector problems {target.id}` what is not delivered, "
            f"`ml-connector record {target.company} KEY` one record's history, "
            f"`ml-connector replay {target.id} --run {run_id}` sends this run's records again."
        ),
    }
    return figures


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
