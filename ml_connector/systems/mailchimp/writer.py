"""Delivers members: a few changes by calls of their own, many in batches of calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from typing import Self

from ml_connector.engine.ports import Delivery
from ml_connector.engine.records import Change, Operation, Result
from ml_connector.http import Action, CallProblem, Decision, Stopped, concurrently, stop, stopping
from ml_connector.systems.mailchimp.batches import (
    Batch,
    BatchUnknown,
    OperationId,
    ResultsUnreadable,
    hashed,
    unfinished,
)
from ml_connector.systems.mailchimp.client import MailchimpClient
from ml_connector.systems.mailchimp.earlier import EarlierBatches, given_up_before
from ml_connector.systems.mailchimp.errors import NAME
from ml_connector.systems.mailchimp.exchange import (
    Exchange,
    Kind,
    Reply,
    Step,
    concluded,
    exchange,
    failed,
    kind_of,
    refusal,
)

LOST_IN_A_ROW = 3
"""Batches that could not be handed over, one after the other, after which nothing more is tried in this run."""
IN_FLIGHT = 3
"""Batches at Mailchimp at a time: while one is fetched, the others are worked on."""
AHEAD = 8
"""Changes per connection that are held ready, so that no connection waits while outcomes are recorded."""
LOOK_AHEAD = 2_000
"""Changes that are held in memory to see whether there are enough for batches. Above it, `batch_above` means never."""
ASK_AGAIN = timedelta(seconds=5)
"""After which batches that were at work are asked for again."""

MISSING = Decision(
    Action.FAIL_RECORD, "in doubt", "the results of the batch do not mention this record; it is sent again"
)
UNKNOWN = Decision(
    Action.FAIL_RECORD, "in doubt", "Mailchimp does not know the batch any more; what it carried is sent again"
)
GIVEN_UP = Decision(
    Action.FAIL_RECORD, "in doubt", "Mailchimp did not finish the batch within a day; what it carried is sent again"
)
AT_WORK = Decision(
    Action.FAIL_RECORD,
    "in doubt",
    "Mailchimp is still at work on a batch of an earlier run that carries this; a later run reads its results",
)
HALF_DONE = Decision(
    Action.FAIL_RECORD, "interrupted", "an earlier run ended between two calls about this member; it is sent again"
)
NOT_READ = Decision(
    Action.FAIL_RECORD, "in doubt", "the results of the batch could not be read; the next run reads them again"
)


@dataclass(slots=True)
class Talk:
    """A change's exchange, and the call that comes next in it."""

    change: Change
    kind: Kind
    exchange: Exchange
    step: Step

    @classmethod
    def begin(cls, change: Change, audience: str) -> Self:
        kind = kind_of(change)
        calls = exchange(change, kind, audience)
        return cls(change, kind, calls, next(calls))

    def hear(self, reply: Reply) -> Result | None:
        """The result; None when another call follows."""
        try:
            self.step = self.exchange.send(reply)
        except StopIteration as end:
            result: Result = end.value
            return result
        return None

    @property
    def can_travel(self) -> bool:
        """Whether its first call may go in a batch: it is the one on which the outcome rests."""
        return self.step.method != "GET" and self.change.operation is not Operation.MOVE and not self.change.astray


class MembersWriter:
    """The `Writer` of the flow `members`."""

    def __init__(self, client: MailchimpClient) -> None:
        self._client = client
        self._settings = client.settings
        self._audience_found = False
        self._at_work: list[datetime] = []
        self._asked_at: datetime | None = None
        self._earlier = EarlierBatches(client)

    @property
    def calls(self) -> int:
        return self._client.calls

    def deliver(self, changes: Iterable[Change], delivery: Delivery) -> Iterator[Result]:
        """Up to `batch_above` changes as calls of their own over all connections, more of them in batches.

        What a batch of an earlier run carries is not sent again while Mailchimp is at work on it.
        """
        source = iter(changes)
        while self._earlier and (group := list(islice(source, LOOK_AHEAD))):
            held = {change.key: batch for change in group if (batch := self._earlier.carrier(change.key)) is not None}
            for reference in {batch.id for batch in held.values()}:
                delivery.remember([key for key, batch in held.items() if batch.id == reference], reference)
            yield from (failed(key, AT_WORK, uncertain=True) for key in held)
            yield from self._deliver((change for change in group if change.key not in held), delivery)
        yield from self._deliver(source, delivery)

    def _deliver(self, changes: Iterable[Change], delivery: Delivery) -> Iterator[Result]:
        source, above = iter(changes), self._settings.batch_above
        head = list(islice(source, min(above, LOOK_AHEAD) + 1))
        if not head:
            return
        self._find_audience()
        everything = chain(head, source)
        if above <= LOOK_AHEAD and len(head) > above:
            yield from self._in_batches(everything, delivery)
        else:
            yield from self._directly(self._begin(change) for change in everything)

    def resume(self, reference: str, keys: Sequence[str]) -> Iterator[Result]:
        """The outcomes of a batch that an earlier process handed over.

        Of one that Mailchimp is still at work on it yields nothing: a look is no attempt. Its records fail when their
        turn comes in `deliver`, and keep the reference; meanwhile the run goes on with the others.
        """
        try:
            batch = Batch.handed_over(self._client, reference)
            if not self._earlier.finishes_soon(batch):
                if self._earlier.is_given_up(batch):
                    yield from (failed(key, GIVEN_UP) for key in keys)
                else:
                    self._earlier.add(batch, keys)
                return
            results = batch.results(self._client)
        except BatchUnknown:
            yield from (failed(key, UNKNOWN) for key in keys)
            return
        except ResultsUnreadable:
            yield from (failed(key, NOT_READ, uncertain=True) for key in keys)
            return
        ids = (OperationId.parse(name) for name in results)
        by_record = {one.record: one for one in ids if one is not None}
        for key in keys:
            operation = by_record.get(hashed(key))
            if operation is None:
                yield failed(key, MISSING)
                continue
            reply = batch.settle(results[str(operation)], operation.kind)
            if isinstance(reply, Decision):
                yield failed(key, reply)
            elif reply.refusal is not None:
                yield refusal(key, reply)
            elif operation.followed and not reply.is_gone:
                yield failed(key, HALF_DONE)
            else:
                yield concluded(key, operation.kind, reply, self._client.audience, last_known=operation.last_known)

    def settled(self, since: datetime) -> bool:
        """Whether no batch that was handed over until the settle time after this moment is still at work.

        Nor any that `deliver` holds records back for, whenever it was handed over: so what it holds back is always what
        the batch carries, and never a newer version. Asks at most every few seconds, because it is asked for every
        record in doubt.
        """
        if self._earlier.are_at_work():
            return False
        until, now, asked = since + self._settings.settle, datetime.now(UTC), self._asked_at
        if asked is None or asked < until or (self._is_at_work(until) and now - asked > ASK_AGAIN):
            self._at_work, self._asked_at = unfinished(self._client), now
        return not self._is_at_work(until)

    def _is_at_work(self, until: datetime) -> bool:
        given_up, until = given_up_before(self._client), until + self._client.drift
        return any(given_up < submitted <= until for submitted in self._at_work)

    def _find_audience(self) -> None:
        """Before anything is sent: a wrong audience, a revoked key or a wrong account stops here. Raises Stopped."""
        if not self._audience_found:
            with stopping(NAME, "opening the audience"):
                self._client.get(self._client.audience_path, {"fields": "id"})
            self._audience_found = True

    def _begin(self, change: Change) -> Talk:
        return Talk.begin(change, self._client.audience)

    def _directly(self, talks: Iterable[Talk]) -> Iterator[Result]:
        connections = self._settings.connections
        return concurrently(self._carry_on, talks, connections, ahead=AHEAD * connections)

    def _carry_on(self, talk: Talk) -> Result:
        """The rest of an exchange, call by call; in doubt where a try without an answer may still take effect.

        Raises: Stopped.
        """
        repeated = False
        while True:
            try:
                reply = self._client.send(talk.step)
            except CallProblem as problem:
                return failed(talk.change.key, problem, payload=talk.step.content)
            repeated |= reply.repeated
            if (result := talk.hear(reply)) is not None:
                return result._replace(uncertain=True) if repeated else result

    def _in_batches(self, changes: Iterator[Change], delivery: Delivery) -> Iterator[Result]:
        """Keeps several batches at work, and fetches the outcomes of the one whose turn it is to be looked at."""
        at_work: list[tuple[Batch, dict[str, Talk]]] = []
        more, lost = True, 0
        while more or at_work:
            while more and len(at_work) < IN_FLIGHT:
                talks = [self._begin(change) for change in islice(changes, self._settings.batch_size)]
                more = len(talks) == self._settings.batch_size
                few = not more and len(talks) <= self._settings.batch_above
                travelling = {} if few else self._operations(talks)
                if travelling:
                    try:
                        at_work.append((self._hand_over(travelling, delivery), travelling))
                        lost = 0
                    except CallProblem as problem:
                        yield from _all_failed(travelling, problem)
                        lost += 1
                        if lost == LOST_IN_A_ROW:
                            raise _not_taken(lost, problem.decision) from problem
                yield from self._directly(talk for talk in talks if few or not talk.can_travel)
            if at_work:
                place = min(range(len(at_work)), key=lambda index: at_work[index][0].look_at)
                batch, travelling = at_work[place]
                try:
                    if batch.is_finished(self._client):
                        del at_work[place]
                        yield from self._fetch(batch, travelling)
                except BatchUnknown:
                    at_work = [one for one in at_work if one[0] is not batch]
                    yield from _all_failed(travelling, UNKNOWN)

    def _operations(self, talks: Iterable[Talk]) -> dict[str, Talk]:
        audience = self._client.audience
        return {str(OperationId.of(talk.change, talk.kind, audience)): talk for talk in talks if talk.can_travel}

    def _hand_over(self, travelling: dict[str, Talk], delivery: Delivery) -> Batch:
        batch = Batch.submit(self._client, {name: talk.step for name, talk in travelling.items()})
        delivery.remember([talk.change.key for talk in travelling.values()], batch.id)
        return batch

    def _fetch(self, batch: Batch, travelling: dict[str, Talk]) -> Iterator[Result]:
        """The outcomes of a finished batch; what it turned away, and what more is to be said, goes by calls."""
        try:
            results = batch.results(self._client)
        except ResultsUnreadable:
            yield from _all_failed(travelling, NOT_READ, uncertain=True)
            return
        unsettled: list[Talk] = []
        for name, talk in travelling.items():
            reply = batch.settle(results[name], talk.kind) if name in results else MISSING
            if isinstance(reply, Reply):
                if (result := talk.hear(reply)) is not None:
                    yield result
                else:
                    unsettled.append(talk)
            elif reply.action in (Action.RETRY, Action.RETRY_AFTER):
                unsettled.append(talk)
            else:
                yield failed(talk.change.key, reply, payload=talk.step.content)
        yield from self._directly(unsettled)


def _all_failed(
    travelling: Mapping[str, Talk], problem: CallProblem | Decision, *, uncertain: bool = False
) -> Iterator[Result]:
    for talk in travelling.values():
        yield failed(talk.change.key, problem, payload=talk.step.content, uncertain=uncertain)


def _not_taken(number: int, decision: Decision) -> Stopped:
    reason = f"{number} batches in a row could not be handed over; the last: {decision.reason}"
    return stop(NAME, decision.kind, reason, decision.advice)
