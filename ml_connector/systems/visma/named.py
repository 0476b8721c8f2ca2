"""What other systems' settings name in Visma (accounts, VAT codes, branches, ledgers ...), and whether it is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from ml_connector.http import Stopped
from ml_connector.systems.registry import Finding
from ml_connector.systems.visma.listings import ACCOUNTS, BRANCHES, LEDGERS, PROJECTS, SUBACCOUNTS, VAT_CODES, Listing
from ml_connector.systems.visma.reader import Reader

CONTROL = "allowManualEntry"
MEANING = "What needs it is refused."
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Named:
    """Each by its name in Visma, with what it is for.

    Attributes:
        subaccounts: each by the values of its segments, `{1: "10", 2: "0100"}`.
        tasks: each with its project before it.
    """

    accounts: Mapping[str, str] = field(default_factory=dict)
    vat_codes: Mapping[str, str] = field(default_factory=dict)
    branches: Mapping[str, str] = field(default_factory=dict)
    ledgers: Mapping[str, str] = field(default_factory=dict)
    subaccounts: Sequence[tuple[Mapping[int, str], str]] = ()
    projects: Mapping[str, str] = field(default_factory=dict)
    tasks: Sequence[tuple[str, str, str]] = ()


def check_named(reader: Reader, named: Named) -> Iterator[Finding]:
    """One finding for each; a list of which nothing is named is not asked for."""
    yield from _of(reader, ACCOUNTS, "account", named.accounts, _of_account)
    yield from _of(reader, VAT_CODES, "VAT code", named.vat_codes, _of_what_is_always_active)
    yield from _of(reader, BRANCHES, "branch", named.branches, _of_branch)
    yield from _of(reader, LEDGERS, "ledger", named.ledgers, _of_what_is_always_active)
    if named.subaccounts:
        yield from _of_subaccounts(reader, named.subaccounts)
    if named.projects:
        yield from _of_projects(reader, named.projects)
    for project, task, purpose in named.tasks:
        yield Finding(
            f"task {task} of project {project} ({purpose})",
            True,
            "Whether the project has it, no list tells.",
            "What is posted to a task that is not there is refused, and stands under problems.",
            "See in Visma that the project has it.",
        )


def _of(
    reader: Reader, listing: Listing, what: str, named: Mapping[str, str], judge: Callable[[str, Row], Finding]
) -> Iterator[Finding]:
    if not named:
        return
    try:
        rows = dict(_rows(reader, listing))
    except Stopped as stopped:
        yield _unreadable(listing, stopped)
        return
    for name, purpose in named.items():
        subject = f"{what} {name} ({purpose})"
        yield judge(subject, rows[name]) if name in rows else _unknown(subject)


def _of_account(subject: str, row: Row) -> Finding:
    if not row.get("active", True):
        return _inactive(subject)
    if row.get(CONTROL) is False:
        what = "It is a control account without manual entries."
        return Finding(subject, False, what, MEANING, "Name another one: Visma posts to this one by itself.")
    return _there(subject, row, "description")


def _of_what_is_always_active(subject: str, row: Row) -> Finding:
    return _there(subject, row, "description")


def _of_branch(subject: str, row: Row) -> Finding:
    return _there(subject, row, "name") if row.get("isActive", True) else _inactive(subject)


def _of_subaccounts(reader: Reader, named: Sequence[tuple[Mapping[int, str], str]]) -> Iterator[Finding]:
    try:
        rows = [(_segments(row), row) for _, row in _rows(reader, SUBACCOUNTS)]
    except Stopped as stopped:
        yield _unreadable(SUBACCOUNTS, stopped)
        return
    for segments, purpose in named:
        subject = f"subaccount {'-'.join(value for _, value in sorted(segments.items()))} ({purpose})"
        row = next((row for known, row in rows if known == segments), None)
        if row is None:
            yield _unknown(subject)
        else:
            yield _there(subject, row, "description") if row.get("active", True) else _inactive(subject)


def _of_projects(reader: Reader, named: Mapping[str, str]) -> Iterator[Finding]:
    """There is a list of projects, and nobody says what its rows call their id: any value of a row may be it."""
    try:
        rows = [row for _, row in _rows(reader, PROJECTS)]
    except Stopped as stopped:
        yield _unreadable(PROJECTS, stopped)
        return
    for name, purpose in named.items():
        subject = f"project {name} ({purpose})"
        row = next((row for row in rows if name in _values(row)), None)
        yield _unknown(subject) if row is None else _there(subject, row, "description")


def _values(row: Row) -> Iterator[str]:
    for value in row.values():
        if isinstance(value, Mapping):
            yield from _values(value)
        elif isinstance(value, str | int):
            yield str(value)


def _segments(row: Row) -> dict[Any, str]:
    segments = row.get("segments") or ()
    return {one.get("segmentId"): str(one.get("segmentValue")) for one in segments if isinstance(one, Mapping)}


def _rows(reader: Reader, listing: Listing) -> Iterator[tuple[str, Row]]:
    """Each with its key. Raises Stopped."""
    for page in reader.whole(listing):
        for row in page.rows:
            members = orjson.loads(row.payload)
            if isinstance(members, Mapping):
                yield row.key, members


def _there(subject: str, row: Row, words: str) -> Finding:
    return Finding(subject, True, str(row.get(words) or "It exists."))


def _unknown(subject: str) -> Finding:
    action = "Correct the settings, or create it in Visma."
    return Finding(subject, False, "Visma does not know it.", MEANING, action)


def _inactive(subject: str) -> Finding:
    return Finding(subject, False, "It is inactive.", MEANING, "Activate it in Visma, or name another one.")


def _unreadable(listing: Listing, stopped: Stopped) -> Finding:
    title = listing.entity.title
    return Finding(title.lower(), False, f"{title} cannot be read. {stopped.what}", stopped.meaning, stopped.action)
