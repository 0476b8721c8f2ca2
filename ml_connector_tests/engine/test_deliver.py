"""What one delivery does with records, windows and counts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ml_connector.engine.records import Operation
from ml_connector.engine.tally import Tally
from ml_connector.errors import Problem
from ml_connector.store.tables import landing, reading
from ml_connector_tests.engine.conftest import Sync
from ml_connector_tests.engine.world import CONTACTS, START, Died


def counts(tally: Tally) -> dict[str, int]:
    assert tally.adds_up
    return {name: value for name in Tally.__slots__ if (value := getattr(tally, name))}


def test_the_first_sync_creates_and_the_second_sends_nothing(sync: Sync) -> None:
    """New records are created; what has not changed is neither landed nor sent again."""
    for number in range(7):
        sync.world.put(str(number), name=f"N{number}", email=f"{number}@x.no")
    assert counts(sync.sync().total) == {"read": 7, "created": 7}
    sent = len(sync.account.sent)
    assert counts(sync.sync().total) == {}
    assert len(sync.account.sent) == sent
    assert not sync.due


def test_touched_records_cause_no_write(sync: Sync) -> None:
    """failures.md 3: every row stamped as modified, none changed: they are read, and nothing is sent."""
    for number in range(5):
        sync.world.put(str(number), name="N", email=f"{number}@x.no")
    sync.sync()
    sent = len(sync.account.sent)
    sync.clock.forward(hours=1)
    for number in range(5):
        sync.world.put(str(number))
    assert counts(sync.sync().total) == {"read": 5, "unchanged": 5}
    assert len(sync.account.sent) == sent


def test_a_changed_record_is_updated_alone(sync: Sync) -> None:
    """One change, one write."""
    for number in range(5):
        sync.world.put(str(number), name="N", email=f"{number}@x.no")
    sync.sync()
    sync.world.put("3", name="Other")
    assert counts(sync.sync().total) == {"read": 1, "updated": 1}
    assert sync.account.members["3@x.no"].body["NAME"] == "1 Other"


def test_a_row_committed_late_with_the_last_stamp_is_read(sync: Sync) -> None:
    """failures.md 1: a row that appears after the read with an earlier stamp is found through the overlap."""
    sync.world.put("1", name="N", email="1@x.no")
    late = sync.clock.now
    sync.sync()
    sync.clock.forward(minutes=5)
    sync.world.rows["world.customers"]["2"] = ({"number": "2", "email": "2@x.no"}, late)
    assert counts(sync.sync().total) == {"read": 1, "created": 1}


def test_a_record_touched_after_every_window_arrives(sync: Sync) -> None:
    """failures.md 33: touched again and again just after each window's end, it is delivered in every round."""
    sync.world.put("1", name="0", email="1@x.no")
    for hour in range(1, 8):
        sync.clock.now = sync.clock.now.replace(minute=0, second=0, microsecond=1000) + timedelta(hours=1)
        sync.world.put("1", name=str(hour))
        sync.sync()
        assert sync.account.members["1@x.no"].body["NAME"] == f"1 {hour}"


def test_a_rejected_record_does_not_stop_the_others(sync: Sync) -> None:
    """failures.md 16: the bad one is visible with its reason, and the counts add up."""
    for number in range(4):
        sync.world.put(str(number), name="N", email=f"{number}@x.no")
    sync.world.put("2", broken=True)
    sync.account.faults = ["ok", "reject"]
    report = sync.sync()
    assert counts(report.total) == {"read": 4, "created": 2, "rejected": 2}
    assert sync.state("2").reason == "The row cannot be read."
    assert sync.state("1").reason == "The target refuses it."
    assert counts(sync.sync().total) == {}, "a rejected record waits for a new version"


def test_a_failed_record_is_retried_by_itself_and_given_up_at_last(sync: Sync) -> None:
    """failures.md 17: an error leaves the digest unsaved; it comes back ten times when it is due, then never."""
    sync.world.put("1", name="N", email="1@x.no")
    sync.account.faults = ["fail"] * 10
    assert counts(sync.sync().total) == {"read": 1, "failed": 1}
    assert counts(sync.sync().total) == {}, "it is not due yet"
    for attempt in range(2, 10):
        sync.clock.forward(days=1, hours=1)
        assert counts(sync.deliver().total) == {"read": 1, "failed": 1}, attempt
    sync.clock.forward(days=1, hours=1)
    assert counts(sync.deliver().total) == {"read": 1, "rejected": 1}
    assert sync.state("1").kind == "gave up"
    sync.world.put("1", name="Better")
    assert counts(sync.sync().total) == {"read": 1, "created": 1}


def test_a_target_that_stops_leaves_its_windows_unfinished(sync: Sync) -> None:
    """Finished windows are told from the others, and the next delivery sends just what is missing."""
    for number in range(6):
        sync.clock.forward(hours=1)
        sync.world.put(str(number), name="N", email=f"{number}@x.no")
    sync.account.faults = ["ok", "ok", "stop"]
    report = sync.sync()
    assert report.stopped is not None
    assert counts(report.total) == {"read": 2, "created": 2}
    assert len(report.unfinished) == 4
    assert not report.unfinished & {window for window, tally in report.windows.items() if tally.created}
    assert sync.due
    report = sync.deliver()
    assert counts(report.total) == {"read": 4, "created": 4}
    assert not report.unfinished
    assert len(sync.account.sent) == 7


def test_a_changed_mapping_is_delivered_again_from_what_has_landed(sync: Sync) -> None:
    """A new fingerprint maps every record again without a read; what stays the same is not sent."""
    for number in range(3):
        sync.world.put(str(number), name="N", email=f"{number}@x.no")
    sync.sync()
    reads = sync.world.calls
    sync.remap("2")
    assert sync.due
    assert counts(sync.deliver().total) == {"read": 3, "updated": 3}
    assert sync.world.calls == reads
    assert not sync.due


def test_a_changed_contact_makes_its_customer_due(sync: Sync) -> None:
    """A secondary row that changes is a change of the record that uses it."""
    sync.world.put("1", name="N", email="1@x.no")
    sync.world.put("2", name="N", email="2@x.no")
    sync.sync()
    sync.world.put("c1", CONTACTS, of="2", title="Dr ")
    assert counts(sync.sync().total) == {"read": 1, "updated": 1}
    assert sync.account.members["2@x.no"].body["NAME"] == "1 Dr N"


def test_replay_sends_exactly_the_named_records(sync: Sync) -> None:
    """A replay is sent even where the target has it already, and moves nothing else."""
    for number in range(4):
        sync.world.put(str(number), name="N", email=f"{number}@x.no")
    sync.sync()
    sync.account.members["2@x.no"].body = {"NAME": "edited by hand"}
    assert counts(sync.deliver(only=["2"]).total) == {"read": 1, "updated": 1}
    assert sync.account.members["2@x.no"].body["NAME"] == "1 N"
    assert not sync.due


def test_an_old_window_replayed_sends_the_newest_version(sync: Sync) -> None:
    """failures.md 21: there is no way to send an older version again."""
    sync.world.put("1", name="old", email="1@x.no")
    sync.sync()
    sync.clock.forward(hours=5)
    sync.world.put("1", name="new")
    sync.sync()
    sync.deliver(only=["1"])
    assert sync.account.members["1@x.no"].body["NAME"] == "1 new"


def test_a_vanished_customer_is_treated_as_its_flow_says(sync: Sync) -> None:
    """A full read that misses one record marks it; nothing is deleted at the target."""
    for number in range(40):
        sync.world.put(str(number), name="N", email=f"{number}@x.no")
    sync.sync()
    sync.world.remove("7")
    sync.read(whole=True)
    assert counts(sync.deliver().total) == {"read": 1, "updated": 1}
    assert sync.account.members["7@x.no"].body["terminated"] is True
    sync.world.put("7", silently=True, name="N", email="7@x.no")
    sync.read(whole=True)
    assert counts(sync.deliver().total) == {"read": 1, "updated": 1}
    assert sync.account.members["7@x.no"].body["terminated"] is False


def test_many_vanished_at_once_are_not_believed(sync: Sync) -> None:
    """failures.md 37: a full read that finds nobody marks nobody, and says so."""
    for number in range(40):
        sync.world.put(str(number), name="N", email=f"{number}@x.no")
    sync.sync()
    sync.world.rows["world.customers"].clear()
    (report, _) = sync.read(whole=True)
    assert report.vanished == 0
    assert report.note is not None
    assert "40 of 40" in report.note
    assert sync.ledger.readings.coverage("world.customers").brake == report.note
    assert counts(sync.deliver().total) == {}


def test_a_read_that_breaks_off_keeps_what_it_was_given(sync: Sync) -> None:
    """What landed before the break is delivered; coverage does not advance, so the rest comes with the next read."""
    for number in range(9):
        sync.world.put(str(number), name="N", email=f"{number}@x.no")
    sync.world.breaks_after = 2
    with pytest.raises(Exception, match="broke off"):
        sync.read()
    assert sync.ledger.readings.coverage("world.customers").until is None
    sync.read(CONTACTS)
    assert counts(sync.deliver().total) == {"read": 6, "created": 6}
    assert counts(sync.sync().total) == {"read": 3, "created": 3}
    with sync.ledger.database.connect() as connection:
        assert len(connection.execute(reading.select()).all()) == 4
        assert len(connection.execute(landing.select()).all()) == 2


def test_rows_that_move_during_a_scan_are_read_again(sync: Sync) -> None:
    """failures.md 4: a row slips to an earlier page and is never met, though the total stays: it walks again."""
    for number in range(9):
        sync.world.put(str(number), name="N", email=f"{number}@x.no")
    sync.world.moving = 1
    assert counts(sync.sync().total) == {"read": 9, "created": 9}


def test_a_scan_that_never_comes_to_rest_is_not_believed(sync: Sync) -> None:
    """failures.md 4: after three walks nothing is marked as vanished and coverage stays where it was."""
    for number in range(9):
        sync.world.put(str(number), name="N", email=f"{number}@x.no")
    sync.world.moving = 99
    sync.world.page_size = 8
    sync.sync()
    assert sync.ledger.readings.coverage("world.customers").until is None
    sync.world.moving = 0
    sync.sync()
    assert sync.ledger.readings.coverage("world.customers").until is not None
    assert len(sync.account.members) == 9


def test_an_empty_first_read_is_not_taken_for_the_whole(sync: Sync) -> None:
    """An empty answer to the very first read covers nothing: what was there all along comes with the next one."""
    sync.sync()
    sync.world.rows["world.customers"]["1"] = ({"number": "1", "email": "1@x.no"}, START - timedelta(days=900))
    sync.clock.forward(hours=5)
    assert counts(sync.sync().total) == {"read": 1, "created": 1}


def test_a_list_that_stays_empty_is_covered(sync: Sync) -> None:
    """Two empty answers in a row are believed: from then on only what changed is asked for."""
    for covered in (False, True, True):
        sync.read()
        assert (sync.ledger.readings.coverage("world.customers").until is not None) == covered
        sync.clock.forward(minutes=10)
    sync.world.put("1", name="N", email="1@x.no")
    assert counts(sync.sync().total) == {"read": 1, "created": 1}


def test_a_landing_that_is_gone_from_the_disk_is_landed_again(sync: Sync) -> None:
    """A whole read repairs it: the same rows get a new file, and what the target has already is not sent again."""
    sync.world.put("1", name="N", email="1@x.no")
    sync.world.put("2", name="N", email="2@x.no")
    sync.sync()
    for name in list(sync.ledger.landings.files()):
        sync.ledger.landings.delete(name)
    with pytest.raises(Problem, match=r"(?s)is missing.*--full"):
        sync.deliver(only=["1"])
    sync.read()
    with pytest.raises(Problem, match="is missing"):
        sync.deliver(only=["1"])
    sync.read(whole=True)
    assert counts(sync.deliver().total) == {"read": 2, "unchanged": 2}
    assert counts(sync.deliver(only=["1"]).total) == {"read": 1, "updated": 1}


def test_two_customers_with_one_address_the_lowest_number_owns(sync: Sync) -> None:
    """failures.md 10: one write per member; the others say who owns it; numbers compare by value."""
    for number in ("10001", "9999", "10000"):
        sync.world.put(number, name=number, email="Same@x.no ")
    report = sync.sync()
    assert counts(report.total) == {"read": 3, "created": 1, "skipped": 2}
    assert sync.account.members["same@x.no"].body["NAME"] == "1 9999"
    assert sync.state("10001").rule == "same address as 9999"


def test_a_lower_number_that_comes_later_takes_the_member_over(sync: Sync) -> None:
    """The end is the same in whatever order they come."""
    sync.world.put("20", name="20", email="a@x.no")
    sync.sync()
    sync.world.put("10", name="10", email="a@x.no")
    report = sync.sync()
    assert counts(report.total) == {"read": 2, "updated": 1, "skipped": 1}
    assert sync.account.members["a@x.no"].body["NAME"] == "1 10"
    assert sync.state("20").rule == "same address as 10"


def test_the_next_in_line_takes_over_when_the_owner_leaves(sync: Sync) -> None:
    """The owner's address changes: its member moves only if nobody else wants the old one, and the next one gets it."""
    sync.world.put("10", name="10", email="a@x.no")
    sync.world.put("20", name="20", email="a@x.no")
    sync.sync()
    sync.world.put("10", email="b@x.no")
    sync.sync()
    assert sync.account.members["a@x.no"].body["NAME"] == "1 20"
    assert sync.account.members["b@x.no"].body["NAME"] == "1 10"


def test_a_changed_address_moves_the_member(sync: Sync) -> None:
    """History goes with it, and a no stays a no."""
    sync.world.put("1", name="N", email="old@x.no")
    sync.sync()
    sync.account.say_no("old@x.no")
    sync.world.put("1", email="new@x.no")
    assert counts(sync.sync().total) == {"read": 1, "updated": 1}
    assert sync.account.sent[-1].operation is Operation.MOVE
    assert list(sync.account.members) == ["new@x.no"]
    assert sync.account.members["new@x.no"].status == "unsubscribed"


def test_an_active_customer_goes_before_a_terminated_one(sync: Sync) -> None:
    """A terminated customer with the lowest number does not keep an active one off the list."""
    sync.world.put("1", name="closed", email="a@x.no", terminated=True)
    sync.world.put("2", name="open", email="a@x.no")
    report = sync.sync()
    assert counts(report.total) == {"read": 2, "created": 1, "skipped": 1}
    assert sync.account.members["a@x.no"].body["NAME"] == "1 open"


def test_a_no_withdraws_the_member_and_withholds_it_from_everybody(sync: Sync) -> None:
    """One customer's contact says no: the member that another customer delivered is taken off, once."""
    sync.world.put("1", name="owner", email="a@x.no")
    sync.sync()
    sync.world.put("2", name="other", email="a@x.no")
    sync.world.put("c2", CONTACTS, of="2", no_mail=True)
    sync.sync()
    assert sync.account.members["a@x.no"].status == "unsubscribed"
    assert sync.state("1").rule == "withheld through 2"
    assert sync.state("2").rule == "no mass mail"
    sent = len(sync.account.sent)
    sync.world.put("1", name="changed")
    sync.sync()
    assert len(sync.account.sent) == sent
    assert sync.account.members["a@x.no"].status == "unsubscribed"


def test_an_unanswered_write_is_not_overtaken(sync: Sync) -> None:
    """failures.md 35, for states: an old write that takes effect a minute later never ends on top of a newer one."""
    sync.world.put("1", name="old", email="a@x.no")
    sync.account.faults = ["late"]
    sync.sync()
    sync.world.put("1", name="new")
    report = sync.sync()
    assert counts(report.total) == {"read": 1, "failed": 1}
    assert sync.state("1").kind == "in doubt"
    sync.clock.forward(minutes=10)
    sync.account.catch_up()
    sync.sync()
    assert sync.account.members["a@x.no"].body["NAME"] == "1 new"


def test_a_write_of_a_process_that_died_does_not_overtake_a_newer_one(sync: Sync) -> None:
    """Killed before the answer, sent again by the next run and answered: the killed call may still take effect."""
    sync.world.put("1", name="old", email="a@x.no")
    sync.account.faults = ["die"]
    with pytest.raises(Died):
        sync.sync()
    assert counts(sync.sync().total) == {"read": 1, "created": 1}
    sync.world.put("1", name="new")
    assert counts(sync.sync().total) == {"read": 1, "failed": 1}
    sync.clock.forward(minutes=10)
    sync.account.catch_up()
    sync.sync()
    assert sync.account.members["a@x.no"].body["NAME"] == "1 new"


def test_a_doubt_about_what_is_confirmed_causes_no_further_write(sync: Sync) -> None:
    """Sent twice, because a process died, and confirmed: whether the first call still takes effect does not matter."""
    sync.world.put("1", name="N", email="a@x.no")
    sync.account.faults = ["die"]
    with pytest.raises(Died):
        sync.sync()
    sync.sync()
    for _ in range(3):
        sync.clock.forward(minutes=1)
        sync.sync()
    assert len(sync.account.sent) == 2
    assert not sync.book.intents()


def test_a_repeated_write_is_not_overtaken_by_its_first_try(sync: Sync) -> None:
    """The second try was answered, the first one may still take effect: a newer version waits for that."""
    sync.world.put("1", name="old", email="a@x.no")
    sync.account.faults = ["twice"]
    assert counts(sync.sync().total) == {"read": 1, "created": 1}
    sync.world.put("1", name="new")
    assert counts(sync.sync().total) == {"read": 1, "failed": 1}
    sync.clock.forward(minutes=10)
    sync.sync()
    sync.account.catch_up()
    assert sync.account.members["a@x.no"].body["NAME"] == "1 new"


def test_a_write_that_took_effect_unseen_is_not_called_unchanged(sync: Sync) -> None:
    """After a lost answer the old content is sent again, although the target once confirmed just that."""
    sync.world.put("1", name="first", email="a@x.no")
    sync.sync()
    sync.world.put("1", name="second")
    sync.account.faults = ["lost"]
    sync.sync()
    sync.clock.forward(minutes=10)
    sync.world.put("1", name="first")
    assert counts(sync.sync().total) == {"read": 1, "updated": 1}
    assert sync.account.members["a@x.no"].body["NAME"] == "1 first"


def test_batches_are_delivered_with_a_reference(sync: Sync) -> None:
    """A target that takes batches answers per record all the same."""
    sync.account.batch_size = 4
    for number in range(10):
        sync.world.put(str(number), name="N", email=f"{number}@x.no")
    assert counts(sync.sync().total) == {"read": 10, "created": 10}
