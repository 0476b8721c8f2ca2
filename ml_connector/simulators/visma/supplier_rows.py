"""Seeded suppliers and their person contacts, as their read models (Visma reference, appendix).

Their numbers are never those of customers: a person contact tells only the number of its business account. Every tenth
supplier is a customer too, with the same registration number, under a number of its own. With `awkward` some are
awkward, in turns of 20:

| place | what is awkward                                                   |
| ----- | ----------------------------------------------------------------- |
| 1     | no e-mail: empty in all contacts                                  |
| 4     | status Inactive                                                   |
| 5     | status HoldPayments                                               |
| 6     | the registration number of the supplier before it                 |
| 7     | no main address                                                   |
| 8     | blanks within and around corporateId                              |
| 9     | no registration number                                            |
| 11    | supplierClass null                                                |
| 12    | status OnHold, creditTerms null                                   |
"""

from __future__ import annotations

import random
from typing import Any

from ml_connector.simulators.people import NORWAY, Company, company_from, generator, slug
from ml_connector.simulators.visma import masters
from ml_connector.simulators.visma.chart import PAYABLES, PURCHASES, account_ref
from ml_connector.simulators.visma.rows import NESTED_METADATA, RowMaker, address, contact_info
from ml_connector.simulators.visma.stamps import plain

Members = dict[str, Any]

FIRST_SUPPLIER = 500_001
FIRST_INTERNAL_ID = 600_001
FIRST_CONTACT_ID = 4_000_001
_PEOPLE = 10_000_000
"""Where the suppliers' companies begin among the seeded ones; customers come before."""
_ADDRESSES = 60_000_000
TWINS = 10
"""One supplier of so many is a customer too."""
_TWIN_PLACE = 3
_CLASSES = tuple(masters.SUPPLIER_CLASS_DESCRIPTIONS)
_TERMS = tuple(masters.TERM_DESCRIPTIONS.items())


def twin_of(index: int, customers: int) -> int | None:
    """The index of the customer that this supplier is as well; None for most of them."""
    twin = index // TWINS
    return twin if index % TWINS == _TWIN_PLACE and twin < customers else None


def supplier_company(seed: int, index: int, customers: int) -> tuple[Company, random.Random]:
    """The company behind a supplier, and the random numbers that go on from it."""
    twin = twin_of(index, customers)
    at = _PEOPLE + index if twin is None else twin
    rng = generator(seed, at)
    firm = company_from(rng, at)
    return firm, generator(seed, _PEOPLE + index) if twin is not None else rng


def supplier(maker: RowMaker, index: int, customers: int, awkward: bool) -> tuple[Members, list[Members]]:
    """The supplier of this index and its person contacts; their `timeStamp` is left to the store."""
    firm, rng = supplier_company(maker.seed, index, customers)
    draw = rng.random
    class_id = "UTLAND" if firm.country is not NORWAY else _CLASSES[int(draw() * 2)]
    terms_id, terms = _TERMS[int(draw() * len(_TERMS))]
    modified, _ = maker.moments(rng)
    zone_id = "01" if firm.country is NORWAY else "03"
    first = _ADDRESSES + 4 * index
    email = f"ordre@{firm.domain}"
    row: Members = {
        "internalId": FIRST_INTERNAL_ID + index,
        "number": str(FIRST_SUPPLIER + index),
        "name": firm.name,
        "status": "Active",
        "mainAddress": address(firm.address, first + 1),
        "mainContact": contact_info(firm, first + 1, email, firm.person.name),
        "accountReference": "",
        "parentRecord": None,
        "supplierClass": {"id": class_id, "description": masters.SUPPLIER_CLASS_DESCRIPTIONS[class_id]},
        "creditTerms": {"id": terms_id, "description": terms},
        "documentLanguage": None,
        "currencyId": firm.country.currency,
        "remitAddress": address(firm.address, first + 2),
        "remitContact": contact_info(firm, first + 2, f"faktura@{firm.domain}", "Økonomi"),
        "paymentMethod": {"id": "1", "description": masters.PAYMENT_METHODS["1"]},
        "cashAccount": "1920",
        "chargeBearer": "Payer",
        "accountUsedForPayment": "BBAN" if firm.country is NORWAY else "IBAN",
        "paymentBy": "DueDate",
        "paymentLeadTime": 0,
        "paySeparately": False,
        "supplierAddress": address(firm.address, first + 3),
        "supplierContact": contact_info(firm, first + 3, "", ""),
        "location": {"countryId": firm.country.code, "id": "MAIN", "name": "Primary Location"},
        "vatRegistrationId": firm.vat_id,
        "corporateId": firm.corporate_id,
        "vatZone": {"id": zone_id, "description": masters.VAT_ZONES[zone_id], "metadata": NESTED_METADATA},
        "glAccounts": {"supplierAccount": _account(PAYABLES), "expenseAccount": _account(PURCHASES)},
        "attributes": [],
        "lastModifiedDateTime": plain(modified, maker.zone),
        "supplierPaymentMethodDetails": [
            {
                "paymentMethodDetailDescription": "Kontonummer",
                "paymentMethodDetailValue": f"{15_000_000_000 + int(draw() * 84_999_999_999)}",
                "paymentMethodDetailBankingDetailType": "AccountNo",
                "paymentMethodDetailID": "1",
            }
        ],
        "note": "",
        "numberOfEmployees": int(draw() * 250),
        "naceCode": None,
        "landedCostSupplier": False,
        "timeStamp": "",
    }
    contacts = [] if draw() >= maker.contacts_share else [_contact(maker, rng, firm, index)]
    if awkward:
        _make_awkward(row, maker.seed, index, customers)
    return row, contacts


def _contact(maker: RowMaker, rng: random.Random, firm: Company, index: int) -> Members:
    someone = firm.person
    return maker.contact(
        FIRST_CONTACT_ID + index,
        str(FIRST_SUPPLIER + index),
        someone.first_name,
        someone.last_name,
        f"{slug(someone.first_name)}.{slug(someone.last_name)}@{firm.domain}",
        maker.moments(rng)[0],
        businessAccountType="Supplier",
        phone1=someone.phone,
        position="Selger",
        address=address(firm.address, _ADDRESSES + 4 * index + 4),
    )


def _account(number: str) -> Members:
    found = account_ref(number)
    return {name: found[name] for name in ("type", "number", "description")}


def _make_awkward(row: Members, seed: int, index: int, customers: int) -> None:
    match index % 20:
        case 1:
            for block in ("mainContact", "remitContact", "supplierContact"):
                row[block]["email"] = ""
        case 4:
            row["status"] = "Inactive"
        case 5:
            row["status"] = "HoldPayments"
        case 6:
            row["corporateId"] = supplier_company(seed, index - 1, customers)[0].corporate_id
        case 7:
            row["mainAddress"] = None
        case 8:
            plain_id = row["corporateId"]
            row["corporateId"] = f" {plain_id[:3]} {plain_id[3:6]} {plain_id[6:]} "
        case 9:
            row["corporateId"] = row["vatRegistrationId"] = ""
        case 11:
            row["supplierClass"] = None
        case 12:
            row |= {"status": "OnHold", "creditTerms": None}
