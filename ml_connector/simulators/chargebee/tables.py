"""The parameters of writes to customers, with their limits (Chargebee reference, section 3)."""

from __future__ import annotations

from ml_connector.simulators.chargebee.params import (
    Kind,
    Table,
    choice,
    country,
    email,
    flag,
    json_value,
    text,
    whole,
)

ADDRESS: dict[str, Kind] = {
    "first_name": text(150),
    "last_name": text(150),
    "email": email,
    "company": text(250),
    "phone": text(50),
    "line1": text(150),
    "line2": text(150),
    "line3": text(150),
    "city": text(50),
    "state_code": text(50),
    "state": text(50),
    "zip": text(20),
    "country": country,
    "validation_status": choice("not_validated", "valid", "partially_valid", "invalid"),
}
OFFLINE = (
    "no_preference", "cash", "check", "bank_transfer", "ach_credit", "sepa_credit", "boleto",
    "us_automated_bank_transfer", "eu_automated_bank_transfer", "uk_automated_bank_transfer",
    "jp_automated_bank_transfer", "mx_automated_bank_transfer", "custom",
)  # fmt: skip

_CUSTOMER: dict[str, Kind] = {
    "first_name": text(150),
    "last_name": text(150),
    "email": email,
    "preferred_currency_code": text(3),
    "phone": text(50),
    "company": text(250),
    "auto_collection": choice("on", "off"),
    "net_term_days": whole(0),
    "allow_direct_debit": flag,
    "taxability": choice("taxable", "exempt"),
    "exemption_details": json_value,
    "customer_type": choice("residential", "business", "senior_citizen", "industrial"),
    "client_profile_id": text(50),
    "locale": text(50),
    "exempt_number": text(100),
    "meta_data": json_value,
    "offline_payment_method": choice(*OFFLINE),
    "auto_close_invoices": flag,
    "consolidated_invoicing": flag,
    "invoice_notes": text(2000),
}
BILLING_INFO: dict[str, Kind] = {
    "vat_number": text(20),
    "vat_number_prefix": text(10),
    "registered_for_gst": flag,
    "business_customer_without_vat_number": flag,
}
_BILLING_EXTRAS: dict[str, Kind] = {
    "is_einvoice_enabled": flag,
    "einvoicing_method": choice("automatic", "manual", "site_default"),
    "entity_identifier_scheme": text(50),
    "entity_identifier_standard": text(50),
}
_IDENTIFIERS: dict[str, Kind] = {"id": text(40), "scheme": text(50), "value": text(50), "standard": text(50)}

CREATE_CUSTOMER = Table(
    scalars={
        "id": text(50),
        **_CUSTOMER,
        **BILLING_INFO,
        **_BILLING_EXTRAS,
        "business_entity_id": text(50),
        "created_from_ip": text(50),
    },
    objects={"billing_address": ADDRESS},
    arrays={"entity_identifiers": _IDENTIFIERS},
    custom_fields=True,
)
UPDATE_CUSTOMER = Table(scalars={**_CUSTOMER, "fraud_flag": choice("safe", "fraudulent")}, custom_fields=True)
UPDATE_BILLING_INFO = Table(
    scalars={**BILLING_INFO, **_BILLING_EXTRAS},
    objects={"billing_address": ADDRESS},
    arrays={"entity_identifiers": {**_IDENTIFIERS, "operation": choice("create", "update", "delete")}},
)
DELETE_CUSTOMER = Table(scalars={"delete_payment_method": flag})
