"""What takes a document back stands where that stands: at its subaccounts, project and tasks, as they were told when it
was delivered, whatever is configured by now. Pure.

What was delivered by an earlier version tells nothing; then a body stays as it was mapped, but of no project, which
that version did not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ml_connector.systems.chargebee.journals import ORIGINAL, ORIGINALS, STANDS
from ml_connector.systems.visma.invoice_writer import BRANCH_HERE, TASK_HERE
from ml_connector.systems.visma.journals import LINES
from ml_connector.systems.visma.places import (
    BOOKS,
    BRANCH,
    EVERY,
    PROJECT,
    SUBACCOUNT,
    TASK,
    following,
    in_books,
    place_in,
    without_project,
)

Body = Mapping[str, Any]

SEVERAL = (
    "What it takes back stands on several projects in Visma, and an invoice or credit note has one. Post it in Visma "
    "by hand."
)


def where_the_original_stands(body: Body) -> Body:
    """A transaction, moved to the places of the one that it takes back."""
    members, places = body["members"], body.get(ORIGINAL)
    lines = members[LINES]
    if places is not None:
        lines = following(lines, places, body[ORIGINALS])
    elif STANDS in body:
        lines = [without_project(line) for line in lines]
    return {**body, "members": in_books({**members, LINES: lines}, body.get(BOOKS))}


def invoiced_where_the_original_stands(body: Body) -> Body | None:
    """The same of an invoice or a credit note; None where its lines would stand on several projects."""
    members, originals, places = _in_books(body["members"], body.get(BOOKS)), body[ORIGINALS], body.get(ORIGINAL)
    if places is None:
        return {**body, "members": _without_project(members) if STANDS in body else members}
    every, lines, projects = place_in(places, EVERY), [], set()
    for name, line in zip(body["names"], members["lines"], strict=True):
        if name in originals:
            place = place_in(places, originals[name])
            projects.add(place.get(PROJECT))
            bare = {member: value for member, value in line.items() if member not in (SUBACCOUNT, TASK_HERE)}
            segments = {SUBACCOUNT: place[SUBACCOUNT]} if SUBACCOUNT in place else {}
            lines.append({**bare, **segments, **({TASK_HERE: place[TASK]} if TASK in place else {})})
        elif members.get(PROJECT) == every.get(PROJECT):
            lines.append(dict(line))
        else:  # its task is one of another project
            lines.append({member: value for member, value in line.items() if member != TASK_HERE})
    if len(projects) > 1:
        return None
    project = projects.pop() if projects else every.get(PROJECT)
    header = {member: value for member, value in members.items() if member != PROJECT}
    return {**body, "members": {**header, **({PROJECT: project} if project else {}), "lines": lines}}


def _in_books(members: Body, books: Mapping[str, Any] | None) -> dict[str, Any]:
    """Invoices have a branch, and no ledger of their own."""
    if books is None:
        return dict(members)
    branch = {BRANCH_HERE: books[BRANCH]} if BRANCH in books else {}
    lines = [{**_without(line, BRANCH_HERE), **branch} for line in members["lines"]]
    return {**_without(members, BRANCH_HERE), **branch, "lines": lines}


def _without_project(members: Body) -> dict[str, Any]:
    return {**_without(members, PROJECT), "lines": [_without(line, TASK_HERE) for line in members["lines"]]}


def _without(members: Body, name: str) -> dict[str, Any]:
    return {known: value for known, value in members.items() if known != name}
