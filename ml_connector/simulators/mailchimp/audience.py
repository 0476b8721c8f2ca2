"""The one audience of the simulated account: its members, merge fields and tags, and what happened to each member.

Members are kept compact, because benchmarks hold hundreds of thousands: merge values as JSON, tags and rarely written
keys only where there are any.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from ml_connector.simulators.mailchimp.addresses import subscriber_hash
from ml_connector.simulators.mailchimp.merge_values import MergeField, MergeValue
from ml_connector.simulators.mailchimp.settings import MailchimpSettings

COMPLIANCE_ORIGINS = frozenset({"self", "bounce"})
"""Who must have taken a member off for `subscribed` to be refused (Mailchimp reference, section 6, rule 2)."""
OFF_THE_LIST = frozenset({"unsubscribed", "cleaned", "archived"})
MAILABLE = frozenset({"subscribed", "pending"})


class Event(NamedTuple):
    """One accepted call, or one thing that a person did, in a member's history; `body_status` is what the call sent."""

    at: float
    via: str
    status_before: str | None
    status_after: str
    body_status: str | None
    created: bool


@dataclass(slots=True, kw_only=True)
class Member:
    """One member; `origin` is who took the member off the list: self, admin, api, bounce, or nobody (`""`)."""

    email: str
    number: int
    status: str = ""
    origin: str = ""
    merge: bytes = b"{}"
    last_changed: float = 0.0
    opted_in: float = 0.0
    tags: dict[int, float] | None = None
    extra: dict[str, Any] | None = None
    history: list[Event] = field(default_factory=list)

    @property
    def hash(self) -> str:
        """The subscriber hash."""
        return subscriber_hash(self.email)

    def merge_values(self) -> dict[str, MergeValue]:
        """Values by the key of their field; cleared ones are left out."""
        values: dict[str, MergeValue] = orjson.loads(self.merge)
        return values


def stored(values: Mapping[str, MergeValue]) -> bytes:
    """Merge values as a member keeps them; equal values give equal bytes."""
    # Copied, because what orjson returns holds on to the 4 kB that it began with.
    return bytes(memoryview(orjson.dumps(values, option=orjson.OPT_SORT_KEYS)))


class Audience:
    """The state of a list, and the ways in which a member's status moves. Nothing here checks what a caller may do."""

    def __init__(self, settings: MailchimpSettings) -> None:
        self.settings = settings
        self.id = settings.audience
        self.created_at = self.now()
        self.members: dict[str, Member] = {}
        self.statuses: Counter[str] = Counter()
        self.forgotten: set[str] = set()
        self.tags: dict[str, int] = {}
        self.resubscriptions: list[dict[str, Any]] = []
        self.writes: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self._numbers = 0
        self._merge_ids = 0
        self.merge_fields: dict[int, MergeField] = {}
        for tag, name, kind in (
            ("FNAME", "First Name", "text"),
            ("LNAME", "Last Name", "text"),
            ("ADDRESS", "Address", "address"),
            ("PHONE", "Phone Number", "phone"),
        ):
            self.add_merge_field(tag=tag, name=name, type=kind)

    def now(self) -> float:
        """The server's clock, in seconds since the epoch."""
        return self.settings.now().timestamp()

    def add_merge_field(self, *, tag: str, **attributes: Any) -> MergeField:
        """A new merge field; `MMERGE<id>` where it has no tag."""
        self._merge_ids += 1
        number = self._merge_ids
        attributes.setdefault("display_order", number + 1)
        merge_field = MergeField(merge_id=number, tag=tag or f"MMERGE{number}", **attributes)
        self.merge_fields[number] = merge_field
        return merge_field

    def tag_id(self, name: str) -> int:
        """The tag's id; an unknown tag is created."""
        return self.tags.setdefault(name, 1000 + len(self.tags))

    def add(self, email: str) -> Member:
        """A new member without a status yet."""
        self._numbers += 1
        member = Member(email=email, number=self._numbers)
        self.members[member.hash] = member
        return member

    def move(self, member: Member, email: str) -> None:
        """Give a member another address, and so another hash."""
        del self.members[member.hash]
        member.email = email
        self.members[member.hash] = member

    def forget(self, member: Member) -> None:
        """Remove a member for good; the address cannot come back by API."""
        del self.members[member.hash]
        self.statuses[member.status] -= 1
        self.forgotten.add(member.hash)

    def called(self, member: Member, via: str, status: str, body_status: str | None) -> None:
        """An accepted API call that leaves a member with this status: history, and `resubscriptions` if it is one.

        Somebody who was taken off stays so until a person signs up again, whatever statuses calls put in between.
        """
        before, origin = member.status, member.origin
        via, status = sys.intern(via), sys.intern(status)  # one copy for all histories
        self._transition(member, status, "api")
        at = self.now()
        member.history.append(Event(at, via, before or None, status, body_status, not before))
        self.writes[via] += 1
        if status in MAILABLE and before not in MAILABLE and (before in OFF_THE_LIST or origin):
            self.resubscriptions.append(
                {
                    "at": at,
                    "id": member.hash,
                    "email_address": member.email,
                    "via": via,
                    "status_before": before,
                    "status_after": status,
                    "origin": origin,
                    "body_status": body_status,
                }
            )

    def by_person(self, member: Member, via: str, status: str, origin: str) -> None:
        """A change that no API call made: a link in a campaign, a form, an administrator, a bounce."""
        before = member.status
        self._transition(member, status, origin)
        member.last_changed = self.now()
        member.history.append(Event(member.last_changed, via, before, status, None, False))

    def _transition(self, member: Member, status: str, origin: str) -> None:
        before = member.status
        if before == status:
            return
        if before:
            self.statuses[before] -= 1
        self.statuses[status] += 1
        member.status = status
        if status in ("unsubscribed", "cleaned"):
            if origin in COMPLIANCE_ORIGINS or member.origin not in COMPLIANCE_ORIGINS:
                member.origin = origin
        elif status == "subscribed":
            member.origin = ""
            member.opted_in = self.now()
