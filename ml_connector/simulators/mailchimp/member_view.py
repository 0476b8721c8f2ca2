"""A member as the API shows it (Mailchimp reference, section 6)."""

from __future__ import annotations

import hashlib
from typing import Any

from ml_connector.simulators.mailchimp.audience import Audience, Member
from ml_connector.simulators.mailchimp.times import parsed, shown

SHOWN_TAGS = 50
FIRST_WEB_ID = 500_000_000
_SCHEMA = "Definitions/Lists/Members"
_LOCATION: dict[str, Any] = {
    "latitude": 0,
    "longitude": 0,
    "gmtoff": 0,
    "dstoff": 0,
    "country_code": "",
    "timezone": "",
    "region": "",
}
_REASONS = {
    "self": "No reason given",
    "admin": "N/A (Unsubscribed by an admin)",
    "api": "N/A (Unsubscribed by the API)",
}
_NOT_IN_BATCH_SUBSCRIBE = frozenset({"full_name", "web_id", "source", "unsubscribe_reason"})


def link(base_url: str, rel: str, path: str, method: str = "GET", target: str = "") -> dict[str, str]:
    """One entry of `_links`; `base_url` is that of the server, without `/3.0`."""
    entry = {"rel": rel, "href": f"{base_url}/3.0{path}", "method": method}
    if target:
        entry["targetSchema"] = f"{base_url}/schema/3.0/{target}.json"
    return entry


def member_view(audience: Audience, member: Member, base_url: str) -> dict[str, Any]:
    """The whole member."""
    key = member.hash
    extra = member.extra or {}
    values = member.merge_values()
    merge_fields = {field.tag: values.get(field.key, "") for field in audience.merge_fields.values()}
    names = {number: name for name, number in audience.tags.items()} if member.tags else {}
    path = f"/lists/{audience.id}/members"
    own = f"{path}/{key}"
    view: dict[str, Any] = {
        "id": key,
        "email_address": member.email,
        "unique_email_id": key[:10],
        "contact_id": hashlib.md5(b"contact %d" % member.number, usedforsecurity=False).hexdigest(),
        "full_name": f"{merge_fields.get('FNAME', '')} {merge_fields.get('LNAME', '')}".strip(),
        "web_id": FIRST_WEB_ID + member.number,
        "email_type": extra.get("email_type", "html"),
        "status": member.status,
        "consents_to_one_to_one_messaging": True,
        "merge_fields": merge_fields,
        "stats": {"avg_open_rate": 0, "avg_click_rate": 0},
        "ip_signup": extra.get("ip_signup", ""),
        "timestamp_signup": shown(parsed(extra.get("timestamp_signup", ""))),
        "ip_opt": extra.get("ip_opt", ""),
        "timestamp_opt": shown(parsed(extra.get("timestamp_opt", "")) or member.opted_in),
        "member_rating": 2,
        "last_changed": shown(member.last_changed),
        "language": extra.get("language", ""),
        "vip": extra.get("vip", False),
        "email_client": "",
        "location": {**_LOCATION, **extra.get("location", {})},
        "source": "API - Generic",
        "tags_count": len(member.tags or ()),
        "tags": [{"id": number, "name": names[number]} for number in list(member.tags or ())[:SHOWN_TAGS]],
        "list_id": audience.id,
        "_links": [
            link(base_url, "self", own, target=f"{_SCHEMA}/Response"),
            link(base_url, "parent", path, target=f"{_SCHEMA}/CollectionResponse"),
            link(base_url, "update", own, "PATCH", f"{_SCHEMA}/Response"),
            link(base_url, "upsert", own, "PUT", f"{_SCHEMA}/Response"),
            link(base_url, "delete", own, "DELETE"),
            link(base_url, "delete_permanent", f"{own}/actions/delete-permanent", "POST"),
        ],
    }
    if "interests" in extra:
        view["interests"] = extra["interests"]
    if member.status == "unsubscribed":
        view["unsubscribe_reason"] = _REASONS.get(member.origin, "")
    return view


def batch_view(audience: Audience, member: Member, base_url: str) -> dict[str, Any]:
    """The member as POST /lists/{list_id} shows it: without some keys, and the location without its region."""
    view = {
        name: value
        for name, value in member_view(audience, member, base_url).items()
        if name not in _NOT_IN_BATCH_SUBSCRIBE | {"consents_to_one_to_one_messaging"}
    }
    view["location"] = {name: value for name, value in view["location"].items() if name != "region"}
    return view


def control_view(audience: Audience, member: Member) -> dict[str, Any]:
    """Everything that the simulator knows of a member, for tests."""
    names = {number: name for name, number in audience.tags.items()}
    values = member.merge_values()
    return {
        "id": member.hash,
        "email_address": member.email,
        "status": member.status,
        "origin": member.origin,
        "merge_fields": {
            field.tag: values[field.key] for field in audience.merge_fields.values() if field.key in values
        },
        "tags": sorted(names[number] for number in member.tags or ()),
        "last_changed": member.last_changed,
        "history": [event._asdict() for event in member.history],
    }
