"""The objects that the portal has from the start, as tables (HubSpot reference, sections 3, 4, 10 and 11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

CONTACTS, COMPANIES, DEALS = "contacts", "companies", "deals"
LINE_ITEMS, INVOICES, PAYMENTS = "line_items", "invoices", "commerce_payments"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectType:
    """One kind of record.

    Attributes:
        name: the plural; of a custom object its id.
        type_id: `0-1`, or `2-n` for a custom object.
        aliases: what else names it in a path, in lower case.
        scope: its word in the names of scopes.
        shown: properties that come without being asked for.
        modified: the property with the time of the last change: contacts have another one than the rest.
        searched: properties that `query` looks at.
        can_merge: not invoices, line items and payments.
    """

    name: str
    type_id: str
    aliases: Sequence[str]
    scope: str
    shown: Sequence[str]
    modified: str = "hs_lastmodifieddate"
    created: str = "createdate"
    searched: Sequence[str] = ()
    can_merge: bool = True

    @property
    def is_custom(self) -> bool:
        return self.type_id.startswith("2-")

    @property
    def title(self) -> str:
        """As error messages call it: `LINE_ITEM`."""
        return self.type_id if self.is_custom else self.aliases[0].upper()


STANDARD = (
    ObjectType(
        name=CONTACTS,
        type_id="0-1",
        aliases=("contact",),
        scope="contacts",
        shown=("email", "firstname", "lastname"),
        modified="lastmodifieddate",
        searched=("firstname", "lastname", "email", "phone", "company"),
    ),
    ObjectType(
        name=COMPANIES,
        type_id="0-2",
        aliases=("company",),
        scope="companies",
        shown=("name", "domain"),
        searched=("name", "domain", "website", "phone"),
    ),
    ObjectType(
        name=DEALS,
        type_id="0-3",
        aliases=("deal",),
        scope="deals",
        shown=("dealname", "amount", "closedate", "pipeline", "dealstage"),
        searched=("dealname", "description", "dealtype"),
    ),
    ObjectType(
        name=LINE_ITEMS,
        type_id="0-8",
        aliases=("line_item",),
        scope="line_items",
        shown=("quantity", "amount", "price"),
        searched=("name", "hs_sku"),
        can_merge=False,
    ),
    ObjectType(
        name=INVOICES,
        type_id="0-53",
        aliases=("invoice",),
        scope="invoices",
        shown=(),
        created="hs_createdate",
        searched=("hs_number", "hs_title"),
        can_merge=False,
    ),
    ObjectType(
        name=PAYMENTS,
        type_id="0-101",
        aliases=("commerce_payment",),
        scope="commercepayments",
        shown=(),
        created="hs_createdate",
        searched=("hs_reference_number",),
        can_merge=False,
    ),
)

LIFECYCLE = (
    "subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer",
    "evangelist", "other",
)  # fmt: skip

_ADDRESS = {"address": "", "address2": "", "city": "", "state": "", "zip": "", "country": ""}
_SHIPPING = (
    *(f"hs_recipient_shipping_{part}" for part in ("address", "address2", "city", "state", "zip", "country")),
    *(f"hs_recipient_company_{part}" for part in ("address", "address2", "city", "state", "zip")),
)
_EVERYWHERE = {
    "hs_object_id": "number!",
    "hubspot_owner_id": "",
    "hs_object_source_label": "!",
}
_LIFECYCLE = {"lifecyclestage": f"enumeration {' '.join(LIFECYCLE)}"}

PROPERTIES: Mapping[str, Mapping[str, str]] = {
    CONTACTS: {
        **_EVERYWHERE, **_ADDRESS, **_LIFECYCLE,
        "createdate": "datetime!", "lastmodifieddate": "datetime!", "email": "^",
        "firstname": "", "lastname": "", "salutation": "", "jobtitle": "", "company": "", "website": "",
        "phone": "phone_number", "mobilephone": "phone_number", "fax": "", "hs_language": "", "message": "",
        "hs_lead_status": "enumeration NEW OPEN IN_PROGRESS UNQUALIFIED CONNECTED",
        "associatedcompanyid": "number!",
    },
    COMPANIES: {
        **_EVERYWHERE, **_ADDRESS, **_LIFECYCLE,
        "createdate": "datetime!", "hs_lastmodifieddate": "datetime!", "name": "", "domain": "", "website": "",
        "phone": "phone_number", "description": "", "numberofemployees": "number", "annualrevenue": "number",
        "type": "enumeration PROSPECT PARTNER RESELLER VENDOR OTHER",
        "industry": "enumeration ACCOUNTING CONSTRUCTION FISHERY MACHINERY RETAIL WHOLESALE",
        "hs_lead_status": "enumeration NEW OPEN IN_PROGRESS UNQUALIFIED CONNECTED",
        "num_associated_contacts": "number!",
    },
    DEALS: {
        **_EVERYWHERE,
        "createdate": "datetime", "hs_lastmodifieddate": "datetime!", "dealname": "", "amount": "number",
        "closedate": "datetime", "pipeline": "", "dealstage": "", "description": "", "deal_currency_code": "",
        "dealtype": "enumeration newbusiness existingbusiness", "num_associated_contacts": "number!",
    },
    LINE_ITEMS: {
        **_EVERYWHERE,
        "createdate": "datetime!", "hs_lastmodifieddate": "datetime!", "name": "", "description": "",
        "quantity": "number", "price": "number", "amount": "number!", "discount": "number",
        "hs_discount_percentage": "number", "hs_sku": "", "hs_product_id": "", "hs_line_item_currency_code": "",
        "hs_tax_rate_group_id": "", "hs_position_on_quote": "number", "hs_recurring_billing_start_date": "date",
        "recurringbillingfrequency": "enumeration monthly quarterly annually",
    },
    INVOICES: {
        **_EVERYWHERE, **dict.fromkeys(_SHIPPING, ""),
        "createdate": "datetime!", "hs_createdate": "datetime!", "hs_lastmodifieddate": "datetime!",
        "hs_currency": "", "hs_invoice_date": "datetime", "hs_due_date": "datetime",
        "hs_invoice_status": "enumeration draft open paid voided", "hs_invoice_billable": "bool",
        "hs_purchase_order_number": "", "hs_comments": "", "hs_tax_id": "", "hs_title": "", "hs_number": "",
        "hs_allowed_payment_methods": "checkbox credit_or_debit_card ach sepa bacs",
        "hs_invoice_payment_collection_method": "enumeration manual none", "hs_allow_partial_payments": "bool",
        "hs_collect_address_types": "checkbox billing_address shipping_address", "hs_custom_fields": "",
        "hs_language": "", "hs_locale": "", "hs_external_createdate": "datetime", "hs_external_invoice_id": "",
        "hs_amount_billed": "number", "hs_balance_due": "number!", "hs_amount_paid": "number!",
        "hs_payment_date": "datetime!", "hs_invoice_link": "!", "hs_pdf_download_link": "!",
        "hs_invoice_latest_contact_email": "!", "hs_invoice_latest_company_name": "!",
        "hs_amount_billed_in_company_currency": "number!",
    },
    PAYMENTS: {
        **_EVERYWHERE,
        "createdate": "datetime!", "hs_createdate": "datetime!", "hs_lastmodifieddate": "datetime!",
        "hs_initial_amount": "number", "hs_initiated_date": "datetime", "hs_currency_code": "",
        "hs_latest_status": "enumeration processing succeeded failed refunded partially_refunded",
        "hs_reference_number": "", "hs_payment_method_type": "enumeration card ach cash check wire_transfer other",
        "hs_processor_type": "enumeration none quickbooks xero", "hs_customer_email": "",
    },
}  # fmt: skip
"""By name: the type (text where none is said), the values of an enumeration, `!` for read-only, `^` for unique."""

CUSTOM_PROPERTIES: Mapping[str, str] = {
    **_EVERYWHERE,
    "hs_createdate": "datetime!",
    "hs_lastmodifieddate": "datetime!",
}
"""What every custom object has besides its own."""

REQUIRED: Mapping[str, Sequence[Sequence[str]]] = {
    COMPANIES: (("name", "domain"),),
    CONTACTS: (("email", "firstname", "lastname"),),
    DEALS: (("dealname",), ("dealstage",)),
    INVOICES: (("hs_currency",),),
    PAYMENTS: (("hs_initial_amount",), ("hs_initiated_date",)),
}
"""What a create needs: of every group one (HubSpot reference, section 4)."""
