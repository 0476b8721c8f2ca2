"""`ml-connector handled`: says of rejected records that a person took care of them."""

from __future__ import annotations

from typing import Annotated

import typer

from ml_connector.cli import output
from ml_connector.cli.arguments import OneTarget, here
from ml_connector.cli.progress import progress
from ml_connector.errors import ConfigurationProblem

EXAMPLE = 'Example: ml-connector handled nordic/mailchimp --record 10042 --note "Called her; she wants no mail"'

Records = Annotated[list[str], typer.Option("--record", metavar="KEY", help="This record; may be repeated.")]
Note = Annotated[str, typer.Option("--note", help="What was done, by whom: it stands in the audit.")]


def run(target: OneTarget, record: Records, note: Note, as_json: output.AsJson = False) -> None:
    """Take rejected records and refused events off the problems, because a person did by hand what was to be done.

    It holds until the record changes at its source; a replay judges it anew. The checks are made again.
    """
    if not note.strip():
        raise ConfigurationProblem("The note is empty.", "Nothing was done.", "Say what was done, and by whom.")
    company, _, name = target.partition("/")
    with progress() as say:
        say("Loading Dagster")
        from ml_connector.defs.launch import handle

        done = handle(here(), company, name, list(dict.fromkeys(record)), note.strip(), progress=say)
    if as_json:
        output.document(done)
    else:
        output.say(f"Handled by hand: {', '.join(done['handled'])}.")
        for check in done["checks"]:
            if not check["passed"]:
                output.note(f"Check {check['check']} of {check['asset']} is red: {check['what']}")
