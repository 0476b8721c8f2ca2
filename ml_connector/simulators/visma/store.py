"""The company: its customers, suppliers and person contacts, and every change to them; its sales and its journal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from ml_connector.simulators.visma.awkward import Draft, case_at, make_awkward
from ml_connector.simulators.visma.books import Books
from ml_connector.simulators.visma.desk import Desk
from ml_connector.simulators.visma.errors import not_found
from ml_connector.simulators.visma.invoice_rows import CREDIT_NOTE, INVOICE
from ml_connector.simulators.visma.journal import Journal
from ml_connector.simulators.visma.masters import CREDIT_TERMS, CUSTOMER_CLASSES, SUPPLIER_CLASSES
from ml_connector.simulators.visma.periods import Periods
from ml_connector.simulators.visma.quota import Quota
from ml_connector.simulators.visma.rows import FIRST_CONTACT_ID, RowMaker
from ml_connector.simulators.visma.sales import Sales
from ml_connector.simulators.visma.settings import VismaSettings
from ml_connector.simulators.visma.supply import Suppliers
from ml_connector.simulators.visma.tables import Table

FIRST_VERSION = 0x4D000000
FIRST_SUPPLIER_VERSION = 0x5D000000
FIRST_BOOK_VERSION = 0x6D000000


class Store:
    """All state of one company. Members of rows are the read models' (Visma reference, appendix)."""

    def __init__(self, settings: VismaSettings) -> None:
        self.settings = settings
        self.quota = Quota(settings)
        self.reset()

    def reset(self) -> None:
        """Throw everything away and make the customers and suppliers that the settings ask for."""
        settings = self.settings
        self._base = base = settings.started_at or settings.now()
        self.zone = ZoneInfo(settings.timezone)
        self.__dict__.pop("books", None)
        self.quota.clear()
        self.periods = Periods(base.astimezone(self.zone).date())
        self.customers, self.contacts = Table(self.zone), Table(self.zone)
        self.awkward: dict[str, list[str]] = defaultdict(list)
        self.demo_rounds = 0
        self._desk = Desk(settings, self.zone, base, FIRST_VERSION)
        self._ids: dict[str, int] = {}
        self._numbers: dict[int, str] = {}
        self._contacts_of: dict[str, list[int]] = defaultdict(list)
        self._next_index = settings.customers
        self._next_contact_id = FIRST_CONTACT_ID + 2 * settings.customers
        self._first = replace(settings)
        self.maker = RowMaker(settings.seed, base, self.zone, settings.contacts_share)
        self._awkward_at: dict[str, int] = {}
        for index in range(settings.customers):
            customer, contacts, case = self._made(index)
            if case:
                self.awkward[case].append(customer["number"])
                self._awkward_at.setdefault(case, index)
            self._keep_customer(customer)
            for contact in contacts:
                self._keep_contact(contact)
        self.suppliers = Suppliers(Desk(settings, self.zone, base, FIRST_SUPPLIER_VERSION), self.maker)
        for contact in self.suppliers.first_contacts:
            self._keep_contact(contact)

    @cached_property
    def books(self) -> Books:
        """Invoices and journal. Made when they are first asked for, of what the settings made at the start: most runs
        never look at them, and whoever does finds the same whatever was changed before."""
        desk = Desk(self.settings, self.zone, self._base, FIRST_BOOK_VERSION)
        buyer = self._awkward_at.get("email_empty")
        return Books(desk, self._first, lambda index: self._made(index)[0], buyer)

    @property
    def sales(self) -> Sales:
        return self.books.sales

    @property
    def journal(self) -> Journal:
        return self.books.journal

    def _made(self, index: int) -> tuple[dict[str, Any], list[dict[str, Any]], str | None]:
        """The customer of an index as it was at the start, its contacts, and its awkward case."""
        customer, contacts = self.maker.rows(index)
        case = case_at(index, self._first.customers) if self._first.awkward else None
        if case is None:
            return customer, contacts, None
        name, spacing = case
        make_awkward(Draft(self.maker, customer, contacts, index, spacing, self._base), name)
        return customer, contacts, name

    def state(self, offset: int, count: int) -> dict[str, Any]:
        """Everything, for tests; rows in their order. The books only once they have been made."""
        books = self.books.state(offset, count) if "books" in self.__dict__ else {}
        return {
            "customers": self.customers.part(offset, count),
            "contacts": self.contacts.part(offset, count),
            "suppliers": self.suppliers.table.part(offset, count),
            "customer_classes": CUSTOMER_CLASSES,
            "supplier_classes": SUPPLIER_CLASSES,
            "credit_terms": CREDIT_TERMS,
            "awkward": self.awkward,
            **books,
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

    def is_business_account(self, number: str) -> bool:
        """Whether a customer or a supplier has the number: either may have person contacts."""
        return number in self._ids or number in self.suppliers

    def numbers(self) -> list[str]:
        return list(self._ids)

    def new_customer(self) -> dict[str, Any]:
        """A made-up customer with the next free ids, not kept yet."""
        while True:
            customer, _ = self.maker.rows(self._next_index)
            self._next_index += 1
            if customer["number"] not in self._ids:
                break
        now = self._desk.now()
        return customer | {"createdDateTime": now, "lastModifiedDateTime": now}

    def save_customer(self, customer: dict[str, Any], *, modified_at: str | None = None, silent: bool = False) -> str:
        """Keep a new or changed customer, and its new number; answers with the new `timeStamp`.

        It is modified now, or at `modified_at` (a stamp); `silent` leaves `lastModifiedDateTime` as it is.
        """
        if not silent:
            customer["lastModifiedDateTime"] = modified_at or self._desk.now()
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

    def move(self, rows: str, count: int) -> None:
        """The first rows in an order are modified and so move to the end: the pages of a scan shift.

        `rows` is one of customers, suppliers, invoices, credit_notes and journals; KeyError for another.
        """
        moves: dict[str, Callable[[int], None]] = {
            "customers": self._move_customers,
            "suppliers": self.suppliers.move,
            "invoices": lambda number: self.sales.move(INVOICE, number),
            "credit_notes": lambda number: self.sales.move(CREDIT_NOTE, number),
            "journals": lambda number: self.journal.move(number),
        }
        moves[rows](count)

    def _move_customers(self, count: int) -> None:
        for internal_id in self.customers.ids()[:count]:
            self.save_customer(self.customers.read(internal_id))
            self.customers.move_to_end(internal_id)

    def remove_supplier(self, number: str) -> None:
        """The supplier and its person contacts vanish; 404."""
        self.suppliers.remove(number)
        for contact_id in self._contacts_of.pop(number, []):
            self.contacts.remove(contact_id)

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
            contact["lastModifiedDateTime"] = modified_at or self._desk.now_with_offset()
        contact["displayName"] = ", ".join(filter(None, (contact["lastName"], contact["firstName"])))
        if contact["contactId"] in self.contacts:
            former = self.contacts.read(contact["contactId"])["businessAccount"]
            self._contacts_of[former].remove(contact["contactId"])
        return self._keep_contact(contact)

    def _keep_customer(self, customer: dict[str, Any]) -> str:
        customer["timeStamp"] = self._desk.version()
        self.customers.put(customer["internalId"], customer)
        self._ids[customer["number"]] = customer["internalId"]
        self._numbers[customer["internalId"]] = customer["number"]
        return str(customer["timeStamp"])

    def _keep_contact(self, contact: dict[str, Any]) -> str:
        contact["timeStamp"] = self._desk.version()
        self.contacts.put(contact["contactId"], contact)
        self._contacts_of[contact["businessAccount"]].append(contact["contactId"])
        return str(contact["timeStamp"])
