"""Reading: one pass over an entity lands every version that is not landed yet, and nothing else.

A read that is killed loses nothing: each landing file is complete before its pointers are committed, coverage advances
only at the end, and the next read asks from the same moment again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ml_connector.engine.checkpoints import reached
from ml_connector.engine.ports import Clock, Entity, Page, Source
from ml_connector.engine.records import SourceRow
from ml_connector.store.landing import LandingWriter
from ml_connector.store.ledger import Ledger
from ml_connector.store.readings import Known, Landed

FILE_ROWS = 5_000
# Rows that move between the pages of a scan are met twice or never, even though the total stays the same.
WALKS = 3
MOVING = (
    "The source changed so much during the read that some rows were never met, three times over. What was met is "
    "landed; the next read begins from the same moment."
)


@dataclass(frozen=True, slots=True)
class PollReport:
    """One read's figures.

    Attributes:
        whole: it had no lower bound.
        rows: rows the source gave, repeats included.
        landed: new versions among them.
        vanished: records that a full read no longer found and that were marked.
        note: what people should know of it, in words; also why coverage did not advance.
    """

    entity: str
    reading_id: int
    whole: bool
    since: datetime | None
    rows: int
    landed: int
    vanished: int
    calls: int
    seconds: float
    note: str | None


def poll(
    source: Source,
    entity: Entity,
    ledger: Ledger,
    *,
    run_id: str,
    clock: Clock,
    whole: bool = False,
    overlap: timedelta,
    brake: float = 0.05,
) -> PollReport:
    """Read what changed since the last read began, less the overlap; the first read, and a whole one, have no bound.

    Args:
        overlap: how far behind the covered moment the read begins.
        brake: if a whole read misses a larger share of the known records than this, none is marked as vanished.

    Raises:
        StoppedProblem: the source stopped the read; what was landed stays, coverage does not advance.
    """
    readings = ledger.readings
    began = clock()
    covered = readings.coverage(entity.name).until
    since = None if whole or covered is None or not entity.windowed else covered - overlap
    calls = source.calls
    reading_id = readings.begin(entity.name, run_id, since, began)
    landing = Landing(ledger, entity, reading_id, clock, _lost(ledger, entity) if since is None else frozenset())
    complete = False
    try:
        for _ in range(WALKS):
            total = landing.walk(source.read(entity.name, since))
            reached("poll: everything landed")
            complete = total is None or readings.met(entity.name, reading_id) >= total
            if complete:
                break
    except BaseException:
        landing.close()  # what was landed so far is complete and true, so it is kept
        raise
    vanished, note = 0, None if complete else MOVING
    if since is None and complete:
        vanished, note = _vanish(ledger, entity, reading_id, clock, brake)
        reached("poll: vanished records marked")
    empty = _says_nothing(ledger, entity, reading_id, since, landing.rows)
    ended = clock()
    readings.finish(
        entity.name,
        reading_id,
        covered_until=began if complete and not empty else None,
        at=ended,
        rows=landing.rows,
        landed=landing.landed,
        vanished=vanished,
        calls=source.calls - calls,
        full=since is None,
        brake=note,
        note=note,
    )
    reached("poll: coverage advanced")
    return PollReport(
        entity=entity.name,
        reading_id=reading_id,
        whole=since is None,
        since=since,
        rows=landing.rows,
        landed=landing.landed,
        vanished=vanished,
        calls=source.calls - calls,
        seconds=(ended - began).total_seconds(),
        note=note,
    )


def _says_nothing(ledger: Ledger, entity: Entity, reading_id: int, since: datetime | None, rows: int) -> bool:
    """A first read without a single record is as likely a wrong answer as an empty list: two in a row are believed."""
    if since is not None or rows or entity.secondary or ledger.readings.was_empty(entity.name, reading_id):
        return False
    _, known = ledger.readings.missing(entity.name, reading_id)
    return known == 0


def _lost(ledger: Ledger, entity: Entity) -> frozenset[int]:
    """Landings whose file is gone from the disk: a whole read lands again what lay in them."""
    files = ledger.readings.files(entity.name)
    return frozenset(number for number, path in files.items() if ledger.landings.written_at(path) is None)


def _vanish(ledger: Ledger, entity: Entity, reading_id: int, clock: Clock, brake: float) -> tuple[int, str | None]:
    missing, total = ledger.readings.missing(entity.name, reading_id)
    if not missing:
        return 0, None
    if missing > brake * total:
        return 0, (
            f"The full read found {missing:,} of {total:,} known records no longer, more than {brake:.0%}: "
            "none was marked as vanished. If they are really gone, raise `brake` and run a full read again."
        )
    ledger.readings.vanish(entity.name, reading_id, clock())
    return missing, None


class Landing:
    """Writes what is new to landing files and makes each known when it is complete."""

    def __init__(self, ledger: Ledger, entity: Entity, reading_id: int, clock: Clock, lost: Collection[int]) -> None:
        self._ledger = ledger
        self._entity = entity
        self._reading_id = reading_id
        self._clock = clock
        self._lost = lost
        self._writer: LandingWriter | None = None
        self._path = ""
        self._files = 0
        self._rows: dict[str, Landed] = {}
        self._expects_repeats = True  # the last page brought nothing new, or there was none
        self.landed = 0
        self.rows = 0

    def walk(self, pages: Iterable[Page]) -> int | None:
        """Land every page; returns how many rows the source says there are."""
        total = None
        for page in pages:
            total = page.total
            self.rows += len(page.rows)
            self.take(page.rows)
        self.close()
        return total

    def take(self, rows: Sequence[SourceRow]) -> None:
        exact = not self._entity.slack
        if self._expects_repeats and not exact and self._repeats(rows):
            return
        known = self._ledger.readings.known(self._entity.name, {row.key for row in rows})
        new: dict[str, SourceRow] = {}
        repeated, still = [], dict[str, datetime]()
        for row in rows:
            before = new.get(row.key) or self._rows.get(row.key) or known.get(row.key)
            if before is None or self._is_new(row, before):
                new[row.key] = row
                continue
            repeated.append(row.key)
            if exact and row.digest == before.digest and row.changed_at > before.changed_at:
                match before:  # another content that comes after this one, and is older, is not its successor
                    case SourceRow():
                        new[row.key] = row
                    case Landed():
                        self._rows[row.key] = before._replace(changed_at=row.changed_at)
                    case Known():
                        known[row.key] = before._replace(changed_at=row.changed_at)
                        still[row.key] = row.changed_at
        self._expects_repeats = not new
        self._add(list(new.values()))
        self._ledger.readings.seen(self._entity.name, self._reading_id, repeated, still)
        if len(self._rows) >= FILE_ROWS:
            self.close()

    def _repeats(self, rows: Sequence[SourceRow]) -> bool:
        """Whether every row lies in a landing file already, byte for byte; noted as seen if so."""
        digests = {row.key: row.digest for row in rows}
        if len(digests) < len(rows) or not self._rows.keys().isdisjoint(digests):
            return False
        return self._ledger.readings.met_again(self._entity.name, self._reading_id, digests, self._lost)

    def _add(self, rows: Sequence[SourceRow]) -> None:
        if not rows:
            return
        if self._writer is None:
            self._files += 1
            self._path = f"{self._ledger.company}/{self._entity.name}/{self._reading_id:09d}-{self._files:04d}.parquet"
            self._writer = self._ledger.landings.writer(self._path).__enter__()
        for position, row in enumerate(rows, self._writer.rows):
            self._rows[row.key] = Landed(
                key=row.key,
                related=row.related,
                changed_at=row.changed_at,
                digest=row.digest,
                position=position,
                payload=row.payload if self._entity.secondary else None,
            )
        self._writer.add(rows)

    def close(self) -> None:
        if self._writer is None:
            return
        writer, self._writer = self._writer, None  # closed once, also when what follows breaks off
        writer.__exit__(None, None, None)
        reached("poll: landing file complete")
        self._ledger.readings.land(
            self._entity.name, self._reading_id, self._path, list(self._rows.values()), self._clock()
        )
        reached("poll: landing known")
        self.landed += len(self._rows)
        self._rows = {}

    def _is_new(self, row: SourceRow, before: Known | Landed | SourceRow) -> bool:
        if isinstance(before, Known) and (before.vanished or before.landing_id in self._lost):
            return True
        return row.digest != before.digest and row.changed_at > before.changed_at - self._entity.slack
