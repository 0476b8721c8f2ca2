"""What comes back from Chargebee: its entities, what is derived of events, and the flows that end in Visma."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from hashlib import sha256
from typing import Any

import orjson

from ml_connector.engine.ports import Derivation, Entity, Flow, Made
from ml_connector.engine.records import Mapped, Record, Reject, Skip
from ml_connector.systems.chargebee.derivation import documents, recognitions, subscriptions
from ml_connector.systems.chargebee.event_settings import EventsSettings
from ml_connector.systems.chargebee.journals import JOURNALS, Origin, map_document, names_of
from ml_connector.systems.chargebee.money import NotMoney, major
from ml_connector.systems.chargebee.outward import CREDIT_NOTES, INVOICES
from ml_connector.systems.chargebee.recognition import map_recognition
from ml_connector.systems.chargebee.settings import Settings
from ml_connector.systems.chargebee.visma_invoices import map_to_invoice
from ml_connector.systems.visma.document_writer import SETTLE

RECOGNITIONS = "recognitions"
SUBSCRIPTIONS = "subscriptions"
NO_MONEY = "no money"
VERSION = 1


class _Flow:
    """A `Flow` (see `engine/ports.py`) of one derived entity."""

    secondary: tuple[str, ...] = ()
    reference: tuple[str, ...] = ()
    withdrawal: Mapping[str, Any] | None = None
    settle: timedelta = SETTLE

    def __init__(
        self,
        name: str,
        title: str,
        entity: str,
        settings: Settings,
        fields: Mapping[str, str],
        to: Callable[..., Mapped],
        made: Made | None = None,
    ) -> None:
        self.name = name
        self.title = title
        self.entity = entity
        self.fields = fields
        self.made = made
        self.on_rejected_fail: bool = settings.on_rejected == "fail"
        events = settings.events.model_dump(mode="json") if settings.events else None
        self.fingerprint: str = sha256(json.dumps([VERSION, name, events], sort_keys=True).encode()).hexdigest()[:32]
        self._map = to

    def map(self, record: Record) -> Mapped:
        return self._map(record)


def entities(settings: Settings, target: str) -> Sequence[Entity]:
    """The events, and what is made of them; none where nothing comes back."""
    if settings.events is None:
        return []
    return [Entity(f"{target}.events", "Events"), *(one.entity for one in derivations(settings, target))]


def derivations(settings: Settings, target: str) -> Sequence[Derivation]:
    """An older version of a resource never takes a newer one's place: their versions are exact."""
    if settings.events is None:
        return []
    made = (
        ("documents", "Invoices and credit notes", documents),
        ("recognitions", "Months of deferred revenue", recognitions),
        ("subscriptions", "Subscriptions", subscriptions),
    )
    return [
        Derivation(
            Entity(f"{target}.{name}", title, slack=timedelta()),
            f"{target}.events",
            partial(_derived, derive, settings.events),
        )
        for name, title, derive in made
    ]


def _derived(derive: Callable[..., Iterator[Any]], settings: EventsSettings, payload: bytes) -> Iterator[Any]:
    return derive(payload, settings)


def flows(settings: Settings, company: str, target: str) -> Sequence[Flow]:
    """Documents before their months, which need them.

    The flow of documents is one, whatever they become in Visma, so that after a change of `post` none is posted again.
    """
    events = settings.events
    if events is None:
        return []
    origin, prefixes = Origin(company, target), settings.flows.imported_prefixes
    made = Made(target, (INVOICES, CREDIT_NOTES), names_of)
    accounts = events.accounts
    fields = {"debit": accounts.receivable, "credit": accounts.deferred or accounts.revenue, "policy": events.policy}
    return [
        _Flow(
            JOURNALS,
            "Transactions of invoices and credit notes",
            f"{target}.documents",
            settings,
            fields,
            _documents(events, origin, prefixes, settings.flows.customers.prefix),
            made,
        ),
        _Flow(
            RECOGNITIONS,
            "Transactions of months",
            f"{target}.recognitions",
            settings,
            {"debit": accounts.deferred or "", "credit": accounts.revenue},
            lambda record: map_recognition(record, events, origin, prefixes),
            made,
        ),
        _Flow(SUBSCRIPTIONS, "Subscriptions", f"{target}.subscriptions", settings, {}, keep_subscription),
    ]


def _documents(
    events: EventsSettings, origin: Origin, prefixes: tuple[str, ...], customers: str
) -> Callable[[Record], Mapped]:
    if events.post == "invoices":
        return lambda record: map_to_invoice(record, events, origin, prefixes, customers)
    return lambda record: map_document(record, events, origin, prefixes)


def keep_subscription(record: Record) -> Mapped:
    """Nothing is posted of a subscription itself; what it is like stands in the ledger for people."""
    try:
        members = orjson.loads(record.payload)
        status, currency = str(members.get("status")), str(members.get("currency_code") or "")
        mrr = members.get("mrr")
        amount = f", {major(mrr, currency)} {currency} a month" if isinstance(mrr, int) and currency else ""
    except (orjson.JSONDecodeError, AttributeError, NotMoney):
        return Reject("The landed subscription cannot be read.", "unreadable")
    return Skip(NO_MONEY, f"{status}{amount}")
