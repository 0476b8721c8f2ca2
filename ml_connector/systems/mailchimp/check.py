"""Asks the account whether everything that a sync needs is there. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator

from ml_connector.http import stopping
from ml_connector.systems.mailchimp.client import MailchimpClient
from ml_connector.systems.mailchimp.errors import NAME
from ml_connector.systems.mailchimp.merge_fields import LIMIT, MergeField, needed, present
from ml_connector.systems.registry import Finding

CREATE = "Run `ml-connector setup` for this target; it shows what it would create, and `--yes` creates it."


def check(client: MailchimpClient) -> Iterator[Finding]:
    """What was found. Raises Stopped when the key or the audience is wrong, for then there is nothing more to ask."""
    with stopping(NAME, "asking for the account"):
        account = client.get("/", {"exclude_fields": "_links"}).data
    plan = str(account.get("pricing_plan_type") or "unknown").replace("_", " ")
    name, people = account.get("account_name"), account.get("total_subscribers")
    yield Finding("credentials", True, f"Account {name}; plan: {plan}; {_number(people)} subscribed people.")

    with stopping(NAME, f"opening the audience {client.audience}"):
        audience = client.get(client.audience_path, {"fields": "name,double_optin,stats.member_count"}).data
    members = _number((audience.get("stats") or {}).get("member_count"))
    yield Finding("audience", True, f"{client.audience} is {audience.get('name')}, with {members} subscribed members.")
    yield _consent(client, bool(audience.get("double_optin")))

    there = present(client)
    missing = [field for field in needed(client) if field.tag not in there]
    for field in needed(client):
        yield _merge_field(field, there.get(field.tag))
    if missing and len(there) + len(missing) > LIMIT:
        yield Finding(
            "merge fields limit",
            False,
            f"The audience has {len(there)} merge fields and {len(missing)} are missing; the usual limit is {LIMIT}.",
            "Not all of them can be created, unless the account is a Premium one (80).",
            "Delete merge fields that nobody needs, or leave some out: `TAG: null` under `fields`.",
        )


def _consent(client: MailchimpClient, double_optin: bool) -> Finding:
    status = client.settings.flows.members.new_member_status
    what = {
        "subscribed": "New members are subscribed at once: every customer must have given consent.",
        "pending": "Mailchimp sends new members an e-mail; they are subscribed when they confirm.",
        "transactional": "New members are stored, and get no campaigns.",
    }[status]
    if double_optin and status == "subscribed":
        what += " Its double opt-in does not hold for members that a sync adds: use pending for that."
    return Finding("consent of new members", True, what)


def _merge_field(field: MergeField, type_there: str | None) -> Finding:
    subject = f"merge field {field.tag}"
    if type_there is None:
        return Finding(
            subject,
            False,
            f"The audience has no merge field {field.tag}.",
            "Mailchimp ignores values for unknown fields without a word, so they would be missing.",
            CREATE,
        )
    if not field.fits(type_there):
        return Finding(
            subject,
            False,
            f"{field.tag} is of the type {type_there}, but the mapping sends {_what(field)}.",
            "Mailchimp would refuse every member with a value there.",
            f"Map {field.tag} to something else under `fields`, or delete the field at Mailchimp and run setup; "
            "its type cannot be changed.",
        )
    if type_there not in ("text", "address"):
        return Finding(subject, True, f"Of the type {type_there}: members with a value of another form are refused.")
    return Finding(subject, True, f"Of the type {type_there}.")


def _what(field: MergeField) -> str:
    return "a whole address" if field.type == "address" else "text"


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else "an unknown number of"
