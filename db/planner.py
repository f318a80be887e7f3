"""What the store's planner knows of its rows, by which it chooses how to look for them."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

# Of each index: of a million sessions it takes a fifth of a second, in which nobody else writes.
_MOST = 100_000


def count_rows(store: Session) -> None:
    """Have it know how many rows there are of a value. SQLite counts only when it is told to, and takes the
    sessions of a station for ten; PostgreSQL counts by itself.
    """
    if store.get_bind().dialect.name == "sqlite":
        store.execute(text(f"PRAGMA analysis_limit = {_MOST}"))
        store.execute(text("ANALYZE"))
