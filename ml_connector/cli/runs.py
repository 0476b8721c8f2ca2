"""What a sync or a replay did: tables for people, and the exit code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ml_connector.cli import output
from ml_connector.cli.output import Columns
from ml_connector.errors import Problem

COUNTS = ("read", "created", "updated", "unchanged", "skipped", "rejected", "failed")
UNDELIVERED = ("rejected", "failed")
NAMED = 10
"""So many records are named in a note."""
Run = Mapping[str, Any]


def show(rounds: Mapping[str, Sequence[Run]]) -> None:
    """Reads and deliveries of one or more rounds; each row says of which round it is, if there are several."""
    named = [(name, run) for name, runs in rounds.items() for run in runs]
    reads = [{"round": name, **run, **read} for name, run in named for read in run.get("reads", ())]
    flows = [{"round": name, **run, **flow} for name, run in named for flow in run["flows"]]
    first: Columns = {"Round": "round"} if len(rounds) > 1 else {}
    last: Columns = {"API calls": "calls", "Seconds": "seconds"}
    if reads:
        of: Columns = {"Read": lambda row: f"{row['company']}: {row['entity']}"}
        output.table({**first, **of, "Rows": "rows", "New versions": "landed", "Vanished": "vanished", **last}, reads)
        output.say()
    to: Columns = {"Delivered": lambda row: f"{row['company']}/{row['target']}: {row['flow']}"}
    output.table({**first, **to, **{count.capitalize(): count for count in COUNTS}, **last}, flows)


def report(runs: Sequence[Run], as_json: bool) -> int:
    """Print what the runs did; returns the command's exit code."""
    if as_json:
        output.document({"runs": runs})
    else:
        show({"": runs})
    for run in runs:
        if run["problem"]:
            output.problem(_problem(run))
        for read in run.get("reads", ()):
            if read["note"]:
                output.note(f"{run['company']}/{run['target']}, {read['entity']}: {read['note']}")
        for held in run.get("held_back", ()):
            output.note(_held_back(run, held))
        for check in run.get("checks", ()):
            if not check["passed"]:
                output.note(f"Check {check['check']} of {check['asset']} is red: {check['what']}")
    return exit_code(runs)


def exit_code(runs: Sequence[Run]) -> int:
    """That of the worst problem; 1 where a record was rejected, failed or held back, or a check is red; else 0."""
    problems = [int(run["problem"]["exit_code"]) for run in runs if run["problem"]]
    undelivered = any(flow[count] for run in runs for flow in run["flows"] for count in UNDELIVERED)
    held = any(run.get("held_back") for run in runs)
    red = any(not check["passed"] for run in runs for check in run.get("checks", ()))
    return max([*problems, int(undelivered or red or held)])


def _held_back(run: Run, held: Mapping[str, Any]) -> str:
    shown = ", ".join(held["keys"][:NAMED])
    more = f" and {len(held['keys']) - NAMED} more" if len(held["keys"]) > NAMED else ""
    return (
        f"Not sent to {run['company']}/{run['target']} by {held['flow']}: {shown}{more}. They landed after the last "
        f"complete read of {' and '.join(held['waits_for'])}, where something may say no. They go by themselves after "
        "the next one; `ml-connector replay` with `--reread` reads first."
    )


def _problem(run: Run) -> Problem:
    found = run["problem"]
    return Problem(f"{run['company']}/{run['target']}: {found['what']}", found["meaning"], found["action"])
