"""Where things are at HubSpot: the same objects have numbered and date-based routes (HubSpot reference, section 1)."""

from __future__ import annotations

import re
from dataclasses import dataclass

NUMBERED = re.compile(r"v[1-9]\d?")
DATED = re.compile(r"20\d\d-(?:03|09)")  # a version ships each March and September
ASSOCIATIONS = "v4"  # the numbered family has its associations under this number, whatever the other objects have
INTROSPECTION = "/oauth/v2/private-apps/get/access-token-info"


@dataclass(frozen=True, slots=True)
class Routes:
    """The routes of one version: `v3`, or a date like `2026-03`."""

    version: str

    @property
    def _dated(self) -> bool:
        return DATED.fullmatch(self.version) is not None

    def objects(self, kind: str) -> str:
        return f"/crm/objects/{self.version}/{kind}" if self._dated else f"/crm/{self.version}/objects/{kind}"

    def batch(self, kind: str, operation: str) -> str:
        """`operation`: create, read, update, upsert or archive."""
        return f"{self.objects(kind)}/batch/{operation}"

    def search(self, kind: str) -> str:
        return f"{self.objects(kind)}/search"

    def properties(self, kind: str) -> str:
        return f"/crm/properties/{self.version}/{kind}" if self._dated else f"/crm/{self.version}/properties/{kind}"

    def groups(self, kind: str) -> str:
        return f"{self.properties(kind)}/groups"

    def associate(self, from_kind: str, to_kind: str) -> str:
        """The batch of plain links without a label."""
        root = f"/crm/associations/{self.version}" if self._dated else f"/crm/{ASSOCIATIONS}/associations"
        return f"{root}/{from_kind}/{to_kind}/batch/associate/default"

    def associations(self, from_kind: str, to_kind: str, operation: str) -> str:
        """A batch of links: read or archive."""
        root = f"/crm/associations/{self.version}" if self._dated else f"/crm/{ASSOCIATIONS}/associations"
        return f"{root}/{from_kind}/{to_kind}/batch/{operation}"

    @property
    def schemas(self) -> str:
        """Custom objects."""
        return f"/crm-object-schemas/{self.version}/schemas"

    def pipelines(self, kind: str) -> str:
        """Pipelines with their stages."""
        return f"/crm/pipelines/{self.version}/{kind}" if self._dated else f"/crm/{self.version}/pipelines/{kind}"

    @property
    def account(self) -> str:
        return f"/account-info/{self.version}/details"
