"""A small world for the engine's tests: a source, a target with its traps, and a flow between them.

They are systems of their own behind the engine's ports, kept in memory so that thousands of histories can be tried. The
real systems are tried against the simulators elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from itertools import islice
from typing import Any, TypeVar

import orjson

from ml_connector.engine.ports import Delivery, Entity, Made, Page
from ml_connector.engine.records import (
    Change,
    Desired,
    Mapped,
    Operation,
    Outcome,
    Record,
    Reject,
    Result,
    Skip,
    SourceRow,
)
from ml_connector.errors import StoppedProblem

CUSTOMERS = Entity("world.customers", "Customers")
CONTACTS = Entity("world.contacts", "Contacts", secondary=True)
START = datetime(2026, 11, 1, tzinfo=UTC)


class Clock:
    """Time that moves only when a test says so, and a little with every look."""

    def __init__(self) -> None:
        self.now = START + timedelta(hours=1)

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    def forward(self, **parts: float) -> None:
        self.now += timedelta(**parts)


class Died(BaseException):
    """The process ended here; nothing after this line was run."""


def stopped(what: str = "The target does not answer.") -> StoppedProblem:
    return StoppedProblem(what, "What was not sent is still due.", "Run again when it is back.")


@dataclass
class World:
    """What the source holds: customers and their contacts, each with its change time."""

    clock: Clock
    rows: dict[str, dict[str, tuple[dict[str, Any], datetime]]] = field(
        default_factory=lambda: {CUSTOMERS.name: {}, CONTACTS.name: {}}
    )
    page_size: int = 3
    breaks_after: int | None = None  # pages
    moving: int = 0  # reads in which the last row changes places with the first between the pages
    calls: int = 0

    def put(self, key: str, entity: Entity = CUSTOMERS, *, silently: bool = False, **fields: Any) -> None:
        row, changed_at = self.rows[entity.name].get(key, ({"number": key}, START))
        self.rows[entity.name][key] = (row | fields, changed_at if silently else self.clock())

    def remove(self, key: str, entity: Entity = CUSTOMERS) -> None:
        self.rows[entity.name].pop(key, None)

    def read(self, entity: str, since: datetime | None) -> Iterator[Page]:
        rows = [
            _row(key, row, changed_at)
            for key, (row, changed_at) in self.rows[entity].items()
            if since is None or changed_at >= since
        ]
        for number in range(-(-len(rows) // self.page_size)):
            page = rows[number * self.page_size : (number + 1) * self.page_size]
            if self.breaks_after is not None and number >= self.breaks_after:
                self.breaks_after = None
                raise stopped("The source broke off.")
            self.calls += 1
            if self.moving and number == 0:
                self.moving -= 1
                rows.append(rows.pop(0))
            yield Page(page, total=len(rows))


T = TypeVar("T")


def _batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    waiting = iter(items)
    while group := list(islice(waiting, size)):
        yield group


def _row(key: str, row: dict[str, Any], changed_at: datetime) -> SourceRow:
    payload = orjson.dumps(row | {"changed": changed_at.isoformat()}, option=orjson.OPT_SORT_KEYS)
    return SourceRow(key, row.get("of"), changed_at, payload, blake2b(payload, digest_size=16).digest())


@dataclass(frozen=True)
class Members:
    """The flow: a customer becomes the member with its address; a contact may say no, a customer may be terminated."""

    name: str = "members"
    title: str = "Members"
    entity: str = CUSTOMERS.name
    secondary: tuple[str, ...] = (CONTACTS.name,)
    reference: tuple[str, ...] = ()
    fingerprint: str = "1"
    fields: Mapping[str, str] = field(default_factory=lambda: {"NAME": "name"})
    withdrawal: Mapping[str, Any] | None = field(default_factory=lambda: {"status": "unsubscribed"})
    settle: timedelta = timedelta(minutes=2)
    on_rejected_fail: bool = False
    made: Made | None = None

    def map(self, record: Record) -> Mapped:
        row = orjson.loads(record.payload)
        if row.get("broken"):
            return Reject("The row cannot be read.", "malformed")
        address = (row.get("email") or "").strip().lower()
        if not address:
            return Skip("no e-mail address")
        contacts = [orjson.loads(contact) for contact in record.secondary[CONTACTS.name]]
        if any(contact.get("no_mail") for contact in contacts):
            return Skip("no mass mail", claim=address, veto=True)
        title = next((contact.get("title", "") for contact in contacts), "")
        terminated = bool(row.get("terminated")) or record.vanished
        return Desired(
            claim=address,
            body={"NAME": f"{self.fingerprint} {title}{row.get('name', '')}", "terminated": terminated},
            create=not terminated,
            rule="terminated, and not a member" if terminated else None,
        )


@dataclass
class Member:
    body: dict[str, Any]
    status: str = "subscribed"


@dataclass
class Account:
    """The target: members by address, with the ways in which a write can go wrong.

    `faults` is consumed by one entry per write: `ok`, `reject`, `fail`, `lost` (it took effect, nobody answered),
    `late` (it takes effect a minute later), `twice` (at once, and again a minute later), `die` (the process dies before
    the answer, and it takes effect a minute later), `stop` (the target is down from here on for this delivery).
    """

    clock: Clock
    members: dict[str, Member] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    pending: list[tuple[datetime, Change]] = field(default_factory=list)
    batches: dict[str, list[Change]] = field(default_factory=dict)
    batch_size: int | None = None
    sent: list[Change] = field(default_factory=list)
    resubscribed: list[str] = field(default_factory=list)
    words: str = "The target refuses it."
    calls: int = 0

    def catch_up(self) -> None:
        """What was accepted earlier takes effect when its time has come."""
        due = [entry for entry in self.pending if entry[0] <= self.clock.now]
        self.pending = [entry for entry in self.pending if entry[0] > self.clock.now]
        for _, change in sorted(due, key=lambda entry: entry[0]):
            self._apply(change)

    def deliver(self, changes: Iterable[Change], delivery: Delivery) -> Iterator[Result]:
        if self.batch_size is None:
            for change in changes:
                yield self._write(change)
            return
        for group in _batched(changes, self.batch_size):
            self.catch_up()
            reference = f"batch-{len(self.batches)}"
            self.batches[reference] = list(group)
            delivery.remember([change.key for change in group], reference)
            yield from self.resume(reference, [change.key for change in group])

    def resume(self, reference: str, keys: Sequence[str]) -> Iterator[Result]:
        for change in self.batches[reference]:
            if change.key in keys:
                yield self._apply(change)

    def settled(self, since: datetime) -> bool:
        return not any(at <= since for at, _ in self.pending)

    def _write(self, change: Change) -> Result:
        self.catch_up()
        self.calls += 1
        self.sent.append(change)
        match self.faults.pop(0) if self.faults else "ok":
            case "reject":
                return Result(change.key, Outcome.REJECTED, kind="refused", reason=self.words)
            case "fail":
                return Result(change.key, Outcome.FAILED, kind="outage", reason="The target could not.")
            case "lost":
                self._apply(change)
                return Result(change.key, Outcome.FAILED, kind="in doubt", reason="No answer.", uncertain=True)
            case "late":
                self.pending.append((self.clock.now + timedelta(minutes=1), change))
                return Result(change.key, Outcome.FAILED, kind="in doubt", reason="No answer.", uncertain=True)
            case "twice":
                self.pending.append((self.clock.now + timedelta(minutes=1), change))
                return self._apply(change)._replace(uncertain=True)
            case "die":
                self.pending.append((self.clock.now + timedelta(minutes=1), change))
                raise Died
            case "stop":
                raise stopped()
        return self._apply(change)

    def _apply(self, change: Change) -> Result:
        member = self.members.get(change.claim)
        if change.operation is Operation.WITHDRAW:
            places = [place for place in (change.claim, *change.astray) if place in self.members]
            if not places:
                return Result(change.key, Outcome.SKIPPED)
            for place in places:
                self.members[place].status = "unsubscribed"
            return self._done(change, Outcome.UPDATED, places[0])
        if change.operation is Operation.MOVE:
            for place in (change.target_id, *change.astray):
                if member is None and place in self.members:
                    member = self.members[change.claim] = self.members.pop(place)
        if member is None:
            if not change.create:
                return Result(change.key, Outcome.SKIPPED)
            status = "subscribed"
            if change.old_is_shared and change.target_id in self.members:
                status = self.members[change.target_id].status
            self.members[change.claim] = Member(dict(change.body), status)
            return self._done(change, Outcome.CREATED)
        member.body = dict(change.body)
        return self._done(change, Outcome.UPDATED)

    def _done(self, change: Change, outcome: Outcome, place: str | None = None) -> Result:
        place = place or change.claim
        return Result(
            change.key,
            outcome,
            target_id=place,
            facts={"status": self.members[place].status},
            payload=orjson.dumps(change.body),
        )

    def say_no(self, address: str) -> None:
        """The person unsubscribes at the target."""
        if address in self.members:
            self.members[address].status = "unsubscribed"
