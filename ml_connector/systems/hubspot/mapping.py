"""From a Visma customer to HubSpot's objects: pure and total.

Any row ends as a desired state, a skip or a rejection:

| flow                | object                 | identity                                       |
| ------------------- | ---------------------- | ---------------------------------------------- |
| `companies`         | company                | `nordic:123`, of the customer's internal id    |
| `contacts`          | contact                | the address of the contact person, lower-cased |
| `contact_companies` | link between these two | `nordic:123`                                   |
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import ValidationError

from ml_connector.engine.records import Desired, Mapped, Need, Record, Reject, Skip
from ml_connector.systems.hubspot.fields import Source, Subject, as_text, parse_source
from ml_connector.systems.hubspot.settings import CUSTOMER_MARK, EMAIL, LIFECYCLE, CompaniesSettings, ContactsSettings
from ml_connector.systems.visma.models import Contact, Customer, CustomerClass, Described, Model

CUSTOMERS = "visma.customers"
CONTACTS = "visma.contacts"
CLASSES = "visma.customer_classes"
INACTIVE = "Inactive"
VANISHED = "Deleted"
"""The status of a customer that Visma.net does not have any more."""
UNREADABLE = "unreadable:"
"""How the key of a row begins that carries no key of its own."""

NOT_SELECTED = "not selected"
NO_ADDRESS = "no e-mail address"
INACTIVE_ABSENT = "inactive, and not in HubSpot"
NO_CONTACT = "no contact"

_EMAIL = re.compile(r"[^\s@,;:<>()\[\]\"\\]+@(?:[^\W_](?:[\w-]*[^\W_])?\.)+[^\W\d_]{2,}")
_LONGEST_EMAIL = 254

AnyModel = TypeVar("AnyModel", bound=Model)


def map_company(record: Record, settings: CompaniesSettings, namespace: str, portal: str | None) -> Mapped:
    """What the company of this customer should look like: `properties`, without our key, which is the claim.

    `portal` is part of the body, so that another account is another state.
    """
    subject = read_customer(record)
    if isinstance(subject, Reject):
        return subject
    subject = with_class(subject, record)
    if settings_look_at_contacts(settings.sources.values()):
        person = contact_person(record, subject.customer, "main_contact.email")
        if isinstance(person, Reject):
            return person
        subject = Subject(subject.customer, person, subject.customer_class)
    if (skipped := not_selected(subject, settings)) is not None:
        return skipped
    claim = company_key(subject.customer, namespace)
    if claim is None:
        return Reject("Visma.net's row has no internal id, so nothing tells the customer apart.", "no internal id")
    values = {name: source.value(subject) for name, source in settings.sources.items()}
    if not values.get("name") and not values.get("domain"):
        return Reject("HubSpot takes no company without a name or a domain. Give it a name in Visma.net.", "no name")
    inactive = is_inactive(subject.customer)
    properties = {**values, CUSTOMER_MARK: "true"}
    if settings.lifecycle_stage is not None and not inactive:
        properties[LIFECYCLE] = settings.lifecycle_stage
    return Desired(
        claim,
        _body(properties, portal, match=_matching(subject, settings)),
        create=settings.create_inactive or not inactive,
        rule=INACTIVE_ABSENT if inactive else None,
    )


def map_contact(record: Record, settings: ContactsSettings, companies: CompaniesSettings, portal: str | None) -> Mapped:
    """What the contact of this customer's contact person should look like; its address is the claim.

    `person` is Visma's contact id: if the address of the same person changes, the contact is renamed.
    """
    subject = read_person(record, settings, companies)
    if not isinstance(subject, Subject):
        return subject
    email = address_of(subject, settings)
    if not email:
        return Skip(NO_ADDRESS, f"{settings.email} is empty.")
    if not is_address(email):
        return Reject(_what_is_wrong(email), "malformed address")
    inactive = is_inactive(subject.customer)
    properties = {
        name: value
        for name, source in settings.sources.items()
        if (value := source.value(subject)) or subject.contact is not None or not source.looks_into("contact")
    }
    person = None if subject.contact is None else str(subject.contact.contact_id)
    return Desired(
        email.lower(),
        _body({**properties, EMAIL: email.lower()}, portal, person=person),
        create=not inactive,
        rule=INACTIVE_ABSENT if inactive else None,
    )


def map_link(record: Record, settings: ContactsSettings, companies: CompaniesSettings, namespace: str) -> Mapped:
    """The link between a customer's contact and its company; the ids of both come from the ledger."""
    subject = read_person(record, settings, companies)
    if isinstance(subject, Reject):
        return Skip(NO_CONTACT, "The customer's row cannot be read; see the other flows.")
    if isinstance(subject, Skip):
        return subject
    email, claim = address_of(subject, settings), company_key(subject.customer, namespace)
    if claim is None:
        return Skip(NO_CONTACT, "The customer has no internal id; see companies.")
    if not is_address(email):
        return Skip(NO_CONTACT, "The customer has no usable e-mail address; see contacts.")
    inactive = is_inactive(subject.customer)
    return Desired(
        claim,
        {},
        create=not inactive,
        rule=INACTIVE_ABSENT if inactive else None,
        needs={
            "contact": Need("contacts", email.lower(), record.key),
            "company": Need("companies", claim, record.key),
        },
    )


def company_key(customer: Customer, namespace: str) -> str | None:
    """`nordic:123`: by the internal id, because users can change the number (Visma reference, appendix)."""
    return None if customer.internal_id is None else f"{namespace}:{customer.internal_id}"


def is_inactive(customer: Customer) -> bool:
    return customer.status in (INACTIVE, VANISHED)


def is_address(email: str) -> bool:
    """Whether it looks like one e-mail address."""
    return len(email) <= _LONGEST_EMAIL and ".." not in email and _EMAIL.fullmatch(email) is not None


def read_customer(record: Record) -> Subject | Reject:
    """The customer of a row; one that vanished has the status `Deleted`."""
    if record.key.startswith(UNREADABLE):
        return Reject(
            "Visma.net sent this row without a customer number, so nobody can tell whose it is.", "unreadable"
        )
    customer = parsed(Customer, record.payload)
    if isinstance(customer, str):
        return Reject(f"Visma.net's row cannot be read: {customer}.", "unreadable")
    return Subject(customer.model_copy(update={"status": VANISHED}) if record.vanished else customer)


def read_person(record: Record, settings: ContactsSettings, companies: CompaniesSettings) -> Subject | Skip | Reject:
    """A customer that becomes a company, with its contact person."""
    subject = read_customer(record)
    if isinstance(subject, Reject):
        return subject
    subject = with_class(subject, record)
    person = contact_person(record, subject.customer, settings.email)
    if isinstance(person, Reject):
        return person
    subject = Subject(subject.customer, person, subject.customer_class)
    return not_selected(subject, companies) or subject


def contact_person(record: Record, customer: Customer, email_path: str) -> Contact | Reject | None:
    """The active contact with the customer's address, else the first active one; by the lowest contact id."""
    contacts = [parsed(Contact, row) for row in record.secondary.get(CONTACTS, ())]
    if wrong := next((one for one in contacts if isinstance(one, str)), None):
        return Reject(f"A contact of this customer cannot be read: {wrong}.", "unreadable")
    people = sorted((one for one in contacts if isinstance(one, Contact)), key=lambda one: one.contact_id)
    active = [one for one in people if one.active is not False]
    place = parse_source(email_path).places[0]
    email = "" if place.root else as_text(place.look_up(Subject(customer))).lower()
    same = (one for one in active if email and as_text(one.email).lower() == email)
    return next(same, None) or (None if email else next(iter(active), None))


def address_of(subject: Subject, settings: ContactsSettings) -> str:
    return parse_source(settings.email).value(subject)


def with_class(subject: Subject, record: Record) -> Subject:
    """With the customer's class; its description comes from the class list where the row has none."""
    described: Described | None = subject.customer.customer_class
    if described is None or described.id is None or CLASSES not in record.secondary:
        return subject
    known = _classes(tuple(record.secondary[CLASSES])).get(described.id)
    found = known or CustomerClass(id=described.id)
    if described.description:
        found = found.model_copy(update={"description": described.description})
    return Subject(subject.customer, subject.contact, found)


def not_selected(subject: Subject, settings: CompaniesSettings) -> Skip | None:
    """The first path of `where` whose value is not accepted."""
    for path, accepted in settings.where.items():
        if as_text(parse_source(path).places[0].look_up(subject)) not in accepted:
            return Skip(f"{NOT_SELECTED}: {path}", "The value is not among those that `where` accepts.")
    return None


def settings_look_at_contacts(sources: Iterable[Source]) -> bool:
    return any(source.looks_into("contact") for source in sources)


def parsed(model: type[AnyModel], payload: bytes) -> AnyModel | str:
    """The row, or in plain words what is wrong with it; values are not quoted, they may be personal."""
    try:
        return model.model_validate_json(payload)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        return f"{place}: {first['msg']}" if place else first["msg"]


def _matching(subject: Subject, settings: CompaniesSettings) -> dict[str, str] | None:
    """Property -> the value by which a company that people made may be found; None where nothing is matched."""
    if not settings.match:
        return None
    values = {name: parse_source(path).value(subject) for name, path in settings.match.items()}
    return {name: value for name, value in values.items() if value}


def _body(properties: Mapping[str, str], portal: str | None, **others: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"properties": dict(properties)}
    for name, value in {"portal": portal, **others}.items():
        if value is not None:
            body[name] = value
    return body


@lru_cache(maxsize=4)
def _classes(rows: tuple[bytes, ...]) -> dict[str, CustomerClass]:
    read = (parsed(CustomerClass, row) for row in rows)
    return {one.id: one for one in read if isinstance(one, CustomerClass)}


def _what_is_wrong(email: str) -> str:
    if email.count("@") > 1:
        return "There is more than one e-mail address in the field; HubSpot takes one. Correct it in Visma.net."
    return "What stands in the field is no e-mail address. Correct it in Visma.net."
