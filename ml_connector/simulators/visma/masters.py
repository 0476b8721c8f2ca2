"""The company's master data: classes of customers and suppliers, credit terms, VAT zones, price classes."""

from __future__ import annotations

from typing import Any


def _class(class_id: str, description: str, tax_zone: str, attributes: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": class_id,
        "description": description,
        "taxZoneId": tax_zone,
        "requiredTaxzoneId": True,
        "paymentMethodId": "1",
        "attributes": attributes,
    }


_SEGMENT = {
    "attributeId": "SEGMENT",
    "description": "Segment",
    "sortOrder": 1,
    "required": False,
    "attributeType": "Combo",
    "defaultValue": None,
    "details": [],
}

CUSTOMER_CLASSES: tuple[dict[str, Any], ...] = (
    _class("B2B", "Bedriftskunder", "01", [_SEGMENT]),
    _class("B2C", "Privatkunder", "01", []),
    _class("OFFENTLIG", "Stat og kommune", "01", [_SEGMENT]),
    _class("UTLAND", "Utenlandske kunder", "03", []),
)


def _supplier_class(class_id: str, description: str) -> dict[str, Any]:
    return {
        "attributes": [],
        "paymentMethodId": "1",
        "paymentMethodDescription": PAYMENT_METHODS["1"],
        "timeStamp": "AAAAAAAAB9U=",
        "id": class_id,
        "description": description,
    }


PAYMENT_METHODS = {"1": "Bank"}
SUPPLIER_CLASSES: tuple[dict[str, Any], ...] = (
    _supplier_class("VARER", "Varekjøp"),
    _supplier_class("TJENESTER", "Tjenestekjøp"),
    _supplier_class("UTLAND", "Utenlandske leverandører"),
)


def _term(terms_id: str, description: str, due_type: str, days: int) -> dict[str, Any]:
    return {
        "termsId": terms_id,
        "description": description,
        "visibleTo": "AL",
        "dueDateType": due_type,
        "moveDueDateIfOnTheWeekend": "NoMove",
        "dueDay1": days,
        "discountType": "N",
        "discountDay": 0,
        "discountPercent": 0.0,
        "instalmentType": "S",
        "numberOfInstalments": 0,
        "instalmentsSchedule": [],
        "createdDateTime": "2018-01-02T08:00:00",
        "lastModifiedDateTime": "2021-05-04T10:12:13.447",
    }


CREDIT_TERMS: tuple[dict[str, Any], ...] = (
    _term("10", "10 dager", "N", 10),
    _term("14", "14 dager", "N", 14),
    _term("30", "30 dager", "N", 30),
    _term("45", "45 dager", "N", 45),
    _term("LM", "Løpende måned", "E", 0),
)

VAT_ZONES = {"01": "Innenlands avgiftspliktig", "02": "Innenlands avgiftsfri", "03": "Import og eksport"}
PRICE_CLASSES = {"STD": "Standard", "VIP": "Nøkkelkunder"}
CLASS_DESCRIPTIONS = {row["id"]: row["description"] for row in CUSTOMER_CLASSES}
SUPPLIER_CLASS_DESCRIPTIONS = {row["id"]: row["description"] for row in SUPPLIER_CLASSES}
TERM_DESCRIPTIONS = {row["termsId"]: row["description"] for row in CREDIT_TERMS}
