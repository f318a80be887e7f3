"""The log of what people changed. A row belongs into the transaction of the change that it tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from db.models import AuditEntry, User, utc_now
from db.searching import count_up_to, sought


@dataclass(frozen=True)
class Search:
    """What is looked for; empty texts look for everything.

    `text` is a part of who did it, of what, or of to what. `since` is the first moment and `until` the one
    after the last.
    """

    text: str = ""
    action: str = ""
    since: datetime | None = None
    until: datetime | None = None


EVERYTHING = Search()


def newest(store: Session, search: Search = EVERYTHING, *, limit: int, offset: int = 0) -> list[AuditEntry]:
    """The entries that match, the newest first."""
    query = (
        select(AuditEntry).where(*_conditions(search)).order_by(AuditEntry.at.desc(), AuditEntry.id.desc())
    )
    return list(store.scalars(query.limit(limit).offset(offset)))


def count(store: Session, search: Search, limit: int) -> int:
    """How many entries match, counted up to `limit`."""
    return count_up_to(store, select(AuditEntry.id).where(*_conditions(search)), limit)


def actions(store: Session) -> list[str]:
    """Every action that was ever recorded, by name."""
    return list(store.scalars(select(AuditEntry.action).distinct().order_by(AuditEntry.action)))


def _conditions(search: Search) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if text := sought(search.text):
        told = (AuditEntry.user_name, AuditEntry.action, AuditEntry.subject)
        found.append(or_(*(column.icontains(text, autoescape=True) for column in told)))
    if search.action:
        found.append(AuditEntry.action == search.action)
    if search.since is not None:
        found.append(AuditEntry.at >= search.since)
    if search.until is not None:
        found.append(AuditEntry.at < search.until)
    return found


def record(
    store: Session,
    by: User | None,
    action: str,
    subject: str,
    details: Mapping[str, str] | None = None,
    *,
    at: datetime | None = None,
) -> None:
    """Tell that `by` (None: somebody at the command line) did `action` to `subject`.

    `details` are shown to every admin: nothing that is secret, and no hash of it, belongs there.
    """
    store.add(
        AuditEntry(
            at=at or utc_now(),
            user_id=by.id if by else None,
            user_name=by.user_name if by else "",
            action=action,
            subject=subject[:255],
            details=dict(details or {}),
        )
    )
