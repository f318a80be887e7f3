"""When chargers were used, and how much of what they could do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from db.analytics import activity, congestion, load, series, utilisation
from db.analytics.definitions import passing_rows, session_rows, use_rows
from db.analytics.definitions.kpi import Compute, Kpi, Value
from db.analytics.scope import Period, Scope
from db.analytics.utilisation import Use

_ATLAS = "Atlas charging-use specification"
_TIMES = ("started_at", "ended_at", "timezone")
_SESSION = ("station", "connector", *_TIMES)
_OPEN = ("what", *_SESSION, "open_seconds")
_UNRATED = "count(*) FILTER (WHERE open_seconds > 0 AND rated_w IS NULL)"


def _of_use(figure: Callable[[Use], Value]) -> Compute:
    return lambda store, scope, period, now: figure(utilisation.whole(store, scope, period, now))


def _seconds(time: timedelta) -> int:
    return time // timedelta(seconds=1)


def _arrivals(store: Session, scope: Scope, period: Period, _now: datetime) -> Value:
    return _by_hour(series.hour_by_weekday(store, scope, period))


def _load(store: Session, scope: Scope, period: Period, _now: datetime) -> Value:
    return _by_hour(series.load_by_weekday(store, scope, period))


def _by_hour(grid: list[list[int]]) -> Value:
    """By weekday and hour, those of them in which there was anything."""
    return {(day, hour): n for day, hours in enumerate(grid) for hour, n in enumerate(hours) if n}


def _peak(store: Session, scope: Scope, period: Period, _now: datetime) -> Value:
    found = load.peak(store, scope, period)
    return None if found is None else found.power_w


def _time(key: str, atlas: str, formula: str, figure: Callable[[Use], timedelta]) -> Kpi:
    """Time of sessions in the period, summed over connectors."""
    return Kpi(
        key=key,
        name=atlas.capitalize(),
        unit="time",
        formula=formula,
        source=f"{_ATLAS}: {atlas}",
        value=_of_use(lambda found: _seconds(figure(found))),
        behind=passing_rows.times,
        columns=(*_SESSION, "occupied_seconds", "charging_seconds", "idle_seconds", "transaction_id"),
        adds_up=f"coalesce(sum({key.removeprefix('time_')}_seconds), 0)",
        less_is_better=key == "time_idle",
    )


def _rate(key: str, atlas: str, seconds: str, of: str, figure: Callable[[Use], float | None]) -> Kpi:
    """Time of sessions, of the time in which connectors were open."""
    return Kpi(
        key=key,
        name=key.replace("_", " ").capitalize(),
        unit="share",
        formula=f"The time {of}, of the time in which connectors were open, both summed over connectors. A "
        "connector is open around the clock, from the first day on which its station was known.",
        source=f"{_ATLAS}: {atlas}",
        value=_of_use(figure),
        behind=use_rows.use,
        columns=(*_OPEN, seconds),
        adds_up=f"1.0 * sum({seconds}) / nullif(sum(open_seconds), 0)",
        less_is_better=key == "idle_utilisation",
    )


KPIS = (
    _time(
        "time_occupied",
        "Time Occupied",
        "The time within the period in which vehicles were plugged in, of sessions that have ended.",
        lambda found: found.occupied,
    ),
    _time(
        "time_charging",
        "Time Charging",
        "The time within the period in which energy flowed, of sessions that have ended; a session charges "
        "from its start on.",
        lambda found: found.charging,
    ),
    _time(
        "time_idle",
        "Time Idle",
        "The time within the period in which vehicles were plugged in without charging, of sessions that "
        "have ended.",
        lambda found: found.idle,
    ),
    _rate(
        "occupied_utilisation",
        "Occupied Utilization",
        "occupied_seconds",
        "occupied",
        lambda found: found.occupied_share,
    ),
    _rate(
        "station_utilisation",
        "Station Utilization",
        "charging_seconds",
        "charging",
        lambda found: found.charging_share,
    ),
    _rate(
        "idle_utilisation",
        "Idle Utilization",
        "idle_seconds",
        "occupied without charging",
        lambda found: found.idle_share,
    ),
    Kpi(
        key="capacity_factor",
        name="Capacity factor",
        unit="share",
        formula="The energy that flowed in the period, of what the connectors would have delivered at their "
        "rated power while they were open. Not told where the rating of one of them is not known.",
        source=f"{_ATLAS}: Capacity Factor",
        value=_of_use(lambda found: found.capacity_factor),
        behind=use_rows.use,
        columns=(*_OPEN, "rated_w", "energy_wh"),
        adds_up=f"CASE WHEN {_UNRATED} = 0 THEN "
        "1.0 * sum(energy_wh) / nullif(round(sum(rated_w * open_seconds) / 3600.0), 0) END",
    ),
    Kpi(
        key="congestion",
        name="Site congestion",
        unit="share",
        formula="The time in which all open connectors of a site were occupied at once, of the time in which "
        "the site was open, both summed over sites.",
        source=f"{_ATLAS}: Site Congestion",
        value=lambda store, scope, period, now: congestion.whole(store, scope, period, now).share,
        behind=use_rows.congestion,
        columns=(
            "what",
            "station",
            "started_at",
            "ended_at",
            "timezone",
            "open_seconds",
            "congested_seconds",
        ),
        adds_up="1.0 * sum(congested_seconds) / nullif(sum(open_seconds), 0)",
        less_is_better=True,
    ),
    Kpi(
        key="in_use_days",
        name="In-use days",
        unit="count",
        formula="The number of local days on which a station was occupied, summed over stations.",
        source=f"{_ATLAS}: In-use Days",
        value=lambda store, scope, period, now: activity.whole(store, scope, period, now).station_days,
        behind=passing_rows.days_in_use,
        columns=("day", "station", "station_id", "sessions", "occupied_seconds"),
        adds_up="count(*)",
    ),
    Kpi(
        key="unused_stations",
        name="Stations without use",
        unit="count",
        formula="The number of stations that were open in the period and at which nobody was plugged in.",
        source=f"{_ATLAS}: Stations Without Use",
        value=lambda store, scope, period, now: len(activity.whole(store, scope, period, now).unused),
        behind=use_rows.unused_stations,
        columns=("station", "station_id", *_TIMES),
        adds_up="count(*)",
        less_is_better=True,
    ),
    Kpi(
        key="peak_power",
        name="Peak power",
        unit="power",
        formula="The most power that all sessions together drew at one time; the energy of a session flows "
        "evenly while it charges.",
        source="MengedMate: the highest point of the load curve",
        value=_peak,
        behind=passing_rows.power,
        columns=("at", "station", "connector", "timezone", "own_power_w", "power_w"),
        adds_up="max(power_w)",
        less_is_better=None,
    ),
    Kpi(
        key="load_curve",
        name="Load curve",
        unit="energy",
        formula="The energy that flowed in the period, by weekday and hour of the station's clock; that of "
        "a session flows evenly while it charges.",
        source="MengedMate: split over the hours in which it flowed",
        value=_load,
        behind=passing_rows.flow,
        columns=(*_SESSION, "weekday", "hour", "energy_wh", "transaction_id"),
        adds_up="sum(energy_wh)",
        per=("weekday", "hour"),
        less_is_better=None,
    ),
    Kpi(
        key="arrivals",
        name="Arrivals",
        unit="count",
        formula="The number of sessions that began in the period, by weekday and hour of the clock of their "
        "station.",
        source="MengedMate: a session arrives when it starts",
        value=_arrivals,
        behind=session_rows.begun,
        columns=("station", "connector", "started_at", "timezone", "weekday", "hour", "transaction_id"),
        adds_up="count(*)",
        per=("weekday", "hour"),
        less_is_better=None,
    ),
)
