"""Stations and connectors know the platform's ids, and connectors can be out of operation."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Columns are added in place: SQLite would drop and copy a table that others refer to.
    op.add_column("charging_stations", sa.Column("source", sa.String(50), nullable=False, server_default=""))
    for column in (
        sa.Column("external_id", sa.String(255)),
        sa.Column("unit", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("qr_code_token", sa.String(255)),
        sa.Column("is_active", sa.Boolean(), nullable=False, server_default=sa.true()),
    ):
        op.add_column("charging_connectors", column)
    op.create_index(
        "uq_charging_connectors_external",
        "charging_connectors",
        ["station_id", "external_id", "unit"],
        unique=True,
    )


def downgrade() -> None:
    op.drop_index("uq_charging_connectors_external", "charging_connectors")
    for column in ("is_active", "qr_code_token", "unit", "external_id"):
        op.drop_column("charging_connectors", column)
    op.drop_column("charging_stations", "source")
