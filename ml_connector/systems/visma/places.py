"""Where the lines of a document stand besides their accounts: subaccount, project and task; and how what belongs to it
follows: the months of a line, and what takes the document back.

Places are told by the lines' notes: the first line with a note is the one that is named by it. What stands behind it
under the same note (its VAT), and lines without one, have the place of every line, which is told under "". Named are
only lines that stand elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Line = Mapping[str, Any]
Place = dict[str, Any]
"""Members of the update model of a journal line."""

SUBACCOUNT, PROJECT, TASK = "subaccount", "project", "projectTask"
MEMBERS = (SUBACCOUNT, PROJECT, TASK)
EVERY = ""


def place_of(line: Line) -> Place:
    """Where a line stands, by the update model or by the read model."""
    segments, project, task = (_plain(line.get(name)) for name in MEMBERS)
    place = {SUBACCOUNT: segments, PROJECT: project, TASK: task}
    return {name: value for name, value in place.items() if value}


def moved(line: Line, place: Place) -> dict[str, Any]:
    """The line at another place."""
    return {**{name: value for name, value in line.items() if name not in MEMBERS}, **place}


def as_it_stands(line: Line, standing: Line) -> dict[str, Any]:
    """A line of the update model at the place at which Visma shows it; what Visma does not show stays as it is."""
    return {
        **{name: value for name, value in line.items() if name not in MEMBERS or name not in standing},
        **place_of(standing),
    }


def places_of(lines: Iterable[Line]) -> dict[str, Place]:
    """Note -> place, of the lines that are named and stand elsewhere than every line."""
    own: dict[str, Place] = {}
    every: Place | None = None
    for line, name in _named(lines):
        if name == EVERY:
            every = place_of(line) if every is None else every
        else:
            own[name] = place_of(line)
    return {EVERY: every or {}, **{name: place for name, place in own.items() if place != (every or {})}}


def following(lines: Iterable[Line], places: Mapping[str, Place], originals: Mapping[str, str]) -> list[dict[str, Any]]:
    """The lines at the places of those that they follow.

    Args:
        places: of the document that is followed.
        originals: note -> the note that the line had there. A named line that is not among them stays where it is.
    """
    followed = []
    for line, name in _named(lines):
        known = EVERY if name == EVERY else originals.get(name)
        followed.append(dict(line) if known is None else moved(line, place_in(places, known)))
    return followed


def place_in(places: Mapping[str, Place], name: str) -> Place:
    """That of a line of a document."""
    return dict(places.get(name, places.get(EVERY, {})))


def of_both_lines(lines: Sequence[Line], places: Mapping[str, Place]) -> list[dict[str, Any]]:
    """The lines of months, at the place of the line that each is a part of."""
    return [moved(line, place_in(places, line.get("note") or EVERY)) for line in lines]


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
