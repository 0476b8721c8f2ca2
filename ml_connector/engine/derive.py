"""Deriving: entities whose rows are made of another entity's rows, as accounting documents are made of events.

The rows land as those of a read do, so an older or repeated one changes nothing, and flows take them up likewise.
A derivation that is killed repeats what it did since its last mark; the mark advances only at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime

from ml_connector.engine.checkpoints import reached
from ml_connector.engine.poll import Landing, PollReport
from ml_connector.engine.ports import Clock, Derivation, Page, Source
from ml_connector.engine.records import SourceRow
from ml_connector.store.ledger import Ledger

BOOK = "derivation"
"""What stands for the target, in the mark of how far a derivation has come."""


def derive(derivation: Derivation, ledger: Ledger, *, run_id: str, clock: Clock, whole: bool = False) -> PollReport:
    """Make the rows of everything that landed since the last time; `whole`: of everything that ever landed."""
    entity, readings = derivation.entity, ledger.readings
    began = clock()
    book = ledger.deliveries(BOOK, entity.name, derivation.source, ())
    state = book.state()
    taken_up_to = 0 if whole or state is None else state.taken_up_to
    up_to = max(book.newest([derivation.source]), taken_up_to)
    covered = readings.coverage(derivation.source).until
    reading_id = readings.begin(entity.name, run_id, readings.coverage(entity.name).until, began)
    book.begin("", 0, began, again=False)
    landing = Landing(ledger, entity, reading_id, clock, frozenset())
    with closing(landing):  # what was made so far is complete and true, so it is kept
        for versions in book.fresh(taken_up_to, up_to):
            rows = [row for payload in book.payloads(versions) for row in derivation.derive(payload)]
            landing.rows += len(rows)
            landing.take(rows)
    reached("derive: everything landed")
    ended = clock()
    readings.finish(
        entity.name,
        reading_id,
        covered_until=covered,
        at=ended,
        rows=landing.rows,
        landed=landing.landed,
        vanished=0,
        calls=0,
        full=whole,
        brake=None,
        note=None,
    )
    book.took_up(up_to, ended)
    reached("derive: taken up")
    return PollReport(
        entity=entity.name,
        reading_id=reading_id,
        whole=whole,
        since=None,
        rows=landing.rows,
        landed=landing.landed,
        vanished=0,
        calls=0,
        seconds=(ended - began).total_seconds(),
        note=None,
    )


class Derived:
    """A `Source` of what is made of another one's rows while they are read; nothing lands. For a preview."""

    def __init__(self, derivation: Derivation, source: Source) -> None:
        self._derivation = derivation
        self._source = source

    @property
    def calls(self) -> int:
        return self._source.calls

    def read(self, entity: str, since: datetime | None) -> Iterator[Page]:
        """The newest row of every key, in one page."""
        newest: dict[str, SourceRow] = {}
        for page in self._source.read(self._derivation.source, since):
            for made in (made for row in page.rows for made in self._derivation.derive(row.payload)):
                known = newest.get(made.key)
                if known is None or made.changed_at >= known.changed_at:
                    newest[made.key] = made
        yield Page([*newest.values()])
