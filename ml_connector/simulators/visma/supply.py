"""The company's suppliers, and every change to them."""

from __future__ import annotations

from typing import Any

from ml_connector.simulators.visma.desk import Desk
from ml_connector.simulators.visma.errors import not_found
from ml_connector.simulators.visma.rows import RowMaker
from ml_connector.simulators.visma.supplier_rows import FIRST_SUPPLIER, supplier
from ml_connector.simulators.visma.tables import Table

Members = dict[str, Any]

EXPANDS = {"expandAccountInformation": "glAccounts", "expandNote": "note"}
"""The blocks that the list shows only when it is asked to, by parameter (Visma reference, section 4)."""


class Suppliers:
    """Suppliers by number; the number of a supplier stays what it is."""

    def __init__(self, desk: Desk, maker: RowMaker) -> None:
        self._desk = desk
        self._maker = maker
        self._ids: dict[str, int] = {}
        self._next_index = desk.settings.suppliers
        self._customers = desk.settings.customers
        self.table = Table(desk.zone, apart=tuple(EXPANDS.values()))
        self.first_contacts: list[Members] = []
        for index in range(desk.settings.suppliers):
            row, contacts = supplier(maker, index, self._customers, desk.settings.awkward)
            self._keep(row)
            self.first_contacts += contacts

    def __contains__(self, number: object) -> bool:
        return number in self._ids

    def id(self, number: str) -> int:
        """The internal id of a supplier number; 404."""
        if number not in self._ids:
            raise not_found("Supplier", number)
        return self._ids[number]

    def read(self, number: str) -> Members:
        return self.table.read(self.id(number))

    def new(self) -> Members:
        """A made-up supplier with the next free number, not kept yet."""
        while str(FIRST_SUPPLIER + self._next_index) in self._ids:
            self._next_index += 1
        row, _ = supplier(self._maker, self._next_index, 0, awkward=False)
        self._next_index += 1
        return row

    def save(self, row: Members, *, modified_at: str | None = None, silent: bool = False) -> Members:
        """Keep a new or changed supplier, modified now or at `modified_at`; `silent` leaves its stamp as it is."""
        if not silent:
            row["lastModifiedDateTime"] = modified_at or self._desk.now()
        return self._keep(row)

    def remove(self, number: str) -> None:
        """The supplier vanishes; 404."""
        self.table.remove(self.id(number))
        del self._ids[number]

    def move(self, count: int) -> None:
        """The first suppliers in the order are modified and so move to the end."""
        for internal_id in self.table.ids()[:count]:
            self.save(self.table.read(internal_id))
            self.table.move_to_end(internal_id)

    def _keep(self, row: Members) -> Members:
        row["timeStamp"] = self._desk.version()
        self.table.put(row["internalId"], row)
        self._ids[row["number"]] = row["internalId"]
        return row
