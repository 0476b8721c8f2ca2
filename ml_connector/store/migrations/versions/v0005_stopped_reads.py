"""Why the last read of an entity was stopped."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("entity_state", sa.Column("stopped", sa.Text()))


def downgrade() -> None:
    op.drop_column("entity_state", "stopped")
