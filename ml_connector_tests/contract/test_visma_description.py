"""The simulator against the description of Visma.net ERP that was drawn up from generated clients.

The description stands beside the repository (`../shared/specs`); where it does not, these tests are skipped. It says
nothing about which members are required or may be null: here every member may be null, and none may be unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from openapi_schema_validator import OAS31Validator
from starlette.routing import Route

from ml_connector.simulators.faults import CONTROL_PATH
from ml_connector.simulators.visma import (
    VismaSettings,
    create_app,
    filters,
    invoice_rows,
    master_lists,
    supply,
    updates,
)
from ml_connector_tests.simulators.visma_support import ORDINARY, Visma, serve_visma

DESCRIPTION = Path(__file__).parents[2] / "../shared/specs/visma/visma-net-erp-subset.openapi.yaml"
pytestmark = pytest.mark.skipif(not DESCRIPTION.exists(), reason=f"the description is not at {DESCRIPTION}")

READ_ONLY = (
    "supplier", "customerinvoice", "journaltransaction", "dimension", "subaccount", "account", "branch", "vat",
    "currency", "financialPeriod", "ledger",
)  # fmt: skip
"""Of these only the reading operations are simulated, and these:"""
WRITTEN = {
    ("POST", "/v2/journaltransaction"),
    ("POST", "/v2/journaltransaction/{}/action/release"),
    ("POST", "/v2/customerinvoice"),
    ("POST", "/v1/customerinvoice/{}/action/release"),
}
NOT_SIMULATED = {
    ("GET", "/v1/customer/balance"),
    ("GET", "/v1/customer/{}/balance"),
    ("GET", "/v1/dimension/{}/{}/{}"),
    ("GET", "/v1/dimension/{}/{}/publicid/{}"),
}
NOT_DESCRIBED = {
    ("GET", "/v1/project"),
    ("GET", "/v1/customerCreditNote"),
    ("GET", "/v1/customerCreditNote/{}"),
    ("POST", "/v2/customerCreditNote"),
    ("POST", "/v1/customerCreditNote/{}/action/release"),
}
"""The reference knows the path and no more (sections 3 and 7)."""
NOT_WRITTEN = {"number", "note", "glAccounts", "eInvoiceContract", "defaultPaymentMethod", "overrideNumberSeries"}
NESTED_METADATA = {"CountryInAddressDto", "VatZoneInCustomerDto", "VatZoneInSupplierDto"}
EXPANDED = {
    "expandApplications": "true",
    "expandTaxDetails": "true",
    "expandInvoiceAddress": "true",
    "expandAttachments": "true",
}


@pytest.fixture(scope="module")
def visma_server() -> Iterator[Visma]:
    with serve_visma() as visma:
        yield visma


@pytest.fixture
def visma(visma_server: Visma) -> Visma:
    visma_server.start_over()
    return visma_server


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load(DESCRIPTION.read_text(), Loader=yaml.CSafeLoader)
    return loaded


class Schemas:
    """The description's schemas, with null allowed everywhere and unknown members nowhere."""

    def __init__(self, description: dict[str, Any]) -> None:
        schemas = description["components"]["schemas"]
        for name in NESTED_METADATA:
            schemas[name]["properties"]["metadata"] = {"$ref": "#/components/schemas/MetadataDto"}
        self._components = {"schemas": {name: _strict(schema) for name, schema in schemas.items()}}

    def check(self, name: str, value: object) -> None:
        schema = {"$ref": f"#/components/schemas/{name}", "components": self._components}
        OAS31Validator(schema).validate(value)


def _strict(schema: dict[str, Any]) -> dict[str, Any]:
    strict = dict(schema)
    if "properties" in schema:
        strict["properties"] = {
            name: {"anyOf": [_strict(inner), {"type": "null"}]} for name, inner in schema["properties"].items()
        }
        strict["additionalProperties"] = False
    if "items" in schema:
        strict["items"] = _strict(schema["items"])
    return strict


@pytest.fixture(scope="module")
def schemas(description: dict[str, Any]) -> Schemas:
    return Schemas(description)


def anonymous(path: str) -> str:
    """The path with its parameters without names: the description and the simulator name them differently."""
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))


def documented_answer(description: dict[str, Any], path: str, answer: httpx.Response) -> dict[str, Any]:
    operation = description["paths"][path][answer.request.method.lower()]
    assert str(answer.status_code) in operation["responses"], answer.text
    response: dict[str, Any] = operation["responses"][str(answer.status_code)]
    return response


def test_the_operations_are_the_described_ones(description: dict[str, Any]) -> None:
    """Each operation on customers, contacts, classes and terms, and each that reads other things; no other."""
    simulated = {
        (method, anonymous(route.path_format))
        for route in create_app(VismaSettings(customers=0)).routes
        if isinstance(route, Route) and not route.path.startswith((CONTROL_PATH, "/connect"))
        for method in route.methods or ()
        if method != "HEAD"
    }
    described = {
        (method.upper(), anonymous(path))
        for path, operations in description["paths"].items()
        for method in operations
        if path.split("/")[2] in ("customer", "contact", "creditTerm")
        or (path.split("/")[2] in READ_ONLY and method == "get")
    }
    assert simulated - NOT_DESCRIBED - WRITTEN == described - NOT_SIMULATED
    every = {
        (method.upper(), anonymous(path)) for path, operations in description["paths"].items() for method in operations
    }
    assert every >= WRITTEN


def test_customers_have_the_described_shape(visma: Visma, schemas: Schemas) -> None:
    """Every row, the awkward ones too, and the single record."""
    rows = visma.find(pageSize=1000)
    assert rows
    for row in rows:
        schemas.check("CustomerDto", row)
    schemas.check("CustomerDto", visma.read())


def test_contacts_have_the_described_shape(visma: Visma, schemas: Schemas) -> None:
    """Every person contact, from both lists and alone."""
    contacts = visma.rows("/v1/contact")
    assert contacts
    for contact in contacts:
        schemas.check("ContactDto", contact)
    schemas.check("ContactDto", visma.http.get(f"/v1/contact/{contacts[0]['contactId']}").json())


def test_suppliers_have_the_described_shape(visma: Visma, schemas: Schemas) -> None:
    """Every supplier with every block, the awkward ones too; and alone."""
    rows = visma.rows("/v1/supplier", pageSize=500, expandAccountInformation="true", expandNote="true")
    assert rows
    for row in rows:
        schemas.check("SupplierDto", row)
    schemas.check("SupplierDto", visma.http.get(f"/v1/supplier/{rows[0]['number']}").json())


@pytest.mark.parametrize("path", ["/v1/customerinvoice", "/v1/customerCreditNote"])
def test_documents_have_the_described_shape(visma: Visma, schemas: Schemas, path: str) -> None:
    """Every invoice, and credit notes in the shape of invoices: their own is not described."""
    rows = visma.rows(path, pageSize=100, **EXPANDED)
    assert rows
    for row in rows:
        schemas.check("CustomerInvoiceDto", row)
    schemas.check("CustomerInvoiceDto", visma.http.get(f"{path}/{rows[0]['referenceNumber']}").json())


def test_journal_transactions_have_the_described_shape(visma: Visma, schemas: Schemas) -> None:
    """Every batch, cut by a page or not; and alone."""
    rows = visma.rows("/v2/journaltransaction", pageSize=500, lastModifiedDateTime="2000-01-01")
    assert rows
    for row in rows:
        schemas.check("JournalTransactionDto", row)
    schemas.check("JournalTransactionDto", visma.http.get("/v2/journaltransaction/000001").json())


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/v1/customer/customerClass", "CustomerClassDto"),
        ("/v1/supplier/supplierClass", "SupplierClassDto"),
        ("/v1/account", "AccountDto"),
        ("/v1/subaccount", "SubAccountDto"),
        ("/v1/branch", "BranchDto"),
        ("/v1/ledger", "LedgerDto"),
        ("/v1/vat", "VatInformationDto"),
        ("/v1/currency", "CurrencyDto"),
        ("/v1/financialPeriod", "FinancialPeriodDto"),
    ],
)
def test_master_data_has_the_described_shape(visma: Visma, schemas: Schemas, path: str, model: str) -> None:
    """Every row of every list."""
    expand = ("expandCurrency", "expandVatZone", "expandLedger", "expandDefaultCountry")
    rows = visma.rows(path, **dict.fromkeys(expand, "true"))
    assert rows
    for row in rows:
        schemas.check(model, row)


def test_wrapped_and_nested_master_data_have_the_described_shape(visma: Visma, schemas: Schemas) -> None:
    """Credit terms in their wrapper, dimensions with their segments."""
    schemas.check("BasePaginationDtoOfCreditTermDto", visma.http.get("/v1/creditTerm").json())
    for name in visma.rows("/v1/dimension"):
        dimension = visma.http.get(f"/v1/dimension/{name}", params={"expandSegmentsValues": "true"}).json()
        schemas.check("DtoDimension", dimension)
    schemas.check("DtoSegment", visma.http.get("/v1/dimension/SUBACCOUNT/1").json())


def test_filters_are_described_parameters(description: dict[str, Any]) -> None:
    """Each filter that the simulator applies is a parameter of the operation, and so are the pages."""

    def parameters(path: str) -> set[str]:
        return {parameter.get("name", "") for parameter in description["paths"][path]["get"]["parameters"]}

    def moments(names: Iterable[str]) -> set[str]:
        return {f"{name}{suffix}" for name in names for suffix in ("", "Condition")}

    paged = {"pageNumber", "pageSize"}
    applied = {*filters.CUSTOMER_FILTERS, *moments(filters.CUSTOMER_MOMENTS), "attributes"}
    assert applied | paged <= parameters("/v1/customer")
    applied = {*filters.SUPPLIER_FILTERS, *moments(filters.SUPPLIER_MOMENTS), "attributes", *supply.EXPANDS}
    assert applied | paged <= parameters("/v1/supplier")
    applied = {*filters.INVOICE_FILTERS, *moments(filters.INVOICE_MOMENTS), *invoice_rows.EXPANDS}
    for path in ("/v1/customerinvoice", "/v1/customer/{customerNumber}/invoice"):
        assert applied | paged <= parameters(path)
    applied = {*filters.JOURNAL_FILTERS, "lastModifiedDateTime", "module", "status"}
    assert applied | paged <= parameters("/v2/journaltransaction")
    assert "lastModifiedDateTimeCondition" not in parameters("/v2/journaltransaction")
    assert {"active"} | paged <= parameters("/v1/subaccount")
    assert set(master_lists.BRANCH_BLOCKS) <= parameters("/v1/branch")
    assert {"pageNumber", "pageSize", "termsId"} <= parameters("/v1/creditTerm")
    for path in ("/v1/contact", "/v1/customer/{customerCd}/contact"):
        assert {*filters.CONTACT_FILTERS, "lastModifiedDateTime", "lastModifiedDateTimeCondition"} <= parameters(path)
        assert "pageNumber" not in parameters(path)


CUSTOMER_UPDATE: dict[str, Any] = {
    "name": {"value": "Ny AS"},
    "status": {"value": "OnHold"},
    "creditLimit": {"value": 1000.5},
    "numberOfEmployees": {"value": 12},
    "printInvoices": {"value": True},
    "customerClassId": {"value": "B2C"},
    "creditTermsId": {"value": "14"},
    "vatZoneId": {"value": "01"},
    "priceClassId": {"value": "VIP"},
    "parentRecordNumber": {"value": "10002"},
    "overrideWithClassValues": False,
    "mainAddress": {"value": {"city": {"value": "Oslo"}, "countryId": {"value": "NO"}, "county": {"value": "Oslo"}}},
    "invoiceContact": {"value": {"email": {"value": "faktura@ny.no"}, "phone1": {"value": "+47 22 00 00 00"}}},
    "attributeLines": [{"attributeId": {"value": "SEGMENT"}, "attributeValue": {"value": "A"}}],
}
CONTACT_UPDATE: dict[str, Any] = {
    "firstName": {"value": "Åse"},
    "title": {"value": "Ms"},
    "noMassMail": {"value": True},
    "businessAccount": {"value": ORDINARY},
    "address": {"value": {"city": {"value": "Bodø"}}},
}


def test_update_models_are_the_described_ones(visma: Visma, schemas: Schemas) -> None:
    """What the description calls an update is taken, and what it wraps is refused bare."""
    schemas.check("CustomerUpdateDto", CUSTOMER_UPDATE)
    schemas.check("ContactUpdateDto", CONTACT_UPDATE)
    assert visma.put(CUSTOMER_UPDATE).status_code == 204
    assert visma.http.post("/v1/contact", json=CONTACT_UPDATE).status_code == 201


def test_transactions_are_created_with_the_described_model(visma: Visma, schemas: Schemas) -> None:
    """A batch with every member that the client sends, wrapped as described."""
    line = {"operation": "Insert", "subaccount": [{"segmentId": 1, "segmentValue": "00"}], **_wrapped(vatCodeId="3")}
    line["subaccount"] = [*line["subaccount"], {"segmentId": 2, "segmentValue": "0000"}]
    texts = _wrapped(accountNumber="3000", referenceNumber="CB1", transactionDescription="Lisens", note="li_1")
    texts |= _wrapped(project="P-ABO", projectTask="LISENS")
    debit, credit = (line | texts | _wrapped(**{f"{side}AmountInCurrency": 9.99}) for side in ("debit", "credit"))
    batch = {
        **_wrapped(hold=True, currencyId="EUR", exchangeRate=11.5, description="Abonnement", branch="1"),
        "journalTransactionLines": [debit, credit],
    }
    schemas.check("JournalTransactionUpdateDto", batch)
    answer = visma.http.post("/v2/journaltransaction", json=batch)
    assert answer.status_code == 201
    number = answer.headers["location"].rpartition("/")[2]
    schemas.check("JournalTransactionDto", visma.http.get(f"/v2/journaltransaction/{number}").json())


def test_invoices_are_created_with_the_described_model(visma: Visma, schemas: Schemas) -> None:
    """The project is the document's, and the task the line's."""
    texts = _wrapped(description="Lisens", accountNumber="3000", vatCodeId="3", taskId="LISENS", branchNumber="1")
    line = {"operation": "Insert", **texts, **_wrapped(quantity=1, unitPriceInCurrency=9.99)}
    header = _wrapped(customerNumber=ORDINARY, hold=True, project="P-ABO", externalReference="CB1", branchNumber="1")
    invoice = {**header, "invoiceLines": [line]}
    schemas.check("CustomerInvoiceUpdateDto", invoice)
    answer = visma.http.post("/v2/customerinvoice", json=invoice)
    assert answer.status_code == 201
    number = answer.headers["location"].rpartition("/")[2]
    schemas.check("CustomerInvoiceDto", visma.http.get(f"/v1/customerinvoice/{number}").json())


def _wrapped(**members: Any) -> dict[str, Any]:
    return {name: {"value": value} for name, value in members.items()}


@pytest.mark.parametrize("model", ["CustomerUpdateDto", "ContactUpdateDto"])
def test_wrapped_fields_are_the_described_ones(visma: Visma, description: dict[str, Any], model: str) -> None:
    """Each field that the simulator writes and the description wraps is refused without its wrapper."""
    customer = model == "CustomerUpdateDto"
    contact = visma.rows("/v1/contact")[0]
    path = f"/v1/customer/{ORDINARY}" if customer else f"/v1/contact/{contact['contactId']}"
    properties = description["components"]["schemas"][model]["properties"]
    wrapped = {name for name, schema in properties.items() if schema.get("x-value-wrapped")}
    refused = {name for name in wrapped if visma.http.put(path, json={name: "bare"}).status_code == 400}
    assert wrapped - refused == NOT_WRITTEN & wrapped


def test_enumerations_are_the_described_ones(description: dict[str, Any]) -> None:
    """The values that status, title and the like may have."""
    schemas = description["components"]["schemas"]
    for model, enums in (("CustomerDto", updates.CUSTOMER_ENUMS), ("ContactDto", updates.CONTACT_ENUMS)):
        for name, members in enums.items():
            assert set(members) == set(schemas[model]["properties"][name]["enum"])


@pytest.mark.parametrize(
    ("method", "path", "concrete", "body", "status"),
    [
        ("GET", "/v1/customer", "/v1/customer", None, 200),
        ("GET", "/v1/customer", "/v1/customer?lastModifiedDateTime=x", None, 400),
        ("POST", "/v1/customer", "/v1/customer", {"name": {"value": "Ny AS"}}, 201),
        ("POST", "/v1/customer", "/v1/customer", {}, 400),
        ("GET", "/v1/customer/{customerCd}", f"/v1/customer/{ORDINARY}", None, 200),
        ("GET", "/v1/customer/{customerCd}", "/v1/customer/nobody", None, 404),
        ("PUT", "/v1/customer/{customerCd}", f"/v1/customer/{ORDINARY}", {"name": {"value": "Ny AS"}}, 204),
        ("PUT", "/v1/customer/internal/{internalId}", "/v1/customer/internal/1001", {"name": "Ny AS"}, 400),
        (
            "POST",
            "/v1/customer/action/changeCustomerCd/{internalId}",
            "/v1/customer/action/changeCustomerCd/1001",
            {"customerCd": "77001"},
            200,
        ),
        ("POST", "/v1/contact", "/v1/contact", {"firstName": {"value": "Åse"}}, 201),
        ("GET", "/v1/contact/{contactId}", "/v1/contact/1", None, 404),
        ("GET", "/v1/supplier/{supplierCd}", "/v1/supplier/500001", None, 200),
        ("GET", "/v1/supplier/{supplierCd}", "/v1/supplier/nobody", None, 404),
        ("GET", "/v1/customerinvoice/{invoiceNumber}", "/v1/customerinvoice/100001", None, 200),
        ("GET", "/v1/customerinvoice/{invoiceNumber}", "/v1/customerinvoice/1", None, 404),
        ("GET", "/v2/journaltransaction", "/v2/journaltransaction", None, 400),
        (
            "GET",
            "/v2/journaltransaction/{journalTransactionNumber}",
            "/v2/journaltransaction/000001",
            None,
            200,
        ),
        ("GET", "/v1/account/{accountCd}", "/v1/account/1500", None, 200),
        ("GET", "/v1/subaccount/{subAccountNumber}", "/v1/subaccount/00-0000", None, 200),
        ("GET", "/v1/dimension/{dimensionId}/{segmentId}", "/v1/dimension/SUBACCOUNT/1", None, 200),
    ],
)
def test_answers_are_described(
    visma: Visma,
    description: dict[str, Any],
    schemas: Schemas,
    method: str,
    path: str,
    concrete: str,
    body: object,
    status: int,
) -> None:
    """The status is one of the operation's, with the headers and the error body that the description has for it."""
    answer = visma.http.request(method, concrete, json=body)
    assert answer.status_code == status, answer.text
    documented = documented_answer(description, path, answer)
    assert {name.lower() for name in documented.get("headers", ())} <= set(answer.headers)
    if status >= 400:
        schemas.check("ErrorMessage", answer.json())


def test_refusals_are_described(visma: Visma, description: dict[str, Any], schemas: Schemas) -> None:
    """No token, another version, a used up quota, a missing company header."""
    path, concrete = "/v1/customer/{customerCd}", f"/v1/customer/{ORDINARY}"
    unauthorized = visma.anonymous.get(concrete)
    stale = visma.put({"name": {"value": "Ny AS"}}, **{"If-Match": '"AAAAAAAAAAE="'})
    visma.configure(require_company_id=True)
    no_company = visma.http.get(concrete)
    visma.configure(rate_limit=1)
    too_many = visma.http.get(concrete)
    assert [answer.status_code for answer in (unauthorized, stale, no_company, too_many)] == [401, 412, 400, 429]
    for answer in (unauthorized, stale, too_many):
        documented_answer(description, path, answer)
        schemas.check("ErrorMessage", answer.json())
    documented_answer(description, path, no_company)
    schemas.check("ErrorIpp", no_company.json())
    quota_headers = description["components"]["responses"]["E429"]["headers"]
    assert {name.lower() for name in quota_headers} <= set(too_many.headers)
