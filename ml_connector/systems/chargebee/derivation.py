"""From events to what accounting and people want to know: documents, their parts by month, and subscriptions.

Pure and total. The same document stands in many events (`subscription_created`, `invoice_generated`, every payment) and
makes the same one row. Events may come twice, late and in any order: the newest version of each resource counts, by its
`resource_version` (Chargebee reference, section 5.3).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from pydantic import ValidationError

from ml_connector.engine.records import SourceRow, is_name
from ml_connector.systems.chargebee.documents import (
    CREDIT_NOTE,
    INVOICE,
    NEXT_LINES,
    UNREAD,
    VOIDED,
    Document,
    Kind,
    document_of,
    several,
)
from ml_connector.systems.chargebee.event_settings import EventsSettings
from ml_connector.systems.chargebee.schedule import day_of, spread

NOT_YET = "pending"
"""The status of an invoice that may still change."""
SUBSCRIPTION = (
    "id", "customer_id", "status", "currency_code", "mrr", "plan_id", "plan_amount", "subscription_items",
    "current_term_start", "current_term_end", "billing_period", "billing_period_unit", "cancelled_at", "pause_date",
)  # fmt: skip
"""What is kept of a subscription (section 5.5)."""


def documents(payload: bytes, settings: EventsSettings) -> Iterator[SourceRow]:
    """The documents that an event carries."""
    for resource, document, problem in _met(payload, settings):
        if document is not None:
            yield _row(document.key, resource, document.model_dump(mode="json"))
        elif (key := _broken_key(resource, payload)) is not None:
            yield _row(key, resource, {"broken": problem})


def recognitions(payload: bytes, settings: EventsSettings) -> Iterator[SourceRow]:
    """The parts, by month, of the documents that an event carries."""
    zone = ZoneInfo(settings.timezone)
    for resource, document, _ in _met(payload, settings):
        if document is not None:
            for month, parts in months_of(document, zone).items():
                whole = document.model_dump(mode="json", exclude={"lines"})
                yield _row(f"{document.key}/{month}", resource, {"document": whole, "month": month, "parts": parts})


def subscriptions(payload: bytes, _settings: EventsSettings) -> Iterator[SourceRow]:
    """The subscription that an event is about."""
    content = _content(payload)
    resource = content.get("subscription") if content else None
    if isinstance(resource, Mapping) and _is_key(resource.get("id")):
        yield _row(resource["id"], resource, {name: resource.get(name) for name in SUBSCRIPTION})


def months_of(document: Document, zone: ZoneInfo) -> dict[str, list[dict[str, Any]]]:
    """Month -> the parts of the lines that are spread over time."""
    months: dict[str, list[dict[str, Any]]] = {}
    day = day_of(document.date, zone)
    for line in document.lines:
        if line.starts is None or line.ends is None or not line.is_ranged:
            continue
        for month, amount in spread(line.amount, line.starts, line.ends, day, zone).items():
            months.setdefault(month, []).append(
                {
                    "line": line.id,
                    "amount": amount,
                    "description": line.description,
                    "entity_type": line.entity_type,
                    "entity_id": line.entity_id,
                }
            )
    return dict(sorted(months.items()))


def _met(payload: bytes, settings: EventsSettings) -> Iterator[tuple[Mapping[str, Any], Document | None, str]]:
    """Each resource of an event, what is made of it, and else what is wrong with it."""
    event = _event(payload)
    content = event.get("content")
    if not isinstance(content, Mapping) or (settings.types and event.get("event_type") not in settings.types):
        return
    for resource in several(content, INVOICE):
        if resource.get("status") != NOT_YET:
            yield from _made_all("invoice", "void", resource)
    for resource in several(content, CREDIT_NOTE):
        yield from _made_all("credit_note", "void_credit_note", resource)


def _made_all(
    kind: Kind, void: Kind, resource: Mapping[str, Any]
) -> Iterator[tuple[Mapping[str, Any], Document | None, str]]:
    """A document, and its voiding where it is void by now: both, so that both are posted, whatever came first."""
    yield _made(kind, resource)
    if resource.get("status") == VOIDED or resource.get("deleted") is True:
        yield _made(void, resource)


def _made(kind: Kind, resource: Mapping[str, Any]) -> tuple[Mapping[str, Any], Document | None, str]:
    marked = {**resource, "kind": kind}
    if resource.get(NEXT_LINES):
        return marked, None, UNREAD
    try:
        document = document_of(kind, resource)
    except ValidationError as error:
        place = error.errors(include_url=False, include_input=False)[0]
        return marked, None, f"{'.'.join(map(str, place['loc']))}: {place['msg']}"
    except KeyError as error:
        return marked, None, f"it has no {error.args[0]}"
    except (ValueError, TypeError, AttributeError, ArithmeticError) as error:
        return marked, None, f"{type(error).__name__}: {error}"
    return marked, document if _is_key(document.id) else None, "its id is no name"


def _event(payload: bytes) -> Mapping[str, Any]:
    try:
        event = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return {}
    return event if isinstance(event, Mapping) else {}


def _content(payload: bytes) -> Mapping[str, Any] | None:
    content = _event(payload).get("content")
    return content if isinstance(content, Mapping) else None


def _broken_key(resource: Mapping[str, Any], payload: bytes) -> str | None:
    """Of a document that cannot be read; one without an id is called by its event, so that it is seen."""
    if _is_key(resource.get("id")):
        return f"{resource['kind']}/{resource['id']}"
    event = _event(payload).get("id")
    return f"{resource['kind']}/of event {event}" if _is_key(event) else None


def _is_key(value: object) -> bool:
    return isinstance(value, str) and is_name(value, 200)


def _row(key: str, resource: Mapping[str, Any], members: Mapping[str, Any]) -> SourceRow:
    payload = orjson.dumps(members, option=orjson.OPT_SORT_KEYS)
    return SourceRow(key, None, _changed_at(resource), payload, blake2b(payload, digest_size=16).digest())


def _changed_at(resource: Mapping[str, Any]) -> datetime:
    """By `resource_version`, in milliseconds; by seconds where an old resource has none."""
    version, updated = resource.get("resource_version"), resource.get("updated_at") or resource.get("date")
    try:
        if isinstance(version, int):
            return datetime.fromtimestamp(version / 1000, UTC)
        return datetime.fromtimestamp(updated if isinstance(updated, int) else 0, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)
