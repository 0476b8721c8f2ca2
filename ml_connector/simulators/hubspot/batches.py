"""Batches of records: 100 inputs, each with its own outcome or all with the same (HubSpot reference, section 5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ml_connector.simulators.hubspot.errors import Problem, invalid
from ml_connector.simulators.hubspot.portal import Portal
from ml_connector.simulators.hubspot.protocol import Call, Reply, inputs_of, number_of, text_of, texts_of
from ml_connector.simulators.hubspot.record_view import view
from ml_connector.simulators.hubspot.records import key_of, survivor
from ml_connector.simulators.hubspot.table import Record, Table
from ml_connector.simulators.hubspot.times import shown
from ml_connector.simulators.hubspot.writes import (
    Claims,
    Plan,
    archive,
    check_archive,
    commit,
    plan_create,
    plan_update,
)

MOST_INPUTS = 100
_ID = "hs_object_id"

Planner = Callable[[Mapping[str, Any], Claims], Plan | None]


def create(portal: Portal, call: Call) -> Reply:
    """POST batch/create."""
    table = portal.objects(call.args["type"], "write")

    def planner(item: Mapping[str, Any], claims: Claims) -> Plan:
        return plan_create(portal, table, item, claims, portal.rules(table, call.version))

    return _write(portal, table, inputs_of(call.json(), MOST_INPUTS), planner, 201)


def update(portal: Portal, call: Call) -> Reply:
    """POST batch/update: by id, or by a unique property."""
    table = portal.objects(call.args["type"], "write")
    inputs = inputs_of(call.json(), MOST_INPUTS)
    _check_ids(table, inputs)

    def planner(item: Mapping[str, Any], claims: Claims) -> Plan | None:
        record = _named(table, item)
        if record is not None and record.merged_into:
            if portal.settings.merged_update == "vanish":
                return None
            record = survivor(table, record)
        if record is None or record.archived:
            raise _missing(table, [text_of(item, "id")])
        return plan_update(portal, table, record, _properties(item), claims, portal.rules(table, call.version))

    return _write(portal, table, inputs, planner, 200)


def upsert(portal: Portal, call: Call) -> Reply:
    """POST batch/upsert: by a unique property; every result says whether it is new."""
    table = portal.objects(call.args["type"], "write")
    inputs = inputs_of(call.json(), MOST_INPUTS)
    _check_ids(table, inputs)
    _check_pace(portal, len(inputs))

    def planner(item: Mapping[str, Any], claims: Claims) -> Plan:
        record, properties = _named(table, item), _properties(item)
        key, value, rules = _key(item), text_of(item, "id"), portal.rules(table, call.version)
        if record is None or record.archived:
            if key == _ID:
                raise _missing(table, [value])
            return plan_create(portal, table, {"properties": {key: value, **properties}}, claims, rules)
        whole = key == "email" and portal.settings.email_upsert == "replace"
        kept = {"email": record.values.get("email", ""), **properties} if whole else properties
        return plan_update(portal, table, record, kept, claims, rules, whole=whole)

    return _write(portal, table, inputs, planner, 200, new=True)


def read(portal: Portal, call: Call) -> Reply:
    """POST batch/read: whatever is missing is one error in a 207."""
    table, body = portal.objects(call.args["type"], "read"), call.json()
    inputs = inputs_of(body, MOST_INPUTS)
    key = body.get("idProperty")
    named = [{"id": text_of(item, "id"), "idProperty": key} for item in inputs]
    _check_ids(table, named)
    archived, properties, history = (
        call.flag("archived"),
        texts_of(body, "properties"),
        texts_of(body, "propertiesWithHistory"),
    )
    results: list[dict[str, Any]] = []
    missing: list[str] = []
    for item in named:
        record = _named(table, item)
        if portal.settings.merged_read == "survivor":
            record = survivor(table, record)
        if record is None or bool(record.archived) is not archived:
            missing.append(str(item["id"]))
        else:
            results.append(view(portal, table, record, properties, history=history))
    errors = [_missing(table, missing)] if missing else []
    for problem in errors:
        portal.refuse(problem)
    return reply(portal, results, [problem.item(complete=_complete(portal)) for problem in errors], 200)


def archived(portal: Portal, call: Call) -> Reply:
    """POST batch/archive: 204, and no word about ids that were not there."""
    table = portal.objects(call.args["type"], "write")
    inputs = inputs_of(call.json(), MOST_INPUTS)
    _check_ids(table, inputs)
    ids = [number_of(text_of(item, "id"), invalid("An id is a number.")) for item in inputs]
    records = [record for one in ids if (record := table.find(one)) is not None]
    for record in records:
        check_archive(portal, table, record)
    for record in records:
        archive(portal, table, record)
    return Reply(204)


def reply(portal: Portal, results: Sequence[Any], errors: Sequence[Any], status: int, *, partial: int = 207) -> Reply:
    """A batch's answer: the order of the results is the server's own; with errors it is a 207."""
    shuffled = list(results)
    if portal.settings.shuffle:
        portal.random.shuffle(shuffled)
    at = shown(portal.now())
    body: dict[str, Any] = {"status": "COMPLETE", "results": shuffled, "startedAt": at, "completedAt": at}
    if errors:
        body |= {"numErrors": len(errors), "errors": list(errors)}
    return Reply(partial if errors else status, body)


def _write(
    portal: Portal, table: Table, inputs: list[Any], planner: Planner, status: int, *, new: bool = False
) -> Reply:
    """Plan every input, then write them: all, or the good ones where every input has a trace id of its own."""
    traces = [item.get("objectWriteTraceId") if isinstance(item, dict) else None for item in inputs]
    traced = all(traces) and len(set(map(str, traces))) == len(traces)
    claims: Claims = {}
    plans: list[Plan] = []
    errors = []
    for item, trace_id in zip(inputs, traces, strict=True):
        try:
            if not isinstance(item, dict):
                raise invalid("An input must be an object.")
            plan = planner(item, claims)
        except Problem as problem:
            if not traced:
                raise
            portal.refuse(problem)
            errors.append(problem.item(complete=_complete(portal), trace_id=str(trace_id)))
            continue
        if plan is not None:
            plan.trace_id = None if trace_id is None else str(trace_id)
            plans.append(plan)
    results = []
    for plan in plans:
        is_new = plan.record is None
        record = commit(portal, plan)
        body = view(portal, table, record, plan.sent if plan.sent else list(record.values), trace_id=plan.trace_id)
        results.append({**body, "new": is_new} if new else body)
    return reply(portal, results, errors, status)


def _named(table: Table, item: Mapping[str, Any]) -> Record | None:
    """The record of an input, even if it is archived or merged away; by id or by its unique property."""
    key, text = _key(item), text_of(item, "id")
    if key == _ID:
        return table.records.get(number_of(text, _missing(table, [text])))
    return table.holder(key_of(table, key), text)


def _check_ids(table: Table, inputs: Sequence[Any]) -> None:
    """400 for an id that is there twice, and for an `idProperty` that does not identify; trace ids do not help."""
    for key in {_key(item) for item in inputs if isinstance(item, dict)} - {_ID}:
        key_of(table, key)
    ids = Counter(_identity(item) for item in inputs if isinstance(item, dict) and item.get("id") is not None)
    if twice := [text for (_, text), times in ids.items() if times > 1]:
        message = f"Duplicate IDs found in batch input: [{', '.join(twice)}]. IDs must be unique"
        raise invalid(message, context={"ids": twice})


def _key(item: Mapping[str, Any]) -> str:
    """The property by which an input names its record."""
    return str(item.get("idProperty") or _ID)


def _identity(item: Mapping[str, Any]) -> tuple[str, str]:
    key, text = _key(item), str(item["id"])
    return key, text.lower() if key == "email" else text


def _check_pace(portal: Portal, inputs: int) -> None:
    """423 for large upserts that follow each other fast (section 5)."""
    lock, upserts = portal.settings.upsert_lock, portal.limits.upserts
    if lock is not None and upserts.count(1.0) + inputs > lock:
        raise locked()
    upserts.add(inputs)


def locked() -> Problem:
    """423; wait two seconds."""
    return Problem(423, "LOCKED", "The resource is locked by another request. Please wait and try again.")


def _missing(table: Table, ids: Sequence[str]) -> Problem:
    """One error for all ids (section 5)."""
    message = (
        f"Could not get some {table.type.title} objects, they may be deleted or not exist. Check that ids are valid."
    )
    return Problem(404, "OBJECT_NOT_FOUND", message, context={"ids": ids})


def _properties(item: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = item.get("properties")
    if not isinstance(properties, dict):
        raise invalid("Some required fields were not set: [properties]")
    return properties


def _complete(portal: Portal) -> bool:
    return portal.settings.batch_error_shape == "specified"
