"""Records that wait for other records, and the names by which flows find each other's objects."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "waiting",
        sa.Column("company", sa.String(length=64), nullable=False),
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("needs_flow", sa.String(length=64), nullable=False),
        sa.Column("needs_identity", sa.String(length=255), nullable=False),
        sa.Column("flow", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("company", "target", "needs_flow", "needs_identity", "flow", "key"),
    )
    op.create_table(
        "alias",
        sa.Column("company", sa.String(length=64), nullable=False),
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("flow", sa.String(length=64), nullable=False),
        sa.Column("alias", sa.String(length=255), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("company", "target", "flow", "alias", "key"),
    )
    op.create_index("alias_by_key", "alias", ["company", "target", "flow", "key"], unique=False)


def downgrade() -> None:
    op.drop_table("alias")
    op.drop_table("waiting")
