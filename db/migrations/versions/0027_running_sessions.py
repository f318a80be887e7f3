"""an index of the sessions that run, few among all"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0024"
branch_labels = None
depends_on = None

_RUNNING = sa.text("status IN ('pending', 'started', 'charging', 'suspended', 'stopping')")


def upgrade() -> None:
    op.create_index(
        "ix_charging_sessions_running",
        "charging_sessions",
        ["ocpp_connector_id", "start_time"],
        sqlite_where=_RUNNING,
        postgresql_where=_RUNNING,
    )


def downgrade() -> None:
    op.drop_index("ix_charging_sessions_running", "charging_sessions")
