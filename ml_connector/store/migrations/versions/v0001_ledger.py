"""The ledger, the audit and the vault, as the first release has them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

moment = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("company", sa.String(length=64), nullable=False),
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("number", number, autoincrement=False, nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("window", sa.String(length=32), nullable=False),
        sa.Column("direction", sa.String(length=8), nullable=False),
        sa.Column("system", sa.String(length=32), nullable=False),
        sa.Column("flow", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("operation", sa.String(length=16), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("target_id", sa.String(length=255), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("vendor_code", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("correlation_id", sa.String(length=128), nullable=True),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("payload_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("payload", sa.LargeBinary(), nullable=True),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("company", "target", "number"),
    )
    op.create_index("audit_by_key", "audit", ["company", "key"], unique=False)
    op.create_index("audit_by_run", "audit", ["run_id"], unique=False)
    op.create_table(
        "credential",
        sa.Column("name", sa.String(length=160), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("changed_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "data_key",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "delivery",
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("company", sa.String(length=64), nullable=False),
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("flow", sa.String(length=64), nullable=False),
        sa.Column("window", sa.String(length=32), nullable=False),
        sa.Column("read", sa.Integer(), nullable=False),
        sa.Column("created", sa.Integer(), nullable=False),
        sa.Column("updated", sa.Integer(), nullable=False),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column("skipped", sa.Integer(), nullable=False),
        sa.Column("rejected", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("finished", sa.Boolean(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("stopped", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("run_id", "company", "target", "flow", "window"),
    )
    op.create_index("delivery_by_flow", "delivery", ["company", "target", "flow", "at"], unique=False)
    op.create_table(
        "entity_state",
        sa.Column("company", sa.String(length=64), nullable=False),
        sa.Column("entity", sa.String(length=64), nullable=False),
        sa.Column("covered_until", moment, nullable=True),
        sa.Column("full_at", moment, nullable=True),
        sa.Column("brake", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("company", "entity"),
    )
    op.create_table(
        "flow_state",
        sa.Column("company", sa.String(length=64), nullable=False),
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("flow", sa.String(length=64), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("taken_up_to", number, nullable=False),
        sa.Column("initial_done_at", moment, nullable=True),
        sa.Column("window_minutes", sa.Integer(), nullable=False),
        sa.Column("start", moment, nullable=False),
        sa.PrimaryKeyConstraint("company", "target", "flow"),
    )
    op.create_table(
        "intent",
        sa.Column("company", sa.String(length=64), nullable=False),
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("flow", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("operation", sa.String(length=16), nullable=False),
        sa.Column("claim", sa.String(length=255), nullable=False),
        sa.Column("stance", sa.String(length=8), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=16), nullable=False),
        sa.Column("reference", sa.String(length=255), nullable=True),
        sa.Column("astray", sa.Text(), nullable=True),
        sa.Column("started_at", moment, nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("company", "target", "flow", "key"),
    )
    op.create_table(
        "landing",
        sa.Column("id", number, autoincrement=True, nullable=False),
        sa.Column("company", sa.String(length=64), nullable=False),
        sa.Column("entity", sa.String(length=64), nullable=False),
        sa.Column("reading_id", number, nullable=False),
        sa.Column("path", sa.Text(), nullable=True),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("written_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("landing_by_entity", "landing", ["company", "entity", "id"], unique=False)
    op.create_table(
        "lease",
        sa.Column("name", sa.String(length=160), nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("taken_at", moment, nullable=False),
        sa.Column("heartbeat_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("name", "run_id"),
    )
    op.create_table(
        "reading",
        sa.Column("id", number, autoincrement=True, nullable=False),
        sa.Column("company", sa.String(length=64), nullable=False),
        sa.Column("entity", sa.String(length=64), nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("whole", sa.Boolean(), nullable=False),
        sa.Column("since", moment, nullable=True),
        sa.Column("started_at", moment, nullable=False),
        sa.Column("finished_at", moment, nullable=True),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("landed", sa.Integer(), nullable=False),
        sa.Column("vanished", sa.Integer(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("reading_by_entity", "reading", ["company", "entity", "id"], unique=False)
    op.create_table(
        "record_state",
        sa.Column("company", sa.String(length=64), nullable=False),
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("flow", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("claim", sa.String(length=255), nullable=True),
        sa.Column("stance", sa.String(length=8), nullable=True),
        sa.Column("target_id", sa.String(length=255), nullable=True),
        sa.Column("digest", sa.LargeBinary(length=16), nullable=True),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("seq", number, nullable=False),
        sa.Column("changed_at", moment, nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("rule", sa.Text(), nullable=True),
        sa.Column("kind", sa.String(length=64), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("vendor_code", sa.Text(), nullable=True),
        sa.Column("due_at", moment, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("first_seen", moment, nullable=False),
        sa.Column("last_tried", moment, nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("window", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("company", "target", "flow", "key"),
    )
    op.create_index("record_state_by_claim", "record_state", ["company", "target", "flow", "claim"], unique=False)
    op.create_index(
        "record_state_by_due",
        "record_state",
        ["company", "target", "flow", "due_at"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(
        "record_state_by_other_link",
        "record_state",
        ["company", "target", "flow", "target_id"],
        unique=False,
        sqlite_where=sa.text("target_id IS NOT NULL AND (claim IS NULL OR claim <> target_id)"),
        postgresql_where=sa.text("target_id IS NOT NULL AND (claim IS NULL OR claim <> target_id)"),
    )
    op.create_table(
        "source_row",
        sa.Column("company", sa.String(length=64), nullable=False),
        sa.Column("entity", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("related", sa.String(length=255), nullable=True),
        sa.Column("changed_at", moment, nullable=False),
        sa.Column("digest", sa.LargeBinary(length=16), nullable=False),
        sa.Column("landing_id", number, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("seq", number, nullable=False),
        sa.Column("seen_by", number, nullable=False),
        sa.Column("vanished_at", moment, nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("company", "entity", "key"),
    )
    op.create_index(
        "source_row_by_landing", "source_row", ["company", "entity", "landing_id", "position"], unique=False
    )
    op.create_index("source_row_by_related", "source_row", ["company", "entity", "related"], unique=False)
    op.create_index("source_row_by_seq", "source_row", ["company", "entity", "seq"], unique=False)


def downgrade() -> None:
    for name in (
        "source_row",
        "record_state",
        "reading",
        "lease",
        "landing",
        "intent",
        "flow_state",
        "entity_state",
        "delivery",
        "data_key",
        "credential",
        "audit",
    ):
        op.drop_table(name)
