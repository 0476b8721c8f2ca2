"""Of which rows a derived one was made: the events behind a document."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ml_connector.engine.derive import BOOK
from ml_connector.engine.ports import Derivation
from ml_connector.store.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Origin:
    """A row that another one was made of, and when it changed at its source."""

    key: str
    changed_at: datetime


def origins(derivation: Derivation, ledger: Ledger, wanted: Collection[str]) -> Mapping[str, Sequence[Origin]]:
    """Derived key -> what it was made of, the earliest first. Every row of the source is derived anew for it."""
    book = ledger.deliveries(BOOK, derivation.entity.name, derivation.source, ())
    found: dict[str, list[Origin]] = {}
    for versions in book.everything(book.newest([derivation.source])):
        for version, payload in zip(versions, book.payloads(versions), strict=True):
            for row in derivation.derive(payload):
                if row.key in wanted:
                    found.setdefault(row.key, []).append(Origin(version.key, version.changed_at))
    return {key: sorted(rows, key=lambda row: (row.changed_at, row.key)) for key, rows in found.items()}
