"""Idempotency keys (Chargebee reference, section 1: idempotency)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from ml_connector.simulators.chargebee.errors import key_reused, wrong_value
from ml_connector.simulators.chargebee.protocol import Reply
from ml_connector.simulators.chargebee.settings import ChargebeeSettings

HEADER = "chargebee-idempotency-key"
REPLAYED = {"chargebee-idempotency-replayed": "true"}
"""Left out when nothing was replayed: the vendor's client takes any value for true."""
LONGEST = 100

Fingerprint = tuple[str, tuple[tuple[str, str], ...]]


def fingerprint(path: str, pairs: Sequence[tuple[str, str]]) -> Fingerprint:
    """The endpoint and the parameters; their order does not matter."""
    return path, tuple(sorted(pairs))


@dataclass(frozen=True, slots=True)
class _Kept:
    at: float
    fingerprint: Fingerprint
    status: int
    body: bytes


class Keys:
    """Replies by their key, on the site's clock."""

    def __init__(self, settings: ChargebeeSettings) -> None:
        self._settings = settings
        self._kept: dict[str, _Kept] = {}

    def clear(self) -> None:
        self._kept.clear()

    def replay(self, key: str, asked: Fingerprint) -> Reply | None:
        """The stored reply; None when the key is new or too old. 400 for a long key, 422 for other content."""
        if len(key) > LONGEST:
            raise wrong_value(HEADER, f"cannot be longer than {LONGEST} characters")
        kept = self._kept.get(key)
        if kept is None or self._now() - kept.at > self._settings.idempotency_minutes * 60:
            return None
        if kept.fingerprint != asked:
            raise key_reused()
        return Reply(kept.status, orjson.loads(kept.body), REPLAYED)

    def keep(self, key: str, asked: Fingerprint, reply: Reply) -> None:
        """Store the reply of a request that was executed; never a 429 or a 5xx."""
        executed = reply.status < 400
        refused = 400 <= reply.status < 500 and reply.status not in (422, 429)
        if executed or (refused and self._settings.idempotency_stores == "refusals"):
            self._kept[key] = _Kept(self._now(), asked, reply.status, orjson.dumps(reply.body))

    def _now(self) -> float:
        return self._settings.now().timestamp()
