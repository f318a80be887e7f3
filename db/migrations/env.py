"""Alembic's entry: migrates over the connection that `db.migrate` hands in."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

import partitioning
from db.columns import FixedPoint, UTCDateTime
from db.models import Base


def render_item(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """Write the plain column type, so that a migration outlives changes of our own types."""
    if kind == "type" and isinstance(item, UTCDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, FixedPoint):
        return "sa.BigInteger()"
    return False


connection = context.config.attributes["connection"]
parts = partitioning.all_parts(connection)
context.configure(
    connection=connection,
    include_name=lambda name, kind, _parents: kind != "table" or name not in parts,
    target_metadata=Base.metadata,
    render_as_batch=True,
    render_item=render_item,
)
with context.begin_transaction():
    context.run_migrations()
