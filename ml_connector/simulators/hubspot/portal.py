"""The simulated portal: its objects, their records and associations, and what the token may do."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

from ml_connector.simulators.hubspot.association_types import AssociationTypes
from ml_connector.simulators.hubspot.definitions import built_in
from ml_connector.simulators.hubspot.errors import Problem, missing_scopes, unknown_type
from ml_connector.simulators.hubspot.graph import Graph
from ml_connector.simulators.hubspot.limits import Limits
from ml_connector.simulators.hubspot.object_types import PAYMENTS, PROPERTIES, STANDARD, ObjectType
from ml_connector.simulators.hubspot.record_view import control_view
from ml_connector.simulators.hubspot.schema_store import Schema
from ml_connector.simulators.hubspot.settings import HubspotSettings
from ml_connector.simulators.hubspot.table import Group, Table

RULES_SINCE = "2026-09"
FIRST_ID = 15_000_000_000
"""Ids are too long for 32 bits."""


class Portal:
    """The simulator's whole state (the `Simulator` of `simulators/control.py`).

    Attributes:
        tables: by the plural of a standard object, or the id of a custom one.
        aliases: the table of every name that a path may use, in lower case (HubSpot reference, section 3).
        writes: what was written, such as `companies created`.
        refusals: refused calls and inputs by status and category.
        calls: calls by class, such as `batch_upsert`; the ones refused for their number are not in it.
    """

    def __init__(self, settings: HubspotSettings) -> None:
        self.settings = settings
        self.reset()

    def reset(self) -> None:
        """No records, HubSpot's own properties, an unused quota."""
        self.limits = Limits(self.settings)
        self.random = random.Random(self.settings.portal_id)
        self.tables: dict[str, Table] = {}
        self.aliases: dict[str, str] = {}
        self.schemas: dict[str, Schema] = {}
        self.schema_numbers = self.random.randrange(20_000_000, 40_000_000)
        self.graph = Graph(AssociationTypes(self.random))
        self.writes: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.created_at = self.now()
        for kind in STANDARD:
            group = f"{kind.aliases[0]}information".replace("_", "")
            table = self.add_table(kind, group)
            table.definitions.update(built_in(PROPERTIES[kind.name], group, self.created_at))
            table.unique = {name: {} for name, told in PROPERTIES[kind.name].items() if told.endswith("^")}

    def add_table(self, kind: ObjectType, group: str) -> Table:
        """A table without properties and records, with its names."""
        table = Table(
            type=kind,
            definitions={},
            groups={group: Group(group, group.capitalize(), 0)},
            next_id=FIRST_ID + len(self.aliases) * 1_000_003,
            lag=lambda: self.settings.search_lag_seconds,
        )
        self.tables[kind.name] = table
        for alias in (kind.name, kind.type_id, *kind.aliases):
            self.aliases[alias.lower()] = kind.name
        return table

    def remove_table(self, name: str) -> None:
        """Forget a custom object with its records."""
        del self.tables[name]
        self.aliases = {alias: table for alias, table in self.aliases.items() if table != name}
        for pair in [pair for pair in self.graph.links if name in pair]:
            del self.graph.links[pair]
        self.graph.types.forget(name)

    def now(self) -> float:
        """The server's clock, in seconds since the epoch."""
        return self.settings.now().timestamp()

    def table(self, name: str) -> Table:
        """The table that a path names; 400 for a name that does not (section 3)."""
        try:
            return self.tables[self.aliases[name.lower()]]
        except KeyError as error:
            raise unknown_type(name) from error

    def require(self, any_of: Sequence[str]) -> None:
        """403 unless one of the scopes was granted (section 2)."""
        if not any(scope in self.settings.scopes for scope in any_of):
            raise missing_scopes(any_of)

    def objects(self, name: str, right: str) -> Table:
        """The table whose records a call reads or writes, with the scope for it.

        A portal without payments refuses their records; how is not documented (section 10).
        """
        table = self.table(name)
        scope = f"crm.objects.{table.type.scope}.{right}"
        self.require([scope, "e-commerce"] if table.type.scope == "line_items" else [scope])
        if table.type.name == PAYMENTS and not self.settings.payments:
            raise Problem(
                403, "FORBIDDEN", "This account has not set up HubSpot payments or Stripe payment processing."
            )
        return table

    def properties(self, name: str, right: str) -> Table:
        """The table whose definitions a call reads or writes, with the scope for it.

        A right to write is none to read. Line items have no schema scope of their own (section 2).
        """
        table = self.table(name)
        scope = table.type.scope
        if scope == "line_items":
            self.require(["e-commerce"])
        elif scope == "commercepayments":
            self.require([f"crm.objects.commercepayments.{right}"])
        else:
            self.require([f"crm.schemas.{scope}.{right}"])
        return table

    def rules(self, table: Table, version: str) -> list[str]:
        """Properties that an admin made required, for calls of a version that enforces it (section 1)."""
        if version < RULES_SINCE:
            return []
        rules = (rule.partition(".") for rule in self.settings.validation_rules)
        return [name for kind, _, name in rules if kind == table.type.name]

    def refuse(self, problem: Problem) -> None:
        """Count a refusal."""
        self.refusals[f"{problem.status} {problem.category}"] += 1

    def state(self, offset: int, count: int) -> dict[str, Any]:
        """The summary, a page of the records of every type, own properties and schemas."""
        return {
            **self.summary(),
            "properties": {
                name: [own.name for own in table.definitions.values() if not own.by_hubspot]
                for name, table in self.tables.items()
            },
            "objects": {
                name: [control_view(self, table, table.records[one]) for one in table.ids[offset : offset + count]]
                for name, table in self.tables.items()
            },
        }

    def summary(self) -> dict[str, Any]:
        """Counts only."""
        return {
            "records": {name: table.live for name, table in self.tables.items()},
            "archived": {name: len(table.records) - table.live for name, table in self.tables.items()},
            "associations": self.graph.count(),
            "writes": dict(self.writes),
            "refusals": dict(self.refusals),
            "calls": dict(self.calls),
            "daily_used": self.limits.daily_used,
            "schemas": [schema.qualified_name for schema in self.schemas.values() if not schema.archived_at],
        }
