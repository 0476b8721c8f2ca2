"""From a Visma customer to a member: pure and total, so that any row ends as a desired state, a skip or a rejection."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from hashlib import md5
from typing import Any, TypeVar

from pydantic import ValidationError

from ml_connector.engine.records import Desired, Mapped, Record, Reject, Skip
from ml_connector.systems.mailchimp.consent import UNSUBSCRIBED
from ml_connector.systems.mailchimp.exchange import NOT_A_MEMBER
from ml_connector.systems.mailchimp.fields import Subject, as_text, parse_source
from ml_connector.systems.mailchimp.settings import REFUSALS, MembersSettings
from ml_connector.systems.visma.models import Contact, Customer, CustomerClass, Described, Model

CONTACTS = "visma.contacts"
CLASSES = "visma.customer_classes"
INACTIVE = "Inactive"
UNREADABLE = "unreadable:"
"""How the key of a row begins that carries no key of its own."""

NO_MASS_MAIL = "no mass mail"
NO_ADDRESS = "no e-mail address"
NOT_SELECTED = "not selected"

_EMAIL = re.compile(r"[^\s@,;:<>()\[\]\"\\]+@(?:[^\W_](?:[\w-]*[^\W_])?\.)+[^\W\d_]{2,}")
_LONGEST_EMAIL = 254

AnyModel = TypeVar("AnyModel", bound=Model)


def map_customer(record: Record, settings: MembersSettings, audience: str) -> Mapped:
    """What the member of this customer should look like.

    The body is what the writer makes calls of: `list_id` (so that another audience is another state), `email_address`,
    `merge_fields`, and one of `status_if_new`, `tags`, `archive` and `status`.
    """
    if record.key.startswith(UNREADABLE):
        return Reject(
            "Visma.net sent this row without a customer number, so nobody can tell whose it is.", "unreadable"
        )
    customer = _parsed(settings.customer, record.payload)
    if isinstance(customer, str):
        return Reject(f"Visma.net's row cannot be read: {customer}.", "unreadable")
    people: list[Contact] = []
    for row in record.secondary.get(CONTACTS, ()):
        contact = _parsed(settings.contact, row)
        if isinstance(contact, str):
            return Reject(
                f"A contact of this customer cannot be read, so what it says about mail is unknown: {contact}.",
                "unreadable",
            )
        people.append(contact)
    people.sort(key=lambda one: one.contact_id)

    place = settings.place_of_email
    subject = Subject(customer, None, None)
    email = as_text(place.look_up(subject))
    person = _contact_person(people, email) if people else None
    described = _class_of(customer, record.secondary.get(CLASSES, ())) if settings.looks_into_class else None
    if person is not None or described is not None:
        subject = Subject(customer, person, described)
        email = as_text(place.look_up(subject)) if place.root else email
    claim = subscriber_hash(email) if is_address(email) else None

    if people and (
        flagged := _said_no(people, person, email)
    ):  # whatever the address is like: somebody may be on the list already
        return Skip(NO_MASS_MAIL, f"{flagged} of a contact is set.", claim=claim, veto=True)
    if settings.where and (path := _not_accepted(subject, settings)) is not None:
        return Skip(f"{NOT_SELECTED}: {path}", "The value is not among those that `where` accepts.")
    if not email:
        return Skip(NO_ADDRESS, f"{settings.email} is empty.")
    if claim is None:
        return Reject(_what_is_wrong(email), "malformed address")
    return _desired(
        subject, settings, audience, claim, email, terminated=record.vanished or customer.status == INACTIVE
    )


def subscriber_hash(email: str) -> str:
    """MD5 of the lower-cased address, as Mailchimp names a member (Mailchimp reference, section 6)."""
    return md5(email.lower().encode("utf-8", "replace"), usedforsecurity=False).hexdigest()


def is_address(email: str) -> bool:
    """Whether it looks like one e-mail address."""
    return len(email) <= _LONGEST_EMAIL and ".." not in email and _EMAIL.fullmatch(email) is not None


def _desired(
    subject: Subject, settings: MembersSettings, audience: str, claim: str, email: str, *, terminated: bool
) -> Desired:
    if terminated and settings.terminated == "archive":
        return Desired(claim, {"list_id": audience, "archive": True}, create=False, rule=NOT_A_MEMBER)
    merge_fields: dict[str, Any] = {}
    for tag, source in settings.sources.items():
        value = source.value(subject)
        if value is not None:
            merge_fields[tag] = value
    body: dict[str, Any] = {"list_id": audience, "email_address": email, "merge_fields": merge_fields}
    if not terminated:
        return Desired(claim, {**body, "status_if_new": settings.new_member_status})
    if settings.terminated == "unsubscribe":
        body["status"] = UNSUBSCRIBED
    else:
        body["tags"] = [{"name": settings.terminated_tag, "status": "active"}]
    return Desired(claim, body, create=False, rule=NOT_A_MEMBER)


def _contact_person(people: Sequence[Contact], email: str) -> Contact | None:
    active = [person for person in people if person.active is not False]
    same = (person for person in active if email and as_text(person.email).lower() == email.lower())
    return next(same, None) or next(iter(active), None)


def _said_no(people: Sequence[Contact], person: Contact | None, email: str) -> str | None:
    """The flag by which the contact person, or anybody with the same address, refuses mail; inactive ones count too.

    Where the customer has no address, nothing says any more whose address the member has that was delivered before. The
    contact person still speaks for the customer. A contact without an address may be the one whose address was taken
    away together with the customer's, and the customer is skipped in silence from now on, so what they say counts here
    or never. One who has an address speaks for that one: unsubscribing cannot be taken back, so nobody is taken off
    because of a colleague. An address that is only malformed is rejected until somebody corrects it, and is asked for
    as it then is.
    """
    address = email.lower()  # empty: the same as that of the contacts without one, and meant so
    concerned = [one for one in people if one is person or as_text(one.email).lower() == address]
    return next((flag.replace("_", " ") for one in concerned for flag in REFUSALS if getattr(one, flag)), None)


def _not_accepted(subject: Subject, settings: MembersSettings) -> str | None:
    """The first path of `where` whose value is not accepted."""
    return next(
        (
            path
            for path, accepted in settings.where.items()
            if as_text(parse_source(path).places[0].look_up(subject)) not in accepted
        ),
        None,
    )


def _class_of(customer: Customer, rows: Sequence[bytes]) -> CustomerClass | None:
    """The customer's class, with the description of the class list where the customer's row has none."""
    described: Described | None = customer.customer_class
    if described is None or described.id is None:
        return None
    known = _classes(tuple(rows)).get(described.id)
    if known is None:
        return CustomerClass(id=described.id, description=described.description)
    return known.model_copy(update={"description": described.description}) if described.description else known


@lru_cache(maxsize=4)
def _classes(rows: tuple[bytes, ...]) -> dict[str, CustomerClass]:
    parsed = (_parsed(CustomerClass, row) for row in rows)
    return {one.id: one for one in parsed if isinstance(one, CustomerClass)}


def _parsed(model: type[AnyModel], payload: bytes) -> AnyModel | str:
    """The row, or in plain words what is wrong with it; values are not quoted, they may be personal."""
    try:
        return model.model_validate_json(payload)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        return f"{place}: {first['msg']}" if place else first["msg"]


def _what_is_wrong(email: str) -> str:
    if email.count("@") > 1:
        return "There is more than one e-mail address in the field; Mailchimp takes one. Correct it in Visma.net."
    return "What stands in the field is no e-mail address. Correct it in Visma.net."
