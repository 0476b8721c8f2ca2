"""The audit: every attempt at every record, append-only; the rows of a target form a chain of hashes.

A row's hash covers the hash of the row before it and all plain columns; of the payload it covers the hash only. So a
row that was edited, removed or moved shows, while the payload may be sealed anew or erased. The chain alone cannot show
that its newest rows are gone: the last hash of every run stands in Dagster's materialization too, and `verify` takes
such hashes as witnesses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Row, Select, select, update

from ml_connector.store.database import Database
from ml_connector.store.tables import audit
from ml_connector.store.texts import storable
from ml_connector.store.vault import SealProblem, Vault

CHUNK = 1_000
CORRELATION_LENGTH = 128


@dataclass(slots=True, kw_only=True)  # made once per record, and therefore not frozen: that takes four times as long
class Entry:
    """One attempt at one record.

    Attributes:
        at: aware.
        run_id: the run that made it.
        window: the window that the record counts to.
        direction: `out` to a target, `in` from one.
        system: `mailchimp`.
        flow: `members`.
        key: the record's business key.
        operation: create, update, move, withdraw, ...
        outcome: see `engine.records.Outcome`.
        target_id: the identity at the target.
        status: HTTP status.
        vendor_code: the vendor's own code or title.
        message: plain words.
        correlation_id: the vendor's request id.
        facts: what the target said about the object, without personal data.
        payload: what was sent; sealed in the database.
    """

    at: datetime
    run_id: str
    window: str
    direction: str
    system: str
    flow: str
    key: str
    operation: str
    outcome: str
    target_id: str | None = None
    status: int | None = None
    vendor_code: str | None = None
    message: str | None = None
    correlation_id: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    payload: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Recorded:
    """An entry as it stands in the audit.

    Attributes:
        number: 1, 2, 3 ... per target.
        hash: of the chain up to this row, hexadecimal.
        entry: its payload is None where it was erased or not asked for.
    """

    number: int
    hash: str
    entry: Entry


@dataclass(frozen=True, slots=True)
class Verification:
    """What a check of the chain found.

    Attributes:
        rows: rows that were read and found in order.
        last_hash: hash of the last of them, hexadecimal; None without rows.
        first_bad: number of the first row that is missing or not as it was written; None: all is well.
        problem: what is wrong, in plain words.
    """

    rows: int
    last_hash: str | None
    first_bad: int | None = None
    problem: str | None = None

    @property
    def ok(self) -> bool:
        return self.problem is None


COVERED = tuple(
    audit.c[name]
    for name in (
        "number",
        "at",
        "run_id",
        "window",
        "direction",
        "system",
        "flow",
        "key",
        "operation",
        "outcome",
        "target_id",
        "status",
        "vendor_code",
        "message",
        "correlation_id",
        "facts",
        "payload_hash",
    )
)
NAMES = tuple(column.name for column in COVERED)
WRITTEN = (*NAMES, "payload", "hash")


class AuditLog:
    """The audit of one target. One process at a time appends: the target's lease sees to that."""

    def __init__(self, database: Database, vault: Vault, company: str, target: str) -> None:
        self._database = database
        self._vault = vault
        self._company = company
        self._target = target
        self._root = sha256(orjson.dumps([company, target])).digest()  # stands for the hash before the first row

    def append(self, connection: Connection, entries: Sequence[Entry]) -> None:
        """Add entries in their order, in the caller's transaction.

        Raises:
            sqlalchemy.exc.IntegrityError: another process appended meanwhile; the transaction cannot be committed.
        """
        newest, previous = self._head(connection)
        rows = []
        for number, entry in enumerate(entries, newest + 1):
            covered = _covered(number, entry)
            previous = _link(previous, covered)
            payload = None if entry.payload is None else self._vault.seal(entry.payload, self._context(number))
            rows.append(dict(zip(WRITTEN, (*covered, payload, previous))))  # noqa: B905
        self._database.insert(connection, audit, rows, same={"company": self._company, "target": self._target})

    def last_hash(self) -> str | None:
        """The hash of the newest row, hexadecimal; None: there is none."""
        with self._database.connect() as connection:
            number, newest = self._head(connection)
        return newest.hex() if number else None

    def verify(self, witnesses: Iterable[str] = ()) -> Verification:
        """Walk the chain from its first row.

        Args:
            witnesses: hashes of earlier runs, kept elsewhere; each must stand in the chain.
        """
        missing = set(witnesses)
        number, previous = 0, self._root
        query = select(*COVERED, audit.c.hash, audit.c.payload).where(*self._mine()).order_by(audit.c.number)
        for row in self._stream(query):
            problem = self._problem(row, number + 1, previous)
            if problem:
                return Verification(number, previous.hex() if number else None, number + 1, problem)
            number, previous = row.number, row.hash
            missing.discard(previous.hex())
        last = previous.hex() if number else None
        if missing:
            what = f"a run ended with the hash {min(missing)}, which is not in the chain: rows at its end are missing"
            return Verification(number, last, number + 1, what)
        return Verification(number, last)

    def entries(
        self,
        key: str | None = None,
        run_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        with_payload: bool = False,
    ) -> Iterator[Recorded]:
        """The entries in their order, streamed: of a record, of a run, of `[since, until)`."""
        query = select(*COVERED, audit.c.hash).where(*self._mine()).order_by(audit.c.number)
        if with_payload:
            query = query.add_columns(audit.c.payload)
        if key is not None:
            query = query.where(audit.c.key == key)
        if run_id is not None:
            query = query.where(audit.c.run_id == run_id)
        if since is not None:
            query = query.where(audit.c.at >= since)
        if until is not None:
            query = query.where(audit.c.at < until)
        for row in self._stream(query):
            payload = None
            if with_payload and row.payload is not None:
                payload = self._vault.unseal(row.payload, self._context(row.number))
            yield _recorded(row, payload)

    def erase_payloads(self, key: str) -> int:
        """Erase what was sent for a record; the chain stays whole. Returns in how many rows."""
        sent = update(audit).where(*self._mine(), audit.c.key == key, audit.c.payload.is_not(None))
        with self._database.begin() as connection:
            return connection.execute(sent.values(payload=None)).rowcount

    def _mine(self) -> tuple[ColumnElement[bool], ...]:
        return audit.c.company == self._company, audit.c.target == self._target

    def _context(self, number: int) -> str:
        return f"audit/{self._company}/{self._target}/{number}"

    def _head(self, connection: Connection) -> tuple[int, bytes]:
        query = select(audit.c.number, audit.c.hash).where(*self._mine()).order_by(audit.c.number.desc()).limit(1)
        row = connection.execute(query).one_or_none()
        return (row.number, row.hash) if row else (0, self._root)

    def _stream(self, query: Select[Any]) -> Iterator[Row[Any]]:
        with self._database.connect() as connection:
            yield from connection.execute(query, execution_options={"yield_per": CHUNK})

    def _problem(self, row: Row[Any], expected: int, previous: bytes) -> str | None:
        """What is wrong with a row, if anything."""
        if row.number != expected:
            return f"row {expected} is missing: row {row.number} stands in its place"
        if _link(previous, row[: len(COVERED)]) != row.hash:
            return f"row {expected} is not as it was written, or the one before it was replaced"
        if row.payload is None:
            return None
        try:
            payload = self._vault.unseal(row.payload, self._context(row.number))
        except SealProblem:
            return f"the payload of row {expected} does not open: it was altered"
        if row.payload_hash != sha256(payload).digest():
            return f"the payload of row {expected} is not the one that was sent"
        return None


def _covered(number: int, entry: Entry) -> tuple[Any, ...]:
    """The values of `COVERED`, as the database gives them back."""
    return (
        number,
        entry.at if entry.at.tzinfo is UTC else entry.at.astimezone(UTC),
        entry.run_id,
        entry.window,
        entry.direction,
        entry.system,
        entry.flow,
        entry.key,
        str(entry.operation),
        str(entry.outcome),
        entry.target_id,
        entry.status,
        storable(entry.vendor_code),
        storable(entry.message),
        storable(entry.correlation_id, CORRELATION_LENGTH),
        orjson.dumps(entry.facts, option=orjson.OPT_SORT_KEYS).decode() if entry.facts else "{}",
        None if entry.payload is None else sha256(entry.payload).digest(),
    )


def _link(previous: bytes, covered: Sequence[Any]) -> bytes:
    """The hash of a row: SHA-256 over the previous one and a JSON list of the covered values (moments as ISO text)."""
    return sha256(previous + orjson.dumps(tuple(covered), default=bytes.hex)).digest()


def _recorded(row: Row[Any], payload: bytes | None) -> Recorded:
    values = dict(zip(NAMES, row, strict=False))
    number = values.pop("number")
    del values["payload_hash"]
    values["facts"] = orjson.loads(values["facts"])
    return Recorded(number, row.hash.hex(), Entry(**values, payload=payload))
