"""an index that has all of a status that lasts, and one of those in which a connector was down"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_TABLE, _OPEN, _DOWN = (
    "connector_status_intervals",
    "ix_connector_status_intervals_open",
    "ix_connector_status_intervals_down",
)
_IS_DOWN = sa.text("status IN ('faulted', 'offline', 'unavailable')")


def upgrade() -> None:
    op.drop_index(_OPEN, _TABLE)
    op.create_index(_OPEN, _TABLE, ["ended_at", "ocpp_connector_id", "started_at", "status"])
    op.create_index(
        _DOWN,
        _TABLE,
        ["started_at", "ocpp_connector_id"],
        sqlite_where=_IS_DOWN,
        postgresql_where=_IS_DOWN,
    )


def downgrade() -> None:
    op.drop_index(_DOWN, _TABLE)
    op.drop_index(_OPEN, _TABLE)
    op.create_index(_OPEN, _TABLE, ["ended_at", "ocpp_connector_id"])
