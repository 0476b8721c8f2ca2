"""Batches of earlier runs that Mailchimp is still at work on: a run neither waits for them nor sends again what they
carry.

Their records fail when their turn comes, in doubt, and keep the batch's id, so that a later run reads the results.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from ml_connector.systems.mailchimp.batches import Batch, BatchUnknown
from ml_connector.systems.mailchimp.client import MailchimpClient

PATIENCE = 10.0
"""Seconds that a run waits, in all, for batches of earlier runs; then it goes on with everything else."""
FORGOTTEN = timedelta(days=1)
"""A batch that is not finished by then is given up, whoever handed it over."""


def given_up_before(client: MailchimpClient) -> datetime:
    """Batches that were handed over before this moment of the server's clock are given up."""
    return datetime.now(UTC) + client.drift - FORGOTTEN


class EarlierBatches:
    """Those that were found at work in this run."""

    def __init__(self, client: MailchimpClient) -> None:
        self._client = client
        self._patient_until: float | None = None
        self._carriers: dict[str, Batch] = {}  # by record

    def __bool__(self) -> bool:
        return bool(self._carriers)

    def finishes_soon(self, batch: Batch) -> bool:
        """Whether it is finished, or will be before the run's patience ends. Raises: BatchUnknown, Stopped."""
        if self._patient_until is None:
            self._patient_until = time.monotonic() + PATIENCE
        while not batch.is_finished(self._client, patience=None):
            if batch.look_at > self._patient_until:
                return False
        return True

    def is_given_up(self, batch: Batch) -> bool:
        return batch.since < given_up_before(self._client)

    def add(self, batch: Batch, keys: Sequence[str]) -> None:
        self._carriers |= dict.fromkeys(keys, batch)

    def carrier(self, key: str) -> Batch | None:
        """The batch that is still at work and carries this record. Raises Stopped."""
        batch = self._carriers.get(key)
        return batch if batch is not None and self._is_at_work(batch) else None

    def are_at_work(self) -> bool:
        """Raises Stopped."""
        return any(self._is_at_work(batch) for batch in {one.id: one for one in self._carriers.values()}.values())

    def _is_at_work(self, batch: Batch) -> bool:
        """Looks when it is time to; once it is not at work any more, its records are free."""
        try:
            waiting = not batch.is_due or not batch.is_finished(self._client, patience=None)
            if waiting and not self.is_given_up(batch):
                return True
        except BatchUnknown:
            pass
        self._carriers = {key: other for key, other in self._carriers.items() if other is not batch}
        return False
