"""Association labels (HubSpot reference, section 7)."""

from __future__ import annotations

from ml_connector.simulators.hubspot.association_types import USER, Kind
from ml_connector.simulators.hubspot.associations import tables
from ml_connector.simulators.hubspot.errors import Problem, invalid, not_found
from ml_connector.simulators.hubspot.portal import Portal
from ml_connector.simulators.hubspot.protocol import Call, Reply, number_of


def listed(portal: Portal, call: Call) -> Reply:
    """GET of a pair's types with their labels: the only place to learn the portal's own ids."""
    here, there = tables(portal, call, "read")
    kinds = portal.graph.types.of(here.type.name, there.type.name).values()
    return Reply(200, {"results": [kind.view() for kind in kinds]})


def create(portal: Portal, call: Call) -> Reply:
    """POST of a label: one type for each direction; 437 when the pair has 50."""
    here, there = tables(portal, call, "write")
    body = call.json()
    label, inverse = body.get("label"), body.get("inverseLabel")
    if not isinstance(label, str) or not label or not isinstance(body.get("name"), str):
        raise invalid("Some required fields were not set: [label, name]")
    types = portal.graph.types
    if any(kind.label == label for kind in types.of(here.type.name, there.type.name).values()):
        raise Problem(409, "CONFLICT", f"The label {label} exists.")
    kind = types.define(here.type.name, there.type.name, label, inverse or label, body["name"])
    back = types.of(there.type.name, here.type.name)[kind.back]
    return Reply(200, {"results": [kind.view()] if kind is back else [kind.view(), back.view()]})


def update(portal: Portal, call: Call) -> Reply:
    """PUT of another wording."""
    here, there = tables(portal, call, "write")
    body = call.json()
    kind = _own(portal, here.type.name, there.type.name, str(body.get("associationTypeId", "")))
    if not isinstance(body.get("label"), str):
        raise invalid("Some required fields were not set: [label]")
    kind.label = body["label"]
    if isinstance(body.get("inverseLabel"), str):
        portal.graph.types.of(there.type.name, here.type.name)[kind.back].label = body["inverseLabel"]
    return Reply(204)


def delete(portal: Portal, call: Call) -> Reply:
    """DELETE of a label; the pairs that have it keep their unlabelled association."""
    here, there = tables(portal, call, "write")
    kind = _own(portal, here.type.name, there.type.name, call.args["type_id"])
    portal.graph.types.remove(here.type.name, there.type.name, kind.spec)
    for pair, gone in (((here.type.name, there.type.name), kind.spec), ((there.type.name, here.type.name), kind.back)):
        for linked in portal.graph.links.get(pair, {}).values():
            linked.update({other: specs - {gone} for other, specs in linked.items() if gone in specs})
    return Reply(204)


def _own(portal: Portal, here: str, there: str, type_id: str) -> Kind:
    spec = (USER, number_of(type_id, not_found()))
    kinds = portal.graph.types.of(here, there)
    if spec not in kinds or kinds[spec].label is None:
        raise not_found()
    return kinds[spec]
