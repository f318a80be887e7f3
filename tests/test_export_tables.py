"""What the exported tables hold, from rows in the store."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import factories
import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from db.analytics import exclusions
from db.analytics.buckets import Grain
from db.analytics.definitions import KPIS
from db.analytics.scope import Period, Scope
from db.analytics.spans import Span
from db.engine import reading, writing
from db.models import OCPPStation
from ocpp_integration.exports import meter_values, periods, reliability, series, stations
from ocpp_integration.exports.catalogue import EXPORTS, Asked
from ocpp_integration.exports.files import FORMATS, to_csv
from ocpp_integration.exports.table import Table
from settings import load

DAY = date(2025, 6, 10)
MIDNIGHT = datetime(2025, 6, 9, 21, tzinfo=UTC)  # in Addis Ababa
TODAY = Period(DAY, DAY + timedelta(days=1))
TOMORROW = MIDNIGHT + timedelta(days=1)


def _at(hours: float) -> datetime:
    return MIDNIGHT + timedelta(hours=hours)


def _rows(engine: Engine, make: Callable[[Session], Table[Any]]) -> list[dict[str, str]]:
    with reading(engine) as store:
        text = b"".join(to_csv(make(store))).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def _asked(scope: Scope | None = None, period: Period | None = TODAY, now: datetime = TOMORROW) -> Asked:
    return Asked(scope=scope or Scope.network(), now=now, settings=load(None), period=period)


def _exported(engine: Engine, name: str, asked: Asked | None = None) -> list[dict[str, str]]:
    def make(store: Session) -> Table[Any]:
        content = EXPORTS[name].make(store, asked or _asked())
        assert isinstance(content, Table)
        return content

    return _rows(engine, make)


def _station(store: Session, name: str = "Bole Road", **more: Any) -> OCPPStation:
    return factories.add_station(store, factories.add_owner(store, f"Owner of {name}"), name, **more)


OF_ALL = [name for name, export in EXPORTS.items() if not export.is_of_one_session]


@pytest.mark.parametrize("name", OF_ALL)
def test_of_an_empty_store_every_file_can_be_made(engine: Engine, name: str) -> None:
    export = EXPORTS[name]
    with reading(engine) as store:
        for period in (None, TODAY):
            for ending in export.formats:
                content = export.make(store, _asked(period=period))
                assert b"".join(FORMATS[ending].write(content))


@pytest.mark.parametrize("name", OF_ALL)
def test_of_another_owners_stations_a_file_tells_nothing(engine: Engine, name: str) -> None:
    with writing(engine) as store:
        station = _station(store, "Secret Road", status="faulted")
        factories.add_session(store, station, _at(2), id_tag="SECRETTAG")
        factories.add_status(store, station.connectors[0], "faulted", _at(1), _at(2), "HighTemperature")
        other = factories.add_owner(store, "Other")
        factories.roll_up(store, DAY, DAY)
    with reading(engine) as store:
        for period in (None, TODAY):
            ending = EXPORTS[name].formats[0]
            content = EXPORTS[name].make(store, _asked(Scope.owner(other.id), period))
            text = b"".join(FORMATS[ending].write(content)).decode()
            assert [
                w for w in ("Secret", "SECRET", "HighTemp", str(station.charging_station_id)) if w in text
            ] == []


def test_a_file_of_one_station_holds_nothing_of_its_neighbour(engine: Engine) -> None:
    with writing(engine) as store:
        one, other = _station(store, "One"), _station(store, "Other")
        for station in (one, other):
            factories.add_session(store, station, _at(2))
        wanted = Scope.station(one.id)
    assert [row["station"] for row in _exported(engine, "sessions", _asked(wanted))] == ["One"]


# Meter values


def test_the_meter_values_of_a_session_stand_with_their_units(engine: Engine) -> None:
    with writing(engine) as store:
        session = factories.add_session(store, _station(store), _at(2), transaction_id=42)
        factories.add_meter_values(store, session, [(_at(2.25), 5_000, 20_000)])
    rows = _rows(engine, lambda store: meter_values.table(store, Scope.network(), 42))
    assert [(row["time (UTC)"], row["measurand"], row["value"], row["unit"]) for row in rows] == [
        ("2025-06-09T23:15:00Z", "energy_active_import_register", "5000.000", "Wh"),
        ("2025-06-09T23:15:00Z", "power_active_import", "20000.000", "W"),
    ]


def test_meter_values_of_a_session_outside_the_scope_are_not_there(engine: Engine) -> None:
    with writing(engine) as store:
        factories.add_session(store, _station(store), _at(2), transaction_id=42)
        other = factories.add_owner(store, "Other")
    with reading(engine) as store, pytest.raises(meter_values.NoSuchSession):
        meter_values.table(store, Scope.owner(other.id), 42)


# Days and stations


def test_a_day_holds_what_ended_in_it_with_revenue_by_currency(engine: Engine) -> None:
    with writing(engine) as store:
        here = _station(store, "Bole Road")
        there = _station(store, "Nairobi", timezone="Africa/Nairobi", currency="KES")
        factories.add_session(store, here, _at(2), energy_wh=12_500, cost=Decimal("125.00"))
        factories.add_session(store, there, _at(3), energy_wh=1_000, cost=Decimal("70.00"))
        factories.roll_up(store, DAY, DAY)
    (row,) = _exported(engine, "daily")
    assert (row["day"], row["sessions"], row["energy (kWh)"]) == ("2025-06-10", "2", "13.500")
    assert (row["revenue (ETB)"], row["revenue (KES)"]) == ("125.00", "70.00")


def test_a_day_without_a_connector_observed_has_no_availability(engine: Engine) -> None:
    with writing(engine) as store:
        factories.add_session(store, _station(store), _at(2))
        factories.roll_up(store, DAY, DAY)
    (row,) = _exported(engine, "daily")
    assert (row["availability (%)"], row["error_rate (%)"]) == ("", "0.00")


def test_without_a_period_the_days_are_those_of_the_sessions(engine: Engine) -> None:
    with writing(engine) as store:
        station = _station(store)
        factories.add_session(store, station, _at(2))
        factories.add_session(store, station, _at(50))
        factories.roll_up(store, DAY, DAY)
    rows = _exported(engine, "daily", _asked(period=None, now=_at(200)))
    assert [row["day"] for row in rows] == ["2025-06-10", "2025-06-11", "2025-06-12"]


def test_days_over_years_are_each_there_once(engine: Engine) -> None:
    with writing(engine) as store:
        _station(store)
    wanted = Period(date(2023, 1, 1), date(2025, 6, 11))
    rows = _exported(engine, "daily", _asked(period=wanted))
    days = [date.fromisoformat(row["day"]) for row in rows]
    assert days == [wanted.start + timedelta(days=n) for n in range(wanted.days)]


def test_days_that_have_not_come_are_left_out(engine: Engine) -> None:
    with writing(engine) as store:
        _station(store)
    rows = _exported(engine, "daily", _asked(period=Period(DAY, date(2199, 12, 31)), now=_at(12)))
    assert len(rows) <= 3


def test_the_stations_stand_by_what_they_earned(engine: Engine) -> None:
    with writing(engine) as store:
        for name, cost in (("Least", "1.00"), ("Most", "9.00"), ("None", None)):
            station = _station(store, name)
            if cost is not None:
                factories.add_session(store, station, _at(2), cost=Decimal(cost))
        factories.roll_up(store, DAY, DAY)
    rows = _rows(engine, lambda store: series.top_stations(store, Scope.network(), TODAY))
    assert [(row["rank"], row["station"], row["revenue"]) for row in rows] == [
        ("1", "Most", "9.00"),
        ("2", "Least", "1.00"),
    ]


def test_a_station_is_told_with_its_state_at_this_moment(engine: Engine) -> None:
    with writing(engine) as store:
        station = _station(store, "Bole Road", connectors=3)
        station.connectors[0].status, station.connectors[1].status = "charging", "faulted"
        station.charging_station.latitude = 9.0105
        factories.add_session(store, station, _at(2), minutes=None, status="charging", power_w=22_000)
        _station(store, "Adama", is_online=False, connectors=1)
    first, second = _rows(engine, lambda store: stations.table(store, Scope.network()))
    assert (first["station"], first["offline"], first["last_heartbeat (UTC)"]) == ("Adama", "1", "")
    assert (second["connectors"], second["charging"], second["faulted"], second["available"]) == tuple("3111")
    assert (second["power (kW)"], second["rated_power (kW)"], second["latitude (°)"]) == (
        "22.000",
        "180.000",
        "9.010500",
    )


# Outages and errors


def test_an_outage_is_told_with_its_reasons_and_what_is_excluded_of_it(engine: Engine) -> None:
    with writing(engine) as store:
        admin, station = factories.add_user(store), _station(store, connectors=1)
        factories.add_status(store, station.connectors[0], "available", _at(0), _at(2))
        factories.add_status(store, station.connectors[0], "faulted", _at(2), _at(6), "HighTemperature")
        factories.add_status(store, station.connectors[0], "available", _at(6), _at(24))
        exclusions.enter(
            store,
            station_pk=station.id,
            connector_pk=None,
            span=Span(_at(1), _at(3.5)),
            reason="vandalism",
            by=admin,
            notes="the cable was cut",
        )
    (row,) = _exported(engine, "outages")
    assert (row["duration (min)"], row["excluded (min)"]) == ("240.00", "90.00")
    assert row["excluded_because"] == "vandalism: the cable was cut"
    assert (row["error_codes"], row["errors"]) == ("HighTemperature", "too hot inside")
    assert (row["start (UTC)"], row["end (UTC)"]) == ("2025-06-09T23:00:00Z", "2025-06-10T03:00:00Z")


def test_an_outage_that_lasts_has_no_end(engine: Engine) -> None:
    with writing(engine) as store:
        factories.add_status(store, _station(store).connectors[0], "faulted", _at(2))
    rows = _rows(engine, lambda store: reliability.outages(store, Scope.network(), TODAY, _at(5)))
    assert [(row["end (UTC)"], row["duration (min)"]) for row in rows] == [("", "180.00")]


def test_errors_are_counted_by_their_codes_with_their_meaning(engine: Engine) -> None:
    with writing(engine) as store:
        one, other = _station(store, "One"), _station(store, "Other")
        factories.add_status(store, one.connectors[0], "faulted", _at(1), _at(2), "GroundFailure")
        factories.add_status(store, other.connectors[0], "faulted", _at(3), _at(3.5), "GroundFailure")
        factories.add_status(store, one.connectors[0], "charging", _at(4), _at(5), "WeakSignal")
        factories.add_status(store, one.connectors[1], "available", _at(4), _at(5), "NoError")
        factories.add_status(store, one.connectors[1], "faulted", _at(25), _at(26), "GroundFailure")
        broken = factories.add_status(store, one.connectors[1], "faulted", _at(6), None, "OtherError")
        broken.vendor_error_code = "CX025"
    rows = _exported(engine, "errors", _asked(now=_at(7)))
    assert [
        (row["error_code"], row["vendor_error_code"], row["faults"], row["warnings"], row["stations"])
        for row in rows
    ] == [
        ("GroundFailure", "", "2", "0", "2"),
        ("OtherError", "CX025", "1", "0", "1"),
        ("WeakSignal", "", "0", "1", "1"),
    ]
    assert [row["time (min)"] for row in rows] == ["90.00", "60.00", "60.00"]
    assert rows[1]["meaning"] == "the connector's latch is broken"


def test_without_a_period_errors_of_all_times_are_counted(engine: Engine) -> None:
    with writing(engine) as store:
        connector = _station(store).connectors[0]
        for hours in (1, 9_000):
            factories.add_status(store, connector, "faulted", _at(hours), _at(hours + 1), "OverVoltage")
    (row,) = _exported(engine, "errors", _asked(period=None, now=_at(10_000)))
    assert row["faults"] == "2"


# Periods


def test_both_days_of_a_period_are_in_it() -> None:
    assert periods.days(DAY, DAY) == TODAY


def test_without_days_there_is_no_period() -> None:
    assert periods.asked(None, None, None) is None


@pytest.mark.parametrize("day", [date.min, date.max])
def test_a_day_that_is_far_away_can_be_asked_for(day: date) -> None:
    found = periods.days(day, day)
    assert found is not None
    assert found.bounds("Pacific/Kiritimati") < found.bounds("Pacific/Honolulu")


def test_a_period_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(periods.WrongPeriod, match="comes before"):
        periods.days(DAY, DAY - timedelta(days=1))


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("2026-Q1", date(2026, 1, 1), date(2026, 3, 31)),
        ("2024-Q2", date(2024, 4, 1), date(2024, 6, 30)),
        ("2025-Q4", date(2025, 10, 1), date(2025, 12, 31)),
    ],
)
def test_a_quarter_is_three_months(name: str, first: date, last: date) -> None:
    assert periods.asked(DAY, DAY, name) == periods.days(first, last)


@pytest.mark.parametrize("name", ["2026-Q5", "2026Q1", "Q1", "1999-Q1"])
def test_a_quarter_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(periods.WrongPeriod):
        periods.quarter(name)


@pytest.mark.parametrize(
    ("today", "quarter"),
    [
        (date(2026, 1, 1), "2025-Q4"),
        (date(2026, 3, 31), "2025-Q4"),
        (date(2026, 4, 1), "2026-Q1"),
        (date(2026, 12, 31), "2026-Q3"),
    ],
)
def test_the_last_quarter_is_the_newest_that_is_over(today: date, quarter: str) -> None:
    assert periods.last_quarter(today) == periods.quarter(quarter)


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2025, 3, 30), 23), (date(2025, 10, 26), 25), (date(2025, 6, 10), 24)]
)
def test_a_day_on_which_the_clocks_move_has_all_its_sessions(engine: Engine, day: date, hours: int) -> None:
    with writing(engine) as store:
        station = _station(store, "Berlin", timezone="Europe/Berlin")
        start, _ = Period(day, day + timedelta(days=1)).bounds("Europe/Berlin")
        for hour in range(-1, hours + 1):
            factories.add_session(store, station, start + timedelta(hours=hour), minutes=30)
    wanted = _asked(period=periods.days(day, day))
    assert len(_exported(engine, "sessions", wanted)) == hours
    assert len(_exported(engine, "ev-chart-sessions", wanted)) == hours


def test_the_file_of_kpis_has_every_one_with_its_unit_and_the_period_before(engine: Engine) -> None:
    with writing(engine) as store:
        station = _station(store)
        for hours, energy_wh in ((-20, 5_000), (2, 10_000), (5, 20_500)):
            cost = Decimal(energy_wh) / 100
            factories.add_session(store, station, _at(hours), minutes=30, energy_wh=energy_wh, cost=cost)
        factories.roll_up(store, DAY - timedelta(days=1), DAY)
    rows = _exported(engine, "kpis")
    assert list(dict.fromkeys(row["key"] for row in rows)) == list(KPIS)
    told = {(row["key"], row["of"]): (row["unit"], row["value"], row["before"]) for row in rows}
    assert told["sessions", ""] == ("", "2.000000", "1.000000")
    assert told["energy", ""] == ("kWh", "30.500000", "5.000000")
    assert told["median_energy", ""] == ("kWh", "15.250000", "5.000000")
    assert told["revenue", "ETB"] == ("ETB", "305.000000", "50.000000")
    assert told["session_success", ""] == ("%", "100.000000", "100.000000")
    assert told["arrivals", "Tuesday 02:00"] == ("", "1.000000", "")


@pytest.mark.parametrize(("grain", "rows"), [("hour", 24), ("day", 1), ("week", 1), ("month", 1)])
def test_a_series_of_kpis_has_a_row_for_each_part_that_adds_up_to_the_whole(
    engine: Engine, grain: Grain, rows: int
) -> None:
    with writing(engine) as store:
        station = _station(store)
        for hours, energy_wh in ((2, 10_000), (5, 20_500)):
            factories.add_session(store, station, _at(hours), minutes=30, energy_wh=energy_wh)
        factories.roll_up(store, DAY, DAY)
    found = _exported(engine, "kpi-series", replace(_asked(), grain=grain))
    assert len(found) == rows
    assert sum(Decimal(row["energy (kWh)"]) for row in found) == Decimal("30.5")
    assert sum(int(row["time_occupied (s)"]) for row in found) == 3600
    assert max(Decimal(row["peak_power (kW)"] or 0) for row in found) == 41
    assert {row["session_success (%)"] for row in found} == ({""} if grain == "hour" else {"100.000000"})
