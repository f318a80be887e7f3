"""The log of what people changed. A row belongs into the transaction of the change that it tells."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import AuditEntry, User, utc_now


def newest(store: Session, *, limit: int) -> list[AuditEntry]:
    """The last entries, the newest first."""
    query = select(AuditEntry).order_by(AuditEntry.at.desc(), AuditEntry.id.desc())
    return list(store.scalars(query.limit(limit)))


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
