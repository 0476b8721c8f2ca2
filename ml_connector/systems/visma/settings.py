"""The `visma:` block of a company, and what its entry in the vault holds."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from ml_connector.http import Retries


def _origin(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/") or parts.query:
        raise ValueError("expected scheme, host and port only, like https://api.finance.visma.net")
    return f"{parts.scheme}://{parts.netloc}"


def _url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError("expected a whole address, like https://connect.visma.com/connect/token")
    return url


def _company_id(value: str | None) -> str | None:
    if value is not None and not value.isdecimal():
        raise ValueError('expected digits in quotes, like "1234567"')
    return value


def _zone(name: str | None) -> str | None:
    try:
        return name and ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("expected the name of a time zone, like Europe/Oslo") from None


class VismaSettings(BaseModel):
    """Where and how one company is read; times of polling are common to all sources and stand beside these."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: Annotated[str, AfterValidator(_origin)] = Field(
        "https://api.finance.visma.net", description="scheme, host and port of the API"
    )
    token_url: Annotated[str, AfterValidator(_url)] = Field(
        "https://connect.visma.com/connect/token", description="the token endpoint of Visma Connect"
    )
    company_id: Annotated[str | None, AfterValidator(_company_id)] = Field(
        None, description="the company's number; sent as ipp-company-id with every call"
    )
    timezone: Annotated[str | None, AfterValidator(_zone)] = Field(
        None, description="the zone of Visma's zone-less times; the company's by default"
    )
    page_size: int = Field(1000, ge=1, le=10_000, description="rows asked for at once; Visma cuts what is too large")
    connections: int = Field(4, ge=1, le=8, description="calls at the same time")
    timeout: float = Field(245.0, gt=0, description="seconds for an answer; Visma itself gives up after 4 minutes")
    patience: float = Field(300.0, ge=0, description="seconds to wait for quota before the run is stopped")
    retries: Retries = Field(default_factory=Retries, description="how often and after what pauses a call is repeated")


class VismaCredentials(BaseModel):
    """A service application of the Visma Developer Portal, and the company tenant that approved it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    client_id: str = Field(min_length=1, description="client id of the application, isv_...")
    client_secret: SecretStr = Field(min_length=1, description="client secret of the application")
    tenant_id: str = Field(min_length=1, description="tenant id of the company, not of the customer")


def zone_of(settings: VismaSettings, company_zone: str) -> ZoneInfo:
    """The zone of zone-less times."""
    return ZoneInfo(settings.timezone or company_zone)
