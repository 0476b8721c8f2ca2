"""One resource per outside account. It opens the account's client inside a run, with credentials from the vault: a
resource, its configuration and the run's events hold no secret."""

from __future__ import annotations

from contextlib import AbstractContextManager

import dagster as dg

from ml_connector.accounts import connect_source, connect_target
from ml_connector.config import Source, Target
from ml_connector.home import OpenHome
from ml_connector.systems.registry import SourceAccount, TargetAccount


class SourceConnection(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Reads one company's records.

    Attributes:
        account: as in the configuration and in the vault: `nordic/visma`.
        address: where the system is, for people.
    """

    account: str
    address: str

    def open(self, home: OpenHome) -> AbstractContextManager[SourceAccount]:
        """Raises `ConfigurationProblem` where the credentials are missing or unfit."""
        return connect_source(home, home.config.source(self.account))


class TargetConnection(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Delivers to one account at an outside system.

    Attributes:
        account: as in the configuration and in the vault: `nordic/mailchimp`.
        address: where the system is, for people.
    """

    account: str
    address: str

    def open(self, home: OpenHome) -> AbstractContextManager[TargetAccount]:
        """Raises `ConfigurationProblem` where the credentials are missing or unfit."""
        return connect_target(home, home.config.target(self.account))


def source_connection(source: Source) -> SourceConnection:
    return SourceConnection(account=source.id, address=_address(source))


def target_connection(target: Target) -> TargetConnection:
    return TargetConnection(account=target.id, address=_address(target))


def _address(account: Source | Target) -> str:
    """The system's address; a system that finds its own out of the credentials has none in the settings."""
    return str(getattr(account.settings, "base_url", None) or account.system.title)
