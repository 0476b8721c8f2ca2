"""The Chargebee simulator against the description that was derived from the vendor's own generated clients.

The description lies beside this project, not in it (`../shared/specs/chargebee`); without it these tests are skipped.
It covers both catalogues at once. It has no conditional rules, and no transactions of their own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from ml_connector.simulators.chargebee import credit_notes, customers, document_tables, events, invoices, subscriptions
from ml_connector.simulators.chargebee import tables as customer_tables
from ml_connector.simulators.chargebee.api import PATHS
from ml_connector.simulators.chargebee.errors import Problem
from ml_connector.simulators.chargebee.lists import OPERATORS, Listing
from ml_connector.simulators.chargebee.params import Kind, Table
from ml_connector_tests.simulators.chargebee_support import (
    ADDRESS,
    ITEM,
    KARI,
    Chargebee,
    invoice_form,
    serve_chargebee,
)

pytest_plugins = "ml_connector_tests.simulators.chargebee_fixtures"

DESCRIPTION = (
    Path(__file__).resolve().parents[3] / "shared" / "specs" / "chargebee" / "chargebee_api_v2_subset.openapi.json"
)
pytestmark = pytest.mark.skipif(not DESCRIPTION.exists(), reason=f"the description is not at {DESCRIPTION}")

NOT_DESCRIBED = {"/transactions", "/transactions/{}"}
WRITES: dict[str, Table] = {
    "/customers": customer_tables.CREATE_CUSTOMER,
    "/customers/{customer-id}": customer_tables.UPDATE_CUSTOMER,
    "/customers/{customer-id}/update_billing_info": customer_tables.UPDATE_BILLING_INFO,
    "/customers/{customer-id}/delete": customer_tables.DELETE_CUSTOMER,
    "/invoices/import_invoice": document_tables.IMPORT_INVOICE,
    "/invoices/create_for_charge_items_and_charges": document_tables.CREATE_INVOICE,
    "/invoices/{invoice-id}/update_details": document_tables.UPDATE_DETAILS,
    "/invoices/{invoice-id}/void": document_tables.VOID_INVOICE,
    "/invoices/{invoice-id}/delete": document_tables.COMMENT,
    "/invoices/{invoice-id}/record_payment": document_tables.RECORD_PAYMENT,
    "/invoices/{invoice-id}/apply_payments": document_tables.APPLY_PAYMENTS,
    "/invoices/{invoice-id}/remove_payment": document_tables.REMOVE_PAYMENT,
    "/invoices/{invoice-id}/write_off": document_tables.COMMENT,
    "/credit_notes": document_tables.CREATE_CREDIT_NOTE,
    "/credit_notes/import_credit_note": document_tables.IMPORT_CREDIT_NOTE,
}
LISTS: dict[str, Listing] = {
    "/customers": customers.LISTING,
    "/invoices": invoices.LISTING,
    "/credit_notes": credit_notes.LISTING,
    "/subscriptions": subscriptions.LISTING,
    "/events": events.LISTING,
}


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(DESCRIPTION.read_text())
    return loaded


class Schemas:
    """The description's schemas, with unknown attributes nowhere but where it allows them."""

    def __init__(self, description: dict[str, Any]) -> None:
        self.components = {"schemas": {}}
        for name, schema in description["components"]["schemas"].items():
            closed = schema if schema.get("additionalProperties") else {**schema, "additionalProperties": False}
            if schema.get("additionalProperties") is True and name != "EventContent":
                # Open for custom fields alone.
                closed = {**closed, "additionalProperties": False, "patternProperties": {"^cf_": {"type": "string"}}}
            self.components["schemas"][name] = closed

    def check(self, schema: Mapping[str, Any] | str, value: object) -> None:
        """A schema, or the name of one."""
        wanted = {"$ref": f"#/components/schemas/{schema}"} if isinstance(schema, str) else schema
        errors = list(Draft202012Validator({**wanted, "components": self.components}).iter_errors(value))
        assert not errors, [f"{error.json_path}: {error.message}" for error in errors[:5]]


@pytest.fixture(scope="module")
def schemas(description: dict[str, Any]) -> Schemas:
    return Schemas(description)


def anonymous(path: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))


def test_the_operations_are_the_described_ones(description: dict[str, Any]) -> None:
    """Each of them, and transactions besides."""
    simulated = {(method, anonymous(path)) for path, methods in PATHS.items() for method in methods}
    described = {
        (method.upper(), anonymous(path)) for path, operations in description["paths"].items() for method in operations
    }
    assert {entry for entry in simulated if entry[1] not in NOT_DESCRIBED} == described


# --- requests --------------------------------------------------------------------------------------------------------


def parameters(description: dict[str, Any], path: str) -> dict[str, Any]:
    content = description["paths"][path]["post"]["requestBody"]["content"]
    schema: dict[str, Any] = content["application/x-www-form-urlencoded"]["schema"]
    return schema


def kinds(table: Table, schema: Mapping[str, Any]) -> Iterator[tuple[str, Kind, Mapping[str, Any]]]:
    """Every parameter that the simulator takes, with its description; KeyError where there is none."""
    described = schema["properties"]
    for name, kind in table.scalars.items():
        yield name, kind, described[name]
    for name, attributes in table.objects.items():
        for attribute, kind in attributes.items():
            yield f"{name}[{attribute}]", kind, described[name]["properties"][attribute]
    for name, attributes in table.arrays.items():
        for attribute, kind in attributes.items():
            yield f"{name}[{attribute}][0]", kind, described[name]["properties"][attribute]["items"]


def takes(kind: Kind, value: str) -> bool:
    try:
        kind("x", value)
    except Problem:
        return False
    return True


@pytest.mark.parametrize("path", WRITES)
def test_parameters_have_the_described_limits(description: dict[str, Any], path: str) -> None:
    """Lengths, ranges, choices; no parameter that is not described, and the same ones required."""
    schema = parameters(description, path)
    for name, kind, described in kinds(WRITES[path], schema):
        if "enum" in described:
            assert all(takes(kind, value) for value in described["enum"]), name
            assert not takes(kind, "nonsense"), name
        elif described.get("type") == "string" and "pattern" not in described and name != "billing_address[country]":
            longest = described.get("maxLength", 0)
            assert takes(kind, "N" * longest) or "country" in name, name
            assert not takes(kind, "N" * (longest + 1)), name
        elif described.get("type") in ("integer", "number"):
            for bound, beyond in (("minimum", -1), ("maximum", 1)):
                if bound in described:
                    assert takes(kind, str(described[bound])), name
                    assert not takes(kind, str(described[bound] + beyond)), name
    needed = [name for name in WRITES[path].required if "[" not in name]
    assert sorted(needed) == sorted(schema.get("required", []))
    for name, attributes in WRITES[path].required_items.items():
        described_items = schema["properties"][name].get("required", [])
        assert set(described_items) <= set(attributes), name


@pytest.mark.parametrize("path", LISTS)
def test_filters_and_sorting_are_described(description: dict[str, Any], path: str) -> None:
    """Each filter with at least the described operators, and the same orders."""
    described = {
        parameter["name"]: parameter["schema"].get("properties", {})
        for parameter in description["paths"][path]["get"]["parameters"]
    }
    for name, kind in LISTS[path].filters.items():
        assert set(described[name]) <= set(OPERATORS[kind]), name
    assert set(described["sort_by"]["asc"]["enum"]) == set(LISTS[path].sorts)
    assert ("include_deleted" in described) == LISTS[path].deletable


# --- answers ---------------------------------------------------------------------------------------------------------


def checked(description: dict[str, Any], schemas: Schemas, path: str, answer: httpx.Response) -> dict[str, Any]:
    """The body of an answer, which must be as described for its status."""
    responses = description["paths"][path][answer.request.method.lower()]["responses"]
    assert str(answer.status_code) in responses, answer.text
    schema = responses[str(answer.status_code)]["content"]["application/json"]["schema"]
    body: dict[str, Any] = answer.json()
    if answer.status_code < 400:
        assert body.keys() <= schema["properties"].keys()
    schemas.check(schema, body)
    return body


def lived(chargebee: Chargebee) -> None:
    """A site on which everything has happened at least once."""
    chargebee.configure(plan="custom")
    chargebee.control("customers", {"id": "V-2", "billing_address": ADDRESS})
    chargebee.control("customers/V-2/card", {})
    items = [ITEM, {**ITEM, "item_type": "addon", "quantity": 2}, {**ITEM, "item_type": "charge"}]
    subscription = {"customer_id": "V-2", "items": items, "discount_percentage": 5}
    chargebee.subscribe("S-1", **subscription)
    chargebee.subscribe("S-2", **subscription, auto_collection="on", currency_code="EUR")
    chargebee.subscribe("S-3", **subscription, trial_days=5)
    chargebee.subscribe("S-4", **subscription, unbilled=True)
    chargebee.subscribe("S-5", **subscription, start_date=chargebee.now() + 86_400)
    chargebee.control("invoices/1/pay", {"amount": 100, "reference_number": "9"})
    chargebee.control("invoices/1/pay", {"status": "failure", "error_text": "Avvist"})
    chargebee.control("subscriptions/S-4/bill", {})
    chargebee.control("subscriptions/S-1/change", {"items": items[:2], "when": "term_end"})
    chargebee.control("clock", {"days": 40})
    chargebee.control("subscriptions/S-1/change", {"items": items})
    chargebee.control("subscriptions/S-4/cancel", {"when": "term_end"})
    chargebee.control("subscriptions/S-4/keep", {})
    chargebee.control("subscriptions/S-3/pause", {"resume_date": chargebee.now() + 86_400})
    chargebee.control("subscriptions/S-2/cancel", {"reason": "pris"})
    (note,) = chargebee.listed("credit_notes", **{"type[is]": "refundable"})
    chargebee.control(f"credit-notes/{note['id']}/refund", {"amount": 100})
    chargebee.control("renew-together", {"subscriptions": ["S-1", "S-4"]})
    chargebee.control("clock", {"days": 2})
    chargebee.control("subscriptions/S-2/reactivate", {})
    chargebee.control("subscriptions/S-5/delete", {})
    written(chargebee)


def written(chargebee: Chargebee) -> None:
    """Everything that the API writes."""
    chargebee.customer(billing_address=ADDRESS, vat_number="NO1", meta_data='{"a":1}', cf_visma_number="10001")
    numbers = [{"type": "kid", "number": "0012345678903"}]
    payments = [{"amount": 500, "payment_method": "bank_transfer", "reference_number": "1"}]
    discounts = [{"entity_type": "document_level_discount", "amount": 1_000}]
    chargebee.invoice(payment_reference_numbers=numbers, payments=payments, discounts=discounts, total=11_500)
    credit = {"reference_invoice_id": "VN-1", "create_reason_code": "Retur", "date": chargebee.now() - 60}
    lines = [{"description": "Retur", "amount": 400, "tax1_name": "MVA", "tax1_amount": 100}]
    taxes = [{"name": "MVA", "rate": 25}]
    note = {**credit, "type": "adjustment", "line_items": lines, "taxes": taxes}
    chargebee.done("/credit_notes/import_credit_note", id="VC-1", **note)
    chargebee.done("/invoices/VN-1/record_payment", transaction={"payment_method": "cash"})
    chargebee.invoice("VN-2")
    allocations = [{"invoice_id": "VN-2", "allocated_amount": 100, "allocated_at": chargebee.now()}]
    refunds = [{"amount": 50, "payment_method": "cash", "date": chargebee.now() - 60}]
    parts = {"allocations": allocations, "linked_refunds": refunds}
    chargebee.done("/credit_notes/import_credit_note", id="VC-2", type="refundable", total=500, **credit, **parts)
    chargebee.done("/invoices/VN-2/update_details", statement_descriptor={"descriptor": "NORDIC"}, po_number="1")
    chargebee.done("/invoices/VN-2/write_off")
    chargebee.invoice("VN-3")
    chargebee.done("/invoices/VN-3/void")
    chargebee.done("/invoices/VN-3/delete")


@pytest.fixture(scope="module", params=["2.0", "1.0"])
def site(request: pytest.FixtureRequest) -> Iterator[Chargebee]:
    """Both catalogues."""
    with serve_chargebee(catalogue=request.param) as chargebee:
        lived(chargebee)
        yield chargebee


@pytest.mark.parametrize("kind", ["customers", "invoices", "credit_notes", "subscriptions"])
def test_resources_have_the_described_shape(
    site: Chargebee, description: dict[str, Any], schemas: Schemas, kind: str
) -> None:
    """In lists, with deleted ones, and alone."""
    answer = site.get(f"/{kind}", limit=100, include_deleted="true")
    rows = checked(description, schemas, f"/{kind}", answer)["list"]
    assert rows
    name = kind[:-1]
    for row in [row[name] for row in rows if not row[name]["deleted"]]:
        checked(description, schemas, f"/{kind}/{{{name.replace('_', '-')}-id}}", site.get(f"/{kind}/{row['id']}"))


def test_transactions_have_the_described_shape(site: Chargebee, schemas: Schemas) -> None:
    """They have no operation in the description, and a schema."""
    rows = site.listed("transactions", limit=100)
    assert {row["type"] for row in rows} == {"payment", "refund"}
    for row in rows:
        schemas.check("Transaction", row)


def test_payment_references_have_the_described_shape(
    site: Chargebee, description: dict[str, Any], schemas: Schemas
) -> None:
    """KID numbers."""
    path = "/invoices/payment_reference_numbers"
    assert checked(description, schemas, path, site.get(path))["list"]


def test_events_have_the_described_shape_and_content(
    site: Chargebee, description: dict[str, Any], schemas: Schemas
) -> None:
    """Every type carries what the description lists for it, each resource in its shape, and nothing else."""
    one_or_many = {f"{name}s": name for name in ("credit_note", "unbilled_charge", "subscription")}
    found = site.events()
    assert len({event["event_type"] for event in found}) >= 25
    for event in found:
        schemas.check("Event", event)
        described = description["x-event-content"][event["event_type"]]
        assert event["content"].keys() <= set(described), event["event_type"]
        for name, value in event["content"].items():
            schema = "".join(part.title() for part in one_or_many.get(name, name).split("_"))
            for resource in value if name in one_or_many else [value]:
                schemas.check(schema, resource)
    first = found[0]["id"]
    checked(description, schemas, "/events/{event-id}", site.get(f"/events/{first}"))
    checked(description, schemas, "/events", site.get("/events"))


@pytest.mark.parametrize(
    ("path", "concrete", "form"),
    [
        ("/customers", "/customers", {"id": "V-5", "auto_collection": "off"}),
        ("/customers/{customer-id}", f"/customers/{KARI}", {"first_name": "Åse"}),
        ("/customers/{customer-id}/update_billing_info", f"/customers/{KARI}/update_billing_info", {}),
        ("/customers/{customer-id}/delete", f"/customers/{KARI}/delete", {}),
        ("/invoices/{invoice-id}/update_details", "/invoices/VN-1/update_details", {"po_number": "1"}),
        ("/invoices/{invoice-id}/void", "/invoices/VN-1/void", {}),
        ("/invoices/{invoice-id}/delete", "/invoices/VN-1/delete", {}),
        ("/invoices/{invoice-id}/write_off", "/invoices/VN-1/write_off", {}),
        (
            "/invoices/{invoice-id}/record_payment",
            "/invoices/VN-1/record_payment",
            {"transaction": {"payment_method": "cash"}},
        ),
        (
            "/credit_notes",
            "/credit_notes",
            {"type": "adjustment", "total": 1, "reference_invoice_id": "VN-1"},
        ),
        (
            "/invoices/create_for_charge_items_and_charges",
            "/invoices/create_for_charge_items_and_charges",
            {"customer_id": KARI, "charges": [{"amount": 1, "description": "Bistand"}]},
        ),
    ],
)
def test_writes_answer_as_described(
    chargebee: Chargebee, description: dict[str, Any], schemas: Schemas, path: str, concrete: str, form: dict[str, Any]
) -> None:
    """With the wrappers of the operation; and it may be repeated under a key."""
    chargebee.customer(billing_address=ADDRESS)
    chargebee.invoice()
    assert description["paths"][path]["post"]["x-idempotent"] is True
    checked(description, schemas, path, chargebee.post(concrete, key="k", **form))
    replayed = chargebee.post(concrete, key="k", **form)
    headers = description["paths"][path]["post"]["responses"]["200"]["headers"]
    assert set(headers) <= set(replayed.headers)


def test_an_import_answers_as_described(chargebee: Chargebee, description: dict[str, Any], schemas: Schemas) -> None:
    """Written off at once, so with its credit note; and the payments that are moved about afterwards."""
    chargebee.customer()
    form = invoice_form(chargebee, is_written_off=True, write_off_date=chargebee.now(), credit_note={"id": "VC-1"})
    path = "/invoices/import_invoice"
    assert checked(description, schemas, path, chargebee.post(path, **form)).keys() == {"invoice", "credit_note"}
    chargebee.invoice("VN-2")
    paid = chargebee.post("/invoices/VN-2/record_payment", transaction={"payment_method": "cash", "amount": 200})
    transaction = checked(description, schemas, "/invoices/{invoice-id}/record_payment", paid)["transaction"]
    payment = {"id": transaction["id"]}
    removed = chargebee.post("/invoices/VN-2/remove_payment", transaction=payment)
    checked(description, schemas, "/invoices/{invoice-id}/remove_payment", removed)
    applied = chargebee.post("/invoices/VN-2/apply_payments", transactions=[payment])
    checked(description, schemas, "/invoices/{invoice-id}/apply_payments", applied)


def test_refusals_are_as_described(chargebee: Chargebee, description: dict[str, Any], schemas: Schemas) -> None:
    """Every status has the body, the types and the codes that the description has for it."""
    chargebee.customer()
    chargebee.invoice()
    void, create = "/invoices/{invoice-id}/void", "/customers"
    chargebee.done("/invoices/VN-1/void")
    found = {
        409: (void, chargebee.post("/invoices/VN-1/void")),
        404: (void, chargebee.post("/invoices/VN-9/void")),
        400: (create, chargebee.post("/customers", id=KARI)),
        401: (create, chargebee.anonymous.post("/api/v2/customers")),
        403: (
            create,
            chargebee.anonymous.post("/api/v2/customers", auth=(chargebee.settings.read_only_key, "")),
        ),
    }
    chargebee.post("/customers", key="k", id="V-2")
    found[422] = (create, chargebee.post("/customers", key="k", id="V-3"))
    for fault, status in (("rate_limit", 429), ("server_error", 500), ("migrating", 503)):
        chargebee.control("faults", [{"fault": fault, "times": 1}])
        found[status] = (create, chargebee.post("/customers"))
    for status, (path, answer) in found.items():
        assert answer.status_code == status
        checked(description, schemas, path, answer)
    schemas.check("Error405", chargebee.http.put("/customers").json())
