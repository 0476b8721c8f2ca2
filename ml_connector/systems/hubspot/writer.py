"""Delivers companies and contacts: a hundred changes a call, some calls at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain, islice

from ml_connector.engine.ports import Delivery
from ml_connector.engine.records import Change, Result
from ml_connector.http import concurrently
from ml_connector.systems.hubspot.batches import batched
from ml_connector.systems.hubspot.check import account
from ml_connector.systems.hubspot.client import BATCH, HubSpotClient
from ml_connector.systems.hubspot.group import Group, Halted, Kind
from ml_connector.systems.hubspot.matching import Matcher
from ml_connector.systems.hubspot.merging import OVERWRITE
from ml_connector.systems.hubspot.properties import COMPANIES, key_of, require


class ObjectsWriter:
    """A `Writer` of one kind of object: `companies` or `contacts`."""

    def __init__(self, client: HubSpotClient, kind: str) -> None:
        self._client = client
        self._name = kind
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

        groups = batched(chain(first, source), BATCH, kind=lambda change: change.create)
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
            matched = settings.flows.companies.match if self._name == COMPANIES else {}
            there = require(self._client, self._name, matched)
            key = key_of(self._name, settings)
            matcher = None
            if matched:
                unique = {name: there[name].unique for name in matched}
                matcher = Matcher(self._client, self._name, key, unique)
            self._kind = Kind(self._name, key, _rules(self._client, self._name), matcher)
        return self._kind


def _rules(client: HubSpotClient, kind: str) -> Mapping[str, str]:
    """Property -> merge behaviour, where it is not to overwrite."""
    flows = client.settings.flows
    block = flows.companies if kind == COMPANIES else flows.contacts
    return {name: rule for name, rule in block.merge.items() if rule != OVERWRITE} if block else {}
