"""A Chargebee target in connections.yaml, and its credentials in the vault."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from ml_connector.http import Retries
from ml_connector.systems.chargebee.event_settings import EventsSettings
from ml_connector.systems.chargebee.flow_settings import FlowsSettings
from ml_connector.systems.chargebee.setting_types import Block

_SITE = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def _site(site: str) -> str:
    if not _SITE.fullmatch(site):
        raise ValueError("expected the name of the site, which is what stands before .chargebee.com")
    return site


def _url(url: str) -> str:
    if not re.fullmatch(r"https?://[^/\s]+/?", url):
        raise ValueError("expected scheme, host and port, like https://acme.chargebee.com")
    return url.rstrip("/")


class Settings(Block):
    """One Chargebee site."""

    site: Annotated[str, AfterValidator(_site)] = Field(description="the name before .chargebee.com")
    base_url: Annotated[str | None, AfterValidator(lambda url: url and _url(url))] = Field(
        None, description="scheme, host and port; by default what the site says"
    )
    calls_per_minute: int = Field(150, ge=1, le=10_000, description="calls in a minute that the site's plan allows")
    connections: int = Field(8, ge=1, le=50, description="calls at the same time")
    retries: Retries = Field(default_factory=Retries, description="how often and after what pauses a call is repeated")
    on_rejected: Literal["keep", "fail"] = Field("keep", description="fail: a rejected record also fails its window")
    poll: str = Field("*/10 * * * *", description="when to ask for events that no webhook brought")
    flows: FlowsSettings = Field(FlowsSettings(), description="what goes to Chargebee")
    events: EventsSettings | None = Field(None, description="what comes back to Visma; absent: nothing does")

    @property
    def address(self) -> str:
        return self.base_url or f"https://{self.site}.chargebee.com"


class Credentials(Block):
    """An API key of the site; and what its webhooks authenticate with, where it sends any."""

    api_key: SecretStr = Field(min_length=1, description="an API key with full access")
    webhook_user: str | None = Field(None, description="user name of the webhooks' Basic authentication")
    webhook_password: SecretStr | None = Field(None, description="password of the webhooks' Basic authentication")

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if bool(self.webhook_user) != bool(self.webhook_password):
            raise ValueError("give webhook_user and webhook_password, or neither")
        return self
