"""The account, its usage, and what a token may do (HubSpot reference, sections 2 and 13)."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from ml_connector.simulators.hubspot.errors import unauthenticated
from ml_connector.simulators.hubspot.portal import Portal
from ml_connector.simulators.hubspot.protocol import Call, Reply
from ml_connector.simulators.hubspot.times import shown


def details(portal: Portal, _call: Call) -> Reply:
    """GET of the account; needs the scope `oauth`."""
    portal.require(["oauth"])
    settings = portal.settings
    offset = settings.now().astimezone(ZoneInfo(settings.time_zone)).utcoffset()
    minutes = 0 if offset is None else int(offset.total_seconds() // 60)
    sign = "-" if minutes < 0 else "+"
    return Reply(
        200,
        {
            "portalId": settings.portal_id,
            "accountType": "STANDARD",
            "timeZone": settings.time_zone,
            "companyCurrency": settings.company_currency,
            "additionalCurrencies": settings.additional_currencies,
            "utcOffset": f"{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}",
            "utcOffsetMilliseconds": minutes * 60_000,
            "uiDomain": "app-eu1.hubspot.com",
            "dataHostingLocation": "eu1",
        },
    )


def usage(portal: Portal, _call: Call) -> Reply:
    """GET of what was used of the day."""
    portal.require(["oauth"])
    _, daily, _ = portal.settings.limits
    row = {
        "name": "private-apps-api-calls-daily",
        "usageLimit": daily,
        "currentUsage": portal.limits.daily_used,
        "collectedAt": shown(portal.now()),
        "fetchStatus": "SUCCESS",
        "resetsAt": shown(portal.now()),
    }
    return Reply(200, {"results": [row]})


def token_info(portal: Portal, call: Call) -> Reply:
    """POST of a token: whose it is, and its scopes. It carries the token in its body alone."""
    if call.json().get("tokenKey") != portal.settings.access_token:
        raise unauthenticated()
    settings = portal.settings
    return Reply(
        200, {"userId": 76_543_210, "hubId": settings.portal_id, "appId": 3_210_987, "scopes": settings.scopes}
    )
