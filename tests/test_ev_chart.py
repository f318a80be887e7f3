"""EV-ChART's modules: what its upload reads."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import factories
import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from db.analytics import exclusions
from db.analytics.scope import Period, Scope
from db.analytics.spans import Span
from db.engine import reading, writing
from db.models import OCPPStation
from ocpp_integration.exports import periods
from ocpp_integration.exports.catalogue import EXPORTS, Asked
from ocpp_integration.exports.files import FORMATS
from settings import load

QUARTER = periods.quarter("2025-Q2")
START = datetime(2025, 3, 31, 21, tzinfo=UTC)  # of the quarter, in Addis Ababa
AFTER = datetime(2025, 8, 1, tzinfo=UTC)

# As the samples of its open-source release name them.
HEADERS = {
    "ev-chart-sessions": (
        "station_id,port_id,network_provider,charger_id,session_id,connector_id,session_start,session_end,"
        "session_error,error_other,energy_kwh,power_kw,payment_method,payment_other"
    ),
    "ev-chart-uptime": (
        "station_id,port_id,network_provider,uptime_reporting_start,uptime_reporting_end,uptime,"
        "total_outage,total_outage_excl"
    ),
    "ev-chart-outages": (
        "station_id,port_id,network_provider,outage_id,outage_duration,excluded_outage,"
        "excluded_outage_reason,excluded_outage_notes"
    ),
}


def _at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def _text(engine: Engine, name: str, period: Period | None = QUARTER, now: datetime = AFTER) -> str:
    export = EXPORTS[name]
    with reading(engine) as store:
        asked = Asked(
            scope=Scope.network(),
            now=now,
            settings=load(None, network_provider="Sheger Charge"),
            period=export.period(period, now),
        )
        return b"".join(FORMATS["csv"].write(export.make(store, asked))).decode()


def _rows(
    engine: Engine, name: str, period: Period | None = QUARTER, now: datetime = AFTER
) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(_text(engine, name, period, now), newline="")))


def _station(store: Session, connectors: int = 1) -> OCPPStation:
    return factories.add_station(store, factories.add_owner(store), connectors=connectors)


def _outage(store: Session, station: OCPPStation, start: float, end: float) -> None:
    (connector,) = station.connectors
    factories.add_status(store, connector, "available", _at(0), _at(start))
    factories.add_status(store, connector, "faulted", _at(start), _at(end))
    factories.add_status(store, connector, "available", _at(end), _at(100))


def _exclude(store: Session, station: OCPPStation, start: float, end: float, reason: str) -> None:
    exclusions.enter(
        store,
        station_pk=station.id,
        connector_pk=None,
        span=Span(_at(start), _at(end)),
        reason=reason,
        by=factories.add_user(store, f"admin {start}"),
    )


@pytest.mark.parametrize("name", HEADERS)
def test_the_columns_are_those_of_the_template_and_nothing_stands_before_them(
    engine: Engine, name: str
) -> None:
    assert _text(engine, name) == HEADERS[name] + "\r\n"


def test_a_session_is_a_row_of_module_2(engine: Engine) -> None:
    with writing(engine) as store:
        station = _station(store)
        factories.add_session(
            store,
            station,
            _at(5),
            transaction_id=77,
            energy_wh=12_345,
            max_power_w=58_250,
            payment_method="qr_code",
        )
        place, pk = str(station.charging_station_id), station.id
    (row,) = _rows(engine, "ev-chart-sessions")
    assert row == {
        "station_id": place,
        "port_id": f"P{pk}-1",
        "network_provider": "Sheger Charge",
        "charger_id": "STATION_BOLE_ROAD",
        "session_id": "77",
        "connector_id": "1",
        "session_start": "2025-04-01T02:00:00Z",
        "session_end": "2025-04-01T02:30:00Z",
        "session_error": "",
        "error_other": "",
        "energy_kwh": "12.35",
        "power_kw": "58.25",
        "payment_method": "qr_code",
        "payment_other": "",
    }


@pytest.mark.parametrize(
    ("energy_wh", "reason", "told"), [(0, None, "no energy"), (9_000, "EmergencyStop", "EmergencyStop")]
)
def test_a_session_that_failed_says_why(
    engine: Engine, energy_wh: int, reason: str | None, told: str
) -> None:
    with writing(engine) as store:
        factories.add_session(store, _station(store), _at(5), energy_wh=energy_wh, stop_reason=reason)
    assert _rows(engine, "ev-chart-sessions")[0]["session_error"] == told


def test_a_session_that_still_runs_is_not_handed_in(engine: Engine) -> None:
    with writing(engine) as store:
        factories.add_session(store, _station(store), _at(5), minutes=None, status="charging")
    assert _rows(engine, "ev-chart-sessions") == []


def test_a_session_is_in_the_quarter_in_which_it_ended_by_its_stations_clock(engine: Engine) -> None:
    with writing(engine) as store:
        station = _station(store)
        for hours in (-0.6, -0.5, -0.25):
            factories.add_session(store, station, _at(hours), minutes=30)
    starts = [row["session_start"] for row in _rows(engine, "ev-chart-sessions")]
    assert starts == ["2025-03-31T20:30:00Z", "2025-03-31T20:45:00Z"]


@pytest.mark.parametrize(("watt", "told"), [(99_999_990, "99999.99"), (99_999_999, ""), (None, "")])
def test_a_power_of_more_than_seven_digits_is_not_told(engine: Engine, watt: int | None, told: str) -> None:
    with writing(engine) as store:
        factories.add_session(store, _station(store), _at(5), max_power_w=watt)
    assert _rows(engine, "ev-chart-sessions")[0]["power_kw"] == told


def test_an_id_has_at_most_36_characters(engine: Engine) -> None:
    with writing(engine) as store:
        station = _station(store)
        factories.add_session(store, station, _at(5), transaction_id=2**63 - 1)
        factories.add_session(
            store, station, _at(6), transaction_id=None, source="import", external_id="x" * 99
        )
    ids = [
        row[column]
        for row in _rows(engine, "ev-chart-sessions")
        for column in ("session_id", "station_id", "port_id")
    ]
    assert (len(ids), max(map(len, ids)) <= 36) == (6, True)


def test_uptime_is_of_the_time_that_was_observed_without_what_is_excluded(engine: Engine) -> None:
    with writing(engine) as store:
        station = _station(store)
        _outage(store, station, 10, 20)
        _exclude(store, station, 8, 13, "maintenance")
    (row,) = _rows(engine, "ev-chart-uptime")
    assert (row["uptime_reporting_start"], row["uptime_reporting_end"]) == (
        "2025-03-31T21:00:00Z",
        "2025-04-05T01:00:00Z",
    )
    assert (row["uptime"], row["total_outage"], row["total_outage_excl"]) == ("93.00", "600.00", "180.00")


def test_an_outage_that_is_excluded_in_part_is_a_row_for_each_part(engine: Engine) -> None:
    with writing(engine) as store:
        station = _station(store)
        _outage(store, station, 10, 20)
        _exclude(store, station, 12, 13, "maintenance")
        _exclude(store, station, 12.5, 14, "vandalism")
    rows = _rows(engine, "ev-chart-outages")
    assert [
        (row["outage_id"], row["outage_duration"], row["excluded_outage"], row["excluded_outage_notes"])
        for row in rows
    ] == [
        ("2025-04-01T07:00:00Z", "120.00", "FALSE", ""),
        ("2025-04-01T09:00:00Z", "30.00", "TRUE", "scheduled maintenance"),
        ("2025-04-01T09:30:00Z", "30.00", "TRUE", "scheduled maintenance; vandalism"),
        ("2025-04-01T10:00:00Z", "60.00", "TRUE", "vandalism"),
        ("2025-04-01T11:00:00Z", "360.00", "FALSE", ""),
    ]


def test_the_parts_of_outages_add_up_to_the_uptimes_totals(engine: Engine) -> None:
    with writing(engine) as store:
        station = _station(store)
        _outage(store, station, 10, 20)
        _exclude(store, station, 12, 13, "closed")
        _exclude(store, station, 19, 40, "utility_interruption")
    parts, (uptime,) = _rows(engine, "ev-chart-outages"), _rows(engine, "ev-chart-uptime")
    excluded = [Decimal(row["outage_duration"]) for row in parts if row["excluded_outage"] == "TRUE"]
    assert sum(Decimal(row["outage_duration"]) for row in parts) == Decimal(uptime["total_outage"])
    assert sum(excluded) == Decimal(uptime["total_outage_excl"])


def test_an_outage_of_a_moment_is_as_long_as_the_template_has_it(engine: Engine) -> None:
    with writing(engine) as store:
        _outage(store, _station(store), 10, 10 + 0.1 / 3600)
    assert [row["outage_duration"] for row in _rows(engine, "ev-chart-outages")] == ["0.01"]


def test_without_a_period_it_is_of_the_last_quarter(engine: Engine) -> None:
    with writing(engine) as store:
        station = _station(store)
        for months in (0, 92):
            factories.add_session(store, station, START + timedelta(days=months, hours=5))
    rows = _rows(engine, "ev-chart-sessions", None, datetime(2025, 7, 20, tzinfo=UTC))
    assert [row["session_start"] for row in rows] == ["2025-04-01T02:00:00Z"]


def test_every_time_is_utc_with_a_z(engine: Engine) -> None:
    with writing(engine) as store:
        station = _station(store)
        _outage(store, station, 10, 20)
        factories.add_session(store, station, _at(5).replace(microsecond=5))
    told = [row for name in HEADERS for row in _rows(engine, name)]
    times = [row[each] for row in told for each in row if each.endswith(("_start", "_end", "outage_id"))]
    assert len(times) >= 5
    assert [each for each in times if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", each)] == []


def test_a_quarter_of_clocks_that_move_is_whole(engine: Engine) -> None:
    with writing(engine) as store:
        station = factories.add_station(
            store, factories.add_owner(store), connectors=1, timezone="Europe/Berlin"
        )
        factories.add_status(
            store,
            station.connectors[0],
            "available",
            datetime(2024, 1, 1, tzinfo=UTC),
            datetime(2025, 12, 1, tzinfo=UTC),
        )
    (row,) = _rows(engine, "ev-chart-uptime", Period(date(2025, 1, 1), date(2025, 4, 1)))
    assert (row["uptime_reporting_start"], row["uptime_reporting_end"], row["uptime"]) == (
        "2024-12-31T23:00:00Z",
        "2025-03-31T22:00:00Z",
        "100.00",
    )
