"""Reads the entities of one company."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from ml_connector.engine.ports import Entity, Page
from ml_connector.http import ApiClient, stopping
from ml_connector.http.clock import now
from ml_connector.systems.visma.lists import paged, unpaged
from ml_connector.systems.visma.rows import Unpacker
from ml_connector.systems.visma.times import filter_value


@dataclass(frozen=True, slots=True)
class Listing:
    """Where an entity's rows are.

    Attributes:
        entity: what it is called.
        path: the list (Visma reference, section 4).
        is_paged: a paged array; else everything comes in one answer (section 3, A and B).
        key: the member that holds the business key.
        related: the member that holds the key of the record it belongs to.
        stamp: the member that holds the change time, which is also the list's filter; None: there is none.
    """

    entity: Entity
    path: str
    is_paged: bool
    key: str
    related: str | None = None
    stamp: str | None = "lastModifiedDateTime"


CUSTOMERS = Listing(Entity("visma.customers", "Customers"), "/v1/customer", True, key="number")
CONTACTS = Listing(
    Entity("visma.contacts", "Contact persons", secondary=True),
    "/v1/contact",
    False,
    key="contactId",
    related="businessAccount",
)
CUSTOMER_CLASSES = Listing(
    Entity("visma.customer_classes", "Customer classes", secondary=True, windowed=False),
    "/v1/customer/customerClass",
    False,
    key="id",
    stamp=None,
)

LISTINGS: Mapping[str, Listing] = {listing.entity.name: listing for listing in (CUSTOMERS, CONTACTS, CUSTOMER_CLASSES)}


class Reader:
    """The `Source` of one company.

    Args:
        client: the connection.
        zone: of zone-less times.
        page_size: rows asked for at once.
        clock: the local clock, aware UTC.
    """

    def __init__(self, client: ApiClient, zone: ZoneInfo, page_size: int, clock: Callable[[], datetime] = now) -> None:
        self.client = client
        self.zone = zone
        self.page_size = page_size
        self._clock = clock

    @property
    def calls(self) -> int:
        return self.client.calls

    def read(self, entity: str, since: datetime | None) -> Iterator[Page]:
        """Every row changed at or after `since`; None: every row, without any filter. Raises `Stopped`."""
        listing = LISTINGS[entity]
        params = since_filter(listing, since, self.zone)
        unpacker = self.unpacker(listing)
        with stopping(self.client.name, f"reading {listing.entity.title.lower()}"):
            if listing.is_paged:
                yield from paged(self.client, listing.path, params, self.page_size, unpacker.array_page)
            else:
                yield from unpaged(self.client, listing.path, params, unpacker.rows)

    def unpacker(self, listing: Listing) -> Unpacker:
        return Unpacker(listing.key, listing.related, listing.stamp, self.zone, self._clock)


def since_filter(listing: Listing, since: datetime | None, zone: ZoneInfo) -> dict[str, str]:
    """The parameters for what changed at or after a moment; both or neither (section 5). Always `>=`, never `>`."""
    if since is None or listing.stamp is None:
        return {}
    return {listing.stamp: filter_value(since, zone), f"{listing.stamp}Condition": ">="}
