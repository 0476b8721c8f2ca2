"""What is undelivered is found without a look at every record."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    undelivered = sa.text("outcome IN ('rejected', 'failed')")
    op.create_index(
        "record_state_undelivered",
        "record_state",
        ["company", "target", "flow", "first_seen"],
        unique=False,
        sqlite_where=undelivered,
        postgresql_where=undelivered,
    )


def downgrade() -> None:
    op.drop_index("record_state_undelivered", "record_state")
