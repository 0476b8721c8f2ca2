"""Delivering many changes in batches, and fetching what an earlier process handed over."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from ml_connector.engine.records import Change, Outcome, Result
from ml_connector.errors import StoppedProblem
from ml_connector.systems.mailchimp import earlier
from ml_connector.systems.mailchimp.batches import OperationId
from ml_connector.systems.mailchimp.exchange import kind_of
from ml_connector.systems.mailchimp.mapping import subscriber_hash
from ml_connector_tests.simulators.mailchimp_support import Mailchimp
from ml_connector_tests.systems.mailchimp.conftest import OpenTarget
from ml_connector_tests.systems.mailchimp.support import (
    AUDIENCE,
    Target,
    change,
    customer,
    customers,
    desired,
    withdrawal,
)

KARI, OLA = "kari@nordfisk.no", "ola@nordfisk.no"
TAGGED = {"list_id": AUDIENCE, "status": "subscribed", "tag": "Terminated"}


@pytest.fixture
def batching(open_target: OpenTarget, mailchimp: Mailchimp) -> Target:
    """A target that sends more than three changes in batches of twenty."""
    mailchimp.configure(batch_seconds=0.05)
    return open_target(batch_above=3, batch_size=20)


def test_many_changes_travel_in_batches(batching: Target, mailchimp: Mailchimp) -> None:
    """Every operation's outcome is recorded; what is left over and few goes by calls of its own."""
    results = batching.deliver(*customers(62))
    assert {result.outcome for result in results.values()} == {Outcome.CREATED}
    assert {len(keys) for keys in batching.remembered.values()} == {20}
    assert sorted(key for keys in batching.remembered.values() for key in keys) == sorted(results)[:60]
    log = mailchimp.control("calls")["by_route"]
    assert log["POST /3.0/batches"] == 3
    assert log["PUT /3.0/lists/{list_id}/members/{subscriber_hash}"] == 2
    assert mailchimp.control("summary")["members"] == {"subscribed": 62}
    one = results["20000"]
    assert one.target_id == subscriber_hash("post@kunde-0.no")
    assert one.facts == {"list_id": AUDIENCE, "status": "subscribed", "sent_status": None, "tag": None}
    assert one.correlation_id in batching.remembered


@pytest.mark.parametrize(("number", "in_batches"), [(3, 0), (4, 1)])
def test_only_more_than_the_threshold_travel_in_batches(batching: Target, number: int, in_batches: int) -> None:
    """Few changes are quicker as calls of their own."""
    batching.deliver(*customers(number))
    assert len(batching.remembered) == in_batches


def test_a_batch_is_remembered_before_its_outcome_is_waited_for(batching: Target, mailchimp: Mailchimp) -> None:
    """So a process that dies while it waits loses nothing."""
    mailchimp.configure(batch_seconds=30.0)
    batching.faults({"fault": "server_error", "path": "/batches/"})
    with pytest.raises(StoppedProblem, match="asking for the batch"):
        list(batching.results(*customers(10)))
    assert [len(keys) for keys in batching.remembered.values()] == [10]


def test_several_batches_are_at_work_at_a_time(batching: Target, mailchimp: Mailchimp) -> None:
    """While one is fetched, the others are worked on: three are handed over before any is asked for."""
    mailchimp.configure(batch_seconds=0.6)
    batching.deliver(*customers(80))
    assert len(batching.remembered) == 4
    calls = [(call["method"], call["path"]) for call in mailchimp.control("calls")["log"] if "/batches" in call["path"]]
    assert [method for method, _ in calls[:4]] == ["POST", "POST", "POST", "GET"]


def test_archives_of_one_or_many_files_are_read(batching: Target, mailchimp: Mailchimp) -> None:
    """Results come in any order, in any number of files."""
    for per_file in (1, 7, 300):
        mailchimp.configure(archive_file_operations=per_file)
        results = batching.deliver(*customers(20, first=per_file * 1000))
        assert {result.outcome for result in results.values()} == {Outcome.CREATED}


def test_success_is_decided_per_operation(batching: Target, mailchimp: Mailchimp) -> None:
    """failures.md 11: a batch that is `finished` proves nothing about any of its records."""
    mailchimp.put(OLA)
    mailchimp.control(f"members/{OLA}/unsubscribe", {"origin": "admin"})
    changes = [
        change(desired(customer(email="post@looks-fake.no")), "1"),
        change(desired(customer(email="post@glemt.no")), "2"),
        change(desired(customer(email="post@mange-lister.no")), "3"),
        change(desired(customer(email=OLA)), "4", linked_to=OLA),
        change(desired(customer(email="x@nordfisk.no", status="Inactive")), "5"),
        change(desired(customer(email="y@nordfisk.no", status="Inactive"), members={"terminated": "archive"}), "6"),
        withdrawal("z@nordfisk.no", "7"),
        *customers(3),
    ]
    results = batching.deliver(*changes)
    assert {key: (results[key].outcome, results[key].kind) for key in "1234567"} == {
        "1": (Outcome.REJECTED, "fake address"),
        "2": (Outcome.REJECTED, "forgotten address"),
        "3": (Outcome.FAILED, "sign-up brake"),
        "4": (Outcome.UPDATED, None),
        "5": (Outcome.SKIPPED, "terminated, and not a member"),
        "6": (Outcome.SKIPPED, "terminated, and not a member"),
        "7": (Outcome.SKIPPED, "said no, and not a member"),
    }
    assert results["4"].facts["status"] == "unsubscribed"
    assert results["20000"].outcome is Outcome.CREATED
    assert mailchimp.control("calls")["by_route"].get("PUT /3.0/lists/{list_id}/members/{subscriber_hash}", 0) == 1


def test_what_takes_several_calls_is_finished_by_calls(batching: Target, mailchimp: Mailchimp) -> None:
    """Tags follow the batch; moves and shared addresses do not travel in it at all."""
    for email in (KARI, OLA, "per@nordfisk.no"):
        batching.send(desired(customer(email=email)))
    mailchimp.control(f"members/{OLA}/unsubscribe", {})
    results = batching.deliver(
        change(desired(customer(status="Inactive")), "1", linked_to=KARI),
        change(desired(customer(email="ny@nordfisk.no")), "2", linked_to="per@nordfisk.no"),
        change(desired(customer(email="annen@nordfisk.no")), "3", linked_to=OLA, old_is_shared=True),
        *customers(5),
    )
    assert results["1"].facts["tag"] == "Terminated"
    assert mailchimp.known(KARI)["tags"] == ["Terminated"]
    assert len(mailchimp.known("ny@nordfisk.no")["history"]) == 2
    assert mailchimp.known("annen@nordfisk.no")["status"] == "unsubscribed"
    (keys,) = batching.remembered.values()
    assert sorted(keys) == ["1", "20000", "20001", "20002", "20003", "20004"]


@pytest.mark.parametrize("fault", ["torn_json", "reset_body", "server_error", "html_error", "forbidden_empty"])
def test_results_that_break_off_are_fetched_again(batching: Target, fault: str) -> None:
    """Their address is asked for anew, because it does not live long."""
    batching.faults({"fault": fault, "path": "/batch-results/", "times": 2})
    results = batching.deliver(*customers(20))
    assert {result.outcome for result in results.values()} == {Outcome.CREATED}


def test_results_that_cannot_be_read_leave_their_records_in_doubt(batching: Target) -> None:
    """failures.md 17: the batch is remembered, and the next run reads it; nothing is called a success meanwhile."""
    batching.faults({"fault": "torn_json", "path": "/batch-results/"})
    results = batching.deliver(*customers(20))
    assert {(result.outcome, result.uncertain) for result in results.values()} == {(Outcome.FAILED, True)}
    batching.mailchimp.anonymous.delete("/_simulator/faults")
    (reference,) = batching.remembered
    resumed = list(batching.account.writer("members").resume(reference, list(results)))
    assert {result.outcome for result in resumed} == {Outcome.CREATED}


def test_a_batch_that_was_handed_over_without_an_answer_is_in_doubt(batching: Target, mailchimp: Mailchimp) -> None:
    """failures.md 17: it may be at work, under an id that nobody knows, so it is not handed over again at once."""
    batching.faults({"fault": "lost_answer", "path": "/batches$", "method": "POST"})
    results = batching.deliver(*customers(20))
    assert {(result.outcome, result.uncertain) for result in results.values()} == {(Outcome.FAILED, True)}
    assert batching.remembered == {}
    assert mailchimp.control("calls")["by_route"]["POST /3.0/batches"] == 1


def test_too_many_open_batches_are_a_limit(batching: Target, mailchimp: Mailchimp) -> None:
    """Mailchimp turns the fifth away until one is finished; nothing is lost (Mailchimp reference, section 3)."""
    mailchimp.configure(max_pending_batches=2, batch_seconds=0.02)
    results = batching.deliver(*customers(100))
    assert {result.outcome for result in results.values()} == {Outcome.CREATED}


def test_a_target_that_takes_no_batches_stops(batching: Target, mailchimp: Mailchimp) -> None:
    """What was tried is in doubt; the rest is not tried, because each try may take minutes."""
    batching.faults({"fault": "lost_answer", "path": "/batches$", "method": "POST"})
    results: list[Result] = []
    with pytest.raises(StoppedProblem, match="3 batches in a row could not be handed over"):
        results.extend(batching.results(*customers(100)))
    assert [result.uncertain for result in results] == [True] * 60


def test_a_batch_that_somebody_deletes_is_sent_again(batching: Target, mailchimp: Mailchimp) -> None:
    """Nobody waits for it for ever."""
    mailchimp.configure(batch_seconds=5.0)
    remember = batching.remember

    class Deleting:
        def remember(self, keys: Sequence[str], reference: str) -> None:
            remember(keys, reference)
            mailchimp.http.delete(f"/3.0/batches/{reference}")

    results = batching.account.writer("members").deliver(iter(customers(20)), Deleting())
    assert {(result.outcome, result.kind) for result in results} == {(Outcome.FAILED, "in doubt")}


# --- what an earlier process handed over ------------------------------------------------------------------------------


def hand_over(target: Target, changes: Sequence[Change]) -> str:
    """Hand changes over and die before the outcome."""
    target.faults({"fault": "server_error", "path": "/batches/"})
    with pytest.raises(StoppedProblem):
        list(target.results(*changes))
    target.mailchimp.anonymous.delete("/_simulator/faults")
    (reference,) = target.remembered
    return reference


def resume(target: Target, reference: str, changes: Sequence[Change]) -> dict[str, Result]:
    results = list(target.account.writer("members").resume(reference, [one.key for one in changes]))
    assert sorted(result.key for result in results) == sorted(one.key for one in changes)
    assert target.mailchimp.resubscriptions() == []
    return {result.key: result for result in results}


def test_an_earlier_batch_is_read_without_its_changes(batching: Target, mailchimp: Mailchimp) -> None:
    """The outcomes are the same as the process that died would have recorded."""
    for email in (KARI, OLA, "per@nordfisk.no"):
        batching.send(desired(customer(email=email)))
    archive = {"terminated": "archive"}
    changes = [
        change(desired(customer(email="post@looks-fake.no")), "1"),
        change(desired(customer(name="X")), "2", linked_to=KARI),
        withdrawal(OLA, "3"),
        change(
            desired(customer(email="per@nordfisk.no", status="Inactive"), members=archive),
            "4",
            linked_to="per@nordfisk.no",
        ),
        change(desired(customer(email="ny@nordfisk.no", status="Inactive")), "5"),
        *customers(3),
    ]
    results = resume(batching, hand_over(batching, changes), changes)
    assert {key: result.outcome for key, result in results.items()} == {
        "1": Outcome.REJECTED,
        "2": Outcome.UPDATED,
        "3": Outcome.UPDATED,
        "4": Outcome.UPDATED,
        "5": Outcome.SKIPPED,
        "20000": Outcome.CREATED,
        "20001": Outcome.CREATED,
        "20002": Outcome.CREATED,
    }
    assert (results["3"].facts["sent_status"], results["4"].facts["status"]) == ("unsubscribed", "archived")
    assert results["2"].target_id == subscriber_hash(KARI)
    assert results["20000"].facts == {"list_id": AUDIENCE, "status": "subscribed", "sent_status": None, "tag": None}


def test_an_earlier_batch_takes_a_known_no_along(batching: Target) -> None:
    """failures.md 12: the process that reads the results does not know what was known of somebody who is gone."""
    facts = {"list_id": AUDIENCE, "status": "unsubscribed", "tag": None}
    gone = change(desired(customer(status="Inactive")), "1", linked_to=KARI, facts=facts)
    changes = [gone, *customers(5)]
    result = resume(batching, hand_over(batching, changes), changes)["1"]
    assert (result.outcome, result.facts["status"]) == (Outcome.SKIPPED, "unsubscribed")


def test_what_still_wants_a_tag_is_sent_again(batching: Target) -> None:
    """failures.md 17: half of a change is no success."""
    batching.send(desired(customer()))
    changes = [
        change(desired(customer(status="Inactive")), "1", linked_to=KARI),
        change(desired(customer()), "2", linked_to=KARI, facts=TAGGED),
        *customers(5),
    ]
    results = resume(batching, hand_over(batching, changes), changes)
    for key in "12":
        assert (results[key].outcome, results[key].kind, results[key].uncertain) == (
            Outcome.FAILED,
            "interrupted",
            False,
        )
    assert results["20000"].outcome is Outcome.CREATED


def test_a_batch_that_is_not_known_any_more_is_not_in_doubt(batching: Target, mailchimp: Mailchimp) -> None:
    """Its results are kept for about a week; what it carried is sent again."""
    changes = customers(5)
    reference = hand_over(batching, changes)
    mailchimp.http.delete(f"/3.0/batches/{reference}")
    results = resume(batching, reference, changes)
    assert {(result.outcome, result.uncertain) for result in results.values()} == {(Outcome.FAILED, False)}


def test_a_record_that_the_batch_does_not_mention_is_sent_again(batching: Target) -> None:
    """Whatever the ledger believed."""
    changes = customers(5)
    reference = hand_over(batching, changes)
    results = resume(batching, reference, [*changes, *customers(1, first=900)])
    assert results["20900"].outcome is Outcome.FAILED
    assert results["20000"].outcome is Outcome.CREATED


def test_a_batch_at_work_is_waited_for(batching: Target, mailchimp: Mailchimp) -> None:
    """Its outcome is what the next run begins with."""
    mailchimp.configure(batch_seconds=0.8)
    changes = customers(5)
    reference = hand_over(batching, changes)
    assert {result.outcome for result in resume(batching, reference, changes).values()} == {Outcome.CREATED}


def test_a_batch_that_is_still_at_work_holds_nobody_else_up(
    batching: Target, mailchimp: Mailchimp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """failures.md 17: what it carries is not sent again meanwhile, keeps the reference, and everything else goes on."""
    monkeypatch.setattr(earlier, "PATIENCE", 0.0)
    mailchimp.configure(batch_seconds=600.0)
    changes = customers(5)
    reference = hand_over(batching, changes)
    batching.remembered.clear()
    writer, began = batching.account.writer("members"), time.monotonic()
    assert list(writer.resume(reference, [one.key for one in changes])) == []
    assert not writer.settled(datetime.now(UTC) - timedelta(hours=12))
    batching.calls()
    results = {one.key: one for one in writer.deliver(iter([*changes, *customers(2, first=50)]), batching)}
    assert time.monotonic() - began < 10
    assert {(results[one.key].outcome, results[one.key].kind, results[one.key].uncertain) for one in changes} == {
        (Outcome.FAILED, "in doubt", True)
    }
    assert sorted(batching.remembered.pop(reference)) == [one.key for one in changes]
    assert [results[key].outcome for key in ("20050", "20051")] == [Outcome.CREATED] * 2
    assert [call.split()[0] for call in batching.calls() if "/members/" in call] == ["PUT", "PUT"]


def test_what_an_earlier_batch_carried_is_free_once_it_is_finished(
    batching: Target, mailchimp: Mailchimp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the same run, too; the doubt is over then, and perhaps there is a newer version."""
    monkeypatch.setattr(earlier, "PATIENCE", 0.0)
    mailchimp.configure(batch_seconds=3.0)
    changes = customers(5)
    reference = hand_over(batching, changes)
    writer = batching.account.writer("members")
    assert list(writer.resume(reference, [one.key for one in changes])) == []
    mailchimp.finished(reference)
    while not writer.settled(datetime.now(UTC) - timedelta(hours=12)):
        pass
    results = list(writer.deliver(iter(changes), batching))
    assert {one.outcome for one in results} == {Outcome.CREATED}


def test_a_batch_that_is_not_finished_within_a_day_is_given_up(
    batching: Target, mailchimp: Mailchimp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it carried is sent again, and newer versions wait for it no longer, whenever they came."""
    monkeypatch.setattr(earlier, "PATIENCE", 0.0)
    mailchimp.configure(batch_seconds=200_000.0, clock_offset_seconds=-90_000.0)
    reference = mailchimp.submit({"method": "GET", "path": f"/lists/{AUDIENCE}"})["id"]
    mailchimp.configure(clock_offset_seconds=0.0)
    changes = customers(2)
    results = resume(batching, reference, changes)
    assert {(one.outcome, one.kind, one.uncertain) for one in results.values()} == {(Outcome.FAILED, "in doubt", False)}
    assert "within a day" in str(results["20000"].reason)
    assert batching.account.writer("members").settled(datetime.now(UTC) - timedelta(hours=3))


def test_a_write_is_settled_once_no_batch_is_at_work(batching: Target, mailchimp: Mailchimp) -> None:
    """A batch without an answer may be at work for longer than any single call."""
    now = datetime.now(UTC)
    writer = batching.account.writer("members")
    assert writer.settled(now - timedelta(minutes=5))
    mailchimp.configure(batch_seconds=20.0, clock_offset_seconds=-200.0)
    mailchimp.submit({"method": "GET", "path": f"/lists/{AUDIENCE}"})
    mailchimp.configure(clock_offset_seconds=0.0)
    writer = batching.account.writer("members")
    assert not writer.settled(now - timedelta(minutes=5))
    assert writer.settled(now - timedelta(minutes=10))
    before = batching.account.calls
    assert not writer.settled(now - timedelta(minutes=5))
    assert batching.account.calls == before


@pytest.mark.parametrize(
    "text", ["", "create", "create.last", "sort.last.0a", "create.middle.0a", "x.y.z", "create.last.0a.sold"]
)
def test_an_operation_that_is_not_ours_is_left_alone(text: str) -> None:
    """Ids say what the call does; other programs' ids do not."""
    assert OperationId.parse(text) is None


def test_an_operation_id_says_all_that_is_needed_and_no_number() -> None:
    """A customer number may hold anything; its hash does not."""
    (one,) = customers(1)
    text = str(OperationId.of(one, kind_of(one), AUDIENCE))
    assert str(OperationId.parse(text)) == text
    assert text.startswith("create.last.")
    assert one.key not in text


def test_an_answer_without_a_batch_leaves_its_records_in_doubt(batching: Target) -> None:
    """Something was handed over, under an id that was not told."""
    batching.faults({"fault": "empty_page", "path": "/batches$", "method": "POST"})
    results = batching.deliver(*customers(10))
    assert {(result.outcome, result.uncertain) for result in results.values()} == {(Outcome.FAILED, True)}
