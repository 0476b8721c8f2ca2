"""`ml-connector preview`: what a sync would do, without doing it."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ml_connector.accounts import connect_source
from ml_connector.cli import output
from ml_connector.cli.arguments import OneTarget, opened
from ml_connector.cli.progress import progress
from ml_connector.config import Target
from ml_connector.engine.ports import Flow
from ml_connector.engine.ports import Source as Reads
from ml_connector.errors import ConfigurationProblem
from ml_connector.home import OpenHome

if TYPE_CHECKING:
    from ml_connector.engine.preview import Preview

EXAMPLE = "Example: ml-connector preview nordic/mailchimp --record 10042"

Records = Annotated[
    list[str] | None, typer.Option("--record", metavar="KEY", help="Only this record; may be repeated.")
]
Limit = Annotated[int, typer.Option(min=0, help="How many records to show in detail.")]


def run(target: OneTarget, record: Records = None, limit: Limit = 20, as_json: output.AsJson = False) -> None:
    """Show what a delivery would do now: counts, and each field before and after. Nothing is written anywhere.

    It starts from what has landed; where nothing has, the source is read and kept in memory only.
    """
    with progress() as say, opened() as home:
        chosen = home.config.target(target)
        say(f"Looking at what {target} lacks")
        found = {flow.name: _preview(home, chosen, flow, record, limit) for flow in chosen.flows}
    if record and (unknown := [key for key in record if all(key in one.unknown for one in found.values())]):
        raise ConfigurationProblem(
            f"No read has ever met the record {', '.join(unknown)} of {chosen.company}.",
            "Nothing can be said about it.",
            "Is this its key? `ml-connector status` shows what was read, and when.",
        )
    if as_json:
        output.document({"target": target, "flows": [_plain(name, one) for name, one in found.items()]})
        return
    for name, one in found.items():
        _show(f"{target}: {name}", one)
    output.say("Nothing was written. Do it: ml-connector sync " + target)


def _preview(home: OpenHome, target: Target, flow: Flow, only: list[str] | None, limit: int) -> Preview:
    from ml_connector.engine.derive import Derived
    from ml_connector.engine.preview import preview

    ledger = home.ledger(target.company)
    with ExitStack() as stack:
        source: Reads | None = None
        if ledger.readings.coverage(flow.entity).until is None:
            origin = home.config.company(target.company).source_of(flow.entity)
            source = stack.enter_context(connect_source(home, origin))
            if (derivation := origin.derivation(flow.entity)) is not None:
                source = Derived(derivation, source)
        return preview(flow, ledger, target.name, clock=_now, source=source, only=only, limit=limit)


def _now() -> datetime:
    return datetime.now(UTC)


def _plain(name: str, found: Preview) -> dict[str, Any]:
    return {
        "flow": name,
        "live": found.live,
        "counts": dict(found.counts),
        "records": [asdict(record) for record in found.records],
    }


def _show(title: str, found: Preview) -> None:
    source = "read from the source just now" if found.live else "from what has landed"
    output.say(f"{title}, {source}")
    output.table(
        {"Would": itemgetter(0), "Records": itemgetter(1)}, sorted(found.counts.items()) or [("do nothing", 0)]
    )
    output.say()
    for record in found.records:
        output.say(f"{record.key}: {record.step}" + (f" ({record.why})" if record.why else ""))
        for one in record.differences:
            output.say(f"    {one.field}: {one.before or '-'} -> {one.after or '-'}")
    if found.more:
        output.say(f"... and {found.more:,} more: --limit shows more of them, --record one of them")
    output.say()
