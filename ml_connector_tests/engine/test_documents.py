"""Documents: what is created once and never again, whatever happens to the mapping, the answer or the process."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml_connector.engine.checkpoints import CHECKPOINTS
from ml_connector.engine.ports import Delivery
from ml_connector.engine.records import Change, Desired, Doubt, Mapped, Operation, Outcome, Record, Result
from ml_connector_tests.engine.conftest import Sync, open_sync
from ml_connector_tests.engine.dying import dying_at
from ml_connector_tests.engine.test_deliver import counts
from ml_connector_tests.engine.world import Account, Died, Members, stopped

LETTERS = ("1", "2", "3")
FAULTS = st.sampled_from(("ok", "fail", "lost", "late", "die", "stop", "refused"))


@dataclass(frozen=True)
class Letters(Members):
    """A letter per customer, about its subject alone; the letterhead is the mapping's."""

    name: str = "letters"
    title: str = "Letters"
    secondary: tuple[str, ...] = ()
    withdrawal: Mapping[str, Any] | None = None

    def map(self, record: Record) -> Mapped:
        row = orjson.loads(record.payload)
        return Desired(
            f"letter-{record.key}",
            {"text": f"{self.fingerprint} {row['subject']}"},
            basis={"subject": row["subject"]},
            not_before=datetime.fromisoformat(row["after"]) if "after" in row else None,
        )


@dataclass
class PostOffice(Account):
    """A target where every create makes one more, whatever its name. It looks only where a change is in doubt.

    One more fault: `refused` (it stops before anything is done, and says so).
    """

    letters: list[tuple[str, str]] = field(default_factory=list)
    doubts: list[Doubt | None] = field(default_factory=list)

    def deliver(self, changes: Iterable[Change], delivery: Delivery) -> Iterator[Result]:
        for change in changes:
            self.doubts.append(change.doubt)
            delivery.remember([change.key], f"of {change.key}")
            if self.faults[:1] == ["refused"]:
                delivery.not_sent(change.key)
                raise stopped()
            yield self._write(change)

    def resume(self, reference: str, keys: Sequence[str]) -> Iterator[Result]:
        """It is found when it is looked for, and not before."""
        yield from ()

    def _apply(self, change: Change) -> Result:
        letter = (change.claim, change.body["text"])
        is_there = any(claim == change.claim for claim, _ in self.letters)
        if change.operation is Operation.UPDATE or (change.doubt is not None and is_there):
            self.letters += [letter] if change.operation is Operation.UPDATE else []
            return Result(change.key, Outcome.UPDATED, target_id=change.claim)
        self.letters.append(letter)
        return Result(change.key, Outcome.CREATED, target_id=change.claim, payload=orjson.dumps(change.body))


class Post(Sync):
    """The letters of one company, and where they go."""

    account: PostOffice

    @classmethod
    def of(cls, sync: Sync) -> Post:
        post = cls(sync.ledger, sync.clock, Letters())
        post.account = PostOffice(post.clock)
        return post


@pytest.fixture
def post(sync_on_both: Sync) -> Post:
    """On SQLite and on PostgreSQL."""
    return Post.of(sync_on_both)


def test_neither_another_mapping_nor_a_replay_sends_a_document_again(post: Post) -> None:
    """failures.md 36: its basis decides; once that changes, it is sent as the mapping has it by then."""
    post.world.put("1", subject="rent")
    post.sync()
    post.remap("2")
    post.sync()
    assert counts(post.deliver(only=["1"]).total) == {"read": 1, "unchanged": 1}
    assert post.account.letters == [("letter-1", "1 rent")]
    post.world.put("1", subject="notice")
    post.sync()
    assert post.account.letters[1:] == [("letter-1", "2 notice")]


@pytest.mark.parametrize("fault", ["lost", "late", "die"])
def test_a_create_without_an_answer_is_looked_for_before_another(post: Post, fault: str) -> None:
    """Not before the first can no longer take effect, and with what the writer had remembered of it."""
    post.world.put("1", subject="rent")
    post.account.faults = [fault]
    with suppress(Died):
        post.sync()
    began = post.clock.now
    post.account.faults = []
    post.clock.forward(seconds=30)
    post.sync()
    assert post.account.doubts == [None]
    come_to_rest(post)
    (_, doubt, *_) = post.account.doubts
    assert doubt is not None
    assert doubt.reference == "of 1"
    assert abs(doubt.since - began) < timedelta(seconds=5)
    assert post.account.letters == [("letter-1", "1 rent")]
    assert post.state("1").outcome == "updated"


def test_a_create_that_was_certainly_refused_is_sent_by_the_next_run(post: Post) -> None:
    """Nothing was sent, so nothing has to be waited for or looked up; the window is unfinished until then."""
    post.world.put("1", subject="rent")
    post.account.faults = ["refused"]
    assert len(post.sync().unfinished) == 1
    assert (post.book.intents(), post.due) == ([], True)
    post.account.faults = []
    assert counts(post.deliver().total) == {"read": 1, "created": 1}
    assert post.account.doubts == [None, None]


def test_a_refusal_does_not_end_the_doubt_of_an_earlier_create(post: Post) -> None:
    """What may have acted stays in doubt: since when, and what was remembered of it."""
    post.world.put("1", subject="rent")
    post.account.faults = ["lost"]
    post.sync()
    (before,) = post.book.intents()
    post.clock.forward(minutes=10)
    post.account.faults = ["refused"]
    assert len(post.deliver().unfinished) == 1
    assert post.book.intents() == [before]
    come_to_rest(post)
    assert post.account.letters == [("letter-1", "1 rent")]


def test_a_create_that_never_happened_is_made_up_for(post: Post) -> None:
    """The process dies between noting that it will write and writing."""
    post.world.put("1", subject="rent")
    post.read()
    with dying_at("deliver: intents written", 1), suppress(Died):
        post.deliver()
    assert post.account.letters == []
    come_to_rest(post)
    assert post.account.letters == [("letter-1", "1 rent")]
    assert post.account.doubts[0] is not None


def test_a_document_is_not_sent_before_its_time_and_comes_by_itself(post: Post) -> None:
    """Nor by a replay; once sent, its time does not matter any more."""
    after = post.clock.now + timedelta(days=3)
    post.world.put("1", subject="rent", after=after.isoformat())
    assert counts(post.sync().total) == {"read": 1, "skipped": 1}
    assert post.state("1").rule == "not due yet"
    assert post.state("1").due_at == after
    assert counts(post.deliver(only=["1"]).total) == {"read": 1, "skipped": 1}
    assert not post.due
    post.clock.forward(days=3)
    assert post.due
    assert counts(post.sync().total) == {"read": 1, "created": 1}
    assert not post.due
    post.world.put("1", subject="notice", after=(post.clock.now + timedelta(days=3)).isoformat())
    assert counts(post.sync().total) == {"read": 1, "updated": 1}


def come_to_rest(post: Post) -> None:
    """No more faults: days pass, and everything that is due is delivered."""
    post.account.faults = []
    for _ in range(5):
        post.clock.forward(days=1, minutes=10)
        post.account.catch_up()
        post.sync()


step = st.one_of(
    st.tuples(st.just("write"), st.sampled_from(LETTERS), st.sampled_from((0, 40, 2_000))),
    st.tuples(st.just("deliver"), st.lists(FAULTS, min_size=1, max_size=3)),
    st.tuples(st.just("die"), st.sampled_from(CHECKPOINTS), st.integers(1, 2)),
    st.tuples(st.just("replay"), st.sampled_from(LETTERS)),
    st.tuples(st.just("remap"), st.sampled_from(("1", "2"))),
    st.tuples(st.just("wait"), st.sampled_from((1, 30, 600))),
)


@given(history=st.lists(step, min_size=8, max_size=16))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_history_sends_every_document_once(history: list[tuple[Any, ...]]) -> None:
    """failures.md 20: however its writes end, whenever the process dies, and never before its time."""
    with tempfile.TemporaryDirectory() as folder, open_sync(Path(folder)) as sync:
        post = Post.of(sync)
        times: dict[str, datetime] = {}
        for move in history:
            play(post, move, times)
            for claim, _ in post.account.letters:
                assert times[claim] <= post.clock.now
        come_to_rest(post)
        assert sorted(claim for claim, _ in post.account.letters) == sorted(times)
        assert not post.due


def play(post: Post, move: tuple[Any, ...], times: dict[str, datetime]) -> None:
    post.clock.forward(seconds=1)
    match move:
        case ("write", number, minutes):
            after = times.setdefault(f"letter-{number}", post.clock.now + timedelta(minutes=minutes))
            post.world.put(number, subject="rent", after=after.isoformat())
        case ("deliver", faults):
            post.account.faults = list(faults)
            with suppress(Died):
                post.sync()
            post.account.faults = []
        case ("die", checkpoint, occasion):
            with dying_at(checkpoint, occasion), suppress(Died):
                post.sync()
        case ("replay", number):
            post.deliver(only=[number])
        case ("remap", fingerprint):
            post.remap(fingerprint)
        case ("wait", minutes):
            post.clock.forward(minutes=minutes)
            post.account.catch_up()
