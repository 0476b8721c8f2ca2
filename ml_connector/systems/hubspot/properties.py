"""Properties of HubSpot's objects: what the flows write to, and what is there (HubSpot reference, section 8)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ml_connector.http import stop, stopping
from ml_connector.systems.hubspot.client import HubSpotClient
from ml_connector.systems.hubspot.errors import NAME, SETUP
from ml_connector.systems.hubspot.invoice_settings import INVOICE_TYPES
from ml_connector.systems.hubspot.settings import (
    CUSTOMER_MARK,
    EMAIL,
    LIFECYCLE,
    SUPPLIER_MARK,
    CompaniesSettings,
    ContactsSettings,
    Settings,
    SuppliersSettings,
)

COMPANIES = "companies"
CONTACTS = "contacts"
INVOICES = "invoices"
LINE_ITEMS = "line_items"
PAYMENTS = "commerce_payments"

GROUP, GROUP_LABEL = "visma_net", "Visma.net"

LABELS: Mapping[str, str] = {
    "visma_customer_id": "Visma.net customer id",
    "visma_contact_key": "Visma.net contact key",
    "visma_supplier_id": "Visma.net supplier id",
    CUSTOMER_MARK: "Visma.net customer",
    SUPPLIER_MARK: "Visma.net supplier",
    "visma_customer_number": "Visma.net customer number",
    "visma_customer_class": "Visma.net customer class",
    "visma_customer_status": "Visma.net customer status",
    "visma_supplier_number": "Visma.net supplier number",
    "visma_supplier_class": "Visma.net supplier class",
    "visma_supplier_status": "Visma.net supplier status",
    "visma_organization_number": "Organization number",
    "visma_vat_number": "VAT number",
    "visma_invoice_key": "Visma.net invoice key",
    "visma_line_key": "Visma.net line key",
    "visma_payment_key": "Visma.net payment key",
}

OPTIONAL: Mapping[str, Sequence[str]] = {
    INVOICES: (
        "hs_invoice_status",
        "hs_number",
        "hs_amount_billed",
        "hs_invoice_date",
        "hs_due_date",
    )
}
"""HubSpot's own properties that are written where the account lets us, which is not documented (HubSpot reference,
sections 10 and 17): what they hold stands in ours, too."""

_FIELD_TYPES = {"string": "text", "number": "number", "date": "date", "bool": "booleancheckbox"}


@dataclass(frozen=True, slots=True)
class Property:
    """A property that a flow writes to.

    Attributes:
        kind: of the object, as it stands in routes: `companies`.
        name: internal name.
        type: what `setup` creates it as: string, number, date or bool.
        unique: it holds our key: every value stands at one object only.
    """

    kind: str
    name: str
    type: str = "string"
    unique: bool = False

    @property
    def label(self) -> str:
        return LABELS.get(self.name) or self.name.replace("_", " ").capitalize()

    @property
    def definition(self) -> dict[str, Any]:
        """The body that creates it. A unique one can never become so later."""
        body: dict[str, Any] = {
            "name": self.name,
            "label": self.label,
            "groupName": GROUP,
            "type": self.type,
            "fieldType": _FIELD_TYPES[self.type],
        }
        if self.type == "bool":
            options = [("true", "Yes"), ("false", "No")]
            body["options"] = [
                {"label": label, "value": value, "hidden": False, "displayOrder": place}
                for place, (value, label) in enumerate(options)
            ]
        return body | ({"hasUniqueValue": True} if self.unique else {})


@dataclass(frozen=True, slots=True)
class Present:
    """A property that is there."""

    type: str
    unique: bool
    read_only: bool


@dataclass(frozen=True, slots=True)
class Written:
    """What one flow writes.

    Attributes:
        kind: of the object.
        block: the flow's settings.
        marks: properties that are always written, besides our key and what is mapped.
    """

    kind: str
    block: CompaniesSettings | SuppliersSettings | ContactsSettings
    marks: Sequence[Property]

    @property
    def needed(self) -> Iterator[Property]:
        """Everything that it writes to, our key first."""
        yield Property(self.kind, self.block.key, unique=True)
        yield from self.marks
        for name in self.block.sources:
            yield Property(self.kind, name)


def written(settings: Settings) -> dict[str, Written]:
    """Flow -> what it writes, for the flows that are switched on and write properties."""
    flows = settings.flows
    marks = [Property(COMPANIES, CUSTOMER_MARK, type="bool")]
    if flows.companies.lifecycle_stage is not None:
        marks.append(Property(COMPANIES, LIFECYCLE))
    found = {"companies": Written(COMPANIES, flows.companies, marks)}
    if flows.suppliers is not None:
        found["suppliers"] = Written(COMPANIES, flows.suppliers, [Property(COMPANIES, SUPPLIER_MARK, type="bool")])
    if flows.contacts is not None:
        found["contacts"] = Written(CONTACTS, flows.contacts, [Property(CONTACTS, EMAIL)])
    return found


def kinds(settings: Settings) -> Iterable[str]:
    """The objects that the flows write."""
    return dict.fromkeys([*(one.kind for one in written(settings).values()), *of_documents(settings)])


def needed(kind: str, settings: Settings) -> Iterable[Property]:
    """What all flows that write this kind of object write to."""
    everything = [one for flow in written(settings).values() if flow.kind == kind for one in flow.needed]
    everything += of_documents(settings).get(kind, ())
    return {one.name: one for one in everything}.values()


def of_documents(settings: Settings) -> dict[str, list[Property]]:
    """Kind -> what the flows of documents write to, our keys first."""
    found: dict[str, list[Property]] = {}
    if (invoices := settings.flows.invoices) is not None:
        found[INVOICES] = [
            Property(INVOICES, invoices.invoice_key, unique=True),
            *(Property(INVOICES, name) for name in ("hs_currency", "hs_invoice_billable")),
            *(Property(INVOICES, name, type=type_) for name, type_ in INVOICE_TYPES.items()),
            *(Property(INVOICES, name) for name in (*invoices.sources, *invoices.segments)),
        ]
        if invoices.line_key is not None:
            found[LINE_ITEMS] = [Property(LINE_ITEMS, invoices.line_key, unique=True)]
        if invoices.payments == "records":
            found[PAYMENTS] = [Property(PAYMENTS, invoices.payment_key, unique=True)]
    return found


def present(client: HubSpotClient, kind: str) -> dict[str, Present]:
    """Name -> every property of these objects. Raises Stopped."""
    with stopping(NAME, f"reading the properties of {kind}"):
        found = client.get(client.routes.properties(kind)).data.get("results")
    rows = [row for row in found if isinstance(row, Mapping)] if isinstance(found, list) else []
    return {
        str(row.get("name")): Present(
            type=str(row.get("type")),
            unique=row.get("hasUniqueValue") is True,
            read_only=(row.get("modificationMetadata") or {}).get("readOnlyValue") is True,
        )
        for row in rows
        if not row.get("archived")
    }


def require(client: HubSpotClient, flow: str, names: Iterable[str] = ()) -> Mapping[str, Present]:
    """Before anything is sent: stop where a property is missing, cannot be written, or our key is not unique.

    `names` are properties that must be there and are not written to.
    """
    write = written(client.settings)[flow]
    kind = write.kind
    there = _require(client, kind, write.needed)
    for name in names:
        if name not in there:
            advice = "Correct `match` in connections.yaml."
            raise stop(NAME, "setup", f"the property {name} of {kind} does not exist", advice)
    return there


def require_documents(client: HubSpotClient, kind: str) -> Mapping[str, Present]:
    """The same for a kind of object that the flows of documents write."""
    return _require(client, kind, of_documents(client.settings)[kind])


def _require(client: HubSpotClient, kind: str, needed_here: Iterable[Property]) -> Mapping[str, Present]:
    there = present(client, kind)
    for one in needed_here:
        found = there.get(one.name)
        if found is None:
            raise stop(NAME, "setup", f"the property {one.name} of {kind} does not exist", SETUP)
        if one.unique and not found.unique:
            raise stop(NAME, "setup", f"the property {one.name} of {kind} holds our key and is not unique", NOT_UNIQUE)
        if found.read_only:
            reason = f"the property {one.name} of {kind} cannot be written"
            raise stop(NAME, "setup", reason, f"Leave it out in connections.yaml: `{one.name}: null` under `fields`.")
    return there


NOT_UNIQUE = (
    "HubSpot decides about that when a property is created, for ever. Name another property in connections.yaml "
    "(`customer_key`, `contact_key`, `invoice_key` and so on) that does not exist yet, then run `ml-connector setup`."
)
