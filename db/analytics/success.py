"""The ChargeX indicators of a scope and a period, by day and by station, and the visits behind them.

An attempt is in the local day in which it ended, a visit in that of its last attempt's end: a period's
figures are the sums of its days'. What is read are the sessions themselves, since who came back after a
failure cannot be told from sums; the cost grows with the period.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any, Literal, NamedTuple

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Row,
    Select,
    and_,
    case,
    cast,
    func,
    literal,
    null,
    select,
)
from sqlalchemy.orm import Session

from db.analytics.attempts import attempts, visits
from db.analytics.charge_success import Outcome, Tally, pooled
from db.analytics.scope import Period, Scope
from db.clocks import DAY, clock, date_of
from db.models import ChargingSession, ChargingStation, Command, OCPPConnector, OCPPStation

# No clock on Earth is further than a day from UTC, and a visit that ends in a period began not much more
# than another day before it.
_AROUND = timedelta(days=2)
_EPOCH = date(1970, 1, 1)
_NONE = literal(0, BigInteger)
_METRICS = ("attempts", "powered", "valid", "first_attempt", "troubled", "failed")

_Columns = Any  # of a subquery
Grain = Literal["day", "week", "month"]


@dataclass(frozen=True)
class Success:
    """`by_day` has the days in which something ended, `by_station` is by `ocpp_stations.id`."""

    total: Tally
    by_day: Mapping[date, Tally] = field(default_factory=dict)
    by_station: Mapping[int, Tally] = field(default_factory=dict)

    def by(self, grain: Grain) -> dict[date, Tally]:
        """Pooled by the first day of each week (a Monday) or month, in order."""
        grouped: dict[date, list[Tally]] = defaultdict(list)
        for day in sorted(self.by_day):
            grouped[first_day(day, grain)].append(self.by_day[day])
        return {day: pooled(tallies) for day, tallies in grouped.items()}


def first_day(day: date, grain: Grain) -> date:
    if grain == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if grain == "month" else day


def success(store: Session, scope: Scope, period: Period) -> Success:
    """The indicators of what ended in the period by the stations' own clocks."""
    found = _attempts(store, scope, period)
    made = visits(found)
    days = _days(store, period)
    sums = _by_station_and_day(found, days, _of_attempts).union_all(
        _by_station_and_day(made, days, _of_visits)
    )
    rows = store.execute(_by_either(sums.cte("sums"))).all()
    by_station = {row.station: _tally(row) for row in rows if row.station is not None}
    by_day = {date_of(row.day): _tally(row) for row in rows if row.station is None}
    return Success(pooled(by_station.values()), by_day, by_station)


def _attempts(store: Session, scope: Scope, period: Period) -> CTE:
    start, end = period.bounds("UTC")
    return attempts(scope, start - _AROUND, end + _AROUND, store.get_bind().dialect.name)


def _of_attempts(ended: _Columns) -> list[ColumnElement[Any]]:
    """The metrics of attempts, and those of visits, in the order of `_METRICS`."""
    return [func.count(), func.sum(ended.has_power), func.sum(ended.is_valid), _NONE, _NONE, _NONE]


def _of_visits(over: _Columns) -> list[ColumnElement[Any]]:
    troubled, failed = over.is_any_valid - over.is_first_valid, 1 - over.is_any_valid
    return [_NONE, _NONE, _NONE, *map(func.sum, (over.is_first_valid, troubled, failed))]


def _by_station_and_day(
    found: CTE, days: Sequence[_Days], metrics: Callable[[_Columns], list[ColumnElement[Any]]]
) -> Select[*tuple[Any, ...]]:
    dated = select(*found.c, _day(found, days).label("day")).where(found.c.is_over == 1).subquery().c
    named = (metric.label(name) for metric, name in zip(metrics(dated), _METRICS, strict=True))
    return (
        select(dated.station, dated.day, *named)
        .where(dated.day.is_not(None))
        .group_by(dated.station, dated.day)
    )


def _by_either(sums: CTE) -> Any:
    """The sums of each station, and those of each day: so few rows that they may all be fetched."""
    metrics = [func.sum(sums.c[name]).label(name) for name in _METRICS]
    nothing = cast(null(), BigInteger)
    of_stations = select(sums.c.station, nothing.label("day"), *metrics).group_by(sums.c.station)
    return of_stations.union_all(select(nothing, sums.c.day, *metrics).group_by(sums.c.day))


def _tally(row: Row[*tuple[Any, ...]]) -> Tally:
    return Tally(**{name: int(getattr(row, name)) for name in _METRICS})


class _Days(NamedTuple):
    """Days of 24 hours one after another in a time zone; `day` is the first one's number, counted from 1970.

    `start` and `end` are instants. A day on which the clocks jump stands alone.
    """

    timezone: str
    start: int
    end: int
    day: int


def _days(store: Session, period: Period) -> list[_Days]:
    zones = store.scalars(select(ChargingStation.timezone).distinct())
    return [days for timezone in zones for days in _days_of(timezone, period)]


def _days_of(timezone: str, period: Period) -> Iterator[_Days]:
    local, first = clock(timezone), (period.start - _EPOCH).days
    for _, together in groupby(
        range(first, first + period.days),
        # Equal for all days between two jumps, and for the day of a jump its own.
        key=lambda day: (local.midnight(day) - day * DAY, local.midnight(day + 1) - local.midnight(day)),
    ):
        days = list(together)
        yield _Days(timezone, local.midnight(days[0]), local.midnight(days[-1] + 1), days[0])


def _day(found: CTE, days: Sequence[_Days]) -> ColumnElement[int | None]:
    """The local day in which a row's `stop` lies, counted from 1970; null outside of the period."""
    stop, timezone = found.c.stop, found.c.timezone
    choices = [
        (
            and_(timezone == each.timezone, stop >= each.start, stop < each.end),
            # No day of more than 24 hours is told from the one after it by division.
            each.day + ((stop - each.start) // DAY if each.end - each.start > 2 * DAY else 0),
        )
        for each in days
    ]
    return case(*choices, else_=null()) if choices else cast(null(), BigInteger)


@dataclass(frozen=True)
class AttemptRow:
    """One attempt of a visit with what its reader wants to know. Energy in Wh, `at` aware UTC.

    `error` is why a start from afar was refused, `stop_reason` why a session ended.
    """

    at: datetime
    connector_number: int | None
    is_valid: bool
    energy_wh: int | None = None
    stop_reason: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class VisitRow:
    """One visit with the names that a reader needs, its attempts in order. `driver` is an id tag."""

    station_name: str
    station_id: str
    timezone: str
    driver: str | None
    outcome: Outcome
    start: datetime
    stop: datetime
    attempts: tuple[AttemptRow, ...]


def troubled_visits(store: Session, scope: Scope, period: Period, *, limit: int = 200) -> list[VisitRow]:
    """The newest visits whose first attempt did not succeed, whether or not a later one did."""
    found = _attempts(store, scope, period)
    made = visits(found)
    listed = (
        select(made.c.station, made.c.who, made.c.visit, made.c.stop)
        .where(made.c.is_over == 1, made.c.is_first_valid == 0, _day(made, _days(store, period)).is_not(None))
        .order_by(made.c.stop.desc(), made.c.station, made.c.who)
        .limit(limit)
        .cte("listed")
    )
    rows = store.execute(_told(found, listed))
    return [_visit_row(list(told)) for _, told in groupby(rows, key=lambda row: row[:3])]


def _told(found: CTE, listed: CTE) -> Select[*tuple[Any, ...]]:
    of, visit = found.c, listed.c
    return (
        select(
            of.station,
            of.who,
            of.visit,
            of.start,
            of.stop,
            of.is_valid,
            OCPPConnector.connector_id,
            ChargingSession.id_tag,
            ChargingSession.energy_wh,
            ChargingSession.stop_reason,
            Command.error,
            ChargingStation.name,
            OCPPStation.station_id,
            ChargingStation.timezone,
        )
        .join(listed, and_(of.station == visit.station, of.who == visit.who, of.visit == visit.visit))
        .join(OCPPStation, of.station == OCPPStation.id)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .outerjoin(OCPPConnector, of.port == OCPPConnector.id)
        .outerjoin(ChargingSession, of.session_pk == ChargingSession.id)
        .outerjoin(Command, of.command_pk == Command.id)
        .order_by(visit.stop.desc(), of.station, of.who, of.visit, of.start, of.stop)
    )


def _visit_row(told: list[Row[*tuple[Any, ...]]]) -> VisitRow:
    first = told[0]
    outcome = Outcome.TROUBLED if any(row.is_valid for row in told) else Outcome.FAILED
    return VisitRow(
        station_name=first.name,
        station_id=first.station_id,
        timezone=first.timezone,
        driver=next((row.id_tag for row in told if row.id_tag), None),
        outcome=outcome,
        start=_at(first.start),
        stop=_at(max(row.stop for row in told)),
        attempts=tuple(
            AttemptRow(
                at=_at(row.start),
                connector_number=row.connector_id,
                is_valid=bool(row.is_valid),
                energy_wh=row.energy_wh,
                stop_reason=row.stop_reason,
                error=row.error,
            )
            for row in told
        ),
    )


def _at(instant: int) -> datetime:
    return datetime.fromtimestamp(instant, UTC)
