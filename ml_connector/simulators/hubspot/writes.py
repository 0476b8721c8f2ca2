"""Writing records: first everything is checked, then it is done (HubSpot reference, sections 4, 5, 8 and 11).

A batch without trace ids is written as a whole or not at all, so a check must not change anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ml_connector.simulators.hubspot.errors import Problem, contact_exists, invalid, invalid_values
from ml_connector.simulators.hubspot.invoices import delete_refusal, settle
from ml_connector.simulators.hubspot.links import check_parent, connect, connect_by_default, spec_of
from ml_connector.simulators.hubspot.object_types import COMPANIES, CONTACTS, INVOICES, LINE_ITEMS, PAYMENTS
from ml_connector.simulators.hubspot.portal import Portal
from ml_connector.simulators.hubspot.protocol import number_of, text_of
from ml_connector.simulators.hubspot.rules import Link, check
from ml_connector.simulators.hubspot.table import Record, Table
from ml_connector.simulators.hubspot.values import ValueProblem, kept

Claims = dict[tuple[str, str], object]
"""By property and value, who in this batch will have it: a record's id, or the plan of a new one."""
_FREE_MAIL = ("gmail.com", "outlook.com", "hotmail.com", "online.no", "icloud.com")


@dataclass(slots=True)
class Plan:
    """A write that passed its checks.

    Attributes:
        record: what is updated; None for a create.
        sent: the properties that the caller named.
    """

    table: Table
    record: Record | None
    changes: dict[str, str]
    sent: list[str]
    links: list[Link] = field(default_factory=list)
    trace_id: str | None = None


def plan_create(
    portal: Portal, table: Table, item: Mapping[str, Any], claims: Claims, rules: Sequence[str] = ()
) -> Plan:
    """A new record from `properties` and `associations`; `rules` are the portal's own required properties."""
    properties = _properties(item)
    links = _links(portal, table, item.get("associations"))
    return _plan(portal, table, None, properties, claims, links, rules)


def plan_update(
    portal: Portal,
    table: Table,
    record: Record,
    properties: Mapping[str, Any],
    claims: Claims,
    rules: Sequence[str] = (),
    *,
    whole: bool = False,
) -> Plan:
    """New values for a record; `whole` clears what is left out."""
    if whole:
        left_out = record.values.keys() - properties.keys()
        definitions = (table.definition(name) for name in left_out)
        cleared = {one.name: "" for one in definitions if one is not None and not one.read_only}
        plan = _plan(portal, table, record, {**cleared, **properties}, claims, [], rules)
        plan.sent = list(properties)
        return plan
    return _plan(portal, table, record, properties, claims, [], rules)


def commit(portal: Portal, plan: Plan) -> Record:
    """Do what was planned."""
    table, name, now = plan.table, plan.table.type.name, portal.now()
    record = plan.record
    if record is None:
        record = table.add({key: value for key, value in plan.changes.items() if value}, now)
        portal.writes[f"{name} created"] += 1
    elif any(record.values.get(key, "") != value for key, value in plan.changes.items()):
        table.change(record, plan.changes, now)
        portal.writes[f"{name} updated"] += 1
    else:
        portal.writes[f"{name} unchanged"] += 1
    for link in plan.links:
        connect(portal, name, record.id, link.there, link.other, link.specs)
    if name == PAYMENTS:
        for invoice in portal.graph.of(PAYMENTS, record.id, INVOICES):
            settle(portal, invoice)
    if name == CONTACTS and plan.record is None and portal.settings.companies_from_contacts:
        _company_of_domain(portal, record)
    return record


def check_archive(portal: Portal, table: Table, record: Record) -> None:
    """Not every invoice can go (section 10). Raises Problem."""
    if table.type.name == INVOICES and (reason := delete_refusal(portal, record)):
        raise invalid(reason)


def archive(portal: Portal, table: Table, record: Record) -> None:
    """Into the recycling bin, with the line items of a parent (section 10); `check_archive` was asked."""
    now = portal.now()
    lines = list(portal.graph.of(table.type.name, record.id, LINE_ITEMS))
    for line in lines:
        portal.graph.forget(LINE_ITEMS, line)
        portal.tables[LINE_ITEMS].archive(portal.tables[LINE_ITEMS].records[line], now)
    portal.graph.forget(table.type.name, record.id)
    table.archive(record, now)
    portal.writes[f"{table.type.name} archived"] += 1


def merge(portal: Portal, table: Table, primary: Record, merged: Record) -> None:
    """The primary record takes over what it lacks, all associations, and a contact's address as a further one."""
    now, name = portal.now(), table.type.name
    for there, other in list(portal.graph.neighbours(name, merged.id)):
        specs = portal.graph.of(name, merged.id, there).get(other, frozenset())
        if (there, other) != (name, primary.id):
            portal.graph.remove(name, merged.id, there, other)
            portal.graph.put(name, primary.id, there, other, specs)
    portal.graph.forget(name, merged.id)
    table.archive(merged, now)
    merged.merged_into = primary.id
    if name == CONTACTS:
        emails = (merged.values.get("email"), *merged.emails)
        primary.emails += tuple(email for email in emails if email and email != primary.values.get("email"))
    taken = {key: value for key, value in merged.values.items() if value and not primary.values.get(key)}
    table.change(primary, taken, now)
    portal.writes[f"{name} merged"] += 1


def _plan(
    portal: Portal,
    table: Table,
    record: Record | None,
    properties: Mapping[str, Any],
    claims: Claims,
    links: list[Link],
    rules: Sequence[str],
) -> Plan:
    changes = _checked_values(portal, table, properties)
    after = changes if record is None else {**record.values, **changes}
    if missing := [name for name in rules if not after.get(name)]:
        code = "MISSING_REQUIRED_PROPERTY"
        raise invalid_values(portal.settings.portal_id, [(name, code, f"{name} is required") for name in missing])
    check(portal, table, record, changes, links)
    plan = Plan(table, record, changes, list(properties), links)
    owner: object = plan if record is None else record.id
    wanted = [(name, changes[name]) for name in table.unique if changes.get(name)]
    for name, value in wanted:
        _check_unique(portal, table, record, name, value, claims.get((name, value), owner) is not owner)
    claims.update(dict.fromkeys(wanted, owner))
    return plan


def _checked_values(portal: Portal, table: Table, properties: Mapping[str, Any]) -> dict[str, str]:
    """The values as they are kept; one wrong value fails the whole record (section 8)."""
    changes: dict[str, str] = {}
    found: list[tuple[str, str, str]] = []
    for name, value in properties.items():
        definition = table.definitions.get(name)
        if definition is None or definition.archived_at:
            found.append((name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist'))
        elif definition.read_only:
            message = f'"{name}" is a read only property; its value cannot be set.'
            found.append((name, "READ_ONLY_VALUE", message))
        else:
            try:
                changes[name] = kept(definition, value)
            except ValueProblem as problem:
                found.append((name, problem.code, str(problem)))
    if found:
        raise invalid_values(portal.settings.portal_id, found)
    return changes


def _check_unique(portal: Portal, table: Table, record: Record | None, name: str, value: str, claimed: bool) -> None:
    holder = table.unique[name].get(value)
    if holder is not None and (record is None or holder != record.id):
        if name == "email":
            raise contact_exists(holder)
    elif not claimed:
        return
    if name == "email":
        raise Problem(409, "CONFLICT", "Contact already exists.")  # in this very batch: it has no id yet
    message = f"{value} is already the value of {name} on another record"
    raise invalid_values(portal.settings.portal_id, [(name, "CONFLICTING_UNIQUE_VALUE", message)])


def _properties(item: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = item.get("properties", {})
    if not isinstance(properties, dict):
        raise invalid("properties must be an object.")
    return properties


def _links(portal: Portal, table: Table, associations: object) -> list[Link]:
    """Inline associations: they only point at records that already exist (section 4)."""
    if associations is None:
        return []
    if type(associations) is not list:
        raise invalid("associations must be an array.")
    links: list[Link] = []
    for item in associations:
        target = item.get("to") if isinstance(item, dict) else None
        text = text_of(target, "id")
        missing = invalid(f"Associated object {text} does not exist.", context={"ids": [text]})
        other = number_of(text, missing)
        types = item.get("types")
        if type(types) is not list or not types:
            raise invalid("Some required fields were not set: [types]")
        specs = frozenset(spec_of(one) for one in types)
        pairs = [
            pair
            for pair, kinds in portal.graph.types.pairs.items()
            if pair[0] == table.type.name and specs <= kinds.keys()
        ]
        if not pairs:
            raise invalid(f"No association type {sorted(specs)[0][1]} exists from {table.type.name}.")
        there = next((there for _, there in pairs if portal.tables[there].find(other)), None)
        if there is None:
            raise missing
        check_parent(portal, table.type.name, 0, there, other)
        links.append(Link(there, other, specs))
    if table.type.name == LINE_ITEMS and portal.settings.second_parent == "refuse" and len(links) > 1:
        raise invalid("A line item belongs to one object only.")
    return links


def _company_of_domain(portal: Portal, contact: Record) -> None:
    """The account setting makes or links a company by the address (section 11)."""
    domain = contact.values.get("email", "").rpartition("@")[2]
    if not domain or domain in _FREE_MAIL:
        return
    companies = portal.tables[COMPANIES]
    found = next((one for one in companies.after(0, archived=False) if one.values.get("domain") == domain), None)
    if found is None:
        values = {"domain": domain, "name": domain, "hs_object_source_label": "CRM_SETTING"}
        found = companies.add(values, portal.now())
        portal.writes["companies created by the account"] += 1
    connect_by_default(portal, CONTACTS, contact.id, COMPANIES, found.id)
