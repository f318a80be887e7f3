"""What the meter said during one session."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from db.analytics.scope import Scope
from db.models import ChargingSession, SessionMeterValue

_REGISTER = "energy_active_import_register"
_POWER = "power_active_import"
_CLOCKS_MOVE = timedelta(days=1)


@dataclass(frozen=True)
class MeterPoint:
    """What the meter said at `time`; `energy_wh` since the session's start."""

    time: datetime
    energy_wh: int | None = None
    power_w: int | None = None
    soc_percent: float | None = None


def meter_curve(store: Session, scope: Scope, pk: int) -> list[MeterPoint]:
    """A session's unphased energy, power and state of charge by time; empty without meter values."""
    session = store.execute(
        select(ChargingSession.start_time, ChargingSession.stop_time, ChargingSession.meter_start).where(
            ChargingSession.id == pk, ChargingSession.ocpp_station_id.in_(scope.stations())
        )
    ).one_or_none()
    if session is None:
        return []
    values = store.execute(
        select(
            SessionMeterValue.timestamp,
            SessionMeterValue.measurand,
            SessionMeterValue.value,
            SessionMeterValue.unit,
        )
        .where(
            SessionMeterValue.session_id == pk,
            SessionMeterValue.phase.is_(None),
            *times_of(session.start_time, session.stop_time),
        )
        .order_by(SessionMeterValue.timestamp)
    ).all()
    points: dict[datetime, dict[str, Any]] = {}
    baseline = session.meter_start
    for time, measurand, value, unit in values:
        scaled = value * 1000 if unit in ("kWh", "kW") else value
        if measurand == _REGISTER:
            baseline = scaled if baseline is None else baseline
            points.setdefault(time, {})["energy_wh"] = int(scaled - baseline)
        elif measurand == _POWER:
            points.setdefault(time, {})["power_w"] = int(scaled)
        elif measurand == "soc":
            points.setdefault(time, {})["soc_percent"] = float(value)
    return [MeterPoint(time, **known) for time, known in points.items()]


def times_of(start: datetime, stop: datetime | None) -> list[ColumnElement[bool]]:
    """Conditions on meter values that spare a look at all months but a session's own."""
    at = SessionMeterValue.timestamp
    # Clocks are corrected in mid-session, and the last values may bear times after the stop.
    around = [at >= start - _CLOCKS_MOVE]
    return around if stop is None else [*around, at <= stop + _CLOCKS_MOVE]
