"""Where the lines of a document stand besides their accounts: subaccount, project and task, and in which branch and
ledger all of them do; and how what belongs to it follows: the months of a line, and what takes the document back.

Places are told by the lines' notes: the first line with a note is the one that is named by it. What stands behind it
under the same note (its VAT), and lines without one, have the place of every line, which is told under "". Named are
only lines that stand elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ml_connector.systems.visma.journals import LINES

Line = Mapping[str, Any]
Place = dict[str, Any]
"""Members of the update model of a journal line."""

SUBACCOUNT, PROJECT, TASK = "subaccount", "project", "projectTask"
MEMBERS = (SUBACCOUNT, PROJECT, TASK)
EVERY = ""
BRANCH, LEDGER = "branch", "ledger"
BOOKS = "books"
"""The fact of a document: its branch and its ledger; without one where it stands in Visma's main one."""


def place_of(line: Line) -> Place:
    """Where a line stands, by the update model or by the read model."""
    segments, project, task = (_plain(line.get(name)) for name in MEMBERS)
    place = {SUBACCOUNT: segments, PROJECT: project, TASK: task}
    return {name: value for name, value in place.items() if value}


def moved(line: Line, place: Place) -> dict[str, Any]:
    """The line at another place."""
    return {**_without(line, *MEMBERS), **place}


def as_it_stands(line: Line, standing: Line) -> dict[str, Any]:
    """A line of the update model at the place at which Visma shows it; what Visma does not show stays as it is."""
    return {
        **{name: value for name, value in line.items() if name not in MEMBERS or name not in standing},
        **place_of(standing),
    }


def places_of(lines: Iterable[Line]) -> dict[str, Place]:
    """Note -> place, of the lines that are named and stand elsewhere than every line."""
    own: dict[str, Place] = {}
    every: Place | None = None  # a document of no total, and without VAT, may have no line but named ones
    for line, name in _named(lines):
        if name == EVERY:
            every = place_of(line) if every is None else every
        else:
            own[name] = place_of(line)
    return {**({} if every is None else {EVERY: every}), **{name: at for name, at in own.items() if at != every}}


def following(lines: Iterable[Line], places: Mapping[str, Place], originals: Mapping[str, str]) -> list[dict[str, Any]]:
    """The lines at the places of those that they follow.

    Args:
        places: of the document that is followed.
        originals: note -> the note that the line had there. A named line that is not among them stays where it is.
    """
    followed = []
    for line, name in _named(lines):
        known = EVERY if name == EVERY else originals.get(name)
        told = known is not None and (known in places or EVERY in places)
        followed.append(moved(line, place_in(places, str(known))) if told else dict(line))
    return followed


def place_in(places: Mapping[str, Place], name: str) -> Place:
    """That of a line of a document."""
    return dict(places.get(name, places.get(EVERY, {})))


def of_both_lines(lines: Sequence[Line], places: Mapping[str, Place]) -> list[dict[str, Any]]:
    """The lines of months, at the place of the line that each is a part of."""
    return [moved(line, place_in(places, line.get("note") or EVERY)) for line in lines]


def without_project(line: Line) -> dict[str, Any]:
    """The line, of no project."""
    return _without(line, PROJECT, TASK)


def books_of(members: Mapping[str, Any]) -> dict[str, Any]:
    """Branch and ledger, by the update model or by the read model of a transaction."""
    return {name: members[name] for name in (BRANCH, LEDGER) if members.get(name)}


def in_books(members: Mapping[str, Any], books: Mapping[str, Any] | None) -> dict[str, Any]:
    """A transaction in these; None: where it is."""
    if books is None:
        return dict(members)
    branch = {BRANCH: books[BRANCH]} if BRANCH in books else {}
    lines = [{**_without(line, BRANCH), **branch} for line in members[LINES]]
    return {**_without(members, BRANCH, LEDGER), **books, LINES: lines}


def _without(members: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in members.items() if name not in names}


def _named(lines: Iterable[Line]) -> Iterator[tuple[Line, str]]:
    """Each with its name; "" for those that have none of their own."""
    seen = {EVERY}
    for line in lines:
        note = str(line.get("note") or EVERY)
        yield line, EVERY if note in seen else note
        seen.add(note)


def _plain(value: Any) -> Any:
    """The id of what the read model describes, or the segments of a subaccount without their descriptions."""
    if isinstance(value, Mapping):
        value = value.get("segments", value.get("id"))
    if isinstance(value, list):
        segments = [one for one in value if isinstance(one, Mapping)]
        return [{"segmentId": one.get("segmentId"), "segmentValue": one.get("segmentValue")} for one in segments]
    return value
