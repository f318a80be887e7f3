"""an index of the statuses that tell of an outage, a fault or an error

Each of them is looked for among all statuses that were ever reported, of which they are few.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_IS_TROUBLE = sa.text(
    "status IN ('faulted', 'offline', 'unavailable') OR error_code != '' OR vendor_error_code != ''"
)


def upgrade() -> None:
    op.create_index(
        "ix_connector_status_intervals_trouble",
        "connector_status_intervals",
        ["ocpp_connector_id", "started_at", "ended_at", "status", "error_code", "vendor_error_code"],
        sqlite_where=_IS_TROUBLE,
        postgresql_where=_IS_TROUBLE,
    )


def downgrade() -> None:
    op.drop_index("ix_connector_status_intervals_trouble", "connector_status_intervals")
