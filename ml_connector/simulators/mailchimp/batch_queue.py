"""Batches on their way from pending to finished, one after the other (Mailchimp reference, section 10)."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ml_connector.simulators.mailchimp.batch_archive import Signer, build
from ml_connector.simulators.mailchimp.member_view import link
from ml_connector.simulators.mailchimp.settings import MailchimpSettings
from ml_connector.simulators.mailchimp.times import shown

SLICE_SECONDS = 0.004
"""How long operations run before other calls get their turn."""

Execute = Callable[[dict[str, Any], str], dict[str, Any]]
"""Runs one operation, for the caller's base URL: {status_code, operation_id, response}."""


@dataclass(slots=True, kw_only=True)
class Batch:
    """One batch. Operations go when they are done; the archive stays."""

    id: str
    submitted_at: float
    base_url: str
    operations: Sequence[dict[str, Any]]
    status: str = "pending"
    total: int = 0
    finished: int = 0
    errored: int = 0
    completed_at: float = 0.0
    archive: bytes = b""
    results: list[dict[str, Any]] = field(default_factory=list)

    def view(self, base_url: str, archive_url: str) -> dict[str, Any]:
        """The batch as the API shows it; the URL only once it is finished."""
        own = f"/batches/{self.id}"
        return {
            "id": self.id,
            "status": self.status,
            "total_operations": self.total,
            "finished_operations": self.finished,
            "errored_operations": self.errored,
            "submitted_at": shown(self.submitted_at),
            "completed_at": shown(self.completed_at),
            "response_body_url": archive_url if self.status == "finished" else "",
            "_links": [link(base_url, "self", own), link(base_url, "delete", own, "DELETE")],
        }


class BatchQueue:
    """The batches of the account, and the task that works through them."""

    def __init__(self, settings: MailchimpSettings, execute: Execute) -> None:
        self.batches: dict[str, Batch] = {}
        self.signer = Signer()
        self._settings = settings
        self._execute = execute
        self._queue: deque[Batch] = deque()
        self._closing: set[asyncio.Task[None]] = set()
        self._worker: asyncio.Task[None] | None = None

    def submit(self, operations: Sequence[dict[str, Any]], base_url: str) -> Batch:
        """Take a batch; it is worked on after this call has been answered."""
        now = self._settings.now().timestamp()
        batch = Batch(id=secrets.token_hex(5), submitted_at=now, base_url=base_url, operations=operations)
        self.batches[batch.id] = batch
        self._queue.append(batch)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.get_running_loop().create_task(self._work())
        return batch

    def pending(self) -> int:
        """Batches that are not finished."""
        return sum(batch.status != "finished" for batch in self.batches.values())

    def delete(self, batch: Batch) -> None:
        """Stop a batch; what it did stays done, its results are gone."""
        del self.batches[batch.id]

    def clear(self) -> None:
        """Stop and forget everything."""
        for task in (self._worker, *self._closing):
            if task is not None:
                task.cancel()
        self._worker = None
        self.batches.clear()
        self._queue.clear()

    async def _work(self) -> None:
        while self._queue:
            batch = self._queue.popleft()
            await self._until(batch, 1 / 3)
            await self._run(batch)
            task = asyncio.get_running_loop().create_task(self._close(batch))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def _run(self, batch: Batch) -> None:
        batch.status = "preprocessing"
        await asyncio.sleep(0)
        batch.status = "started"
        batch.total = len(batch.operations)
        slice_end = time.perf_counter() + SLICE_SECONDS
        for operation in batch.operations:
            if batch.id not in self.batches:
                return
            result = self._execute(operation, batch.base_url)
            batch.results.append(result)
            batch.finished += 1
            batch.errored += result["status_code"] >= 400
            if time.perf_counter() >= slice_end:
                await asyncio.sleep(0)
                slice_end = time.perf_counter() + SLICE_SECONDS
        batch.status = "finalizing"
        batch.operations = ()

    async def _close(self, batch: Batch) -> None:
        per_file = self._settings.archive_file_operations
        batch.archive = await asyncio.to_thread(build, batch.id, batch.results, per_file)
        batch.results = []
        await self._until(batch, 1.0)
        batch.completed_at = self._settings.now().timestamp()
        batch.status = "finished"

    async def _until(self, batch: Batch, share: float) -> None:
        """Wait for a share of the shortest time that a batch takes, counted from its submission."""
        due = batch.submitted_at + self._settings.batch_seconds * share
        await asyncio.sleep(max(0.0, due - self._settings.now().timestamp()))
