"""What can be read of a company, and where it is (Visma reference, sections 3, 4 and 7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from ml_connector.engine.ports import Entity


class Shape(Enum):
    """How a list comes (section 3)."""

    ARRAY = auto()
    """A, pages of rows."""
    WHOLE = auto()
    """B, everything in one answer."""
    WRAPPER = auto()
    """C, pages within an object."""
    LINES = auto()
    """Pages of lines, which cut their batches: the journal transaction exception."""
    NAMES = auto()
    """D, nothing but the keys, in one answer; each row is a call of its own."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Where an entity's rows are.

    Attributes:
        entity: what it is called.
        path: the list.
        key: the member that holds the business key, or the members that only together are one.
        related: the member that holds the key of the record it belongs to.
        stamp: the member that holds the change time, which is also the list's filter; None: it is read whole.
        params: what is sent with every call: the blocks that have to be asked for.
    """

    entity: Entity
    path: str
    shape: Shape
    key: str | tuple[str, ...]
    related: str | None = None
    stamp: str | None = "lastModifiedDateTime"
    params: Mapping[str, str] = field(default_factory=dict)


def _reference(name: str, title: str, path: str, shape: Shape, key: str) -> Listing:
    """Master data: read whole once a day, whether it has a change time or not, and there for every record."""
    return Listing(Entity(f"visma.{name}", title, secondary=True, windowed=False), path, shape, key, stamp=None)


_DOCUMENT_BLOCKS = {"expandApplications": "true", "expandTaxDetails": "true", "expandInvoiceAddress": "true"}

CUSTOMERS = Listing(Entity("visma.customers", "Customers"), "/v1/customer", Shape.ARRAY, key="number")
SUPPLIERS = Listing(Entity("visma.suppliers", "Suppliers"), "/v1/supplier", Shape.ARRAY, key="number")
CONTACTS = Listing(
    Entity("visma.contacts", "Contact persons", secondary=True),
    "/v1/contact",
    Shape.WHOLE,
    key="contactId",
    related="businessAccount",
)
# Two lists with numbers of their own. That the first holds invoices only is inferred (section 7): should it hold credit
# notes as well, their keys still differ from those of invoices.
CUSTOMER_INVOICES = Listing(
    Entity("visma.customer_invoices", "Customer invoices"),
    "/v1/customerinvoice",
    Shape.ARRAY,
    key=("documentType", "referenceNumber"),
    params=_DOCUMENT_BLOCKS,
)
CUSTOMER_CREDIT_NOTES = Listing(
    Entity("visma.customer_credit_notes", "Customer credit notes"),
    "/v1/customerCreditNote",
    Shape.ARRAY,
    key=("documentType", "referenceNumber"),
    params=_DOCUMENT_BLOCKS,
)
JOURNAL_TRANSACTIONS = Listing(
    Entity("visma.journal_transactions", "Journal transactions"),
    "/v2/journaltransaction",
    Shape.LINES,
    key=("module", "batchNumber"),
)
CUSTOMER_CLASSES = _reference("customer_classes", "Customer classes", "/v1/customer/customerClass", Shape.WHOLE, "id")
SUPPLIER_CLASSES = _reference("supplier_classes", "Supplier classes", "/v1/supplier/supplierClass", Shape.WHOLE, "id")
CREDIT_TERMS = _reference("credit_terms", "Credit terms", "/v1/creditTerm", Shape.WRAPPER, "termsId")
ACCOUNTS = _reference("accounts", "Accounts", "/v1/account", Shape.WHOLE, "accountCD")
SUBACCOUNTS = _reference("subaccounts", "Subaccounts", "/v1/subaccount", Shape.ARRAY, "subaccountNumber")
DIMENSIONS = replace(
    _reference("dimensions", "Dimensions", "/v1/dimension", Shape.NAMES, "id"), params={"expandSegmentsValues": "true"}
)
BRANCHES = _reference("branches", "Branches", "/v1/branch", Shape.WHOLE, "number")
LEDGERS = _reference("ledgers", "Ledgers", "/v1/ledger", Shape.WHOLE, "number")
VAT_CODES = _reference("vat_codes", "VAT codes", "/v1/vat", Shape.WHOLE, "vatId")
CURRENCIES = _reference("currencies", "Currencies", "/v1/currency", Shape.WHOLE, "id")
# A paged list (section 3) whose rows nobody describes: `id` is how documents name a project. For `check` alone.
PROJECTS = _reference("projects", "Projects", "/v1/project", Shape.ARRAY, "id")

LISTINGS: Mapping[str, Listing] = {
    listing.entity.name: listing
    for listing in (
        CUSTOMERS,
        SUPPLIERS,
        CONTACTS,
        CUSTOMER_INVOICES,
        CUSTOMER_CREDIT_NOTES,
        JOURNAL_TRANSACTIONS,
        CUSTOMER_CLASSES,
        SUPPLIER_CLASSES,
        CREDIT_TERMS,
        ACCOUNTS,
        SUBACCOUNTS,
        DIMENSIONS,
        BRANCHES,
        LEDGERS,
        VAT_CODES,
        CURRENCIES,
    )
}
