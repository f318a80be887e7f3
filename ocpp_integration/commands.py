"""Commands, recorded before they are sent: each once, however often it is asked for."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from db import audit
from db.models import ChargingSession, Command, OCPPConnector, User
from db.upsert import insert
from ocpp_integration.errors import IntegrationError, InvalidRequest, KeyReused
from ocpp_integration.steps import ABANDONED_AFTER, was_not_sent

# Those that cannot be under way together at one connector, besides two of one kind, which an index bars.
_OPPOSED = {
    "reset_soft": "reset_hard",
    "reset_hard": "reset_soft",
    "make_available": "make_unavailable",
    "make_unavailable": "make_available",
}
AUDITED_AS = {
    "start": "start charging",
    "stop": "stop charging",
    "reset_soft": "soft reset",
    "reset_hard": "hard reset",
    "unlock": "unlock connector",
    "make_available": "make available",
    "make_unavailable": "make unavailable",
}
_UNDER_WAY = "Another command for this connector is under way."
STATES = ("open", "accepted", "failed", "unknown")


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
        raise InvalidRequest("connector_id", _UNDER_WAY)
    if new_id is not None:
        _check_unopposed(store, command)
        return command, True
    is_same = (command.kind, command.ocpp_connector_id) == (kind, connector.id)
    if not is_same or command.request_digest != digest:
        raise KeyReused("This idempotency key was used with another request.")
    return command, _reopen(store, command, now)


def _check_unopposed(store: Session, command: Command) -> None:
    opposed = _OPPOSED.get(command.kind)
    if opposed is None:
        return
    # Two that were recorded at once wait for each other here, and the second one sees the first.
    store.execute(
        select(OCPPConnector.id)
        .where(OCPPConnector.id == command.ocpp_connector_id)
        # A stronger lock would wait for the other's reference to the connector, and that one for ours.
        .with_for_update(key_share=True)
    )
    other = select(Command.id).where(
        Command.ocpp_connector_id == command.ocpp_connector_id,
        Command.kind == opposed,
        Command.state == "open",
    )
    if store.scalar(other.limit(1)) is not None:
        raise InvalidRequest("connector_id", _UNDER_WAY)


def note_in_audit(store: Session, command: Command, user: User | None, connector: OCPPConnector) -> None:
    """Operators' commands are in the audit log. A driver's own are what its sessions say."""
    if user is not None and user.role != "driver":
        subject = f"{connector.station.station_id} connector {connector.connector_id}"
        audit.record(store, user, AUDITED_AS[command.kind], subject, at=command.sent_at)


def _reopen(store: Session, command: Command, now: datetime) -> bool:
    """Whether it is to be sent again: the backend was down, so nothing had been sent."""
    if not was_not_sent(command):
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
        raise InvalidRequest("connector_id", _UNDER_WAY) from error
    store.refresh(command)
    return reopened


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


def session_of(store: Session, command: Command) -> ChargingSession | None:
    """The session that a command is about, None as long as its transaction is not known."""
    if command.transaction_id is None:
        return None
    return store.scalar(
        select(ChargingSession).where(ChargingSession.transaction_id == command.transaction_id)
    )
