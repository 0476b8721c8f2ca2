"""The whole flow: customers in the ledger become members at the simulator, through the engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson
import pytest

from ml_connector.engine.deliver import FlowReport, deliver, is_due
from ml_connector.engine.poll import poll
from ml_connector.engine.ports import Entity, Page
from ml_connector.engine.records import SourceRow
from ml_connector.engine.windows import Windows
from ml_connector.store.checks import resubscribed
from ml_connector.store.deliveries import Deliveries, State
from ml_connector.store.landing import Landings
from ml_connector.store.ledger import Ledger
from ml_connector.store.vault import Vault, new_key, parse_key
from ml_connector.systems.mailchimp import earlier
from ml_connector.systems.mailchimp.flows import MembersFlow
from ml_connector_tests.databases import new_database
from ml_connector_tests.simulators.mailchimp_support import Mailchimp
from ml_connector_tests.systems.mailchimp.conftest import OpenTarget
from ml_connector_tests.systems.mailchimp.support import AUDIENCE, Target, contact, customer, settings

CUSTOMERS = Entity("visma.customers", "Customers")
CONTACTS = Entity("visma.contacts", "Contacts", secondary=True)
CLASSES = Entity("visma.customer_classes", "Customer classes", secondary=True, windowed=False)
START = datetime(2026, 11, 1, tzinfo=UTC)
TARGET = "mailchimp"


@dataclass
class Nordic:
    """A company: rows at the source, a ledger, and a target."""

    ledger: Ledger
    target: Target
    now: datetime = START + timedelta(hours=1)
    rows: dict[str, dict[str, SourceRow]] = field(default_factory=dict)
    calls: int = 0
    runs: int = 0

    def clock(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    def put(self, row: dict[str, Any], entity: Entity = CUSTOMERS) -> None:
        key = str(row.get("number") or row.get("contactId") or row["id"])
        payload = orjson.dumps(row)
        digest = blake2b(payload, digest_size=16).digest()
        landed = SourceRow(key, row.get("businessAccount"), self.clock(), payload, digest)
        self.rows.setdefault(entity.name, {})[key] = landed

    def read(self, entity: str, since: datetime | None) -> Iterator[Page]:
        rows = [row for row in self.rows.get(entity, {}).values() if since is None or row.changed_at >= since]
        yield Page(rows, len(rows))

    def sync(self, audience: str = AUDIENCE) -> FlowReport:
        """Read what changed and deliver it."""
        self.runs += 1
        run_id = f"run-{self.runs}"
        for entity in (CUSTOMERS, CONTACTS, CLASSES):
            poll(self, entity, self.ledger, run_id=run_id, clock=self.clock, overlap=timedelta(minutes=5))
        return deliver(
            MembersFlow(settings(audience=audience)),
            self.target.account.writer("members"),
            self.ledger,
            TARGET,
            "mailchimp",
            Windows(START, 60),
            run_id=run_id,
            clock=self.clock,
        )

    @property
    def book(self) -> Deliveries:
        flow = MembersFlow(settings())
        return self.ledger.deliveries(TARGET, flow.name, flow.entity, flow.secondary)

    def state(self, key: str) -> State:
        return self.book.states([key])[key]

    def references(self) -> set[str | None]:
        """The batches whose results are not recorded."""
        return {one.reference for one in self.book.intents() if one.reference is not None}


@pytest.fixture
def nordic(tmp_path: Path, open_target: OpenTarget, mailchimp: Mailchimp) -> Iterator[Nordic]:
    """A company whose target sends more than five changes in batches of ten."""
    mailchimp.configure(batch_seconds=0.05)
    with closing(new_database(tmp_path / "ledger.db")) as database:
        vault = Vault.open(database, parse_key(new_key()))
        landings = Landings(tmp_path / "landings", vault.landing_key)
        company = Nordic(Ledger(database, vault, landings, "nordic"), open_target(batch_above=5, batch_size=10))
        company.put({"id": "B2B", "description": "Companies"}, CLASSES)
        yield company
        assert mailchimp.resubscriptions() == []


def counts(report: FlowReport) -> dict[str, int]:
    assert report.stopped is None
    assert report.total.adds_up
    names = ("read", "created", "updated", "unchanged", "skipped", "rejected", "failed")
    return {name: number for name in names if (number := getattr(report.total, name))}


def email(number: int) -> str:
    return f"post@kunde-{number}.no"


def test_customers_come_and_go(nordic: Nordic, mailchimp: Mailchimp) -> None:
    """failures.md 12: a first load, and a second round with everything that happens in a day."""
    for number in range(1, 41):
        nordic.put(customer(str(number), email(number)))
    nordic.put(customer("41", email(1)))
    nordic.put(customer("42", None))
    nordic.put(customer("43", "post@glemt.no"))
    nordic.put(customer("44", email(44), status="Inactive"))
    assert counts(nordic.sync()) == {"read": 44, "created": 40, "skipped": 3, "rejected": 1}
    assert nordic.state("41").rule == "same address as 1"
    assert nordic.state("44").rule == "terminated, and not a member"
    assert nordic.state("43").kind == "forgotten address"
    assert counts(nordic.sync()) == {}

    mailchimp.control(f"members/{email(3)}/unsubscribe", {})
    mailchimp.control(f"members/{email(4)}/unsubscribe", {"origin": "admin"})
    for number in range(1, 5):
        nordic.put(customer(str(number), email(number), name="Changed AS"))
    nordic.put(customer("5", email(5), status="Inactive"))
    nordic.put(customer("6", None))
    nordic.put(customer("7", "ny@kunde-7.no"))
    nordic.put(contact(8, email(8), businessAccount="8", noMassMail=True), CONTACTS)
    second = nordic.sync()
    assert counts(second) == {"read": 8, "updated": 7, "skipped": 1}
    assert mailchimp.known(email(3))["status"] == mailchimp.known(email(4))["status"] == "unsubscribed"
    assert mailchimp.known(email(4))["merge_fields"]["COMPANY"] == "Changed AS"
    assert mailchimp.known(email(5))["tags"] == ["Terminated"]
    assert mailchimp.known(email(6))["status"] == "subscribed"
    assert mailchimp.known("ny@kunde-7.no")["merge_fields"]["CUSTNO"] == "7"
    assert mailchimp.known(email(8))["status"] == "unsubscribed"
    assert nordic.state("8").rule == "no mass mail"

    nordic.put(customer("5", email(5)))
    assert counts(nordic.sync()) == {"read": 1, "updated": 1}
    assert mailchimp.known(email(5))["tags"] == []


def test_a_lost_batch_is_read_by_the_next_run(nordic: Nordic, mailchimp: Mailchimp) -> None:
    """failures.md 17: what was handed over is neither lost nor sent twice."""
    for number in range(1, 31):
        nordic.put(customer(str(number), email(number)))
    nordic.target.faults({"fault": "server_error", "path": "/batches/"})
    report = nordic.sync()
    assert report.stopped is not None
    assert report.unfinished
    nordic.target.faults()
    assert counts(nordic.sync()) == {"read": 30, "created": 30}
    assert all(len(member["history"]) == 1 for member in mailchimp.control("state")["members"])


@pytest.mark.parametrize("left", [None, "post@kunde"])
def test_who_says_no_while_the_address_goes_is_taken_off(
    nordic: Nordic, mailchimp: Mailchimp, left: str | None
) -> None:
    """failures.md 12: a clerk ticks the flag and clears or breaks the address before the next read."""
    nordic.put(customer("1", email(1)))
    nordic.put(contact(1, email(1), businessAccount="1"), CONTACTS)
    nordic.sync()
    nordic.put(customer("1", left))
    nordic.put(contact(1, left, businessAccount="1", noMassMail=True), CONTACTS)
    assert counts(nordic.sync()) == {"read": 1, "updated": 1}
    assert mailchimp.known(email(1))["status"] == "unsubscribed"
    assert nordic.state("1").rule == "no mass mail"
    assert counts(nordic.sync()) == {}
    nordic.put(customer("1", email(1)))
    nordic.put(contact(1, email(1), businessAccount="1"), CONTACTS)
    assert counts(nordic.sync()) == {"read": 1, "updated": 1}
    assert mailchimp.known(email(1))["status"] == "unsubscribed"


def breaches(nordic: Nordic) -> list[str]:
    with nordic.ledger.database.connect() as connection:
        return [one.what for one in resubscribed(connection, "nordic", TARGET, "members")]


@pytest.mark.parametrize("how", ["stays", "status_if_new"])
def test_who_left_and_was_archived_by_hand_stays_away(nordic: Nordic, mailchimp: Mailchimp, how: str) -> None:
    """failures.md 12: whatever Mailchimp makes of a PUT for an archived member."""
    mailchimp.configure(archived_on_put=how)
    nordic.put(customer("1", email(1)))
    nordic.sync()
    mailchimp.control(f"members/{email(1)}/unsubscribe", {"origin": "admin"})
    nordic.put(customer("1", email(1), name="Changed AS"))
    nordic.sync()
    assert nordic.state("1").facts["status"] == "unsubscribed"
    mailchimp.delete(email(1))
    for name in ("Changed again AS", "Changed once more AS"):
        nordic.put(customer("1", email(1), name=name))
        assert counts(nordic.sync()) == {"read": 1, "updated": 1}
        assert mailchimp.known(email(1))["status"] != "subscribed"
    assert breaches(nordic) == []


def test_who_came_back_by_themselves_is_updated_and_no_breach(nordic: Nordic, mailchimp: Mailchimp) -> None:
    """failures.md 12: they signed up between two of our writes, and no call of ours did it."""
    nordic.now = datetime.now(UTC)
    nordic.put(customer("1", email(1)))
    nordic.sync()
    mailchimp.control(f"members/{email(1)}/unsubscribe", {"origin": "self"})
    nordic.put(customer("1", email(1), name="Changed AS"))
    nordic.sync()
    mailchimp.configure(clock_offset_seconds=-10.0)
    mailchimp.control(f"members/{email(1)}/resubscribe", {})
    mailchimp.configure(clock_offset_seconds=0.0)
    nordic.put(customer("1", email(1), name="Changed again AS"))
    nordic.sync()
    assert nordic.state("1").facts["status"] == "subscribed"
    assert breaches(nordic) == []


def test_who_left_one_audience_is_not_subscribed_on_another(
    nordic: Nordic, mailchimp: Mailchimp, open_target: OpenTarget
) -> None:
    """failures.md 12: the person said no to the company, not to a list."""
    nordic.put(customer("1", email(1)))
    nordic.put(customer("2", email(2)))
    nordic.sync()
    mailchimp.control(f"members/{email(1)}/unsubscribe", {"origin": "self"})
    nordic.put(customer("1", email(1), name="Changed AS"))
    nordic.sync()
    mailchimp.configure(audience="ffffffffff")
    mailchimp.control("reset", {})
    nordic.target = open_target(audience="ffffffffff")
    assert counts(nordic.sync(audience="ffffffffff")) == {"read": 2, "updated": 2}
    assert mailchimp.known(email(1))["status"] == "unsubscribed"
    assert mailchimp.known(email(2))["status"] == "subscribed"
    assert breaches(nordic) == []


def test_a_batch_that_does_not_finish_holds_up_nobody_else(
    nordic: Nordic, mailchimp: Mailchimp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """failures.md 17: its records are in doubt and due again, a look is no attempt, and the results come at last."""
    monkeypatch.setattr(earlier, "PATIENCE", 0.0)
    mailchimp.configure(batch_seconds=8.0)
    nordic.now = datetime.now(UTC)
    for number in range(1, 11):
        nordic.put(customer(str(number), email(number)))
    nordic.target.faults({"fault": "server_error", "path": "/batches/"})
    assert nordic.sync().stopped is not None
    (reference,) = nordic.references()
    nordic.target.faults()

    nordic.put(customer("11", email(11)))
    nordic.target.calls()
    assert counts(nordic.sync()) == {"read": 11, "created": 1, "failed": 10}
    for number in range(12, 15):
        nordic.put(customer(str(number), email(number)))
        report = nordic.sync()
        assert report.stopped is None
        assert report.total.created == 1
    assert len([call for call in nordic.target.calls() if call.startswith("PUT /members/")]) == 4
    state = nordic.state("2")
    assert (state.outcome, state.kind, state.attempts) == ("failed", "in doubt", 1)
    assert state.due_at is not None
    assert state.due_at > nordic.now
    assert nordic.references() == {reference}
    assert not is_due(MembersFlow(settings()), nordic.ledger, TARGET, nordic.now)

    mailchimp.finished(reference)
    nordic.now += timedelta(minutes=10)
    assert is_due(MembersFlow(settings()), nordic.ledger, TARGET, nordic.now)
    assert counts(nordic.sync()) == {"read": 10, "created": 10}
    assert all(len(mailchimp.known(email(number))["history"]) == 1 for number in range(1, 15))
    assert nordic.references() == set()


def test_a_newer_version_follows_the_batch_that_carries_the_older_one(
    nordic: Nordic, mailchimp: Mailchimp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """failures.md 35: it waits while the batch is at work, and is not forgotten when the batch's results are read."""
    monkeypatch.setattr(earlier, "PATIENCE", 0.0)
    mailchimp.configure(batch_seconds=6.0)
    nordic.now = datetime.now(UTC)
    for number in range(1, 11):
        nordic.put(customer(str(number), email(number)))
    nordic.target.faults({"fault": "server_error", "path": "/batches/"})
    assert nordic.sync().stopped is not None
    (reference,) = nordic.references()
    nordic.target.faults()
    nordic.put(customer("1", email(1), name="Newer AS"))
    assert counts(nordic.sync()) == {"read": 10, "failed": 10}
    mailchimp.finished(reference)
    assert mailchimp.known(email(1))["merge_fields"]["COMPANY"] == "Nordfisk AS"
    nordic.now += timedelta(minutes=10)
    assert counts(nordic.sync()) == {"read": 10, "created": 9, "updated": 1}
    assert mailchimp.known(email(1))["merge_fields"]["COMPANY"] == "Newer AS"


def test_another_audience_is_delivered_anew(nordic: Nordic, mailchimp: Mailchimp, open_target: OpenTarget) -> None:
    """failures.md 17: the customers are unchanged, but the new audience does not have them."""
    nordic.put(customer("1", email(1)))
    assert counts(nordic.sync()) == {"read": 1, "created": 1}
    mailchimp.configure(audience="ffffffffff")
    mailchimp.control("reset", {})
    nordic.target = open_target(audience="ffffffffff")
    assert counts(nordic.sync(audience="ffffffffff")) == {"read": 1, "updated": 1}
    assert mailchimp.known(email(1))["status"] == "subscribed"
    assert nordic.state("1").facts["list_id"] == "ffffffffff"


def lose_an_answer(nordic: Nordic) -> None:
    """Every try of the next write takes effect, and none is answered."""
    nordic.target.faults({"fault": "lost_answer", "path": "/members/"})
    nordic.sync()
    nordic.target.faults()
    nordic.now += timedelta(days=1)


def members(mailchimp: Mailchimp) -> dict[str, str]:
    """Address -> status."""
    return {one["email_address"]: one["status"] for one in mailchimp.control("members?count=1000")["members"]}


def test_who_says_no_after_a_lost_answer_is_taken_off(nordic: Nordic, mailchimp: Mailchimp) -> None:
    """The member came to be and nobody heard of it; the contact is flagged before it is tried again."""
    nordic.put(customer("1", email(1)))
    lose_an_answer(nordic)
    assert mailchimp.known(email(1))["status"] == "subscribed"
    nordic.put(contact(1, email(1), businessAccount="1", noMassMail=True), CONTACTS)
    nordic.sync()
    assert mailchimp.known(email(1))["status"] == "unsubscribed"


def test_a_member_that_nobody_saw_come_moves_with_its_address(nordic: Nordic, mailchimp: Mailchimp) -> None:
    """One member, at the new address, with its history."""
    nordic.put(customer("1", email(1)))
    lose_an_answer(nordic)
    nordic.put(customer("1", email(2)))
    nordic.sync()
    assert members(mailchimp) == {email(2): "subscribed"}


@pytest.mark.parametrize("last", [1, 3])
def test_a_move_that_nobody_saw_is_followed(nordic: Nordic, mailchimp: Mailchimp, last: int) -> None:
    """The address changes and the answer is lost; it changes back, or once more."""
    nordic.put(customer("1", email(1)))
    nordic.sync()
    nordic.put(customer("1", email(2)))
    lose_an_answer(nordic)
    nordic.put(customer("1", email(last)))
    nordic.sync()
    assert members(mailchimp) == {email(last): "subscribed"}


def test_who_says_no_after_a_lost_move_is_taken_off_wherever_they_are(nordic: Nordic, mailchimp: Mailchimp) -> None:
    """At the old address or at the new one."""
    nordic.put(customer("1", email(1)))
    nordic.sync()
    nordic.put(customer("1", email(2)))
    lose_an_answer(nordic)
    nordic.put(contact(1, email(2), businessAccount="1", noMassMail=True), CONTACTS)
    nordic.sync()
    assert members(mailchimp) == {email(2): "unsubscribed"}
