"""`ml-connector check`: asks the real systems whether everything that a sync needs is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import typer

from ml_connector.accounts import connect_source, connect_target
from ml_connector.cli import output
from ml_connector.cli.arguments import Selection, opened
from ml_connector.cli.interruption import Say
from ml_connector.cli.progress import progress
from ml_connector.config import Source, Target
from ml_connector.errors import Problem, StoppedProblem
from ml_connector.home import OpenHome
from ml_connector.systems.registry import Finding

EXAMPLE = "Example: ml-connector check nordic/mailchimp"
NOT_OK = 1
MANY_WINDOWS = 500


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found out about one account.

    Attributes:
        problem: what ended the check of this account early.
    """

    account: str
    system: str
    findings: list[Finding]
    problem: Problem | None

    @property
    def exit_code(self) -> int:
        if self.problem:
            return self.problem.exit_code
        if any(finding.refused for finding in self.findings):
            return StoppedProblem.exit_code
        return 0 if all(finding.ok for finding in self.findings) else NOT_OK

    @property
    def rows(self) -> Iterator[Finding]:
        yield from self.findings
        if self.problem:
            yield Finding("connection", False, self.problem.what, self.problem.meaning, self.problem.action)


def run(selection: Selection = None, as_json: output.AsJson = False) -> None:
    """Ask the real systems: credentials, rights, needed objects, quota left. Changes nothing.

    Ends with 0 where all is well, 1 where something is not as needed, 2 where credentials are missing here, and 3 where
    a system cannot be worked with at all: it refuses the credentials, the tenant or the audience, or does not answer.
    """
    with progress() as say, opened() as home:
        checked = check(home, home.config.accounts(selection), say)
    if as_json:
        output.document([_plain(one, finding) for one in checked for finding in one.rows])
    else:
        show(checked)
    raise typer.Exit(max(one.exit_code for one in checked))


def check(home: OpenHome, accounts: Sequence[Source | Target], say: Say) -> list[Checked]:
    """Check these accounts, one after the other; a problem with one does not keep the others from being checked."""
    checked = []
    for account in accounts:
        say(f"Asking {account.system.title} for {account.id}")
        checked.append(_check(home, account))
    return checked


def show(checked: list[Checked]) -> None:
    """A table of everything, then three parts for what is not ok, and for what is but could be better."""
    rows = [(one.account, finding.subject, finding) for one in checked for finding in one.rows]
    output.table(
        {
            "Account": lambda row: row[0],
            "What": lambda row: row[1],
            "": lambda row: _verdict(row[2]),
            "Found": lambda row: row[2].what,
        },
        rows,
    )
    for account, subject, finding in rows:
        if finding.action:
            output.say()
            output.say(f"{account}, {subject}: {finding.what}")
            output.say(finding.meaning)
            output.say(finding.action)


def _verdict(finding: Finding) -> str:
    if not finding.ok:
        return "NOT OK"
    return "ok, but" if finding.action else "ok"


def _check(home: OpenHome, account: Source | Target) -> Checked:
    findings: list[Finding] = []
    if isinstance(account, Source) and account.target is None:
        findings.extend(_windows(home, account))
    try:
        if isinstance(account, Source):
            needed = [entity.name for entity in home.config.company(account.company).read_of(account)]
            with connect_source(home, account) as source:
                findings.extend(source.check(needed))
        else:
            with connect_target(home, account) as target:
                findings.extend(target.check())
    except Problem as problem:
        return Checked(account.id, account.system.name, findings, problem)
    return Checked(account.id, account.system.name, findings, None)


def _windows(home: OpenHome, source: Source) -> Iterator[Finding]:
    """A remark where far more windows lie before the first read than people will ever look at."""
    company = home.config.company(source.company)
    windows, now = company.windows, datetime.now(UTC)
    number = int((now - windows.start) / windows.length)
    readings = home.ledger(company.name).readings
    if number <= MANY_WINDOWS or any(readings.coverage(entity.name).until for entity in company.entities):
        return
    yield Finding(
        "windows",
        True,
        f"`start: {company.start}` and `window` make {number:,} windows before now, and nothing has been read yet.",
        "It works, but Dagster shows most of them as missing for ever, and is slower with each.",
        "Set `start` to today, or a longer `window`, before the first sync: everything is delivered all the same.",
    )


def _plain(one: Checked, finding: Finding) -> dict[str, object]:
    return {
        "account": one.account,
        "system": one.system,
        "subject": finding.subject,
        "ok": finding.ok,
        "what": finding.what,
        "meaning": finding.meaning,
        "action": finding.action,
    }
