"""tariffs with versions and OCPI documents, where they hold, and the lines of bills"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("tariffs", sa.Column("valid_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("tariffs", sa.Column("code", sa.String(length=50), nullable=True))
    op.add_column("tariffs", sa.Column("version", sa.Integer(), nullable=True))
    op.add_column("tariffs", sa.Column("document", sa.JSON(), nullable=True))
    op.create_index("uq_tariffs_code", "tariffs", ["code", "version"], unique=True)
    op.add_column("charging_sessions", sa.Column("bill", sa.JSON(), nullable=True))
    op.create_table(
        "tariff_assignments",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("code", sa.String(length=50), nullable=False),
        sa.Column("owner_id", _ID, nullable=True),
        sa.Column("charging_station_id", sa.Uuid(), nullable=True),
        sa.Column("charging_connector_id", _ID, nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["station_owners.id"], name=op.f("fk_tariff_assignments_owner_id")
        ),
        sa.ForeignKeyConstraint(
            ["charging_station_id"],
            ["charging_stations.id"],
            name=op.f("fk_tariff_assignments_charging_station_id"),
        ),
        sa.ForeignKeyConstraint(
            ["charging_connector_id"],
            ["charging_connectors.id"],
            name=op.f("fk_tariff_assignments_charging_connector_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tariff_assignments")),
    )


def downgrade() -> None:
    op.drop_table("tariff_assignments")
    op.drop_column("charging_sessions", "bill")
    op.drop_index("uq_tariffs_code", table_name="tariffs")
    for column in ("document", "version", "code", "valid_until"):
        op.drop_column("tariffs", column)
