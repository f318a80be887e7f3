"""when a session was last asked for in vain, and when an event that waited was taken up again"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("charging_sessions", sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("webhook_events", sa.Column("released_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("webhook_events", "released_at")
    op.drop_column("charging_sessions", "asked_at")
