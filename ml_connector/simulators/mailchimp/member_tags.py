"""A member's tags: `/lists/{list_id}/members/{subscriber_hash}/tags` (Mailchimp reference, sections 6 and 9)."""

from __future__ import annotations

from ml_connector.simulators.mailchimp import errors
from ml_connector.simulators.mailchimp.account import Account
from ml_connector.simulators.mailchimp.member_view import link
from ml_connector.simulators.mailchimp.member_writes import set_tags
from ml_connector.simulators.mailchimp.members import find
from ml_connector.simulators.mailchimp.protocol import Call, Methods, Reply
from ml_connector.simulators.mailchimp.schema import check_object, list_of, of_type, one_of
from ml_connector.simulators.mailchimp.selection import page, select
from ml_connector.simulators.mailchimp.times import shown

_BODY = {"tags": list_of(of_type(dict)), "is_syncing": of_type(bool)}
_TAG = {"name": of_type(str), "status": one_of("active", "inactive")}


def _get(account: Account, call: Call) -> Reply:
    member = find(account, call)
    names = {number: name for name, number in account.audience.tags.items()}
    tags = [
        {"id": number, "name": names[number], "date_added": shown(at)} for number, at in (member.tags or {}).items()
    ]
    own = f"/lists/{account.audience.id}/members/{member.hash}"
    body = {
        "tags": page(tags, call.params),
        "total_items": len(tags),
        "_links": [link(call.base_url, "self", f"{own}/tags"), link(call.base_url, "parent", own)],
    }
    return Reply(200, select(body, call.params))


def _post(account: Account, call: Call) -> Reply:
    member = find(account, call)
    changes = check_object(call.json(), _BODY, ("tags",))["tags"]
    for change in changes:
        check_object(change, _TAG, ("name", "status"))
        if not change["name"].strip():
            raise errors.invalid(("tags", "A tag needs a name"))
    set_tags(account.audience, member, changes, f"{call.via} tags")
    return Reply(204)


TAGS: Methods = {"GET": _get, "POST": _post}
