"""The `/_simulator` endpoints that only the Mailchimp simulator has: what people do there, and what tests look at.

| call                                           | body or parameters            | answer                              |
| ---------------------------------------------- | ----------------------------- | ----------------------------------- |
| GET /_simulator/summary                        |                               | members by status, counts of writes |
| GET /_simulator/members                        | ?offset=0&count=1000&status=  | members with history, tags, origin  |
| GET /_simulator/members/{hash}                 |                               | one of them                         |
| POST /_simulator/members/{hash}/unsubscribe    | {"origin": self, admin, api}  | the member                          |
| POST /_simulator/members/{hash}/clean          |                               | the member, bounced                 |
| POST /_simulator/members/{hash}/resubscribe    |                               | the member, who signed up by a form |
| POST /_simulator/members/{hash}/merge-values   | {TAG: value}                  | the member; nothing is checked      |
| POST /_simulator/unsubscribe-some              | {"count": 4}                  | the members who left by themselves  |

A member can be named by the plain address, too; one that is not on the list is answered with 404.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ml_connector.simulators.control import ControlError, json_response, read_json
from ml_connector.simulators.faults import CONTROL_PATH
from ml_connector.simulators.mailchimp.account import Account
from ml_connector.simulators.mailchimp.addresses import hash_of_path
from ml_connector.simulators.mailchimp.audience import Audience, Member, stored
from ml_connector.simulators.mailchimp.member_view import control_view

Act = Callable[[Audience, Member, Any], None]


def control_routes(account: Account) -> Sequence[BaseRoute]:
    """The routes of this module's table."""

    async def summary(_request: Request) -> Response:
        return json_response(account.summary())

    async def members(request: Request) -> Response:
        audience, query = account.audience, request.query_params
        try:
            offset, count = int(query.get("offset", 0)), int(query.get("count", 1000))
        except ValueError as error:
            raise ControlError("offset and count are whole numbers") from error
        wanted = query.get("status")
        rows = [member for member in audience.members.values() if wanted in (None, member.status)]
        page = [control_view(audience, member) for member in rows[offset : offset + count]]
        return json_response({"members": page, "total_items": len(rows)})

    async def unsubscribe_some(request: Request) -> Response:
        wanted = await read_json(request)
        count = wanted.get("count") if isinstance(wanted, dict) else None
        if type(count) is not int or count < 0:
            raise ControlError('expected {"count": a whole number}')
        chosen = choose_subscribed(account.audience, count)
        for member in chosen:
            account.audience.by_person(member, "unsubscribe", "unsubscribed", "self")
        return json_response({"members": [control_view(account.audience, member) for member in chosen]})

    def on_member(act: Act) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            member = account.audience.members.get(hash_of_path(request.path_params["hash"]))
            if member is None:
                return json_response({"error": "nobody with this hash or address is on the list"}, 404)
            act(account.audience, member, await read_json(request))
            return json_response(control_view(account.audience, member))

        return endpoint

    member_path = f"{CONTROL_PATH}/members/{{hash}}"
    return [
        Route(f"{CONTROL_PATH}/summary", summary),
        Route(f"{CONTROL_PATH}/members", members),
        Route(f"{CONTROL_PATH}/unsubscribe-some", unsubscribe_some, methods=["POST"]),
        Route(member_path, on_member(_nothing)),
        Route(f"{member_path}/unsubscribe", on_member(_unsubscribe), methods=["POST"]),
        Route(f"{member_path}/clean", on_member(_clean), methods=["POST"]),
        Route(f"{member_path}/resubscribe", on_member(_resubscribe), methods=["POST"]),
        Route(f"{member_path}/merge-values", on_member(_set_merge_values), methods=["POST"]),
    ]


def choose_subscribed(audience: Audience, count: int) -> list[Member]:
    """The same subscribed members whenever the list is the same, spread over all of it."""
    subscribed = (member for member in audience.members.values() if member.status == "subscribed")
    return sorted(subscribed, key=lambda member: hashlib.sha256(member.hash.encode()).digest())[:count]


def move_rows(account: Account) -> None:
    """The first member of the list becomes its last: a page that was read is short of one now."""
    members = account.audience.members
    if members:
        first = next(iter(members))
        members[first] = members.pop(first)


def _nothing(_audience: Audience, _member: Member, _body: Any) -> None:
    """Only look."""


def _unsubscribe(audience: Audience, member: Member, body: Any) -> None:
    origin = body.get("origin", "self") if isinstance(body, dict) else None
    if origin not in ("self", "admin", "api"):
        raise ControlError("origin is self, admin or api")
    audience.by_person(member, "unsubscribe", "unsubscribed", origin)


def _clean(audience: Audience, member: Member, _body: Any) -> None:
    audience.by_person(member, "clean", "cleaned", "bounce")


def _resubscribe(audience: Audience, member: Member, _body: Any) -> None:
    audience.by_person(member, "form", "subscribed", "")


def _set_merge_values(audience: Audience, member: Member, body: Any) -> None:
    """What old imports and forms left behind, such as an incomplete address."""
    keys = {merge_field.tag: merge_field.key for merge_field in audience.merge_fields.values()}
    if not isinstance(body, dict) or not body.keys() <= keys.keys():
        raise ControlError(f"the keys are tags of this list: {', '.join(keys)}")
    values = member.merge_values() | {keys[tag]: value for tag, value in body.items()}
    member.merge = stored(values)
