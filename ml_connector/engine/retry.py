"""When a failed record is tried again, and when it is given up."""

from __future__ import annotations

from datetime import datetime, timedelta

WAITS = (
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=4),
    timedelta(hours=12),
    timedelta(days=1),
)
GIVE_UP_AFTER = 10  # failures in a row: more than five days with the waits above


def next_try(failures: int, now: datetime) -> datetime | None:
    """When to try again after so many failures in a row (1 = the first); None: it is given up."""
    if failures >= GIVE_UP_AFTER:
        return None
    return now + WAITS[min(failures, len(WAITS)) - 1]
