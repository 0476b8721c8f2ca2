"""Visma's moments: stamps mostly carry no zone, filters never do (Visma reference, section 5).

A zone-less stamp within the hour that October repeats has two meanings. The later one is taken, unless it lies after
the moment of reading: so a row that is read within most of an hour after its change gets its true moment, and
successive versions of a record keep their order. A filter value asks from before the repeated hour whenever the bound
lies in its first pass, because what changed in the second pass has an earlier wall clock.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

CLOCKS_APART = timedelta(minutes=5)
"""How far the server's clock may be ahead of ours; what is further off stops the read before."""


def parse_stamp(text: Any, zone: ZoneInfo, read_at: datetime) -> datetime | None:
    """The moment of a stamp, aware UTC; 0 to 7 digits of fraction. An offset or `Z` wins over the zone.

    None for whatever is no stamp, the first and last days of the calendar included, which stand for "never".
    """
    try:
        stamp = datetime.fromisoformat(text)
        if stamp.tzinfo is not None:
            return stamp.astimezone(UTC)
        later = stamp.replace(tzinfo=zone, fold=1).astimezone(UTC)
        if later <= read_at + CLOCKS_APART:
            return later
        return stamp.replace(tzinfo=zone, fold=0).astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None


def filter_value(moment: datetime, zone: ZoneInfo) -> str:
    """A lower bound as filters take it: whole seconds, no zone. No change at or after `moment` lies before it."""
    local = moment.astimezone(zone)
    wall = local.replace(tzinfo=None, microsecond=0)
    if local.fold == 0 and (again := local.replace(fold=1).utcoffset()) != local.utcoffset():
        wall -= (local.utcoffset() or timedelta()) - (again or timedelta())
    return wall.isoformat()
