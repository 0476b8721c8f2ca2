"""Properties of HubSpot's objects: what the flows write to, and what is there (HubSpot reference, section 8)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ml_connector.http import stop, stopping
from ml_connector.systems.hubspot.client import HubSpotClient
from ml_connector.systems.hubspot.errors import NAME, SETUP
from ml_connector.systems.hubspot.invoice_settings import INVOICE_TYPES
from ml_connector.systems.hubspot.settings import CUSTOMER_MARK, EMAIL, LIFECYCLE, CompaniesSettings, Settings

COMPANIES = "companies"
CONTACTS = "contacts"
INVOICES = "invoices"
LINE_ITEMS = "line_items"
PAYMENTS = "commerce_payments"

GROUP, GROUP_LABEL = "visma_net", "Visma.net"

LABELS: Mapping[str, str] = {
    "visma_customer_id": "Visma.net customer id",
    "visma_contact_key": "Visma.net contact key",
    CUSTOMER_MARK: "Visma.net customer",
    "visma_customer_number": "Visma.net customer number",
    "visma_customer_class": "Visma.net customer class",
    "visma_customer_status": "Visma.net customer status",
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


def key_of(kind: str, settings: Settings) -> str:
    """The unique property that holds our key."""
    flows = settings.flows
    if kind == COMPANIES:
        return flows.companies.customer_key
    if kind == CONTACTS and flows.contacts is not None:
        return flows.contacts.contact_key
    invoices = flows.invoices
    key = invoices and {INVOICES: invoices.invoice_key, LINE_ITEMS: invoices.line_key, PAYMENTS: invoices.payment_key}
    found = key and key.get(kind)
    assert found  # noqa: S101  nothing asks for objects that are not switched on
    return found


def kinds(settings: Settings) -> Iterator[str]:
    """The objects that the flows write."""
    yield COMPANIES
    if settings.flows.contacts is not None:
        yield CONTACTS
    if (invoices := settings.flows.invoices) is not None:
        yield INVOICES
        if invoices.line_key is not None:
            yield LINE_ITEMS
        if invoices.payments == "records":
            yield PAYMENTS


def needed(kind: str, settings: Settings) -> Iterator[Property]:
    """What the flows write to, our key first."""
    yield Property(kind, key_of(kind, settings), unique=True)
    if kind not in (COMPANIES, CONTACTS):
        yield from _needed_of_documents(kind, settings)
        return
    block = settings.flows.companies if kind == COMPANIES else settings.flows.contacts
    if isinstance(block, CompaniesSettings):
        yield Property(kind, CUSTOMER_MARK, type="bool")
        if block.lifecycle_stage is not None:
            yield Property(kind, LIFECYCLE)
    else:
        yield Property(kind, EMAIL)
    for name in block.sources if block else ():
        yield Property(kind, name)


def _needed_of_documents(kind: str, settings: Settings) -> Iterator[Property]:
    if kind == INVOICES and settings.flows.invoices is not None:
        yield from (Property(kind, name) for name in ("hs_currency", "hs_invoice_billable"))
        yield from (Property(kind, name, type=type_) for name, type_ in INVOICE_TYPES.items())
        yield from (Property(kind, name) for name in settings.flows.invoices.sources)


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


def require(client: HubSpotClient, kind: str, names: Iterable[str] = ()) -> Mapping[str, Present]:
    """Before anything is sent: stop where a property is missing, cannot be written, or our key is not unique."""
    there = present(client, kind)
    for one in needed(kind, client.settings):
        found = there.get(one.name)
        if found is None:
            raise stop(NAME, "setup", f"the property {one.name} of {kind} does not exist", SETUP)
        if one.unique and not found.unique:
            raise stop(NAME, "setup", f"the property {one.name} of {kind} holds our key and is not unique", NOT_UNIQUE)
        if found.read_only:
            reason = f"the property {one.name} of {kind} cannot be written"
            raise stop(NAME, "setup", reason, f"Leave it out in connections.yaml: `{one.name}: null` under `fields`.")
    for name in names:
        if name not in there:
            advice = "Correct `match` in connections.yaml."
            raise stop(NAME, "setup", f"the property {name} of {kind} does not exist", advice)
    return there


NOT_UNIQUE = (
    "HubSpot decides about that when a property is created, for ever. Name another property in connections.yaml "
    "(`customer_key`, `contact_key`, `invoice_key` and so on) that does not exist yet, then run `ml-connector setup`."
)
