"""Opening the accounts of the configuration with the credentials of the vault."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from pydantic import BaseModel, ValidationError

from ml_connector.config import Source, Target
from ml_connector.errors import ConfigurationProblem
from ml_connector.home import OpenHome
from ml_connector.systems.registry import SourceAccount, TargetAccount


def connect_source(home: OpenHome, source: Source) -> AbstractContextManager[SourceAccount]:
    """Open the source of a company. Raises `ConfigurationProblem` where its credentials are missing or unfit."""
    zone = home.config.company(source.company).timezone.key
    return source.system.connect(source.settings, credentials(home, source), zone)


def connect_target(home: OpenHome, target: Target) -> AbstractContextManager[TargetAccount]:
    """Open one target. Raises `ConfigurationProblem` where its credentials are missing or unfit."""
    return target.system.connect(target.settings, credentials(home, target))


def credentials(home: OpenHome, account: Source | Target) -> BaseModel:
    """What the vault holds for an account. Raises `ConfigurationProblem` where that is nothing, or unfit."""
    values: dict[str, Any] | None = home.vault.credentials(account.vault)
    if values is None:
        raise ConfigurationProblem(
            f"There are no credentials for {account.vault}.",
            f"{account.system.title} was not asked.",
            f"Run `ml-connector credentials set {account.vault}`.",
        )
    try:
        return account.system.credentials.model_validate(values)
    except ValidationError as error:
        wrong = ", ".join(".".join(map(str, detail["loc"])) for detail in error.errors(include_input=False))
        raise ConfigurationProblem(
            f"The stored credentials for {account.vault} are not what {account.system.title} needs: {wrong}.",
            f"{account.system.title} was not asked.",
            f"Run `ml-connector credentials set {account.vault}` again.",
        ) from None
