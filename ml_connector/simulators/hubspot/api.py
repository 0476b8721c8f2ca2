"""The API's paths, in both families, and what each call is counted as (HubSpot reference, section 1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ml_connector.simulators.hubspot import (
    account,
    association_batches,
    associations,
    batches,
    labels,
    pipelines,
    properties,
    records,
    schemas,
)
from ml_connector.simulators.hubspot.protocol import Handler, Route
from ml_connector.simulators.hubspot.search import search

DATES = ("2026-03", "2026-09")
"""The dated versions that exist; validation rules of 2026-09 concern only portals that have made some."""
TOKEN_INFO = "token_info"  # noqa: S105 - the name of a class of calls
_RECORDS = ("/crm/v3/objects", "/crm/objects/{version}")
_PAIRS = ("/crm/v4/objects", "/crm/objects/{version}")
_ASSOCIATIONS = ("/crm/v4/associations", "/crm/associations/{version}")
_LABELS = ("/crm/associations/v4", *_ASSOCIATIONS)
_PROPERTIES = ("/crm/v3/properties", "/crm/properties/{version}")
_SCHEMAS = ("/crm-object-schemas/v3/schemas", "/crm-object-schemas/{version}/schemas")


def _route(bases: Sequence[str], rest: str, **methods: tuple[str, Handler]) -> Route:
    return Route([base + rest for base in bases], methods)


_BATCHES: Mapping[str, Handler] = {
    "create": batches.create,
    "read": batches.read,
    "update": batches.update,
    "upsert": batches.upsert,
    "archive": batches.archived,
}
_PAIR_BATCHES: Mapping[str, Handler] = {
    "associate/default": association_batches.associate_default,
    "create": association_batches.create,
    "read": association_batches.read,
    "archive": association_batches.archive,
    "labels/archive": association_batches.archive_labels,
}

ROUTES: Sequence[Route] = (
    *(
        _route(_RECORDS, f"/{{type}}/batch/{name}", POST=(f"batch_{name}", handler))
        for name, handler in _BATCHES.items()
    ),
    *(
        _route(_ASSOCIATIONS, f"/{{from}}/{{to}}/batch/{name}", POST=("association_batch", handler))
        for name, handler in _PAIR_BATCHES.items()
    ),
    _route(_RECORDS, "/{type}/search", POST=("search", search)),
    _route(_RECORDS, "/{type}/merge", POST=("record_merge", records.merged)),
    _route(_RECORDS, "/{type}", GET=("record_list", records.listed), POST=("record_create", records.create)),
    _route(
        _RECORDS,
        "/{type}/{id}",
        GET=("record_read", records.read),
        PATCH=("record_update", records.update),
        DELETE=("record_archive", records.archived),
    ),
    _route(
        _PAIRS,
        "/{from}/{id}/associations/default/{to}/{to_id}",
        PUT=("association_write", associations.put_default),
    ),
    _route(
        _PAIRS,
        "/{from}/{id}/associations/{to}/{to_id}",
        PUT=("association_write", associations.put),
        DELETE=("association_write", associations.delete),
    ),
    _route(_PAIRS, "/{from}/{id}/associations/{to}", GET=("association_read", associations.listed)),
    _route(
        _LABELS,
        "/{from}/{to}/labels",
        GET=("labels", labels.listed),
        POST=("labels", labels.create),
        PUT=("labels", labels.update),
    ),
    _route(_LABELS, "/{from}/{to}/labels/{type_id}", DELETE=("labels", labels.delete)),
    _route(_PROPERTIES, "/{type}/batch/create", POST=("properties", properties.batch_create)),
    _route(_PROPERTIES, "/{type}/batch/read", POST=("properties", properties.batch_read)),
    _route(_PROPERTIES, "/{type}/batch/archive", POST=("properties", properties.batch_delete)),
    _route(
        _PROPERTIES,
        "/{type}/groups",
        GET=("properties", properties.groups),
        POST=("properties", properties.create_group),
    ),
    _route(
        _PROPERTIES,
        "/{type}/groups/{name}",
        GET=("properties", properties.read_group),
        PATCH=("properties", properties.update_group),
        DELETE=("properties", properties.delete_group),
    ),
    _route(_PROPERTIES, "/{type}", GET=("properties", properties.listed), POST=("properties", properties.create)),
    _route(
        _PROPERTIES,
        "/{type}/{name}",
        GET=("properties", properties.read),
        PATCH=("properties", properties.update),
        DELETE=("properties", properties.delete),
    ),
    _route(_SCHEMAS, "", GET=("schemas", schemas.listed), POST=("schemas", schemas.create)),
    _route(
        _SCHEMAS,
        "/{type}",
        GET=("schemas", schemas.read),
        PATCH=("schemas", schemas.update),
        DELETE=("schemas", schemas.delete),
    ),
    _route(_SCHEMAS, "/{type}/associations", POST=("schemas", schemas.create_association)),
    _route(("/crm/v3/limits", "/crm/limits/{version}"), "/custom-object-types", GET=("schemas", schemas.limits)),
    _route(("/crm/v3/pipelines", "/crm/pipelines/{version}"), "/{type}", GET=("pipelines", pipelines.listed)),
    _route(("/crm/v3/pipelines", "/crm/pipelines/{version}"), "/{type}/{pipeline}", GET=("pipelines", pipelines.one)),
    _route(("/account-info/v3", "/account-info/{version}"), "/details", GET=("account", account.details)),
    _route(
        ("/account-info/v3", "/account-info/{version}"), "/api-usage/daily/private-apps", GET=("account", account.usage)
    ),
    _route(("/oauth/v2/private-apps",), "/get/access-token-info", POST=(TOKEN_INFO, account.token_info)),
)
"""Tried in their order: what a path names literally comes before what it takes for a name."""
