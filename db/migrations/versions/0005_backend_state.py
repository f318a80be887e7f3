"""since when the OCPP backend is down, what stations it refused, how a command is paid"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "backend_state",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("down_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("last_ok", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backend_state")),
    )
    with op.batch_alter_table("ocpp_stations", schema=None) as batch_op:
        batch_op.add_column(sa.Column("sync_digest", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("sync_failed_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("sync_failures", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("sync_after", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("commands", schema=None) as batch_op:
        batch_op.add_column(sa.Column("payment_transaction_id", sa.String(length=255), nullable=True))
        batch_op.add_column(sa.Column("payment_method", sa.String(length=50), nullable=True))
        batch_op.create_index("ix_commands_state", ["state", "sent_at"])


def downgrade() -> None:
    with op.batch_alter_table("commands", schema=None) as batch_op:
        batch_op.drop_index("ix_commands_state")
        batch_op.drop_column("payment_method")
        batch_op.drop_column("payment_transaction_id")
    with op.batch_alter_table("ocpp_stations", schema=None) as batch_op:
        for name in ("sync_after", "sync_failures", "sync_failed_at", "sync_digest"):
            batch_op.drop_column(name)
    op.drop_table("backend_state")
