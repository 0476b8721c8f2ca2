"""The ledger of one company: what was read, where it landed, what every flow did with it."""

from __future__ import annotations

from ml_connector.store.audit import AuditLog
from ml_connector.store.database import Database
from ml_connector.store.deliveries import Deliveries
from ml_connector.store.inbox import Inbox
from ml_connector.store.landing import Landings
from ml_connector.store.links import Links
from ml_connector.store.readings import Readings
from ml_connector.store.vault import Vault


class Ledger:
    """Opens the parts of the ledger for one company."""

    def __init__(self, database: Database, vault: Vault, landings: Landings, company: str) -> None:
        self.database = database
        self.vault = vault
        self.landings = landings
        self.company = company
        self.readings = Readings(database, vault, company)

    def deliveries(self, target: str, flow: str, entity: str, related: tuple[str, ...] = ()) -> Deliveries:
        """What one flow did with an entity's records; a change in a related entity concerns its record."""
        return Deliveries(self.database, self.landings, self.company, target, flow, entity, related)

    def links(self, target: str) -> Links:
        """What the target's flows are linked to, as its other flows see it."""
        return Links(self.database, self.company, target)

    def inbox(self, target: str) -> Inbox:
        return Inbox(self.database, self.vault, self.company, target)

    def audit(self, target: str) -> AuditLog:
        return AuditLog(self.database, self.vault, self.company, target)
