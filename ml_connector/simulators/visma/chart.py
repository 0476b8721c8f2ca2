"""The company's books: accounts, subaccounts with their segments, branches (Visma reference, section 7, master data).

The plan is a small one after the Norwegian standard. A subaccount is its segments' values joined by a hyphen, each as
long as its segment; the dimension SUBACCOUNT says what the segments are.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

Members = dict[str, Any]

CREATED = "2018-01-02T08:00:00"
CHANGED = "2022-08-15T09:21:07.53"

RECEIVABLES, BANK, PAYABLES, INPUT_VAT = "1500", "1920", "2400", "2710"
PAYROLL_TAX_DUE, TAX_WITHHELD, WAGES_DUE = "2770", "2600", "2930"
SALES, SALES_EXEMPT, PURCHASES, WAGES, PAYROLL_TAX = "3000", "3100", "4300", "5000", "5400"
RENT, SUPPLIES, TRAVEL, EXCHANGE_LOSS, ROUNDING = "6300", "6800", "7140", "8160", "7740"

_ACCOUNTS = (
    (RECEIVABLES, "Kundefordringer", "Asset", True),
    ("1530", "Kundefordringer, abonnement", "Asset", True),
    (BANK, "Bankinnskudd", "Asset", True),
    (PAYABLES, "Leverandørgjeld", "Liability", True),
    (TAX_WITHHELD, "Forskuddstrekk", "Liability", True),
    ("2700", "Utgående merverdiavgift, høy sats", "Liability", True),
    ("2701", "Utgående merverdiavgift, middels sats", "Liability", True),
    ("2702", "Utgående merverdiavgift, lav sats", "Liability", True),
    (INPUT_VAT, "Inngående merverdiavgift", "Liability", True),
    (PAYROLL_TAX_DUE, "Skyldig arbeidsgiveravgift", "Liability", True),
    (WAGES_DUE, "Skyldig lønn", "Liability", True),
    ("2970", "Uopptjent inntekt", "Liability", True),
    (SALES, "Salgsinntekt, avgiftspliktig", "Income", True),
    (SALES_EXEMPT, "Salgsinntekt, avgiftsfri", "Income", True),
    ("3999", "Øreavrunding (utgått)", "Income", False),
    (PURCHASES, "Innkjøp av varer for videresalg", "Expense", True),
    (WAGES, "Lønn til ansatte", "Expense", True),
    (PAYROLL_TAX, "Arbeidsgiveravgift", "Expense", True),
    (RENT, "Leie av lokaler", "Expense", True),
    (SUPPLIES, "Kontorrekvisita", "Expense", True),
    (TRAVEL, "Reisekostnad", "Expense", True),
    (ROUNDING, "Øredifferanser", "Expense", True),
    (EXCHANGE_LOSS, "Valutatap", "Expense", True),
)

_DEPARTMENTS = {"00": "Ingen avdeling", "10": "Salg", "20": "Drift", "30": "Økonomi"}
_REGIONS = {"0000": "Ingen region", "0100": "Østlandet", "0200": "Vestlandet", "0300": "Tromsø og Nordnorge"}
_SEGMENTS: tuple[tuple[str, Mapping[str, str]], ...] = (("Avdeling", _DEPARTMENTS), ("Region", _REGIONS))

_BRANCHES = (("1", "Hovedkontor Oslo", True), ("2", "Avdeling Ålesund", True), ("3", "Bodø (nedlagt)", False))


def _account(place: int, number: str, description: str, kind: str, active: bool) -> Members:
    return {
        "accountID": 20_001 + place,
        "accountCD": number,
        "accountGroupCD": None,
        "accountClass": kind.upper(),
        "type": kind,
        "active": active,
        "description": description,
        "useDefaultSub": False,
        "postOption": "Detail",
        "currency": None,
        "taxCategory": None,
        "cashAccount": number == BANK,
        "publicCode1": number,
        "lastModifiedDateTime": CHANGED,
        "externalCode1Info": {"number": number, "description": description},
        "externalCode2Info": None,
        "analisysCodeInfo": None,
        "controlAccountModule": {RECEIVABLES: "AR", PAYABLES: "AP"}.get(number),
        "allowManualEntry": number not in (RECEIVABLES, PAYABLES),
        "timeStamp": "AAAAAAAAB9E=",
    }


def _subaccount(place: int, values: tuple[str, ...]) -> Members:
    segments = [
        {
            "segmentId": at,
            "segmentDescription": name,
            "segmentValue": value,
            "segmentValueDescription": described[value],
        }
        for at, ((name, described), value) in enumerate(zip(_SEGMENTS, values, strict=True), 1)
    ]
    return {
        "subaccountNumber": "-".join(values),
        "subaccountId": 301 + place,
        "description": ", ".join(str(one["segmentValueDescription"]) for one in segments),
        "lastModifiedDateTime": CHANGED,
        "active": values[0] != "30" or values[1] == "0000",
        "segments": segments,
        "timeStamp": "AAAAAAAAB9I=",
    }


def _segment(at: int, name: str, values: Mapping[str, str]) -> Members:
    return {
        "internalId": f"00000000-0000-0000-0000-0000000000{at:02d}",
        "segmentId": at,
        "description": name,
        "length": len(next(iter(values))),
        "publicId": f"00000000-0000-0000-0001-0000000000{at:02d}",
        "timeStamp": "AAAAAAAAB9M=",
        "lastModified": CHANGED,
        "validate": True,
        "segmentValues": [
            {
                "internalId": f"00000000-0000-0000-0002-{at:04d}0000{value:0>4}",
                "segmentId": at,
                "valueId": value,
                "description": description,
                "active": True,
                "timeStamp": "AAAAAAAAB9Q=",
                "lastModified": CHANGED,
            }
            for value, description in values.items()
        ],
        "isAutoNumber": False,
        "consolNumChar": 0,
        "consolOrder": 0,
    }


def _branch(place: int, number: str, name: str, active: bool) -> Members:
    return {
        "branchId": 16 + place,
        "number": number,
        "name": name,
        "organizationId": 1,
        "isMainBranch": place == 0,
        "isActive": active,
        "lastModifiedDateTime": CHANGED,
        "corporateId": "987654325",
        "vatRegistrationId": "NO987654325MVA",
        "currency": {"id": "NOK", "description": "Norske kroner", "symbol": "kr"},
        "vatZone": {"id": "01", "description": "Innenlands avgiftspliktig"},
        "ledger": {"id": LEDGER, "description": LEDGER_NAME},
        "defaultCountry": {"id": "NO", "name": "Norge"},
    }


LEDGER, LEDGER_NAME = "1", "Hovedbok"
_LEDGERS = ((LEDGER, LEDGER_NAME, "Actual"), ("2", "Budsjett", "Budget"), ("3", "Statistikk", "Statistical"))
LEDGERS: tuple[Members, ...] = tuple(
    {
        "internalId": place,
        "number": number,
        "description": description,
        "balanceType": kind,
        "currencyId": "NOK",
        "consolidationSource": False,
        "branchAccounting": False,
        "lastModifiedDateTime": CHANGED,
        "postInterCompany": False,
    }
    for place, (number, description, kind) in enumerate(_LEDGERS, 1)
)
ACCOUNTS: tuple[Members, ...] = tuple(_account(place, *row) for place, row in enumerate(_ACCOUNTS))
SUBACCOUNTS: tuple[Members, ...] = tuple(
    _subaccount(place, values) for place, values in enumerate(product(_DEPARTMENTS, _REGIONS))
)
BRANCHES: tuple[Members, ...] = tuple(_branch(place, *row) for place, row in enumerate(_BRANCHES))
DIMENSIONS: Mapping[str, Members] = {
    "CUSTOMER": {"id": "CUSTOMER", "length": 10, "description": "Kunde", "segments": []},
    "SUBACCOUNT": {
        "id": "SUBACCOUNT",
        "length": 6,
        "description": "Underkonto",
        "segments": [_segment(at, name, values) for at, (name, values) in enumerate(_SEGMENTS, 1)],
    },
    "VENDOR": {"id": "VENDOR", "length": 10, "description": "Leverandør", "segments": []},
}

_ACCOUNT_REFS: Mapping[str, Members] = {
    row["accountCD"]: {
        "type": row["type"],
        "externalCode1": row["accountCD"],
        "externalCode2": "",
        "active": row["active"],
        "number": row["accountCD"],
        "description": row["description"],
    }
    for row in ACCOUNTS
}
_SUBACCOUNT_REFS: Mapping[str, Members] = {
    row["subaccountNumber"]: {name: value for name, value in row.items() if name != "timeStamp"} for row in SUBACCOUNTS
}
ACCOUNT_NUMBERS = tuple(_ACCOUNT_REFS)
ACTIVE_SUBACCOUNTS = tuple(row["subaccountNumber"] for row in SUBACCOUNTS if row["active"])


def account_ref(number: str) -> Members:
    """An account as documents refer to it (AccountRef); KeyError when there is none."""
    return dict(_ACCOUNT_REFS[number])


def subaccount_ref(number: str) -> Members:
    """A subaccount within a line; KeyError when there is none."""
    return dict(_SUBACCOUNT_REFS[number])
