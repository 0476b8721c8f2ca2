"""`ml-connector setup`: creates at a target what its flows need."""

from __future__ import annotations

from typing import Annotated

import typer

from ml_connector.accounts import connect_target
from ml_connector.cli import output
from ml_connector.cli.arguments import OneTarget, opened
from ml_connector.cli.progress import progress

EXAMPLE = "Example: ml-connector setup nordic/mailchimp --yes"

Yes = Annotated[bool, typer.Option("--yes", help="Do it; without this it is only shown.")]


def run(target: OneTarget, yes: Yes = False, as_json: output.AsJson = False) -> None:
    """Create what the target lacks: properties, merge fields, custom objects. Shows them first; --yes does it.

    Doing it twice changes nothing.
    """
    with progress() as say, opened() as home, connect_target(home, home.config.target(target)) as account:
        say(f"Asking {target} what it lacks")
        steps = account.setup()
        for step in steps:
            if yes:
                say(step.title)
                step.apply()
    if as_json:
        output.document({"target": target, "steps": [{"title": step.title, "done": yes} for step in steps]})
    elif not steps:
        output.say(f"{target} lacks nothing.")
    else:
        output.table({"Step": lambda step: step.title, "Done": lambda _: yes}, steps)
        if not yes:
            output.say(f"Nothing was changed. Do it: ml-connector setup {target} --yes")
