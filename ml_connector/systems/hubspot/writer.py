"""Delivers companies, suppliers and contacts: a hundred changes a call, some calls at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain, islice

from ml_connector.engine.ports import Delivery
from ml_connector.engine.records import Change, Result
from ml_connector.http import concurrently
from ml_connector.systems.hubspot.batches import batched
from ml_connector.systems.hubspot.check import account
from ml_connector.systems.hubspot.client import BATCH, HubSpotClient
from ml_connector.systems.hubspot.group import Group, Halted, Kind
from ml_connector.systems.hubspot.mapping import TWIN
from ml_connector.systems.hubspot.matching import Matcher
from ml_connector.systems.hubspot.merging import OVERWRITE
from ml_connector.systems.hubspot.properties import require, written
from ml_connector.systems.hubspot.settings import CompaniesSettings


class ObjectsWriter:
    """The `Writer` of a flow that writes objects: companies, suppliers, contacts."""

    def __init__(self, client: HubSpotClient, flow: str) -> None:
        self._client = client
        self._flow = flow
        self._kind: Kind | None = None

    @property
    def calls(self) -> int:
        return self._client.calls

    def deliver(self, changes: Iterable[Change], delivery: Delivery) -> Iterator[Result]:
        """Results of a group come together, when all of it is known."""
        source = iter(changes)
        first = list(islice(source, 1))
        if not first:
            return
        kind = self._ready()

        def work(group: Sequence[Change]) -> list[Result]:
            return Group.of(self._client, kind, group).run()

        groups = batched(chain(first, source), BATCH, kind=_way)
        try:
            for results in concurrently(work, groups, self._client.settings.connections):
                yield from results
        except Halted as halted:
            yield from halted.results
            raise halted.problem from None

    def resume(self, reference: str, keys: Sequence[str]) -> Iterator[Result]:
        """Nothing is ever handed over under a reference."""
        return iter(())

    def settled(self, since: datetime) -> bool:
        return True

    def _ready(self) -> Kind:
        """Before anything is sent: the right account, and every property as it has to be. Raises Stopped."""
        if self._kind is None:
            settings = self._client.settings
            if settings.portal is not None:
                account(self._client)
            write = written(settings)[self._flow]
            block = write.block
            matched = block.match if isinstance(block, CompaniesSettings) else {}
            there = require(self._client, self._flow, matched)
            unique = {name: there[name].unique for name in matched}
            matcher = Matcher(self._client, write.kind, block.key, unique) if matched else None
            rules = {name: rule for name, rule in block.merge.items() if rule != OVERWRITE}
            self._kind = Kind(write.kind, block.key, rules, matcher)
        return self._kind


def _way(change: Change) -> tuple[bool, bool]:
    """Changes of one way are written by the same calls: who must not be created, and who joins another's company."""
    return change.create, TWIN in change.body
