"""Visma's rows as the mapping looks at them: a customer or supplier with its class and contact person; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TypeVar

from pydantic import ValidationError

from ml_connector.engine.records import Record, Reject, Skip
from ml_connector.systems.hubspot.fields import Source, Subject, as_text, parse_source
from ml_connector.systems.hubspot.registrations import normalized
from ml_connector.systems.visma.models import (
    Contact,
    Customer,
    CustomerClass,
    Described,
    Model,
    Supplier,
    SupplierClass,
)

CUSTOMERS = "visma.customers"
SUPPLIERS = "visma.suppliers"
CONTACTS = "visma.contacts"
CUSTOMER_CLASSES = "visma.customer_classes"
SUPPLIER_CLASSES = "visma.supplier_classes"
INACTIVE = "Inactive"
VANISHED = "Deleted"
"""The status of a customer or supplier that Visma.net does not have any more."""
UNREADABLE = "unreadable:"
"""How the key of a row begins that carries no key of its own."""

NOT_SELECTED = "not selected"

_EMAIL = re.compile(r"[^\s@,;:<>()\[\]\"\\]+@(?:[^\W_](?:[\w-]*[^\W_])?\.)+[^\W\d_]{2,}")
_LONGEST_EMAIL = 254

AnyModel = TypeVar("AnyModel", bound=Model)


def read_customer(record: Record) -> Subject | Reject:
    """The customer of a row, with its class; one that vanished has the status `Deleted`."""
    customer = _read(Customer, record, "customer")
    return customer if isinstance(customer, Reject) else Subject(customer, None, _customer_class(customer, record))


def read_supplier(record: Record) -> Subject | Reject:
    """The supplier of a row, likewise."""
    supplier = _read(Supplier, record, "supplier")
    return supplier if isinstance(supplier, Reject) else Subject(supplier, None, _supplier_class(supplier, record))


def with_person(subject: Subject, record: Record, email_path: str) -> Subject | Reject:
    """With the customer's contact person: the active contact with the customer's address.

    Where the customer has no address of its own, it is the first active one, by the lowest contact id.
    """
    contacts = [parsed(Contact, row) for row in record.secondary.get(CONTACTS, ())]
    if wrong := next((one for one in contacts if isinstance(one, str)), None):
        return Reject(f"A contact of this customer cannot be read: {wrong}.", "unreadable")
    people = sorted((one for one in contacts if isinstance(one, Contact)), key=lambda one: one.contact_id)
    active = [one for one in people if one.active is not False]
    place = parse_source(email_path).places[0]
    email = "" if place.root else as_text(place.look_up(subject)).lower()
    same = (one for one in active if email and as_text(one.email).lower() == email)
    person = next(same, None) or (None if email else next(iter(active), None))
    return Subject(subject.party, person, subject.party_class)


def not_selected(subject: Subject, where: Mapping[str, tuple[Source, list[str]]]) -> Skip | None:
    """The first path of `where` whose value is not accepted."""
    for path, (source, accepted) in where.items():
        if as_text(source.places[0].look_up(subject)) not in accepted:
            return Skip(f"{NOT_SELECTED}: {path}", "The value is not among those that `where` accepts.")
    return None


def our_key(subject: Subject, namespace: str) -> str | None:
    """`nordic:123`: by the internal id, because users can change the number (Visma reference, appendix)."""
    internal_id = subject.party.internal_id
    return None if internal_id is None else f"{namespace}:{internal_id}"


def registration(subject: Subject) -> str | None:
    """`NO 987654325`: the name under which the same business is found as customer and as supplier.

    With the country, because two countries give the same numbers. None where there is none, or none to be trusted.
    """
    party = subject.party
    address = party.main_address
    country = as_text(party.location.country_id) if party.location else ""
    country = country or (as_text(address.country.id) if address and address.country else "")
    number = normalized(party.corporate_id or "", country)
    return f"{country.upper()} {number}".encode("utf-8", "replace").decode()[:255] if number else None


def is_inactive(subject: Subject) -> bool:
    return subject.party.status in (INACTIVE, VANISHED)


def is_address(email: str) -> bool:
    """Whether it looks like one e-mail address."""
    return len(email) <= _LONGEST_EMAIL and ".." not in email and _EMAIL.fullmatch(email) is not None


def parsed(model: type[AnyModel], payload: bytes) -> AnyModel | str:
    """The row, or in plain words what is wrong with it; values are not quoted, they may be personal."""
    try:
        return model.model_validate_json(payload)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        return f"{place}: {first['msg']}" if place else first["msg"]


def _read(model: type[AnyModel], record: Record, what: str) -> AnyModel | Reject:
    if record.key.startswith(UNREADABLE):
        return Reject(f"Visma.net sent this row without a {what} number, so nobody can tell whose it is.", "unreadable")
    party = parsed(model, record.payload)
    if isinstance(party, str):
        return Reject(f"Visma.net's row cannot be read: {party}.", "unreadable")
    return party.model_copy(update={"status": VANISHED}) if record.vanished else party


def _customer_class(customer: Customer, record: Record) -> CustomerClass | None:
    """With the description of the class list where the row has none."""
    described: Described | None = customer.customer_class
    if described is None or described.id is None or CUSTOMER_CLASSES not in record.secondary:
        return None
    known = _customer_classes(tuple(record.secondary[CUSTOMER_CLASSES])).get(described.id)
    found = known or CustomerClass(id=described.id)
    return found.model_copy(update={"description": described.description}) if described.description else found


def _supplier_class(supplier: Supplier, record: Record) -> SupplierClass | None:
    described: Described | None = supplier.supplier_class
    if described is None or described.id is None or SUPPLIER_CLASSES not in record.secondary:
        return None
    known = _supplier_classes(tuple(record.secondary[SUPPLIER_CLASSES])).get(described.id)
    found = known or SupplierClass(id=described.id)
    return found.model_copy(update={"description": described.description}) if described.description else found


@lru_cache(maxsize=4)
def _customer_classes(rows: tuple[bytes, ...]) -> dict[str, CustomerClass]:
    read = (parsed(CustomerClass, row) for row in rows)
    return {one.id: one for one in read if isinstance(one, CustomerClass)}


@lru_cache(maxsize=4)
def _supplier_classes(rows: tuple[bytes, ...]) -> dict[str, SupplierClass]:
    read = (parsed(SupplierClass, row) for row in rows)
    return {one.id: one for one in read if isinstance(one, SupplierClass)}
