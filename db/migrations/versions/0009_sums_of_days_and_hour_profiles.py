"""sums by day and month with more metrics; profiles of hours in place of sums by hour"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_OLD = (
    "sessions",
    "attempts",
    "failed_attempts",
    "energy_wh",
    "revenue_minor",
    "arrivals",
    "observed_seconds",
    "outage_seconds",
)
_NEW = ("valid_stops", "tax_minor", "occupied_seconds", "charging_seconds")
_HOURS = tuple(f"{what}{hour:02}" for what in "aw" for hour in range(24))


def upgrade() -> None:
    op.drop_table("rollups")
    _create("rollups", sa.Column("currency", sa.String(length=3), nullable=False), (*_OLD, *_NEW), sa.Date())
    _create("hour_profiles", sa.Column("weekday", sa.SmallInteger(), nullable=False), _HOURS, sa.Date())
    # All of them are sums of rows that are there, and 0011 makes them: what is written are the sums of this
    # version, which reads columns that are not there yet. A later migration that changes what is summed takes
    # that over.


def downgrade() -> None:
    """The sums are gone; the job `rollup` of the version before makes them anew, a month in each run."""
    op.drop_table("hour_profiles")
    op.drop_table("rollups")
    _create("rollups", sa.Column("currency", sa.String(length=3), nullable=False), _OLD, sa.DateTime())


def _create(table: str, last_key: sa.Column[Any], sums: tuple[str, ...], day: sa.Date | sa.DateTime) -> None:
    op.create_table(
        table,
        sa.Column("scope", sa.String(length=10), nullable=False),
        sa.Column("scope_id", sa.BigInteger(), nullable=False),
        sa.Column("grain", sa.String(length=5), nullable=False),
        sa.Column("bucket", day, nullable=False),
        last_key,
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in sums),
        sa.PrimaryKeyConstraint(
            "scope", "scope_id", "grain", "bucket", last_key.name, name=op.f(f"pk_{table}")
        ),
        sqlite_with_rowid=False,
    )
