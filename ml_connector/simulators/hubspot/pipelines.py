"""Deal pipelines and their stages (HubSpot reference, section 11)."""

from __future__ import annotations

from typing import Any

from ml_connector.simulators.hubspot.errors import not_found
from ml_connector.simulators.hubspot.object_types import DEALS
from ml_connector.simulators.hubspot.portal import Portal
from ml_connector.simulators.hubspot.protocol import Call, Reply
from ml_connector.simulators.hubspot.settings import HubspotSettings
from ml_connector.simulators.hubspot.times import shown

STAGES = {
    "appointmentscheduled": ("Appointment Scheduled", "0.2"),
    "qualifiedtobuy": ("Qualified To Buy", "0.4"),
    "contractsent": ("Contract Sent", "0.9"),
    "closedwon": ("Closed Won", "1.0"),
    "closedlost": ("Closed Lost", "0.0"),
}
"""Of the pipeline `default`; the stages of others have ids that are numbers."""


def stages_of(settings: HubspotSettings, pipeline: str) -> list[str] | None:
    """The stages of a pipeline; None where there is no such pipeline."""
    known = pipelines(settings)
    return known.get(pipeline)


def pipelines(settings: HubspotSettings) -> dict[str, list[str]]:
    """Stage ids by pipeline id."""
    found = {"default": list(STAGES)}
    for number in range(1, settings.pipelines):
        base = 90_000_000 + number * 1000
        found[str(base)] = [str(base + 1 + index) for index in range(len(STAGES))]
    return found


def listed(portal: Portal, call: Call) -> Reply:
    """GET of all pipelines of deals; other objects have none here."""
    return Reply(200, {"results": _all(portal, call)})


def one(portal: Portal, call: Call) -> Reply:
    """GET of one pipeline."""
    found = next((pipeline for pipeline in _all(portal, call) if pipeline["id"] == call.args["pipeline"]), None)
    if found is None:
        raise not_found()
    return Reply(200, found)


def _all(portal: Portal, call: Call) -> list[dict[str, Any]]:
    table = portal.table(call.args["type"])
    portal.require([f"crm.{kind}.{table.type.scope}.read" for kind in ("schemas", "objects")])
    if table.type.name != DEALS:
        return []
    at = shown(portal.created_at)
    return [
        {
            "id": pipeline,
            "label": "Sales Pipeline" if pipeline == "default" else f"Pipeline {index + 1}",
            "displayOrder": index,
            "archived": False,
            "createdAt": at,
            "updatedAt": at,
            "stages": [
                {
                    "id": stage,
                    "label": label,
                    "displayOrder": order,
                    "metadata": {"isClosed": str(probability in ("1.0", "0.0")).lower(), "probability": probability},
                    "archived": False,
                    "createdAt": at,
                    "updatedAt": at,
                    "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
                }
                for order, (stage, (label, probability)) in enumerate(zip(stages, STAGES.values(), strict=True))
            ],
        }
        for index, (pipeline, stages) in enumerate(pipelines(portal.settings).items())
    ]
