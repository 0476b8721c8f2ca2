"""What takes a document back stands where that stands: at its subaccounts, project and tasks, as they were told when it
was delivered, whatever is configured by now. Pure.

What was delivered by an earlier version tells nothing; then a body stays as it was mapped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ml_connector.systems.chargebee.journals import ORIGINAL, ORIGINALS
from ml_connector.systems.visma.invoice_writer import TASK_HERE
from ml_connector.systems.visma.journals import LINES
from ml_connector.systems.visma.places import EVERY, PROJECT, SUBACCOUNT, TASK, following, place_in

Body = Mapping[str, Any]

SEVERAL = (
    "What it takes back stands on several projects in Visma, and an invoice or credit note has one. Post it in Visma "
    "by hand."
)


def where_the_original_stands(body: Body) -> Body:
    """A transaction, moved to the places of the one that it takes back."""
    if (places := body.get(ORIGINAL)) is None:
        return body
    members = body["members"]
    return {**body, "members": {**members, LINES: following(members[LINES], places, body[ORIGINALS])}}


def invoiced_where_the_original_stands(body: Body) -> Body | None:
    """The same of an invoice or a credit note; None where its lines would stand on several projects."""
    if (places := body.get(ORIGINAL)) is None:
        return body
    members, originals = body["members"], body[ORIGINALS]
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
