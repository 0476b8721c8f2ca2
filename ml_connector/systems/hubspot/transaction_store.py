"""Where transactions are kept: in a custom object, or, in an account that has none, as properties of their invoices.

Custom objects are for Enterprise accounts alone; below that the schemas are refused with a 403 (HubSpot reference,
section 9, inferred). Every plan takes custom properties, so the batch then stands on the invoices that it posted; one
that posted none has no place and is skipped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ml_connector.errors import ConfigurationProblem
from ml_connector.http import RecordRefused, stop, stopping
from ml_connector.systems.hubspot.client import HubSpotClient
from ml_connector.systems.hubspot.errors import NAME, SETUP
from ml_connector.systems.hubspot.properties import INVOICES, NOT_UNIQUE, Present, Property, present
from ml_connector.systems.hubspot.transaction_settings import OBJECT_TYPES, TransactionsSettings
from ml_connector.systems.registry import Finding, SetupStep

FORBIDDEN, TAKEN = 403, 409
SCOPE = "crm.schemas.custom.read"
COMPANY_TYPE, INVOICE_TYPE = "0-2", "0-53"
"""Type ids (HubSpot reference, section 3)."""


@dataclass(frozen=True, slots=True)
class Store:
    """Where transactions go.

    Attributes:
        is_object: to the custom object; else to properties of invoices.
        why: in a sentence.
        type_id: of the custom object, once it is there.
        refused: neither can serve: the settings want an object, and the account has none.
    """

    is_object: bool
    why: str
    type_id: str | None = None
    refused: bool = False


def find_store(client: HubSpotClient, settings: TransactionsSettings) -> Store:
    """Ask the account. Raises Stopped."""
    if settings.store == "invoices":
        return Store(False, "The settings say so.")
    with stopping(NAME, "reading the custom objects"):
        answer = client.get(client.routes.schemas, allow=(FORBIDDEN,))
    if answer.status == FORBIDDEN:
        return Store(False, _why_not(client), refused=settings.store == "object")
    schemas = answer.data.get("results")
    rows = [one for one in schemas if isinstance(one, Mapping)] if isinstance(schemas, list) else []
    wanted = settings.object.lower()  # unique whatever the case (section 9)
    found = next((one for one in rows if str(one.get("name")).lower() == wanted and not one.get("archived")), None)
    why = "The account has custom objects."
    return Store(True, why, None if found is None else str(found.get("objectTypeId")))


def require_store(client: HubSpotClient, settings: TransactionsSettings) -> Store:
    """Before anything is sent: the store with all that it needs. Raises Stopped."""
    store = find_store(client, settings)
    if store.refused:
        raise stop(NAME, "setup", f"there is no custom object: {store.why}", "Write `store: auto` in connections.yaml.")
    if store.is_object and store.type_id is None:
        raise stop(NAME, "setup", f"the custom object {settings.object} does not exist", SETUP)
    there = present(client, store.type_id or INVOICES)
    for one in _needed(store, settings):
        found = there.get(one.name)
        if found is None:
            raise stop(NAME, "setup", f"the property {one.name} of transactions does not exist", SETUP)
        if one.unique and not found.unique:
            raise stop(NAME, "setup", f"the property {one.name} holds our key and is not unique", NOT_UNIQUE)
    return store


def check_transactions(client: HubSpotClient) -> Iterator[Finding]:
    """Which store serves and why, and whether it is there. Raises Stopped."""
    settings = client.settings.flows.transactions
    if settings is None:
        return
    store = find_store(client, settings)
    if store.refused:
        action = "Write `store: auto` in connections.yaml: then transactions stand on their invoices."
        yield Finding("transactions", False, f"There is no custom object. {store.why}", "None is delivered.", action)
        return
    if store.is_object:
        what = f"Transactions go to the custom object {settings.object}. {store.why}"
    elif client.settings.flows.invoices is None:
        what = f"Transactions would go to properties of their invoices, which do not come over. {store.why}"
        yield Finding("transactions", False, what, "All are skipped.", "Switch on `invoices`, or leave them out.")
        return
    else:
        what = f"Transactions go to properties of their invoices, and those without an invoice nowhere. {store.why}"
    yield Finding("transactions", True, what)
    action = "Run `ml-connector setup` for this target; it shows what it would create, and `--yes` creates it."
    if store.is_object and store.type_id is None:
        what = f"HubSpot has no custom object {settings.object}."
        yield Finding(f"object: {settings.object}", False, what, "Nothing is delivered before it is there.", action)
        return
    there = present(client, store.type_id or INVOICES)
    for one in _needed(store, settings):
        if one.name not in there:
            what = f"HubSpot has no property {one.name} for transactions."
            yield Finding(f"transactions: {one.name}", False, what, "Nothing is delivered before it is there.", action)


def setup_transactions(client: HubSpotClient) -> Sequence[SetupStep]:
    """What the custom object lacks: itself, or some of its properties. Properties of invoices are another step's.

    Raises: ConfigurationProblem where our key exists without being unique; Stopped.
    """
    settings = client.settings.flows.transactions
    if settings is None:
        return []
    store = find_store(client, settings)
    if not store.is_object:
        return []
    if store.type_id is None:
        return [SetupStep(f"create the custom object {settings.object}", partial(_create, client, settings))]
    return [
        SetupStep(f"create the property {one.name} of {settings.object}", partial(_add, client, store.type_id, one))
        for one in _missing(client, store.type_id, settings)
    ]


def on_invoices(client: HubSpotClient) -> Sequence[Property]:
    """The properties of invoices that transactions need in this account; none where they have an object."""
    settings = client.settings.flows.transactions
    if settings is None or (store := find_store(client, settings)).is_object or store.refused:
        return []
    return list(_needed(store, settings))


def _needed(store: Store, settings: TransactionsSettings) -> Iterator[Property]:
    if not store.is_object:
        yield from (Property(INVOICES, name, type=type_) for name, type_ in settings.invoice_types.items())
        return
    yield Property(settings.object, settings.transaction_key, unique=True)
    yield from (Property(settings.object, name, type=type_) for name, type_ in OBJECT_TYPES.items())
    yield from (Property(settings.object, name) for name in settings.segments)


def _missing(client: HubSpotClient, type_id: str, settings: TransactionsSettings) -> list[Property]:
    there = present(client, type_id)
    return [one for one in _needed(Store(True, ""), settings) if _is_missing(one, there)]


def _is_missing(one: Property, there: Mapping[str, Present]) -> bool:
    """Raises ConfigurationProblem for a key that cannot be one."""
    found = there.get(one.name)
    if found is not None and one.unique and not found.unique:
        raise ConfigurationProblem(
            f"{NAME} has a property {one.name} of {one.kind} already, and it is not unique.",
            "Without a unique key the same batch could become two records. Nothing was created.",
            NOT_UNIQUE,
        )
    return found is None


def _create(client: HubSpotClient, settings: TransactionsSettings) -> None:
    """Create it unless it is there by now."""
    if find_store(client, settings).type_id is not None:
        return
    with stopping(NAME, f"creating the custom object {settings.object}"):
        try:
            client.post(client.routes.schemas, _definition(settings))
        except RecordRefused as problem:
            if problem.status != TAKEN:
                raise


def _add(client: HubSpotClient, type_id: str, one: Property) -> None:
    """Create it unless it is there by now, as it has to be."""
    with stopping(NAME, f"creating the property {one.name} of transactions"):
        try:
            client.post(client.routes.properties(type_id), one.definition | {"groupName": _group(one.kind)})
        except RecordRefused as problem:
            if problem.status != TAKEN:
                raise
            _is_missing(one, present(client, type_id))


def _definition(settings: TransactionsSettings) -> dict[str, Any]:
    """The body that creates the object: all that the specification wants and live accounts asked for (section 9)."""
    properties = []
    for one in _needed(Store(True, ""), settings):
        body = one.definition
        del body["groupName"]  # it gets a group of its own
        properties.append(body)
    return {
        "name": settings.object,
        "labels": {"singular": "Visma.net transaction", "plural": "Visma.net transactions"},
        "primaryDisplayProperty": "batch",
        "secondaryDisplayProperties": ["transaction_date", "description"],
        "searchableProperties": ["batch", "description", "documents", "customers"],
        "requiredProperties": ["batch"],
        "properties": properties,
        "associatedObjects": [COMPANY_TYPE, INVOICE_TYPE],
    }


def _group(name: str) -> str:
    return f"{name.lower()}_information"


def _why_not(client: HubSpotClient) -> str:
    """Why the account refuses its custom objects."""
    given = client.scopes()
    if given is not None and SCOPE not in given:
        return f"HubSpot refuses its custom objects (status 403): the token lacks {SCOPE}."
    return "HubSpot refuses its custom objects (status 403), which only Enterprise accounts have."
