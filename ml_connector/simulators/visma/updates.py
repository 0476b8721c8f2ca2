"""The update models: scalars and nested objects wrapped as `{"value": x}`, and what each does to the read model.

PUT is partial: what is absent stays; `{"value": null}` clears; an unwrapped scalar is refused with 400 so that a
client's bug surfaces (Visma reference, sections 7 and 12). Names that the model does not have are ignored, and so are
`glAccounts`, `directDebitLines`, `eInvoiceContract`, `defaultPaymentMethod`, `note` and `overrideNumberSeries`, as the
read model of a plain call does not show them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ml_connector.simulators.people import COUNTRIES
from ml_connector.simulators.visma import masters
from ml_connector.simulators.visma.errors import ApiError

Members = dict[str, Any]

_STRINGS = ("name", "accountReference", "currencyId", "vatRegistrationId", "corporateId", "gln")
_WHOLES = ("numberOfEmployees", "creditDaysPastDue")
_NUMBERS = ("creditLimit",)
_FLAGS = (
    "printInvoices", "acceptAutoInvoices", "sendInvoicesByEmail", "sendDunningLettersViaEMail", "printDunningLetters",
    "printStatements", "sendStatementsByEmail", "printMultiCurrencyStatements", "invoiceToDefaultLocation",
    "excludeDebtCollection",
)  # fmt: skip
CUSTOMER_ENUMS = {
    "status": ("Active", "OnHold", "CreditHold", "Inactive", "OneTime"),
    "creditVerification": ("Disabled", "DaysPastDue", "CreditLimit", "LimitAndDaysPastDue"),
    "statementType": ("OpenItem", "BalanceBroughtForward"),
}
_REFERENCES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "customerClassId": ("customerClass", masters.CLASS_DESCRIPTIONS),
    "creditTermsId": ("creditTerms", masters.TERM_DESCRIPTIONS),
    "vatZoneId": ("vatZone", masters.VAT_ZONES),
    "priceClassId": ("priceClass", masters.PRICE_CLASSES),
}
_ADDRESSES = ("mainAddress", "invoiceAddress", "deliveryAddress")
_CONTACTS = ("mainContact", "invoiceContact", "deliveryContact")
_ADDRESS_STRINGS = ("addressLine1", "addressLine2", "addressLine3", "postalCode", "city")
_CONTACT_INFO_STRINGS = ("name", "attention", "email", "web", "phone1", "phone2", "fax")
_COUNTRY_NAMES = {country.code: country.name for country in COUNTRIES} | {"DE": "Deutschland", "GB": "United Kingdom"}

_PERSON_STRINGS = (
    "firstName", "lastName", "position", "businessAccount", "email", "web", "phone1", "phone2", "phone3", "fax",
)  # fmt: skip
_PERSON_FLAGS = (
    "active", "sameAsAccount", "doNotCall", "doNotFax", "doNotEmail", "doNotMail", "noMassMail", "noMarketing",
)  # fmt: skip
CONTACT_ENUMS = {
    "title": ("Doctor", "Miss", "Mr", "Mrs", "Ms", "Prof"),
    "contactMethod": ("Any", "Email", "Mail", "Fax", "Phone"),
}


def apply_customer(customer: Members, update: Members, customer_name: Callable[[str], str | None]) -> None:
    """Change a customer's read model as an update model says; ApiError 400 for a value that does not fit.

    Args:
        customer: the read model, changed in place.
        update: the update model.
        customer_name: the name of the customer with a number, None when there is none (for the parent record).
    """
    _apply_scalars(customer, update, _STRINGS, _FLAGS, CUSTOMER_ENUMS)
    for name in (*_WHOLES, *_NUMBERS):
        if name in update:
            customer[name] = unwrapped(name, update[name], (int,) if name in _WHOLES else (int, float))
    if "name" in update and not customer["name"]:
        raise ApiError(400, "Error: 'Customer Name' cannot be empty.")
    for name, (target, descriptions) in _REFERENCES.items():
        if name in update:
            customer[target] = _reference(name, unwrapped(name, update[name]), descriptions)
    if "parentRecordNumber" in update:
        number = unwrapped("parentRecordNumber", update["parentRecordNumber"])
        parent = customer_name(number) if number else None
        if number and parent is None:
            raise ApiError(400, f"Error: parentRecordNumber '{number}' cannot be found in the system.")
        customer["parentRecord"] = {"number": number, "name": parent} if number else None
    for name in _ADDRESSES:
        if name in update:
            customer[name] = (customer.get(name) or {}) | _address(name, update[name])
    for name in _CONTACTS:
        if name in update:
            info = unwrapped(name, update[name], (dict,)) or {}
            changes = {key: unwrapped(f"{name}.{key}", info[key]) for key in _CONTACT_INFO_STRINGS if key in info}
            customer[name] = (customer.get(name) or {}) | changes
    for line in _lines("attributeLines", update):
        _set_attribute(customer, line)
    if not isinstance(update.get("overrideWithClassValues", False), bool):
        raise ApiError(400, "overrideWithClassValues is a plain true or false.")


def apply_contact(contact: Members, update: Members) -> None:
    """Change a person contact's read model as an update model says; ApiError 400 for a value that does not fit."""
    _apply_scalars(contact, update, _PERSON_STRINGS, _PERSON_FLAGS, CONTACT_ENUMS)
    if "address" in update:
        contact["address"] = (contact["address"] or {}) | _address("address", update["address"])


def unwrapped(name: str, wrapped: object, kinds: tuple[type, ...] = (str,)) -> Any:
    """The value within `{"value": x}`, or None; ApiError 400 when it is not wrapped or not of the kind."""
    if not isinstance(wrapped, dict) or set(wrapped) != {"value"}:
        raise ApiError(400, f'The field {name} must be given as {{"value": ...}}.')
    value = wrapped["value"]
    if value is not None and (not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds)):
        raise ApiError(400, f"The value of {name} could not be converted.")
    return value


def _apply_scalars(
    row: Members,
    update: Members,
    strings: tuple[str, ...],
    flags: tuple[str, ...],
    enums: Mapping[str, tuple[str, ...]],
) -> None:
    for name in strings:
        if name in update:
            row[name] = unwrapped(name, update[name])
    for name in flags:
        if name in update:
            row[name] = bool(unwrapped(name, update[name], (bool,)))
    for name, members in enums.items():
        if name in update:
            value = unwrapped(name, update[name])
            if value not in members:
                raise ApiError(400, f"The value '{value}' is not valid for {name}. Use one of {', '.join(members)}.")
            row[name] = value


def _reference(name: str, value: str | None, descriptions: Mapping[str, str]) -> Members | None:
    if not value:
        return None
    if value not in descriptions:
        raise ApiError(400, f"Error: {name} '{value}' cannot be found in the system.")
    return {"id": value, "description": descriptions[value]}


def _address(path: str, wrapped: object) -> Members:
    update = unwrapped(path, wrapped, (dict,)) or {}
    changes = {key: unwrapped(f"{path}.{key}", update[key]) for key in _ADDRESS_STRINGS if key in update}
    if "countryId" in update:
        country = unwrapped(f"{path}.countryId", update["countryId"])
        changes["country"] = _country(country) if country else None
    if "county" in update:
        county = unwrapped(f"{path}.county", update["county"])
        changes["county"] = {"id": county, "name": county} if county else None
    return changes


def _lines(name: str, update: Members) -> list[Members]:
    """A bare array of objects; absent is empty."""
    lines = update.get(name, [])
    if not isinstance(lines, list) or not all(isinstance(line, dict) for line in lines):
        raise ApiError(400, f"{name} is a plain array of objects.")
    return lines


def _country(code: str) -> Members:
    if code not in _COUNTRY_NAMES:
        raise ApiError(400, f"Error: countryId '{code}' cannot be found in the system.")
    return {"id": code, "name": _COUNTRY_NAMES[code]}


def _set_attribute(customer: Members, line: Members) -> None:
    attribute = unwrapped("attributeLines.attributeId", line.get("attributeId"))
    value = unwrapped("attributeLines.attributeValue", line.get("attributeValue"))
    others = [held for held in customer.get("attributes") or () if held["id"] != attribute]
    customer["attributes"] = [*others, {"id": attribute, "value": value, "description": attribute}]
