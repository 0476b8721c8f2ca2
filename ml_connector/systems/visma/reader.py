"""Reads entities of one company: Visma's rows as the engine takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from hashlib import blake2b
from threading import Lock
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from ml_connector.engine.ports import Entity, Page
from ml_connector.engine.records import SourceRow
from ml_connector.http import ApiClient, stopping
from ml_connector.http.clock import now
from ml_connector.systems.visma.lists import Shape, paged, paged_array, unpaged
from ml_connector.systems.visma.times import filter_value, parse_stamp

LONGEST_KEY = 255


@dataclass(frozen=True, slots=True)
class Listing:
    """Where an entity's rows are, and what its rows are made of.

    Attributes:
        entity: what it is called.
        path: the list (Visma reference, section 4).
        shape: of a paged list; None: everything comes in one answer (section 3, B).
        key: the member that holds the business key.
        related: the member that holds the key of the record it belongs to.
        stamp: the member that holds the change time, which is also the list's filter; None: there is none.
        blocks: nested records whose `metadata` means nothing (section 3), as paths.
    """

    entity: Entity
    path: str
    shape: Shape | None
    key: str
    related: str | None = None
    stamp: str | None = "lastModifiedDateTime"
    blocks: tuple[tuple[str, ...], ...] = ()


CUSTOMERS = Listing(
    Entity("visma.customers", "Customers"),
    "/v1/customer",
    paged_array,
    key="number",
    blocks=(
        ("vatZone",),
        ("mainAddress", "country"),
        ("invoiceAddress", "country"),
        ("deliveryAddress", "country"),
    ),
)
CONTACTS = Listing(
    Entity("visma.contacts", "Contact persons", secondary=True),
    "/v1/contact",
    None,
    key="contactId",
    related="businessAccount",
    blocks=(("address", "country"),),
)
CUSTOMER_CLASSES = Listing(
    Entity("visma.customer_classes", "Customer classes", secondary=True, windowed=False),
    "/v1/customer/customerClass",
    None,
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
        self._unpacking = Lock()

    @property
    def calls(self) -> int:
        return self.client.calls

    def read(self, entity: str, since: datetime | None) -> Iterator[Page]:
        """Every row changed at or after `since`; None: every row, without any filter. Raises `Stopped`."""
        listing = LISTINGS[entity]
        params = since_filter(listing, since, self.zone)
        unpack = partial(self._rows, listing)
        with stopping(self.client.name, f"reading {listing.entity.title.lower()}"):
            if listing.shape is None:
                yield from unpaged(self.client, listing.path, params, unpack)
            else:
                yield from paged(self.client, listing.path, params, self.page_size, listing.shape, unpack)

    def _rows(self, listing: Listing, members: Sequence[Any]) -> list[SourceRow]:
        return to_rows(listing, members, self.zone, self._clock())


def since_filter(listing: Listing, since: datetime | None, zone: ZoneInfo) -> dict[str, str]:
    """The parameters for what changed at or after a moment; both or neither (section 5). Always `>=`, never `>`."""
    if since is None or listing.stamp is None:
        return {}
    return {listing.stamp: filter_value(since, zone), f"{listing.stamp}Condition": ">="}


def to_rows(listing: Listing, members: Sequence[Any], zone: ZoneInfo, read_at: datetime) -> list[SourceRow]:
    """Rows for the engine. Nothing is left out, whatever it looks like.

    A row without a stamp that can be read counts as changed when it was read; one without a key is kept under a key
    made of its content, and is refused when it is mapped, so that people see it.
    """
    key_name, related_name, stamp_name, blocks = listing.key, listing.related, listing.stamp, listing.blocks
    rows = []
    for row in members:
        key = related = None
        changed_at = read_at
        if isinstance(row, dict):
            row.pop("metadata", None)
            for path in blocks:
                block = row
                for name in path:
                    block = block.get(name)  # type: ignore[assignment]
                    if not isinstance(block, dict):
                        break
                else:
                    block.pop("metadata", None)
            key = _key(row.get(key_name))
            if related_name is not None:
                related = _key(row.get(related_name))
            if stamp_name is not None:
                changed_at = parse_stamp(row.get(stamp_name), zone, read_at) or read_at
        payload = bytes(memoryview(orjson.dumps(row, option=orjson.OPT_SORT_KEYS)))  # its own result keeps 16 KiB
        digest = blake2b(payload, digest_size=16).digest()
        rows.append(SourceRow(key or f"unreadable:{digest.hex()[:12]}", related, changed_at, payload, digest))
    return rows


def _key(value: Any) -> str | None:
    """A key as text; None for what is no key."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        return None
    text = value.strip()
    return text if 0 < len(text) <= LONGEST_KEY else None
