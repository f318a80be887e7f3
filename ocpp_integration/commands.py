"""Start and stop, recorded before they are sent, and followed until the meter moves or a deadline passes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from db.analytics.scope import Scope
from db.models import ChargingSession, Command, OCPPConnector, User, utc_now
from db.upsert import insert
from ocpp_integration.errors import BackendDown, IntegrationError, InvalidRequest, KeyReused

# Longer than any answer takes, so that a command whose process died does not bar its connector for ever.
ABANDONED_AFTER = timedelta(seconds=120)
_GRACE = timedelta(seconds=15)
_FIRST_ENERGY_WITHIN = timedelta(seconds=120)
STOP_WITHIN = timedelta(seconds=60)

StepState = Literal["done", "waiting", "failed"]


@dataclass(frozen=True)
class Step:
    """One step of a command: when it came (None: not yet), and the cause where it did not."""

    name: str
    state: StepState
    at: datetime | None = None
    detail: str = ""


@dataclass(frozen=True)
class Progress:
    """A command's steps so far; `finished` when none can follow."""

    steps: tuple[Step, ...]
    finished: bool
    succeeded: bool


def open_command(
    store: Session,
    *,
    key: str,
    kind: str,
    user: User | None,
    connector: OCPPConnector,
    now: datetime,
    digest: str | None = None,
) -> tuple[Command, bool]:
    """Record a command; (it, whether it is to be sent). One known by its key is given back as it stands,
    unless it never reached the backend: then it is opened once more.

    `digest` tells whether the key comes with the request it was first used for. Raises `KeyReused` where it
    does not, `InvalidRequest` while another command of this kind is open on the connector.
    """
    store.execute(
        update(Command)
        .where(
            Command.ocpp_connector_id == connector.id,
            Command.state == "open",
            Command.sent_at < now - ABANDONED_AFTER,
        )
        .values(state="unknown", error="No answer came.")
    )
    statement = insert(store, Command).values(
        idempotency_key=key,
        kind=kind,
        user_id=user.id if user else None,
        ocpp_connector_id=connector.id,
        request_digest=digest,
        state="open",
        sent_at=now,
    )
    # Whether a row was inserted is told by what comes back: a row count is not, by every driver.
    new_id = store.scalar(statement.on_conflict_do_nothing().returning(Command.id))
    command = store.scalar(select(Command).where(Command.idempotency_key == key))
    if command is None:
        raise InvalidRequest("connector_id", "Another command for this connector is under way.")
    if new_id is not None:
        return command, True
    is_same = (command.kind, command.ocpp_connector_id) == (kind, connector.id)
    if not is_same or command.request_digest != digest:
        raise KeyReused("This idempotency key was used with another request.")
    return command, _reopen(store, command, now)


def _reopen(store: Session, command: Command, now: datetime) -> bool:
    """Whether it is to be sent again: the backend was down, so nothing had been sent."""
    if not _was_not_sent(command):
        return False
    statement = (
        update(Command)
        .where(Command.id == command.id, Command.state == "failed")
        .values(state="open", sent_at=now, answered_at=None, error=None, outcome=None)
        .returning(Command.id)
    )
    try:
        with store.begin_nested():
            reopened = store.scalar(statement) is not None
    except IntegrityError as error:
        raise InvalidRequest("connector_id", "Another command for this connector is under way.") from error
    store.refresh(command)
    return reopened


def _was_not_sent(command: Command) -> bool:
    return command.state == "failed" and (command.outcome or {}).get("code") == BackendDown.code


def close_command(
    command: Command,
    *,
    state: Literal["accepted", "failed", "unknown"],
    now: datetime,
    transaction_id: int | None = None,
    error: IntegrationError | None = None,
    outcome: dict[str, Any] | None = None,
) -> None:
    command.state = state
    command.answered_at = now
    command.transaction_id = transaction_id or command.transaction_id
    command.error = str(error) if error else None
    command.outcome = outcome


def claim(session: ChargingSession, command: Command, user_id: UUID | None) -> None:
    """The session is the one that a start made: its user's, and paid as was said then."""
    session.user_id = user_id
    session.payment_transaction_id = command.payment_transaction_id
    session.payment_method = command.payment_method
    session.payment_status = "authorized"


def find_progress(
    store: Session, scope: Scope, command_pk: int, *, start_within: timedelta, now: datetime | None = None
) -> Progress | None:
    """How far a command of this scope has come, None where there is no such command."""
    command = store.scalar(
        select(Command)
        .join(OCPPConnector)
        .where(Command.id == command_pk, OCPPConnector.ocpp_station_id.in_(scope.stations()))
    )
    if command is None:
        return None
    return progress(command, session_of(store, command), now or utc_now(), start_within)


def session_of(store: Session, command: Command) -> ChargingSession | None:
    """The session that a command is about, None as long as its transaction is not known."""
    if command.transaction_id is None:
        return None
    return store.scalar(
        select(ChargingSession).where(ChargingSession.transaction_id == command.transaction_id)
    )


def progress(
    command: Command, session: ChargingSession | None, now: datetime, start_within: timedelta
) -> Progress:
    """Pure: the steps of a command, given the session it is about."""
    if _was_not_sent(command):
        return Progress((Step("sent", "failed", command.answered_at, command.error or ""),), True, False)
    accepted = _accepted(command, session)
    steps = [Step("sent", "done", command.sent_at), accepted]
    if accepted.state == "done" and session is not None:
        following = _start_steps if command.kind == "start" else _stop_steps
        steps += following(command, session, now, start_within)
    finished = all(step.state != "waiting" for step in steps)
    return Progress(tuple(steps), finished, finished and all(step.state == "done" for step in steps))


def _accepted(command: Command, session: ChargingSession | None) -> Step:
    if command.state == "accepted":
        return Step("accepted", "done", command.answered_at)
    if command.state == "open":
        return Step("accepted", "waiting")
    if command.state == "unknown" and session is not None:
        # No answer came, but the session itself tells whether the charge point did as it was told.
        done_at = session.reported_start if command.kind == "start" else session.stop_time
        if done_at is not None:
            return Step("accepted", "done", done_at)
    return Step("accepted", "failed", command.answered_at, command.error or "No answer came.")


def _start_steps(
    command: Command, session: ChargingSession, now: datetime, start_within: timedelta
) -> list[Step]:
    answered = command.answered_at or command.sent_at
    if session.reported_start is None:
        if session.stop_time is not None or now > answered + start_within + _GRACE:
            seconds = int(start_within.total_seconds())
            cause = f"The charge point accepted, but no vehicle was plugged in within {seconds} s."
            return [Step("transaction", "failed", session.stop_time, cause)]
        return [Step("transaction", "waiting"), Step("energy", "waiting")]
    begun = Step("transaction", "done", session.reported_start)
    if session.energy_wh:
        return [begun, Step("energy", "done", session.power_at)]
    if session.stop_time is not None:
        cause = f"The session ended without energy ({session.stop_reason or 'no reason given'})."
        return [begun, Step("energy", "failed", session.stop_time, cause)]
    if now > session.reported_start + _FIRST_ENERGY_WITHIN:
        return [begun, Step("energy", "failed", None, "The vehicle has drawn no energy so far.")]
    return [begun, Step("energy", "waiting")]


def _stop_steps(
    command: Command, session: ChargingSession, now: datetime, _start_within: timedelta
) -> list[Step]:
    if session.stop_time is not None:
        return [Step("stopped", "done", session.stop_time)]
    if now > (command.answered_at or command.sent_at) + STOP_WITHIN:
        return [Step("stopped", "failed", None, "The charge point accepted, but reported no end so far.")]
    return [Step("stopped", "waiting")]
