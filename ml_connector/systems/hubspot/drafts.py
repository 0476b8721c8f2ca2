"""One change of an object on its way to HubSpot, and how it ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ml_connector.engine.records import Change, Outcome, Result
from ml_connector.http import Stopped, to_json
from ml_connector.systems.hubspot.batches import Reply
from ml_connector.systems.hubspot.errors import NOT_FOUND
from ml_connector.systems.hubspot.mapping import JOINED
from ml_connector.systems.hubspot.matching import Matcher

TRIED: Final = 20
"""Groups of unknown records that are read before they are written; if none of them is there, the others are new."""


class Halted(Exception):
    """The account stopped in the middle of a group; what is known by then is not lost."""

    def __init__(self, results: Sequence[Result], problem: Stopped) -> None:
        super().__init__(str(problem))
        self.results = results
        self.problem = problem


@dataclass(slots=True)
class Knowledge:
    """Whether the ledger knows all that HubSpot has of ours: it may be new, or older than what was written.

    Attributes:
        tried: groups of unknown records that were read.
        gaps: one of them was there.
    """

    tried: int = 0
    gaps: bool = False

    def is_doubtful(self) -> bool:
        return self.gaps or self.tried < TRIED


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of object is written.

    Attributes:
        name: as it stands in routes: `companies`.
        key: the unique property that holds our key.
        rules: property -> merge behaviour, where it is not `overwrite`.
        matcher: finds objects that people made; None: there is nothing to match by.
        joined: HubSpot's id -> the record that joins this object in this run.
        knowledge: whether the ledger knows what HubSpot has of ours.
    """

    name: str
    key: str
    rules: Mapping[str, str] = field(default_factory=dict)
    matcher: Matcher | None = None
    joined: dict[str, str] = field(default_factory=dict)
    knowledge: Knowledge = field(default_factory=lambda: Knowledge())


@dataclass(slots=True)
class Draft:
    """One change on its way.

    Attributes:
        trace: its name in batches.
        there: the object as it was read, empty where there is none; None: nothing was read.
        id: HubSpot's id of the object to write to; None: it is named by our key.
        ours: the object has our key, or is to get it.
        joined: the object is that of the same business's other side.
        known: HubSpot said that the object has our key.
        sent: the properties of the last write.
        result: what became of it; None: not known yet.
    """

    change: Change
    trace: str
    there: Mapping[str, Any] | None = None
    id: str | None = None
    ours: bool = True
    joined: bool = False
    known: bool = False
    sent: Mapping[str, str] = field(default_factory=dict)
    result: Result | None = None

    @property
    def wanted(self) -> Mapping[str, str]:
        properties: Mapping[str, str] = self.change.body["properties"]
        common: Mapping[str, str] = self.change.body.get("common", {})
        return properties if self.joined or not common else {**common, **properties}

    @property
    def is_linked(self) -> bool:
        return self.change.target_id == self.change.claim

    @property
    def has_key(self) -> bool:
        """Whether the object has our key, by the ledger or by HubSpot: what has no value any more is cleared there."""
        return self.is_linked or self.known


def conclude(draft: Draft, reply: Reply) -> Result:
    """What became of a change whose last write had this reply."""
    change = draft.change
    if reply.decision is None:
        return Result(
            change.key,
            Outcome.CREATED if reply.new else Outcome.UPDATED,
            target_id=change.claim,
            facts=_facts(draft, str(reply.id)),
            status=reply.status,
            correlation_id=reply.correlation_id,
            payload=_payload(draft),
            uncertain=reply.uncertain,
        )
    if reply.decision.kind == NOT_FOUND and not change.create:
        return Result(
            change.key,
            Outcome.SKIPPED,
            kind=change.rule,
            reason="HubSpot has no record with our key.",
            status=reply.status,
            payload=_payload(draft),
        )
    return Result(
        change.key,
        Outcome.REJECTED if reply.is_refused else Outcome.FAILED,
        kind=reply.decision.kind,
        reason=sentence(reply.decision.reason),
        vendor_code=reply.decision.vendor_code,
        status=reply.status,
        correlation_id=reply.correlation_id,
        payload=_payload(draft) if draft.sent else None,
        uncertain=reply.uncertain,
    )


def _payload(draft: Draft) -> bytes:
    """For the audit: laid out like the body, which a preview compares it with."""
    return to_json({**draft.change.body, "properties": draft.sent})


def sentence(reason: str) -> str:
    return f"{reason[:1].upper()}{reason[1:].rstrip('.')}."


def _facts(draft: Draft, id_: str) -> dict[str, Any]:
    facts: dict[str, Any] = {"id": id_}
    if (person := draft.change.body.get("person")) is not None:
        facts["person"] = person
    if not draft.ours:
        facts["shared"] = True
    if draft.joined:
        facts[JOINED] = True
    return facts
