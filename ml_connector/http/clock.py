"""Compares the local clock with the other side's, because reads and token times rest on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from ml_connector.http.errors import stop

TOLERANCE = timedelta(minutes=5)


class ClockDrift:
    """Stops at the first answer whose `Date` is more than five minutes from the local clock.

    Attributes:
        drift: the server's clock less ours, of the first answer; None before it.
    """

    def __init__(self, name: str, clock: Callable[[], datetime]) -> None:
        self.name = name
        self.clock = clock
        self.drift: timedelta | None = None

    def check(self, headers: Mapping[str, str]) -> None:
        """Look at an answer; only the first one that is dated counts. Raises `Stopped`."""
        if self.drift is not None and abs(self.drift) <= TOLERANCE:
            return
        if (theirs := parse_date(headers.get("date"))) is None:
            return
        ours = self.clock()
        self.drift = theirs - ours
        if abs(self.drift) > TOLERANCE:
            raise stop(
                self.name,
                "clock",
                f"its clock says {theirs:%Y-%m-%d %H:%M:%S} UTC and this machine's says {ours:%Y-%m-%d %H:%M:%S} UTC: "
                "a clock is far off",
                "Set this machine's clock (NTP), then run again. Nothing was written.",
            )


def parse_date(text: str | None) -> datetime | None:
    """The moment of a `Date` header, aware UTC; None where it cannot be read."""
    try:
        moment = parsedate_to_datetime(text or "")
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def now() -> datetime:
    """The local clock, aware UTC."""
    return datetime.now(UTC)
