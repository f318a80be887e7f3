"""The log of what the backend told us (`ocpp_logs`), as it is searched."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from db.models import OCPPLog


@dataclass(frozen=True)
class LogSearch:
    """Empty texts look for everything; `before` is the (time, id) after which a page goes on."""

    station_id: str = ""
    action: str = ""
    only_trouble: bool = False
    since: datetime | None = None
    until: datetime | None = None
    before: tuple[datetime, int] | None = None
    limit: int = 50


def find(store: Session, search: LogSearch) -> list[OCPPLog]:
    """The newest first."""
    query = select(OCPPLog).where(*_conditions(search))
    newest_first = (OCPPLog.timestamp.desc(), OCPPLog.id.desc())
    return list(store.scalars(query.order_by(*newest_first).limit(search.limit)))


def _conditions(search: LogSearch) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if search.station_id:
        found.append(OCPPLog.station_id == search.station_id)
    if search.action:
        found.append(OCPPLog.action == search.action)
    if search.only_trouble:
        found.append(OCPPLog.level.in_(("warning", "error")))
    if search.since is not None:
        found.append(OCPPLog.timestamp >= search.since)
    if search.until is not None:
        found.append(OCPPLog.timestamp < search.until)
    if search.before is not None:
        at, pk = search.before
        found.append((OCPPLog.timestamp < at) | ((OCPPLog.timestamp == at) & (OCPPLog.id < pk)))
    return found
