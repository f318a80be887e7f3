"""the verdict on a session that has ended, and what admins decided about those that were held"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.orm import Session

from db import rollups

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_REVIEWED = sa.text("verdict IN ('held', 'accepted', 'corrected')")
_UNJUDGED = sa.text("verdict IS NULL")


def upgrade() -> None:
    op.add_column("charging_sessions", sa.Column("verdict", sa.String(length=50), nullable=True))
    for name, columns, where in (
        ("reviewed", ["verdict", "start_time"], _REVIEWED),
        ("unjudged", ["id"], _UNJUDGED),
    ):
        op.create_index(
            f"ix_charging_sessions_{name}",
            "charging_sessions",
            columns,
            sqlite_where=where,
            postgresql_where=where,
        )
    op.create_table(
        "session_decisions",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("session_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("user_name", sa.String(length=255), nullable=False),
        sa.Column("verdict", sa.String(length=50), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("energy_wh", sa.BigInteger(), nullable=True),
        sa.Column("cost", sa.BigInteger(), nullable=True),
        sa.Column("tax", sa.BigInteger(), nullable=True),
        sa.Column("reported", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["charging_sessions.id"],
            name=op.f("fk_session_decisions_session_id"),
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_session_decisions_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session_decisions")),
    )
    op.create_index("ix_session_decisions_session_id", "session_decisions", ["session_id"])
    # Sessions of before count as they did, so that sums which are there are right. 0009 leaves none.
    if op.get_bind().scalar(sa.text("SELECT 1 FROM rollups LIMIT 1")) is None:
        rollups.rebuild_all(Session(op.get_bind()))


def downgrade() -> None:
    """Held sessions are left out of the sums until the job `rollup` of the version before makes them anew."""
    op.drop_table("session_decisions")
    op.drop_index("ix_charging_sessions_unjudged", "charging_sessions")
    op.drop_index("ix_charging_sessions_reviewed", "charging_sessions")
    op.drop_column("charging_sessions", "verdict")
