"""What a Chargebee simulator is like: its site, its limits, and the points on which the sources leave a choice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ml_connector.simulators.settings import SimulatorSettings

Plan = Literal["test", "starter", "performance", "enterprise", "custom"]
CALLS_PER_MINUTE: Mapping[str, int | None] = {
    "test": 150,
    "starter": 150,
    "performance": 1000,
    "enterprise": 3500,
    "custom": None,
}
CONCURRENT: Mapping[str, tuple[int, int]] = {"test": (50, 50)}
CONCURRENT_LIVE = (50, 100)
"""GET and POST calls at once (Chargebee reference, section 1: rate limits)."""


@dataclass(kw_only=True)
class ChargebeeSettings(SimulatorSettings):
    """Settings of one simulated site.

    Where the Chargebee reference (section 7, and everything marked GUESS) leaves a decision open, a switch has the
    answer that demands most of the client as its default, unless the reference expects another.
    """

    api_key: str = "test_u8Kx2vQm5YtR7nWb3LpZ9cDf"
    """The Basic user name, with an empty password (section 1)."""
    read_only_key: str = "test_readOnly4hJ6sGd8kMq1"
    """A key that may only read: what it writes is refused with 403."""
    key_name: str = "ml_connector"
    """How events name the key: their `user` (section 5.1)."""
    site: str = "nordic-test"
    seed: int = 1
    """Of generated ids, and of what befalls webhooks."""
    catalogue: Literal["2.0", "1.0"] = "2.0"
    time_zone: str = "Europe/Oslo"
    base_currency: str = "NOK"
    currencies: dict[str, float] = field(default_factory=lambda: {"DKK": 1.55, "EUR": 11.5, "SEK": 1.02, "USD": 10.25})
    """Further currencies with their rate to the base; with none, the site has no multicurrency."""

    plan: Plan = "test"
    calls_per_minute: int | None = None
    """None is the plan's (section 1)."""
    concurrent_gets: int | None = None
    concurrent_posts: int | None = None
    """None is the plan's."""
    window_seconds: float = 60.0
    """The time over which calls are counted; for tests that cannot wait."""
    overload_seconds: float = 60.0
    """How long everything is refused after too many calls at once."""
    retry_after: int | None = None
    """Seconds in the `Retry-After` of a 429; no documentation page mentions the header (section 1)."""
    write_seconds: float = 0.005
    """How long a write holds its customer; another one meanwhile is a `lock_timeout`."""

    idempotency_minutes: float = 30.0
    idempotency_stores: Literal["successes", "refusals"] = "successes"
    """Whether a 4xx is stored under an idempotency key too; 429 and 5xx never are."""
    over_limit: Literal["refuse", "clamp"] = "refuse"
    """A `limit` above 100 (section 1: lists)."""
    after: Literal["exclusive", "inclusive"] = "exclusive"
    """Whether `[after]` and `[before]` take in the second they name."""
    default_order: Literal["oldest", "newest"] = "oldest"
    """The order of a list without `sort_by`."""
    unknown_parameters: Literal["refuse", "ignore"] = "refuse"
    """A parameter or filter that the operation has not, as an address sent to the customer update (section 3.2)."""
    empty_value: Literal["clear", "ignore"] = "clear"
    """What `email=` does to a stored value (section 3.2)."""

    import_status: Literal["refuse", "paid", "posted", "payment_due", "not_paid"] = "refuse"
    """The status of an import that names none (section 4.1)."""
    import_arithmetic: bool = True
    """Whether totals, lines and taxes of an import must add up (section 4.1)."""
    import_dates: bool = True
    """Whether dates of an import may not lie in the future, nor `due_date` before `date`."""
    import_states: bool = True
    """Whether payments and `voided_at` of an import must fit its status."""
    import_events: bool = True
    """Whether imports raise `invoice_generated` and `credit_note_created`."""
    deleted_read: Literal["missing", "shown"] = "missing"
    """GET on a deleted invoice (section 4.2)."""
    deleted_id: Literal["taken", "free"] = "taken"
    """Whether the id of a deleted resource can be used again."""
    excess_payment: Literal["keep", "refuse"] = "keep"
    """A payment above the amount due: kept as the customer's excess, or refused (section 4.2)."""
    void_reason_required: bool = False
    void_credit_note: bool = False
    """Site settings for voiding (section 4.2)."""
    partial_address: Literal["merge", "replace"] = "merge"
    """What `update_details` does to the attributes of an address that are left out. Left-out values stay, and nothing
    tells whether that is meant of these, too (section 4.2)."""
    vat_check: bool = False
    """Whether EU/UK VAT is enabled, so that a number without its country's prefix is rejected (section 3.1)."""
    delete_seconds: float = 120.0
    """How long the deletion of a customer takes (section 3.4)."""

    line_page: int | None = None
    """With enterprise-scale invoicing: how many lines of a document come at once unless `line_items_limit` says
    otherwise; 100 at Chargebee. None: the site does not have it, and all come."""

    term_ends: Literal["same_time", "end_of_day"] = "same_time"
    """Millisecond billing, or day-based: terms to 23:59:59 in the site's time zone (section 5.5)."""
    cancellation_credits: bool = True
    """Whether cancelling and pausing at once credits what is left of the term (section 5.5)."""
    suppressed_events: Literal["listed", "hidden"] = "listed"
    """Whether an event whose webhook a header suppressed is still in `GET /events`."""
    event_days: int | None = None
    """For how many days events are kept; not documented (section 5.3). None is for ever."""

    webhook_connections: int = 4
    """Webhooks under way at once; with 1, each waits for the one before."""
    webhook_timeout_seconds: float = 20.0
    """Connecting and reading, each (section 5.3)."""
    webhook_retry_scale: float = 1.0
    """Shortens the waits between attempts: with 0.001, two minutes are 0.12 seconds."""
    webhook_hold: bool = False
    """Keeps every webhook back until it is false again."""
    webhook_duplicates: float = 0.0
    """The share of webhooks that are sent twice."""
    webhook_losses: float = 0.0
    """The share of webhooks that are never sent."""
    webhook_forgeries: float = 0.0
    """How many forged events, which `GET /events/{id}` does not know, come with each genuine one."""
    webhook_disorder: int = 0
    """Of how many waiting webhooks the next one is drawn; 0 keeps their order."""

    @property
    def per_minute(self) -> int | None:
        return CALLS_PER_MINUTE[self.plan] if self.calls_per_minute is None else self.calls_per_minute

    def at_once(self, method: str) -> int:
        """How many calls of this kind may be under way."""
        gets, posts = CONCURRENT.get(self.plan, CONCURRENT_LIVE)
        if method == "GET":
            return gets if self.concurrent_gets is None else self.concurrent_gets
        return posts if self.concurrent_posts is None else self.concurrent_posts

    def epoch(self) -> int:
        """The site's clock in whole seconds, as stamps carry it."""
        return int(self.now().timestamp())
