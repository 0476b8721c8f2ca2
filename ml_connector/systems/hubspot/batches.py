"""Batches of a hundred, and what became of each of their inputs (HubSpot reference, section 5).

Every input carries a trace id, so one bad input does not refuse the others. Where a whole batch is refused all the
same, halves are sent until the input that spoils it stands alone: 14 further calls at most. Answers are matched by
trace id, else by the value that named the record; never by their order.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ml_connector.http import Action, Answer, BatchRefused, CallProblem, Decision, RecordRefused, Uncertain
from ml_connector.systems.hubspot.client import BATCH, HubSpotClient
from ml_connector.systems.hubspot.errors import MISSING, decide_item

TRACE = "objectWriteTraceId"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Input:
    """One record of a batch.

    Attributes:
        trace: our name for it within the batch, and in the reply.
        id: HubSpot's id, or the value of the unique property.
        unique: the property that `id` is the value of; None: HubSpot's id.
        properties: to be set, texts.
    """

    trace: str
    id: str
    properties: Mapping[str, str]
    unique: str | None = None

    @property
    def body(self) -> dict[str, Any]:
        body = {"id": self.id, "properties": self.properties, TRACE: self.trace}
        return body | ({"idProperty": self.unique} if self.unique else {})


@dataclass(frozen=True, slots=True)
class New(Input):
    """A record without a key of ours, created as part of another one.

    Attributes:
        parent: HubSpot's id of the other one.
        type_id: of the association from this one to it (section 7).
    """

    parent: str = ""
    type_id: int = 0

    @property
    def body(self) -> dict[str, Any]:
        types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": self.type_id}]
        association = {"to": {"id": self.parent}, "types": types}
        return {"properties": self.properties, "associations": [association], TRACE: self.trace}


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of one input: a record, or why not.

    Attributes:
        id: HubSpot's id of the record.
        new: it was created by this call.
        decision: why not.
        status: HTTP status of the call.
        correlation_id: HubSpot's id of the call.
        uncertain: it may have happened, or may still happen.
    """

    id: str | None = None
    new: bool = False
    decision: Decision | None = None
    status: int | None = None
    correlation_id: str | None = None
    uncertain: bool = False

    @property
    def is_refused(self) -> bool:
        return self.decision is not None and self.decision.action in (Action.REJECT_RECORD, Action.BISECT)


@dataclass(slots=True)
class Write:
    """One batch write through all its halves.

    Attributes:
        adds: it creates without a key, so it is not repeated after an outage.
    """

    client: HubSpotClient
    path: str
    adds: bool = False
    replies: dict[str, Reply] = field(default_factory=dict)

    def send(self, inputs: Sequence[Input]) -> dict[str, Reply]:
        """Trace id -> what became of it. Raises Stopped; what is known by then stands in `replies`."""
        for group in grouped(inputs, BATCH):
            self._send(group)
        return self.replies

    def _send(self, inputs: Sequence[Input]) -> None:
        try:
            call = self.client.create if self.adds else self.client.batch
            answer = call(self.path, {"inputs": [one.body for one in inputs]})
        except BatchRefused as problem:
            if len(inputs) == 1:
                self._all(inputs, problem)
            else:
                for half in halves(inputs):
                    self._send(half)
        except CallProblem as problem:
            self._all(inputs, problem)
        else:
            self.replies |= _sorted(inputs, answer)

    def _all(self, inputs: Sequence[Input], problem: CallProblem) -> None:
        reply = refused(problem)
        self.replies |= {one.trace: reply for one in inputs}


def refused(problem: CallProblem) -> Reply:
    return Reply(
        decision=problem.decision,
        status=problem.status,
        correlation_id=problem.correlation_id,
        uncertain=isinstance(problem, Uncertain),
    )


def is_for_good(problem: CallProblem) -> bool:
    return isinstance(problem, RecordRefused)


def read(
    client: HubSpotClient, kind: str, ids: Sequence[str], properties: Sequence[str], unique: str | None = None
) -> dict[str, Mapping[str, Any]]:
    """Id, or value of the unique property -> the record with its `id` and `properties`, for those that exist.

    What is missing is told in one error of a 207 and simply is not among the results (section 5). Raises CallProblem.
    """
    found: dict[str, Mapping[str, Any]] = {}
    asked = list(dict.fromkeys([*properties, *([unique] if unique else [])]))
    for group in grouped(list(dict.fromkeys(ids)), BATCH):
        body: dict[str, Any] = {
            "inputs": [{"id": one} for one in group],
            "properties": asked,
            "propertiesWithHistory": [],
        }
        if unique:
            body["idProperty"] = unique
        try:
            results = client.batch(client.routes.batch(kind, "read"), body).data["results"]
        except RecordRefused as problem:
            if problem.status != 404:  # where nothing at all was found, one source has seen this instead of a 207
                raise
            results = []
        for record in records_of(results):
            name = record["properties"].get(unique) if unique else record["id"]
            if name is not None:
                found[str(name)] = record
    return found


def survivors(
    client: HubSpotClient, kind: str, ids: Sequence[str], properties: Sequence[str] = ()
) -> dict[str, Mapping[str, Any]]:
    """Id that HubSpot gave once -> the record that it was merged into, or that still has it. Raises CallProblem.

    What is read under an id that was merged away is the other record, under its own id (section 5); so each is read by
    itself.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for id_ in dict.fromkeys(ids):
        results = list(read(client, kind, [id_], properties).values())
        if len(results) == 1:
            found[id_] = results[0]
    return found


def records_of(results: Sequence[Any]) -> Iterator[Mapping[str, Any]]:
    """The results that are records: an id as text, and properties, never none at all."""
    for one in results:
        if isinstance(one, Mapping) and isinstance(one.get("id"), str | int):
            id_, properties = str(one["id"]), one.get("properties")
            yield {
                **one,
                "id": id_,
                "properties": {"hs_object_id": id_, **(properties if isinstance(properties, Mapping) else {})},
            }


def grouped(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for begin in range(0, len(items), size):
        yield items[begin : begin + size]


def batched(items: Iterable[T], size: int, kind: Callable[[T], Hashable] = lambda _: None) -> Iterator[list[T]]:
    """Groups of a lazy iterable, all of one kind: what is written by another call gets batches of its own."""
    filling: dict[Hashable, list[T]] = {}
    for item in items:
        group = filling.setdefault(kind(item), [])
        group.append(item)
        if len(group) == size:
            yield filling.pop(kind(item))
    yield from filling.values()


def halves(items: Sequence[T]) -> tuple[Sequence[T], Sequence[T]]:
    middle = len(items) // 2
    return items[:middle], items[middle:]


def _sorted(inputs: Sequence[Input], answer: Answer) -> dict[str, Reply]:
    """Which result and which error belongs to which input."""
    by_value = {(one.unique, one.id.lower()): one.trace for one in inputs}
    traces = {one.trace for one in inputs}
    replies: dict[str, Reply] = {}
    for record in records_of(answer.data["results"]):
        trace = record.get(TRACE)
        if trace not in traces:
            trace = next((by_value[name] for name in _names(record, inputs) if name in by_value), None)
        if trace is not None:
            replies[trace] = Reply(
                id=record["id"],
                new=record.get("new") is True,
                status=answer.status,
                correlation_id=answer.correlation_id,
                uncertain=answer.repeated,
            )
    for error in answer.data.get("errors") or ():
        if not isinstance(error, Mapping):
            continue
        decision = decide_item(error)
        for trace in _blamed(error, inputs):
            if trace not in replies:
                replies[trace] = Reply(None, False, decision, answer.status, answer.correlation_id, answer.repeated)
    lost = Reply(None, False, MISSING, answer.status, answer.correlation_id, uncertain=True)
    return {one.trace: replies.get(one.trace, lost) for one in inputs}


def _names(record: Mapping[str, Any], inputs: Sequence[Input]) -> Iterator[tuple[str | None, str]]:
    """By which the record may have been named in the batch."""
    for unique in dict.fromkeys(one.unique for one in inputs):
        value = record["id"] if unique is None else record["properties"].get(unique)
        if value is not None:
            yield unique, str(value).lower()


def _blamed(error: Mapping[str, Any], inputs: Sequence[Input]) -> Iterator[str]:
    """The trace ids of the inputs that an error is about: it names them, or the ids that they were sent with."""
    context = error.get("context")
    if not isinstance(context, Mapping):
        return
    named = _texts(context.get(TRACE))
    if named:
        yield from (one.trace for one in inputs if one.trace in named)
        return
    ids = {text.lower() for text in _texts(context.get("ids")) | _texts(context.get("id"))}
    yield from (one.trace for one in inputs if one.id.lower() in ids)


def _texts(value: Any) -> set[str]:
    values = value if isinstance(value, list) else [value]
    return {str(one) for one in values if isinstance(one, str | int)}
