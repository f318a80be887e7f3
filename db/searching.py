"""What people type to look for something, as the store takes it, and how much of it there is."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from db.texts import storable

# As much as the fields take; an address may have more.
LONGEST = 100


def sought(text: str) -> str:
    """The text without white space around it and what cannot be stored, and so is nowhere to be found."""
    return storable(text).strip()[:LONGEST]


def count_up_to(store: Session, found: Select[Any], most: int) -> int:
    """How many rows a query gives; it is not looked further than `most`."""
    some = found.order_by(None).limit(most).subquery()
    return store.scalar(select(func.count()).select_from(some)) or 0
