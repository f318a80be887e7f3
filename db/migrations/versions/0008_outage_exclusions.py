"""outage exclusions"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "outage_exclusions",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("ocpp_station_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("ocpp_connector_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=50), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("entered_by_id", sa.Uuid(), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["ocpp_station_id"], ["ocpp_stations.id"], name=op.f("fk_outage_exclusions_ocpp_station_id")
        ),
        sa.ForeignKeyConstraint(
            ["ocpp_connector_id"], ["ocpp_connectors.id"], name=op.f("fk_outage_exclusions_ocpp_connector_id")
        ),
        sa.ForeignKeyConstraint(
            ["entered_by_id"], ["users.id"], name=op.f("fk_outage_exclusions_entered_by_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outage_exclusions")),
    )
    with op.batch_alter_table("outage_exclusions", schema=None) as batch_op:
        batch_op.create_index("ix_outage_exclusions_station", ["ocpp_station_id", "started_at"], unique=False)


def downgrade() -> None:
    op.drop_table("outage_exclusions")
