"""The log of frames as it is read, and how it stays bounded. All functions run in a unit of work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Row, delete, func, or_, select

from ocpp_backend.clock import wire_time
from ocpp_backend.tables import frames

_f = frames.c
# So few that nothing waits long for it.
_PRUNE_AT_ONCE = 2000
# Between a call and its answer there are at most about so many frames of other charge points.
_NEAR = 5000
_MOST_PARTNERS = 2000


@dataclass(frozen=True)
class Search:
    """`error` is the code of an error, or True for all frames with one. `before` is the id of a frame."""

    station_id: str | None = None
    action: str | None = None
    error: str | bool = False
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None
    limit: int = 100


def find(db: Connection, search: Search) -> Sequence[Row[Any]]:
    """The frames looked for, newest first."""
    query = select(frames).where(*_conditions(search))
    return db.execute(query.order_by(_f.id.desc()).limit(search.limit)).all()


def partners(db: Connection, found: Sequence[Row[Any]]) -> Sequence[Row[Any]]:
    """Of the frames found, the calls that some answer and the answers to others, where they are not among
    them. They are looked for near by: an answer comes within a minute.
    """
    known = {frame.id for frame in found}
    wanted = {frame.message_id for frame in found if frame.message_id is not None}
    if not wanted:
        return []
    others = select(frames).where(
        _f.id.between(min(known) - _NEAR, max(known) + _NEAR),
        _f.station_id.in_({frame.station_id for frame in found}),
        _f.message_id.in_(wanted),
        _f.action.in_({frame.action for frame in found if frame.action is not None}),
        _f.id.not_in(known),
    )
    # Some charge points give every message the same id.
    return db.execute(others.order_by(_f.id.desc()).limit(_MOST_PARTNERS)).all()


def as_wire(frame: Row[Any]) -> dict[str, Any]:
    """A frame as the API gives it; the payload of a bad one is text."""
    is_json = frame.payload is not None and frame.kind != "bad"
    return {
        "id": frame.id,
        "station_id": frame.station_id,
        "time": wire_time(frame.at),
        "direction": frame.direction,
        "kind": frame.kind,
        "action": frame.action,
        "message_id": frame.message_id,
        "latency_ms": frame.latency_ms,
        "error_code": frame.error_code,
        "error": frame.error,
        "payload": orjson.loads(frame.payload) if is_json else frame.payload,
    }


def prune(db: Connection, now: datetime, keep: timedelta, rows: int) -> int:
    """Delete some of what is older than `keep` or beyond the newest `rows`; how many went."""
    oldest = db.execute(select(_f.id, _f.at).order_by(_f.id).limit(1)).one_or_none()
    if oldest is None:
        return 0
    last_surplus = (db.scalar(select(func.max(_f.id))) or 0) - rows
    if oldest.at >= now - keep and oldest.id > last_surplus:
        return 0
    first = select(_f.id, _f.at).order_by(_f.id).limit(_PRUNE_AT_ONCE).subquery()
    gone = select(first.c.id).where(or_(first.c.at < now - keep, first.c.id <= last_surplus))
    return db.execute(delete(frames).where(_f.id.in_(gone))).rowcount


def _conditions(search: Search) -> list[ColumnElement[bool]]:
    found = [
        column == value
        for column, value in ((_f.station_id, search.station_id), (_f.action, search.action))
        if value is not None
    ]
    if search.error is not False:
        found.append(_f.error_code.is_not(None) if search.error is True else _f.error_code == search.error)
    if search.before is not None:
        found.append(_f.id < search.before)
    return found + _times(search.since, search.until)


def _times(since: datetime | None, until: datetime | None) -> list[ColumnElement[bool]]:
    """Ids grow with time: bounds of the ids spare a look at everything outside."""
    found: list[ColumnElement[bool]] = []
    if since is not None:
        first = select(_f.id).where(_f.at >= since).order_by(_f.at, _f.id).limit(1)
        found += [_f.at >= since, _f.id >= first.scalar_subquery()]
    if until is not None:
        last = select(_f.id).where(_f.at <= until).order_by(_f.at.desc(), _f.id.desc()).limit(1)
        found += [_f.at <= until, _f.id <= last.scalar_subquery()]
    return found
