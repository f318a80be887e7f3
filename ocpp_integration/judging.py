"""Sessions that ended are judged: what is odd about one becomes its flags, and an impossible one is held.

What an admin decided about a session stays, whatever is reported of it later; where that changes the facts on
which the decision was made, a flag says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.analytics.judgement import CODES, Evidence, Judgement, judge
from db.models import ChargingSession, SessionDecision
from ocpp_integration import session_state

CHANGED_SINCE = "changed_since_decision"
# How far back a session is looked for that tells where a register stood. The index is by station and time.
_REMEMBERED = timedelta(days=31)
# The facts on which a decision is made. Costs follow from them, or were decided with it.
_FACTS = ("energy_wh", "start_time", "stop_time", "meter_start", "meter_stop")

READ = (
    ChargingSession.ocpp_station_id,
    ChargingSession.start_time,
    ChargingSession.stop_time,
    ChargingSession.energy_wh,
    ChargingSession.charging_seconds,
    ChargingSession.max_power_w,
    ChargingSession.meter_start,
    ChargingSession.meter_stop,
    ChargingSession.stop_reason,
    ChargingSession.flags,
)


def judge_session(store: Session, session: ChargingSession) -> None:
    """Judge a session that has just been settled; one that has not ended has no verdict."""
    if session.stop_time is None:
        return
    found = judge(evidence_of(store, session))
    note(session, found)
    decision = session.decision
    changed = decision is not None and _has_changed(session, decision)
    session_state.mark(session, CHANGED_SINCE, holds=changed)
    if decision is None:
        session.verdict = found.verdict
    elif decision.verdict == "corrected" and decision.energy_wh is not None:
        session_state.correct(session, decision.energy_wh, decision.cost, decision.tax)


def note(session: ChargingSession, found: Judgement) -> None:
    """Have the session bear the flags of this judgement, and of none before."""
    flags = flags_with(session.flags, found)
    if flags != sorted(session.flags):
        session.flags = flags


def flags_with(flags: Sequence[str], found: Judgement) -> list[str]:
    """The flags that do not come of a judgement, and those of this one."""
    return sorted({*(flag for flag in flags if flag not in CODES), *found.codes})


def evidence_of(store: Session, session: ChargingSession) -> Evidence:
    """What is known of a session that has ended. Raises `ValueError` for one that has not."""
    if session.stop_time is None:
        raise ValueError("a session that runs is not judged")
    # A connector that was only just assigned is not yet in the column of its key.
    connector = session.connector
    described = connector.charging_connector if connector else None
    return evidence(
        store,
        session,
        connector_pk=connector.id if connector else None,
        rated_w=described.power_w if described else None,
        connector_type=described.connector_type if described else None,
    )


def evidence(
    store: Session, told: Any, *, connector_pk: int | None, rated_w: int | None, connector_type: str | None
) -> Evidence:
    """`told` is an ended session, or a row of its columns `READ`."""
    return Evidence(
        start=told.start_time,
        stop=told.stop_time,
        energy_wh=told.energy_wh,
        charging=None if told.charging_seconds is None else timedelta(seconds=told.charging_seconds),
        rated_w=rated_w,
        connector_type=connector_type,
        peak_w=told.max_power_w,
        meter_start=told.meter_start,
        meter_stop=told.meter_stop,
        register_before=register_before(store, told, connector_pk),
        is_reset=session_state.METER_RESET in told.flags,
        stop_reason=told.stop_reason,
    )


def facts(session: ChargingSession) -> dict[str, Any]:
    """What a decision about the session is made on, with what it costs, for the record."""
    known = {name: _plain(getattr(session, name)) for name in _FACTS}
    return known | {name: _plain(getattr(session, name)) for name in ("cost", "tax")}


def _has_changed(session: ChargingSession, decision: SessionDecision) -> bool:
    return any(decision.reported.get(name) != _plain(getattr(session, name)) for name in _FACTS)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value if value is None or isinstance(value, int) else str(value)


def register_before(store: Session, told: Any, connector_pk: int | None) -> int | None:
    """Where the register stood, if this session (see `evidence`) says that it began at zero.

    A meter that begins at zero with every session tells nothing of the kind.
    """
    if connector_pk is None or told.meter_start != 0 or not told.meter_stop:
        return None
    return store.scalar(
        select(ChargingSession.meter_stop)
        .where(
            ChargingSession.ocpp_station_id == told.ocpp_station_id,
            ChargingSession.ocpp_connector_id == connector_pk,
            ChargingSession.start_time < told.start_time,
            ChargingSession.start_time >= told.start_time - _REMEMBERED,
            ChargingSession.meter_start > 0,
            ChargingSession.meter_stop >= ChargingSession.meter_start,
        )
        .order_by(ChargingSession.start_time.desc())
        .limit(1)
    )
