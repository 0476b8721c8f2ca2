"""An open connection to one Mailchimp account and audience."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ml_connector.http import Retries
from ml_connector.systems.mailchimp.check import check
from ml_connector.systems.mailchimp.client import MailchimpClient
from ml_connector.systems.mailchimp.flows import MEMBERS
from ml_connector.systems.mailchimp.settings import Credentials, Settings
from ml_connector.systems.mailchimp.setup import setup
from ml_connector.systems.mailchimp.writer import MembersWriter
from ml_connector.systems.registry import Finding, SetupStep


class MailchimpAccount:
    """A `TargetAccount`."""

    def __init__(self, client: MailchimpClient) -> None:
        self.client = client

    def writer(self, flow: str) -> MembersWriter:
        """The writer of a flow. Raises KeyError for one that this system does not have."""
        return {MEMBERS: MembersWriter}[flow](self.client)

    def check(self) -> Iterator[Finding]:
        return check(self.client)

    def setup(self) -> Sequence[SetupStep]:
        return setup(self.client)

    @property
    def calls(self) -> int:
        return self.client.calls


@contextmanager
def connect(settings: Settings, credentials: Credentials, retries: Retries | None = None) -> Iterator[MailchimpAccount]:
    """Open an account. Raises ConfigurationProblem (a key without a data centre), Stopped (a token that is refused)."""
    with MailchimpClient(settings, credentials, retries) as client:
        yield MailchimpAccount(client)
