"""What hangs on invoices and belongs to one alone: line items, and payments (HubSpot reference, sections 5, 7 and 10).

With a unique key of ours they are upserted and then linked: whatever a process did before it died, the same again
makes nothing twice. Where the account takes no such key, they are compared by their content with what the invoice has,
and what lacks is created as part of the invoice by the same call. What the invoice has and should not have is archived;
with a key, only what has one of ours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from ml_connector.http import CallProblem
from ml_connector.systems.hubspot.batches import Input, New, Reply, Write, grouped, read, refused
from ml_connector.systems.hubspot.client import BATCH, HubSpotClient
from ml_connector.systems.hubspot.pairs import associate, associated
from ml_connector.systems.hubspot.properties import INVOICES


@dataclass(frozen=True, slots=True)
class Parent:
    """An invoice at HubSpot.

    Attributes:
        id: HubSpot's id.
        key: our key of it, which begins those of its children.
        new: it was just made, so nothing hangs on it.
        wanted: key -> properties of each child, texts.
    """

    id: str
    key: str
    new: bool
    wanted: Mapping[str, Mapping[str, str]]


@dataclass(slots=True)
class Children:
    """Brings the children of some invoices to what is wanted.

    Attributes:
        kind: of the children: `line_items`.
        key: their unique property that holds our key; None: they have none.
        type_id: of the association from a child to its invoice.
        wrong: invoice's id -> why its children are not as they should be, of the first that is not.
        uncertain: ids of invoices of whose children something may still happen.
    """

    client: HubSpotClient
    kind: str
    key: str | None
    type_id: int
    wrong: dict[str, Reply] = field(default_factory=dict)
    uncertain: set[str] = field(default_factory=set)

    def bring(self, parents: Sequence[Parent]) -> None:
        """Raises Stopped; what was not brought by then is not known to be right."""
        held = self._held([one for one in parents if not one.new])
        open_ = [one for one in parents if one.id not in self.wrong]
        if self.key is None:
            self._by_content(open_, held)
        else:
            self._by_key(self.key, open_, held)

    def _held(self, parents: Sequence[Parent]) -> Mapping[str, Sequence[str]]:
        """Invoice's id -> the ids of its children."""
        if not parents:
            return {}
        try:
            return associated(self.client, INVOICES, self.kind, [one.id for one in parents])
        except CallProblem as problem:
            self._note((one.id for one in parents), refused(problem))
            return {}

    def _by_key(self, key: str, parents: Sequence[Parent], held: Mapping[str, Sequence[str]]) -> None:
        owners: dict[str, str] = {}  # trace -> invoice's id
        inputs: list[Input] = []
        for parent in parents:
            for name, properties in parent.wanted.items():
                trace, own = str(len(inputs)), f"{parent.key}:{name}"
                owners[trace] = parent.id
                inputs.append(Input(trace, own, {**properties, key: own}, key))
        replies = Write(self.client, self.client.routes.batch(self.kind, "upsert")).send(inputs)
        made: dict[str, list[str]] = {parent.id: [] for parent in parents}
        for trace, reply in replies.items():
            self._note([owners[trace]], reply)
            if reply.id is not None:
                made[owners[trace]].append(reply.id)
        pairs = [(one, child) for one, ids in made.items() for child in ids if child not in held.get(one, ())]
        for (one, _), reply in associate(self.client, INVOICES, self.kind, pairs).items():
            self._note([one], reply)
        self._drop(
            {
                child: parent
                for parent in parents
                if parent.id not in self.wrong
                for child in held.get(parent.id, ())
                if child not in made[parent.id]
            },
            key,
        )

    def _by_content(self, parents: Sequence[Parent], held: Mapping[str, Sequence[str]]) -> None:
        names = sorted({name for parent in parents for one in parent.wanted.values() for name in one})
        present = self._read([child for one in parents for child in held.get(one.id, ())], names, parents)
        surplus: dict[str, Parent] = {}
        inputs: list[Input] = []
        owners: dict[str, str] = {}
        for parent in parents:
            if parent.id in self.wrong:
                continue
            lacking = Counter(_content(one, names) for one in parent.wanted.values())
            for child in held.get(parent.id, ()):
                content = _content(present.get(child, {}).get("properties", {}), names)
                if lacking[content] > 0:
                    lacking[content] -= 1
                elif child in present:
                    surplus[child] = parent
            for properties in parent.wanted.values():
                content = _content(properties, names)
                if lacking[content] > 0:
                    lacking[content] -= 1
                    trace = str(len(inputs))
                    owners[trace] = parent.id
                    told = {name: value for name, value in properties.items() if value}
                    inputs.append(New(trace, "", told, parent=parent.id, type_id=self.type_id))
        write = Write(self.client, self.client.routes.batch(self.kind, "create"), adds=True)
        for trace, reply in write.send(inputs).items():
            self._note([owners[trace]], reply)
        self._drop({child: parent for child, parent in surplus.items() if parent.id not in self.wrong}, None)

    def _read(
        self, children: Sequence[str], names: Sequence[str], parents: Sequence[Parent]
    ) -> Mapping[str, Mapping[str, Any]]:
        if not children:
            return {}
        try:
            return read(self.client, self.kind, children, names)
        except CallProblem as problem:
            self._note((one.id for one in parents if not one.new), refused(problem))
            return {}

    def _drop(self, surplus: Mapping[str, Parent], key: str | None) -> None:
        """Archive what should not be there; with a key, only what has one of ours."""
        ids = list(surplus)
        try:
            if ids and key is not None:
                found = read(self.client, self.kind, ids, [key])
                held = {child: str(record["properties"].get(key) or "") for child, record in found.items()}
                ids = [child for child in ids if held.get(child, "").startswith(f"{surplus[child].key}:")]
            for group in grouped(ids, BATCH):
                self.client.archive(
                    self.client.routes.batch(self.kind, "archive"), {"inputs": [{"id": one} for one in group]}
                )
        except CallProblem as problem:
            self._note((parent.id for parent in surplus.values()), refused(problem))

    def _note(self, invoices: Sequence[str] | Iterator[str], reply: Reply) -> None:
        for one in invoices:
            if reply.decision is not None:
                self.wrong.setdefault(one, reply)
            if reply.uncertain:
                self.uncertain.add(one)


def _content(properties: Mapping[str, Any], names: Sequence[str]) -> tuple[Any, ...]:
    """A child as it is compared: numbers by their value, nothing as an empty text."""
    return tuple(_value(properties.get(name)) for name in names)


def _value(value: Any) -> Any:
    text = "" if value is None else str(value)
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    return number if number.is_finite() else text
