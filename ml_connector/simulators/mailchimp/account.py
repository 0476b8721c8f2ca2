"""The simulated account: its audience, its batches, and how it shows itself (Mailchimp reference, sections 1 and 5)."""

from __future__ import annotations

from typing import Any

from ml_connector.simulators.mailchimp.audience import Audience
from ml_connector.simulators.mailchimp.batch_queue import BatchQueue, Execute
from ml_connector.simulators.mailchimp.errors import not_found
from ml_connector.simulators.mailchimp.member_view import control_view, link
from ml_connector.simulators.mailchimp.protocol import Call, Methods, Reply
from ml_connector.simulators.mailchimp.selection import flag, page, select
from ml_connector.simulators.mailchimp.settings import MailchimpSettings
from ml_connector.simulators.mailchimp.times import shown


class Account:
    """The simulator's whole state (the `Simulator` of `simulators/control.py`)."""

    def __init__(self, settings: MailchimpSettings, execute: Execute) -> None:
        """`execute` runs one operation of a batch."""
        self.settings = settings
        self.audience = Audience(settings)
        self.batches = BatchQueue(settings, execute)

    def reset(self) -> None:
        """An empty audience with the default merge fields, and no batches."""
        self.batches.clear()
        self.audience = Audience(self.settings)

    def state(self, offset: int, count: int) -> dict[str, Any]:
        """The summary, a page of members, merge fields and every resubscription."""
        audience = self.audience
        members = list(audience.members.values())[offset : offset + count]
        return {
            **self.summary(),
            "resubscriptions": audience.resubscriptions,
            "merge_fields": [field.tag for field in audience.merge_fields.values()],
            "members": [control_view(audience, member) for member in members],
            "batches": [batch.view("", "") for batch in self.batches.batches.values()],
        }

    def summary(self) -> dict[str, Any]:
        """Counts only: members by status, resubscriptions, accepted writes by call, refusals by title."""
        audience = self.audience
        return {
            "members": {status: number for status, number in sorted(audience.statuses.items()) if number},
            "total_members": len(audience.members),
            "resubscriptions": len(audience.resubscriptions),
            "writes": dict(audience.writes),
            "refusals": dict(audience.refusals),
        }

    def audience_of(self, call: Call) -> Audience:
        """The audience that the path names; 404 for any other."""
        if call.args["list_id"] != self.audience.id:
            raise not_found()
        return self.audience


def _ping(_account: Account, _call: Call) -> Reply:
    return Reply(200, {"health_status": "Everything's Chimpy!"})


def _root(account: Account, call: Call) -> Reply:
    since = shown(account.audience.created_at)
    address = {
        "company": account.settings.account_name,
        "addr1": "Storgata 1",
        "addr2": "",
        "city": "Oslo",
        "state": "Oslo",
        "zip": "0155",
        "country": "NO",
    }
    body = {
        "account_id": "8d3a3db4d97663a9074efcc16",
        "login_id": "1234567",
        "account_name": account.settings.account_name,
        "email": "kari@nordic-supplies.no",
        "first_name": "Kari",
        "last_name": "Nordmann",
        "username": "nordicsupplies",
        "role": "owner",
        "member_since": since,
        "pricing_plan_type": "monthly",
        "first_payment": since,
        "account_timezone": "Europe/Oslo",
        "account_industry": "",
        "contact": address,
        "pro_enabled": False,
        "last_login": since,
        "total_subscribers": account.audience.statuses["subscribed"],
        "industry_stats": {"open_rate": 0, "bounce_rate": 0, "click_rate": 0},
        "_links": [link(call.base_url, "self", "/"), link(call.base_url, "lists", "/lists")],
    }
    return Reply(200, select(body, call.params))


def _list_view(account: Account, call: Call) -> dict[str, Any]:
    audience, settings = account.audience, account.settings
    stats = {
        "member_count": audience.statuses["subscribed"],
        "unsubscribe_count": audience.statuses["unsubscribed"],
        "cleaned_count": audience.statuses["cleaned"],
        "merge_field_count": len(audience.merge_fields),
        "campaign_count": 0,
        "open_rate": 0,
        "click_rate": 0,
    }
    if flag(call.params, "include_total_contacts"):
        stats["total_contacts"] = len(audience.members) - audience.statuses["archived"]
    return {
        "id": audience.id,
        "web_id": 123456,
        "name": settings.audience_name,
        "contact": {"company": settings.account_name, "address1": "Storgata 1", "city": "Oslo", "country": "NO"},
        "permission_reminder": "You are a customer of ours.",
        "use_archive_bar": False,
        "campaign_defaults": {"from_name": "", "from_email": "", "subject": "", "language": "no"},
        "date_created": shown(audience.created_at),
        "list_rating": 0,
        "email_type_option": False,
        "visibility": "prv",
        "double_optin": settings.double_optin,
        "has_welcome": False,
        "marketing_permissions": False,
        "modules": [],
        "stats": stats,
        "_links": [
            link(call.base_url, "self", f"/lists/{audience.id}"),
            link(call.base_url, "members", f"/lists/{audience.id}/members"),
            link(call.base_url, "merge-fields", f"/lists/{audience.id}/merge-fields"),
        ],
    }


def _lists(account: Account, call: Call) -> Reply:
    body = {
        "lists": page([_list_view(account, call)], call.params),
        "total_items": 1,
        "constraints": {"may_create": False, "max_instances": 1, "current_total_instances": 1},
        "_links": [link(call.base_url, "self", "/lists")],
    }
    return Reply(200, select(body, call.params))


def _list(account: Account, call: Call) -> Reply:
    account.audience_of(call)
    return Reply(200, select(_list_view(account, call), call.params))


PING: Methods = {"GET": _ping}
ROOT: Methods = {"GET": _root}
LISTS: Methods = {"GET": _lists}
LIST: Methods = {"GET": _list}
