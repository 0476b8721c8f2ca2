"""Planning: from landed versions to changes, or to outcomes that need no call. Reads the ledger, writes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from ml_connector.engine.by_hand import HANDLED, is_handled
from ml_connector.engine.claims import Claims, wish_of
from ml_connector.engine.digests import digest_of
from ml_connector.engine.needs import DEPENDENCY, WITHHELD, Needs, Resolved, storable_wish
from ml_connector.engine.plan import Send, Settle
from ml_connector.engine.ports import Clock, Flow
from ml_connector.engine.records import (
    NOTHING,
    Change,
    Desired,
    Doubt,
    Mapped,
    Need,
    Operation,
    Outcome,
    Record,
    Reject,
    Skip,
    is_name,
)
from ml_connector.store.backlog import Version
from ml_connector.store.deliveries import Deliveries, Intent, State
from ml_connector.store.ledger import Ledger

NOT_DUE_YET: Final = "not due yet"


@dataclass(slots=True)
class Planner:
    """Plans one flow's records.

    Attributes:
        in_doubt: what earlier processes were about to send and did not record, by key.
        forced: send also what the target already confirmed (a replay).
        needs: looks up what other flows delivered; None: nothing is needed.
        clock: tells whether the time of a record has come.
    """

    flow: Flow
    ledger: Ledger
    book: Deliveries
    clock: Clock
    in_doubt: dict[str, Intent] = field(default_factory=dict)
    forced: bool = False
    needs: Needs | None = None
    _reference: dict[str, list[bytes]] = field(default_factory=dict)

    def plan(self, versions: Sequence[Version]) -> list[Send | Settle]:
        """One plan per version, in the same order."""
        keys = [version.key for version in versions]
        payloads = self.book.payloads(versions)
        secondary = {entity: self.ledger.readings.secondary(entity, keys) for entity in self.flow.secondary}
        if self.flow.reference and not self._reference:
            self._reference = {entity: self.ledger.readings.reference(entity) for entity in self.flow.reference}
        return self.decide(versions, assemble(versions, payloads, secondary, self._reference))

    def decide(self, versions: Sequence[Version], records: Sequence[Record]) -> list[Send | Settle]:
        """The plans for records that are at hand."""
        states = self.book.states([record.key for record in records])
        mapped = {
            record.key: self._handled(record, states.get(record.key)) or storable_wish(self.flow.map(record))
            for record in self._with_made(records)
        }
        identities = {claim for wish in mapped.values() if (claim := wish_of(wish)[0]) is not None}
        identities |= {state.target_id for state in states.values() if state.target_id is not None}
        doubts = [self.in_doubt[key] for key in mapped if key in self.in_doubt]
        identities |= {place for doubt in doubts for place in (doubt.claim, *doubt.astray)}
        claims = Claims.of(self.book.claimants(list(identities)) if identities else (), mapped)
        resolved = self.needs.resolve(mapped) if self.needs else {}
        return [
            self._decide(version, mapped[version.key], states.get(version.key), claims, resolved.get(version.key))
            for version in versions
        ]

    def _handled(self, record: Record, state: State | None) -> Skip | None:
        """Whether a person took care of it, unless it is replayed."""
        if state is None or self.forced or not is_handled(record, state):
            return None
        return Skip(HANDLED, state.reason or "")

    def _with_made(self, records: Sequence[Record]) -> Sequence[Record]:
        """The records, each with what flows of ours made of what it names."""
        made = self.flow.made
        if made is None:
            return records
        names = [{name for name in made.names(record.payload) if is_name(name)} for record in records]
        links = self.ledger.links(made.target)
        wanted = sorted(set().union(*names))
        known = {name for flow in made.flows for name in links.known(flow, wanted)}
        return [record._replace(made=known & mine) for record, mine in zip(records, names, strict=True)]

    def _decide(
        self, version: Version, mapped: Mapped, state: State | None, claims: Claims, resolved: Resolved | None
    ) -> Send | Settle:
        plan = _Plan(self, version, state, *wish_of(mapped), claims, resolved, self.in_doubt.get(version.key))
        match mapped:
            case Reject():
                return plan.reject(mapped)
            case Skip() if mapped.rule == HANDLED:
                return plan.keep_handled(mapped)
            case Skip():
                return plan.skip(mapped.rule, mapped.reason or None, withdraw=mapped.veto)
            case Desired():
                return plan.deliver(mapped)


@dataclass(slots=True)
class _Plan:
    """Decides about one record."""

    planner: Planner
    version: Version
    state: State | None
    claim: str | None
    stance: str | None
    claims: Claims
    resolved: Resolved | None
    doubt: Intent | None  # a write of it that was never answered

    @property
    def in_doubt(self) -> bool:
        """Whether a write was never answered that would change what the target confirmed."""
        if self.doubt is None:
            return False
        confirmed = (self.state.digest, self.state.target_id) if self.state else None
        return confirmed != (self.doubt.digest, self.doubt.claim) or bool(self.doubt.astray)

    @property
    def linked_to(self) -> str | None:
        return self.state.target_id if self.state else None

    @property
    def astray(self) -> tuple[str, ...]:
        """See `Planned.astray`."""
        if self.doubt is None:
            return ()
        places = dict.fromkeys((self.doubt.claim, *self.doubt.astray))
        return tuple(place for place in places if place != self.linked_to)

    def _strays(self, claim: str | None) -> tuple[str, ...]:
        """Those of them at which the object may be touched: nobody else wants them."""
        return tuple(
            place
            for place in self.astray
            if place != claim and not self.claims.is_wanted(place, besides=self.version.key)
        )

    def reject(self, mapped: Reject) -> Settle:
        """A broken version keeps its claim: it does not hand what it is linked to over to somebody else."""
        claim, stance = (self.state.claim, self.state.stance) if self.state else (None, None)
        rejected = self._settle(Outcome.REJECTED, reason=mapped.reason)
        return replace(rejected, kind=mapped.kind, claim=claim, stance=stance)

    def keep_handled(self, mapped: Skip) -> Settle:
        """Like a rejected one, but that a person took care of it."""
        settled = self.reject(Reject(mapped.reason))
        return replace(settled, outcome=Outcome.SKIPPED, rule=mapped.rule, kind=None)

    def skip(self, rule: str | None, reason: str | None = None, *, withdraw: bool = False) -> Send | Settle:
        """Not sent; with `withdraw`, what this record put there is taken off first."""
        withdrawal = self._withdrawal(rule) if withdraw else None
        return withdrawal or self._settle(Outcome.SKIPPED, rule, reason)

    def deliver(self, desired: Desired) -> Send | Settle:
        standing = self.claims.standing(self.version.key, desired.claim, self.linked_to)
        if standing.vetoed_by is not None:
            reason = f"The person behind this address said no: see {standing.vetoed_by}."
            return self.skip(f"withheld through {standing.vetoed_by}", reason, withdraw=True)
        if standing.owner != self.version.key:
            reason = f"{standing.owner} has the same address and owns what stands at the target."
            return self.skip(f"same address as {standing.owner}", reason)
        if desired.not_before is not None and self.linked_to is None and self.planner.clock() < desired.not_before:
            return self._not_yet(desired.not_before)
        if self.resolved is not None and self.resolved.lacking:
            if (known := self._as_before(desired, self.resolved)) is not None:
                return replace(self, resolved=known).deliver(desired)
            return self.skip(desired.rule) if not desired.create else self._wait(self.resolved)
        body = desired.body if self.resolved is None else self.resolved.body
        digest = digest_of(body if desired.basis is None else _basis(desired.basis, desired, body))
        if self._is_confirmed(digest, document=desired.basis is not None):
            if self.linked_to == desired.claim:
                unchanged = self._settle(Outcome.UNCHANGED)
                return unchanged if desired.aliases is None else replace(unchanged, aliases=desired.aliases)
            if self._is_known_absent(desired):
                return self.skip(desired.rule)
        operation, target_id, astray = self._whence(desired.claim, standing.old_is_shared)
        return self._send(
            Change(
                key=self.version.key,
                operation=operation,
                claim=desired.claim,
                target_id=target_id,
                body=body,
                create=desired.create,
                rule=desired.rule,
                facts=standing.holder.facts if standing.holder else (self.state.facts if self.state else {}),
                digest=digest,
                old_is_shared=standing.old_is_shared,
                astray=astray,
                doubt=self._doubt(desired),
                repeatable=desired.repeatable and desired.basis is None,
            ),
            displaces=standing.holder.key if standing.holder else None,
            aliases=desired.aliases,
            needs=desired.needs,
        )

    def _as_before(self, desired: Desired, resolved: Resolved) -> Resolved | None:
        """Where a rule withholds what a linked record needs: the same with what it was delivered with, if all of that
        stands in its facts. What was there before goes on; only what is new stays away."""
        if not resolved.withheld or self.state is None or self.linked_to != desired.claim:
            return None
        facts = self.state.facts
        before = {name: facts[name] for name in desired.needs if facts.get(name) is not None}
        if any(name not in before for name, need in desired.needs.items() if need in resolved.lacking):
            return None
        body = {**before, **resolved.body}
        return replace(resolved, body=body, lacking=(), missed=[*resolved.missed, *resolved.lacking])

    def _whence(self, claim: str, old_is_shared: bool) -> tuple[Operation, str | None, tuple[str, ...]]:
        """How the object comes to stand under the claim: the operation, from where, and from where else."""
        linked, strays = self.linked_to, self._strays(claim)
        if not strays or (linked not in (None, claim) and not old_is_shared):
            return _operation(linked, claim, old_is_shared), linked, strays
        rest = strays[1:] if linked is None or old_is_shared else (*strays[1:], linked)
        return Operation.MOVE, strays[0], rest

    def _not_yet(self, moment: datetime) -> Settle:
        return replace(
            self._settle(Outcome.SKIPPED, NOT_DUE_YET, f"It is due at {moment:%Y-%m-%d %H:%M} UTC."), due_at=moment
        )

    def _doubt(self, desired: Desired) -> Doubt | None:
        """The earlier create of this document that nobody answered."""
        if self.doubt is None or desired.basis is None or self.linked_to is not None:
            return None
        return Doubt(self.doubt.started_at, self.doubt.reference)

    def _is_confirmed(self, digest: bytes, *, document: bool) -> bool:
        certain = not self.in_doubt and (document or not self.planner.forced)
        return certain and self.state is not None and self.state.digest == digest

    def _is_known_absent(self, desired: Desired) -> bool:
        """It must not be created, and the target said before that it is not there."""
        return (
            not desired.create
            and self.linked_to is None
            and self.state is not None
            and self.state.claim == desired.claim
        )

    def _withdrawal(self, rule: str | None) -> Send | None:
        """Taking off what this record put there, or may have, unless that is done, or somebody else's by now."""
        body, linked = self.planner.flow.withdrawal, self.linked_to
        if body is None:
            return None
        if linked is not None and linked != self.claim and self.claims.is_wanted(linked, besides=self.version.key):
            linked = None
        places = [place for place in (linked, *self._strays(None)) if place is not None]
        if self.claim in self.astray and self.claim not in places:  # its own no goes before what others want
            places.append(str(self.claim))
        digest = digest_of(body)
        if not places or (self.state is not None and self.state.digest == digest and not self.in_doubt):
            return None
        return self._send(
            Change(
                key=self.version.key,
                operation=Operation.WITHDRAW,
                claim=places[0],
                target_id=places[0],
                body=body,
                create=False,
                rule=rule,
                facts=self.state.facts if self.state else {},
                digest=digest,
                astray=tuple(places[1:]),
            )
        )

    def _send(
        self,
        change: Change,
        displaces: str | None = None,
        aliases: Sequence[str] | None = None,
        needs: Mapping[str, Need] = NOTHING,
    ) -> Send:
        return Send(
            version=self.version,
            state=self.state,
            claim=self.claim,
            stance=self.stance,
            in_doubt=self.in_doubt,
            astray=self.astray,
            change=change,
            displaces=displaces,
            aliases=aliases,
            needs=needs,
            lacking=self.resolved.missed if self.resolved else (),
            brings=self.resolved.untried if self.resolved else (),
        )

    def _wait(self, resolved: Resolved) -> Settle:
        """Not sent before what it needs is there; what is linked and confirmed stays so.

        Where rules keep back what it needs, they keep it back as well; it is due when that is delivered after all.
        """
        if resolved.withheld:
            settled = self._settle(Outcome.SKIPPED, WITHHELD, resolved.reason)
        else:
            settled = replace(self._settle(Outcome.FAILED, reason=resolved.reason), kind=DEPENDENCY)
        return replace(settled, lacking=resolved.lacking, brings=[*resolved.lacking, *resolved.untried])

    def _settle(self, outcome: Outcome, rule: str | None = None, reason: str | None = None) -> Settle:
        return Settle(
            version=self.version,
            state=self.state,
            claim=self.claim,
            stance=self.stance,
            in_doubt=self.in_doubt,
            astray=self.astray,
            outcome=outcome,
            rule=rule,
            reason=reason,
        )


def assemble(
    versions: Sequence[Version],
    payloads: Sequence[bytes],
    secondary: Mapping[str, Mapping[str, Sequence[bytes]]],
    reference: Mapping[str, Sequence[bytes]],
) -> list[Record]:
    """The records of these versions, each with its own secondary rows and with all reference data."""
    return [
        Record(
            key=version.key,
            changed_at=version.changed_at,
            payload=payload,
            secondary={
                **reference,
                **{entity: rows.get(version.key, ()) for entity, rows in secondary.items()},
            },
            vanished=version.vanished,
        )
        for version, payload in zip(versions, payloads, strict=True)
    ]


def _basis(basis: Mapping[str, Any], desired: Desired, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """What decides about a document: its own basis, and what of its needs does so as well."""
    deciding = [name for name, need in desired.needs.items() if need.decides and name in body]
    return {**basis, **{name: body[name] for name in deciding}} if deciding else basis


def _operation(linked_to: str | None, claim: str, old_is_shared: bool) -> Operation:
    if linked_to == claim:
        return Operation.UPDATE
    return Operation.MOVE if linked_to is not None and not old_is_shared else Operation.CREATE
