"""Lists of sessions, and one session's curve: the rows behind the figures."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, case, extract, false, func, or_, select
from sqlalchemy.orm import Session

from db.analytics.ended import station_of
from db.analytics.outcome import ENDED_STATUSES
from db.analytics.scope import Period, Scope
from db.columns import summed_money
from db.models import (
    ChargingConnector,
    ChargingSession,
    ChargingStation,
    OCPPConnector,
    OCPPStation,
    Tariff,
)
from db.models.sessions import counts, has_verdict
from db.searching import sought

_AT_ONCE = 1_000
_STATION: ColumnElement[int] = ChargingSession.ocpp_station_id.expression


@dataclass(frozen=True)
class SessionFilter:
    """Which sessions. A session is in the period in which it ended, one still running in that of its start.

    `search` looks for a transaction id, or a part of an id tag or a station's name; `user_id` is whose
    sessions, `verdict` held, accepted or corrected (see `ChargingSession`).
    """

    period: Period | None = None
    statuses: tuple[str, ...] = ()
    search: str = ""
    user_id: UUID | None = None
    verdict: str | None = None


@dataclass(frozen=True)
class SessionRow:
    """One session with the names that a reader needs. Energy in Wh, power in W, times aware UTC.

    `station_id` is the charge point's OCPP id, `place_id` the platform's id of the station. `price_per_kwh`
    is None where the tariff has more prices than that; then `bill` has the lines.
    """

    pk: int
    transaction_id: int | None
    station_pk: int
    station_name: str
    connector_number: int | None
    connector_type: str | None
    start_time: datetime
    stop_time: datetime | None
    duration_seconds: int
    energy_wh: int | None
    cost: Decimal | None
    tax: Decimal | None
    price_per_kwh: Decimal | None
    currency: str
    timezone: str
    status: str
    stop_reason: str | None
    id_tag: str | None
    flags: list[str] = field(default_factory=list)
    stop_is_estimated: bool = False
    power_w: int | None = None
    max_power_w: int | None = None
    soc_percent: Decimal | None = None
    meter_start: int | None = None
    meter_stop: int | None = None
    payment_method: str | None = None
    station_id: str = ""
    place_id: UUID | None = None
    bill: dict[str, Any] | None = None
    tariff_name: str | None = None
    reported_cost: Decimal | None = None
    verdict: str | None = None

    @property
    def is_held(self) -> bool:
        return self.verdict == "held"


@dataclass(frozen=True)
class SessionAtPlace:
    """One session as it is stored, with everything that a bill of it names."""

    session: ChargingSession
    station: OCPPStation
    place: ChargingStation
    connector: OCPPConnector | None
    described: ChargingConnector | None
    tariff: Tariff | None


@dataclass(frozen=True)
class SessionCount:
    """`rows` in all. `held` are those of them that count nowhere else here, for they cannot be as they were
    reported; the others count what has ended, as `kpis.Summary` does.
    """

    rows: int
    sessions: int
    without_energy: int
    running: int
    energy_wh: int
    revenue: dict[str, Decimal]
    held: int = 0


SORTS: dict[str, ColumnElement[Any]] = {
    "start": ChargingSession.start_time.expression,
    "energy": func.coalesce(ChargingSession.energy_wh, -1),
    "cost": func.coalesce(ChargingSession.cost, -1),
    "duration": func.coalesce(
        extract("epoch", ChargingSession.stop_time) - extract("epoch", ChargingSession.start_time), -1
    ),
}


def list_sessions(
    store: Session,
    scope: Scope,
    wanted: SessionFilter,
    *,
    sort: str = "start",
    descending: bool = True,
    limit: int = 50,
    offset: int = 0,
    now: datetime | None = None,
) -> list[SessionRow]:
    """Rows in the order of `sort` (a key of `SORTS`); those still running last until `now`."""
    order = SORTS[sort]
    tie = ChargingSession.id
    query = (
        _rows(_station_of(scope, wanted))
        .where(*_conditions(store, scope, wanted))
        .order_by(*((order.desc(), tie.desc()) if descending else (order.asc(), tie.asc())))
        .limit(limit)
        .offset(offset)
    )
    return [_session_row(row, now or datetime.now(UTC)) for row in store.execute(query)]


def each_session(
    store: Session, scope: Scope, wanted: SessionFilter, now: datetime | None = None
) -> Iterator[SessionRow]:
    """All rows by their start, few of them in memory at a time."""
    for row in _each(store, _rows(), scope, wanted):
        yield _session_row(row, now or datetime.now(UTC))


def each_session_at_place(store: Session, scope: Scope, wanted: SessionFilter) -> Iterator[SessionAtPlace]:
    """All of them by their start, few of them in memory at a time."""
    everything = select(
        ChargingSession, OCPPStation, ChargingStation, OCPPConnector, ChargingConnector, Tariff
    )
    for row in _each(store, _joined(everything), scope, wanted):
        yield SessionAtPlace(*row)


def _each(
    store: Session, query: Select[*tuple[Any, ...]], scope: Scope, wanted: SessionFilter
) -> Iterator[Sequence[Any]]:
    """The rows of `query` by their start: first which they are, at eight bytes each, then a piece at a time.

    One query over all would keep them all sorted, for as long as its last row is not read.
    """
    order = (ChargingSession.start_time, ChargingSession.id)
    which = _joined(select(ChargingSession.id), _station_of(scope, wanted))
    which = which.where(*_conditions(store, scope, wanted)).order_by(*order)
    pks = array("q", store.scalars(which.execution_options(yield_per=_AT_ONCE)))
    for start in range(0, len(pks), _AT_ONCE):
        piece = ChargingSession.id.in_(pks[start : start + _AT_ONCE].tolist())
        yield from store.execute(query.where(piece).order_by(*order))


def count_sessions(store: Session, scope: Scope, wanted: SessionFilter) -> SessionCount:
    """How many rows there are, and the sums over those that have ended."""
    ended = and_(ChargingSession.status.in_(ENDED_STATUSES), counts())
    rows = store.execute(
        _joined(
            select(
                ChargingStation.currency,
                func.count(),
                func.count().filter(ended, ChargingSession.energy_wh > 0),
                func.count().filter(ended),
                func.sum(ChargingSession.energy_wh).filter(ended),
                func.sum(ChargingSession.cost).filter(ended),
                func.count().filter(~counts()),
            ),
            _station_of(scope, wanted),
        )
        .where(*_conditions(store, scope, wanted))
        .group_by(ChargingStation.currency)
    ).all()
    in_all, sessions, over, held = (sum(row[column] for row in rows) for column in (1, 2, 3, 6))
    return SessionCount(
        rows=in_all,
        sessions=sessions,
        without_energy=over - sessions,
        running=in_all - over - held,
        energy_wh=sum(int(row[4] or 0) for row in rows),
        revenue={row[0]: summed_money(row[5]) for row in rows},
        held=held,
    )


def find_session(store: Session, scope: Scope, pk: int, now: datetime | None = None) -> SessionRow | None:
    """One session, None where there is none in this scope."""
    row = store.execute(
        _rows().where(ChargingSession.id == pk, ChargingSession.ocpp_station_id.in_(scope.stations()))
    ).one_or_none()
    return _session_row(row, now or datetime.now(UTC)) if row else None


def _rows(station: ColumnElement[int] = _STATION) -> Select[*tuple[Any, ...]]:
    return _joined(
        select(
            ChargingSession,
            OCPPStation.id,
            OCPPStation.station_id,
            ChargingStation.id,
            ChargingStation.name,
            ChargingStation.currency,
            ChargingStation.timezone,
            OCPPConnector.connector_id,
            ChargingConnector.connector_type,
            case((Tariff.document.is_(None), Tariff.price_per_kwh)),
            Tariff.name,
        ),
        station,
    )


def _joined(
    query: Select[*tuple[Any, ...]], station: ColumnElement[int] = _STATION
) -> Select[*tuple[Any, ...]]:
    return (
        query.select_from(ChargingSession)
        .join(OCPPStation, station == OCPPStation.id)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .outerjoin(OCPPConnector, ChargingSession.ocpp_connector_id == OCPPConnector.id)
        .outerjoin(ChargingConnector, OCPPConnector.charging_connector_id == ChargingConnector.id)
        .outerjoin(Tariff, ChargingSession.tariff_id == Tariff.id)
    )


def _conditions(store: Session, scope: Scope, wanted: SessionFilter) -> list[ColumnElement[bool]]:
    station = _station_of(scope, wanted)
    conditions: list[ColumnElement[bool]] = [station.in_(scope.stations())]
    if wanted.period:
        conditions += _within(store, wanted.period)
    if wanted.statuses:
        conditions.append(ChargingSession.status.in_(wanted.statuses))
    if wanted.user_id is not None:
        conditions.append(ChargingSession.user_id == wanted.user_id)
    if wanted.verdict is not None:
        conditions.append(has_verdict(wanted.verdict))
    if text := sought(wanted.search):
        conditions.append(_matches(text))
    return conditions


def _station_of(scope: Scope, wanted: SessionFilter) -> ColumnElement[int]:
    return station_of(scope) if wanted.period else _STATION


def _within(store: Session, period: Period) -> list[ColumnElement[bool]]:
    """In the period by the clock of each session's own station."""
    zones = store.scalars(select(ChargingStation.timezone).distinct())
    bounds = {zone: period.bounds(zone) for zone in zones}
    if not bounds:
        return [false()]
    # What holds in all zones lets an index help.
    earliest, latest = min(start for start, _ in bounds.values()), max(end for _, end in bounds.values())
    of_zones = (and_(ChargingStation.timezone == zone, _between(*ends)) for zone, ends in bounds.items())
    return [_between(earliest, latest), or_(*of_zones)]


def _between(start: datetime, end: datetime) -> ColumnElement[bool]:
    stop_time, start_time = ChargingSession.stop_time, ChargingSession.start_time
    ended = and_(stop_time >= start, stop_time < end)
    return or_(ended, and_(stop_time.is_(None), start_time >= start, start_time < end))


def _matches(text: str) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = [
        ChargingSession.id_tag.icontains(text, autoescape=True),
        ChargingStation.name.icontains(text, autoescape=True),
    ]
    if text.isdecimal() and int(text) < 2**63:
        conditions.append(ChargingSession.transaction_id == int(text))
    return or_(*conditions)


def _session_row(row: Sequence[Any], now: datetime) -> SessionRow:
    session, station_pk, station_id, place_id, station_name, currency, timezone, number, kind, *priced = row
    return SessionRow(
        pk=session.id,
        transaction_id=session.transaction_id,
        station_pk=station_pk,
        station_name=station_name,
        connector_number=number,
        connector_type=kind,
        start_time=session.start_time,
        stop_time=session.stop_time,
        duration_seconds=max(0, int(((session.stop_time or now) - session.start_time).total_seconds())),
        energy_wh=session.energy_wh,
        cost=session.cost,
        tax=session.tax,
        price_per_kwh=priced[0],
        currency=currency,
        timezone=timezone,
        status=session.status,
        stop_reason=session.stop_reason,
        id_tag=session.id_tag,
        flags=session.flags,
        stop_is_estimated=session.stop_is_estimated,
        power_w=session.power_w,
        max_power_w=session.max_power_w,
        soc_percent=session.soc_percent,
        meter_start=session.meter_start,
        meter_stop=session.meter_stop,
        payment_method=session.payment_method,
        station_id=station_id,
        place_id=place_id,
        verdict=session.verdict,
        bill=session.bill,
        tariff_name=priced[1],
        reported_cost=session.reported_cost,
    )
