"""Merge fields of the audience: what the mapping needs, and what is there (Mailchimp reference, section 8)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ml_connector.http import stopping
from ml_connector.systems.mailchimp.client import MailchimpClient
from ml_connector.systems.mailchimp.errors import NAME

LIMIT = 30
"""Merge fields of an audience; 80 on Premium."""

TITLES: Mapping[str, str] = {
    "FNAME": "First Name",
    "LNAME": "Last Name",
    "COMPANY": "Company",
    "ADDRESS": "Address",
    "CITY": "City",
    "COUNTRY": "Country",
    "CUSTNO": "Customer number",
    "CUSTCLASS": "Customer class",
    "BILLSTATUS": "Billing status",
}


@dataclass(frozen=True, slots=True)
class MergeField:
    """A merge field that the mapping writes to.

    Attributes:
        tag: its merge tag.
        type: what `setup` creates it as: text or address.
    """

    tag: str
    type: str

    @property
    def title(self) -> str:
        return TITLES.get(self.tag, self.tag)

    def fits(self, present: str) -> bool:
        """Whether a field of this type can hold the values: an address is an object, everything else a text."""
        return (self.type == "address") == (present == "address")


def needed(client: MailchimpClient) -> Iterator[MergeField]:
    """What the mapping writes to."""
    for tag, source in client.settings.flows.members.sources.items():
        yield MergeField(tag, "address" if source.is_address else "text")


def present(client: MailchimpClient) -> dict[str, str]:
    """Tag -> type of every merge field of the audience. Raises Stopped."""
    params = {"count": 100, "fields": "merge_fields.tag,merge_fields.type"}
    with stopping(NAME, "reading the merge fields"):
        data = client.get(f"{client.audience_path}/merge-fields", params).data
    return {str(row.get("tag")): str(row.get("type")) for row in data.get("merge_fields") or []}
