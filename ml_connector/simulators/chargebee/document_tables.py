"""The parameters of writes to invoices and credit notes (Chargebee reference, section 4)."""

from __future__ import annotations

from ml_connector.simulators.chargebee.params import Kind, Table, choice, flag, rate, stamp, text, whole
from ml_connector.simulators.chargebee.tables import ADDRESS

PAYMENT_METHODS = (
    "cash", "check", "bank_transfer", "other", "app_store", "play_store", "custom", "dana", "touch_n_go", "tamara",
    "qpay",
)  # fmt: skip
UNPAID = ("posted", "payment_due", "not_paid")
STATUSES = ("paid", *UNPAID, "voided", "pending")
ENTITY_TYPES = {
    "2.0": ("adhoc", "plan_item_price", "addon_item_price", "charge_item_price"),
    "1.0": ("adhoc", "plan_setup", "plan", "addon"),
}
RECURRING = ("plan_item_price", "addon_item_price", "plan", "addon")
DISCOUNT_TYPES = (
    "item_level_coupon", "document_level_coupon", "promotional_credits", "item_level_discount",
    "document_level_discount",
)  # fmt: skip
REASONS = (
    "product_unsatisfactory", "service_unsatisfactory", "order_change", "order_cancellation", "waiver", "other",
)  # fmt: skip
NOTE_TYPES = ("coupon", "plan_item_price", "addon_item_price", "charge_item_price", "plan", "addon")
TAX_OVERRIDES = (
    "zero_rated", "id_exempt", "customer_exempt", "region_non_taxable", "product_exempt", "export",
    "high_value_physical_goods", "zero_value_item", "tax_not_configured_external_provider",
)  # fmt: skip
TAXES_OF_A_LINE = range(1, 11)
DISCOUNTS_OF_A_LINE = (1, 2)

_LINE: dict[str, Kind] = {
    "id": text(40),
    "date_from": stamp,
    "date_to": stamp,
    "subscription_id": text(50),
    "description": text(250),
    "unit_amount": whole(),
    "quantity": whole(),
    "amount": whole(),
    "unit_amount_in_decimal": text(39),
    "quantity_in_decimal": text(33),
    "amount_in_decimal": text(39),
    "entity_type": choice(*ENTITY_TYPES["2.0"], *ENTITY_TYPES["1.0"][1:]),
    "entity_id": text(100),
    **{f"item_level_discount{n}_entity_id": text(100) for n in DISCOUNTS_OF_A_LINE},
    **{f"item_level_discount{n}_amount": whole(0) for n in DISCOUNTS_OF_A_LINE},
    **{f"tax{n}_name": text(50) for n in TAXES_OF_A_LINE},
    **{f"tax{n}_amount": whole(0) for n in TAXES_OF_A_LINE},
    "proration_mode": choice("reset", "delta", "service_period_revision", "adjusted_term"),
}
_TAX: dict[str, Kind] = {
    "name": text(100),
    "rate": rate,
    "amount": whole(0),
    "description": text(50),
    "juris_type": choice("country", "federal", "state", "county", "city", "special", "unincorporated", "other"),
    "juris_name": text(250),
    "juris_code": text(250),
}
_DISCOUNT: dict[str, Kind] = {
    "line_item_id": text(40),
    "entity_type": choice(*DISCOUNT_TYPES),
    "entity_id": text(100),
    "description": text(250),
    "amount": whole(0),
}
_PAYMENT: dict[str, Kind] = {
    "id": text(40),
    "amount": whole(1),
    "payment_method": choice(*PAYMENT_METHODS),
    "date": stamp,
    "reference_number": text(100),
}
_ITEMS = {"line_items": ("description",), "taxes": ("name", "rate"), "discounts": ("entity_type", "amount")}

IMPORT_INVOICE = Table(
    scalars={
        "id": text(50),
        "currency_code": text(3),
        "customer_id": text(50),
        "subscription_id": text(50),
        "po_number": text(100),
        "price_type": choice("tax_exclusive", "tax_inclusive"),
        "tax_override_reason": choice(*TAX_OVERRIDES),
        "vat_number": text(20),
        "vat_number_prefix": text(10),
        "date": stamp,
        "total": whole(0),
        "round_off": whole(-99, 99),
        "status": choice(*STATUSES),
        "voided_at": stamp,
        "void_reason_code": text(100),
        "is_written_off": flag,
        "write_off_amount": whole(0),
        "write_off_date": stamp,
        "due_date": stamp,
        "net_term_days": whole(0),
        "has_advance_charges": flag,
        "use_for_proration": flag,
        "paid_at": stamp,
    },
    objects={"credit_note": {"id": text(50)}, "billing_address": ADDRESS, "shipping_address": ADDRESS},
    arrays={
        "line_items": {**_LINE, "created_at": stamp},
        "taxes": _TAX,
        "discounts": _DISCOUNT,
        "payments": _PAYMENT,
        "payment_reference_numbers": {
            "id": text(40),
            "type": choice("kid", "ocr", "frn", "fik", "swiss_reference"),
            "number": text(100),
        },
        "notes": {"entity_type": choice(*NOTE_TYPES), "entity_id": text(50), "note": text(65000)},
        "line_item_addresses": {"line_item_id": text(40), **ADDRESS},
    },
    required=("id", "date", "total"),
    required_items={
        **_ITEMS,
        "payments": ("amount", "payment_method"),
        "payment_reference_numbers": ("type", "number"),
    },
    custom_fields=True,
)
CREATE_INVOICE = Table(
    scalars={
        "customer_id": text(50),
        "subscription_id": text(50),
        "currency_code": text(3),
        "invoice_note": text(2000),
        "po_number": text(100),
        "auto_collection": choice("on", "off"),
        "net_term_days": whole(0),
        "invoice_date": stamp,
    },
    objects={"shipping_address": ADDRESS},
    arrays={
        "item_prices": {
            "item_price_id": text(100),
            "quantity": whole(1),
            "unit_price": whole(0),
            "date_from": stamp,
            "date_to": stamp,
        },
        "charges": {
            "amount": whole(1),
            "description": text(250),
            "taxable": flag,
            "date_from": stamp,
            "date_to": stamp,
        },
    },
    required_items={"item_prices": ("item_price_id", "unit_price"), "charges": ("amount", "description")},
)
UPDATE_DETAILS = Table(
    scalars={
        "vat_number": text(20),
        "vat_number_prefix": text(10),
        "po_number": text(100),
        "comment": text(300),
    },
    objects={
        "billing_address": ADDRESS,
        "shipping_address": ADDRESS,
        "statement_descriptor": {"descriptor": text(65000)},
    },
)
VOID_INVOICE = Table(scalars={"comment": text(300), "void_reason_code": text(100)})
COMMENT = Table(scalars={"comment": text(300)})
RECORD_PAYMENT = Table(
    scalars={"comment": text(300)},
    objects={
        "transaction": {
            "amount": whole(0),
            "payment_method": choice(*PAYMENT_METHODS),
            "reference_number": text(100),
            "custom_payment_method_id": text(50),
            "id_at_gateway": text(100),
            "status": choice("success", "failure", "late_failure"),
            "date": stamp,
            "error_code": text(100),
            "error_text": text(65000),
        }
    },
    required=("transaction[payment_method]",),
)
APPLY_PAYMENTS = Table(
    scalars={"comment": text(300)},
    arrays={"transactions": {"id": text(40), "amount": whole(0)}},
)
REMOVE_PAYMENT = Table(objects={"transaction": {"id": text(40)}}, required=("transaction[id]",))
CREATE_CREDIT_NOTE = Table(
    scalars={
        "reference_invoice_id": text(50),
        "customer_id": text(50),
        "total": whole(0),
        "type": choice("adjustment", "refundable", "store"),
        "reason_code": choice(*REASONS),
        "create_reason_code": text(100),
        "date": stamp,
        "customer_notes": text(2000),
        "currency_code": text(3),
        "comment": text(300),
    },
    arrays={
        "line_items": {
            "reference_line_item_id": text(40),
            "unit_amount": whole(),
            "quantity": whole(1),
            "amount": whole(),
            "date_from": stamp,
            "date_to": stamp,
            "description": text(250),
            "entity_type": choice(*ENTITY_TYPES["2.0"], *ENTITY_TYPES["1.0"][1:]),
            "entity_id": text(100),
        }
    },
    required=("type",),
)
IMPORT_CREDIT_NOTE = Table(
    scalars={
        "id": text(50),
        "customer_id": text(50),
        "subscription_id": text(50),
        "reference_invoice_id": text(50),
        "type": choice("adjustment", "refundable", "store"),
        "currency_code": text(3),
        "create_reason_code": text(100),
        "date": stamp,
        "status": choice("adjusted", "refunded", "refund_due", "voided"),
        "total": whole(0),
        "refunded_at": stamp,
        "voided_at": stamp,
        "sub_total": whole(0),
        "round_off_amount": whole(-99, 99),
        "vat_number_prefix": text(10),
    },
    arrays={
        "line_items": {**_LINE, "reference_line_item_id": text(40)},
        "taxes": _TAX,
        "discounts": _DISCOUNT,
        "allocations": {"invoice_id": text(50), "allocated_amount": whole(1), "allocated_at": stamp},
        "linked_refunds": _PAYMENT,
    },
    required=("id", "reference_invoice_id", "type", "create_reason_code", "date"),
    required_items={
        **_ITEMS,
        "allocations": ("invoice_id", "allocated_amount", "allocated_at"),
        "linked_refunds": ("amount", "payment_method", "date"),
    },
    custom_fields=True,
)
