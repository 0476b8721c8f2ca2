"""VAT codes and currencies, and the rates that documents are made with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ml_connector.simulators.visma.chart import CHANGED, SALES, SALES_EXEMPT

Members = dict[str, Any]
BASE_CURRENCY = "NOK"


@dataclass(frozen=True, slots=True)
class VatCode:
    """One VAT code.

    Attributes:
        rate: percent.
        exempt: its lines count in `vatExemptTotal` and not in `vatTaxableTotal`.
        account: where the VAT is posted; sales: where the line is.
    """

    id: str
    description: str
    rate: Decimal
    exempt: bool
    account: str
    sales: str


VAT: Mapping[str, VatCode] = {
    code.id: code
    for code in (
        VatCode("3", "Utgående mva, høy sats", Decimal(25), False, "2700", SALES),
        VatCode("31", "Utgående mva, middels sats", Decimal(15), False, "2701", SALES),
        VatCode("33", "Utgående mva, lav sats", Decimal(12), False, "2702", SALES),
        VatCode("5", "Innenlands omsetning, fritatt", Decimal(0), True, "2700", SALES_EXEMPT),
        VatCode("52", "Utførsel av varer og tjenester", Decimal(0), True, "2700", SALES_EXEMPT),
    )
}

RATES: Mapping[str, Decimal] = {
    "NOK": Decimal(1),
    "SEK": Decimal("1.0374"),
    "DKK": Decimal("1.5667"),
    "EUR": Decimal("11.6935"),
}
"""Kroner for one of the currency; a document's own rate is within two percent of it."""


def _vat_information(code: VatCode) -> Members:
    return {
        "vatCategoryId": code.id,
        "vatId": code.id,
        "description": code.description,
        "type": "Vat",
        "deductibleVat": False,
        "reverseVat": False,
        "statisticalVat": False,
        "pendingVat": False,
        "includeinVatExemptTotal": code.exempt,
        "includeinVatTotal": not code.exempt,
        "enterFromVatInvoice": False,
        "calculateOn": "ItemAmount",
        "cashDiscount": "ToTaxableAmount",
        "notValidAfter": None,
        "documentText": code.description,
        "vismaXmlVatType": {25: "VatTypeHigh", 15: "VatTypeMedium", 12: "VatTypeLow"}.get(
            int(code.rate), "VatTypeZero"
        ),
        "lastModifiedDateTime": CHANGED,
        "schedules": [
            {
                "startDate": "2016-01-01T00:00:00",
                "vatRate": float(code.rate),
                "minTaxableAmt": 0.0,
                "maxTaxableAmt": 0.0,
                "reportingGroup": code.id,
                "deductibleVatRate": 100.0,
                "groupType": "Output",
            }
        ],
    }


def _currency(code: str, description: str, symbol: str, decimals: int) -> Members:
    return {
        "id": code,
        "description": description,
        "symbol": symbol,
        "isBaseCurrency": code == BASE_CURRENCY,
        "decimalPrecision": decimals,
        "isUsedForAccounting": code in RATES,
    }


VAT_CODES: tuple[Members, ...] = tuple(_vat_information(code) for code in VAT.values())
CURRENCIES: tuple[Members, ...] = (
    _currency("NOK", "Norske kroner", "kr", 2),
    _currency("SEK", "Svenska kronor", "kr", 2),
    _currency("DKK", "Danske kroner", "kr.", 2),
    _currency("EUR", "Euro", "€", 2),
    _currency("ISK", "Íslensk króna", "kr", 0),
)
