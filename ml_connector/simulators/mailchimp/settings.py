"""What a Mailchimp simulator is like: its account, its limits, and the points on which the sources leave a choice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ml_connector.simulators.settings import SimulatorSettings


@dataclass(kw_only=True)
class MailchimpSettings(SimulatorSettings):
    """Settings of one simulated account with one audience.

    Where the Mailchimp reference (section 13) leaves a decision open, the default is the answer it puts first.
    """

    api_key: str = "0123456789abcdef0123456789abcdef-us19"
    """Accepted as Basic password and as Bearer token; what follows the last hyphen is the data centre."""
    access_token: str = "demo-oauth-token"  # noqa: S105 - a made-up value of a stand-in server
    """The OAuth token, accepted as `Bearer` and as `OAuth`."""
    audience: str = "a1b2c3d4e5"
    audience_name: str = "Nordic customers"
    account_name: str = "Nordic Supplies AS"
    double_optin: bool = False
    """Only shown: `subscribed` sent through the API is taken at face value either way (section 6, rule 6)."""

    connections: int = 10
    """Calls in flight at once; the next one is refused (section 3)."""
    overload_status: Literal[429, 403] = 429
    """How a call too many is refused. A 403 for overload never has a body."""
    limit_body: Literal["problem", "empty"] = "problem"
    """Whether the 429 for a call too many carries a problem document."""

    batch_seconds: float = 0.3
    """Shortest time from the submission of a batch until it is finished."""
    max_operations: int = 1000
    """Operations in one POST /batches."""
    max_pending_batches: int = 500
    """Unfinished batches of the account; the next one is refused with 429."""
    archive_seconds: float = 600.0
    """How long a `response_body_url` works (section 3)."""
    archive_file_operations: int = 300
    """Results in one file of a batch's archive."""

    merge_fields_limit: int = 30
    """Merge fields of the audience (section 8)."""
    archived_on_put: Literal["stays", "status_if_new"] = "stays"
    """What a PUT without `status` does to an archived member."""
    archived_on_delete: Literal[404, 405] = 404
    """The answer to a DELETE of a member who is archived already (section 6)."""
    batch_status_if_new: Literal["honoured", "refused"] = "honoured"
    """`status_if_new` in the items of POST /lists/{list_id}; refused is how specification 3.0.85 has it."""
    incomplete_address_with_skip: Literal["refuse", "accept"] = "refuse"
    """Whether `skip_merge_validation=true` lets an incomplete ADDRESS through."""
    long_text: Literal["truncate", "refuse"] = "truncate"
    """What happens to more than 255 bytes of text."""

    @property
    def data_centre(self) -> str:
        """The part of the key after its last hyphen, such as `us19`."""
        return self.api_key.rpartition("-")[2]
