"""`ml-connector replay`: delivers named records again."""

from __future__ import annotations

from typing import Annotated

import typer

from ml_connector.cli import output, runs
from ml_connector.cli.arguments import OneTarget, here
from ml_connector.cli.progress import progress
from ml_connector.config import Target
from ml_connector.errors import ConfigurationProblem
from ml_connector.home import Home

EXAMPLE = "Example: ml-connector replay nordic/mailchimp --record 10042 --record 10043"

Problems = Annotated[bool, typer.Option("--problems", help="Everything that is rejected or failed now.")]
Records = Annotated[list[str] | None, typer.Option("--record", metavar="KEY", help="This record; may be repeated.")]
RunId = Annotated[str | None, typer.Option("--run", metavar="ID", help="The records that this run took up.")]
Reread = Annotated[bool, typer.Option("--reread", help="Read the source again first, as a whole.")]


def run(
    target: OneTarget,
    problems: Problems = False,
    record: Records = None,
    run_id: RunId = None,
    reread: Reread = False,
    as_json: output.AsJson = False,
) -> None:
    """Deliver records again from what has landed, even if the target has them already.

    Say which ones: --problems, --record, or --run.
    """
    if sum([problems, bool(record), run_id is not None]) != 1:
        raise ConfigurationProblem(
            "Which records to replay is not said, or said twice.",
            "Nothing was done.",
            "Give one of --problems, --record KEY (as often as needed) or --run ID.",
        )
    home = here()
    keys = _keys(home, target, record, run_id, reread)
    if not keys:
        if as_json:
            output.document({"runs": []})
        else:
            output.say(f"Nothing to replay: no record of {target} is rejected or failed.")
        return
    company, _, name = target.partition("/")
    with progress() as say:
        say("Loading Dagster")
        from ml_connector.defs.launch import replay

        done = replay(home, company, name, keys, reread=reread, progress=say)
    raise typer.Exit(runs.report(done, as_json))


def _keys(home: Home, name: str, records: list[str] | None, run_id: str | None, reread: bool) -> list[str]:
    """The records that are meant. Raises `ConfigurationProblem` where a named one, or the run, is not known."""
    from ml_connector.store import reports

    with home.open() as opened, opened.database.connect() as connection:
        target = opened.config.target(name)
        if records:
            if not reread and (unknown := reports.unknown(connection, target.company, _entities(target), records)):
                raise _unknown(f"No read has ever met the record {', '.join(unknown)} of {target.company}.")
            return list(dict.fromkeys(records))
        if run_id:
            keys = reports.keys_of_run(connection, target.company, target.name, run_id)
            if not keys:
                raise _unknown(f"No run {run_id} has taken up a record for {name}.")
            return keys
        found = reports.problems(connection, target.company, target.name)
    return list(dict.fromkeys(problem["key"] for problem in found))


def _entities(target: Target) -> set[str]:
    return {flow.entity for flow in target.flows}


def _unknown(what: str) -> ConfigurationProblem:
    return ConfigurationProblem(
        what, "Nothing was done.", "Keys and runs stand in `ml-connector record` and `problems`."
    )
