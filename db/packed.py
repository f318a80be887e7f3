"""Columns of sessions as arrays: of days that are over packed beside the sessions, of others read from them.

A packed day is a copy that never outlives a change: triggers of the store delete it (`PackedColumn`). So an
answer is the same whether or not days are packed, and only its time differs: packed, a million sessions are
read in a tenth of a second.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from hashlib import blake2b
from typing import Any

import numpy as np
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    String,
    and_,
    case,
    cast,
    func,
    literal,
    select,
    text,
    type_coerce,
)
from sqlalchemy.orm import Session

from db.analytics.outcome import ENDED_STATUSES, VALID_STOP_REASONS
from db.arrays import Integers, integers, mixed
from db.clocks import DAY
from db.instants import Seconds
from db.membership import Unindexed
from db.models import ChargingSession, PackedColumn
from db.models.sessions import counts

# Of what is not known: nothing that is counted, priced or measured is so small.
UNKNOWN = -(2**62)
_KINDS = {dtype.char.encode(): dtype for dtype in map(np.dtype, ("<i1", "<i2", "<i4", "<i8"))}

Columns = dict[str, Integers]


def columns(
    store: Session,
    names: Sequence[str],
    start: int,
    end: int,
    stations: Select[int] | None = None,
    *,
    is_packed: bool = True,
) -> Columns:
    """Columns of the sessions that stopped from the instant `start` until before `end` and are not held back,
    in no order. `stations` None: those of all.

    `names` are of `_known`. `is_packed` False reads the sessions themselves: less work for few stations.
    """
    wanted = tuple(dict.fromkeys((*names, "stop", "station")))
    if end <= start:
        return dict.fromkeys(wanted, np.empty(0, np.int64))
    kept = _unpacked(store, wanted, start, end) if is_packed else {}
    chunks = [_within(chunk, start, end) for chunk in kept.values()]
    if stations is not None and chunks:
        pks = np.array(store.scalars(stations).all(), np.int64)
        chunks = [_where(chunk, np.isin(chunk["station"], pks)) for chunk in chunks]
    station = Unindexed(ChargingSession.ocpp_station_id) if is_packed else ChargingSession.ocpp_station_id
    theirs = [] if stations is None else [station.in_(stations)]
    chunks += [of_sessions(store, wanted, *_stopped(*gap), *theirs) for gap in _gaps(kept, start, end)]
    return {name: np.concatenate([chunk[name] for chunk in chunks], dtype=np.int64) for name in wanted}


def of_sessions(store: Session, names: Sequence[str], *conditions: ColumnElement[bool]) -> Columns:
    """The same of the sessions that meet the conditions."""
    known = _known()
    query = select(*(known[name].label(name) for name in names)).where(counts(), *conditions)
    if "driver" not in names:
        return integers(store, query)
    found = mixed(store, query)
    people = found["driver"]
    numbers = {word: number_of(word) for word in set(people)}
    of_people = np.fromiter((numbers[word] for word in people), np.int64, len(people))
    return {name: of_people if name == "driver" else np.array(found[name], np.int64) for name in names}


def pack(store: Session, day: date) -> int:
    """Pack a day of UTC that is over; answers how many sessions it has. Whoever writes sessions waits."""
    if store.get_bind().dialect.name == "postgresql":
        store.execute(text("LOCK TABLE charging_sessions IN SHARE MODE"))
    start = int(datetime.combine(day, time(), UTC).timestamp())
    found = of_sessions(store, tuple(_known()), *_stopped(start, start + DAY))
    store.add_all(PackedColumn(day=day, name=name, content=packed(values)) for name, values in found.items())
    store.flush()
    return len(found["stop"])


def due(store: Session, before: date) -> list[date]:
    """The days before `before` in which sessions stopped and that are not packed, the newest first."""
    known = set(store.scalars(select(PackedColumn.day).distinct()))
    found: list[date] = []
    # A look along the index for each day that is not packed, and none at the sessions of the others.
    day = _first_stop(store, date.min)
    while day is not None and day < before:
        if day not in known:
            found.append(day)
        day += timedelta(days=1)
        if day not in known:
            day = _first_stop(store, day)
    return found[::-1]


def _first_stop(store: Session, since: date) -> date | None:
    """The first day of UTC, from `since` on, in which a session stopped."""
    stop = ChargingSession.stop_time
    at = store.scalar(select(func.min(stop)).where(stop >= datetime.combine(since, time(), UTC)))
    return None if at is None else at.astimezone(UTC).date()


def _known() -> dict[str, ColumnElement[Any]]:
    """What is known of a session: whole numbers, times in seconds since 1970, what begins with a verb 0 or 1.

    `charging_seconds`, `cost` and `tax` (in minor units) may be `UNKNOWN`; an unknown connector is 0. A
    session that runs has its start for a stop. `driver` is a number that stands for the user, or else for the
    id tag in any case of letters; 0 where neither is known. It has 63 bits: that two of 100,000 people have
    the same is one chance in a billion.
    """
    of = ChargingSession
    tag = func.nullif(of.id_tag, "")
    valid = func.coalesce(func.nullif(of.stop_reason, ""), "Local").in_(sorted(VALID_STOP_REASONS))
    ended = and_(of.stop_time.is_not(None), of.status.in_(sorted(ENDED_STATUSES)))
    numbers: dict[str, Any] = {
        "id": of.id,
        "station": of.ocpp_station_id,
        "connector": func.coalesce(of.ocpp_connector_id, 0),
        "start": Seconds(of.start_time),
        "stop": func.coalesce(Seconds(of.stop_time), Seconds(of.start_time)),
        "charging_seconds": func.coalesce(of.charging_seconds, UNKNOWN),
        "energy_wh": func.coalesce(of.energy_wh, 0),
        "cost": func.coalesce(type_coerce(of.cost, BigInteger), UNKNOWN),
        "tax": func.coalesce(type_coerce(of.tax, BigInteger), UNKNOWN),
        "has_ended": case((ended, 1), else_=0),
        "has_valid_reason": case((valid, 1), else_=0),
    }
    driver = case(
        (of.user_id.is_not(None), literal("user ") + cast(of.user_id, String)),
        (tag.is_not(None), literal("tag ") + func.upper(tag)),
        else_="",
    )
    return {name: cast(number, BigInteger) for name, number in numbers.items()} | {"driver": driver}


def number_of(word: str) -> int:
    return int.from_bytes(blake2b(word.encode(), digest_size=8).digest()) >> 1 if word else 0


def _unpacked(store: Session, names: Sequence[str], start: int, end: int) -> dict[int, Columns]:
    """By the number of the day, counted from 1970; without those of which some of `names` is not packed."""
    days: dict[int, Columns] = defaultdict(dict)
    first, last = (datetime.fromtimestamp(at, UTC).date() for at in (start, end - 1))
    query = select(PackedColumn.day, PackedColumn.name, PackedColumn.content).where(
        PackedColumn.day.between(first, last), PackedColumn.name.in_(names)
    )
    for day, name, content in store.execute(query):
        days[(day - _EPOCH).days][name] = unpacked(content)
    return {day: found for day, found in days.items() if len(found) == len(names)}


_EPOCH = date(1970, 1, 1)


def packed(values: Integers) -> bytes:
    """In as few bytes as the largest needs, behind one that says how many."""
    for kind, dtype in _KINDS.items():
        limits = np.iinfo(dtype)
        if not len(values) or (limits.min <= values.min() and values.max() <= limits.max):
            return kind + values.astype(dtype).tobytes()
    raise ValueError("no number of 64 bits")


def unpacked(content: bytes) -> Integers:
    return np.frombuffer(content, _KINDS[content[:1]], offset=1)


def _within(chunk: Columns, start: int, end: int) -> Columns:
    stop = chunk["stop"]
    is_within = (stop >= start) & (stop < end)
    return chunk if is_within.all() else _where(chunk, is_within)


def _where(chunk: Columns, chosen: Any) -> Columns:
    return {name: values[chosen] for name, values in chunk.items()}


def _gaps(packed: dict[int, Columns], start: int, end: int) -> Iterator[tuple[int, int]]:
    """The spans of [start, end) that are in none of those days."""
    for day in sorted(packed):
        if start < day * DAY:
            yield start, day * DAY
        start = (day + 1) * DAY
    if start < end:
        yield start, end


def _stopped(start: int, end: int) -> list[ColumnElement[bool]]:
    stop = ChargingSession.stop_time
    return [stop >= datetime.fromtimestamp(start, UTC), stop < datetime.fromtimestamp(end, UTC)]
