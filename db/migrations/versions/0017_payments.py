"""tokens of connectors, payments with their movements, and the sandbox provider's own"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_LIVE = sa.text("revoked_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "connector_tokens",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("ocpp_connector_id", _ID, nullable=False),
        sa.Column("token", sa.String(length=50), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["ocpp_connector_id"], ["ocpp_connectors.id"], name=op.f("fk_connector_tokens_ocpp_connector_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connector_tokens")),
        sa.UniqueConstraint("token", name=op.f("uq_connector_tokens_token")),
    )
    op.create_index(
        "uq_connector_tokens_valid",
        "connector_tokens",
        ["ocpp_connector_id"],
        unique=True,
        sqlite_where=_LIVE,
        postgresql_where=_LIVE,
    )
    _create_payments()
    op.create_table(
        "payment_movements",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("payment_id", _ID, nullable=False),
        sa.Column("kind", sa.String(length=50), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payments.id"], name=op.f("fk_payment_movements_payment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_movements")),
        sa.UniqueConstraint("payment_id", "kind", name=op.f("uq_payment_movements_payment_id_kind")),
    )
    op.create_table(
        "sandbox_payments",
        sa.Column("reference", sa.String(length=50), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=50), nullable=False),
        sa.Column("status", sa.String(length=50), nullable=False),
        sa.Column("refunded", sa.BigInteger(), nullable=False),
        sa.Column("callback_due", sa.Boolean(), nullable=False),
        sa.Column("return_url", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("reference", name=op.f("pk_sandbox_payments")),
    )


def _create_payments() -> None:
    op.create_table(
        "payments",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("reference", sa.String(length=50), nullable=False),
        sa.Column("ocpp_connector_id", _ID, nullable=False),
        sa.Column("provider", sa.String(length=50), nullable=False),
        sa.Column("phone", sa.String(length=50), nullable=False),
        sa.Column("currency", sa.String(length=50), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("wanted_wh", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(length=50), nullable=False),
        sa.Column("refund_state", sa.String(length=50), nullable=True),
        sa.Column("checkout_url", sa.Text(), nullable=True),
        sa.Column("transaction_id", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        *(
            sa.Column(name, sa.DateTime(timezone=True), nullable=True)
            for name in ("due_at", "leased_until", "paid_at", "settled_at")
        ),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("paid", "billed", "refunded", "held")
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("paid = billed + refunded + held", name=op.f("ck_payments_conserved")),
        sa.CheckConstraint(
            "paid >= 0 AND billed >= 0 AND refunded >= 0 AND held >= 0", name=op.f("ck_payments_not_negative")
        ),
        sa.ForeignKeyConstraint(
            ["ocpp_connector_id"], ["ocpp_connectors.id"], name=op.f("fk_payments_ocpp_connector_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payments")),
        sa.UniqueConstraint("reference", name=op.f("uq_payments_reference")),
    )
    op.create_index(op.f("ix_payments_state"), "payments", ["state"])
    op.create_index(op.f("ix_payments_due_at"), "payments", ["due_at"])


def downgrade() -> None:
    for table in ("sandbox_payments", "payment_movements", "payments", "connector_tokens"):
        op.drop_table(table)
