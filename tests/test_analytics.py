"""What the figures of the dashboard are, for whom and for which days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import uuid4
from zoneinfo import ZoneInfo

import factories
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from db import rollups
from db.analytics import kpis, live, meter_values, series, sessions
from db.analytics.outcome import is_success
from db.analytics.scope import Period, Scope
from db.analytics.statements import in_days, rows_of
from db.engine import reading, writing
from db.models import OCPPStation, Rollup, User
from db.sums import SessionFacts

DAY = date(2025, 6, 10)
MIDNIGHT = datetime(2025, 6, 9, 21, tzinfo=UTC)  # in Addis Ababa
TODAY = Period(DAY, DAY + timedelta(days=1))
EVENING = MIDNIGHT + timedelta(hours=20)


def _station(store: Session, owner: str = "A", name: str = "S", **more: str) -> OCPPStation:
    return factories.add_station(store, factories.add_owner(store, owner), name, **more)  # type: ignore[arg-type]


def _summary(store: Session, scope: Scope | None = None, period: Period = TODAY) -> kpis.Summary:
    return kpis.summary(store, scope or Scope.network(), period, EVENING)


def _at(hours: float) -> datetime:
    return MIDNIGHT + timedelta(hours=hours)


# Periods


@pytest.mark.parametrize("month", range(1, 13))
def test_the_last_days_end_with_today(month: int) -> None:
    today = date(2024, month, 1)
    assert Period.last_days(30, today) == Period(today - timedelta(days=29), today + timedelta(days=1))


def test_the_previous_period_is_as_long_and_ends_where_this_one_begins() -> None:
    period = Period(date(2024, 2, 20), date(2024, 3, 5))
    assert (period.previous().days, period.previous().end) == (period.days, period.start)


def test_a_period_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ValueError, match="ends after"):
        Period(DAY, DAY)


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2025, 3, 30), 23), (date(2025, 10, 26), 25), (date(2025, 6, 1), 24)]
)
def test_a_day_lasts_as_long_as_its_clocks_make_it(day: date, hours: int) -> None:
    start, end = Period(day, day + timedelta(days=1)).bounds("Europe/Berlin")
    assert end - start == timedelta(hours=hours)


@pytest.fixture(scope="module")
def three_years(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """A session a day at noon, the n-th of n Wh, from 2023 to 2025."""
    engine = factories.make_store(tmp_path_factory.mktemp("years"))
    with writing(engine) as store:
        station = _station(store, timezone="UTC")
        first = datetime(2023, 1, 1, 11, 30, tzinfo=UTC)
        place = station.charging_station
        for number in range(3 * 365 + 1):
            facts = SessionFacts(
                station_pk=station.id,
                owner_id=place.owner_id,
                timezone="UTC",
                currency="ETB",
                start_time=first + timedelta(days=number),
                stop_time=first + timedelta(days=number, minutes=30),
                status="completed",
                energy_wh=2**20 + number,
                cost_minor=number,
            )
            rollups.add_sessions(store, [facts])
    return engine


_DAYS = st.dates(date(2022, 12, 20), date(2026, 1, 10))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(days=st.tuples(_DAYS, _DAYS).map(sorted).filter(lambda days: days[0] < days[1]))
def test_months_and_edges_cover_exactly_the_days_of_any_period(three_years: Engine, days: list[date]) -> None:
    period = Period(days[0], days[1])
    parts = rows_of(Scope.network(), period.names_of_parts, ["energy_wh"])
    total = func.coalesce(func.sum(Rollup.energy_wh), 0)
    of_days = select(total).where(Scope.network().rollups(), in_days())
    with reading(three_years) as store:
        found = store.scalar(select(func.coalesce(func.sum(parts.c.energy_wh), 0)), period.told)
        assert found == store.scalar(of_days, period.told)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(days=st.tuples(_DAYS, _DAYS).map(sorted).filter(lambda days: days[0] < days[1]))
def test_no_period_of_three_years_reads_more_than_one_row_for_each_month_and_edge_day(
    three_years: Engine, days: list[date]
) -> None:
    period = Period(*days)
    parts = rows_of(Scope.network(), period.names_of_parts, ["energy_wh"])
    with reading(three_years) as store:
        rows = store.scalar(select(func.count()).select_from(parts), period.told)
    assert rows is not None
    assert rows <= 36 + 2 * 30


# Figures


def test_without_rows_shares_are_unknown_and_counts_are_zero(engine: Engine) -> None:
    with reading(engine) as store:
        assert _summary(store) == kpis.Summary(0, 0, 0, 0, {}, None, None)


def test_a_day_of_outage_is_an_availability_of_zero_not_of_nothing(engine: Engine) -> None:
    with writing(engine) as store:
        factories.add_status(store, _station(store).connectors[0], "faulted", MIDNIGHT)
        assert _summary(store).availability == 0


def test_free_energy_is_a_revenue_of_zero(engine: Engine) -> None:
    with writing(engine) as store:
        factories.add_session(store, _station(store), _at(1), cost=Decimal(0))
        factories.roll_up(store, DAY, DAY)
        assert _summary(store).revenue == {"ETB": Decimal(0)}


def test_no_failed_attempt_is_an_error_rate_of_zero(engine: Engine) -> None:
    with writing(engine) as store:
        factories.add_session(store, _station(store), _at(1))
        factories.roll_up(store, DAY, DAY)
        assert _summary(store).error_rate == 0


def test_a_session_without_energy_is_a_failed_attempt_and_no_session(engine: Engine) -> None:
    with writing(engine) as store:
        station = _station(store)
        factories.add_session(store, station, _at(1), energy_wh=0, cost=Decimal(0), status="failed")
        factories.add_session(store, station, _at(2))
        factories.roll_up(store, DAY, DAY)
        found = _summary(store)
    assert (found.sessions, found.attempts, found.failed_attempts, found.error_rate) == (1, 2, 1, 0.5)


@pytest.mark.parametrize(
    ("energy_wh", "reason", "success"),
    [
        (101, None, True),
        (101, "Local", True),
        (101, "LocalOutOfCredit", True),
        (100, "Local", False),
        (5000, "PowerLoss", False),
        (None, "Local", False),
    ],
)
def test_success_is_a_valid_stop_after_more_than_a_tenth_of_a_kwh(
    energy_wh: int | None, reason: str | None, *, success: bool
) -> None:
    assert is_success(energy_wh, reason) is success


def test_revenue_is_told_by_currency(engine: Engine) -> None:
    with writing(engine) as store:
        factories.add_session(store, _station(store), _at(1), cost=Decimal("10.50"))
        other = _station(store, "B", "T", currency="USD")
        factories.add_session(store, other, _at(1), cost=Decimal("3.25"))
        factories.roll_up(store, DAY, DAY)
        assert _summary(store).revenue == {"ETB": Decimal("10.50"), "USD": Decimal("3.25")}


def test_an_owner_sees_its_own_stations_only(engine: Engine) -> None:
    with writing(engine) as store:
        own, other = _station(store), _station(store, "B", "T")
        factories.add_session(store, own, _at(1), energy_wh=1000)
        factories.add_session(store, other, _at(1), energy_wh=500)
        factories.roll_up(store, DAY, DAY)
        owner = Scope.owner(own.charging_station.owner_id)
        assert (_summary(store, owner).energy_wh, _summary(store).energy_wh) == (1000, 1500)


def test_a_tile_equals_the_sum_of_the_rows_behind_it(engine: Engine) -> None:
    with writing(engine) as store:
        station = _station(store)
        for hour in range(-20, 40, 3):
            factories.add_session(store, station, _at(hour), energy_wh=1000 + hour)
        factories.roll_up(store, DAY - timedelta(days=2), DAY + timedelta(days=2))
        wanted = sessions.SessionFilter(period=TODAY)
        behind = sessions.count_sessions(store, Scope.network(), wanted)
        found = _summary(store)
    assert (found.sessions, found.energy_wh, found.revenue) == (
        behind.sessions,
        behind.energy_wh,
        behind.revenue,
    )


def test_an_admin_sees_the_network() -> None:
    assert Scope.of(User(user_name="a", role="admin")) == Scope.network()


def test_a_driver_has_no_stations_to_look_at() -> None:
    with pytest.raises(PermissionError):
        Scope.of(User(user_name="d", role="driver"))


def test_an_owner_without_an_owner_sees_nothing() -> None:
    with pytest.raises(PermissionError):
        Scope.of(User(user_name="o", role="owner"))


# Availability


def test_an_open_interval_counts_up_to_now(engine: Engine) -> None:
    with writing(engine) as store:
        connector = _station(store).connectors[0]
        factories.add_status(store, connector, "available", MIDNIGHT, _at(15))
        factories.add_status(store, connector, "faulted", _at(15))
        factories.roll_up(store, DAY, DAY)
        assert _summary(store).availability == 15 / 20


def test_of_an_open_interval_only_the_part_within_the_period_counts(engine: Engine) -> None:
    yesterday = Period(DAY - timedelta(days=1), DAY)
    with writing(engine) as store:
        connector = _station(store).connectors[0]
        factories.add_status(store, connector, "available", _at(-30), _at(-6))
        factories.add_status(store, connector, "offline", _at(-6))
        factories.roll_up(store, DAY, DAY)
        assert _summary(store, period=yesterday).availability == 0.75


def test_what_has_not_happened_yet_is_not_observed(engine: Engine) -> None:
    with writing(engine) as store:
        factories.add_status(store, _station(store).connectors[0], "available", MIDNIGHT)
        tomorrow = Period(DAY + timedelta(days=1), DAY + timedelta(days=2))
        assert _summary(store, period=tomorrow).availability is None


def test_a_station_of_a_second_zone_counts_by_its_own_clock_at_once(engine: Engine) -> None:
    with writing(engine) as store:
        factories.add_status(store, _station(store).connectors[0], "available", MIDNIGHT)
        # The first question learns the only zone there is, the second relies on it.
        assert {_summary(store).availability for _ in range(2)} == {1.0}
        west = _station(store, "B", "T", timezone="America/Los_Angeles")
        factories.add_status(store, west.connectors[0], "faulted", _at(-30))
        # There the day began ten hours later, and so ten hours of it have passed.
        assert _summary(store).availability == 1 - 10 / 30


def test_a_fault_and_a_silence_that_overlap_are_counted_once(engine: Engine) -> None:
    """V1d without its exclusions: faulted from 02, offline from 03 to 05: 180 minutes, not 240."""
    with writing(engine) as store:
        connector = _station(store).connectors[0]
        for status, start, end in (
            ("available", 0, 2),
            ("faulted", 2, 3),
            ("offline", 3, 5),
            ("available", 5, 24),
        ):
            factories.add_status(store, connector, status, _at(start), _at(end))
        factories.roll_up(store, DAY, DAY)
        assert _summary(store).availability == 1 - 180 / 1440


def test_faulted_then_unavailable_is_one_outage(engine: Engine) -> None:
    """V1e: 60 minutes."""
    with writing(engine) as store:
        connector = _station(store).connectors[0]
        for status, start, end in (
            ("available", 0, 10),
            ("faulted", 10, 10 + 1 / 3),
            ("unavailable", 10 + 1 / 3, 11),
            ("available", 11, 24),
        ):
            factories.add_status(store, connector, status, _at(start), _at(end))
        factories.roll_up(store, DAY, DAY)
        assert _summary(store).availability == 1 - 60 / 1440


@pytest.mark.parametrize("status", ["preparing", "charging", "suspended_ev", "finishing", "reserved"])
def test_a_connector_in_use_is_no_outage(engine: Engine, status: str) -> None:
    with writing(engine) as store:
        factories.add_status(store, _station(store).connectors[0], status, MIDNIGHT)
        assert _summary(store).availability == 1


def test_the_days_of_the_trend_have_the_observed_seconds_of_the_card(engine: Engine) -> None:
    period = Period(date(2025, 3, 28), date(2025, 4, 2))
    now = datetime(2025, 3, 31, 9, tzinfo=UTC)
    with writing(engine) as store:
        connector = _station(store, timezone="Europe/Berlin").connectors[0]
        factories.add_status(
            store,
            connector,
            "available",
            datetime(2025, 3, 29, tzinfo=UTC),
            datetime(2025, 3, 30, tzinfo=UTC),
        )
        factories.add_status(store, connector, "faulted", datetime(2025, 3, 30, tzinfo=UTC))
        factories.roll_up(store, date(2025, 3, 1), date(2025, 3, 31))
        days = series.daily(store, Scope.network(), period, now)
    assert [day.availability for day in days] == [None, 1, pytest.approx(1 / 23), 0, None]


# Series


def test_a_day_without_a_session_is_a_point_too(engine: Engine) -> None:
    with writing(engine) as store:
        factories.add_session(store, _station(store), _at(1))
        factories.roll_up(store, DAY, DAY)
        days = series.daily(store, Scope.network(), Period.last_days(3, DAY), EVENING)
    assert [(day.sessions, day.error_rate) for day in days] == [(0, None), (0, None), (1, 0)]


def test_a_trend_of_one_currency_leaves_the_others_out(engine: Engine) -> None:
    with writing(engine) as store:
        factories.add_session(store, _station(store), _at(1), cost=Decimal(10))
        factories.add_session(store, _station(store, "B", "T", currency="USD"), _at(1), cost=Decimal(3))
        factories.roll_up(store, DAY, DAY)
        (day,) = series.daily(store, Scope.network(), TODAY, EVENING, "USD")
    assert (day.revenue, day.sessions) == (Decimal(3), 2)


def test_arrivals_are_by_the_weekday_and_hour_of_the_stations_clock(engine: Engine) -> None:
    with writing(engine) as store:
        factories.add_session(store, _station(store), _at(0.5))
        factories.roll_up(store, DAY, DAY)
        grid = series.hour_by_weekday(store, Scope.network(), TODAY)
    assert [(d, h) for d in range(7) for h in range(24) if grid[d][h]] == [(DAY.weekday(), 0)]


_SCOPES = ["network", "owner", "station"]


def _scope(kind: str, station: OCPPStation) -> Scope:
    place = station.charging_station
    return {
        "network": Scope.network(),
        "owner": Scope.owner(place.owner_id),
        "station": Scope.station(station.id),
    }[kind]


@pytest.mark.parametrize("kind", _SCOPES)
@pytest.mark.parametrize(("start", "end"), [((4, 20), (7, 5)), ((5, 1), (6, 1)), ((5, 20), (5, 28))])
def test_hours_of_the_week_are_those_of_the_sessions_of_exactly_the_period(
    engine: Engine, kind: str, start: tuple[int, int], end: tuple[int, int]
) -> None:
    period, zone = Period(date(2025, *start), date(2025, *end)), ZoneInfo("Africa/Addis_Ababa")
    with writing(engine) as store:
        station = _station(store)
        starts = [datetime(2025, 4, 1, tzinfo=UTC) + timedelta(hours=17 * n) for n in range(150)]
        for at in starts:
            factories.add_session(store, station, at, minutes=90)
        factories.roll_up(store, date(2025, 3, 1), date(2025, 8, 1))
        grid = series.hour_by_weekday(store, _scope(kind, station), period)
    expected = [[0] * 24 for _ in range(7)]
    for local in (at.astimezone(zone) for at in starts):
        expected[local.weekday()][local.hour] += period.start <= local.date() < period.end
    assert grid == expected


@pytest.mark.parametrize("kind", _SCOPES)
def test_the_load_curve_has_the_energy_of_the_hours_in_which_it_flowed(engine: Engine, kind: str) -> None:
    with writing(engine) as store:
        station = _station(store)
        factories.add_session(store, station, _at(9.5), minutes=90, energy_wh=9000)
        factories.roll_up(store, DAY, DAY)
        grid = series.load_by_weekday(store, _scope(kind, station), TODAY)
    weekday = DAY.weekday()
    assert {(day, hour): wh for day in range(7) for hour, wh in enumerate(grid[day]) if wh} == {
        (weekday, 9): 3000,
        (weekday, 10): 6000,
    }


def test_top_stations_are_those_of_the_scope_with_the_most_revenue(engine: Engine) -> None:
    with writing(engine) as store:
        poor, rich, foreign = (_station(store, *names) for names in (("A", "P"), ("B", "R"), ("C", "F")))
        rich.charging_station.owner = poor.charging_station.owner
        for station, cost in ((poor, 1), (rich, 9), (foreign, 99)):
            factories.add_session(store, station, _at(1), cost=Decimal(cost))
        factories.roll_up(store, DAY, DAY)
        found = series.top_stations(store, Scope.owner(poor.charging_station.owner_id), TODAY)
    assert [(s.name, s.revenue) for s in found] == [("R", Decimal(9)), ("P", Decimal(1))]


def test_the_first_and_last_day_are_unknown_without_sessions(engine: Engine) -> None:
    with reading(engine) as store:
        assert series.first_and_last_day(store, Scope.network()) is None


# Lists


def test_a_running_session_is_in_the_period_of_its_start(engine: Engine) -> None:
    with writing(engine) as store:
        factories.add_session(store, _station(store), _at(23), minutes=None, status="charging")
        found = sessions.list_sessions(
            store, Scope.network(), sessions.SessionFilter(period=TODAY), now=_at(25)
        )
    assert [row.duration_seconds for row in found] == [7200]


def test_each_station_keeps_its_own_midnight(engine: Engine) -> None:
    with writing(engine) as store:
        east = _station(store, timezone="Africa/Addis_Ababa")
        west = _station(store, "B", "T", timezone="America/Los_Angeles")
        factories.add_session(store, east, _at(1))
        factories.add_session(store, west, _at(1))
        found = sessions.list_sessions(store, Scope.network(), sessions.SessionFilter(period=TODAY))
    assert [row.station_name for row in found] == ["S"]


@pytest.mark.parametrize("sort", sorted(sessions.SORTS))
def test_every_sort_works_in_both_directions(engine: Engine, sort: str) -> None:
    with writing(engine) as store:
        station = _station(store)
        for number in (1, 3, 2):
            factories.add_session(
                store,
                station,
                _at(number),
                minutes=number,
                energy_wh=number,
                cost=Decimal(number),
            )
        up, down = (
            [
                row.energy_wh
                for row in sessions.list_sessions(
                    store, Scope.network(), sessions.SessionFilter(), sort=sort, descending=descending
                )
            ]
            for descending in (False, True)
        )
    assert (up, down) == ([1, 2, 3], [3, 2, 1])


@pytest.mark.parametrize("text", ["%", "_", "' OR 1=1 --", "99999999999999999999999"])
def test_a_search_takes_no_wildcards_and_no_sql(engine: Engine, text: str) -> None:
    with writing(engine) as store:
        factories.add_session(store, _station(store), _at(1))
        assert sessions.list_sessions(store, Scope.network(), sessions.SessionFilter(search=text)) == []


def test_a_session_of_another_owner_does_not_exist(engine: Engine) -> None:
    with writing(engine) as store:
        own, other = _station(store), _station(store, "B", "T")
        session = factories.add_session(store, other, _at(1))
        scope = Scope.owner(own.charging_station.owner_id)
        assert sessions.find_session(store, scope, session.id) is None


def test_a_meter_curve_is_the_energy_since_the_start(engine: Engine) -> None:
    with writing(engine) as store:
        session = factories.add_session(store, _station(store), _at(1), meter_start=5000)
        factories.add_meter_values(store, session, [(_at(1), 0, 0), (_at(1.1), 700, 7000)])
        curve = meter_values.meter_curve(store, Scope.network(), session.id)
    assert [(p.energy_wh, p.power_w) for p in curve] == [(0, 0), (700, 7000)]


# Live


def test_every_connector_of_an_offline_station_is_offline(engine: Engine) -> None:
    with writing(engine) as store:
        _station(store, is_online=False)  # type: ignore[arg-type]
        assert [each.status for each in live.connectors(store, Scope.network())] == ["offline"] * 2


def test_a_running_session_is_shown_at_its_connector(engine: Engine) -> None:
    with writing(engine) as store:
        session = factories.add_session(
            store, _station(store), _at(1), minutes=None, status="charging", power_w=7000
        )
        first, second = live.connectors(store, Scope.network())
    assert (first.session_pk, first.live_power_w, second.session_pk) == (session.id, 7000, None)


def test_the_network_of_another_owner_is_empty(engine: Engine) -> None:
    with writing(engine) as store:
        _station(store)
        other = factories.add_owner(store, f"other {uuid4()}")
        assert live.connectors(store, Scope.owner(other.id)) == []
