"""Stations, owners and months side by side: whichever rows they come from, they are what happened."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import factories
import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from db.analytics import kpis, outages, rankings, series
from db.analytics.scope import Period, Scope
from db.engine import reading, writing
from db.models import OCPPStation

NOW = datetime(2025, 8, 20, 12, tzinfo=UTC)
FIRST, LAST = date(2025, 5, 10), date(2025, 8, 20)
PERIODS = (
    Period(FIRST, LAST + timedelta(days=1)),
    Period(date(2025, 1, 1), date(2026, 1, 1)),
    Period(date(2025, 6, 20), date(2025, 8, 5)),
    Period(date(2025, 7, 1), date(2025, 8, 1)),
    Period(date(2025, 7, 3), date(2025, 7, 9)),
    Period(date(2025, 8, 11), date(2025, 9, 1)),
)


def _station(store: Session, name: str, currency: str = "ETB", timezone: str = "UTC") -> OCPPStation:
    owner = factories.add_owner(store, f"Owner of {name}")
    return factories.add_station(store, owner, name, currency=currency, timezone=timezone)


def _fill(store: Session, currencies: tuple[str, ...]) -> list[OCPPStation]:
    """A session every third day at one of the stations in turn, and each station's statuses."""
    stations = [_station(store, f"S{n}", currency) for n, currency in enumerate(currencies)]
    for number in range((LAST - FIRST).days // 3 + 1):
        at = datetime(2025, 5, 10, 9, tzinfo=UTC) + timedelta(days=3 * number)
        station = stations[number % len(stations)]
        factories.add_session(store, station, at, energy_wh=1000 + number, cost=Decimal(number))
    for number, station in enumerate(stations):
        start = datetime(2025, 5, 10, tzinfo=UTC)
        down = datetime(2025, 7, 5 + number, tzinfo=UTC)
        up = down + timedelta(days=1 + number)
        for status, begun, ended in (
            ("available", start, down),
            ("faulted", down, up),
            ("available", up, None),
        ):
            factories.add_status(store, station.connectors[0], status, begun, ended)
    factories.roll_up(store, FIRST, LAST)
    return stations


@pytest.fixture(params=[("ETB", "ETB", "ETB"), ("ETB", "USD", "ETB")], ids=["one-currency", "two-currencies"])
def filled(engine: Engine, request: pytest.FixtureRequest) -> Engine:
    with writing(engine) as store:
        _fill(store, request.param)
    return engine


def _by_currency(found: list[series.StationTotal] | list[rankings.OwnerTotal]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for each in found:
        sums[each.currency] = sums.get(each.currency, Decimal(0)) + each.revenue
    return sums


def test_stations_owners_and_months_add_up_to_the_summary_of_any_period(filled: Engine) -> None:
    network = Scope.network()
    with reading(filled) as store:
        for period in PERIODS:
            whole = kpis.summary(store, network, period, NOW)
            stations = series.top_stations(store, network, period, limit=None)
            owners = rankings.owners(store, network, period)
            months = series.monthly(store, network, period)
            assert _by_currency(stations) == _by_currency(owners) == whole.revenue
            assert {sum(each.energy_wh for each in found) for found in (stations, owners, months)} == {
                whole.energy_wh
            }
            by_month = [month.revenue.get("ETB", Decimal(0)) for month in months]
            assert sum(by_month) == whole.revenue["ETB"]


def test_an_owner_has_what_its_stations_in_the_scope_earned(filled: Engine) -> None:
    with reading(filled) as store:
        whole = {owner.owner_id: owner for owner in rankings.owners(store, Scope.network(), PERIODS[0])}
        for owner_id, owner in whole.items():
            assert rankings.owners(store, Scope.owner(owner_id), PERIODS[0]) == [owner]
        station = series.top_stations(store, Scope.network(), PERIODS[0])[0]
        (of_station,) = rankings.owners(store, Scope.station(station.station_pk), PERIODS[0])
        assert of_station.revenue == station.revenue


def test_a_month_counts_only_the_days_of_the_period(filled: Engine) -> None:
    with reading(filled) as store:
        period = PERIODS[2]
        days = series.daily(store, Scope.network(), period, NOW)
        by_month: dict[date, int] = {}
        for day in days:
            by_month[day.day.replace(day=1)] = by_month.get(day.day.replace(day=1), 0) + day.sessions
        assert {m.month: m.sessions for m in series.monthly(store, Scope.network(), period)} == by_month


def test_stations_are_ranked_by_availability_with_statuses_that_still_last(filled: Engine) -> None:
    with reading(filled) as store:
        for period in PERIODS:
            found = rankings.availability_of_stations(store, Scope.network(), period, NOW)
            assert [each.availability for each in found] == sorted(each.availability for each in found)
            assert [
                kpis.summary(store, Scope.station(each.station_pk), period, NOW).availability
                for each in found
            ] == [each.availability for each in found]
        worst = rankings.availability_of_stations(store, Scope.network(), PERIODS[3], NOW)[0]
        assert (worst.name, worst.outage_seconds) == ("S2", 3 * 86_400)


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        (Period(FIRST, LAST + timedelta(days=1)), Period(date(2025, 5, 1), date(2025, 9, 1))),
        (Period(FIRST, LAST), Period(date(2025, 5, 1), LAST)),
        (Period(date(2025, 5, 11), date(2026, 2, 3)), Period(date(2025, 5, 11), date(2026, 3, 1))),
        (Period(date(2024, 1, 2), FIRST), Period(date(2024, 1, 2), FIRST)),
        (
            Period(LAST + timedelta(days=1), date(2026, 1, 2)),
            Period(LAST + timedelta(days=1), date(2026, 1, 2)),
        ),
    ],
)
def test_a_period_is_widened_only_where_nothing_is_known(period: Period, expected: Period) -> None:
    assert period.widened(FIRST, LAST) == expected


def test_the_newest_outages_come_first_each_as_one(engine: Engine) -> None:
    start = datetime(2025, 7, 1, tzinfo=UTC)

    def at(hours: int) -> datetime:
        return start + timedelta(hours=hours)

    with writing(engine) as store:
        utc, east = _station(store, "A"), _station(store, "B", timezone="Africa/Addis_Ababa")
        for status, begun, ended in (
            ("offline", -2, 1),
            ("available", 1, 5),
            ("faulted", 5, 6),
            ("offline", 6, 8),
            ("available", 8, 20),
            ("unavailable", 20, None),
        ):
            end = None if ended is None else at(ended)
            factories.add_status(store, utc.connectors[0], status, at(begun), end)
        # Where it was the second of July already.
        factories.add_status(store, east.connectors[0], "faulted", at(22), at(23))
        factories.add_status(store, east.connectors[0], "faulted", at(-2), at(-1))
    day = Period(date(2025, 7, 1), date(2025, 7, 2))
    with reading(engine) as store:
        found = outages.newest(store, Scope.network(), day, at(30))
        assert [(each.port.station_name, each.outage.start, each.outage.end) for each in found] == [
            ("A", at(20), at(30)),
            ("A", at(5), at(8)),
            ("B", at(-2), at(-1)),
        ]
        assert [each.outage.is_open for each in found] == [True, False, False]
        assert outages.newest(store, Scope.network(), day, at(30), limit=1) == found[:1]
        of_owner = Scope.owner(east.charging_station.owner_id)
        assert outages.newest(store, of_owner, day, at(30)) == found[2:]
