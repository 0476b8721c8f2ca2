"""`ml-connector sync`: polls and delivers what is due, through Dagster, in this process."""

from __future__ import annotations

from typing import Annotated

import typer

from ml_connector.cli import output, runs
from ml_connector.cli.arguments import CompanyOrTarget, here
from ml_connector.cli.progress import progress

EXAMPLE = "Example: ml-connector sync nordic/mailchimp"

Full = Annotated[bool, typer.Option("--full", help="Read everything again, not only what changed.")]


def run(selection: CompanyOrTarget, full: Full = False, as_json: output.AsJson = False) -> None:
    """Read what changed and deliver what is due, now, in this process.

    The same jobs run that Dagster's schedule and sensors start, and they are seen in its pages. Where another run works
    on the same source or target, this one waits for it.
    """
    home = here()
    home.config().accounts(selection)
    company, _, target = selection.partition("/")
    with progress() as say:
        say("Loading Dagster")
        from ml_connector.defs.launch import sync

        done = sync(home, company, target or None, full=full, progress=say)
    raise typer.Exit(runs.report(done, as_json))
