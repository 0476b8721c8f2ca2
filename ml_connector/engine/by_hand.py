"""Rejected records, and refused events, that a person took care of: quiet from then on, with who said so in the audit.

It holds for the version that was looked at, whatever becomes of the mapping: another version is judged anew, and so is
one that is replayed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Final

import orjson

from ml_connector.engine.dependents import note_given_up
from ml_connector.engine.ports import Flow
from ml_connector.engine.records import Outcome, Record
from ml_connector.store.audit import Entry
from ml_connector.store.deliveries import Deliveries, State
from ml_connector.store.ledger import Ledger
from ml_connector.store.texts import storable

HANDLED: Final = "handled by hand"
FACT: Final = "handled_version"
"""In a record's facts: which version was handled."""


def is_handled(record: Record, state: State | None) -> bool:
    """Whether a person took care of this very version."""
    return state is not None and state.rule == HANDLED and state.facts.get(FACT) == _version(record.payload)


def rejected(flows: Iterable[Flow], ledger: Ledger, target: str, keys: Sequence[str]) -> set[str]:
    """Those of the records that may be marked, by any of the flows.

    A record of which a write is in doubt is none of them: it may still take effect.
    """
    return {key for flow in flows for key in _rejected(_book(flow, ledger, target), keys)}


def in_doubt(flows: Iterable[Flow], ledger: Ledger, target: str, keys: Sequence[str]) -> set[str]:
    """Those of the records of which a write was never answered, by any of the flows."""
    return {intent.key for flow in flows for intent in _book(flow, ledger, target).intents()} & set(keys)


def mark(
    flow: Flow, ledger: Ledger, target: str, system: str, keys: Sequence[str], note: str, *, run_id: str, at: datetime
) -> None:
    """Mark those of the records that this flow rejects. The caller holds the target's lease."""
    book = _book(flow, ledger, target)
    states = _rejected(book, keys)
    rows, entries = [], []
    for versions in book.named(list(states)):
        for version, payload in zip(versions, book.payloads(versions), strict=True):
            state = states[version.key]
            facts = orjson.dumps({**state.facts, FACT: _version(payload)}, option=orjson.OPT_SORT_KEYS).decode()
            changes = {
                "changed_at": version.changed_at,
                "outcome": Outcome.SKIPPED.value,
                "rule": HANDLED,
                "kind": None,
                "reason": storable(note),
                "vendor_code": None,
                "due_at": None,
                "attempts": 0,
                "first_seen": at,
                "run_id": run_id,
            }
            rows.append({**state._asdict(), "facts": facts, **changes})
            entries.append(
                Entry(
                    at=at,
                    run_id=run_id,
                    window=state.window,
                    direction="out",
                    system=system,
                    flow=flow.name,
                    key=version.key,
                    operation="none",
                    outcome=Outcome.SKIPPED.value,
                    target_id=state.target_id,
                    message=f"{HANDLED}: {note} (it was rejected: {state.reason})",
                )
            )
    if rows:
        with book.transaction() as connection:
            book.record(connection, rows)
            note_given_up(connection, ledger.links(target), flow.name, list(states.values()), at)
            ledger.audit(target).append(connection, entries)


def mark_events(
    ledger: Ledger, target: str, system: str, keys: Sequence[str], note: str, *, run_id: str, window: str, at: datetime
) -> None:
    """Mark those of the events that were refused. The caller holds the target's lease."""
    inbox = ledger.inbox(target)
    refused = sorted(inbox.refused(keys))
    entries = [
        Entry(
            at=at,
            run_id=run_id,
            window=window,
            direction="in",
            system=system,
            flow="events",
            key=key,
            operation="none",
            outcome=Outcome.SKIPPED.value,
            message=f"{HANDLED}: {note} (its own system does not know the event)",
        )
        for key in refused
    ]
    if refused:
        with ledger.database.begin() as connection:
            inbox.handled(connection, refused, f"{HANDLED}: {note}", run_id, at)
            ledger.audit(target).append(connection, entries)


def _book(flow: Flow, ledger: Ledger, target: str) -> Deliveries:
    return ledger.deliveries(target, flow.name, flow.entity, tuple(flow.secondary))


def _rejected(book: Deliveries, keys: Sequence[str]) -> dict[str, State]:
    unanswered = {intent.key for intent in book.intents()}
    states = book.states(keys).items()
    return {key: state for key, state in states if state.outcome == Outcome.REJECTED and key not in unanswered}


def _version(payload: bytes) -> str:
    return blake2b(payload, digest_size=16).hexdigest()
