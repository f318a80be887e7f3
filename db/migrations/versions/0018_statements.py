"""receipts, statements and findings of the billing audit

Receipts and statements are never changed: a trigger refuses it, whoever asks.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime(timezone=True)
_UNCHANGED = ("receipts", "statements", "statement_lines")
_ON_POSTGRESQL = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '% are never changed', TG_TABLE_NAME; END $$
"""


def upgrade() -> None:
    with op.batch_alter_table("station_owners") as table:
        table.add_column(sa.Column("fee_percent", sa.BigInteger(), server_default="0", nullable=False))
    op.create_table(
        "receipt_numbers",
        sa.Column("owner_id", _KEY, nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["station_owners.id"], name=op.f("fk_receipt_numbers_owner_id")
        ),
        sa.PrimaryKeyConstraint("owner_id", "year", name=op.f("pk_receipt_numbers")),
    )
    op.create_table(
        "receipts",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        sa.Column("owner_id", _KEY, nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("session_id", _KEY, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("issued_at", _TIME, nullable=False),
        sa.Column("energy_wh", sa.BigInteger(), nullable=False),
        sa.Column("gross", sa.BigInteger(), nullable=False),
        sa.Column("tax", sa.BigInteger(), nullable=True),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["station_owners.id"], name=op.f("fk_receipts_owner_id")),
        sa.ForeignKeyConstraint(
            ["session_id"], ["charging_sessions.id"], name=op.f("fk_receipts_session_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipts")),
        sa.UniqueConstraint("owner_id", "year", "number", name=op.f("uq_receipts_owner_id_year_number")),
        sa.UniqueConstraint("session_id", "revision", name=op.f("uq_receipts_session_id_revision")),
    )
    op.create_table(
        "statements",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        sa.Column("owner_id", _KEY, nullable=False),
        sa.Column("owner_name", sa.String(255), nullable=False),
        sa.Column("currency", sa.String(50), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("issued_at", _TIME, nullable=False),
        sa.Column("issued_by", sa.String(255), nullable=False),
        sa.Column("sessions", sa.Integer(), nullable=False),
        sa.Column("energy_wh", sa.BigInteger(), nullable=False),
        sa.Column("gross", sa.BigInteger(), nullable=False),
        sa.Column("tax", sa.BigInteger(), nullable=False),
        sa.Column("fee", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["station_owners.id"], name=op.f("fk_statements_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statements")),
        sa.UniqueConstraint(
            "owner_id", "currency", "month", name=op.f("uq_statements_owner_id_currency_month")
        ),
    )
    op.create_table(
        "statement_lines",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        sa.Column("statement_id", _KEY, nullable=False),
        sa.Column("session_id", _KEY, nullable=False),
        sa.Column("kind", sa.String(50), nullable=False),
        sa.Column("stated_month", sa.Date(), nullable=True),
        sa.Column("station_name", sa.String(255), nullable=False),
        sa.Column("connector_number", sa.Integer(), nullable=True),
        sa.Column("session_name", sa.String(255), nullable=False),
        sa.Column("ended_at", _TIME, nullable=False),
        sa.Column("timezone", sa.String(50), nullable=False),
        sa.Column("energy_wh", sa.BigInteger(), nullable=False),
        sa.Column("gross", sa.BigInteger(), nullable=False),
        sa.Column("tax", sa.BigInteger(), nullable=False),
        sa.Column("fee_percent", sa.BigInteger(), nullable=False),
        sa.Column("fee", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["statement_id"], ["statements.id"], name=op.f("fk_statement_lines_statement_id")
        ),
        sa.ForeignKeyConstraint(
            ["session_id"], ["charging_sessions.id"], name=op.f("fk_statement_lines_session_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statement_lines")),
        sa.UniqueConstraint(
            "statement_id", "session_id", name=op.f("uq_statement_lines_statement_id_session_id")
        ),
    )
    op.create_index(op.f("ix_statement_lines_session_id"), "statement_lines", ["session_id"])
    op.create_table(
        "billing_findings",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        sa.Column("check", sa.String(50), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("owner_id", _KEY, nullable=False),
        sa.Column("ocpp_station_id", _KEY, nullable=True),
        sa.Column("session_ids", sa.JSON(), nullable=False),
        sa.Column("statement_id", _KEY, nullable=True),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(50), nullable=False),
        sa.Column("first_seen_at", _TIME, nullable=False),
        sa.Column("last_seen_at", _TIME, nullable=False),
        sa.Column("closed_at", _TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["station_owners.id"], name=op.f("fk_billing_findings_owner_id")
        ),
        sa.ForeignKeyConstraint(
            ["ocpp_station_id"], ["ocpp_stations.id"], name=op.f("fk_billing_findings_ocpp_station_id")
        ),
        sa.ForeignKeyConstraint(
            ["statement_id"], ["statements.id"], name=op.f("fk_billing_findings_statement_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_billing_findings")),
    )
    is_open = sa.text("closed_at IS NULL")
    op.create_index(
        "uq_billing_findings_open",
        "billing_findings",
        ["check", "subject"],
        unique=True,
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
    op.create_index("ix_billing_findings_closed", "billing_findings", ["closed_at", "id"])
    _refuse_changes()


def _refuse_changes() -> None:
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    if on_postgresql:
        op.execute(_ON_POSTGRESQL)
    for name in _UNCHANGED:
        does = (
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
            if on_postgresql
            else f"BEGIN SELECT RAISE(ABORT, '{name} are never changed'); END"
        )
        op.execute(f"CREATE TRIGGER {name}_never_change BEFORE UPDATE ON {name} {does}")


def downgrade() -> None:
    for name in ("billing_findings", "statement_lines", "statements", "receipts", "receipt_numbers"):
        op.drop_table(name)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION IF EXISTS refuse_change()")
    with op.batch_alter_table("station_owners") as table:
        table.drop_column("fee_percent")
