"""The sessions behind the figures, read in one place: those that count, and what of them figures need.

What rollups do not know (medians, drivers, what happened at once) is read from here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    String,
    Subquery,
    and_,
    case,
    cast,
    extract,
    false,
    func,
    literal,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.orm import Session

from db.analytics.buckets import Bucket, Grain, Key, bucket_at, instants
from db.analytics.outcome import ENDED_STATUSES
from db.analytics.scope import Period, Scope, timezones
from db.clocks import DAY, HOUR, clock
from db.models import ChargingSession, ChargingStation, OCPPStation
from db.models.sessions import counts
from db.sums import LONGEST

_LONGEST = int(LONGEST.total_seconds())
_MONDAY = 4 * DAY  # the first one after 1970 began


def counted() -> ColumnElement[bool]:
    """Which sessions count: those that have ended and are not held back."""
    ended = ChargingSession.status.in_(sorted(ENDED_STATUSES))
    return and_(ChargingSession.stop_time.is_not(None), ended, counts())


def ended(store: Session, scope: Scope, period: Period, grain: Grain | None) -> Subquery:
    """The counted sessions that ended in the period, as a query with the columns

    `bucket` (a number for `key_of`), `currency`, `energy_wh`, `cost_minor`, `tax_minor` (None: not known),
    `seconds` (from start to stop) and `driver` (the user, or else the id tag; None: not known).
    """
    session, place = ChargingSession, ChargingStation
    spans = {name: instants(period, name) for name in store.scalars(timezones(scope))}
    stopped, started = (_epoch(store, at) for at in (session.stop_time, session.start_time))
    tag = func.nullif(func.upper(session.id_tag), "")
    return (
        select(
            _bucket(store, stopped + _offset(stopped, spans), grain).label("bucket"),
            place.currency,
            func.coalesce(session.energy_wh, 0).label("energy_wh"),
            type_coerce(session.cost, BigInteger).label("cost_minor"),
            type_coerce(session.tax, BigInteger).label("tax_minor"),
            (stopped - started).label("seconds"),
            func.coalesce(cast(session.user_id, String), tag).label("driver"),
        )
        .join(OCPPStation, session.ocpp_station_id == OCPPStation.id)
        .join(place, OCPPStation.charging_station_id == place.id)
        .where(counted(), *_of(scope), _ends_in(spans))
        .subquery()
    )


def ended_in(store: Session, scope: Scope, period: Period) -> list[ColumnElement[bool]]:
    """Of sessions with their places, those of the scope that ended in the period, if they count or not."""
    return [*_of(scope), _ends_in({name: instants(period, name) for name in store.scalars(timezones(scope))})]


def key_of(number: int, grain: Grain | None) -> Key:
    """The bucket that has this number in `ended`."""
    if grain is None:
        return None
    if grain == "month":
        return Bucket(date(int(number) // 12, int(number) % 12 + 1, 1))
    return bucket_at(int(number) * _SECONDS[grain] + (_MONDAY if grain == "week" else 0), grain)


_SECONDS = {"hour": HOUR, "day": DAY, "week": 7 * DAY}


def _bucket(store: Session, reading: ColumnElement[int], grain: Grain | None) -> ColumnElement[int]:
    if grain is None:
        return literal(0, Integer)
    if grain == "month":
        day = _date(store, reading)
        return 12 * extract("year", day) + extract("month", day) - 1
    if grain == "week":
        reading = reading - _MONDAY
    return reading // _SECONDS[grain]


def _date(store: Session, reading: ColumnElement[int]) -> ColumnElement[Any]:
    if store.get_bind().dialect.name == "postgresql":
        return func.timezone("UTC", func.to_timestamp(reading))
    return func.date(reading, "unixepoch")


def _offset(instant: ColumnElement[int], spans: dict[str, tuple[int, int]]) -> ColumnElement[int]:
    """What the clock of a session's station adds to an instant of the period."""
    zones = []
    for name, span in spans.items():
        *earlier, (_, last) = clock(name).offsets(*span)
        jumps = [(instant < until, offset) for until, offset in earlier]
        zones.append((ChargingStation.timezone == name, case(*jumps, else_=last) if jumps else literal(last)))
    return case(*zones, else_=0) if zones else literal(0, Integer)


def _ends_in(spans: dict[str, tuple[int, int]]) -> ColumnElement[bool]:
    stop = ChargingSession.stop_time
    return or_(
        false(),
        *(
            and_(ChargingStation.timezone == name, stop >= _utc(start), stop < _utc(end))
            for name, (start, end) in spans.items()
        ),
    )


class Charge(NamedTuple):
    """When a counted session passed, in seconds since 1970: plugged in from `begun` until `ended`, charging
    until `charged`. As in the sums of `db.sums`, energy flows evenly from the start on, and only the last 31
    days of a session count as time. `connector_pk` is None where it is not known.
    """

    station_pk: int
    connector_pk: int | None
    timezone: str
    begun: int
    ended: int
    charged: int
    energy_wh: int


def charges(store: Session, scope: Scope, period: Period) -> Iterator[Charge]:
    """The counted sessions that were plugged in for some of the period, not clipped to it."""
    spans = [instants(period, name) for name in store.scalars(timezones(scope))]
    first, last = min((span[0] for span in spans), default=0), max((span[1] for span in spans), default=0)
    session = ChargingSession
    query = (
        select(
            session.ocpp_station_id,
            session.ocpp_connector_id,
            ChargingStation.timezone,
            _epoch(store, session.start_time),
            _epoch(store, session.stop_time),
            session.charging_seconds,
            func.coalesce(session.energy_wh, 0),
        )
        .join(OCPPStation, session.ocpp_station_id == OCPPStation.id)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .where(
            counted(),
            *_of(scope),
            session.stop_time > _utc(first),
            session.stop_time < _utc(last) + LONGEST,
            session.start_time < _utc(last),
        )
        .execution_options(yield_per=10_000)
    )
    for station_pk, connector_pk, timezone, start, stop, charging, energy_wh in store.execute(query):
        begun = max(start, stop - _LONGEST)
        charged = stop if charging is None else begun + max(0, min(stop - begun, charging))
        yield Charge(station_pk, connector_pk, timezone, begun, stop, charged, energy_wh)


def _of(scope: Scope) -> list[ColumnElement[bool]]:
    if scope.kind == "network":
        return []
    return [ChargingSession.ocpp_station_id.in_(scope.stations())]


def _epoch(store: Session, time: Any) -> ColumnElement[int]:
    """Whole seconds since 1970."""
    if store.get_bind().dialect.name == "postgresql":
        time = func.date_trunc("second", time)
    return cast(extract("epoch", time), BigInteger)


def _utc(instant: int) -> datetime:
    return datetime.fromtimestamp(instant, UTC)
