"""What the checks of a target find: a verdict, a sentence, and what there is to see."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from sqlalchemy.engine import Connection

from ml_connector.config import Target
from ml_connector.defs.site import now
from ml_connector.engine.ports import Flow
from ml_connector.store import checks
from ml_connector.store.reports import flow_status

SHOWN = 50  # rows and examples: the browser gets every one of them


@dataclass(frozen=True, slots=True)
class Question:
    """What a check is asked about.

    Attributes:
        failed_run: the target's last delivery, where it failed.
    """

    connection: Connection
    target: Target
    flow: Flow
    failed_run: str | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether it is as it should be, a sentence, and what else there is to see."""

    passed: bool
    sentence: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


def verdicts(flow: Flow) -> Sequence[tuple[str, Callable[[Question], Verdict]]]:
    """The checks of a flow, by name; only a flow that can take people off a list is asked about consent."""
    always = [("every_record_delivered", delivered), ("outcomes_add_up", add_up)]
    return [*always, ("no_one_resubscribed", resubscribed)] if flow.withdrawal is not None else always


def delivered(question: Question) -> Verdict:
    """Red for as long as a record is rejected or failed, or waits because the last delivery did not come to its end."""
    target, flow = question.target, question.flow
    found = checks.undelivered(question.connection, target.company, target.name, flow.name, SHOWN)
    status = flow_status(question.connection, target.company, target.name, flow.name, flow.entity, now())
    cut_off = status.waiting if question.failed_run or status.stopped else 0
    if not found.count and not cut_off:
        return Verdict(True, "Every record that was taken up is delivered, or held back by a rule.", {"undelivered": 0})
    sentences = []
    if found.count:
        sentences.append(f"{found.count:,} records are not delivered.")
    if cut_off:
        reason = status.stopped or f"see run {question.failed_run}."
        sentences.append(f"{cut_off:,} records wait because the last delivery did not come to its end: {reason}")
    sentences.append(f"In a terminal: `ml-connector problems {target.id}`.")
    metadata: dict[str, Any] = {"undelivered": found.count, "waiting": status.waiting}
    if found.count:
        metadata["records"] = _table(found.first)
        metadata["again"] = f"ml-connector replay {target.id} --problems"
    return Verdict(False, " ".join(sentences), metadata)


def add_up(question: Question) -> Verdict:
    """Red when read is not created + updated + unchanged + skipped + rejected + failed in some run and window, or a
    record that was taken up has no outcome."""
    target, flow = question.target, question.flow
    found = checks.sums(question.connection, target.company, target.name, flow.name, flow.entity, SHOWN)
    if found.hold:
        return Verdict(True, "Every record that was read has exactly one outcome.")
    metadata: dict[str, Any] = {"records": list(found.examples)}
    if found.runs:
        metadata["runs"] = _table([{"run": run_id, "window": window} for run_id, window in found.runs])
    return Verdict(
        False,
        f"{len(found.runs)} windows of runs do not add up; {found.without_outcome:,} records have no outcome.",
        metadata,
    )


def resubscribed(question: Question) -> Verdict:
    """Red when somebody who said no was put on the list again by us, or a request asked for it."""
    target, flow = question.target, question.flow
    found = checks.resubscribed(question.connection, target.company, target.name, flow.name)
    if not found:
        return Verdict(True, "No request subscribed anybody again.")
    rows = [{"key": one.key, "at": one.at.isoformat(), "run": one.run_id, "what": one.what} for one in found[:SHOWN]]
    return Verdict(
        False,
        f"{len(found):,} people who had said no may have been subscribed again. Take them off the list at "
        f"{target.system.title}, and stop the delivery sensor of {target.id}.",
        {"people": _table(rows)},
    )


def _table(rows: Sequence[Mapping[str, Any]]) -> dg.TableMetadataValue:
    return dg.MetadataValue.table(
        records=[dg.TableRecord({name: _plain(value) for name, value in row.items()}) for row in rows],
        schema=dg.TableSchema([dg.TableColumn(name) for name in rows[0]]),
    )


def _plain(value: Any) -> str | int:
    if isinstance(value, int):
        return value
    return "" if value is None else str(value)
