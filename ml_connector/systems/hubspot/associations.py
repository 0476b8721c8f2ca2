"""Delivers links between two objects, in batches of 2,000 (HubSpot reference, section 7). Linking twice is harmless."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ml_connector.engine.answered import AnsweredAtOnce
from ml_connector.engine.ports import Delivery
from ml_connector.engine.records import Change, Outcome, Result
from ml_connector.http import BatchRefused, CallProblem, Decision, to_json
from ml_connector.systems.hubspot.batches import Reply, batched, halves, refused
from ml_connector.systems.hubspot.client import LINKS, HubSpotClient
from ml_connector.systems.hubspot.drafts import sentence
from ml_connector.systems.hubspot.errors import MISSING, NOT_FOUND, decide_item

Pair = tuple[str, str]


class LinksWriter(AnsweredAtOnce[HubSpotClient]):
    """A `Writer` of plain links.

    Args:
        from_kind, to_kind: as they stand in routes: `contacts`, `companies`.
        ends: the names in the body under which the ids of the two stand.
    """

    def __init__(self, client: HubSpotClient, from_kind: str, to_kind: str, ends: tuple[str, str]) -> None:
        super().__init__(client)
        self._path = client.routes.associate(from_kind, to_kind)
        self._ends = ends

    def deliver(self, changes: Iterable[Change], delivery: Delivery) -> Iterator[Result]:
        """One batch after the other: there are few of them."""
        for group in batched(changes, LINKS):
            yield from self._send(group)

    def _send(self, changes: Sequence[Change]) -> Iterator[Result]:
        pairs = {change.key: self._pair(change) for change in changes}
        inputs = [{"from": {"id": one}, "to": {"id": other}} for one, other in dict.fromkeys(pairs.values())]
        try:
            answer = self._client.link(self._path, {"inputs": inputs})
        except BatchRefused as problem:
            if len(changes) > 1:
                for half in halves(changes):
                    yield from self._send(half)
                return
            yield from (_result(change, pairs[change.key], refused(problem), self._ends) for change in changes)
            return
        except CallProblem as problem:
            yield from (_result(change, pairs[change.key], refused(problem)) for change in changes)
            return
        linked = {pair for result in answer.data["results"] if (pair := pair_of(result))}
        linked |= {(other, one) for one, other in linked}
        wrong = blamed(answer.data.get("errors") or ())
        for change in changes:
            pair = pairs[change.key]
            decision: Decision | None = None
            ids: set[str] = set()
            if pair not in linked:
                ids, decision = next(((ids, why) for ids, why in wrong if ids & set(pair)), (set(pair), MISSING))
            reply = Reply(None, False, decision, answer.status, answer.correlation_id, answer.repeated)
            missing = tuple(name for name, id_ in zip(self._ends, pair, strict=True) if id_ in ids)
            yield _result(change, pair, reply, missing)

    def _pair(self, change: Change) -> Pair:
        one, other = self._ends
        return str(change.body[one]), str(change.body[other])


def _result(change: Change, pair: Pair, reply: Reply, ends: tuple[str, ...] = ()) -> Result:
    """`ends`: the names of those of the two that a refusal is about; gone, they come back, and the link with them."""
    gone = reply.decision is not None and reply.decision.kind == NOT_FOUND
    if reply.decision is None:
        outcome = Outcome.UPDATED if change.target_id == change.claim else Outcome.CREATED
    else:
        outcome = Outcome.REJECTED if reply.is_refused and not gone else Outcome.FAILED
    return Result(
        change.key,
        outcome,
        target_id=change.claim if reply.decision is None else None,
        facts={"from": pair[0], "to": pair[1]} if reply.decision is None else {},
        kind=reply.decision.kind if reply.decision else None,
        reason=sentence(reply.decision.reason) if reply.decision else None,
        vendor_code=reply.decision.vendor_code if reply.decision else None,
        status=reply.status,
        correlation_id=reply.correlation_id,
        payload=to_json({"from": pair[0], "to": pair[1]}),
        uncertain=reply.uncertain,
        missing=ends if gone else (),
    )


def pair_of(result: Any) -> Pair | None:
    """The two ids, which may be numbers (section 7)."""
    if not isinstance(result, Mapping):
        return None
    one, other = (result.get(end) for end in ("from", "to"))
    if not isinstance(one, Mapping) or not isinstance(other, Mapping):
        return None
    return str(one.get("id")), str(other.get("id"))


def blamed(errors: Iterable[Any]) -> list[tuple[set[str], Decision]]:
    """What each error of an answer is about: all ids in its context."""
    found = []
    for error in errors:
        if isinstance(error, Mapping):
            context = error.get("context")
            values = context.values() if isinstance(context, Mapping) else ()
            ids = {str(one) for value in values for one in (value if isinstance(value, list) else [value])}
            found.append((ids, decide_item(error)))
    return found
