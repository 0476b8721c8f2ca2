"""Records that need another flow's object at the same target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from sqlalchemy import select

from ml_connector.engine.bring import Bringer
from ml_connector.engine.deliver import FlowReport, deliver, is_due
from ml_connector.engine.needs import WITHHELD
from ml_connector.engine.preview import preview
from ml_connector.engine.records import Desired, Mapped, Need, Record
from ml_connector.store.deliveries import State
from ml_connector.store.tables import alias, waiting
from ml_connector_tests.engine.conftest import TARGET, WINDOWS, Sync
from ml_connector_tests.engine.test_deliver import counts
from ml_connector_tests.engine.world import Account, Members


@dataclass(frozen=True)
class Badges(Members):
    """A flow that needs the member of its customer, may have a friend's by another name, and other customers'."""

    name: str = "badges"
    title: str = "Badges"
    secondary: tuple[str, ...] = ()
    withdrawal: Mapping[str, Any] | None = None

    def map(self, record: Record) -> Mapped:
        row = orjson.loads(record.payload)
        needs = {"status": Need("members", row["email"], record.key, fact="status")}
        if "friend" in row:
            needs["friend"] = Need("members", row["friend"], fact="status", alias=True, optional=True)
        if "chief" in row:
            needs["chief"] = Need("members", row["chief"], row["chief"], fact="status", record=True)
        if "guest" in row:
            guest = Need("members", row["guest"], row["guest"], fact="status", record=True, optional=True)
            needs["guest"] = guest._replace(awaited=row.get("awaits", False))
        if "decides" in row:
            needs["status"] = needs["status"]._replace(decides=row["decides"])
        return Desired(
            f"badge-{record.key}",
            {"terminated": False},
            create=not row.get("terminated"),
            rule="terminated" if row.get("terminated") else None,
            needs=needs,
            basis={"name": row["name"]} if "decides" in row else None,
        )


@dataclass(frozen=True)
class NamedMembers(Members):
    """Members that other flows find by their customer's name."""

    def map(self, record: Record) -> Mapped:
        wish = super().map(record)
        if not isinstance(wish, Desired):
            return wish
        return Desired(wish.claim, wish.body, wish.create, wish.rule, aliases=[orjson.loads(record.payload)["name"]])


@dataclass
class Two:
    """Two flows to two kinds of object at one target."""

    sync: Sync
    badges: Account = field(init=False)
    runs: int = 0

    def __post_init__(self) -> None:
        self.sync.flow = NamedMembers()
        self.badges = Account(self.sync.clock)

    def deliver(self, *names: str, brought: bool = True) -> dict[str, FlowReport]:
        self.runs += 1
        flows = {"members": self.sync.flow, "badges": Badges()}
        writers = {"members": self.sync.account, "badges": self.badges}
        place = (self.sync.ledger, TARGET, "world", WINDOWS)
        bring = Bringer(flows, writers.__getitem__, *place, f"deliver-{self.runs}", self.sync.clock)
        return {
            name: deliver(
                flows[name],
                writers[name],
                *place,
                run_id=f"deliver-{self.runs}",
                clock=self.sync.clock,
                bring=bring if brought else None,
            )
            for name in names
        }

    def put(self, key: str, **fields: Any) -> None:
        self.sync.world.put(key, **{"name": f"N{key}", "email": f"{key}@x.no", **fields})
        self.sync.read()

    def state(self, key: str) -> State:
        return self.sync.ledger.deliveries(TARGET, "badges", Badges().entity).states([key])[key]

    @property
    def due(self) -> bool:
        return is_due(Badges(), self.sync.ledger, TARGET, self.sync.clock())

    def waiting(self) -> list[str]:
        """What is waited for; what has what it needs follows it from then on."""
        with self.sync.ledger.database.connect() as connection:
            awaited = list(connection.execute(select(waiting.c.needs_identity)).scalars())
        return [name for name in awaited if not name.startswith("\t")]

    def rows(self, table: Any) -> int:
        with self.sync.ledger.database.connect() as connection:
            return len(connection.execute(table.select()).all())


@pytest.fixture
def two(sync_on_both: Sync) -> Two:
    """On SQLite and on PostgreSQL."""
    return Two(sync_on_both)


def test_what_the_target_said_of_the_other_comes_into_the_body(two: Two) -> None:
    """And what is the same the next time is not sent again."""
    two.put("1")
    reports = two.deliver("members", "badges")
    assert counts(reports["badges"].total) == {"read": 1, "created": 1}
    assert two.badges.sent[0].body == {"terminated": False, "status": "subscribed"}
    two.put("1", silent="change")
    assert counts(two.deliver("members", "badges")["badges"].total) == {"read": 1, "unchanged": 1}


@pytest.mark.parametrize(("decides", "sent"), [(True, ["subscribed", "cleaned"]), (False, ["subscribed"])])
def test_what_a_document_needs_decides_only_where_it_says_so(two: Two, decides: bool, sent: list[str]) -> None:
    """Whatever else of its body becomes another one, its basis stays the same."""
    two.put("1", decides=decides)
    two.deliver("members", "badges")
    two.sync.account.members["1@x.no"].status = "cleaned"
    two.put("1", decides=decides, title="another version")
    two.sync.flow = NamedMembers(fingerprint="2")
    two.deliver("members", "badges")
    assert [change.body["status"] for change in two.badges.sent] == sent
    two.deliver("members", "badges")
    assert len(two.badges.sent) == len(sent)


def test_a_record_whose_other_failed_waits_until_it_is_delivered(two: Two) -> None:
    """It is failed, class dependency, and due in the moment in which the other one is there."""
    two.put("1")
    two.sync.account.faults = ["fail"]
    reports = two.deliver("members", "badges")
    assert counts(reports["badges"].total) == {"read": 1, "failed": 1}
    state = two.state("1")
    assert (state.kind, state.attempts) == ("dependency", 0)
    assert state.reason == "Waits for 1 of members, which is not delivered (failed: The target could not.)."
    two.sync.clock.forward(minutes=10)
    assert not two.due
    two.deliver("members")
    assert two.due
    assert counts(two.deliver("badges")["badges"].total) == {"read": 1, "created": 1}
    assert two.waiting() == []


def test_a_record_whose_other_is_rejected_waits_for_its_correction(two: Two) -> None:
    """It is never given up, however long that takes; it is looked at once a day."""
    two.put("1")
    two.sync.account.faults = ["reject"]
    two.deliver("members", "badges")
    for _ in range(12):
        two.sync.clock.forward(days=1, minutes=1)
        assert counts(two.deliver("members", "badges")["badges"].total) == {"read": 1, "failed": 1}
    two.put("1", name="Better")
    assert counts(two.deliver("members", "badges")["badges"].total) == {"read": 1, "created": 1}


def test_the_other_is_brought_over_through_its_own_flow(two: Two) -> None:
    """Only that one, and once; its counts are its own flow's."""
    two.put("1")
    two.put("2")
    reports = two.deliver("badges")
    assert counts(reports["badges"].total) == {"read": 2, "created": 2}
    assert sorted(two.sync.account.members) == ["1@x.no", "2@x.no"]
    assert counts(two.deliver("members")["members"].total) == {}


def test_what_was_attempted_already_is_not_attempted_again_for_others(two: Two) -> None:
    """A rejected one waits for its correction, a failed one for its time."""
    two.put("1")
    two.sync.account.faults = ["reject"]
    two.deliver("members")
    two.deliver("badges")
    assert len(two.sync.account.sent) == 1


def test_a_run_that_delivers_a_flow_twice_counts_both(two: Two) -> None:
    """First its own turn, then what another flow asked of it."""
    two.put("1")
    two.sync.account.faults = ["fail"]
    two.deliver("members")
    two.sync.clock.forward(minutes=10)
    two.put("2")
    two.deliver("badges")
    with two.sync.ledger.database.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT flow, read, created, failed FROM delivery ORDER BY run_id, flow"
        ).all()
    assert rows == [("members", 1, 0, 1), ("badges", 2, 2, 0), ("members", 2, 2, 0)]


def test_without_anybody_to_bring_it_a_record_waits(two: Two) -> None:
    """A flow that is delivered on its own."""
    two.put("1")
    assert counts(two.deliver("badges", brought=False)["badges"].total) == {"read": 1, "failed": 1}


def test_a_record_that_must_not_be_created_is_skipped_without_its_other(two: Two) -> None:
    """Nobody waits for what nobody wants."""
    two.put("1", terminated=True)
    assert counts(two.deliver("members", "badges")["badges"].total) == {"read": 1, "skipped": 1}


def test_an_object_is_found_by_another_name(two: Two) -> None:
    """Of several with that name the one whose record comes first; without any the record is sent all the same."""
    two.put("1", friend="Ola")
    two.deliver("members", "badges")
    assert "friend" not in two.badges.members["badge-1"].body
    two.put("10", name="Ola")
    two.put("9", name="Ola")
    two.sync.account.faults = []
    two.put("1", title="touched")
    two.deliver("members", "badges")
    assert two.badges.members["badge-1"].body["friend"] == "subscribed"
    two.put("9", name="Kari")
    two.put("10", name="Kari")
    two.deliver("members")
    assert two.rows(alias) == 3, "an object has only the names that its record has now"


def test_a_preview_shows_what_would_be_created_with_its_other(two: Two) -> None:
    """Before the first delivery nothing is there yet, and that is no failure."""
    two.put("1")
    found = preview(Badges(), two.sync.ledger, TARGET, clock=two.sync.clock)
    assert found.counts == {"create": 1}
    two.deliver("members", "badges")
    assert preview(Badges(), two.sync.ledger, TARGET, clock=two.sync.clock, only=["1"]).counts == {"unchanged": 1}


def test_an_object_is_found_by_its_record(two: Two) -> None:
    """Of two records with one identity the other one's object is meant, too."""
    two.put("1", email="shared@x.no")
    two.put("2", email="shared@x.no")
    two.put("3", chief="2")
    two.deliver("members", "badges")
    assert two.badges.members["badge-3"].body["chief"] == "subscribed"


def test_who_waits_for_a_record_is_due_when_it_is_delivered(two: Two) -> None:
    """Whatever identity the record will have had by then."""
    two.put("1")
    two.put("2", chief="1")
    two.sync.account.faults = ["", "fail"]
    two.deliver("members", "badges")
    assert two.state("2").outcome == "failed"
    two.sync.clock.forward(minutes=10)
    two.deliver("members")
    assert two.due
    two.deliver("badges")
    assert two.badges.members["badge-2"].body["chief"] == "subscribed"


def test_what_a_record_can_do_without_has_its_chance_first(two: Two) -> None:
    """It is brought over where nobody attempted it, and so it comes into the first body."""
    two.put("1")
    two.put("2", guest="1")
    two.deliver("badges")
    assert [change.body.get("guest") for change in two.badges.sent if change.key == "2"] == ["subscribed"]


def test_what_comes_later_than_the_record_that_can_do_without_is_added(two: Two) -> None:
    """Sent without it now, and again in the moment in which it is there."""
    two.put("1")
    two.put("2", guest="1")
    two.sync.account.faults = ["", "fail"]
    two.deliver("members", "badges")
    assert "guest" not in two.badges.members["badge-2"].body
    two.sync.clock.forward(minutes=10)
    two.deliver("members")
    assert two.due
    two.deliver("badges")
    assert two.badges.members["badge-2"].body["guest"] == "subscribed"


@pytest.mark.parametrize(("fault", "words"), [("fail", ["failed", "created"]), ("reject", ["created", "created"])])
def test_what_may_still_come_is_waited_for_although_it_is_no_must(two: Two, fault: str, words: list[str]) -> None:
    """What was refused for good is not, and neither is what nobody knows."""
    two.put("1")
    two.sync.account.faults = [fault]
    two.deliver("members")
    two.put("2", guest="1", awaits=True)
    two.put("3", guest="9", awaits=True)
    two.deliver("members", "badges")
    found = [two.state("2").outcome]
    two.sync.clock.forward(minutes=10)
    two.deliver("members", "badges")
    assert [*found, two.state("2").outcome] == words
    assert ("guest" in two.badges.members["badge-2"].body) == (fault == "fail")
    assert "guest" not in two.badges.members["badge-3"].body


def test_what_needs_a_record_that_a_rule_keeps_back_is_kept_back_too(two: Two) -> None:
    """It is no failure, and is not looked at every day; it comes when the rule lets the other one go."""
    two.put("1", terminated=True)
    two.put("2", chief="1")
    two.deliver("members", "badges")
    state = two.state("2")
    assert (state.outcome, state.rule, state.due_at) == ("skipped", WITHHELD, None)
    two.put("1", terminated=False)
    two.deliver("members", "badges")
    assert two.badges.members["badge-2"].body["chief"] == "subscribed"


UNUSABLE = pytest.mark.parametrize("name", ["A\0B", "9" * 256, "a\u2028b"], ids=["nul", "long", "separator"])


@UNUSABLE
def test_a_need_whose_name_no_ledger_can_hold_rejects_its_record_only(two: Two, name: str) -> None:
    """failures.md 41: characters that PostgreSQL refuses, or more than a column takes: the others go on."""
    two.put("1", chief=name)
    two.put("2")
    reports = two.deliver("members", "badges")
    assert counts(reports["badges"].total) == {"read": 2, "created": 1, "rejected": 1}
    assert str(two.state("1").reason).startswith("The name of what it needs of members cannot be used")


@UNUSABLE
def test_a_name_that_no_ledger_can_hold_is_left_out_where_it_may_be(two: Two, name: str) -> None:
    """An optional need is not there; a name by which others would find the object is not noted."""
    two.put("1", guest=name, friend=name, name=name)
    reports = two.deliver("members", "badges")
    assert [counts(reports[flow].total) for flow in ("members", "badges")] == [{"read": 1, "created": 1}] * 2
    assert two.rows(alias) == 0


def test_a_record_of_the_longest_name_can_be_needed(two: Two) -> None:
    """It can be waited for; to follow it, there is no room."""
    two.put("1", guest="9" * 254)
    reports = two.deliver("members", "badges")
    assert [counts(reports[flow].total) for flow in ("members", "badges")] == [{"read": 1, "created": 1}] * 2


@pytest.mark.parametrize("name", ["a\0@x.no", f"{'9' * 300}@x.no"], ids=["nul", "long"])
def test_an_identity_that_no_ledger_can_hold_rejects_its_record_only(two: Two, name: str) -> None:
    two.put("1", email=name)
    two.put("2")
    reports = two.deliver("members")
    assert counts(reports["members"].total) == {"read": 2, "created": 1, "rejected": 1}
    assert counts(two.deliver("members")["members"].total) == {}


def test_words_with_characters_that_a_database_refuses_are_recorded_without_them(two: Two) -> None:
    """What a target says stands in the state of its record and in the audit."""
    two.put("1")
    two.sync.account.faults = ["reject"]
    two.sync.account.words = "Not \0 good: \ud83d"
    assert counts(two.deliver("members")["members"].total) == {"read": 1, "rejected": 1}
    assert two.sync.state("1").reason == "Not \ufffd good: ?"
