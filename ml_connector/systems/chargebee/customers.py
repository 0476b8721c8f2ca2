"""From a Visma customer to a Chargebee customer: pure and total."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import ValidationError

from ml_connector.engine.records import Desired, Mapped, Record, Reject, Skip
from ml_connector.systems.chargebee.fields import BILLING, Subject, as_text, longest, parse_source
from ml_connector.systems.chargebee.flow_settings import CustomersSettings
from ml_connector.systems.visma.models import Contact, Customer, CustomerClass, Model

CUSTOMERS = "visma.customers"
CONTACTS = "visma.contacts"
CLASSES = "visma.customer_classes"
UNREADABLE = "unreadable:"
INACTIVE = ("Inactive", "Deleted")
LONGEST_ID = 50
VAT = "vat"
"""In what is known of a customer at Chargebee: a digest of its VAT number, which its open invoices follow."""
GONE = "inactive, and not at Chargebee"

_ID = re.compile(r"[A-Za-z0-9_.-]+")
_EMAIL = re.compile(r"[^\s@,;:<>()\[\]\"\\]+@(?:[^\W_](?:[\w-]*[^\W_])?\.)+[^\W\d_]{2,}")
_COUNTRY = re.compile(r"[A-Z]{2}")

AnyModel = TypeVar("AnyModel", bound=Model)


def map_customer(record: Record, settings: CustomersSettings) -> Mapped:
    """What the customer should be like.

    The body holds `customer` and `billing`, the parameters of the two calls that change one; an empty text clears. An
    inactive customer is never deleted and never created: where it is there, it bears its status.
    """
    if record.key.startswith(UNREADABLE):
        return Reject(
            "Visma.net sent this row without a customer number, so nobody can tell whose it is.", "unreadable"
        )
    customer = parsed(Customer, record.payload)
    if isinstance(customer, str):
        return Reject(f"Visma.net's row cannot be read: {customer}.", "unreadable")
    if record.vanished:
        customer = customer.model_copy(update={"status": "Deleted"})
    subject = Subject(customer, _person(record), _class(customer, record))
    for path, accepted in settings.where.items():
        if as_text(parse_source(path).places[0].look_up(subject)) not in accepted:
            return Skip(f"not selected: {path}", "The value is not among those that `where` accepts.")
    claim = id_of(settings.prefix, customer.number)
    if claim is None:
        return Reject(
            f"The number {customer.number} makes no id at Chargebee, which takes letters, digits, hyphens, points and "
            f"underscores, at most {LONGEST_ID} with the prefix.",
            "id",
        )
    values = {name: source.value(subject, longest(name)) for name, source in settings.sources.items()}
    if (wrong := _wrong(values)) is not None:
        return wrong
    inactive = customer.status in INACTIVE
    return Desired(claim, _body(values), create=not inactive, rule=GONE if inactive else None)


def id_of(prefix: str, number: str) -> str | None:
    """The id that a number makes; None where it makes none."""
    text = f"{prefix}{number.strip()}"
    return text if _ID.fullmatch(text) and len(text) <= LONGEST_ID else None


def parsed(model: type[AnyModel], payload: bytes) -> AnyModel | str:
    """The row, or in plain words what is wrong with it; values are not quoted, they may be personal."""
    try:
        return model.model_validate_json(payload)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        return f"{place}: {first['msg']}" if place else first["msg"]


def _body(values: dict[str, str]) -> dict[str, Any]:
    address = {
        name.removeprefix("billing_address."): value
        for name, value in values.items()
        if name.startswith("billing_address.")
    }
    return {
        "customer": {name: value for name, value in values.items() if "." not in name and name not in BILLING},
        "billing": {
            **{name: values[name] for name in BILLING if name in values},
            "billing_address": address,
        },
    }


def _wrong(values: dict[str, str]) -> Reject | None:
    for name in ("email", "billing_address.email"):
        email = values.get(name, "")
        if email and not _EMAIL.fullmatch(email):
            return Reject(
                f"{name} is no e-mail address that Chargebee takes; correct it in Visma.", "malformed address"
            )
    country = values.get("billing_address.country", "")
    if country and not _COUNTRY.fullmatch(country):
        return Reject("The country is no code of two letters; correct it in Visma.", "country")
    return None


def _person(record: Record) -> Contact | None:
    """The first active contact person that can be read, by the lowest id: Chargebee mails nobody for us."""
    contacts = [parsed(Contact, row) for row in record.secondary.get(CONTACTS, ())]
    people = [one for one in contacts if isinstance(one, Contact) and one.active is not False]
    return min(people, key=lambda one: one.contact_id, default=None)


def _class(customer: Customer, record: Record) -> CustomerClass | None:
    described = customer.customer_class
    if described is None or described.id is None or CLASSES not in record.secondary:
        return None
    return _classes(tuple(record.secondary[CLASSES])).get(described.id) or CustomerClass(id=described.id)


@lru_cache(maxsize=4)
def _classes(rows: tuple[bytes, ...]) -> dict[str, CustomerClass]:
    read = (parsed(CustomerClass, row) for row in rows)
    return {one.id: one for one in read if isinstance(one, CustomerClass)}
