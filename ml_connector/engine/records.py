"""What travels through the engine: rows from a source, records to map, changes to deliver, and what became of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, NamedTuple

# What travels once per record is a NamedTuple: a frozen dataclass takes four times as long to make.
NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
LONGEST_NAME: Final = 255


def is_name(text: str, longest: int = LONGEST_NAME) -> bool:
    """Whether the ledger can hold this as a key, an identity or another name of an object."""
    return 0 < len(text) <= longest and text.isprintable()


class Outcome(StrEnum):
    """What happened to a record in a flow; in every run `read` is the sum of these."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    REJECTED = "rejected"
    FAILED = "failed"


class SourceRow(NamedTuple):
    """One row as a source gave it.

    Attributes:
        key: the business key (customer number).
        related: the key of the record it belongs to, for secondary entities (a contact's customer number).
        changed_at: the source's change time, aware, UTC.
        payload: canonical JSON of the row, without what only describes the answer (paging metadata).
        digest: 16 bytes over the payload.
    """

    key: str
    related: str | None
    changed_at: datetime
    payload: bytes
    digest: bytes


class Record(NamedTuple):
    """The newest landed version of one business object, with the secondary rows that its flow asked for.

    Attributes:
        key: the business key.
        changed_at: aware, UTC.
        payload: JSON as landed.
        secondary: entity name -> JSON of the rows that belong to this record.
        vanished: a full re-read no longer found it at the source.
        made: of what it names at its source, what flows of ours made there; see `Flow.made`.
    """

    key: str
    changed_at: datetime
    payload: bytes
    secondary: Mapping[str, Sequence[bytes]] = NOTHING
    vanished: bool = False
    made: Collection[str] = ()


class Need(NamedTuple):
    """Another object at the same target that must be there first, and what of it the body needs.

    Attributes:
        flow: the flow that delivers it.
        identity: the identity that its record is linked to; with `alias` another name that the record gave itself.
        key: the record that brings it; None where nobody knows.
        fact: what the target said about it, to be put into the body.
        alias: see `Desired.aliases`.
        record: only the record is known, not the identity that it wants; `identity` and `key` are both its key.
        optional: without it the record is sent all the same, and the body has nothing there. Where `key` says who
            brings it, that record has its chance first; delivered later, it makes the one that needs it due again.
        awaited: an optional one whose record failed, and comes back by itself, is waited for.
        unless: an object about which the target said this does not count.
        decides: of a document: this belongs to its basis, too, so that another fact makes it be sent again.
    """

    flow: str
    identity: str
    key: str | None = None
    fact: str = "id"
    alias: bool = False
    record: bool = False
    optional: bool = False
    unless: str | None = None
    decides: bool = False
    awaited: bool = False


class Desired(NamedTuple):
    """How the object at the target should look.

    Attributes:
        claim: the identity at the target that this record wants (a member's subscriber hash). Where records share one,
            the lowest key owns it.
        body: what is sent; JSON-able; its digest decides whether anything is sent.
        create: False: change it where it exists, never create it; absent, it is SKIPPED with `rule`.
        rule: the rule to show when it is absent and must not be created.
        needs: name in the body -> the object at the target whose fact comes there. Until it is there, nothing is sent.
        aliases: names by which other flows find the object (a registration number); None: this flow gives none.
        basis: of a document, which is created once: what of the source decides whether it is sent again, instead of the
            body. So neither a changed mapping nor a replay sends it again.
        not_before: nothing is sent before this moment (aware); the record comes back by itself then.
        repeatable: False: the same, sent again while an unanswered one may still take effect, could make a part of it
            twice.
    """

    claim: str
    body: Mapping[str, Any]
    create: bool = True
    rule: str | None = None
    needs: Mapping[str, Need] = NOTHING
    aliases: Sequence[str] | None = None
    basis: Mapping[str, Any] | None = None
    not_before: datetime | None = None
    repeatable: bool = True


@dataclass(frozen=True, slots=True)
class Skip:
    """A rule says not to send the record.

    Attributes:
        rule: the rule's name in plain words ("no e-mail address").
        reason: the detail for this record.
        claim: kept although nothing is sent, when the refusal speaks for the identity and not only for this record.
        veto: every record with the same claim is withheld too (the person behind the address said no).
    """

    rule: str
    reason: str = ""
    claim: str | None = None
    veto: bool = False


@dataclass(frozen=True, slots=True)
class Reject:
    """The record cannot be sent as it is, for good, until it or the mapping changes."""

    reason: str
    kind: str = "mapping"


Mapped = Desired | Skip | Reject


class Operation(StrEnum):
    """What a change asks of the writer."""

    CREATE = "create"
    UPDATE = "update"
    MOVE = "move"
    WITHDRAW = "withdraw"


class Doubt(NamedTuple):
    """An earlier create of the same document that was never answered.

    Attributes:
        since: when it was about to be sent.
        reference: what the writer remembered with it, see `Delivery.remember`.
    """

    since: datetime
    reference: str | None


class Change(NamedTuple):
    """One record's change, ready to be sent.

    Attributes:
        key: the record's business key.
        operation: CREATE (no link known), UPDATE (linked to `claim`), MOVE (it stands under `target_id`, which differs
            from `claim`, or else under one of `astray`, and nobody else claims these), WITHDRAW (take it off there and
            under each of `astray`: the flow's withdrawal body).
        claim: the identity to write to.
        target_id: the identity it is linked to now, or None.
        body: what to send.
        create: whether it may be created where it is absent.
        rule: see `Desired.rule`.
        facts: what the target last said about the object (a member's status).
        digest: 16 bytes over the body; saved only once the target confirmed.
        old_is_shared: with CREATE or UPDATE after a changed identity: another record still claims the old one.
        astray: further identities under which writes without an answer may have put the object.
        doubt: of a document: it may stand at the target already. Look for it before it is created.
        repeatable: see `Desired.repeatable`; a document is not.
    """

    key: str
    operation: Operation
    claim: str
    target_id: str | None
    body: Mapping[str, Any]
    create: bool
    rule: str | None
    facts: Mapping[str, Any]
    digest: bytes
    old_is_shared: bool = False
    astray: tuple[str, ...] = ()
    doubt: Doubt | None = None
    repeatable: bool = True


class Result(NamedTuple):
    """What became of one change, never derived from a whole call's HTTP status alone.

    Attributes:
        key: the record's business key.
        outcome: CREATED, UPDATED, SKIPPED, REJECTED or FAILED.
        target_id: the identity it is linked to from now on (None keeps what is known).
        facts: what the target said about the object, without personal data; also what consent was sent.
        kind: class of a skip, rejection or failure (`mapping`, `fake address`, `outage`, `in doubt`, ...).
        reason: plain words for people.
        vendor_code: the vendor's own code or title.
        status: HTTP status, where there was one.
        correlation_id: the vendor's request id.
        payload: the bytes that were sent, for the audit.
        uncertain: the write may or may not have happened, or an earlier try of it may still happen: its intent stays
            open, so that a different one waits.
        missing: names in the body of what the target does not know any more under the id that is known: their records
            are delivered anew, and one that failed waits for them.
        facts_hold: of a rejection or failure: the facts are true all the same, for a part of the write was made. With a
            `target_id` the object is there: the record is linked to it, and others find it.
        aliases: of a confirmed write, every name by which the target knows the object, besides `target_id`; None: that
            is its only one. Like `Desired.aliases`, whose place they take.
    """

    key: str
    outcome: Outcome
    target_id: str | None = None
    facts: Mapping[str, Any] = NOTHING
    kind: str | None = None
    reason: str | None = None
    vendor_code: str | None = None
    status: int | None = None
    correlation_id: str | None = None
    payload: bytes | None = None
    uncertain: bool = False
    missing: tuple[str, ...] = ()
    facts_hold: bool = False
    aliases: Sequence[str] | None = None

    @property
    def is_there(self) -> bool:
        """Whether the object stands at the target from now on, and the record is linked to it."""
        made = self.outcome in (Outcome.CREATED, Outcome.UPDATED)
        return made or (self.facts_hold and self.target_id is not None)
