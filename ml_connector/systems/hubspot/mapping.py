"""From Visma's customers and suppliers to HubSpot's objects: pure and total.

Any row ends as a desired state, a skip or a rejection:

| flow                | object                 | identity                                                    |
| ------------------- | ---------------------- | ----------------------------------------------------------- |
| `companies`         | company                | `nordic:123`, of the customer's internal id                 |
| `suppliers`         | company                | `nordic:123`, of the supplier's internal id                 |
| `contacts`          | contact                | a digest of the address of the contact person, lower-cased  |
| `contact_companies` | link between these two | the customer's `nordic:123`                                 |

A business that is customer and supplier is one company with both marks: each side gives the ledger the registration
number as a further name of its company, and the one that comes later joins the other's. There the customer's values
go before the supplier's.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from ml_connector.engine.records import Desired, Mapped, Need, Record, Reject, Skip
from ml_connector.systems.hubspot.fields import Subject, parse_source, parse_supplier_source
from ml_connector.systems.hubspot.parties import (
    is_address,
    is_inactive,
    not_selected,
    our_key,
    read_customer,
    read_supplier,
    registration,
    with_person,
)
from ml_connector.systems.hubspot.settings import (
    CUSTOMER_MARK,
    EMAIL,
    LIFECYCLE,
    SUPPLIER_MARK,
    CompaniesSettings,
    ContactsSettings,
    SuppliersSettings,
)

NO_ADDRESS = "no e-mail address"
INACTIVE_ABSENT = "inactive, and not in HubSpot"
NO_CONTACT = "no contact"
TWIN = "twin"
"""Where HubSpot's id of the company stands in the body that the other side of the same business has."""
COUNTERPART = "counterpart"
"""Where HubSpot's id of the customer's company stands in a supplier's body, also if the customer came later."""
JOINED = "joined"
"""The fact that a record writes to the other side's company."""

NO_ID = Reject("Visma.net's row has no internal id, so nothing tells the record apart.", "no internal id")
NO_NAME = Reject("HubSpot takes no company without a name or a domain. Give it a name in Visma.net.", "no name")


def map_company(
    record: Record, settings: CompaniesSettings, namespace: str, portal: str | None, *, joins: bool = False
) -> Mapped:
    """What the company of this customer should look like: `properties`, without our key, which is the claim.

    `portal` is part of the body, so that another account is another state. `joins`: suppliers become companies, too.
    """
    subject = read_customer(record)
    if isinstance(subject, Reject):
        return subject
    if settings.looks_at_contacts:
        with_contact = with_person(subject, record, "main_contact.email")
        if isinstance(with_contact, Reject):
            return with_contact
        subject = with_contact
    if (skipped := _not_selected(subject, settings)) is not None:
        return skipped
    if (claim := our_key(subject, namespace)) is None:
        return NO_ID
    values = {name: source.value(subject) for name, source in settings.sources.items()}
    if not values.get("name") and not values.get("domain"):
        return NO_NAME
    inactive = is_inactive(subject)
    properties = {**values, CUSTOMER_MARK: "true"}
    if settings.lifecycle_stage is not None and not inactive:
        properties[LIFECYCLE] = settings.lifecycle_stage
    return _company(
        claim,
        _body(properties, portal, match=_matching(subject, settings)),
        inactive=inactive and not settings.create_inactive,
        also="suppliers" if joins else None,
        subject=subject,
    )


def map_supplier(
    record: Record, settings: SuppliersSettings, companies: CompaniesSettings, namespace: str, portal: str | None
) -> Mapped:
    """What the company of this supplier should look like.

    What the customers' flow writes as well stands apart, under `common`: at a company of both it is the customer's.
    """
    subject = read_supplier(record)
    if isinstance(subject, Reject):
        return subject
    where = {path: (parse_supplier_source(path), accepted) for path, accepted in settings.where.items()}
    if (skipped := not_selected(subject, where)) is not None:
        return skipped
    if (claim := our_key(subject, namespace)) is None:
        return NO_ID
    values = {name: source.value(subject) for name, source in settings.sources.items()}
    if not values.get("name") and not values.get("domain"):
        return NO_NAME
    common = {name: value for name, value in values.items() if name in companies.sources}
    own = {name: value for name, value in values.items() if name not in common}
    return _company(
        claim,
        _body({**own, SUPPLIER_MARK: "true"}, portal, common=common),
        inactive=is_inactive(subject) and not settings.create_inactive,
        also="companies",
        subject=subject,
    )


def map_contact(record: Record, settings: ContactsSettings, companies: CompaniesSettings, portal: str | None) -> Mapped:
    """What the contact of this customer's contact person should look like; `contact_key` of its address is the claim.

    `person` is Visma's contact id: if the address of the same person changes, the contact is renamed.
    """
    subject = _with_contact(record, settings, companies)
    if not isinstance(subject, Subject):
        return subject
    email = _address_of(subject, settings)
    if not email:
        return Skip(NO_ADDRESS, f"{settings.email} is empty.")
    if not is_address(email):
        return Reject(_what_is_wrong(email), "malformed address")
    inactive = is_inactive(subject)
    properties = {
        name: value
        for name, source in settings.sources.items()
        if (value := source.value(subject)) or subject.contact is not None or not source.looks_into("contact")
    }
    person = None if subject.contact is None else str(subject.contact.contact_id)
    return Desired(
        contact_key(email),
        _body({**properties, EMAIL: email.lower()}, portal, person=person),
        create=not inactive,
        rule=INACTIVE_ABSENT if inactive else None,
    )


def map_link(record: Record, settings: ContactsSettings, companies: CompaniesSettings, namespace: str) -> Mapped:
    """The link between a customer's contact and its company; the ids of both come from the ledger."""
    subject = _with_contact(record, settings, companies)
    if isinstance(subject, Reject):
        return Skip(NO_CONTACT, "The customer's row cannot be read; see the other flows.")
    if isinstance(subject, Skip):
        return subject
    email, claim = _address_of(subject, settings), our_key(subject, namespace)
    if claim is None:
        return Skip(NO_CONTACT, "The customer has no internal id; see companies.")
    if not is_address(email):
        return Skip(NO_CONTACT, "The customer has no usable e-mail address; see contacts.")
    inactive = is_inactive(subject)
    return Desired(
        claim,
        {},
        create=not inactive,
        rule=INACTIVE_ABSENT if inactive else None,
        needs={
            "contact": Need("contacts", contact_key(email), record.key),
            "company": Need("companies", claim, record.key),
        },
    )


def contact_key(email: str) -> str:
    """The identity of the contact with an address: the ledger holds identities as they are, and addresses sealed."""
    return blake2b(email.lower().encode("utf-8", "replace"), digest_size=16).hexdigest()


def _company(claim: str, body: Mapping[str, Any], *, inactive: bool, also: str | None, subject: Subject) -> Desired:
    """A company, with what it shares with the other flow that makes companies."""
    name = registration(subject) if also else None
    needs: dict[str, Need] = {}
    if also and name:
        needs[TWIN] = Need(also, name, alias=True, optional=True, unless=JOINED)
        if "common" in body:
            needs[COUNTERPART] = Need(also, name, alias=True, optional=True)
    return Desired(
        claim,
        body,
        create=not inactive,
        rule=INACTIVE_ABSENT if is_inactive(subject) else None,
        needs=needs,
        aliases=None if also is None else [name] if name else [],
    )


def _with_contact(record: Record, settings: ContactsSettings, companies: CompaniesSettings) -> Subject | Skip | Reject:
    """A customer that becomes a company, with its contact person."""
    subject = read_customer(record)
    if isinstance(subject, Reject):
        return subject
    with_contact = with_person(subject, record, settings.email)
    if isinstance(with_contact, Reject):
        return with_contact
    return _not_selected(with_contact, companies) or with_contact


def _not_selected(subject: Subject, settings: CompaniesSettings) -> Skip | None:
    return not_selected(subject, {path: (parse_source(path), accepted) for path, accepted in settings.where.items()})


def _address_of(subject: Subject, settings: ContactsSettings) -> str:
    return parse_source(settings.email).value(subject)


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


def _what_is_wrong(email: str) -> str:
    if email.count("@") > 1:
        return "There is more than one e-mail address in the field; HubSpot takes one. Correct it in Visma.net."
    return "What stands in the field is no e-mail address. Correct it in Visma.net."
