"""The company: its customers and person contacts, and every change to them."""

from __future__ import annotations

import base64
import struct
from collections import defaultdict
from typing import Any
from zoneinfo import ZoneInfo

from ml_connector.simulators.visma.awkward import Draft, case_at, make_awkward
from ml_connector.simulators.visma.errors import not_found
from ml_connector.simulators.visma.masters import CREDIT_TERMS, CUSTOMER_CLASSES
from ml_connector.simulators.visma.quota import Quota
from ml_connector.simulators.visma.rows import FIRST_CONTACT_ID, RowMaker
from ml_connector.simulators.visma.settings import VismaSettings
from ml_connector.simulators.visma.stamps import plain, stored, with_offset
from ml_connector.simulators.visma.tables import Selection, Table

FIRST_VERSION = 0x4D000000


class Store:
    """All state of one company. Members of rows are the read models' (Visma reference, appendix)."""

    def __init__(self, settings: VismaSettings) -> None:
        self.settings = settings
        self.quota = Quota(settings)
        self.reset()

    def reset(self) -> None:
        """Throw everything away and make the customers that the settings ask for."""
        settings = self.settings
        base = settings.started_at or settings.now()
        self.zone = ZoneInfo(settings.timezone)
        self.quota.clear()
        self.customers, self.contacts = Table(self.zone), Table(self.zone)
        self.awkward: dict[str, list[str]] = defaultdict(list)
        self.demo_rounds = 0
        self._version = FIRST_VERSION
        self._ids: dict[str, int] = {}
        self._numbers: dict[int, str] = {}
        self._contacts_of: dict[str, list[int]] = defaultdict(list)
        self._next_index = settings.customers
        self._next_contact_id = FIRST_CONTACT_ID + 2 * settings.customers
        self.maker = RowMaker(settings.seed, base, self.zone, settings.contacts_share)
        for index in range(settings.customers):
            customer, contacts = self.maker.rows(index)
            if settings.awkward and (case := case_at(index, settings.customers)):
                name, spacing = case
                make_awkward(Draft(self.maker, customer, contacts, index, spacing, base), name)
                self.awkward[name].append(customer["number"])
            self._keep_customer(customer)
            for contact in contacts:
                self._keep_contact(contact)

    def state(self, offset: int, count: int) -> dict[str, Any]:
        """Everything, for tests; rows in their order."""

        def part(table: Table) -> dict[str, Any]:
            rows = table.select(Selection())
            return {"total": len(rows), "rows": [row.read() for row in rows[offset : offset + count]]}

        return {
            "customers": part(self.customers),
            "contacts": part(self.contacts),
            "customer_classes": CUSTOMER_CLASSES,
            "credit_terms": CREDIT_TERMS,
            "awkward": self.awkward,
        }

    # Customers

    def customer_id(self, number: str) -> int:
        """The internal id of a customer number; 404."""
        if number not in self._ids:
            raise not_found("Customer", number)
        return self._ids[number]

    def customer(self, number: str) -> dict[str, Any]:
        return self.customers.read(self.customer_id(number))

    def is_customer(self, number: str) -> bool:
        return number in self._ids

    def numbers(self) -> list[str]:
        return list(self._ids)

    def new_customer(self) -> dict[str, Any]:
        """A made-up customer with the next free ids, not kept yet."""
        while True:
            customer, _ = self.maker.rows(self._next_index)
            self._next_index += 1
            if customer["number"] not in self._ids:
                break
        now = plain(stored(self.settings.now()), self.zone)
        return customer | {"createdDateTime": now, "lastModifiedDateTime": now}

    def save_customer(self, customer: dict[str, Any], *, modified_at: str | None = None, silent: bool = False) -> str:
        """Keep a new or changed customer, and its new number; answers with the new `timeStamp`.

        It is modified now, or at `modified_at` (a stamp); `silent` leaves `lastModifiedDateTime` as it is.
        """
        if not silent:
            now = plain(stored(self.settings.now()), self.zone)
            customer["lastModifiedDateTime"] = modified_at or now
        number = customer["number"]
        former = self._numbers.get(customer["internalId"], number)
        if former != number:
            del self._ids[former]
            for contact_id in self._contacts_of.pop(former, []):
                self._keep_contact(self.contacts.read(contact_id) | {"businessAccount": number})
        return self._keep_customer(customer)

    def remove_customer(self, number: str) -> None:
        """The customer and its person contacts vanish, as a deletion in the vendor's user interface; 404."""
        self.customer_id(number)
        internal_id = self._ids.pop(number)
        del self._numbers[internal_id]
        self.customers.remove(internal_id)
        for contact_id in self._contacts_of.pop(number, []):
            self.contacts.remove(contact_id)

    def move_customers(self, count: int) -> None:
        """The first customers in the order are modified and so move to the end: the pages of a scan shift."""
        for internal_id in self.customers.ids()[:count]:
            self.save_customer(self.customers.read(internal_id))
            self.customers.move_to_end(internal_id)

    # Person contacts

    def contact(self, contact_id: int) -> dict[str, Any]:
        if contact_id not in self.contacts:
            raise not_found("Contact", str(contact_id))
        return self.contacts.read(contact_id)

    def contact_ids_of(self, number: str) -> list[int]:
        return list(self._contacts_of.get(number, ()))

    def new_contact(self, business_account: str) -> dict[str, Any]:
        """An empty contact with the next free id, not kept yet."""
        self._next_contact_id += 1
        return self.maker.contact(self._next_contact_id, business_account, "", "", "", self.settings.now())

    def save_contact(self, contact: dict[str, Any], *, modified_at: str | None = None, silent: bool = False) -> str:
        """As `save_customer`."""
        if not silent:
            now = with_offset(stored(self.settings.now()), self.zone)
            contact["lastModifiedDateTime"] = modified_at or now
        contact["displayName"] = ", ".join(filter(None, (contact["lastName"], contact["firstName"])))
        if contact["contactId"] in self.contacts:
            former = self.contacts.read(contact["contactId"])["businessAccount"]
            self._contacts_of[former].remove(contact["contactId"])
        return self._keep_contact(contact)

    def _keep_customer(self, customer: dict[str, Any]) -> str:
        customer["timeStamp"] = self._next_version()
        self.customers.put(customer["internalId"], customer)
        self._ids[customer["number"]] = customer["internalId"]
        self._numbers[customer["internalId"]] = customer["number"]
        return str(customer["timeStamp"])

    def _keep_contact(self, contact: dict[str, Any]) -> str:
        contact["timeStamp"] = self._next_version()
        self.contacts.put(contact["contactId"], contact)
        self._contacts_of[contact["businessAccount"]].append(contact["contactId"])
        return str(contact["timeStamp"])

    def _next_version(self) -> str:
        """A row version as the database gives them: eight bytes in base 64, different each time (section 8)."""
        self._version += 1
        return base64.b64encode(struct.pack(">Q", self._version)).decode()
