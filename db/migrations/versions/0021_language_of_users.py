"""the language in which a user reads the dashboard"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("users") as table:
        table.add_column(sa.Column("language", sa.String(50), nullable=True))


def downgrade() -> None:
    op.drop_column("users", "language")
