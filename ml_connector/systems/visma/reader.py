"""Reads the entities of one company."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from ml_connector.engine.ports import Page
from ml_connector.http import ApiClient, stopping
from ml_connector.http.clock import now
from ml_connector.systems.visma.journals import BatchUnpacker, batches, checked, since_parameters
from ml_connector.systems.visma.listings import LISTINGS, Listing, Shape
from ml_connector.systems.visma.lists import named, paged, unpaged
from ml_connector.systems.visma.rows import Unpacker
from ml_connector.systems.visma.times import filter_value


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
        """Every row changed at or after `since`; None: every row, without any filter where that is possible.

        Raises `Stopped`; for journal transactions also when a batch stays incomplete.
        """
        yield from self._stopping(LISTINGS[entity], since)

    def whole(self, listing: Listing) -> Iterator[Page]:
        """Every row of a list, also of one that no flow takes. Raises `Stopped`."""
        yield from self._stopping(listing, None)

    def _stopping(self, listing: Listing, since: datetime | None) -> Iterator[Page]:
        with stopping(self.client.name, f"reading {listing.entity.title.lower()}"):
            yield from self._pages(listing, since)

    def _pages(self, listing: Listing, since: datetime | None) -> Iterator[Page]:
        client, path, size, unpacker = self.client, listing.path, self.page_size, self.unpacker(listing)
        params = {**listing.params, **since_filter(listing, since, self.zone)}
        match listing.shape:
            case Shape.ARRAY:
                return paged(client, path, params, size, unpacker.array_page)
            case Shape.WRAPPER:
                return paged(client, path, params, size, unpacker.wrapper_page)
            case Shape.WHOLE:
                return unpaged(client, path, params, unpacker.rows)
            case Shape.NAMES:
                return named(client, path, params, unpacker.rows)
            case Shape.LINES:
                return checked(batches(client, path, params, size, BatchUnpacker(unpacker)), client, since)

    def unpacker(self, listing: Listing) -> Unpacker:
        return Unpacker(listing.key, listing.related, listing.stamp, self.zone, self._clock)


def since_filter(listing: Listing, since: datetime | None, zone: ZoneInfo) -> dict[str, str]:
    """The parameters for what changed at or after a moment; both or neither (section 5). Always `>=`, never `>`."""
    if listing.shape is Shape.LINES:
        return since_parameters(None if since is None else filter_value(since, zone))
    if since is None or listing.stamp is None:
        return {}
    return {listing.stamp: filter_value(since, zone), f"{listing.stamp}Condition": ">="}
