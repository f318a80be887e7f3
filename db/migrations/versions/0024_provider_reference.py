"""what a payment is called at its provider, and payments by their connector and time"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("payments", sa.Column("provider_reference", sa.String(255), nullable=True))
    op.create_index("ix_payments_connector", "payments", ["ocpp_connector_id", "created_at"])


def downgrade() -> None:
    op.drop_index("ix_payments_connector", "payments")
    op.drop_column("payments", "provider_reference")
