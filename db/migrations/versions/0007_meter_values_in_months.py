"""meter values in months, on PostgreSQL"""

from __future__ import annotations

from datetime import UTC, datetime

from alembic import op

import partitioning
from db.partitions import METER_VALUES

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    partitioning.convert(op.get_bind(), METER_VALUES, datetime.now(UTC))


def downgrade() -> None:
    """A table in months takes the same statements as a plain one, so it stays."""
