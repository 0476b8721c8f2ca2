"""The `ml-connector` command.

Exit codes: 0 done; 1 this command rejected or failed records, or a check it made failed; 2 usage or configuration;
3 stopped by the other side; 130 ended by Ctrl-C.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress

import typer

from ml_connector import machine
from ml_connector.cli import (
    audit,
    check,
    credentials,
    demo,
    handled,
    init,
    output,
    preview,
    problems,
    record,
    replay,
    setup,
    simulate,
    status,
    sync,
    webhooks,
)
from ml_connector.cli.interruption import INTERRUPTED
from ml_connector.errors import ConfigurationProblem, Problem


def build() -> typer.Typer:
    """The command with all its subcommands."""
    app = typer.Typer(
        name="ml-connector",
        help="Keeps Visma.net ERP in step with marketing, billing and commerce systems.",
        epilog="Example: ml-connector demo",
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.command("init", epilog=init.EXAMPLE)(init.run)
    app.add_typer(credentials.app, name="credentials")
    app.command("check", epilog=check.EXAMPLE)(check.run)
    app.command("setup", epilog=setup.EXAMPLE)(setup.run)
    app.command("status", epilog=status.EXAMPLE)(status.run)
    app.command("preview", epilog=preview.EXAMPLE)(preview.run)
    app.command("sync", epilog=sync.EXAMPLE)(sync.run)
    app.command("problems", epilog=problems.EXAMPLE)(problems.run)
    app.command("record", epilog=record.EXAMPLE)(record.run)
    app.command("replay", epilog=replay.EXAMPLE)(replay.run)
    app.command("handled", epilog=handled.EXAMPLE)(handled.run)
    app.add_typer(audit.app, name="audit")
    app.command("webhooks", epilog=webhooks.EXAMPLE)(webhooks.run)
    app.command("simulate", epilog=simulate.EXAMPLE)(simulate.run)
    app.command("demo", epilog=demo.EXAMPLE)(demo.run)
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    output.any_letter()
    try:
        code = typer.main.get_command(build()).main(arguments, prog_name="ml-connector", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except Problem as problem:
        return _fail(problem, arguments)
    except typer.TyperException as error:
        return _fail(_usage(error), arguments)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except SystemExit:  # typer's way out where the reader of a pipe has seen enough
        return 0
    except Exception as error:
        if os.environ.get("ML_CONNECTOR_DEBUG"):
            raise
        return _fail(machine.problem_of(error) or _unexpected(error), arguments)


def _fail(problem: Problem, arguments: Sequence[str]) -> int:
    output.problem(problem)
    if "--json" in arguments:
        with suppress(OSError):  # standard output itself may be what failed
            output.document(output.problem_document(problem))
    return problem.exit_code


def _usage(error: typer.TyperException) -> Problem:
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "ml-connector"
    return ConfigurationProblem(error.format_message(), "Nothing was done.", f"See `{command} --help`.")


def _unexpected(error: Exception) -> Problem:
    return Problem(
        f"The command met an error that it has no answer to: {type(error).__name__}: {error}",
        machine.MEANING,
        "Run it again with ML_CONNECTOR_DEBUG=1 to see where it happened, and report that.",
    )
