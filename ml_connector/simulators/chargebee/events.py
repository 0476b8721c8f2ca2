"""Events: what every change raises, kept with the content of that moment (Chargebee reference, section 5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from ml_connector.simulators.chargebee.errors import not_found
from ml_connector.simulators.chargebee.line_pages import brief_content
from ml_connector.simulators.chargebee.lists import Listing, page
from ml_connector.simulators.chargebee.protocol import Actor, Call, Methods, Reply, ok
from ml_connector.simulators.chargebee.site import Resource, Site

SEARCH_DAYS = 6
"""How far a search by `webhook_status` alone looks back (Chargebee reference, section 5.3)."""
_DAY = 86_400


@dataclass(slots=True)
class Event:
    """One event. Its content is JSON already: a resource changes afterwards, its events do not.

    Attributes:
        order: its place among all events.
        webhooks: the state of its delivery by the id of the URL.
        suppressed: the call that raised it said that no webhook may be sent.
    """

    id: str
    order: int
    event_type: str
    occurred_at: int
    source: str
    user: str | None
    content: bytes
    suppressed: bool = False
    webhooks: dict[str, str] = field(default_factory=dict)

    @property
    def webhook_status(self) -> str:
        """One word for all URLs: the worst of them."""
        if self.suppressed:
            return "disabled"
        for status in ("failed", "re_scheduled", "scheduled", "succeeded"):
            if status in self.webhooks.values():
                return status
        return "not_configured"

    def view(self) -> Resource:
        """The envelope of section 5.1, the same in lists and in webhooks."""
        shown: Resource = {"id": self.id, "occurred_at": self.occurred_at, "source": self.source}
        if self.user is not None:
            shown["user"] = self.user
        shown.update(
            object="event",
            api_version="v2",
            content=orjson.Fragment(self.content),
            event_type=self.event_type,
            webhook_status=self.webhook_status,
        )
        if self.webhooks:
            shown["webhooks"] = [
                {"id": target, "webhook_status": status, "object": "webhook"}
                for target, status in self.webhooks.items()
            ]
        return shown


def raise_event(site: Site, actor: Actor, event_type: str, content: Mapping[str, Any]) -> Event:
    """Note that something happened, and send it to whoever wants to know.

    Content keys with several objects are plural, and keys without anything are missing (section 5.1).
    """
    kept = {name: value for name, value in brief_content(site, content).items() if value not in (None, [])}
    order = len(site.event_order) + 1
    event = Event(
        id=site.new_id("ev"),
        order=order,
        event_type=event_type,
        occurred_at=site.settings.epoch(),
        source=actor.source,
        user=actor.user,
        content=orjson.dumps(kept),
        suppressed=not actor.webhooks,
    )
    site.event_order.append(event)
    site.events[event.id] = event
    site.event_counts[event_type] += 1
    if actor.webhooks:
        site.webhooks.offer(event)
    return event


def _visible(site: Site, event: Event) -> bool:
    """Whether it is still kept, and may be seen."""
    settings = site.settings
    if event.suppressed and settings.suppressed_events == "hidden":
        return False
    return settings.event_days is None or event.occurred_at >= settings.epoch() - settings.event_days * _DAY


LISTING = Listing(
    name="event",
    filters={
        "id": "text",
        "event_type": "enum",
        "source": "enum",
        "webhook_status": "enum",
        "occurred_at": "time",
    },
    sorts=("occurred_at",),
    default_sort="occurred_at",
)


def _list(site: Site, call: Call) -> Reply:
    names = {key.partition("[")[0] for key, _ in call.query}
    events = (event for event in site.event_order if _visible(site, event))
    if "webhook_status" in names and "occurred_at" not in names:
        since = site.settings.epoch() - SEARCH_DAYS * _DAY
        events = (event for event in events if event.occurred_at >= since)
    found, next_offset = page(
        site.settings,
        LISTING,
        call.query,
        ((event.order, event) for event in events),
        lambda event, name: getattr(event, name),
    )
    body: dict[str, Any] = {"list": [{"event": event.view()} for event in found]}
    if next_offset is not None:
        body["next_offset"] = next_offset
    return Reply(200, body)


def _read(site: Site, call: Call) -> Reply:
    event = site.events.get(call.args["id"])
    if event is None or not _visible(site, event):
        raise not_found(call.args["id"])
    return ok(event=event.view())


EVENTS: Methods = {"GET": _list}
EVENT: Methods = {"GET": _read}
