"""INSERT ... ON CONFLICT, which SQLite and PostgreSQL spell alike but SQLAlchemy keeps per dialect."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase, Session


def insert(store: Session | Engine, model: type[DeclarativeBase]) -> sqlite.Insert | postgresql.Insert:
    """An insert with `on_conflict_do_nothing` and `on_conflict_do_update` for the store's dialect."""
    table: Any = model.__table__
    assert isinstance(table, Table)  # noqa: S101 - narrows the type; a model always has a table
    bind = store.get_bind() if isinstance(store, Session) else store
    if bind.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)
