"""The Visma simulator's own control endpoints, beside those of every simulator and those of `control_books.py`.

| call                                    | body                                    | effect                          |
| --------------------------------------- | --------------------------------------- | ------------------------------- |
| GET `/_simulator/customers/{number}`    |                                         | the read model                  |
| POST `/_simulator/customers`            | read model's members                    | a made-up customer with them    |
| PATCH `/_simulator/customers/{number}`  | read model's members                    | merged deeply; `number` renames |
| DELETE `/_simulator/customers/{number}` |                                         | it vanishes with its contacts   |
| POST `/_simulator/contacts`             | members with `businessAccount`          | a person contact                |
| PATCH `/_simulator/contacts/{id}`       | read model's members                    | merged deeply                   |
| POST `/_simulator/touch`                | `{"all": true}` or `{"numbers": [...]}` | modified now, content as before |
| POST `/_simulator/demo-round`           |                                         | `demo.py`                       |

Creating and patching also take `"silent": true` (`lastModifiedDateTime` stays as it is) and `"modified_at"` (a stamp,
or an ISO moment with an offset). All answer with the read model as it is then.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ml_connector.simulators.control import ControlError, json_response, read_json
from ml_connector.simulators.faults import CONTROL_PATH
from ml_connector.simulators.visma.api import store_of
from ml_connector.simulators.visma.demo import demo_round
from ml_connector.simulators.visma.stamps import check_stamp, plain, with_offset
from ml_connector.simulators.visma.store import Store


async def read_customer(request: Request) -> Response:
    return json_response(store_of(request).customer(request.path_params["number"]))


async def create_customer(request: Request) -> Response:
    patch = await patch_of(request)
    store = store_of(request)
    customer = store.new_customer()
    if patch.get("number", customer["number"]) is None or store.is_customer(patch.get("number", customer["number"])):
        raise ControlError(f"the number {patch['number']!r} is taken")
    return _save_customer(store, customer, patch)


async def patch_customer(request: Request) -> Response:
    patch = await patch_of(request)
    store = store_of(request)
    customer = store.customer(request.path_params["number"])
    if patch.get("number", customer["number"]) != customer["number"] and store.is_customer(patch["number"]):
        raise ControlError(f"the number {patch['number']!r} is taken")
    return _save_customer(store, customer, patch)


async def delete_customer(request: Request) -> Response:
    store = store_of(request)
    customer = store.customer(request.path_params["number"])
    store.remove_customer(customer["number"])
    return json_response(customer)


async def create_contact(request: Request) -> Response:
    patch = await patch_of(request)
    if "businessAccount" not in patch:
        raise ControlError("a contact needs businessAccount, the number of its customer")
    store = store_of(request)
    return _save_contact(store, store.new_contact(patch["businessAccount"]), patch)


async def patch_contact(request: Request) -> Response:
    patch = await patch_of(request)
    store = store_of(request)
    return _save_contact(store, store.contact(request.path_params["contact_id"]), patch)


async def touch(request: Request) -> Response:
    body = await patch_of(request)
    store = store_of(request)
    if body.get("all") is not True and "numbers" not in body:
        raise ControlError('touch takes {"all": true} or {"numbers": [...]}')
    numbers = store.numbers() if body.get("all") is True else body["numbers"]
    for number in numbers:
        store.save_customer(store.customer(number))
    return json_response({"touched": len(numbers)})


async def run_demo_round(request: Request) -> Response:
    return json_response(demo_round(store_of(request)))


async def patch_of(request: Request) -> dict[str, Any]:
    """The body of a control call; ControlError when it is no JSON object."""
    body = await read_json(request)
    if not isinstance(body, dict):
        raise ControlError("the body is a JSON object")
    return body


def _save_customer(store: Store, customer: dict[str, Any], patch: dict[str, Any]) -> Response:
    silent, modified_at = options(patch)
    stamp = plain(modified_at, store.zone) if isinstance(modified_at, datetime) else modified_at
    store.save_customer(checked(merged(customer, patch)), modified_at=stamp, silent=silent)
    return json_response(store.customers.read(customer["internalId"]))


def _save_contact(store: Store, contact: dict[str, Any], patch: dict[str, Any]) -> Response:
    silent, modified_at = options(patch)
    stamp = with_offset(modified_at, store.zone) if isinstance(modified_at, datetime) else modified_at
    store.save_contact(checked(merged(contact, patch)), modified_at=stamp, silent=silent)
    return json_response(store.contacts.read(contact["contactId"]))


def options(patch: dict[str, Any]) -> tuple[bool, datetime | str | None]:
    """Takes `silent` and `modified_at` out of a patch. A moment with an offset is one; a stamp is put as it is."""
    text = patch.pop("modified_at", None)
    silent = patch.pop("silent", False) is True
    if text is None:
        return silent, None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            check_stamp(text)
    except (TypeError, ValueError) as error:
        raise ControlError(f"modified_at {text!r} is no moment") from error
    return silent, moment if moment.tzinfo else text


def checked(members: dict[str, Any]) -> dict[str, Any]:
    """The members, when their stamps are stamps: a row that cannot be compared must not get into the store."""
    for name in ("lastModifiedDateTime", "createdDateTime"):
        try:
            check_stamp(members.get(name) or "1970-01-01T00:00:00")
        except (TypeError, ValueError) as error:
            raise ControlError(f"{name} {members[name]!r} is no stamp") from error
    return members


def merged(members: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """The members, changed in place, with those of a patch; objects are merged, everything else is replaced."""
    for name, value in patch.items():
        held = members.get(name)
        members[name] = merged(held, value) if isinstance(held, dict) and isinstance(value, dict) else value
    return members


ROUTES: list[BaseRoute] = [
    Route(f"{CONTROL_PATH}/customers", create_customer, methods=["POST"]),
    Route(f"{CONTROL_PATH}/customers/{{number}}", read_customer, methods=["GET"]),
    Route(f"{CONTROL_PATH}/customers/{{number}}", patch_customer, methods=["PATCH"]),
    Route(f"{CONTROL_PATH}/customers/{{number}}", delete_customer, methods=["DELETE"]),
    Route(f"{CONTROL_PATH}/contacts", create_contact, methods=["POST"]),
    Route(f"{CONTROL_PATH}/contacts/{{contact_id:int}}", patch_contact, methods=["PATCH"]),
    Route(f"{CONTROL_PATH}/touch", touch, methods=["POST"]),
    Route(f"{CONTROL_PATH}/demo-round", run_demo_round, methods=["POST"]),
]
