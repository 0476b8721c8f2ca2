"""Entities made of another entity's rows, and events that a webhook told of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from itertools import permutations

import orjson
import pytest

from ml_connector.engine.derive import derive
from ml_connector.engine.origins import origins
from ml_connector.engine.poll import PollReport
from ml_connector.engine.ports import Derivation, Entity, Page
from ml_connector.engine.records import SourceRow
from ml_connector.engine.told import Told, note_polled, take_in
from ml_connector.errors import StoppedProblem
from ml_connector_tests.engine.conftest import TARGET, Sync
from ml_connector_tests.engine.dying import dying_at
from ml_connector_tests.engine.world import CUSTOMERS, Died, stopped

ORDERS = Entity("world.orders", "Orders", slack=timedelta())


def orders_of(payload: bytes) -> Iterator[SourceRow]:
    """The orders that a customer's row carries: number -> version and text."""
    for number, (version, text) in orjson.loads(payload).get("orders", {}).items():
        body = orjson.dumps({"text": text})
        changed_at = datetime.fromtimestamp(version, UTC)
        yield SourceRow(number, None, changed_at, body, blake2b(body, digest_size=16).digest())


MADE = Derivation(ORDERS, CUSTOMERS.name, orders_of)


@pytest.fixture
def sync(sync_on_both: Sync) -> Sync:
    """On SQLite and on PostgreSQL."""
    return sync_on_both


def make(sync: Sync, *, whole: bool = False) -> PollReport:
    return derive(MADE, sync.ledger, run_id="run", clock=sync.clock, whole=whole)


def made(sync: Sync) -> dict[str, str]:
    """Order -> its text, as it stands."""
    book = sync.ledger.deliveries(TARGET, "orders", ORDERS.name, ())
    return {
        version.key: orjson.loads(payload)["text"]
        for versions in book.everything(book.newest([ORDERS.name]))
        for version, payload in zip(versions, book.payloads(versions), strict=True)
    }


@pytest.mark.parametrize("texts", ["abc", "aba"])
@pytest.mark.parametrize("order", list(permutations((1, 2, 3))))
@pytest.mark.parametrize("together", [False, True])
def test_the_newest_version_counts_in_whatever_order_it_comes(
    sync: Sync, order: Sequence[int], texts: str, *, together: bool
) -> None:
    """failures.md 26: three rows carry the same order in three versions, and the last may be as the first was.

    Each is derived before the next is read, or all are at once.
    """
    for place, version in enumerate(order):
        sync.world.put(f"{place}", orders={"7": [version, texts[version - 1]]})
        sync.read(CUSTOMERS)
        if not together:
            make(sync)
    make(sync)
    assert made(sync) == {"7": texts[-1]}
    make(sync, whole=True)
    assert made(sync) == {"7": texts[-1]}


def test_a_version_that_did_not_land_makes_no_other_one_old(sync: Sync) -> None:
    """The process dies after it met the same content in two versions, both newer than what it knew."""
    sync.world.put("0", orders={"7": [1, "a"]})
    sync.read(CUSTOMERS)
    make(sync)
    for place, (version, key) in enumerate([(2, "7"), (3, "7")], 1):
        sync.world.put(f"{place}", orders={key: [version, "b"]})
    sync.read(CUSTOMERS)
    with dying_at("poll: landing file complete", 1), pytest.raises(Died):
        make(sync)
    make(sync)
    assert made(sync) == {"7": "b"}


def test_only_what_landed_since_is_derived_again(sync: Sync) -> None:
    sync.world.put("1", orders={"7": [1, "a"], "8": [1, "b"]})
    sync.read(CUSTOMERS)
    assert (make(sync).rows, make(sync).rows) == (2, 0)
    sync.world.put("2", orders={"9": [1, "c"]})
    sync.read(CUSTOMERS)
    assert make(sync).landed == 1
    again = make(sync, whole=True)
    assert (again.rows, again.landed) == (3, 0)
    assert made(sync) == {"7": "a", "8": "b", "9": "c"}


@pytest.mark.parametrize(
    "checkpoint",
    ["poll: landing file complete", "poll: landing known", "derive: everything landed", "derive: taken up"],
)
def test_a_derivation_that_died_is_done_by_the_next(sync: Sync, checkpoint: str) -> None:
    sync.world.put("1", orders={"7": [1, "a"]})
    sync.read(CUSTOMERS)
    with dying_at(checkpoint, 1), pytest.raises(Died):
        make(sync)
    make(sync)
    assert made(sync) == {"7": "a"}
    assert make(sync).rows == 0


def test_what_a_row_was_made_of_is_known(sync: Sync) -> None:
    """Everything that carried it, the earliest first."""
    for key in ("2", "1", "3"):
        sync.world.put(key, orders={"7": [int(key), key]} if key != "3" else {"8": [1, "x"]})
        sync.read(CUSTOMERS)
    make(sync)
    found = origins(MADE, sync.ledger, {"7", "9"})
    assert {key: [one.key for one in rows] for key, rows in found.items()} == {"7": ["2", "1"]}


@dataclass
class Teller:
    """A system that can be asked for single events."""

    sync: Sync
    known: list[str] = field(default_factory=list)
    down: bool = False

    def fetch(self, entity: str, keys: Sequence[str]) -> Iterable[Page]:
        for page in self.sync.world.read(entity, None):
            if self.down:
                raise stopped()
            yield Page([row for row in page.rows if row.key in keys])

    def tell(self, *keys: str) -> None:
        for key in keys:
            self.sync.ledger.inbox(TARGET).store(key, b"told", self.sync.clock())

    def take_in(self) -> Told:
        return take_in(self, CUSTOMERS, self.sync.ledger, TARGET, run_id="run", clock=self.sync.clock)

    @property
    def counts(self) -> dict[str, int]:
        return dict(self.sync.ledger.inbox(TARGET).counts())


@pytest.fixture
def teller(sync: Sync) -> Teller:
    for key in ("ev_1", "ev_2"):
        sync.world.put(key)
    return Teller(sync)


def landed(sync: Sync) -> set[str]:
    return sync.ledger.readings.known(CUSTOMERS.name, {"ev_1", "ev_2", "ev_3"}).keys()


def test_only_what_the_system_says_lands(teller: Teller, sync: Sync) -> None:
    """What it does not know is refused, and is taken once a poll meets it after all."""
    teller.tell("ev_1", "ev_3")
    assert teller.take_in() == Told(taken=1, refused=1)
    assert landed(sync) == {"ev_1"}
    assert teller.counts == {"taken": 1, "refused": 1}
    sync.world.put("ev_3")
    (report,) = sync.read(CUSTOMERS)
    assert note_polled(report, sync.ledger, TARGET, run_id="run", clock=sync.clock) == 1  # ev_2: nobody told of it
    assert teller.counts == {"taken": 3}


def test_a_system_that_is_down_leaves_everything_waiting(teller: Teller, sync: Sync) -> None:
    teller.tell("ev_1", "ev_3")
    teller.down = True
    with pytest.raises(StoppedProblem):
        teller.take_in()
    assert teller.counts == {"received": 2}
    teller.down = False
    assert teller.take_in() == Told(taken=1, refused=1)


@pytest.mark.parametrize("checkpoint", ["poll: landing known", "told: events landed", "told: inbox noted"])
def test_what_was_told_is_taken_once_although_the_process_died(teller: Teller, sync: Sync, checkpoint: str) -> None:
    teller.tell("ev_1", "ev_2", "ev_3")
    with dying_at(checkpoint, 1), suppress(Died):
        teller.take_in()
    teller.take_in()
    assert teller.counts == {"taken": 2, "refused": 1}
    assert landed(sync) == {"ev_1", "ev_2"}
    make(sync)
