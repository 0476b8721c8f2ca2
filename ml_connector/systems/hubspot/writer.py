"""Delivers companies, suppliers and contacts: a hundred changes a call, some calls at once."""

from __future__ import annotations

from collections.abc import Sequence

from ml_connector.engine.records import Change, Result
from ml_connector.systems.hubspot.client import HubSpotClient
from ml_connector.systems.hubspot.drafts import Kind
from ml_connector.systems.hubspot.group import Group
from ml_connector.systems.hubspot.in_groups import InGroups
from ml_connector.systems.hubspot.mapping import TWIN
from ml_connector.systems.hubspot.matching import Matcher
from ml_connector.systems.hubspot.merging import OVERWRITE
from ml_connector.systems.hubspot.properties import require, written
from ml_connector.systems.hubspot.settings import CompaniesSettings


class ObjectsWriter(InGroups[Kind]):
    """The `Writer` of a flow that writes objects: companies, suppliers, contacts."""

    def __init__(self, client: HubSpotClient, flow: str) -> None:
        super().__init__(client)
        self._flow = flow

    def _prepare(self) -> Kind:
        """Every property as it has to be."""
        write = written(self._client.settings)[self._flow]
        block = write.block
        matched = block.match if isinstance(block, CompaniesSettings) else {}
        there = require(self._client, self._flow, matched)
        unique = {name: there[name].unique for name in matched}
        matcher = Matcher(self._client, write.kind, block.key, unique) if matched else None
        rules = {name: rule for name, rule in block.merge.items() if rule != OVERWRITE}
        return Kind(write.kind, block.key, rules, matcher)

    def _write(self, group: Sequence[Change], ready: Kind) -> list[Result]:
        return Group.of(self._client, ready, group).run()

    def _way(self, change: Change) -> tuple[bool, bool]:
        """Apart stay who must not be created, and who joins another's company."""
        return change.create, TWIN in change.body
