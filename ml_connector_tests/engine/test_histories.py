"""Any history of changes, reads, deliveries, replays, faults and deaths ends where a full refresh would end."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml_connector.engine.checkpoints import CHECKPOINTS
from ml_connector.errors import StoppedProblem
from ml_connector.store.tables import record_state, source_row
from ml_connector_tests.engine.conftest import Sync, open_sync
from ml_connector_tests.engine.dying import dying_at
from ml_connector_tests.engine.world import CONTACTS, Died

NUMBERS = ("1", "2", "3", "10")
EXAMPLES = int(os.environ.get("ML_CONNECTOR_TEST_HISTORIES", "60"))
ADDRESSES = ("a@x.no", "b@x.no", "c@x.no", "")


change = st.tuples(
    st.just("change"),
    st.sampled_from(NUMBERS),
    st.fixed_dictionaries(
        {},
        optional={
            "name": st.sampled_from(("A", "B", "C")),
            "email": st.sampled_from(ADDRESSES),
            "terminated": st.booleans(),
            "broken": st.booleans(),
        },
    ),
)
contact = st.tuples(
    st.just("contact"),
    st.sampled_from(NUMBERS),
    st.fixed_dictionaries({}, optional={"title": st.sampled_from(("", "Dr ")), "no_mail": st.booleans()}),
)
step = st.one_of(
    change,
    change,
    contact,
    st.tuples(st.just("remove"), st.sampled_from(NUMBERS)),
    st.tuples(st.just("read"), st.booleans()),
    st.tuples(st.just("broken read"), st.integers(0, 2)),
    st.tuples(
        st.just("deliver"),
        st.lists(st.sampled_from(("ok", "reject", "fail", "lost", "late", "twice", "die", "stop")), max_size=4),
    ),
    st.tuples(st.just("die"), st.sampled_from(CHECKPOINTS), st.integers(1, 4)),
    st.tuples(st.just("replay"), st.lists(st.sampled_from(NUMBERS), max_size=2)),
    st.tuples(st.just("remap"), st.sampled_from(("1", "2"))),
    st.tuples(st.just("say no"), st.sampled_from(ADDRESSES)),
    st.tuples(st.just("wait"), st.sampled_from((1, 30, 600))),
    st.tuples(st.just("batches"), st.sampled_from((None, 2))),
)


class History:
    """Plays steps and keeps watch over what must hold after each."""

    def __init__(self, sync: Sync) -> None:
        self.sync = sync
        self.said_no: set[int] = set()

    def play(self, step: tuple[Any, ...]) -> None:
        sync = self.sync
        sync.clock.forward(seconds=1)
        match step:
            case ("change", number, fields):
                sync.world.put(number, **fields)
            case ("contact", number, fields):
                sync.world.put(f"c{number}", CONTACTS, of=number, **fields)
            case ("remove", number):
                sync.world.remove(number)
            case ("read", whole):
                sync.read(whole=whole)
            case ("broken read", pages):
                sync.world.breaks_after = pages
                self._stoppable(sync.read)
                sync.world.breaks_after = None
            case ("deliver", faults):
                sync.account.faults = list(faults)
                with suppress(Died):
                    self._deliver()
                sync.account.faults = []
            case ("die", checkpoint, times):
                with dying_at(checkpoint, times):
                    try:
                        self._stoppable(sync.read)
                        sync.deliver()
                    except Died:
                        pass
            case ("replay", numbers):
                self._deliver(only=numbers)
            case ("remap", fingerprint):
                sync.remap(fingerprint)
            case ("say no", address):
                if address in sync.account.members:
                    sync.account.say_no(address)
                    self.said_no.add(id(sync.account.members[address]))
            case ("wait", minutes):
                sync.clock.forward(minutes=minutes)
            case ("batches", size):
                sync.account.batch_size = size
        self._nobody_is_subscribed_again()

    def settle(self) -> None:
        """No more faults: read everything and deliver until nothing is due."""
        self.sync.account.faults = []
        self.sync.read(whole=True)
        for _ in range(15):
            self.sync.clock.forward(days=1, minutes=10)
            self.sync.account.catch_up()
            self._deliver()
        assert not self.sync.due
        self._nobody_is_subscribed_again()

    def _deliver(self, **how: Any) -> None:
        report = self.sync.deliver(**how)
        for window, tally in report.windows.items():
            assert tally.adds_up, (window, tally)

    @staticmethod
    def _stoppable(work: Any) -> None:
        with suppress(StoppedProblem):
            work()

    def _nobody_is_subscribed_again(self) -> None:
        for member in self.sync.account.members.values():
            if id(member) in self.said_no:
                assert member.status == "unsubscribed"


def wanted(sync: Sync) -> dict[str, Any]:
    """What the target should hold for every address that somebody wants, worked out from the source alone."""
    with tempfile.TemporaryDirectory() as folder, open_sync(Path(folder)) as fresh:
        fresh.world = sync.world
        fresh.flow = sync.flow
        fresh.clock = sync.clock
        fresh.account.clock = sync.clock
        fresh.read(whole=True)
        fresh.deliver()
        return {address: member.body for address, member in fresh.account.members.items()}


@settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(st.lists(step, min_size=1, max_size=30))
def test_any_history_ends_in_the_state_of_a_full_refresh(steps: list[tuple[Any, ...]]) -> None:
    """The closing equation holds after every step, nobody is subscribed again, and the end is a full refresh's."""
    with tempfile.TemporaryDirectory() as folder, open_sync(Path(folder)) as sync:
        history = History(sync)
        for one in steps:
            history.play(one)
        history.settle()
        for address, body in wanted(sync).items():
            assert sync.account.members[address].body == body, address
        with sync.ledger.database.connect() as connection:
            keys = {row.key for row in connection.execute(source_row.select()) if row.entity == sync.flow.entity}
            states = {row.key: row for row in connection.execute(record_state.select())}
        assert keys == states.keys(), "every record that was read has an outcome"
        links = [state.target_id for state in states.values() if state.target_id is not None]
        assert len(links) == len(set(links)), "two records are linked to one member"
        refused = {state.claim for state in states.values() if state.stance == "veto"}
        for address, member in sync.account.members.items():
            assert member.status == "unsubscribed" or address in links, f"nobody answers for {address}"
            assert member.status == "unsubscribed" or address not in refused, f"{address} said no"
        assert sync.ledger.audit("mailbox").verify().ok
