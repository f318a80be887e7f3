"""Sums by local hour, day, weekday and month: they add up, wherever the clocks jump."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import factories
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, select, update
from sqlalchemy.orm import Session

from db import rollups
from db.analytics.scope import Period
from db.clocks import DAY, clock
from db.columns import to_minor
from db.engine import reading, reading_a_moment, writing
from db.models import ChargingSession, HourProfile, OCPPStation, Rollup

BERLIN = "Europe/Berlin"
SPRING, AUTUMN = date(2025, 3, 30), date(2025, 10, 26)


def _local(timezone: str, *clock: int, fold: int = 0) -> datetime:
    return datetime(*clock, tzinfo=ZoneInfo(timezone), fold=fold).astimezone(UTC)  # type: ignore[misc,arg-type]


def _station(store: Session, timezone: str = BERLIN, currency: str = "EUR", owner: str = "A") -> OCPPStation:
    return factories.add_station(
        store,
        factories.add_owner(store, owner),
        f"{timezone} {currency} {owner}",
        timezone=timezone,
        currency=currency,
    )


def _add(store: Session, *sessions: ChargingSession) -> None:
    place = [session.station.charging_station for session in sessions]
    rollups.add_sessions(store, map(rollups.session_facts, sessions, place))


def _buckets(store: Session, grain: str, metric: str) -> dict[date, int]:
    """What the network's rollups of a grain hold, all currencies together, without zeros."""
    found: dict[date, int] = {}
    for row in store.scalars(select(Rollup).where(Rollup.scope == "network", Rollup.grain == grain)):
        found[row.bucket] = found.get(row.bucket, 0) + getattr(row, metric)
    return {bucket: value for bucket, value in found.items() if value}


def _hours(store: Session, what: str, grain: str = "day") -> dict[tuple[date, int, int], int]:
    """What the network's profiles hold by bucket, weekday and hour; `what` is a (arrivals) or w (Wh)."""
    profiles = HourProfile.__table__.c
    rows = store.execute(
        select(HourProfile.__table__).where(profiles.scope == "network", profiles.grain == grain)
    ).mappings()
    return {
        (row["bucket"], row["weekday"], hour): row[f"{what}{hour:02}"]
        for row in rows
        for hour in range(24)
        if row[f"{what}{hour:02}"]
    }


def _parts(start: datetime, end: datetime, timezone: str, by: str = "hours") -> list[tuple[int, int]]:
    """(beginning, seconds) of the parts by hour or day."""
    parts = getattr(clock(timezone), by)(int(start.timestamp()), int(end.timestamp()))
    return [(part.start, part.seconds) for part in parts]


@pytest.mark.parametrize(("day", "hours"), [(SPRING, 23), (date(2025, 6, 1), 24), (AUTUMN, 25)])
def test_a_day_has_as_many_hours_as_its_clocks_strike(day: date, hours: int) -> None:
    start, end = Period(day, day + timedelta(days=1)).bounds(BERLIN)
    assert [seconds for _, seconds in _parts(start, end, BERLIN)] == [3600] * hours


@pytest.mark.parametrize(("day", "hours"), [(SPRING, 23), (AUTUMN, 25)])
def test_a_connector_is_observed_for_all_hours_of_a_day_on_which_clocks_jump(
    engine: Engine, day: date, hours: int
) -> None:
    start, end = Period(day, day + timedelta(days=1)).bounds(BERLIN)
    with writing(engine) as store:
        station = _station(store)
        interval = factories.add_status(store, station.connectors[0], "faulted", start, end)
        rollups.add_intervals(store, [rollups.interval_facts(interval, station.id, station.charging_station)])
        assert _buckets(store, "day", "outage_seconds") == {day: hours * 3600}


def test_the_hour_that_comes_twice_holds_both(engine: Engine) -> None:
    twice = [_local(BERLIN, 2025, 10, 26, 2, 30, fold=fold) for fold in (0, 1)]
    with writing(engine) as store:
        station = _station(store)
        _add(store, *(factories.add_session(store, station, at, minutes=5) for at in twice))
        assert _hours(store, "a") == {(AUTUMN, 6, 2): 2}


def test_a_session_across_midnight_is_in_the_day_of_its_end(engine: Engine) -> None:
    with writing(engine) as store:
        station = _station(store)
        _add(store, factories.add_session(store, station, _local(BERLIN, 2025, 6, 1, 23, 50)))
        assert _buckets(store, "day", "energy_wh") == {date(2025, 6, 2): 12_500}


def test_a_session_across_the_end_of_a_month_is_in_the_month_of_its_end(engine: Engine) -> None:
    with writing(engine) as store:
        station = _station(store)
        _add(store, factories.add_session(store, station, _local(BERLIN, 2025, 6, 30, 23, 50)))
        assert _buckets(store, "month", "revenue_minor") == {date(2025, 7, 1): 12_500}


def test_an_arrival_is_in_the_hour_of_the_start(engine: Engine) -> None:
    with writing(engine) as store:
        station = _station(store)
        _add(store, factories.add_session(store, station, _local(BERLIN, 2025, 6, 1, 23, 50)))
        assert _hours(store, "a") == {(date(2025, 6, 1), 6, 23): 1}


def test_a_session_that_ends_at_midnight_is_in_the_day_that_begins(engine: Engine) -> None:
    with writing(engine) as store:
        station = _station(store)
        _add(store, factories.add_session(store, station, _local(BERLIN, 2025, 6, 1, 23, 30)))
        assert _buckets(store, "day", "sessions") == {date(2025, 6, 2): 1}


def test_hours_of_a_half_hour_zone_begin_at_its_own_full_hours() -> None:
    start = datetime(2025, 6, 1, 0, 10, tzinfo=UTC)  # 05:40 in Kolkata
    parts = _parts(start, start + timedelta(hours=1), "Asia/Kolkata")
    assert [seconds for _, seconds in parts] == [20 * 60, 40 * 60]


_ZONES = st.sampled_from(
    [
        BERLIN,
        "Africa/Addis_Ababa",
        "Asia/Kolkata",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
        "America/St_Johns",
        "UTC",
    ]
)
_TIMES = st.datetimes(datetime(2025, 1, 1), datetime(2026, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@pytest.mark.parametrize("by", ["hours", "days"])
@given(start=_TIMES, length=st.timedeltas(timedelta(), timedelta(days=9)), timezone=_ZONES)
@settings(deadline=None)
def test_the_parts_of_an_interval_add_up_to_its_whole(
    by: str, start: datetime, length: timedelta, timezone: str
) -> None:
    end = start + length
    whole = int(end.timestamp()) - int(start.timestamp())
    assert sum(seconds for _, seconds in _parts(start, end, timezone, by)) == whole


@given(start=_TIMES, length=st.timedeltas(timedelta(), timedelta(days=9)), timezone=_ZONES)
@settings(deadline=None)
def test_the_hours_of_each_day_add_up_to_its_part(start: datetime, length: timedelta, timezone: str) -> None:
    local, ends = clock(timezone), (int(start.timestamp()), int((start + length).timestamp()))
    days, hours = Counter[int](), Counter[int]()
    for counted, parts in ((days, local.days(*ends)), (hours, local.hours(*ends))):
        for part in parts:
            counted[part.reading // DAY] += part.seconds
    assert days == hours


@given(at=_TIMES, timezone=_ZONES)
@settings(deadline=None)
def test_a_reading_is_what_the_clock_of_the_zone_shows(at: datetime, timezone: str) -> None:
    shown = at.replace(microsecond=0).astimezone(ZoneInfo(timezone)).replace(tzinfo=UTC)
    assert clock(timezone).reading(int(at.timestamp())) == shown.timestamp()


@given(start=_TIMES, length=st.timedeltas(timedelta(), timedelta(days=3)), timezone=_ZONES)
@settings(deadline=None)
def test_no_part_of_an_interval_is_longer_than_its_hour(
    start: datetime, length: timedelta, timezone: str
) -> None:
    parts = _parts(start, start + length, timezone)
    in_order = all(earlier < later for (earlier, _), (later, _) in pairwise(parts))
    assert in_order and all(0 <= seconds <= 3600 for _, seconds in parts)


@given(start=_TIMES, cuts=st.lists(st.integers(0, 10**6), min_size=1, max_size=5), timezone=_ZONES)
@settings(deadline=None)
def test_an_interval_that_is_cut_has_the_seconds_of_the_uncut_one(
    start: datetime, cuts: list[int], timezone: str
) -> None:
    times = sorted({start, *(start + timedelta(seconds=cut / 7) for cut in cuts)})
    parts = sum(s for a, b in pairwise(times) for _, s in _parts(a, b, timezone))
    assert parts == sum(s for _, s in _parts(times[0], times[-1], timezone))


@given(start=_TIMES, timezone=_ZONES)
@settings(deadline=None)
def test_times_of_any_zone_are_split_like_the_same_times_in_utc(start: datetime, timezone: str) -> None:
    end = start + timedelta(hours=30)
    zone = ZoneInfo(timezone)
    elsewhere = _parts(start.astimezone(zone), end.astimezone(zone), timezone)
    assert elsewhere == _parts(start, end, timezone)


def _three_owners(store: Session) -> None:
    """Sessions at five stations of three owners in three currencies."""
    start = datetime(2025, 1, 30, 20, tzinfo=UTC)
    places = [
        _station(store, "Africa/Addis_Ababa", "ETB", "A"),
        _station(store, "Asia/Kolkata", "INR", "B"),
        _station(store, BERLIN, "EUR", "C"),
    ]
    owner = places[0].charging_station.owner
    places.append(factories.add_station(store, owner, "second", timezone=BERLIN, currency="EUR"))
    for number in range(40):
        at = start + timedelta(hours=7 * number)
        station = places[number % len(places)]
        _add(store, factories.add_session(store, station, at, energy_wh=100 * number, cost=Decimal(number)))


def _totals(rows: Iterable[Rollup]) -> dict[tuple[str, datetime, str], list[int]]:
    totals: dict[tuple[str, datetime, str], list[int]] = {}
    for row in rows:
        key = row.grain, row.bucket, row.currency
        values = [getattr(row, metric) for metric in rollups.METRICS]
        totals[key] = [a + b for a, b in zip(totals.get(key, [0] * len(values)), values, strict=True)]
    return totals


@pytest.mark.parametrize("part", ["owner", "station"])
def test_the_network_is_the_sum_of_its_parts_in_every_bucket_and_currency(engine: Engine, part: str) -> None:
    with writing(engine) as store:
        _three_owners(store)
        network, parts = (
            _totals(store.scalars(select(Rollup).where(Rollup.scope == scope))) for scope in ("network", part)
        )
        assert parts == network


def test_each_grain_holds_the_same_whole(engine: Engine) -> None:
    with writing(engine) as store:
        _three_owners(store)
        wholes = {sum(_buckets(store, grain, "energy_wh").values()) for grain in ("day", "month")}
        flowed = {sum(_hours(store, "w", grain).values()) for grain in ("day", "month")}
        assert wholes | flowed == {sum(100 * number for number in range(40))}


def test_sums_are_kept_by_currency(engine: Engine) -> None:
    with writing(engine) as store:
        _three_owners(store)
        rows = store.execute(
            select(Rollup.currency, Rollup.revenue_minor).where(
                Rollup.scope == "network", Rollup.grain == "month"
            )
        ).all()
    by_currency = {currency: sum(minor for code, minor in rows if code == currency) for currency, _ in rows}
    expected = {"ETB": range(0, 40, 4), "INR": range(1, 40, 4)}
    assert {code: by_currency[code] for code in expected} == {
        code: to_minor(Decimal(sum(numbers))) for code, numbers in expected.items()
    }


def test_taking_away_what_was_added_leaves_zeros(engine: Engine) -> None:
    with writing(engine) as store:
        station = _station(store)
        session = factories.add_session(store, station, _local(BERLIN, 2025, 6, 1, 12))
        facts = rollups.session_facts(session, station.charging_station)
        rollups.add_sessions(store, [facts])
        rollups.add_sessions(store, [facts], sign=-1)
        assert rollups.stored(store, date(2025, 6, 1), date(2025, 6, 1)) == {}


def test_a_session_that_turns_out_to_have_ended_elsewhere_moves(engine: Engine) -> None:
    with writing(engine) as store:
        station = _station(store)
        session = factories.add_session(store, station, _local(BERLIN, 2025, 6, 30, 12))
        before = rollups.session_facts(session, station.charging_station)
        rollups.add_sessions(store, [before])
        session.stop_time = _local(BERLIN, 2025, 7, 1, 0, 30)
        after = rollups.session_facts(session, station.charging_station)
        changes = rollups.Changes()
        changes.replace_session(before, after)
        changes.write(store)
        assert _buckets(store, "month", "sessions") == {date(2025, 7, 1): 1}


def test_sums_built_anew_are_the_sums_that_grew(engine: Engine) -> None:
    with writing(engine) as store:
        _three_owners(store)
        first, last = date(2025, 1, 1), date(2025, 2, 28)
        grown = rollups.stored(store, first, last)
        rollups.rebuild(store, first, last)
        assert rollups.stored(store, first, last) == grown


def test_a_rebuild_leaves_other_months_alone(engine: Engine) -> None:
    with writing(engine) as store:
        _three_owners(store)
        store.execute(update(Rollup).values(sessions=77))
        rollups.rebuild(store, date(2025, 2, 1), date(2025, 2, 1))
        rows = store.scalars(select(Rollup).where(Rollup.bucket < date(2025, 2, 1)))
        assert {row.sessions for row in rows} == {77}


def test_a_repair_tells_how_many_sums_were_wrong_and_mends_them(engine: Engine) -> None:
    month = date(2025, 2, 1)
    with writing(engine) as store:
        _three_owners(store)
        wrong = select(Rollup.bucket).where(Rollup.bucket >= date(2025, 2, 1)).limit(1)
        store.execute(
            update(Rollup)
            .where(Rollup.scope == "network", Rollup.grain == "month", Rollup.currency == "ETB")
            .where(wrong.exists())
            .values(energy_wh=Rollup.energy_wh + 1)
        )
        assert _mend(store, month) == 1
        assert rollups.differing(store, month, month) == 0


def test_sums_that_nobody_changed_need_no_repair(engine: Engine) -> None:
    with writing(engine) as store:
        _three_owners(store)
    with reading(engine) as store:
        assert rollups.differing(store, date(2025, 1, 1), date(2025, 2, 28)) == 0


def test_energy_is_spread_evenly_over_the_hours_in_which_it_flowed(engine: Engine) -> None:
    with writing(engine) as store:
        start = _local(BERLIN, 2025, 6, 1, 22, 30)
        session = factories.add_session(
            store, _station(store), start, minutes=300, energy_wh=9000, charging_seconds=5400
        )
        _add(store, session)
        evening = date(2025, 6, 1)
        assert _hours(store, "w") == {(evening, 6, 22): 3000, (evening, 6, 23): 6000}


def test_where_charging_time_is_not_known_energy_flows_until_the_end(engine: Engine) -> None:
    with writing(engine) as store:
        _add(store, factories.add_session(store, _station(store), _local(BERLIN, 2025, 6, 1, 23, 45)))
        assert _hours(store, "w") == {(date(2025, 6, 1), 6, 23): 6250, (date(2025, 6, 2), 0, 0): 6250}


def test_the_hours_of_a_month_are_those_of_its_days_by_weekday(engine: Engine) -> None:
    with writing(engine) as store:
        _three_owners(store)
        by_month: Counter[tuple[date, int, int]] = Counter()
        for (day, weekday, hour), value in _hours(store, "w").items():
            by_month[day.replace(day=1), weekday, hour] += value
        assert by_month == _hours(store, "w", "month")


def test_time_plugged_in_counts_on_the_days_on_which_it_passed(engine: Engine) -> None:
    with writing(engine) as store:
        start = _local(BERLIN, 2025, 5, 31, 23)
        session = factories.add_session(store, _station(store), start, minutes=180, charging_seconds=5400)
        _add(store, session)
        days = date(2025, 5, 31), date(2025, 6, 1)
        assert _buckets(store, "day", "occupied_seconds") == dict(zip(days, (3600, 7200), strict=True))
        assert _buckets(store, "day", "charging_seconds") == dict(zip(days, (3600, 1800), strict=True))


def test_of_a_session_of_years_only_the_last_month_counts_as_time(engine: Engine) -> None:
    with writing(engine) as store:
        start = _local(BERLIN, 1970, 1, 2)
        session = factories.add_session(store, _station(store), start, minutes=28_000_000)
        _add(store, session)
        assert sum(_buckets(store, "day", "occupied_seconds").values()) == 31 * 86_400
        assert rollups.differing(store, date(2023, 1, 1), date(2023, 12, 31)) == 0


def test_tax_and_valid_stops_are_counted_where_the_session_ended(engine: Engine) -> None:
    with writing(engine) as store:
        station, start = _station(store), _local(BERLIN, 2025, 6, 1, 12)
        _add(
            store,
            factories.add_session(store, station, start, tax=Decimal("1.25"), energy_wh=50),
            factories.add_session(store, station, start, stop_reason="PowerLoss"),
        )
        assert _buckets(store, "day", "tax_minor") == {date(2025, 6, 1): 125}
        assert _buckets(store, "month", "valid_stops") == {date(2025, 6, 1): 1}


def test_a_repair_mends_profiles_too(engine: Engine) -> None:
    month = date(2025, 2, 1)
    with writing(engine) as store:
        _three_owners(store)
        profiles = HourProfile.__table__.c
        store.execute(
            update(HourProfile)
            .where(profiles.scope == "network", profiles.grain == "day", profiles.bucket == month)
            .values(a00=profiles.a00 + 1)
        )
        assert (_mend(store, month), rollups.differing(store, month, month)) == (1, 0)


def test_sums_are_mended_though_others_were_told_after_they_were_compared(engine: Engine) -> None:
    month = date(2025, 2, 1)
    with writing(engine) as store:
        _three_owners(store)
        store.execute(delete(Rollup).where(Rollup.scope == "owner"))
        store.execute(update(Rollup).where(Rollup.scope == "network").values(sessions=77))
    with reading_a_moment(engine) as store:
        found = rollups.compared(store, month, month)
        with writing(engine) as other:
            station = other.scalars(select(OCPPStation)).all()[0]
            _add(other, factories.add_session(other, station, _local(BERLIN, 2025, 2, 3, 12)))
        assert rollups.compared(store, month, month) == found
    with writing(engine) as store:
        assert rollups.mend(store, found)
        assert rollups.differing(store, month, month) == 0


@pytest.mark.parametrize("correct", [rollups.mend, rollups.rebuild], ids=["mended", "rebuilt"])
def test_what_others_corrected_after_sums_were_compared_is_not_added_once_more(
    engine: Engine, correct: Callable[..., object]
) -> None:
    month = date(2025, 2, 1)
    with writing(engine) as store:
        _three_owners(store)
        store.execute(delete(Rollup).where(Rollup.scope == "owner"))
    with reading_a_moment(engine) as store:
        found = rollups.compared(store, month, month)
    with writing(engine) as store:
        correct(store, *((found,) if correct is rollups.mend else (month, month)))
    with writing(engine) as store:
        assert not rollups.mend(store, found)
        assert rollups.differing(store, month, month) == 0


def _mend(store: Session, month: date) -> int:
    """How many sums were wrong."""
    found = rollups.compared(store, month, month)
    rollups.mend(store, found)
    return len(found.missing)


def test_a_session_that_reaches_over_a_month_is_in_it_after_a_rebuild(engine: Engine) -> None:
    with writing(engine) as store:
        start = _local(BERLIN, 2025, 1, 31, 12)
        _add(store, factories.add_session(store, _station(store), start, minutes=30 * 1440))
        rollups.rebuild(store, date(2025, 2, 1), date(2025, 2, 1))
        assert _buckets(store, "month", "occupied_seconds")[date(2025, 2, 1)] == 28 * 86_400


def test_all_months_are_made_anew_from_the_rows(engine: Engine) -> None:
    with writing(engine) as store:
        _three_owners(store)
        ends = date(2025, 1, 1), date(2025, 2, 28)
        grown = rollups.stored(store, *ends)
        for model in (Rollup, HourProfile):
            store.execute(delete(model))
        rollups.rebuild_all(store)
        assert rollups.stored(store, *ends) == grown


def test_an_open_interval_has_no_sums(engine: Engine) -> None:
    with writing(engine) as store:
        station = _station(store)
        start = _local(BERLIN, 2025, 6, 1)
        interval = factories.add_status(store, station.connectors[0], "faulted", start)
        with pytest.raises(ValueError, match="open"):
            rollups.interval_facts(interval, station.id, station.charging_station)
