"""The ledger's tables, the same on SQLite and PostgreSQL.

reading     entity_state, reading, landing, source_row       what was read, and each record's newest version
delivering  flow_state, record_state, intent, delivery       what each flow did with it
            waiting, alias                                   what it needs of the others
told        inbox                                            events, stored before anything acts on them
proof       audit                                            every attempt, append-only, chained by hashes
keeping     credential, data_key, lease                      the vault, and who works on what
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

metadata = MetaData()


@lru_cache(maxsize=1024)  # most moments of a bulk write are the same one, and formatting costs more than writing it
def _text(moment: datetime) -> str:
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(" ", "microseconds")


class Moment(TypeDecorator[datetime]):
    """An aware UTC moment: a timestamp with time zone on PostgreSQL, ISO text with its offset on SQLite.

    The text has one fixed form (`2026-11-01 13:00:00.000000+00:00`), so that comparing and sorting it compares time.
    """

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        return dialect.type_descriptor(DateTime(timezone=True) if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a moment without a time zone: {value}")
        return value.astimezone(UTC) if dialect.name == "postgresql" else _text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        moment: datetime = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


Id = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers rows by itself only for INTEGER

entity_state = Table(
    "entity_state",
    metadata,
    Column("company", String(64), primary_key=True),
    Column("entity", String(64), primary_key=True),
    Column("covered_until", Moment),  # a read that began then has ended: everything changed before it has landed
    Column("full_at", Moment),  # the last complete full read
    Column("brake", Text),  # why the last full read marked nothing as vanished, in words
    Column("stopped", Text),  # why the last read did not end; unset: it did
)

reading = Table(
    "reading",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("company", String(64), nullable=False),
    Column("entity", String(64), nullable=False),
    Column("run_id", String(64), nullable=False),
    Column("whole", Boolean, nullable=False),  # no lower bound
    Column("since", Moment),
    Column("started_at", Moment, nullable=False),
    Column("finished_at", Moment),  # unset: it runs, or its process died
    Column("rows", Integer, nullable=False, default=0),  # rows the source gave
    Column("landed", Integer, nullable=False, default=0),  # new versions among them
    Column("vanished", Integer, nullable=False, default=0),
    Column("calls", Integer, nullable=False, default=0),
    Column("note", Text),
    Index("reading_by_entity", "company", "entity", "id"),
    sqlite_autoincrement=True,  # a number is never given twice, also after rows were deleted
)

landing = Table(
    "landing",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),  # also the sequence in which versions became known
    Column("company", String(64), nullable=False),
    Column("entity", String(64), nullable=False),
    Column("reading_id", Id, nullable=False),
    Column("path", Text),  # below the landings folder; unset: it only carries marks of vanished records
    Column("rows", Integer, nullable=False),
    Column("written_at", Moment, nullable=False),
    Index("landing_by_entity", "company", "entity", "id"),
    sqlite_autoincrement=True,  # a number is never given twice, also after rows were deleted
)

source_row = Table(
    "source_row",
    metadata,
    Column("company", String(64), primary_key=True),
    Column("entity", String(64), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("related", String(255)),
    Column("changed_at", Moment, nullable=False),
    Column("digest", LargeBinary(16), nullable=False),
    Column("landing_id", Id, nullable=False),  # where the newest version lies,
    Column("position", Integer, nullable=False),  # and in which row there
    Column("seq", Id, nullable=False),  # the landing that made it new: a version, or the mark that it vanished
    Column("seen_by", Id, nullable=False),  # the last reading that met it
    Column("vanished_at", Moment),
    Column("body", LargeBinary),  # secondary entities only: the row itself, sealed, to be looked up at random
    Index("source_row_by_seq", "company", "entity", "seq"),
    Index("source_row_by_landing", "company", "entity", "landing_id", "position"),
    Index("source_row_by_related", "company", "entity", "related"),
)

flow_state = Table(
    "flow_state",
    metadata,
    Column("company", String(64), primary_key=True),
    Column("target", String(64), primary_key=True),
    Column("flow", String(64), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("taken_up_to", Id, nullable=False),  # every version with a seq up to here was taken up
    Column("initial_done_at", Moment),
    Column("window_minutes", Integer, nullable=False),
    Column("start", Moment, nullable=False),
)

# A record is linked to something else than it wants: rare, so that the index costs nothing where the two are the same.
OTHER_LINK = text("target_id IS NOT NULL AND (claim IS NULL OR claim <> target_id)")
_DUE = text("due_at IS NOT NULL")  # few are: the others need not be kept in order
# Rejected or failed now: few are, and every check and every look at the problems asks for them. Written out, because a
# database takes the index only where it sees that the question is about no other record.
UNDELIVERED = text("outcome IN ('rejected', 'failed')")

record_state = Table(
    "record_state",
    metadata,
    Column("company", String(64), primary_key=True),
    Column("target", String(64), primary_key=True),
    Column("flow", String(64), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("claim", String(255)),  # the identity at the target that it wants
    Column("stance", String(8)),  # how it stands to its claim: firm, weak, veto (engine/claims.py)
    Column("target_id", String(255)),  # the identity that it is linked to
    Column("digest", LargeBinary(16)),  # of what the target confirmed
    Column("facts", Text, nullable=False, default="{}"),  # what the target said about it, JSON
    Column("seq", Id, nullable=False),  # the source's versions up to here are in this state
    Column("changed_at", Moment, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("rule", Text),
    Column("kind", String(64)),
    Column("reason", Text),
    Column("vendor_code", Text),
    Column("due_at", Moment),  # set: it is to be taken up again from then on
    Column("attempts", Integer, nullable=False, default=0),  # failures in a row
    Column("first_seen", Moment, nullable=False),  # of this outcome
    Column("last_tried", Moment, nullable=False),
    Column("run_id", String(64), nullable=False),
    Column("window", String(32), nullable=False),  # under which it was last counted
    Index("record_state_by_claim", "company", "target", "flow", "claim"),
    Index(
        "record_state_by_other_link",
        "company",
        "target",
        "flow",
        "target_id",
        sqlite_where=OTHER_LINK,
        postgresql_where=OTHER_LINK,
    ),
    Index("record_state_by_due", "company", "target", "flow", "due_at", sqlite_where=_DUE, postgresql_where=_DUE),
    Index(
        "record_state_undelivered",
        "company",
        "target",
        "flow",
        "first_seen",
        sqlite_where=UNDELIVERED,
        postgresql_where=UNDELIVERED,
    ),
)

intent = Table(
    "intent",
    metadata,
    Column("company", String(64), primary_key=True),
    Column("target", String(64), primary_key=True),
    Column("flow", String(64), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("operation", String(16), nullable=False),
    Column("claim", String(255), nullable=False),
    Column("stance", String(8), nullable=False),
    Column("digest", LargeBinary(16), nullable=False),
    Column("reference", String(255)),  # of the batch that carries it
    Column("astray", Text),  # JSON: where earlier unanswered writes may have put the object
    Column("started_at", Moment, nullable=False),
    Column("run_id", String(64), nullable=False),
)

waiting = Table(
    "waiting",
    metadata,
    Column("company", String(64), primary_key=True),
    Column("target", String(64), primary_key=True),
    Column("needs_flow", String(64), primary_key=True),  # what the record waits for:
    Column("needs_identity", String(255), primary_key=True),  # an identity at the target that this flow delivers
    Column("flow", String(64), primary_key=True),
    Column("key", String(255), primary_key=True),  # the record that waits
)

alias = Table(
    "alias",
    metadata,
    Column("company", String(64), primary_key=True),
    Column("target", String(64), primary_key=True),
    Column("flow", String(64), primary_key=True),
    Column("alias", String(255), primary_key=True),  # a name by which other flows find the object
    Column("key", String(255), primary_key=True),  # the record that gave it
    Index("alias_by_key", "company", "target", "flow", "key"),
)

delivery = Table(
    "delivery",
    metadata,
    Column("run_id", String(64), primary_key=True),
    Column("company", String(64), primary_key=True),
    Column("target", String(64), primary_key=True),
    Column("flow", String(64), primary_key=True),
    Column("window", String(32), primary_key=True),  # partition key
    Column("read", Integer, nullable=False),
    Column("created", Integer, nullable=False),
    Column("updated", Integer, nullable=False),
    Column("unchanged", Integer, nullable=False),
    Column("skipped", Integer, nullable=False),
    Column("rejected", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("finished", Boolean, nullable=False),  # every record of the window was attempted
    Column("calls", Integer, nullable=False),  # of the flow as a whole, on its first window; the others carry 0
    Column("seconds", Float, nullable=False),  # likewise
    Column("at", Moment, nullable=False),
    Column("stopped", Text),  # why the target stopped, if it did
    Index("delivery_by_flow", "company", "target", "flow", "at"),
)

audit = Table(
    "audit",
    metadata,
    Column("company", String(64), primary_key=True),
    Column("target", String(64), primary_key=True),
    Column("number", Id, primary_key=True, autoincrement=False),  # 1, 2, 3 ... per target, without a gap
    Column("at", Moment, nullable=False),
    Column("run_id", String(64), nullable=False),
    Column("window", String(32), nullable=False),
    Column("direction", String(8), nullable=False),  # out, in
    Column("system", String(32), nullable=False),
    Column("flow", String(64), nullable=False),
    Column("key", String(255), nullable=False),
    Column("operation", String(16), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("target_id", String(255)),
    Column("status", Integer),
    Column("vendor_code", Text),
    Column("message", Text),
    Column("correlation_id", String(128)),
    Column("facts", Text, nullable=False),
    Column("payload_hash", LargeBinary(32)),
    Column("payload", LargeBinary),  # sealed; may be erased without breaking the chain
    Column("hash", LargeBinary(32), nullable=False),  # over the previous row's hash and this row's plain content
    Index("audit_by_key", "company", "key"),
    Index("audit_by_run", "run_id"),
)

_WAITS = text("state = 'received'")

inbox = Table(
    "inbox",
    metadata,
    Column("company", String(64), primary_key=True),
    Column("target", String(64), primary_key=True),
    Column("event_id", String(255), primary_key=True),
    Column("origin", String(8), nullable=False),  # webhook, or poll: a poll found what no webhook had told of
    Column("state", String(8), nullable=False),  # received, taken, refused, handled
    Column("received_at", Moment, nullable=False),
    Column("settled_at", Moment),  # when it was taken or refused
    Column("reason", Text),  # why it was refused
    Column("run_id", String(64)),  # that took or refused it
    Column("body", LargeBinary),  # as it came, sealed, until it is taken: from then on the landed copy counts
    Index("inbox_waiting", "company", "target", "received_at", sqlite_where=_WAITS, postgresql_where=_WAITS),
)

credential = Table(
    "credential",
    metadata,
    Column("name", String(160), primary_key=True),  # company/visma or company/target
    Column("sealed", LargeBinary, nullable=False),
    Column("changed_at", Moment, nullable=False),
)

data_key = Table(
    "data_key",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),  # with the vault key
    Column("created_at", Moment, nullable=False),
)

lease = Table(
    "lease",
    metadata,
    Column("name", String(160), primary_key=True),  # company/visma or company/target
    Column("run_id", String(64), primary_key=True),  # a dead run's row stays beside its successor's until it is cleared
    Column("holder", Text, nullable=False),  # for people: which process on which host
    Column("taken_at", Moment, nullable=False),
    Column("heartbeat_at", Moment, nullable=False),
)
