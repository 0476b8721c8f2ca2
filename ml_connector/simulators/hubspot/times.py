"""HubSpot's times: seconds since the epoch inside, `2026-03-02T10:15:30.123Z` outside (reference, section 4)."""

from __future__ import annotations

from datetime import UTC, date, datetime

_DAY_MS = 86_400_000


def shown(at: float) -> str:
    """The time as answers carry it."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def date_value(text: str) -> str:
    """A `date` as it is kept, `YYYY-MM-DD`; from that, or from milliseconds at midnight UTC. Raises ValueError."""
    if text.lstrip("-").isdigit():
        milliseconds = int(text)
        if milliseconds % _DAY_MS:
            raise ValueError(f"{text} is not at midnight UTC.")
        return datetime.fromtimestamp(milliseconds / 1000, UTC).date().isoformat()
    return date.fromisoformat(text).isoformat()


def datetime_value(text: str) -> str:
    """A `datetime` as it is kept; from ISO 8601 or milliseconds, so that ten-digit seconds end in 1970. ValueError."""
    if text.lstrip("-").isdigit():
        return shown(int(text) / 1000)
    time = datetime.fromisoformat(text)
    return shown((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp())


def milliseconds(text: str) -> int:
    """A kept or a searched time as a number; raises ValueError."""
    if text.lstrip("-").isdigit():
        return int(text)
    time = datetime.fromisoformat(text)
    return round((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)
