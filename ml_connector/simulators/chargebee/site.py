"""The state of a site: its resources, its numbers, its clock."""

from __future__ import annotations

import random
import string
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ml_connector.simulators.chargebee.errors import Problem, duplicate, incompatible, missing, not_found
from ml_connector.simulators.chargebee.idempotency import Keys
from ml_connector.simulators.chargebee.limits import Limits
from ml_connector.simulators.chargebee.settings import ChargebeeSettings
from ml_connector.simulators.chargebee.webhooks import Webhooks

if TYPE_CHECKING:
    from ml_connector.simulators.chargebee.billing import Plan
    from ml_connector.simulators.chargebee.events import Event

Resource = dict[str, Any]

MOST_SENT = 1000
"""Of how many writes the parameters are remembered."""

_CHARACTERS = string.ascii_letters + string.digits


class Rows:
    """The resources of one kind by id, in the order of their creation. Deleted ones stay, marked."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._rows: dict[str, Resource] = {}
        self._order: dict[str, int] = {}
        self._last = 0

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Resource]:
        return iter(self._rows.values())

    def get(self, row_id: str | None) -> Resource | None:
        """The resource, deleted or not."""
        return self._rows.get(row_id or "")

    def find(self, row_id: str, param: str | None = None) -> Resource:
        """The resource; 404 where there is none, or a deleted one."""
        row = self._rows.get(row_id)
        if row is None or row.get("deleted"):
            raise not_found(row_id, param)
        return row

    def add(self, row: Resource, *, free_deleted: bool) -> Resource:
        """A new one; 400 where the id is taken."""
        known = self._rows.get(row["id"])
        if known is not None:
            if not (free_deleted and known.get("deleted")):
                raise duplicate()
            del self._rows[row["id"]]
        self._last += 1
        self._rows[row["id"]] = row
        self._order[row["id"]] = self._last
        return row

    def only(self, wanted: Callable[[Resource], bool]) -> Rows:
        """The same table with some of its rows."""
        some = Rows(self.name)
        some._rows = {row_id: row for row_id, row in self._rows.items() if wanted(row)}
        some._order = self._order
        return some

    def ordered(self) -> Iterator[tuple[int, Resource]]:
        return ((self._order[row["id"]], row) for row in self._rows.values())


class Site:
    """Everything that the simulator holds."""

    def __init__(self, settings: ChargebeeSettings) -> None:
        self.settings = settings
        self.limits = Limits(settings)
        self.keys = Keys(settings)
        self.webhooks = Webhooks(settings)
        self._clear()

    def _clear(self) -> None:
        self.customers, self.subscriptions = Rows("customer"), Rows("subscription")
        self.invoices, self.credit_notes = Rows("invoice"), Rows("credit_note")
        self.transactions, self.references = Rows("transaction"), Rows("payment_reference_number")
        self.comments = Rows("comment")
        self.cards: dict[str, Resource] = {}
        self.unbilled: dict[str, list[tuple[Resource, Resource]]] = {}
        self.plans: dict[str, Plan] = {}
        self.deletions: dict[str, int] = {}
        self.events: dict[str, Event] = {}
        self.event_order: list[Event] = []
        self.event_counts: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self.writes: Counter[str] = Counter()
        self.sent: deque[Resource] = deque(maxlen=MOST_SENT)
        self.busy: set[str] = set()
        self._random = random.Random(self.settings.seed)
        self._version = 0
        self._numbers = {"invoice": 0, "credit_note": 0}

    def reset(self) -> None:
        self.webhooks.clear()
        self.limits.clear()
        self.keys.clear()
        self._clear()

    def tables(self) -> Mapping[str, Rows]:
        return {
            "customers": self.customers,
            "subscriptions": self.subscriptions,
            "invoices": self.invoices,
            "credit_notes": self.credit_notes,
            "transactions": self.transactions,
            "payment_reference_numbers": self.references,
            "comments": self.comments,
        }

    def state(self, offset: int, count: int) -> Any:
        rows = {name: list(table)[offset : offset + count] for name, table in self.tables().items()}
        return {**rows, "events": [event.view() for event in self.event_order[offset : offset + count]]}

    def summary(self) -> dict[str, Any]:
        """How much there is of everything, and what was done and refused."""
        return {
            "rows": {name: len(table) for name, table in self.tables().items()},
            "events": dict(self.event_counts),
            "writes": dict(self.writes),
            "refusals": dict(self.refusals),
        }

    def refuse(self, problem: Problem) -> None:
        self.refusals[problem.code] += 1

    # --- clock and numbers -------------------------------------------------------------------------------------------

    def epoch(self) -> int:
        return self.settings.epoch()

    def move_clock(self, moment: int) -> None:
        """The clock shows this moment from now on."""
        self.settings.clock_offset_seconds += moment - self.settings.now().timestamp()

    def touch(self, row: Resource) -> Resource:
        """The resource has changed: a later `updated_at`, and a `resource_version` that nothing else has."""
        now = self.settings.now().timestamp()
        self._version = max(self._version + 1, int(now * 1000))
        row["updated_at"], row["resource_version"] = int(now), self._version
        return row

    def new_id(self, prefix: str) -> str:
        return f"{prefix}_{''.join(self._random.choices(_CHARACTERS, k=16))}"

    def next_number(self, kind: str) -> str:
        """The site's own sequence; ids that were imported do not move it (Chargebee reference, section 4.1)."""
        table, prefix = (self.invoices, "") if kind == "invoice" else (self.credit_notes, "CN-")
        while True:
            self._numbers[kind] += 1
            number = f"{prefix}{self._numbers[kind]}"
            if table.get(number) is None:
                return number

    def add(self, table: Rows, row: Resource) -> Resource:
        return table.add(self.touch(row), free_deleted=self.settings.deleted_id == "free")

    def currency(self, code: str | None) -> str:
        """The currency of a document; 400 where the site has not, or needs to be told (section 1)."""
        settings = self.settings
        if code is None:
            if settings.currencies:
                raise missing("currency_code")
            return settings.base_currency
        if code != settings.base_currency and code not in settings.currencies:
            raise incompatible(f"The currency {code} is not configured", "currency_code")
        return code

    def exchange_rate(self, code: str) -> float:
        """To the base currency."""
        return 1.0 if code == self.settings.base_currency else self.settings.currencies.get(code, 1.0)
