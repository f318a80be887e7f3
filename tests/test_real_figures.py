"""The figures of 30,114 real sessions, against what pandas finds in the file they come from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import factories
import numpy as np
import pandas as pd
import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from db.analytics import (
    activity,
    arrivals,
    congestion,
    drivers,
    load,
    per_session,
    series,
    utilisation,
    volume,
)
from db.analytics.buckets import Bucket, Grain
from db.analytics.scope import Period, Scope
from db.engine import reading, writing
from db.models import ChargingConnector, OCPPStation
from ocpp_integration.imports import import_sessions

ACN = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "acn_sessions.csv.gz"
ZONE = "America/Los_Angeles"
NOW = datetime(2021, 9, 20, 12, tzinfo=UTC)
WHOLE = Period(date(2018, 10, 1), date(2021, 10, 1))
# The clocks are put back on 3 November 2019; a month ends, and the edges are days.
AUTUMN = Period(date(2019, 10, 21), date(2019, 11, 12))
RATED_W = 7_000


@dataclass
class Real:
    store: Session
    stations: dict[str, int]
    sessions: pd.DataFrame
    """A row for each session. Times are the station's, with their offset."""
    hours: pd.DataFrame
    """A row for each hour of each session: seconds plugged in and charging in it, Wh that flowed in it."""


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    if not ACN.exists():
        pytest.skip(f"the ACN sessions are not at {ACN}")
    folder = tmp_path_factory.mktemp("acn")
    engine = factories.make_store(folder)
    import_sessions(engine, ACN, timezone=ZONE, currency="USD", rejects=folder / "rejects.csv", now=NOW)
    with writing(engine) as store:
        store.execute(update(ChargingConnector).values(power_w=RATED_W))
    sessions = _read()
    with reading(engine) as store:
        stations = {row.station_id: row.id for row in store.scalars(select(OCPPStation))}
        yield Real(store, stations, sessions, _by_hour(sessions))
    engine.dispose()


def _read() -> pd.DataFrame:
    file = pd.read_csv(ACN, dtype=str)
    times = {
        name: pd.to_datetime(file[f"{column}"], utc=True)
        for name, column in (
            ("start", "connection_start"),
            ("stop", "connection_end"),
            ("charging_start", "charging_start"),
            ("charging_end", "charging_end"),
        )
    }
    table = pd.DataFrame(
        {
            "station": file["station_id"],
            "driver": file["user_id"],
            "wh": [int(Decimal(kwh) * 1000) for kwh in file["energy_kwh"]],
            "start": times["start"].dt.tz_convert(ZONE),
            "stop": times["stop"].dt.tz_convert(ZONE),
        }
    )
    table["seconds"] = _seconds(times["stop"] - times["start"])
    charging = _seconds(times["charging_end"] - times["charging_start"])
    table["charging"] = charging.clip(upper=table["seconds"])
    return table


def _seconds(time: pd.Series) -> pd.Series:
    return (time // pd.Timedelta(seconds=1)).astype("int64")


def _instants(time: pd.Series) -> pd.Series:
    return _seconds(time - pd.Timestamp(0, tz=UTC))


def _by_hour(sessions: pd.DataFrame) -> pd.DataFrame:
    """Los Angeles is whole hours behind UTC, so that hours begin where those of UTC do."""
    start, stop = _instants(sessions["start"]), _instants(sessions["stop"])
    hours = (stop - 1) // 3600 - start // 3600 + 1
    rows = sessions.loc[sessions.index.repeat(hours)].copy()
    number = rows.groupby(level=0).cumcount()
    begin = start[rows.index].to_numpy()
    hour = (begin // 3600 + number.to_numpy()) * 3600
    since = np.maximum(hour, begin) - begin
    until = np.minimum(hour + 3600, stop[rows.index].to_numpy()) - begin
    charging = rows["charging"].to_numpy()
    flowed = [
        rows["wh"].to_numpy() * np.minimum(at, charging) // np.maximum(charging, 1) for at in (since, until)
    ]
    return pd.DataFrame(
        {
            "station": rows["station"].to_numpy(),
            "at": pd.to_datetime(hour, unit="s", utc=True).tz_convert(ZONE),
            "occupied": until - since,
            "charging": np.minimum(until, charging) - np.minimum(since, charging),
            "wh": flowed[1] - flowed[0],
        }
    )


def _within(table: pd.DataFrame, column: str, period: Period, stations: list[str] | None) -> pd.DataFrame:
    first, last = (pd.Timestamp(day, tz=ZONE) for day in (period.start, period.end))
    found = table[(table[column] >= first) & (table[column] < last)]
    return found if stations is None else found[found["station"].isin(stations)]


def _keys(times: pd.Series, grain: Grain) -> pd.Series:
    local = times.dt.tz_localize(None)
    if grain == "hour":
        hour = local.dt.floor("h")
        return pd.Series([Bucket(at.date(), at.hour) for at in hour], index=times.index)
    if grain == "day":
        return local.dt.date.map(Bucket)
    return local.dt.to_period({"week": "W-SUN", "month": "M"}[grain]).dt.start_time.dt.date.map(Bucket)


_SCOPES = {"network": None, "set": 7}
_CASES: list[tuple[Period, Grain]] = [(AUTUMN, "hour"), (AUTUMN, "week"), (WHOLE, "day"), (WHOLE, "month")]


def _scope(real: Real, name: str) -> tuple[Scope, list[str] | None]:
    number = _SCOPES[name]
    if number is None:
        return Scope.network(), None
    chosen = sorted(real.stations)[:number]
    return Scope.network().only(real.stations[each] for each in chosen), chosen


@pytest.fixture(params=_SCOPES)
def scope(request: pytest.FixtureRequest, real: Real) -> tuple[Scope, list[str] | None]:
    return _scope(real, request.param)


Chosen = tuple[Scope, list[str] | None]


def test_the_whole_is_the_file_to_the_last_watt_hour_and_second(real: Real) -> None:
    found = volume.whole(real.store, Scope.network(), WHOLE)
    use = utilisation.whole(real.store, Scope.network(), WHOLE, NOW)
    assert (found.sessions, found.energy_wh, use.energy_wh) == (30_114, 442_037_230, 442_037_230)
    assert use.occupied.total_seconds() == real.sessions["seconds"].sum()
    assert use.charging.total_seconds() == real.sessions["charging"].sum()
    assert drivers.whole(real.store, Scope.network(), WHOLE).unique == 511


@pytest.mark.parametrize(("period", "grain"), _CASES)
def test_sessions_and_energy_are_those_that_ended(
    real: Real, scope: Chosen, period: Period, grain: Grain
) -> None:
    table = _within(real.sessions, "stop", period, scope[1])
    expected = table.groupby(_keys(table["stop"], grain))["wh"].agg(["size", "sum"])
    found = volume.series(real.store, scope[0], period, grain)
    assert {key: (each.sessions, each.energy_wh) for key, each in found.items() if each.attempts} == {
        key: (row["size"], row["sum"]) for key, row in expected.iterrows()
    }


@pytest.mark.parametrize("grain", ["week", "month"])
def test_averages_medians_and_drivers_are_those_of_the_sessions(
    real: Real, scope: Chosen, grain: Grain
) -> None:
    table = _within(real.sessions, "stop", WHOLE, scope[1])
    groups = table.groupby(_keys(table["stop"], grain))
    expected = groups.agg(
        wh=("wh", "sum"),
        wh_median=("wh", "median"),
        seconds=("seconds", "sum"),
        seconds_median=("seconds", "median"),
        count=("wh", "size"),
        drivers=("driver", "nunique"),
    )
    found = per_session.series(real.store, scope[0], WHOLE, grain)
    people = drivers.series(real.store, scope[0], WHOLE, grain)
    assert {
        key: [
            *(each.energy.total, each.energy.median, each.duration.total, each.duration.median),
            *(each.energy.count, people[key].unique),
        ]
        for key, each in found.items()
        if each.energy and each.duration
    } == {key: list(row) for key, row in expected.iterrows()}


@pytest.mark.parametrize(("period", "grain"), _CASES)
def test_times_and_the_load_curve_are_where_they_passed(
    real: Real, scope: Chosen, period: Period, grain: Grain
) -> None:
    table = _within(real.hours, "at", period, scope[1])
    expected = table.groupby(_keys(table["at"], grain))[["occupied", "charging", "wh"]].sum()
    found = utilisation.series(real.store, scope[0], period, grain, NOW)
    assert {
        key: [each.occupied.total_seconds(), each.charging.total_seconds(), each.energy_wh]
        for key, each in found.items()
        if each.occupied
    } == {key: list(row) for key, row in expected.iterrows()}
    curve = load.series(real.store, scope[0], period, grain)
    assert {key: wh for key, wh in curve.items() if wh} == {
        key: wh for key, wh in expected["wh"].items() if wh
    }


@pytest.mark.parametrize("grain", ["hour", "week"])
def test_arrivals_are_the_starts(real: Real, scope: Chosen, grain: Grain) -> None:
    table = _within(real.sessions, "start", AUTUMN, scope[1])
    expected = table.groupby(_keys(table["start"], grain)).size().to_dict()
    found = arrivals.series(real.store, scope[0], AUTUMN, grain)
    assert {key: number for key, number in found.items() if number} == expected


def test_hours_of_the_week_are_those_of_the_clocks(real: Real, scope: Chosen) -> None:
    started = _within(real.sessions, "start", AUTUMN, scope[1])["start"]
    flowed = _within(real.hours, "at", AUTUMN, scope[1])
    at = flowed["at"]
    expected = (
        started.groupby([started.dt.day_of_week, started.dt.hour]).size(),
        flowed.groupby([at.dt.day_of_week, at.dt.hour])["wh"].sum(),
    )
    grids = series.hour_by_weekday, series.load_by_weekday
    for read, wanted in zip(grids, expected, strict=True):
        grid = read(real.store, scope[0], AUTUMN)
        assert grid == [[wanted.get((day, hour), 0) for hour in range(24)] for day in range(7)]


def test_open_time_begins_with_each_stations_first_session_and_ends_now(real: Real, scope: Chosen) -> None:
    starts = _within(real.sessions, "start", WHOLE, scope[1]).groupby("station")["start"].min()
    seconds = int(sum((pd.Timestamp(NOW) - at.normalize()).total_seconds() for at in starts))
    use = utilisation.whole(real.store, scope[0], WHOLE, NOW)
    assert (use.open.total_seconds(), use.deliverable_wh) == (seconds, round(RATED_W * seconds / 3600))


def test_a_site_of_one_connector_is_congested_while_that_is_occupied(real: Real, scope: Chosen) -> None:
    found = congestion.series(real.store, scope[0], WHOLE, "month", NOW)
    use = utilisation.series(real.store, scope[0], WHOLE, "month", NOW)
    assert {key: (each.congested, each.open) for key, each in found.items()} == {
        key: (each.occupied, each.open) for key, each in use.items()
    }


@pytest.mark.parametrize("grain", ["week", "month"])
def test_days_in_use_are_those_on_which_somebody_was_plugged_in(
    real: Real, scope: Chosen, grain: Grain
) -> None:
    table = _within(real.hours, "at", WHOLE, scope[1])
    table = table[table["occupied"] > 0].assign(key=lambda rows: _keys(rows["at"], grain))
    days = table.assign(day=table["at"].dt.date).drop_duplicates(["key", "day", "station"])
    expected = days.groupby("key").agg({"day": ["nunique", "size"], "station": "nunique"})
    found = activity.series(real.store, scope[0], WHOLE, grain, NOW)
    assert {
        key: [each.days, each.station_days, len(each.used)] for key, each in found.items() if each.used
    } == {key: list(row) for key, row in expected.iterrows()}


@pytest.mark.parametrize("grain", ["hour", "month"])
def test_the_peak_is_the_most_that_all_sessions_drew_at_once(real: Real, grain: Grain) -> None:
    period = AUTUMN if grain == "hour" else WHOLE
    flowing = real.sessions[real.sessions["charging"] > 0]
    power = flowing["wh"] * 3_600_000 // flowing["charging"]
    begin = _instants(flowing["start"])
    changes = pd.concat(
        [pd.Series(power.to_numpy(), begin), pd.Series(-power.to_numpy(), begin + flowing["charging"])]
    )
    # Levels at the full hours too, where a bucket may begin.
    hours = np.arange(begin.min() // 3600, begin.max() // 3600 + 48) * 3600
    levels = pd.concat([changes, pd.Series(0, hours)]).groupby(level=0).sum().sort_index().cumsum()
    at = pd.Series(pd.to_datetime(levels.index, unit="s", utc=True).tz_convert(ZONE), index=levels.index)
    table = _within(pd.DataFrame({"at": at, "level": levels}), "at", period, None)
    expected = ((table.groupby(_keys(table["at"], grain))["level"].max() + 500) // 1000).to_dict()
    found = load.peak_series(real.store, Scope.network(), period, grain)
    assert {key: each.power_w for key, each in found.items() if each} == {
        key: power for key, power in expected.items() if power
    }


def _all(store: Session, scope: Scope, period: Period) -> dict[str, Any]:
    return {
        "volume": volume.whole(store, scope, period),
        "per_session": per_session.whole(store, scope, period),
        "drivers": drivers.whole(store, scope, period),
        "use": utilisation.whole(store, scope, period, NOW),
        "congestion": congestion.whole(store, scope, period, NOW),
        "activity": activity.whole(store, scope, period, NOW),
        "arrivals": arrivals.whole(store, scope, period),
        "peak": load.peak(store, scope, period),
    }


def test_all_stations_chosen_one_by_one_are_the_network(real: Real) -> None:
    chosen = Scope.network().only(real.stations.values())
    assert _all(real.store, chosen, AUTUMN) == _all(real.store, Scope.network(), AUTUMN)
