"""What every part of the company writes with: its clock, its zone and its row versions."""

from __future__ import annotations

import base64
import struct
from datetime import datetime
from zoneinfo import ZoneInfo

from ml_connector.simulators.visma.settings import VismaSettings
from ml_connector.simulators.visma.stamps import plain, stored, with_offset


class Desk:
    """Stamps and versions.

    Args:
        base: aware moment that all first stamps lie before.
        first_version: a number; parts that are made at different times count from different ones, so that the order in
            which they are made shows nowhere.
    """

    def __init__(self, settings: VismaSettings, zone: ZoneInfo, base: datetime, first_version: int) -> None:
        self.settings = settings
        self.zone = zone
        self.base = base.replace(microsecond=0)
        self._version = first_version

    def now(self) -> str:
        """The present moment as most models show it: without an offset (Visma reference, section 5)."""
        return plain(stored(self.settings.now()), self.zone)

    def now_with_offset(self) -> str:
        """The present moment as contacts and journal transactions show it."""
        return with_offset(stored(self.settings.now()), self.zone)

    def version(self) -> str:
        """A row version as the database gives them: eight bytes in base 64, different each time (section 8)."""
        self._version += 1
        return base64.b64encode(struct.pack(">Q", self._version)).decode()
