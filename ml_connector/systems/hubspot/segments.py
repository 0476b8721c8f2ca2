"""The segments of subaccounts on a document's lines, as people read them: `10 Sales, 20 Operations`.

A line names its subaccount with the value of each segment, and what it was called when the row was written. What it is
called now stands in the dimension `SUBACCOUNT` (Visma reference, section 7), so that goes first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Annotated, Final

from pydantic import Field

from ml_connector.engine.records import Record
from ml_connector.systems.hubspot.fields import as_text
from ml_connector.systems.hubspot.parties import parsed
from ml_connector.systems.visma.models import Dimension, SubaccountRef

DIMENSIONS: Final = "visma.dimensions"
SUBACCOUNT: Final = "SUBACCOUNT"

SegmentNumber = Annotated[int, Field(ge=1, strict=True)]

Names = Mapping[tuple[int, str], str]
"""Segment and value -> what the value is called."""


def segment_names(record: Record) -> Names:
    """What the values of the subaccounts' segments are called."""
    return _names(tuple(record.secondary.get(DIMENSIONS, ())))


def segment_properties(
    wanted: Mapping[str, int], subaccounts: Iterable[SubaccountRef | None], names: Names
) -> dict[str, str]:
    """Property -> the values that the subaccounts have in its segment, each once, in their order."""
    held = [segment for one in subaccounts if one is not None for segment in one.segments]
    found: dict[str, dict[str, None]] = {name: {} for name in wanted}
    for name, number in wanted.items():
        for segment in held:
            value = as_text(segment.segment_value)
            if segment.segment_id == number and value:
                told = names.get((number, value)) or as_text(segment.segment_value_description)
                found[name][f"{value} {told}".rstrip()] = None
    return {name: as_text(", ".join(values)) for name, values in found.items()}


@lru_cache(maxsize=4)
def _names(rows: tuple[bytes, ...]) -> Names:
    read = (parsed(Dimension, row) for row in rows)
    return {
        (segment.segment_id, as_text(value.value_id)): as_text(value.description)
        for dimension in read
        if isinstance(dimension, Dimension) and dimension.id == SUBACCOUNT
        for segment in dimension.segments
        if segment.segment_id is not None
        for value in segment.segment_values
    }
