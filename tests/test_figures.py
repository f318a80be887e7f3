"""Figures of any scope and period, whole and by bucket, against a plain computation over the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import factories
import pytest
from naive_figures import QUARTER, Naive, Row, Station
from sqlalchemy import Engine, delete
from sqlalchemy.orm import Session

from db.analytics import (
    activity,
    arrivals,
    congestion,
    drivers,
    kpis,
    load,
    per_session,
    series,
    utilisation,
    volume,
)
from db.analytics.buckets import Bucket, Grain, buckets
from db.analytics.compared import compared
from db.analytics.emissions import co2e_saved_kg
from db.analytics.scope import Period, Scope
from db.analytics.statements import built_once
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


@pytest.fixture
def network(engine: Engine) -> Network:
    with writing(engine) as store:
        return _add_network(store)


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
    days = [at.date() for row in rows for at in (row.start, row.stop)]
    factories.roll_up(store, min(days) - timedelta(days=1), max(days) + timedelta(days=1))


_GRAINS: list[Grain] = ["hour", "day", "week", "month"]


@dataclass
class Case:
    rows: list[Row]
    period: Period
    now: datetime


def _case(network: Network, seed: int) -> Case:
    """A dozen sessions and more around a day on which clocks jump, and a period of that time."""
    random = Random(seed)
    first = random.choice([SPRING, AUTUMN]) - timedelta(days=2)
    start = datetime(first.year, first.month, first.day, tzinfo=UTC)
    begin = first + timedelta(days=random.randint(-1, 4))
    return Case(
        rows=[_row(network, random, start) for _ in range(random.randint(12, 30))],
        period=Period(begin, begin + timedelta(days=random.randint(1, 5))),
        now=random.choice([LATER, start + timedelta(days=3, hours=1.25)]),
    )


def _row(network: Network, random: Random, start: datetime) -> Row:
    station = random.choice([*network.stations, network.stations[0]])
    begun = start + random.randint(0, 8 * 96) * QUARTER
    quarters = random.choice([0, random.randint(1, 12), random.randint(1, 130)])
    cost = random.choice([None, Decimal(random.randint(0, 9999)) / 100])
    return Row(
        station=station,
        port=random.choice(station.ports),
        start=begun,
        stop=begun + quarters * QUARTER,
        energy_wh=random.choice([0, random.randint(1, 40_000), random.randint(1, 40_000)]),
        cost=cost,
        tax=None if cost is None else (cost / 7).quantize(Decimal("0.01")),
        charging_seconds=random.choice([None, random.randint(0, quarters) * 900]),
        driver=random.choice([None, "ab12", "AB12", "C"]),
    )


def test_every_figure_is_what_a_plain_computation_over_the_rows_finds(
    engine: Engine, network: Network
) -> None:
    for seed in range(12):
        # Every kind of scope twice, every grain three times.
        kind, grain = _KINDS[seed % 6], _GRAINS[(seed + seed // 6) % 4]
        case = _case(network, seed)
        with writing(engine) as store:
            for model in (ChargingSession, Rollup, HourProfile):
                store.execute(delete(model))
            _add(store, case.rows)
        scope, stations = network.of(kind)
        with reading(engine) as store:
            for by in (None, grain):
                found = _figures(store, scope, case.period, by, case.now)
                expected = _expected(Naive(stations, case.rows, case.period, by, case.now))
                different = {name: found[name] for name in expected if found[name] != expected[name]}
                assert different == {}, f"{kind} by {by}, seed {seed}"


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


# Named cases


def _berlin(store: Session, ports: int = 1, **more: Any) -> OCPPStation:
    station = factories.add_station(
        store, factories.add_owner(store), connectors=ports, timezone="Europe/Berlin", **more
    )
    station.charging_station.created_at = datetime(2024, 1, 1, tzinfo=UTC)
    return station


def _day(day: date) -> Period:
    return Period(day, day + timedelta(days=1))


def test_v3a_of_two_sessions_in_the_store(engine: Engine) -> None:
    noon = datetime(2025, 6, 10, 10, tzinfo=UTC)
    with writing(engine) as store:
        station = _berlin(store, power_w=22_000)
        for hours, plugged, charging, energy_wh in ((0, 120, 90, 20_000), (4, 60, 60, 15_000)):
            factories.add_session(
                store,
                station,
                noon + timedelta(hours=hours),
                minutes=plugged,
                charging_seconds=60 * charging,
                energy_wh=energy_wh,
            )
        factories.roll_up(store, date(2025, 6, 1), date(2025, 6, 30))
        use = utilisation.whole(store, Scope.station(station.id), _day(date(2025, 6, 10)), LATER)
    shares = (use.occupied_share, use.charging_share, use.idle_share, use.capacity_factor)
    assert shares == pytest.approx((0.125, 0.1041667, 0.0208333, 0.0662879), abs=1e-7)


@pytest.mark.parametrize(("day", "hours"), [(SPRING, 23), (AUTUMN, 25)])
def test_a_session_of_a_whole_day_occupies_all_the_hours_that_its_clocks_strike(
    engine: Engine, day: date, hours: int
) -> None:
    start, end = _day(day).bounds("Europe/Berlin")
    with writing(engine) as store:
        station = _berlin(store)
        minutes = int((end - start).total_seconds()) // 60
        factories.add_session(store, station, start, minutes=minutes, energy_wh=hours * 1000)
        factories.roll_up(store, day, day)
        scope = Scope.network()
        use = utilisation.whole(store, scope, _day(day), LATER)
        by_hour = utilisation.series(store, scope, _day(day), "hour", LATER)
        curve = load.series(store, scope, _day(day), "hour")
    assert (use.occupied, use.open, use.occupied_share) == (end - start, end - start, 1)
    # The second hour (2 o'clock) is skipped in spring, and comes twice in autumn.
    around = [by_hour[bucket].open // timedelta(hours=1) for bucket in list(by_hour)[1:4]]
    assert around == [1, hours - 23, 1]
    assert [curve[bucket] for bucket in list(curve)[1:4]] == [1000 * each for each in around]


def test_the_hour_that_is_not_there_has_no_rate(engine: Engine) -> None:
    with writing(engine) as store:
        _berlin(store)
        found = utilisation.series(store, Scope.network(), _day(SPRING), "hour", LATER)
    assert [bucket.hour for bucket, use in found.items() if use.occupied_share is None] == [2]


def test_before_a_station_was_known_it_was_not_open(engine: Engine) -> None:
    with writing(engine) as store:
        station = _berlin(store)
        station.charging_station.created_at = datetime(2025, 6, 11, 5, tzinfo=UTC)
        use = utilisation.series(
            store, Scope.network(), Period(date(2025, 6, 10), date(2025, 6, 13)), "day", LATER
        )
    assert [each.open // timedelta(hours=1) for each in use.values()] == [0, 24, 24]


def test_a_connector_taken_out_of_service_is_open_until_then(engine: Engine) -> None:
    with writing(engine) as store:
        station = _berlin(store, ports=2)
        described = station.connectors[0].charging_connector
        assert described
        described.is_active = False
        described.updated_at = datetime(2025, 6, 10, 10, tzinfo=UTC)  # 12:00 in Berlin
        store.flush()
        use = utilisation.whole(store, Scope.network(), _day(date(2025, 6, 10)), LATER)
        start = datetime(2025, 6, 10, 12, tzinfo=UTC)
        factories.add_session(store, station, start, connector=2, minutes=60)
        full = congestion.whole(store, Scope.network(), _day(date(2025, 6, 10)), LATER)
    assert use.open == timedelta(hours=12 + 24)
    assert (full.congested, full.open) == (timedelta(hours=1), timedelta(hours=24))


def test_one_connector_without_a_rating_leaves_the_capacity_factor_unknown(engine: Engine) -> None:
    with writing(engine) as store:
        described = _berlin(store, ports=2).connectors[0].charging_connector
        assert described
        described.power_w = None
        store.flush()
        use = utilisation.whole(store, Scope.network(), _day(SPRING), LATER)
    assert (use.capacity_factor, use.unrated) == (None, 1)


def test_a_session_of_an_unknown_connector_fills_a_site_that_has_but_one(engine: Engine) -> None:
    start = datetime(2025, 6, 10, 10, tzinfo=UTC)
    with writing(engine) as store:
        station = _berlin(store)
        factories.add_session(store, station, start, minutes=60).connector = None
        store.flush()
        full = congestion.whole(store, Scope.network(), _day(date(2025, 6, 10)), LATER)
    assert full.congested == timedelta(hours=1)


def test_a_running_session_counts_in_no_figure_but_the_arrivals(engine: Engine) -> None:
    start, period = datetime(2025, 6, 10, 10, tzinfo=UTC), _day(date(2025, 6, 10))
    with writing(engine) as store:
        station = _berlin(store)
        factories.add_session(store, station, start, minutes=None, status="charging")
        factories.roll_up(store, period.start, period.start)
        scope = Scope.network()
        assert volume.whole(store, scope, period).attempts == 0
        assert per_session.whole(store, scope, period).energy is None
        assert load.peak(store, scope, period) is None
        assert activity.whole(store, scope, period, LATER).unused == {station.id}
        assert arrivals.whole(store, scope, period) == 1


def test_an_empty_store_has_no_shares_and_no_stations(engine: Engine) -> None:
    period, scope = _day(SPRING), Scope.network()
    with reading(engine) as store:
        use = utilisation.whole(store, scope, period, LATER)
        assert use.occupied_share is use.capacity_factor is None
        assert congestion.whole(store, scope, period, LATER).share is None
        assert volume.series(store, scope, period, "day") == {Bucket(SPRING): volume.Volume()}
        assert activity.whole(store, scope, period, LATER) == activity.Activity()


def test_an_owner_cannot_choose_stations_of_others(engine: Engine, network: Network) -> None:
    own, other = network.stations[0].pk, network.stations[2].pk
    chosen = Scope.owner(network.owner_id).only([own, other])
    with reading(engine) as store:
        assert store.scalars(chosen.stations()).all() == [own]
        assert store.scalars(Scope.station(own).only([other]).stations()).all() == []
        assert store.scalars(chosen.only([other, own]).only([other]).stations()).all() == []


def test_the_overview_of_chosen_stations_is_the_sum_of_theirs(engine: Engine, network: Network) -> None:
    day = date(2025, 6, 10)
    with writing(engine) as store:
        for number, place in enumerate(network.stations):
            station = store.get_one(OCPPStation, place.pk)
            start = datetime(2025, 6, 10, 9 + number, tzinfo=UTC)
            factories.add_session(store, station, start, energy_wh=10**number)
            factories.add_status(store, station.connectors[0], "faulted", start, start + timedelta(hours=1))
        factories.roll_up(store, day, day)
        scope = Scope.network().only(place.pk for place in network.stations[1:])
        found = kpis.summary(store, scope, _day(day), LATER)
        (point,) = series.daily(store, scope, _day(day), LATER)
        top = series.top_stations(store, scope, _day(day))
        grid = series.hour_by_weekday(store, scope, _day(day))
        days = series.first_and_last_day(store, scope)
    assert (found.sessions, found.energy_wh, found.availability) == (2, 110, 0)
    assert (point.sessions, point.energy_wh, point.availability) == (2, 110, 0)
    assert {each.station_pk for each in top} == {place.pk for place in network.stations[1:]}
    assert (sum(map(sum, grid)), days) == (2, (day, day))


def test_statements_of_sets_are_not_kept() -> None:
    made = []

    @built_once
    def build(scope: Scope) -> Scope:
        made.append(scope)
        return scope

    chosen = Scope.network().only([1])
    for scope in (Scope.network(), Scope.network(), chosen, chosen):
        build(scope)
    assert made == [Scope.network(), chosen, chosen]


def test_a_figure_is_compared_with_the_same_of_as_many_days_before() -> None:
    period = Period(date(2025, 3, 8), date(2025, 3, 11))
    found = compared(lambda days: days, period)
    assert (found.figure, found.before) == (period, Period(date(2025, 3, 5), date(2025, 3, 8)))


def test_emissions_saved_are_the_energy_times_the_factor_and_unknown_without_one() -> None:
    assert co2e_saved_kg(12_500, Decimal("0.7")) == Decimal("8.75")
    assert co2e_saved_kg(12_500, None) is None


def test_gross_revenue_is_net_and_tax() -> None:
    found = volume.Volume(revenue={"ETB": Decimal("115.00")}, tax={"ETB": Decimal("15.00")})
    assert found.net == {"ETB": Decimal("100.00")}
