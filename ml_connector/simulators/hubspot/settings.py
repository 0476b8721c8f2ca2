"""What a HubSpot simulator is like: its portal, its limits, and the points on which the sources leave a choice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ml_connector.simulators.settings import SimulatorSettings

_OBJECTS = ("companies", "contacts", "deals", "invoices")
SCOPES = (
    *(
        f"crm.{kind}.{name}.{right}"
        for kind in ("objects", "schemas")
        for name in _OBJECTS
        for right in ("read", "write")
    ),
    *(f"crm.objects.{name}.{right}" for name in ("line_items", "custom") for right in ("read", "write")),
    *(f"crm.objects.commercepayments.{right}" for right in ("read", "write")),
    *(f"crm.schemas.custom.{right}" for right in ("read", "write")),
    "e-commerce",
    "oauth",
)
"""Everything that an integration like ours may be granted (HubSpot reference, section 2)."""

Plan = Literal["free", "starter", "professional", "enterprise"]
PLAN_LIMITS: Mapping[str, tuple[int, int, int]] = {
    "free": (100, 250_000, 100),
    "starter": (100, 250_000, 100),
    "professional": (190, 625_000, 150),
    "enterprise": (190, 1_000_000, 150),
}
"""Calls in ten seconds, calls a day, association calls in ten seconds (HubSpot reference, sections 7 and 12)."""


@dataclass(kw_only=True)
class HubspotSettings(SimulatorSettings):
    """Settings of one simulated portal.

    Where the HubSpot reference (section 17, and the tags of the others) leaves a decision open, a switch has the answer
    that demands most of the client as its default.
    """

    access_token: str = "pat-eu1-00000000-0000-4000-8000-000000000000"  # noqa: S105 - opens nothing but this server
    """The static token of a service key or private app; it never expires (section 2)."""
    scopes: list[str] = field(default_factory=lambda: list(SCOPES))
    """What the token was granted; a missing one is a 403 that names it (section 2)."""
    portal_id: int = 146_000_001
    plan: Plan = "enterprise"
    """Gives the limits below, and custom objects to Enterprise alone (sections 9 and 12)."""
    payments: bool = True
    """Whether HubSpot payments or Stripe is set up; without, there are no payment records (section 10)."""
    time_zone: str = "Europe/Oslo"
    """The day of the daily limit is the portal's (section 12)."""
    company_currency: str = "NOK"
    additional_currencies: list[str] = field(default_factory=lambda: ["EUR", "SEK", "USD"])
    validation_rules: list[str] = field(default_factory=list)
    """Properties that an admin made required, such as `companies.city`; enforced from 2026-09 on (section 1)."""
    tax_ids: list[str] = field(default_factory=lambda: ["NO987654321MVA"])
    pipelines: int = 1
    """Deal pipelines; with more than one, a deal must say its own (section 4)."""

    burst: int | None = None
    """Calls in `burst_seconds`; None is the plan's (section 12)."""
    burst_seconds: float = 10.0
    daily: int | None = None
    """Calls a day; None is the plan's."""
    search_per_second: int = 5
    """Search calls of the whole account (section 6)."""
    association_burst: int | None = None
    """Association calls in `burst_seconds`, beside the common limit; None is the plan's (section 7)."""
    association_daily: int = 500_000
    """Association calls a day, whatever the plan (section 7)."""
    association_batches: Literal["limited", "exempt"] = "limited"
    """Whether association batches count for ten seconds: documents and specification disagree (section 7)."""
    search_limit_body: Literal["category", "policy"] = "category"
    """The shape of a 429 on search: recorded traffic, or what other code expects (section 12)."""
    upsert_lock: int | None = None
    """Inputs of batch upserts in a second from which on they are answered with 423 (section 5); None is never."""
    uri_limit: int = 16_000
    """Characters of path and query; longer is a 414 (section 13)."""

    search_lag_seconds: float = 3.0
    """How far search is behind what was written (section 6)."""
    shuffle: bool = True
    """Whether batch results come in an order of their own (section 5)."""
    batch_error_shape: Literal["recorded", "specified"] = "recorded"
    """Whether an error in a 207 has the four keys that were recorded, or all of the specification (section 5)."""
    empty_value: Literal["null", "absent"] = "null"
    """A requested property without a value: the pages contradict each other (section 4)."""
    cleared_value: Literal["null", "empty"] = "null"
    """How a value reads that was cleared with an empty string (section 4)."""
    object_id_type: Literal["number", "string"] = "number"
    """`toObjectId`: documented answers against the specification (section 7)."""
    missing_on_delete: Literal[204, 404] = 204
    """DELETE of a record that is not there (section 4)."""
    no_associations: Literal["error", "absent"] = "error"
    """How a batch read tells of a record without associations: in the errors of a 207, or not at all (section 7)."""
    first_company_primary: bool = True
    """Whether the first company of a contact becomes its primary one (section 7)."""
    merged_read: Literal["survivor", "missing"] = "survivor"
    """What an id answers that was merged into another."""
    merged_update: Literal["vanish", "survivor"] = "vanish"
    """A batch update of such an id: no result and no error, or as if it named the survivor (section 5)."""
    email_upsert: Literal["replace", "partial"] = "replace"
    """Whether an upsert of contacts by e-mail clears what it leaves out (section 5)."""
    contact_needs_identity: bool = True
    """Whether a contact needs one of e-mail, first and last name (section 4)."""
    companies_from_contacts: bool = False
    """The account setting that makes and links companies by e-mail domain (section 11)."""
    backward_lifecycle: Literal["ignore", "refuse"] = "ignore"
    """A lifecycle stage that goes back (section 11)."""

    schema_flip_seconds: float = 60.0
    """How long after a PATCH single reads of a schema show now the old, now the new one (section 9)."""
    schema_list_seconds: float = 5.0
    """How long the list of schemas still has the old one (section 9)."""

    nonbillable_fields: Literal["honoured", "ignored", "refused"] = "honoured"
    """Status, amount, number and external date sent for a non-billable invoice (section 10)."""
    past_due_open: Literal["refuse", "accept"] = "refuse"
    """Opening a billable invoice whose due date lies in the past (section 10)."""
    unknown_currency: Literal["refuse", "accept"] = "refuse"
    """An invoice in a currency that the portal has not (section 10)."""
    open_invoices_deletable: bool = False
    """The account setting (section 10)."""
    second_parent: Literal["refuse", "move"] = "refuse"
    """A line item that is given another parent (section 10)."""

    @property
    def limits(self) -> tuple[int, int, int]:
        """Calls in ten seconds, calls a day, association calls in ten seconds."""
        wanted = (self.burst, self.daily, self.association_burst)
        burst, daily, associations = (
            by_plan if own is None else own for own, by_plan in zip(wanted, PLAN_LIMITS[self.plan], strict=True)
        )
        return burst, daily, associations

    @property
    def currencies(self) -> tuple[str, ...]:
        return (self.company_currency, *self.additional_currencies)
