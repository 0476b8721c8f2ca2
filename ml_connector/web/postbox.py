"""Stores events before they are answered: everything that waits goes into one transaction, so that the disk is waited
for once for all of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ml_connector.config import Target
from ml_connector.home import OpenHome

MOST = 500
"""Events in one transaction."""
LONGEST_QUEUE = 5_000
"""Events that may wait; more are turned away, and come again."""


class Full(Exception):
    """Too many events wait."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One event on its way into an inbox."""

    target: Target
    event_id: str
    body: bytes
    at: datetime
    stored: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Postbox:
    """One writer for all inboxes of a home; to be started in a running event loop."""

    def __init__(self, home: OpenHome) -> None:
        self._home = home
        self._queue: asyncio.Queue[Letter] = asyncio.Queue(LONGEST_QUEUE)
        self._writer: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._writer = asyncio.create_task(self._write())

    async def stop(self) -> None:
        """Store what waits, then end."""
        if self._writer is not None:
            await self._queue.join()
            self._writer.cancel()

    async def put(self, target: Target, event_id: str, body: bytes) -> None:
        """Returns once the event is in the inbox, for good. Raises `Full`, and whatever the database raises."""
        letter = Letter(target, event_id, body, datetime.now(UTC))
        try:
            self._queue.put_nowait(letter)
        except asyncio.QueueFull:
            raise Full from None
        await letter.stored

    async def _write(self) -> None:
        while True:
            letters = [await self._queue.get()]
            while len(letters) < MOST and not self._queue.empty():
                letters.append(self._queue.get_nowait())
            try:
                await asyncio.to_thread(self._store, letters)
            except Exception as error:
                for letter in letters:
                    _settle(letter, error)
            else:
                for letter in letters:
                    _settle(letter, None)
            finally:
                for _ in letters:
                    self._queue.task_done()

    def _store(self, letters: Sequence[Letter]) -> None:
        by_target: dict[str, list[Letter]] = {}
        for letter in letters:
            by_target.setdefault(letter.target.id, []).append(letter)
        with self._home.database.begin() as connection:
            for some in by_target.values():
                target = some[0].target
                inbox = self._home.ledger(target.company).inbox(target.name)
                inbox.add(connection, [(letter.event_id, letter.body, letter.at) for letter in some])


def _settle(letter: Letter, error: Exception | None) -> None:
    if letter.stored.done():  # the caller has gone
        return
    if error is None:
        letter.stored.set_result(None)
    else:
        letter.stored.set_exception(error)
