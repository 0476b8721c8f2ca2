"""What a write must keep to, by type of object (HubSpot reference, sections 4, 10 and 11).

A rule gets the changes before they are written and may drop or add some: HubSpot refuses little and ignores much.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from ml_connector.simulators.hubspot.association_types import Spec
from ml_connector.simulators.hubspot.computed import number
from ml_connector.simulators.hubspot.errors import Problem, invalid, invalid_values
from ml_connector.simulators.hubspot.invoices import check_invoice
from ml_connector.simulators.hubspot.object_types import (
    COMPANIES,
    CONTACTS,
    DEALS,
    INVOICES,
    LINE_ITEMS,
    PAYMENTS,
    REQUIRED,
)
from ml_connector.simulators.hubspot.pipelines import stages_of
from ml_connector.simulators.hubspot.portal import Portal
from ml_connector.simulators.hubspot.table import Record, Table


class Link(NamedTuple):
    """An association to make with a record that is written."""

    there: str
    other: int
    specs: frozenset[Spec]


Rule = Callable[[Portal, Table, Record | None, dict[str, str], Sequence[Link]], None]


def check(portal: Portal, table: Table, record: Record | None, changes: dict[str, str], links: Sequence[Link]) -> None:
    """Everything about a write but its single values and their uniqueness. Raises Problem."""
    if record is None:
        _require(portal, table, changes)
    if rule := RULES.get(table.type.name):
        rule(portal, table, record, changes, links)


def _require(portal: Portal, table: Table, changes: Mapping[str, str]) -> None:
    groups: Sequence[Sequence[str]] = REQUIRED.get(table.type.name, ())
    if table.type.name == CONTACTS and not portal.settings.contact_needs_identity:
        groups = ()
    if table.type.name == DEALS and portal.settings.pipelines > 1:
        groups = (*groups, ("pipeline",))
    for group in (*groups, *((name,) for name in table.required)):
        if not any(changes.get(name) for name in group):
            names = ", ".join(group)
            message = f"Error creating {table.type.title}. Some required properties were not set: [{names}]"
            raise Problem(400, "VALIDATION_ERROR", message, context={"properties": list(group)})


def _lifecycle(
    portal: Portal, table: Table, record: Record | None, changes: dict[str, str], _links: Sequence[Link]
) -> None:
    """Only forward; to go back, it is cleared first (section 11)."""
    before, after = record.values.get("lifecyclestage") if record else None, changes.get("lifecyclestage")
    if not before or not after:
        return
    order = [option["value"] for option in table.definitions["lifecyclestage"].options]
    if before in order and order.index(after) < order.index(before):
        if portal.settings.backward_lifecycle == "refuse":
            message = f"{after} lies before {before}"
            raise invalid_values(portal.settings.portal_id, [("lifecyclestage", "INVALID_LIFECYCLE_STAGE", message)])
        del changes["lifecyclestage"]


def _deal(
    portal: Portal, _table: Table, record: Record | None, changes: dict[str, str], _links: Sequence[Link]
) -> None:
    """A stage is one of its pipeline's (section 11)."""
    if record is None and not changes.get("pipeline"):
        changes["pipeline"] = "default"
    pipeline = changes.get("pipeline") or (record.values.get("pipeline", "default") if record else "default")
    stages = stages_of(portal.settings, pipeline)
    if stages is None:
        message = f"{pipeline} is no pipeline"
        raise invalid_values(portal.settings.portal_id, [("pipeline", "INVALID_OPTION", message)])
    stage = changes.get("dealstage")
    if stage and stage not in stages:
        message = f"{stage} was not one of the allowed options: [{', '.join(stages)}]"
        raise invalid_values(portal.settings.portal_id, [("dealstage", "INVALID_OPTION", message)])


def _line_item(
    portal: Portal, _table: Table, _record: Record | None, changes: dict[str, str], _links: Sequence[Link]
) -> None:
    """A price is never negative (section 10)."""
    if changes.get("price") and number(changes, "price") < 0:
        message = f"{changes['price']} is too small: price must be at least 0"
        raise invalid_values(portal.settings.portal_id, [("price", "INVALID_INTEGER", message)])


def _invoice(
    portal: Portal, _table: Table, record: Record | None, changes: dict[str, str], links: Sequence[Link]
) -> None:
    def has(there: str) -> bool:
        known = record is not None and bool(portal.graph.of(INVOICES, record.id, there))
        return known or any(link.there == there for link in links)

    check_invoice(portal, record, changes, has)


def _payment(
    _portal: Portal, _table: Table, _record: Record | None, changes: dict[str, str], _links: Sequence[Link]
) -> None:
    """An amount is never negative."""
    if changes.get("hs_initial_amount") and number(changes, "hs_initial_amount") < 0:
        raise invalid("hs_initial_amount must be at least 0")


RULES: Mapping[str, Rule] = {
    CONTACTS: _lifecycle,
    COMPANIES: _lifecycle,
    DEALS: _deal,
    LINE_ITEMS: _line_item,
    INVOICES: _invoice,
    PAYMENTS: _payment,
}
