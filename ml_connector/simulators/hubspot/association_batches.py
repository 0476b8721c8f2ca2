"""Batches of associations: every input has its own outcome (HubSpot reference, section 7)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ml_connector.simulators.hubspot.associations import default_results, labelled_result, page, tables
from ml_connector.simulators.hubspot.batches import reply
from ml_connector.simulators.hubspot.errors import Problem, invalid
from ml_connector.simulators.hubspot.links import (
    check_parent,
    connect,
    connect_by_default,
    disconnect,
    record_id,
    specs_of,
    take_labels,
)
from ml_connector.simulators.hubspot.portal import Portal
from ml_connector.simulators.hubspot.protocol import Call, Reply, inputs_of, number_of, text_of

MOST_WRITTEN, MOST_READ = 2000, 1000

One = Callable[[dict[str, Any]], Iterator[dict[str, Any]]]


def associate_default(portal: Portal, call: Call) -> Reply:
    """POST batch/associate/default: 200 even with errors inside."""
    here, there = tables(portal, call, "write")

    def one(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
        first, second = record_id(here, item.get("from")), record_id(there, item.get("to"))
        connect_by_default(portal, here.type.name, first, there.type.name, second)
        yield from default_results(portal, here, first, there, second)

    return _each(portal, inputs_of(call.json(), MOST_WRITTEN), one, 200, partial=200)


def create(portal: Portal, call: Call) -> Reply:
    """POST batch/create: `types` take the place of a pair's labels."""
    here, there = tables(portal, call, "write")

    def one(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
        specs = specs_of(portal, here, there, item.get("types"))
        first, second = record_id(here, item.get("from")), record_id(there, item.get("to"))
        check_parent(portal, here.type.name, first, there.type.name, second)
        connect(portal, here.type.name, first, there.type.name, second, specs)
        yield labelled_result(portal, here, first, there, second)

    return _each(portal, inputs_of(call.json(), MOST_WRITTEN), one, 201)


def read(portal: Portal, call: Call) -> Reply:
    """POST batch/read: a page of associated objects for every id."""
    here, there = tables(portal, call, "read")

    def one(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
        first = record_id(here, item)
        results, cursor = page(portal, here, first, there, str(item.get("after") or "0"))
        if results:
            paging = {"paging": {"next": {"after": cursor}}} if cursor else {}
            yield {"from": {"id": str(first)}, "to": results, **paging}
        elif portal.settings.no_associations == "error":
            message = f"No {there.type.name} is associated with {here.type.name} {first}."
            context = {"fromObjectId": [str(first)]}
            sub_category = "crm.associations.NO_ASSOCIATIONS_FOUND"
            raise Problem(404, "OBJECT_NOT_FOUND", message, context=context, sub_category=sub_category)

    return _each(portal, inputs_of(call.json(), MOST_READ), one, 200)


def archive(portal: Portal, call: Call) -> Reply:
    """POST batch/archive: `to` is an array here; 204 in v4, 200 in the dated versions (section 1)."""
    here, there = tables(portal, call, "write")
    for item in inputs_of(call.json(), MOST_WRITTEN):
        ends = item.get("to") if isinstance(item, dict) else None
        if type(ends) is not list:
            raise invalid("Some required fields were not set: [to]")
        first = _number(item.get("from"))
        for end in ends:
            disconnect(portal, here.type.name, first, there.type.name, _number(end))
    return _done(call)


def archive_labels(portal: Portal, call: Call) -> Reply:
    """POST batch/labels/archive: takes labels off; 204 in v4, 200 in the dated versions (section 1)."""
    here, there = tables(portal, call, "write")
    for item in inputs_of(call.json(), MOST_WRITTEN):
        if not isinstance(item, dict):
            raise invalid("An input must be an object.")
        specs = specs_of(portal, here, there, item.get("types"))
        first, second = _number(item.get("from")), _number(item.get("to"))
        take_labels(portal, here.type.name, first, there.type.name, second, specs)
    return _done(call)


def _each(portal: Portal, inputs: list[Any], one: One, status: int, *, partial: int = 207) -> Reply:
    results: list[dict[str, Any]] = []
    errors = []
    for item in inputs:
        try:
            if not isinstance(item, dict):
                raise invalid("An input must be an object.")
            results += one(item)
        except Problem as problem:
            portal.refuse(problem)
            errors.append(problem.item(complete=portal.settings.batch_error_shape == "specified"))
    return reply(portal, results, errors, status, partial=partial)


def _number(item: object) -> int:
    return number_of(text_of(item, "id"), invalid("An id is a number."))


def _done(call: Call) -> Reply:
    return Reply(200 if call.dated else 204)
