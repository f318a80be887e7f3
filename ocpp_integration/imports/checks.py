"""What makes a row unfit to be a session: such a row is left out.

The limits are the defaults of the Atlas specification for charging-use data. What is merely doubtful about a
session, or cannot be, is judged as that of any other session is.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from db.analytics.outcome import STOP_REASONS
from ocpp_integration.events import MAX_SESSION_WH
from ocpp_integration.imports.cells import Moment
from ocpp_integration.imports.errors import RowRejected
from ocpp_integration.imports.session import EndedSession

MAX_POWER_W = 10_000_000
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
CLOCK_TOLERANCE = timedelta(minutes=5)

_SPELLING_OF_REASON = {reason.lower(): reason for reason in STOP_REASONS}

IsWrong = Callable[[EndedSession, datetime], bool]  # session, now
ERRORS: dict[str, IsWrong] = {
    "stop_time is before start_time": lambda session, _: session.stop_time < session.start_time,
    "the session lasted no time": lambda session, _: session.stop_time == session.start_time,
    f"start_time is before {EARLIEST:%Y}": lambda session, _: session.start_time < EARLIEST,
    "stop_time is in the future": lambda session, now: session.stop_time > now + CLOCK_TOLERANCE,
    "energy_kwh is 0": lambda session, _: session.energy_wh == 0,
    f"energy_kwh is above {MAX_SESSION_WH // 1000}": lambda session, _: session.energy_wh > MAX_SESSION_WH,
    f"max_power_kw is above {MAX_POWER_W // 1000}": lambda session, _: (
        (session.max_power_w or 0) > MAX_POWER_W
    ),
    "charging_end is before charging_start": lambda session, _: (session.charging_seconds or 0) < 0,
}


def make_session(values: dict[str, Any], now: datetime) -> EndedSession:
    """The session that a row's values describe. Raises `RowRejected` with every reason there is."""
    start, stop = _start_and_stop(values["start_time"], values["stop_time"])
    session = EndedSession(
        external_id=values["session_id"],
        station_id=values["station_id"],
        connector_id=values.get("connector_id", 1),
        start_time=start,
        stop_time=stop,
        energy_wh=values["energy_kwh"],
        id_tag=values.get("user_id"),
        stop_reason=_stop_reason(values),
        charging_seconds=_charging_seconds(values),
        max_power_w=values.get("max_power_kw"),
        cost=values.get("cost"),
        flags=("ambiguous_time",) if _is_ambiguous(values) else (),
    )
    if reasons := [reason for reason, is_wrong in ERRORS.items() if is_wrong(session, now)]:
        raise RowRejected(*reasons)
    return session


def _start_and_stop(start: Moment, stop: Moment) -> tuple[datetime, datetime]:
    # In the hour that local clocks show twice a session may seem to end before it starts.
    if stop.later is not None and stop.utc <= start.utc:
        return start.utc, stop.later
    return start.utc, stop.utc


def _is_ambiguous(values: dict[str, Any]) -> bool:
    return values["start_time"].later is not None or values["stop_time"].later is not None


def _charging_seconds(values: dict[str, Any]) -> int | None:
    """As given, else from start to end, negative where these are the wrong way round."""
    if (given := values.get("charging_seconds")) is not None:
        return int(given)
    start, end = values.get("charging_start"), values.get("charging_end")
    if start is None or end is None:
        return None
    first, last = _start_and_stop(start, end)
    return int((last - first).total_seconds())


def _stop_reason(values: dict[str, Any]) -> str | None:
    reason = values.get("stop_reason")
    return _SPELLING_OF_REASON.get(reason.lower(), reason) if reason else None
