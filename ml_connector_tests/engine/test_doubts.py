"""Writes that were never answered: what they did unseen is found, and nothing is called done that is not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress

import pytest

from ml_connector.engine.ports import Delivery
from ml_connector.engine.records import Change, Result
from ml_connector_tests.engine.conftest import Sync
from ml_connector_tests.engine.world import CONTACTS, Died


@pytest.fixture
def sync(sync_on_both: Sync) -> Sync:
    """On SQLite and on PostgreSQL."""
    return sync_on_both


def come_to_rest(sync: Sync) -> None:
    """No more faults: days pass, and everything that is due is delivered."""
    sync.account.faults = []
    for _ in range(5):
        sync.clock.forward(days=1, minutes=10)
        sync.account.catch_up()
        sync.sync()


def sync_and_die(sync: Sync) -> None:
    sync.account.faults = ["die"]
    with suppress(Died):
        sync.sync()
    sync.account.faults = []


@pytest.mark.parametrize("answer", ["fail", "reject"])
def test_what_took_effect_unseen_is_taken_back(sync: Sync, answer: str) -> None:
    """A change is lost, its repetition does not work, and the source goes back: the target has to be written."""
    sync.world.put("1", email="a@x.no", name="A")
    sync.sync()
    sync.world.put("1", name="B")
    sync.account.faults = ["lost"]
    sync.sync()
    sync.clock.forward(minutes=10)
    sync.account.faults = [answer]
    sync.sync()
    sync.clock.forward(minutes=1)
    sync.world.put("1", name="A")
    come_to_rest(sync)
    assert sync.account.members["a@x.no"].body["NAME"] == "1 A"


def test_what_took_effect_unseen_is_taken_back_after_giving_up(sync: Sync) -> None:
    """Ten failures after a lost write: the record is given up, and still not taken for what was confirmed before."""
    sync.world.put("1", email="a@x.no", name="A")
    sync.sync()
    sync.world.put("1", name="B")
    sync.account.faults = ["lost"]
    sync.sync()
    for _ in range(12):
        sync.clock.forward(days=2)
        sync.account.faults = ["fail"]
        sync.sync()
    assert sync.state("1").kind == "gave up"
    sync.world.put("1", name="A")
    come_to_rest(sync)
    assert sync.account.members["a@x.no"].body["NAME"] == "1 A"


def test_people_are_told_that_a_write_without_an_answer_may_have_taken_effect(sync: Sync) -> None:
    """Else somebody would do it by hand, a second time."""
    sync.world.put("1", email="a@x.no", name="A")
    sync.account.faults = ["lost"]
    sync.sync()
    assert (sync.state("1").reason or "").startswith("No answer; it may have taken effect all the same")


@pytest.mark.parametrize("fault", ["lost", "die"])
def test_who_says_no_is_taken_off_although_nobody_saw_the_member_come(sync: Sync, fault: str) -> None:
    """The write that created the member was never answered; then the contact is flagged."""
    sync.world.put("1", email="a@x.no", name="A")
    sync.account.faults = [fault]
    with suppress(Died):
        sync.sync()
    sync.clock.forward(minutes=5)
    sync.account.catch_up()
    sync.world.put("c1", CONTACTS, of="1", no_mail=True)
    come_to_rest(sync)
    assert sync.account.members["a@x.no"].status == "unsubscribed"


@pytest.mark.parametrize("minutes", [0, 10])
def test_a_member_that_nobody_saw_come_moves_with_its_address(sync: Sync, minutes: int) -> None:
    """The process dies in the call that creates the member, and the address changes: one member, at the new one."""
    sync.world.put("1", email="a@x.no", name="A")
    sync_and_die(sync)
    sync.clock.forward(minutes=minutes)
    sync.account.catch_up()
    sync.world.put("1", email="b@x.no")
    come_to_rest(sync)
    assert sync.account.members.keys() == {"b@x.no"}


@pytest.mark.parametrize("then", ["a@x.no", "c@x.no"])
def test_a_move_that_nobody_saw_is_found(sync: Sync, then: str) -> None:
    """The member moved, the answer was lost, and the address changes once more, or back."""
    sync.world.put("1", email="a@x.no", name="A")
    sync.sync()
    sync.world.put("1", email="b@x.no")
    sync.account.faults = ["lost"]
    sync.sync()
    sync.clock.forward(minutes=1)
    sync.world.put("1", email=then)
    come_to_rest(sync)
    assert sync.account.members.keys() == {then}


def test_a_member_that_went_astray_twice_is_found(sync: Sync) -> None:
    """Two moves in a row without an answer, the second of which never happened."""
    sync.world.put("1", email="a@x.no", name="A")
    sync.sync()
    for address, fault in (("b@x.no", "lost"), ("c@x.no", "late")):
        sync.clock.forward(minutes=10)
        sync.world.put("1", email=address)
        sync.account.faults = [fault]
        sync.sync()
        sync.account.pending = []
    sync.clock.forward(minutes=10)
    sync.world.put("1", email="d@x.no")
    come_to_rest(sync)
    assert sync.account.members.keys() == {"d@x.no"}


def test_a_target_that_stops_does_not_clear_earlier_doubts(sync: Sync) -> None:
    """Killed after three writes, then stopped before the first: all three are still in doubt, and are written back."""
    for number in "123":
        sync.world.put(number, email=f"{number}@x.no", name="A")
    sync.sync()
    for number in "123":
        sync.world.put(number, name="B")

    def apply_and_die(changes: Iterable[Change], delivery: Delivery) -> Iterator[Result]:
        for change in list(changes):
            sync.account._apply(change)
        raise Died
        yield

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sync.account, "deliver", apply_and_die)
        with pytest.raises(Died):
            sync.sync()
    sync.clock.forward(minutes=5)
    sync.account.faults = ["stop"]
    sync.sync()
    assert {intent.key for intent in sync.book.intents()} == {"1", "2", "3"}
    for number in "123":
        sync.world.put(number, name="A")
    come_to_rest(sync)
    assert {member.body["NAME"] for member in sync.account.members.values()} == {"1 A"}


def test_a_resumed_batch_unlinks_the_former_holder(sync: Sync) -> None:
    """A batch gives a member to another record; the process dies and the next one fetches the outcome."""
    sync.world.put("5", email="a@x.no", name="Y")
    sync.sync()
    sync.account.batch_size = 2
    sync.world.put("1", email="a@x.no", name="X")

    def apply_and_die(reference: str, keys: object) -> Iterator[Result]:
        for change in sync.account.batches[reference]:
            sync.account._apply(change)
        raise Died
        yield

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sync.account, "resume", apply_and_die)
        with pytest.raises(Died):
            sync.sync()
    come_to_rest(sync)
    assert (sync.state("1").target_id, sync.state("5").target_id) == ("a@x.no", None)
    sync.world.put("1", email="z@x.no")
    come_to_rest(sync)
    assert sync.account.members["a@x.no"].body["NAME"] == "1 Y"
    assert sync.account.members["z@x.no"].body["NAME"] == "1 X"


def test_many_leave_one_address_in_one_delivery(sync: Sync) -> None:
    """However many they are: each is delivered in the run that took it up."""
    for number in range(1, 41):
        sync.world.put(str(number), email="a@x.no", name="A")
    sync.sync()
    for number in range(2, 41):
        sync.world.put(str(number), email=f"n{number}@x.no")
    report = sync.sync()
    assert report.total.created == 39
    assert len(sync.account.members) == 40
