"""A Mailchimp target in connections.yaml, and its credentials in the vault."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from ml_connector.systems.mailchimp.fields import DEFAULT_FIELDS, Place, Source, parse_source
from ml_connector.systems.visma.models import Contact, Customer
from ml_connector.systems.visma.paths import narrowed

REFUSALS = ("no_mass_mail", "no_marketing", "do_not_email")
"""The flags by which a contact refuses mail."""
_ALWAYS = {
    "": ("number", "status", "customer_class"),
    "contact": ("contact_id", "active", "email", *REFUSALS),
}
"""What the mapping looks at besides the configured paths."""

_TAG = re.compile(r"[A-Z0-9_]{1,10}")
_AUDIENCE = re.compile(r"[A-Za-z0-9]{1,32}")
_DURATION = re.compile(r"(\d{1,5})([smh])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours"}


def _tag(tag: str) -> str:
    if not _TAG.fullmatch(tag):
        raise ValueError("expected the tag of a merge field: at most 10 capital letters, digits and underscores")
    if tag == "EMAIL":
        raise ValueError("the address is always sent; `email` says where it comes from")
    return tag


def _source(text: str) -> str:
    parse_source(text)
    return text


def _plain_source(text: str) -> str:
    if parse_source(text).is_address or "{" in text:
        raise ValueError("expected the path of one value, like main_contact.email")
    return text


def _url(url: str) -> str:
    if not re.fullmatch(r"https?://[^/\s]+/?", url):
        raise ValueError("expected scheme, host and port, like https://us19.api.mailchimp.com")
    return url.rstrip("/")


def _audience(audience: str) -> str:
    if not _AUDIENCE.fullmatch(audience):
        raise ValueError("expected the id of an audience, like a1b2c3d4e5")
    return audience


def _duration(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise ValueError('expected a length of time, like "2m" or "90s"')
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


Tag = Annotated[str, AfterValidator(_tag)]
FieldSource = Annotated[str, AfterValidator(_source)]
Path = Annotated[str, AfterValidator(_plain_source)]
Url = Annotated[str, AfterValidator(_url)]


class _Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MembersSettings(_Block):
    """The flow `members`: which customers become members of the audience, and how."""

    new_member_status: Literal["subscribed", "pending", "transactional"] = Field(
        description="subscribed (they consented), pending (Mailchimp asks them by e-mail) or transactional (not mailed)"
    )
    terminated: Literal["tag", "archive", "unsubscribe"] = Field(
        "tag", description="what happens to the member of an inactive or vanished customer"
    )
    terminated_tag: str = Field(
        "Terminated", min_length=1, max_length=100, description="the tag that `terminated: tag` gives"
    )
    no_mass_mail: Literal["unsubscribe", "leave"] = Field(
        "unsubscribe", description="what happens to a delivered member whose contact is flagged no mass mail later"
    )
    email: Path = Field("main_contact.email", description="where the address comes from")
    where: dict[Path, list[str]] = Field({}, description="path -> accepted values; all must fit")
    fields: dict[Tag, FieldSource | None] = Field({}, description="merge tag -> path or template; null leaves it out")

    @cached_property
    def place_of_email(self) -> Place:
        """Where the address stands."""
        return parse_source(self.email).places[0]

    @cached_property
    def looks_into_class(self) -> bool:
        """Whether anything needs more of the customer class than its id."""
        return any(place.root == "class" for place in self._places)

    @cached_property
    def customer(self) -> type[Customer]:
        """A customer, with what this configuration looks at."""
        return narrowed(Customer, self._looked_at(""))

    @cached_property
    def contact(self) -> type[Contact]:
        """A contact person, likewise."""
        return narrowed(Contact, self._looked_at("contact"))

    def _looked_at(self, root: str) -> list[str]:
        return [*_ALWAYS[root], *(place.path for place in self._places if place.root == root)]

    @property
    def _places(self) -> list[Place]:
        sources = [*self.sources.values(), *map(parse_source, (self.email, *self.where))]
        return [place for source in sources for place in source.places]

    @cached_property
    def sources(self) -> Mapping[str, Source]:
        """Merge tag -> where its value comes from: the defaults, with what the configuration puts over them."""
        chosen = {**DEFAULT_FIELDS, **self.fields}
        return {tag: parse_source(text) for tag, text in chosen.items() if text is not None}


class FlowsSettings(_Block):
    """The flows of a Mailchimp target."""

    members: MembersSettings = Field(description="the settings of the flow members")


class Settings(_Block):
    """One audience of one Mailchimp account."""

    base_url: Url | None = Field(
        None, description="scheme, host and port; by default what the key's data centre or the token says"
    )
    login_url: Url = Field("https://login.mailchimp.com", description="who knows where a token's account lives")
    audience: Annotated[str, AfterValidator(_audience)] = Field(
        description="the id of the audience, like a1b2c3d4e5, in quotes"
    )
    connections: int = Field(
        8, ge=1, le=8, description="calls at the same time; Mailchimp allows 10 for the whole user"
    )
    batch_above: int = Field(200, ge=0, description="changes up to which each is a call of its own; above 2000: always")
    batch_size: int = Field(500, ge=1, le=1000, description="calls in one batch")
    settle: Annotated[timedelta, BeforeValidator(_duration)] = Field(
        timedelta(minutes=2), description="how long a call without an answer may still take effect"
    )
    on_rejected: Literal["keep", "fail"] = Field("keep", description="fail: a rejected record also fails its window")
    flows: FlowsSettings = Field(description="the flows to run")


class Credentials(_Block):
    """What the vault holds for a Mailchimp account: an API key or an OAuth access token."""

    api_key: SecretStr | None = None
    access_token: SecretStr | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if bool(self.api_key) == bool(self.access_token):
            raise ValueError("give either api_key or access_token")
        return self
