"""Figures of any scope and period, whole and by bucket, against a plain computation over the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import factories
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from naive_figures import QUARTER, Naive, Row, Station
from sqlalchemy import Engine, delete
from sqlalchemy.orm import Session

from db.analytics import activity, arrivals, congestion, drivers, load, per_session, utilisation, volume
from db.analytics.buckets import Grain, buckets
from db.analytics.compared import compared
from db.analytics.emissions import co2e_saved_kg
from db.analytics.scope import Period, Scope
from db.engine import reading, writing
from db.models import ChargingSession, HourProfile, OCPPStation, Rollup

LATER = datetime(2026, 1, 1, tzinfo=UTC)
SPRING, AUTUMN = date(2025, 3, 30), date(2025, 10, 26)  # clocks in Berlin jump


@dataclass
class Network:
    """Three stations of two owners in three zones and two currencies."""

    stations: list[Station]
    owner_id: int

    def of(self, kind: str) -> tuple[Scope, list[Station]]:
        first, second, third = self.stations
        own = Scope.owner(self.owner_id)
        return {
            "network": (Scope.network(), self.stations),
            "owner": (own, [first, second]),
            "station": (Scope.station(first.pk), [first]),
            "set": (Scope.network().only([second.pk, third.pk]), [second, third]),
            "set of an owner": (own.only([first.pk, third.pk]), [first]),
            "empty set": (Scope.network().only([]), []),
        }[kind]


_KINDS = ["network", "owner", "station", "set", "set of an owner", "empty set"]


def _add_network(store: Session) -> Network:
    owner, other = factories.add_owner(store, "A"), factories.add_owner(store, "B")
    described = [
        (owner, "Europe/Berlin", "EUR", 2, 22_000, date(2024, 1, 1)),
        (owner, "Asia/Kolkata", "USD", 1, 50_000, SPRING),
        (other, "Africa/Addis_Ababa", "EUR", 1, 11_000, date(2025, 10, 28)),
    ]
    made = []
    for of, zone, currency, ports, power_w, created in described:
        station = factories.add_station(
            store, of, zone, connectors=ports, power_w=power_w, timezone=zone, currency=currency
        )
        station.charging_station.created_at = datetime(
            created.year, created.month, created.day, 12, tzinfo=UTC
        )
        pks = tuple(connector.id for connector in station.connectors)
        made.append(Station(station.id, zone, currency, pks, power_w, created))
    return Network(made, owner.id)


def _add(store: Session, rows: list[Row]) -> None:
    for row in rows:
        station = store.get_one(OCPPStation, row.station.pk)
        factories.add_session(
            store,
            station,
            row.start,
            connector=1 + row.station.ports.index(row.port),
            minutes=int((row.stop - row.start).total_seconds() // 60),
            energy_wh=row.energy_wh,
            cost=row.cost,
            tax=row.tax,
            charging_seconds=row.charging_seconds,
            id_tag=row.driver,
        )
    for month in {at.date().replace(day=1) for row in rows for at in (row.start, row.stop)}:
        factories.roll_up(store, month - timedelta(days=1), month + timedelta(days=32))


@st.composite
def _cases(draw: st.DrawFn) -> dict[str, Any]:
    first = draw(st.sampled_from([SPRING, AUTUMN])) - timedelta(days=2)
    start = datetime(first.year, first.month, first.day, tzinfo=UTC)
    days = draw(st.tuples(st.integers(-1, 7), st.integers(1, 4)))
    sessions = st.tuples(
        st.sampled_from([(0, 0), (0, 1), (1, 0), (2, 0)]),
        st.integers(0, 8 * 96).map(lambda n: start + n * QUARTER),
        st.one_of(st.just(0), st.integers(1, 130)),
        st.one_of(st.just(0), st.integers(1, 40_000)),
        st.one_of(st.none(), st.integers(0, 9999).map(lambda minor: Decimal(minor) / 100)),
        st.one_of(st.none(), st.integers(0, 150).map(lambda n: 900 * n)),
        st.sampled_from([None, "ab12", "AB12", "C"]),
    )
    return {
        "sessions": draw(st.lists(sessions, max_size=9)),
        "period": Period(first + timedelta(days=days[0]), first + timedelta(days=sum(days))),
        "now": draw(st.sampled_from([LATER, start + timedelta(days=3, hours=1.25)])),
        "kind": draw(st.sampled_from(_KINDS)),
        "grain": draw(st.sampled_from(["hour", "day", "week", "month"])),
    }


def _rows(network: Network, sessions: list[Any]) -> list[Row]:
    found = []
    for (place, port), start, quarters, energy_wh, cost, charging_seconds, driver in sessions:
        station = network.stations[place]
        tax = None if cost is None else (cost / 7).quantize(Decimal("0.01"))
        stop = start + quarters * QUARTER
        # What took no time is no flow.
        seconds = None if charging_seconds is None else min(charging_seconds, 900 * quarters)
        found.append(Row(station, station.ports[port], start, stop, energy_wh, cost, tax, seconds, driver))
    return found


@settings(
    max_examples=25,
    phases=[Phase.generate],
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(case=_cases())
def test_every_figure_is_what_a_plain_computation_over_the_rows_finds(
    engine: Engine, case: dict[str, Any]
) -> None:
    network = _network(engine)
    rows = _rows(network, case["sessions"])
    with writing(engine) as store:
        for model in (ChargingSession, Rollup, HourProfile):
            store.execute(delete(model))
        _add(store, rows)
    scope, stations = network.of(case["kind"])
    period, now = case["period"], case["now"]
    with reading(engine) as store:
        for grain in (None, case["grain"]):
            naive = Naive(stations, rows, period, grain, now)
            found, expected = _figures(store, scope, period, grain, now), _expected(naive)
            assert {name: found[name] for name in expected if found[name] != expected[name]} == {}


_NETWORKS: dict[int, Network] = {}


def _network(engine: Engine) -> Network:
    """The one of this store, made when an example first wants it."""
    if id(engine) not in _NETWORKS:
        with writing(engine) as store:
            _NETWORKS[id(engine)] = _add_network(store)
    return _NETWORKS[id(engine)]


def _figures(
    store: Session, scope: Scope, period: Period, grain: Grain | None, now: datetime
) -> dict[str, Any]:
    """All of them in the shape of `Naive`, without what is nothing."""

    def of(module: Any, *more: Any) -> dict[Any, Any]:
        if grain is None:
            return {None: module.whole(store, scope, period, *more)}
        series: dict[Any, Any] = module.series(store, scope, period, grain, *more)
        assert list(series) == buckets(period, grain)
        return series

    use, full, active = of(utilisation, now), of(congestion, now), of(activity, now)
    peaks = (
        {None: load.peak(store, scope, period)}
        if grain is None
        else load.peak_series(store, scope, period, grain)
    )
    return {
        "volume": {
            key: (each.sessions, each.attempts, each.energy_wh, each.revenue, each.tax)
            for key, each in of(volume).items()
            if each.attempts
        },
        "per_session": {
            key: (
                _plain(each.energy),
                _plain(each.duration),
                {currency: _plain(typical) for currency, typical in each.revenue.items()},
            )
            for key, each in of(per_session).items()
            if each.energy
        },
        "drivers": {
            key: (each.unique, each.unknown)
            for key, each in of(drivers).items()
            if each.unique + each.unknown
        },
        "arrivals": _some(of(arrivals)),
        "flowed": _some(of(load)),
        "occupied": _some({key: each.occupied // QUARTER for key, each in use.items()}),
        "charging": _some({key: each.charging // QUARTER for key, each in use.items()}),
        "energy of use": _some({key: each.energy_wh for key, each in use.items()}),
        "open": _some({key: each.open // QUARTER for key, each in use.items()}),
        "deliverable": _some({key: each.deliverable_wh for key, each in use.items()}),
        "congestion": _some(
            {key: (each.congested // QUARTER, each.open // QUARTER) for key, each in full.items()}
        ),
        "activity": {
            key: (each.days, each.station_days, each.used, each.unused)
            for key, each in active.items()
            if each.used or each.unused
        },
        "peaks": {key: each.power_w for key, each in peaks.items() if each and each.power_w},
    }


def _expected(naive: Naive) -> dict[str, Any]:
    opening = naive.open()
    flowed = _some(naive.flowed())
    return {
        "volume": naive.volume(),
        "per_session": {key: each for key, each in naive.per_session().items() if each[0]},
        "drivers": {key: each for key, each in naive.drivers().items() if sum(each)},
        "arrivals": naive.arrivals(),
        "flowed": flowed,
        "occupied": naive.occupied(),
        "charging": naive.charging(),
        "energy of use": flowed,
        "open": _some({key: ports for key, (ports, _) in opening.items()}),
        "deliverable": _some({key: round(power / 4) for key, (_, power) in opening.items()}),
        "congestion": _some(naive.congestion()),
        "activity": naive.activity(),
        "peaks": naive.peaks(_zone_of_most(naive)),
    }


def _zone_of_most(naive: Naive) -> str:
    flowing: list[str] = []
    for row in naive.rows:
        start, end = naive.period.bounds(row.station.zone)
        if row.energy_wh and max(row.start, start) < min(row.start + row.charging, end):
            flowing.append(row.station.zone)
    return max(flowing, key=lambda zone: (flowing.count(zone), zone), default="UTC")


def _plain(typical: per_session.Typical | None) -> Any:
    return typical and (typical.total, typical.count, typical.median)


def _some(found: dict[Any, Any]) -> dict[Any, Any]:
    return {key: value for key, value in found.items() if value not in (0, (0, 0))}
