"""as which owner an admin's session looks at the pages"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("sign_ins") as table:
        owner = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
        table.add_column(sa.Column("viewing_owner_id", owner, nullable=True))
        table.create_foreign_key(
            op.f("fk_sign_ins_viewing_owner_id"), "station_owners", ["viewing_owner_id"], ["id"]
        )


def downgrade() -> None:
    with op.batch_alter_table("sign_ins") as table:
        table.drop_constraint(op.f("fk_sign_ins_viewing_owner_id"), type_="foreignkey")
        table.drop_column("viewing_owner_id")
