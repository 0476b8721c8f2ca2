"""Taking in what webhooks told of: only what the system itself says about an event counts.

Killed between landing and noting, the same events are asked for again, and change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ml_connector.engine.checkpoints import reached
from ml_connector.engine.poll import Landing, PollReport
from ml_connector.engine.ports import Clock, Entity, Page
from ml_connector.store.ledger import Ledger

UNKNOWN = (
    "The system that is said to have sent it knows no such event: it was forged, or sent for another site. It was not "
    "acted on."
)


class Fetching(Protocol):
    def fetch(self, entity: str, keys: Sequence[str]) -> Iterable[Page]:
        """These rows alone; what the system does not have is left out."""
        ...


@dataclass(frozen=True, slots=True)
class Told:
    """Figures of one round: events that were taken, and that were refused."""

    taken: int = 0
    refused: int = 0


def take_in(account: Fetching, entity: Entity, ledger: Ledger, target: str, *, run_id: str, clock: Clock) -> Told:
    """Ask for every event that waits in the inbox, and land what there is. Raises `StoppedProblem`; the rest waits."""
    inbox = ledger.inbox(target)
    told = Told()
    while waiting := inbox.waiting():
        began = clock()
        reading_id = ledger.readings.begin(entity.name, run_id, began, began)
        landing = Landing(ledger, entity, reading_id, clock, frozenset())
        known: set[str] = set()
        try:
            for page in account.fetch(entity.name, waiting):
                known |= {row.key for row in page.rows}
                landing.rows += len(page.rows)
                landing.take(page.rows)
        finally:
            landing.close()
        reached("told: events landed")
        ended = clock()
        missing = [key for key in waiting if key not in known]
        inbox.took([key for key in waiting if key in known], run_id, ended)
        inbox.refuse(missing, UNKNOWN, run_id, ended)
        reached("told: inbox noted")
        ledger.readings.finish(
            entity.name,
            reading_id,
            covered_until=None,
            at=ended,
            rows=landing.rows,
            landed=landing.landed,
            vanished=0,
            calls=0,
            full=False,
            brake=None,
            note=None,
        )
        told = Told(told.taken + len(waiting) - len(missing), told.refused + len(missing))
    return told


def note_polled(report: PollReport, ledger: Ledger, target: str, *, run_id: str, clock: Clock) -> int:
    """Note in the inbox what a poll met; returns how many events no webhook had told of."""
    keys = ledger.readings.keys_met(report.entity, report.reading_id)
    return ledger.inbox(target).found(keys, run_id, clock())
