"""The KPIs of a scope and a period, each beside the period before, and their series by hour to month."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sqlalchemy.orm import Session

from db.analytics import activity, arrivals, congestion, drivers, load, per_session, utilisation, volume
from db.analytics.activity import Activity
from db.analytics.buckets import Bucket, Grain, buckets
from db.analytics.charge_success import Rate, Tally
from db.analytics.congestion import Congestion
from db.analytics.definitions import Kpi, Number, Value
from db.analytics.drivers import Drivers
from db.analytics.load import Peak
from db.analytics.per_session import PerSession, Typical
from db.analytics.scope import Period, Scope
from db.analytics.success import success
from db.analytics.utilisation import Use
from db.analytics.volume import Volume
from ocpp_integration.exports.series import all_days, currencies_of
from ocpp_integration.exports.table import Column, Kind, Table, decimal, integer, kw, kwh, text, time

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_PLACES = 6
# What a number of a KPI's unit is divided by, and the unit that it then has.
_UNITS = {
    "count": (Fraction(1), ""),
    "energy": (Fraction(1000), "kWh"),
    "power": (Fraction(1000), "kW"),
    "time": (Fraction(1), "s"),
    "share": (Fraction(1, 100), "%"),
    "carbon": (Fraction(1), "kg"),
    "money": (Fraction(1), ""),
}


@dataclass(frozen=True)
class Figure:
    """A KPI, or one of those of it: `of` says of what, such as a currency. Numbers are in `unit`."""

    kpi: Kpi
    of: str
    unit: str
    value: Decimal | None
    before: Decimal | None


KPI_COLUMNS = (
    text("key", lambda row: row.kpi.key),
    text("kpi", lambda row: row.kpi.name),
    text("of", lambda row: row.of),
    text("unit", lambda row: row.unit),
    decimal("value", lambda row: row.value, places=_PLACES),
    decimal("before", lambda row: row.before, places=_PLACES),
)


def kpis(
    store: Session, scope: Scope, period: Period | None, now: datetime, table: Mapping[str, Kpi]
) -> Table[Figure]:
    """Every KPI of the table in the period and in as many days before."""
    period = _known(store, scope, period, now)
    rows = (figure for kpi in table.values() for figure in _figures(store, scope, period, now, kpi))
    return Table(KPI_COLUMNS, rows)


def _figures(store: Session, scope: Scope, period: Period, now: datetime, kpi: Kpi) -> Iterator[Figure]:
    value, before = (_by_key(of(store, scope, period, now)) for of in (kpi.value, kpi.before))
    size, unit = _UNITS[kpi.unit]
    # One of which there is nothing is told all the same.
    for key in sorted(value.keys() | before.keys(), key=str) or [()]:
        numbers = (_divided(found.get(key), size) for found in (value, before))
        name = _name(kpi, key)
        yield Figure(kpi, name, name if kpi.unit == "money" else unit, *numbers)


def _by_key(value: Value) -> Mapping[tuple[Any, ...], Number]:
    if isinstance(value, Mapping):
        return value
    return {} if value is None else {(): value}


def _name(kpi: Kpi, key: tuple[Any, ...]) -> str:
    if key and kpi.per == ("weekday", "hour"):
        return f"{WEEKDAYS[key[0]]} {key[1]:02}:00"
    return " ".join(str(part) for part in key if part)


@dataclass(frozen=True)
class Moment:
    """All figures of a bucket. `tally` is None by the hour."""

    bucket: Bucket
    volume: Volume
    per_session: PerSession
    drivers: Drivers
    arrivals: int
    use: Use
    activity: Activity
    congestion: Congestion
    peak: Peak | None
    tally: Tally | None


_SERIES_COLUMNS = (
    Column[Moment]("day", Kind.DATE, lambda row: row.bucket.day),
    integer("hour", lambda row: row.bucket.hour),
    integer("sessions", lambda row: row.volume.sessions),
    integer("attempts", lambda row: row.volume.attempts),
    decimal("energy", lambda row: kwh(row.volume.energy_wh), "kWh", 3),
    integer("unique_drivers", lambda row: row.drivers.unique),
    decimal("mean_energy", lambda row: _mean(row.per_session.energy, 1000), "kWh", _PLACES),
    decimal("median_energy", lambda row: _median(row.per_session.energy, 1000), "kWh", _PLACES),
    decimal("mean_duration", lambda row: _mean(row.per_session.duration), "s", _PLACES),
    decimal("median_duration", lambda row: _median(row.per_session.duration), "s", _PLACES),
    integer("arrivals", lambda row: row.arrivals),
    integer("time_occupied", lambda row: _seconds(row.use.occupied), "s"),
    integer("time_charging", lambda row: _seconds(row.use.charging), "s"),
    integer("time_idle", lambda row: _seconds(row.use.idle), "s"),
    decimal("energy_flowed", lambda row: kwh(row.use.energy_wh), "kWh", 3),
    decimal("occupied_utilisation", lambda row: _percent(row.use.occupied_share), "%", _PLACES),
    decimal("station_utilisation", lambda row: _percent(row.use.charging_share), "%", _PLACES),
    decimal("idle_utilisation", lambda row: _percent(row.use.idle_share), "%", _PLACES),
    decimal("capacity_factor", lambda row: _percent(row.use.capacity_factor), "%", _PLACES),
    decimal("congestion", lambda row: _percent(row.congestion.share), "%", _PLACES),
    integer("in_use_days", lambda row: row.activity.station_days),
    integer("unused_stations", lambda row: len(row.activity.unused)),
    decimal("peak_power", lambda row: kw(row.peak and row.peak.power_w), "kW", 3),
    time("peak_at", lambda row: row.peak and row.peak.at),
    decimal("charge_start_success", lambda row: _rate(row, "charge_start_success"), "%", _PLACES),
    decimal("charge_end_success", lambda row: _rate(row, "charge_end_success"), "%", _PLACES),
    decimal("session_success", lambda row: _rate(row, "session_success"), "%", _PLACES),
    decimal("first_attempt_success", lambda row: _rate(row, "first_attempt_success"), "%", _PLACES),
)


def series(store: Session, scope: Scope, period: Period | None, now: datetime, grain: Grain) -> Table[Moment]:
    """A row for each hour, day, week or month of the period, by the clocks of the stations."""
    of_money = (column for currency in currencies_of(store, scope) for column in _money(currency))
    period = _known(store, scope, period, now)
    return Table((*_SERIES_COLUMNS, *of_money), _moments(store, scope, period, now, grain))


def _moments(store: Session, scope: Scope, period: Period, now: datetime, grain: Grain) -> Iterator[Moment]:
    asked = (store, scope, period, grain)
    volumes, sessions = volume.series(*asked), per_session.series(*asked)
    people, arrived = drivers.series(*asked), arrivals.series(*asked)
    uses, active = utilisation.series(*asked, now), activity.series(*asked, now)
    full, peaks = congestion.series(*asked, now), load.peak_series(*asked)
    tallies = None if grain == "hour" else success(store, scope, period).by(grain)
    for bucket in buckets(period, grain):
        yield Moment(
            bucket=bucket,
            volume=volumes[bucket],
            per_session=sessions[bucket],
            drivers=people[bucket],
            arrivals=arrived[bucket],
            use=uses[bucket],
            activity=active[bucket],
            congestion=full[bucket],
            peak=peaks[bucket],
            tally=None if tallies is None else tallies.get(bucket.day, Tally()),
        )


def _money(currency: str) -> Iterator[Column[Any]]:
    def typical(of: Callable[[Typical | None], Decimal | None]) -> Callable[[Moment], Decimal | None]:
        return lambda row: of(row.per_session.revenue.get(currency))

    yield decimal("revenue", lambda row: row.volume.revenue.get(currency, Decimal(0)), currency)
    yield decimal("tax", lambda row: row.volume.tax.get(currency, Decimal(0)), currency)
    yield decimal("net_revenue", lambda row: row.volume.net.get(currency, Decimal(0)), currency)
    yield decimal("mean_revenue", typical(_mean), currency, _PLACES)
    yield decimal("median_revenue", typical(_median), currency, _PLACES)


def _known(store: Session, scope: Scope, period: Period | None, now: datetime) -> Period:
    """The period, else all days in which there was anything."""
    return period or all_days(store, scope) or Period.last_days(1, now.date())


def _mean(typical: Typical | None, size: int = 1) -> Decimal | None:
    return None if typical is None else _divided(typical.mean, Fraction(size))


def _median(typical: Typical | None, size: int = 1) -> Decimal | None:
    return None if typical is None else _divided(typical.median, Fraction(size))


def _rate(row: Moment, name: str) -> Decimal | None:
    rate: Rate | None = getattr(row.tally, name, None)
    return None if rate is None else _percent(rate.share)


def _percent(share: float | None) -> Decimal | None:
    return _divided(share, Fraction(1, 100))


def _divided(number: Number | None, size: Fraction) -> Decimal | None:
    """Rounded, half to even, in the last place."""
    if number is None:
        return None
    return Decimal(round(Fraction(number) / size * 10**_PLACES)).scaleb(-_PLACES)


def _seconds(length: timedelta) -> int:
    return length // timedelta(seconds=1)
