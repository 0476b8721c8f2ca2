"""How far a flow may take up what has landed: never further than its secondary entities were read.

A contact that nobody has read may be the one that says no. So a record is taken up only when the rows that belong to it
were read after it landed; until then it waits in the ledger like everything else that is still to be done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ml_connector.engine.ports import Flow
from ml_connector.errors import NotReadProblem
from ml_connector.store.deliveries import Deliveries
from ml_connector.store.ledger import Ledger


@dataclass(frozen=True, slots=True)
class TakeUp:
    """What a flow may take up.

    Attributes:
        up_to: versions up to this seq.
        newest: the newest seq that is there; above `up_to`, what waits for a read.
        refusal: why nothing may be taken up at all; None: it may.
    """

    up_to: int
    newest: int
    refusal: NotReadProblem | None

    @property
    def holds_back(self) -> bool:
        return self.refusal is not None or self.up_to < self.newest


def take_up(flow: Flow, ledger: Ledger, book: Deliveries) -> TakeUp:
    """How far a flow may go now."""
    newest = book.newest([flow.entity, *flow.secondary, *flow.reference])
    covered = {name: ledger.readings.coverage(name).until for name in (*flow.secondary, *flow.reference)}
    unread = [name for name, until in covered.items() if until is None]
    if unread and book.newest([flow.entity]):
        return TakeUp(newest, newest, _not_read(flow, ledger.company, unread))
    # Reference data is read once a day and speaks of no single record: it has to be there, and bounds nothing.
    moments = [until for name in flow.secondary if (until := covered[name]) is not None]
    first = ledger.readings.first_landed(flow.entity, min(moments)) if moments else None
    return TakeUp(newest if first is None else min(newest, first - 1), newest, None)


def held_back(flow: Flow, ledger: Ledger, book: Deliveries, keys: Sequence[str]) -> list[str]:
    """Those of these records that are not taken up yet, because what belongs to them was not read since they landed."""
    limits = take_up(flow, ledger, book)
    if not limits.holds_back or limits.refusal is not None:
        return []
    taken = {version.key for chunk in book.named(keys, limits.up_to) for version in chunk}
    return [key for key in dict.fromkeys(keys) if key not in taken and any(book.named([key]))]


def _not_read(flow: Flow, company: str, unread: list[str]) -> NotReadProblem:
    listed = f"{' and '.join(unread)} {'was' if len(unread) == 1 else 'were'}"
    return NotReadProblem(
        f"{flow.title} of {company} cannot be delivered, because {listed} never read to the end.",
        f"Nothing was sent: who said no may stand there. What has landed of {flow.entity} stays due, and is delivered "
        "by itself once that read has succeeded.",
        f"See why it fails in Dagster, or run `ml-connector sync {company}`; `ml-connector status {company}` shows "
        "what was read.",
    )
