"""How Chargebee's webhooks are told from anybody else's calls (Chargebee reference, section 5.2): no signature exists,
so Basic authentication, and then the event is asked for at Chargebee itself."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error
from hmac import compare_digest
from typing import Any

import orjson

from ml_connector.engine.records import is_name
from ml_connector.systems.chargebee.events import VERSION
from ml_connector.systems.chargebee.settings import Credentials


class Webhooks:
    """A `Webhook` (see `systems/registry.py`)."""

    def authenticate(self, authorization: str | None, credentials: Any) -> bool:
        """Whether user and password are the configured ones. Both are compared, in constant time, whatever came."""
        user, password = _basic(authorization)
        known = isinstance(credentials, Credentials) and credentials.webhook_user and credentials.webhook_password
        wanted_user = (credentials.webhook_user if known else "") or ""
        wanted_password = credentials.webhook_password.get_secret_value() if known else ""
        same_user = compare_digest(user, wanted_user.encode())
        same_password = compare_digest(password, wanted_password.encode())
        return bool(known) and same_user and same_password

    def event_id(self, body: bytes) -> str | None:
        """The id of an event of this version of the API."""
        try:
            event = orjson.loads(body)
        except orjson.JSONDecodeError:
            return None
        if not isinstance(event, dict) or event.get("object") != "event" or event.get("api_version") != VERSION:
            return None
        event_id = event.get("id")
        return event_id if isinstance(event_id, str) and is_name(event_id) else None


def _basic(authorization: str | None) -> tuple[bytes, bytes]:
    scheme, _, encoded = (authorization or "").partition(" ")
    try:
        decoded = b64decode(encoded, validate=True) if scheme.lower() == "basic" else b""
    except (Error, ValueError):
        decoded = b""
    user, _, password = decoded.partition(b":")
    return user, password
