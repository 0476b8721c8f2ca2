"""Seeded customers and person contacts, as their read models (Visma reference, appendix).

Which optional members are absent, null or empty varies from row to row: a client must take all three for the same.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ml_connector.simulators.people import Address, Company, company_from, generator, person, slug
from ml_connector.simulators.visma import masters
from ml_connector.simulators.visma.stamps import plain, with_offset

FIRST_NUMBER = 10_001
FIRST_INTERNAL_ID = 1_001
FIRST_CONTACT_ID = 5_000_001

NESTED_METADATA = {"totalCount": 0, "maxPageSize": 0}  # stands in nested records too, where it means nothing
_CLASS_SHARES = (("B2B", 0.55), ("B2C", 0.8), ("OFFENTLIG", 0.9), ("UTLAND", 1.0))
_TERMS = tuple(masters.TERM_DESCRIPTIONS.items())


class RowMaker:
    """Makes the rows of one set of customers.

    Args:
        seed: the same seed makes the same rows.
        base: aware moment that all stamps lie at least a day before.
        zone: the server's zone.
        contacts_share: share of the customers that have person contacts.
    """

    def __init__(self, seed: int, base: datetime, zone: ZoneInfo, contacts_share: float) -> None:
        self.seed = seed
        self._base = base.replace(microsecond=0)
        self.zone = zone
        self.contacts_share = contacts_share

    def rows(self, index: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The customer of this index and its person contacts; their `timeStamp` is left to the store."""
        rng = generator(self.seed, index)
        firm = company_from(rng, index)
        return self._customer(rng, firm, index), self._contacts(rng, firm, index)

    def _customer(self, rng: random.Random, firm: Company, index: int) -> dict[str, Any]:
        draw = rng.random
        share = draw()
        class_id = next(name for name, limit in _CLASS_SHARES if share < limit)
        terms_id, terms = _TERMS[int(draw() * len(_TERMS))]
        modified, created = self.moments(rng)
        zone_id = "03" if class_id == "UTLAND" else "01"
        row: dict[str, Any] = {
            "internalId": FIRST_INTERNAL_ID + index,
            "number": str(FIRST_NUMBER + index),
            "name": firm.name,
            "status": "Active",
            "mainAddress": address(firm.address, 4 * index + 1),
            "mainContact": contact_info(firm, 4 * index + 1, firm.email, firm.person.name),
            "accountReference": "",
            "customerClass": {"id": class_id, "description": masters.CLASS_DESCRIPTIONS[class_id]},
            "creditTerms": {"id": terms_id, "description": terms},
            "currencyId": firm.country.currency,
            "creditVerification": "Disabled",
            "creditLimit": 0.0,
            "creditDaysPastDue": 0,
            "invoiceAddress": address(firm.address, 4 * index + 2),
            "invoiceContact": contact_info(firm, 4 * index + 2, f"faktura@{firm.domain}", "Regnskap"),
            "printInvoices": False,
            "acceptAutoInvoices": draw() < 0.3,
            "sendInvoicesByEmail": True,
            "sendDunningLettersViaEMail": False,
            "printDunningLetters": True,
            "printStatements": False,
            "sendStatementsByEmail": False,
            "printMultiCurrencyStatements": False,
            "statementType": "OpenItem",
            "deliveryAddress": address(firm.address, 4 * index + 3),
            "deliveryContact": contact_info(firm, 4 * index + 3, "", ""),
            "vatRegistrationId": firm.vat_id,
            "corporateId": firm.corporate_id,
            "vatZone": {"id": zone_id, "description": masters.VAT_ZONES[zone_id], "metadata": NESTED_METADATA},
            "location": {"countryId": firm.country.code, "id": "MAIN", "name": "Primary Location"},
            "attributes": [{"id": "SEGMENT", "value": "ABC"[int(draw() * 3)], "description": "Segment"}],
            "lastModifiedDateTime": plain(modified, self.zone),
            "createdDateTime": plain(created, self.zone),
            "invoiceToDefaultLocation": False,
            "excludeDebtCollection": False,
            "timeStamp": "",
        }
        _vary(row, index)
        return row

    def _contacts(self, rng: random.Random, firm: Company, index: int) -> list[dict[str, Any]]:
        """No, one or two person contacts of a customer; the first is the person named in the main contact."""
        if rng.random() >= self.contacts_share:
            return []
        people = [firm.person] if rng.random() < 0.8 else [firm.person, person(self.seed, index)]
        rows = []
        for place, someone in enumerate(people):
            named = f"{slug(someone.first_name)}.{slug(someone.last_name)}{place or ''}@{firm.domain}"
            rows.append(
                self.contact(
                    FIRST_CONTACT_ID + 2 * index + place,
                    str(FIRST_NUMBER + index),
                    someone.first_name,
                    someone.last_name,
                    firm.email if place == 0 else named,
                    self.moments(rng)[0],
                    phone1=someone.phone,
                    position=("Daglig leder", "Innkjøp")[place],
                    address=address(firm.address, 4 * index + 4),
                )
            )
        return rows

    def contact(
        self,
        contact_id: int,
        business_account: str,
        first_name: str,
        last_name: str,
        email: str,
        modified: datetime,
        **more: Any,
    ) -> dict[str, Any]:
        """A person contact. Its stamp carries an offset, unlike the customer's (section 5)."""
        return {
            "contactId": contact_id,
            "displayName": f"{last_name}, {first_name}",
            "active": True,
            "firstName": first_name,
            "lastName": last_name,
            "position": "",
            "businessAccount": business_account,
            "businessAccountType": "Customer",
            "sameAsAccount": True,
            "address": None,
            "email": email,
            "web": "",
            "phone1": "",
            "phone2": "",
            "phone3": "",
            "fax": "",
            "contactMethod": "Any",
            "doNotCall": False,
            "doNotFax": False,
            "doNotEmail": False,
            "doNotMail": False,
            "noMassMail": False,
            "noMarketing": False,
            "lastModifiedDateTime": with_offset(modified, self.zone),
            "timeStamp": "",
        } | more

    def moments(self, rng: random.Random) -> tuple[datetime, datetime]:
        """When a row was modified last, within two years; and created, at most eight years before that."""
        modified = self._base - timedelta(
            days=1 + int(rng.random() * 729), milliseconds=int(rng.random() * 8_640_000) * 10
        )
        return modified, modified - timedelta(days=int(rng.random() * 8 * 365), seconds=int(rng.random() * 86_400))


def blank_customer(made_up: dict[str, Any]) -> dict[str, Any]:
    """What a POST starts from: the ids and defaults of a made-up customer, without its contents."""
    blank = made_up | {"name": "", "accountReference": "", "vatRegistrationId": "", "corporateId": "", "attributes": []}
    for block in ("mainAddress", "invoiceAddress", "deliveryAddress"):
        texts = dict.fromkeys(("addressLine1", "addressLine2", "addressLine3", "postalCode", "city"), "")
        blank[block] = {"addressId": made_up[block]["addressId"], **texts, "country": None, "county": None}
    for block in ("mainContact", "invoiceContact", "deliveryContact"):
        texts = dict.fromkeys(("name", "attention", "email", "web", "phone1", "phone2", "fax"), "")
        blank[block] = {"contactId": made_up[block]["contactId"], **texts}
    return blank


def address(place: Address, address_id: int) -> dict[str, Any]:
    """An address's read model."""
    country = place.country
    return {
        "addressId": address_id,
        "addressLine1": place.line1,
        "addressLine2": place.line2,
        "addressLine3": "",
        "postalCode": place.postal_code,
        "city": place.city,
        "country": {"id": country.code, "name": country.name, "metadata": NESTED_METADATA},
        "county": None,
    }


def contact_info(firm: Company, contact_id: int, email: str, attention: str) -> dict[str, Any]:
    """The read model of a contact that is part of a customer or supplier."""
    return {
        "contactId": contact_id,
        "name": firm.name,
        "attention": attention,
        "email": email,
        "web": f"https://www.{firm.domain}",
        "phone1": firm.phone,
        "phone2": "",
        "fax": "",
    }


def _vary(row: dict[str, Any], index: int) -> None:
    """Leave members out, empty or null, in turns."""
    if index % 3 == 0:
        row["parentRecord"] = None
    if index % 5 == 0:
        row["accountReference"] = None
    elif index % 5 == 1:
        del row["accountReference"]
    if index % 7 == 0:
        row["attributes"] = []
    elif index % 7 == 1:
        row["attributes"] = None
    elif index % 7 == 2:
        del row["attributes"]
    if index % 4 == 0:
        row["mainContact"]["phone2"] = None
        del row["mainContact"]["fax"]
    if index % 11 == 0:
        row["mainAddress"]["addressLine2"] = None
        del row["mainAddress"]["county"]
    if index % 13 == 0:
        row["gln"] = f"7080{index:09d}"
        row["numberOfEmployees"] = 1 + index % 250
    if index % 17 == 0:
        row["priceClass"] = {"id": "VIP", "description": masters.PRICE_CLASSES["VIP"]}
