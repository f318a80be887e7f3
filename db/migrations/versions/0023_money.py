"""what there is of a payment for its session, and movements of money that correct a bill"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_KIND = "uq_payment_movements_payment_id_kind"
_NUMBER = "uq_payment_movements_payment_id_number"
_COUNT = (
    "UPDATE payment_movements SET number = (SELECT count(*) FROM payment_movements AS earlier "
    "WHERE earlier.payment_id = payment_movements.payment_id AND earlier.id <= payment_movements.id)"
)
_PREPAID = (
    "UPDATE charging_sessions SET prepaid = (SELECT max(paid - refunded) FROM payments "
    "WHERE payments.transaction_id = charging_sessions.transaction_id) "
    "WHERE transaction_id IN (SELECT transaction_id FROM payments WHERE state IN ('charging', 'settled'))"
)


def upgrade() -> None:
    op.add_column("charging_sessions", sa.Column("prepaid", sa.BigInteger(), nullable=True))
    op.add_column("charging_sessions", sa.Column("plugged_until", _TIME, nullable=True))
    op.execute(_PREPAID)
    op.add_column("payments", sa.Column("rebill_at", _TIME, nullable=True))
    # Its default stays: without it SQLite makes the table anew, and movements refer to the old one.
    op.add_column(
        "payments", sa.Column("written_off", sa.BigInteger(), nullable=False, server_default=sa.text("0"))
    )
    op.create_index(op.f("ix_payments_rebill_at"), "payments", ["rebill_at"])
    op.create_index(op.f("ix_payments_transaction_id"), "payments", ["transaction_id"])
    op.add_column("payment_movements", sa.Column("number", sa.Integer(), nullable=True))
    op.execute(_COUNT)
    with op.batch_alter_table("payment_movements") as table:
        table.alter_column("number", existing_type=sa.Integer(), nullable=False)
        table.drop_constraint(op.f(_KIND), type_="unique")
        table.create_unique_constraint(op.f(_NUMBER), ["payment_id", "number"])


def downgrade() -> None:
    with op.batch_alter_table("payment_movements") as table:
        table.drop_constraint(op.f(_NUMBER), type_="unique")
        table.drop_column("number")
        table.create_unique_constraint(op.f(_KIND), ["payment_id", "kind"])
    op.drop_index(op.f("ix_payments_transaction_id"), "payments")
    op.drop_index(op.f("ix_payments_rebill_at"), "payments")
    for table_name, column in (
        ("payments", "written_off"),
        ("payments", "rebill_at"),
        ("charging_sessions", "plugged_until"),
        ("charging_sessions", "prepaid"),
    ):
        op.drop_column(table_name, column)
