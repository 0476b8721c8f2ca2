"""Making and parting associations, with the rules that hang on them (HubSpot reference, sections 7 and 10)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ml_connector.simulators.hubspot.association_types import CATEGORIES, HUBSPOT, PRIMARY, Spec
from ml_connector.simulators.hubspot.errors import Problem, invalid
from ml_connector.simulators.hubspot.invoices import settle
from ml_connector.simulators.hubspot.object_types import COMPANIES, CONTACTS, DEALS, INVOICES, LINE_ITEMS, PAYMENTS
from ml_connector.simulators.hubspot.portal import Portal
from ml_connector.simulators.hubspot.protocol import number_of, text_of
from ml_connector.simulators.hubspot.table import Table

PARENTS = (INVOICES, DEALS)
NO_SPECS: frozenset[Spec] = frozenset()


def specs_of(portal: Portal, here: Table, there: Table, types: object) -> frozenset[Spec]:
    """The types of a labelled write; 400 for one that this direction has not."""
    if type(types) is not list or not types:
        raise invalid("Some required fields were not set: [types]")
    known = portal.graph.types.of(here.type.name, there.type.name)
    specs = frozenset(spec_of(item) for item in types)
    if wrong := sorted(specs - known.keys()):
        raise invalid(
            f"{wrong[0][0]} association type {wrong[0][1]} doesn't exist from {here.type.name} to {there.type.name}"
        )
    return specs


def spec_of(item: object) -> Spec:
    """One `{associationCategory, associationTypeId}`."""
    category = item.get("associationCategory") if isinstance(item, dict) else None
    type_id = item.get("associationTypeId") if isinstance(item, dict) else None
    if category not in CATEGORIES or isinstance(type_id, bool) or not isinstance(type_id, int):
        raise invalid("An association type has an associationCategory and an associationTypeId.")
    return category, type_id


def record_id(table: Table, item: object) -> int:
    """The id of `{"id": ...}` when such a record is there; else a 404."""
    text = text_of(item, "id")
    missing = Problem(
        404,
        "OBJECT_NOT_FOUND",
        f"{table.type.title} with ID {text} not found.",
        context={"ids": [text], "objectType": [table.type.name]},
    )
    number = number_of(text, missing)
    if table.find(number) is None:
        raise missing
    return number


def check_parent(portal: Portal, here: str, one: int, there: str, other: int) -> None:
    """A line item belongs to one parent only (section 10); how a second one is refused is not documented."""
    line, parent = ((here, one), (there, other)) if here == LINE_ITEMS else ((there, other), (here, one))
    if line[0] != LINE_ITEMS or parent[0] not in PARENTS or portal.settings.second_parent == "move":
        return
    if any(found != parent for found in _parents(portal, line[1])):
        raise invalid(f"Line item {line[1]} is already associated with another object.")


def connect(portal: Portal, here: str, one: int, there: str, other: int, specs: frozenset[Spec] = NO_SPECS) -> None:
    """Set the types of a pair, whatever it was before; both records are there, and `check_parent` was asked."""
    line, parent = (one, (there, other)) if here == LINE_ITEMS else (other, (here, one))
    if LINE_ITEMS in (here, there) and parent[0] in PARENTS:
        for found in list(_parents(portal, line)):
            if found != parent:
                portal.graph.remove(LINE_ITEMS, line, *found)
    portal.graph.put(here, one, there, other, _with_primary(portal, here, one, there, other, specs))
    if {here, there} == {INVOICES, PAYMENTS}:
        settle(portal, one if here == INVOICES else other)
    portal.writes[f"{here}/{there} associated"] += 1


def connect_by_default(portal: Portal, here: str, one: int, there: str, other: int) -> None:
    """The unlabelled association; labels that are there stay."""
    kept = portal.graph.of(here, one, there).get(other, NO_SPECS)
    check_parent(portal, here, one, there, other)
    connect(portal, here, one, there, other, kept)


def disconnect(portal: Portal, here: str, one: int, there: str, other: int) -> None:
    """Take a pair apart; one that is not there is none."""
    portal.graph.remove(here, one, there, other)
    portal.writes[f"{here}/{there} parted"] += 1


def take_labels(portal: Portal, here: str, one: int, there: str, other: int, specs: Iterable[Spec]) -> None:
    """Take labels off a pair; without the unlabelled type, nothing is left (section 7)."""
    held = portal.graph.of(here, one, there).get(other)
    if held is None:
        return
    rest = held - set(specs)
    if portal.graph.types.default(here, there).spec in rest:
        portal.graph.put(here, one, there, other, rest)
    else:
        portal.graph.remove(here, one, there, other)


def shown_id(portal: Portal, number: int) -> int | str:
    """An object id as association answers carry it: a number where the specification says text (section 7)."""
    return number if portal.settings.object_id_type == "number" else str(number)


def shown_specs(portal: Portal, here: str, there: str, specs: Iterable[Spec]) -> list[dict[str, Any]]:
    kinds = portal.graph.types.of(here, there)
    return [kinds[spec].view() for spec in sorted(specs) if spec in kinds]


def _parents(portal: Portal, line: int) -> Iterable[tuple[str, int]]:
    return ((there, other) for there in PARENTS for other in portal.graph.of(LINE_ITEMS, line, there))


def _with_primary(
    portal: Portal, here: str, one: int, there: str, other: int, specs: frozenset[Spec]
) -> frozenset[Spec]:
    """The first company of a contact becomes its primary one; expected, not documented (section 7)."""
    if {here, there} != {CONTACTS, COMPANIES} or not portal.settings.first_company_primary:
        return specs
    contact = one if here == CONTACTS else other
    has_primary = any((HUBSPOT, 1) in held for held in portal.graph.of(CONTACTS, contact, COMPANIES).values())
    if has_primary:
        return specs
    kinds = portal.graph.types.of(here, there).values()
    return specs | {kind.spec for kind in kinds if kind.label == PRIMARY}
