"""What the writers have in common: calls that are answered at once, a hundred changes each, some at the same time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Generic, TypeVar

from ml_connector.engine.answered import AnsweredAtOnce
from ml_connector.engine.ports import Delivery
from ml_connector.engine.records import Change, Result
from ml_connector.http import concurrently
from ml_connector.systems.hubspot.batches import batched
from ml_connector.systems.hubspot.check import account
from ml_connector.systems.hubspot.client import BATCH, HubSpotClient
from ml_connector.systems.hubspot.drafts import Halted

Ready = TypeVar("Ready")


class InGroups(AnsweredAtOnce[HubSpotClient], ABC, Generic[Ready]):
    """A `Writer` whose changes are written in groups; no two groups hold the same record: the engine sees to that."""

    _found: Ready | None = None

    def deliver(self, changes: Iterable[Change], delivery: Delivery) -> Iterator[Result]:
        """Results of a group come together, when all of it is known. Raises Stopped."""
        source = iter(changes)
        first = list(islice(source, 1))
        if not first:
            return
        ready = self._once_ready()

        def work(group: Sequence[Change]) -> list[Result]:
            return self._write(group, ready)

        groups = batched(chain(first, source), BATCH, kind=self._way)
        try:
            for results in concurrently(work, groups, self._connections(ready)):
                yield from results
        except Halted as halted:
            yield from halted.results
            raise halted.problem from None

    def _once_ready(self) -> Ready:
        """Before anything is sent: the right account, and everything as it has to be. Raises Stopped."""
        if self._found is None:
            if self._client.settings.portal is not None:
                account(self._client)
            self._found = self._prepare()
        return self._found

    @abstractmethod
    def _prepare(self) -> Ready:
        """What the groups need to know of the account. Raises Stopped where something is not as it has to be."""

    @abstractmethod
    def _write(self, group: Sequence[Change], ready: Ready) -> list[Result]:
        """One result per change. Raises Halted."""

    def _way(self, change: Change) -> Hashable:
        """Changes of one way are written by the same calls."""
        return None

    def _connections(self, ready: Ready) -> int:
        """How many groups are written at the same time."""
        return self._client.settings.connections
