"""What became of commands that nobody answered: found out by reading, never by sending again.

The sessions themselves tell, and what charge points report. Sessions that are silent are polled, so that each
command is settled once the backend is there: accepted, with the transaction that it made or ended, or failed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Engine, Select, select
from sqlalchemy.orm import Session

from db.analytics.outcome import ENDED_STATUSES
from db.engine import reading, writing
from db.models import ChargingSession, Command, OCPPLog
from ocpp_integration.commands import STATES, claim, session_of
from ocpp_integration.following import CLOCKS_DIFFER, seen_of
from ocpp_integration.lifecycle import update_session
from ocpp_integration.steps import ABANDONED_AFTER, RESTART_WITHIN, STOP_WITHIN, SWITCH_WITHIN

_ABOUT_THEN = timedelta(days=1)
_NOTHING_BEGAN = "No answer came, and no transaction began."
_RUNS_ON = "No answer came, and the session runs on."
_NO_RESTART = "No answer came, and the charge point has not restarted."
_NO_SWITCH = "No answer came, and the connector reports what it reported before."
_NOBODY_KNOWS = "No answer came. Nothing tells whether the connector was unlocked: look at it, or try again."


def settle_unanswered(engine: Engine, *, now: datetime, start_within: timedelta) -> int:
    """Settle the commands that can be; returns how many. To be called after the backend was read.

    `start_within` is how long after accepting a start a charge point may begin the transaction.
    """
    with reading(engine) as store:
        if store.scalar(_unanswered(now).limit(1)) is None:
            return 0
    with writing(engine) as store:
        # Of two starts at one connector the later one is nearer to the session that came after both.
        commands = store.scalars(_unanswered(now).order_by(Command.sent_at.desc()).with_for_update()).all()
        settled = [
            command for command in commands if _SETTLE[command.kind](store, command, now, start_within)
        ]
        return len(settled)


def _unanswered(now: datetime) -> Select[Command]:
    is_abandoned = (Command.state == "open") & (Command.sent_at < now - ABANDONED_AFTER)
    return select(Command).where((Command.state == "unknown") | is_abandoned)


def _settle_start(store: Session, command: Command, now: datetime, start_within: timedelta) -> bool:
    session = session_of(store, command) or _session_made_by(store, command, start_within)
    if session is not None and session.reported_start is not None:
        if session.user_id is None:
            user_id = command.user_id
            update_session(store, session, lambda s: claim(s, command, user_id))
        return _accept(command, session.reported_start, session)
    if session is not None and session.status not in ENDED_STATUSES:
        return False
    if session is None and now <= command.sent_at + _window(start_within):
        return False
    return _fail(command, now, _NOTHING_BEGAN)


def _settle_stop(store: Session, command: Command, now: datetime, _start_within: timedelta) -> bool:
    session = session_of(store, command)
    if session is None:
        return _fail(command, now, _NOTHING_BEGAN)
    if session.stop_time is not None:
        return _accept(command, session.stop_time, session)
    if session.heard_at > command.sent_at + STOP_WITHIN:
        return _fail(command, now, _RUNS_ON)
    return False


def _settle_reset(store: Session, command: Command, now: datetime, start_within: timedelta) -> bool:
    if back_at := seen_of(store, command, start_within).back_at:
        return _accept(command, back_at)
    is_late = now > command.sent_at + ABANDONED_AFTER + RESTART_WITHIN
    return is_late and _fail(command, now, _NO_RESTART)


def _settle_switch(store: Session, command: Command, now: datetime, start_within: timedelta) -> bool:
    if switched_at := seen_of(store, command, start_within).switched_at:
        return _accept(command, switched_at)
    return now > command.sent_at + ABANDONED_AFTER + SWITCH_WITHIN and _fail(command, now, _NO_SWITCH)


def _settle_unlock(_store: Session, command: Command, now: datetime, _start_within: timedelta) -> bool:
    """No report tells of a lock."""
    return _fail(command, now, _NOBODY_KNOWS)


_SETTLE: dict[str, Callable[[Session, Command, datetime, timedelta], bool]] = {
    "start": _settle_start,
    "stop": _settle_stop,
    "reset_soft": _settle_reset,
    "reset_hard": _settle_reset,
    "make_available": _settle_switch,
    "make_unavailable": _settle_switch,
    "unlock": _settle_unlock,
}


def _session_made_by(store: Session, command: Command, start_within: timedelta) -> ChargingSession | None:
    """The first session that began at the command's connector soon after it was sent, unless it is known to
    be another's.
    """
    claimed = select(Command.transaction_id).where(
        Command.kind == "start",
        Command.transaction_id.is_not(None),
        # Whoever began what may be this one's was sent about then. The index of states and times has these.
        Command.state.in_(STATES),
        Command.sent_at.between(command.sent_at - _ABOUT_THEN, command.sent_at + _ABOUT_THEN),
    )
    began = store.scalars(
        select(ChargingSession)
        .where(
            ChargingSession.ocpp_connector_id == command.ocpp_connector_id,
            ChargingSession.reported_start >= command.sent_at - CLOCKS_DIFFER,
            ChargingSession.reported_start <= command.sent_at + _window(start_within),
            ChargingSession.transaction_id.is_not(None),
            ChargingSession.transaction_id.not_in(claimed),
        )
        .order_by(ChargingSession.reported_start)
    )
    return next((session for session in began if _may_be_of(store, session, command)), None)


def _may_be_of(store: Session, session: ChargingSession, command: Command) -> bool:
    """By the payment or the user that the backend named when the session began. One that names neither
    leaves place and time.
    """
    if session.user_id is not None:
        return session.user_id == command.user_id
    told = store.scalar(
        select(OCPPLog.raw_data)
        .where(
            OCPPLog.station_id == session.station.station_id,
            OCPPLog.timestamp >= session.created_at - CLOCKS_DIFFER,
            OCPPLog.session_transaction_id == session.transaction_id,
            OCPPLog.action == "session_started",
        )
        .order_by(OCPPLog.id)
        .limit(1)
    )
    named: dict[str, object] = told or {}
    if "payment_transaction_id" in named:
        return named["payment_transaction_id"] == command.payment_transaction_id
    if "user_id" in named:
        return named["user_id"] == str(command.user_id)
    return True


def _window(start_within: timedelta) -> timedelta:
    """How long after it was sent a start may still make a session: it may have been delivered late."""
    return ABANDONED_AFTER + start_within


def _accept(command: Command, at: datetime, session: ChargingSession | None = None) -> bool:
    command.state, command.error = "accepted", None
    command.transaction_id = session.transaction_id if session else None
    command.answered_at = at
    return True


def _fail(command: Command, now: datetime, reason: str) -> bool:
    command.state, command.error = "failed", reason
    command.answered_at = command.answered_at or now
    return True
