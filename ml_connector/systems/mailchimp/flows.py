"""The flow `members`: Visma customers to members of one audience."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any

from ml_connector.engine.records import Mapped, Record
from ml_connector.systems.mailchimp.consent import UNSUBSCRIBED
from ml_connector.systems.mailchimp.mapping import CLASSES, CONTACTS, map_customer
from ml_connector.systems.mailchimp.settings import MembersSettings, Settings

MEMBERS = "members"
VERSION = 2
"""Of the mapping itself; a new one maps every customer again."""


class MembersFlow:
    """A `Flow` (see `engine/ports.py`)."""

    name: str = MEMBERS
    title: str = "Audience members"
    entity: str = "visma.customers"
    secondary: tuple[str, ...] = (CONTACTS,)
    reference: tuple[str, ...] = (CLASSES,)
    made: None = None

    def __init__(self, settings: Settings) -> None:
        members = settings.flows.members
        self.settings: MembersSettings = members
        self.audience = settings.audience
        self.fingerprint: str = _fingerprint(settings.audience, members)
        self.fields: Mapping[str, str] = {
            "EMAIL": members.email,
            **{tag: source.text for tag, source in members.sources.items()},
        }
        withdraws = members.no_mass_mail == "unsubscribe"
        self.withdrawal: Mapping[str, Any] | None = {"status": UNSUBSCRIBED} if withdraws else None
        self.settle: timedelta = settings.settle
        self.on_rejected_fail: bool = settings.on_rejected == "fail"

    def map(self, record: Record) -> Mapped:
        return map_customer(record, self.settings, self.audience)


def flows(settings: Settings, _company: str = "") -> list[MembersFlow]:
    """The flows that the settings switch on; an address is the same whatever the company is called."""
    return [MembersFlow(settings)]


def _fingerprint(audience: str, members: MembersSettings) -> str:
    sources = {tag: source.text for tag, source in members.sources.items()}
    parts = [VERSION, audience, members.model_dump(mode="json", exclude={"fields"}), sources]
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]
