"""runs of jobs with a heartbeat, an attempt and progress; what should run when"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_RUNNING = sa.text("state = 'running'")
_REQUESTED = sa.text("state = 'requested'")


def upgrade() -> None:
    # No process of the version before holds these any more: it ended before the store was migrated.
    op.execute("UPDATE job_runs SET state = 'lost', ended_at = started_at WHERE state = 'running'")
    with op.batch_alter_table("job_runs") as batch:
        batch.add_column(sa.Column("attempt", sa.Integer(), nullable=False, server_default="1"))
        batch.add_column(
            sa.Column("trigger", sa.String(length=50), nullable=False, server_default="schedule")
        )
        batch.add_column(sa.Column("requested_by", sa.String(length=255), nullable=True))
        batch.add_column(sa.Column("heartbeat_at", sa.DateTime(timezone=True), nullable=True))
        batch.add_column(sa.Column("done", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("total", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("note", sa.Text(), nullable=True))
        batch.add_column(sa.Column("advice", sa.Text(), nullable=True))
        batch.drop_constraint("uq_job_runs_job_slot", type_="unique")
        batch.create_unique_constraint("uq_job_runs_job_slot_attempt", ["job", "slot", "attempt"])
    with op.batch_alter_table("job_runs") as batch:
        # They served the rows that were there; from now on the models give the values.
        batch.alter_column("attempt", server_default=None)
        batch.alter_column("trigger", server_default=None)
    op.create_index(
        "uq_job_runs_running",
        "job_runs",
        ["job"],
        unique=True,
        sqlite_where=_RUNNING,
        postgresql_where=_RUNNING,
    )
    op.create_index(
        "uq_job_runs_requested",
        "job_runs",
        ["job"],
        unique=True,
        sqlite_where=_REQUESTED,
        postgresql_where=_REQUESTED,
    )
    op.create_table(
        "job_schedules",
        sa.Column("job", sa.String(length=50), nullable=False),
        sa.Column("about", sa.String(length=255), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("cron", sa.String(length=255), nullable=True),
        sa.Column("quiet", sa.Boolean(), nullable=False),
        sa.Column("next_due", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("job", name=op.f("pk_job_schedules")),
    )
    op.create_table(
        "job_positions",
        sa.Column("job", sa.String(length=50), nullable=False),
        sa.Column("position", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("job", name=op.f("pk_job_positions")),
    )


def downgrade() -> None:
    op.drop_table("job_positions")
    op.drop_table("job_schedules")
    op.drop_index("uq_job_runs_requested", "job_runs")
    op.drop_index("uq_job_runs_running", "job_runs")
    op.execute("DELETE FROM job_runs WHERE attempt > 1 OR state = 'requested'")
    with op.batch_alter_table("job_runs") as batch:
        batch.drop_constraint("uq_job_runs_job_slot_attempt", type_="unique")
        batch.create_unique_constraint("uq_job_runs_job_slot", ["job", "slot"])
        for column in (
            "advice",
            "note",
            "total",
            "done",
            "heartbeat_at",
            "requested_by",
            "trigger",
            "attempt",
        ):
            batch.drop_column(column)
