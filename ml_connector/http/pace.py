"""How fast an account is called: a number of connections, and one brake for all threads.

The brake follows what the server says: `Retry-After`, and the window of `X-RateLimit-Limit`, `-Remaining` and `-Reset`
(seconds left, Visma reference, section 9), in which no call is made that the window no longer holds.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


class TooLong(Exception):
    """The wait is longer than our patience; `seconds` until calls are welcome again.

    `turned_away`: because a call was turned away, and not because the window holds no more of them.
    """

    def __init__(self, seconds: float, *, turned_away: bool) -> None:
        super().__init__(f"calls are welcome again in {seconds:.0f} seconds")
        self.seconds = seconds
        self.turned_away = turned_away


class Pace:
    """Shared by every thread, and by every client, that calls the same account.

    Args:
        connections: calls in flight at most.
        patience: seconds that a call waits at most; a longer wait raises `TooLong`.
        first_pause: seconds that everybody waits at most after a limit was met and the server named no time; up to a
            quarter less, by chance; doubles until a call gets through.
        longest_pause: where the doubling ends.
    """

    def __init__(
        self, connections: int = 4, *, patience: float = 300.0, first_pause: float = 1.0, longest_pause: float = 60.0
    ) -> None:
        self.connections = connections
        self.patience = patience
        self.first_pause = first_pause
        self.longest_pause = longest_pause
        self._slots = threading.BoundedSemaphore(connections)
        self._changed = threading.Condition()
        self._open_at = 0.0  # monotonic time before which nobody calls
        self._braked_at = 0.0
        self._pauses = 0  # limits met in a row without a time named
        self._left: int | None = None  # calls that the server's window still holds, as far as known
        self._window_ends = 0.0
        self._in_flight = 0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """One call's turn: waits for a connection and for the brake. Raises `TooLong`."""
        with self._slots:
            with self._changed:
                while (seconds := self._hold(now := time.monotonic())) > 0:
                    if seconds > self.patience:
                        raise TooLong(seconds, turned_away=self._open_at - now >= seconds)
                    self._changed.wait(seconds)
                if self._left is not None:
                    self._left -= 1
                self._in_flight += 1
            try:
                yield
            finally:
                with self._changed:
                    self._in_flight -= 1

    def _hold(self, now: float) -> float:
        """Seconds until the next call may start."""
        if self._left is not None and now >= self._window_ends:
            self._left = None
        until = self._open_at
        if self._left is not None and self._left <= 0:
            until = max(until, self._window_ends)
        return until - now

    def heed(self, headers: Mapping[str, str]) -> None:
        """Take in what an answer's headers say about the window. To be called within the turn."""
        remaining, reset = _seconds(headers.get("x-ratelimit-remaining")), _seconds(headers.get("x-ratelimit-reset"))
        if remaining is None or reset is None:
            return
        with self._changed:
            ends = time.monotonic() + reset
            others = max(self._in_flight - 1, 0)  # perhaps not counted yet
            left = max(int(remaining) - others, 0)
            same_window = self._left is not None and ends <= self._window_ends + 2  # whole seconds, and the way here
            self._left = min(left, self._left) if same_window and self._left is not None else left
            self._window_ends = ends

    def got_through(self) -> None:
        """A call was not turned away."""
        with self._changed:
            self._pauses = 0

    def brake(self, headers: Mapping[str, str], started: float, wait: float | None = None) -> None:
        """A call that began at `started` (monotonic) was turned away: everybody waits as long as the server says.

        Where it says nothing, everybody waits the vendor's `wait`, in seconds; where that is unknown too, pauses
        double, and calls that were in flight together count once.
        """
        seconds = wait if (named := retry_after(headers)) is None else named
        with self._changed:
            if seconds is None:
                if started < self._braked_at:
                    return
                seconds = min(self.first_pause * 2**self._pauses, self.longest_pause) * random.uniform(0.75, 1.0)
                self._pauses += 1
            self._braked_at = time.monotonic()
            self._open_at = max(self._open_at, self._braked_at + seconds)
            self._changed.notify_all()


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of a `Retry-After` header, given as a number or as a date; None where there is none that can be read."""
    text = headers.get("retry-after")
    if text is None or (seconds := _seconds(text)) is not None:
        return seconds if text is not None else None
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max((moment.astimezone(UTC) - datetime.now(UTC)).total_seconds(), 0.0)


def _seconds(text: str | None) -> float | None:
    try:
        seconds = float(text or "")
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None
