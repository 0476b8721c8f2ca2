"""Creates the merge fields that the mapping writes to and the audience lacks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from ml_connector.http import stopping
from ml_connector.systems.mailchimp.client import MailchimpClient
from ml_connector.systems.mailchimp.errors import NAME
from ml_connector.systems.mailchimp.merge_fields import MergeField, needed, present
from ml_connector.systems.registry import SetupStep


def setup(client: MailchimpClient) -> Sequence[SetupStep]:
    """One step per missing merge field. A field of a wrong type is left alone: its type can never change."""
    there = present(client)
    return [
        SetupStep(f"create the merge field {field.tag} ({field.title}, {field.type})", partial(_create, client, field))
        for field in needed(client)
        if field.tag not in there
    ]


def _create(client: MailchimpClient, field: MergeField) -> None:
    """Create it unless it is there by now.

    Not public: it would stand on sign-up forms, and customers would see their class and billing status. Not required: a
    customer without the value is still a member.
    """
    if field.tag in present(client):
        return
    body = {"tag": field.tag, "name": field.title, "type": field.type, "public": False, "required": False}
    with stopping(NAME, f"creating the merge field {field.tag}"):
        client.post(f"{client.audience_path}/merge-fields", body)
