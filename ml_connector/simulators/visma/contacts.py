"""`/v1/contact` and a customer's contacts: unpaged lists, ETag on a single one (Visma reference, sections 3, 7)."""

from __future__ import annotations

from collections.abc import Set

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ml_connector.simulators.visma.api import check_version, created, json_bytes, store_of, update_model, updated
from ml_connector.simulators.visma.errors import ApiError
from ml_connector.simulators.visma.filters import CONTACT_FILTERS, CONTACT_MOMENTS, selection
from ml_connector.simulators.visma.store import Store
from ml_connector.simulators.visma.tables import unpaged_array
from ml_connector.simulators.visma.updates import apply_contact


async def find(request: Request) -> Response:
    store = store_of(request)
    asked = selection(request.query_params, CONTACT_FILTERS, CONTACT_MOMENTS, store.settings.strict_greater)
    return json_bytes(unpaged_array(store.contacts.select(asked)))


async def find_of_customer(request: Request) -> Response:
    store = store_of(request)
    number = request.path_params["number"]
    store.customer_id(number)
    asked = selection(request.query_params, CONTACT_FILTERS, CONTACT_MOMENTS, store.settings.strict_greater)
    rows = store.contacts.rows_of(store.contact_ids_of(number))
    return json_bytes(unpaged_array([row for row in rows if asked.matches is None or asked.matches(row)]))


async def read(request: Request) -> Response:
    contact_id = request.path_params["contact_id"]
    store = store_of(request)
    contact = store.contact(contact_id)
    return json_bytes(store.contacts.body(contact_id), contact["timeStamp"])


async def change(request: Request) -> Response:
    update = await update_model(request)
    store = store_of(request)
    contact = store.contact(request.path_params["contact_id"])
    check_version(request, contact["timeStamp"], store.settings)
    former = contact["businessAccount"]
    apply_contact(contact, update)
    _check_account(store, contact["businessAccount"], {former})
    return updated(store.save_contact(contact))


async def create(request: Request) -> Response:
    update = await update_model(request)
    store = store_of(request)
    contact = store.new_contact("")
    apply_contact(contact, update)
    _check_account(store, contact["businessAccount"], {""})
    version = store.save_contact(contact)
    return created(f"/v1/contact/{contact['contactId']}", version, store.settings)


def _check_account(store: Store, number: str | None, allowed: Set[str]) -> None:
    if number not in allowed and (number is None or not store.is_business_account(number)):
        raise ApiError(400, f"Error: businessAccount '{number}' cannot be found in the system.")


ROUTES: list[BaseRoute] = [
    Route("/v1/contact", find, methods=["GET"]),
    Route("/v1/contact", create, methods=["POST"]),
    Route("/v1/contact/{contact_id:int}", read, methods=["GET"]),
    Route("/v1/contact/{contact_id:int}", change, methods=["PUT"]),
    Route("/v1/customer/{number}/contact", find_of_customer, methods=["GET"]),
]
