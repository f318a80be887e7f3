"""an index of the sums in the order of days, on PostgreSQL

Many stations' sums of the same days lie side by side in it; in the key they are a look for each station. On
SQLite the key is the table, where these looks cost less than one more copy to keep.
"""

from __future__ import annotations

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_SUMS = (
    "sessions",
    "attempts",
    "energy_wh",
    "revenue_minor",
    "tax_minor",
    "observed_seconds",
    "outage_seconds",
)


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.create_index(
            "ix_rollups_side_by_side",
            "rollups",
            ["scope", "grain", "bucket", "scope_id", "currency"],
            postgresql_include=_SUMS,
        )


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_index("ix_rollups_side_by_side", "rollups")
