"""columns of a day's sessions, packed, and the triggers that keep them true"""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_EVENTS = ("INSERT", "UPDATE", "DELETE")
_ROWS = {"INSERT": ("NEW",), "UPDATE": ("OLD", "NEW"), "DELETE": ("OLD",)}


def upgrade() -> None:
    op.create_table(
        "packed_columns",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("name", sa.String(20), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("day", "name", name=op.f("pk_packed_columns")),
    )
    for event in _EVENTS:
        for statement in _statements(event):
            op.execute(statement)


def downgrade() -> None:
    for event in _EVENTS:
        if op.get_bind().dialect.name == "postgresql":
            op.execute(f"DROP TRIGGER packed_columns_{event.lower()} ON charging_sessions")
            op.execute(f"DROP FUNCTION packed_columns_{event.lower()}()")
        else:
            op.execute(f"DROP TRIGGER packed_columns_{event.lower()}")
    op.drop_table("packed_columns")


def _statements(event: str) -> list[str]:
    name, rows = f"packed_columns_{event.lower()}", _ROWS[event]
    has_stop = " OR ".join(f"{row}.stop_time IS NOT NULL" for row in rows)
    if op.get_bind().dialect.name != "postgresql":
        deletion = _deletion(f"substr({row}.stop_time, 1, 10)" for row in rows)
        return [
            f"CREATE TRIGGER {name} AFTER {event} ON charging_sessions WHEN {has_stop} BEGIN {deletion}; END"
        ]
    deletion = _deletion(f"({row}.stop_time AT TIME ZONE 'UTC')::date" for row in rows)
    return [
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ "
        f"BEGIN {deletion}; RETURN NULL; END $$",
        f"CREATE TRIGGER {name} AFTER {event} ON charging_sessions FOR EACH ROW "
        f"WHEN ({has_stop}) EXECUTE FUNCTION {name}()",
    ]


def _deletion(days: Iterable[str]) -> str:
    return f"DELETE FROM packed_columns WHERE day IN ({', '.join(days)})"  # noqa: S608 - names of ours
