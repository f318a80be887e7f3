"""Commands of an operator to a charge point: recorded first, then sent once, then closed with the answer.

Not every backend takes them. Which one does is asked of it (`offered`), not tried out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from db.engine import writing
from db.models import Command, OCPPConnector, User
from ocpp_integration.backend import BackendClient
from ocpp_integration.commands import close_command, note_in_audit, open_command
from ocpp_integration.errors import (
    BackendError,
    BackendRefused,
    IntegrationError,
    InvalidRequest,
    NotFound,
)
from ocpp_integration.following import RESETS, seen_of
from ocpp_integration.outcomes import Result, close_failed, digest, failure, kept, told_again
from ocpp_integration.steps import RESTART_WITHIN, SCHEDULED

_NO_SUCH_ADDRESS = (404, 405, 501)


@dataclass(frozen=True)
class Operation:
    """How a command is told: the backend's `name` for it and the body, given the connector's number.

    `accepted` are the charge point's answers that mean yes. One `of_station` is recorded at its first
    connector, whichever was in front of the person, so that it cannot be given twice at once.
    """

    name: str
    body: Callable[[int], dict[str, Any]]
    accepted: tuple[str, ...] = ("Accepted", SCHEDULED)
    of_station: bool = False


OPERATIONS = {
    "reset_soft": Operation("reset", lambda _: {"type": "Soft"}, of_station=True),
    "reset_hard": Operation("reset", lambda _: {"type": "Hard"}, of_station=True),
    "unlock": Operation("unlock-connector", lambda number: {"connector_id": number}, ("Unlocked",)),
    "make_available": Operation(
        "change-availability", lambda number: {"connector_id": number, "operative": True}
    ),
    "make_unavailable": Operation(
        "change-availability", lambda number: {"connector_id": number, "operative": False}
    ),
}
_REFUSALS = {
    "Rejected": "The charge point refused.",
    "UnlockFailed": "The charge point could not open the lock.",
    "NotSupported": "The charge point has no lock that can be opened from afar.",
    "OngoingAuthorizedTransaction": "The plug stays locked while a session runs: stop it first.",
    "UnknownConnector": "The charge point does not know this connector.",
}


def offered(backend: BackendClient) -> frozenset[str]:
    """The keys of `OPERATIONS` that this backend takes; raises `BackendError` where it does not answer."""
    try:
        known = backend.commands().get("commands")
    except BackendRefused as error:
        if error.status in _NO_SUCH_ADDRESS:
            return frozenset()
        raise
    names = known if isinstance(known, list) else []
    return frozenset(kind for kind, operation in OPERATIONS.items() if operation.name in names)


class Operating:
    """Sends operators' commands. Who may give them is the caller's to decide."""

    def __init__(self, engine: Engine, backend: BackendClient, clock: Callable[[], datetime]):
        self._engine = engine
        self._backend = backend
        self._clock = clock

    def operate(self, kind: str, connector_pk: int, user: User, key: str) -> Result:
        """Have the charge point do `kind`, a key of `OPERATIONS`; a result as the service's are."""
        operation = OPERATIONS[kind]
        try:
            with writing(self._engine) as store:
                connector = _place(store, connector_pk, operation)
                station_id, request = connector.station.station_id, operation.body(connector.connector_id)
                command, is_new = open_command(
                    store,
                    key=key,
                    kind=kind,
                    user=user,
                    connector=connector,
                    now=self._clock(),
                    digest=digest(request),
                )
                if is_new:
                    _check_possible(store, command, connector, self._clock())
                    note_in_audit(store, command, user, connector)
        except IntegrationError as error:
            return failure(error)
        if not is_new:
            return told_again(self._engine, command)
        return self._send(command, operation, station_id, request)

    def _send(self, command: Command, operation: Operation, station_id: str, request: Result) -> Result:
        try:
            data = self._backend.command(station_id, operation.name, request)
            _check_agreed(str(data.get("status")), operation)
        except BackendError as error:
            return close_failed(self._engine, command, _in_words(error), self._clock())
        with writing(self._engine) as store:
            row = store.get_one(Command, command.id)
            close_command(row, state="accepted", now=self._clock(), outcome={"data": kept(data)})
        return {"success": True, "command": row, "data": data}


def _place(store: Session, connector_pk: int, operation: Operation) -> OCPPConnector:
    connector = store.get(OCPPConnector, connector_pk)
    if connector is None:
        raise NotFound("There is no such connector.")
    return connector.station.connectors[0] if operation.of_station else connector


def _check_possible(store: Session, command: Command, connector: OCPPConnector, now: datetime) -> None:
    if not connector.station.is_online:
        raise InvalidRequest("station_id", "The station is offline.")
    if command.kind in RESETS and _is_restarting(store, command, now):
        raise InvalidRequest("station_id", "A reset is under way: the charge point is not back yet.")


def _is_restarting(store: Session, command: Command, now: datetime) -> bool:
    """Whether another reset was accepted, and the charge point has neither come back nor run out of time."""
    before = store.scalars(
        select(Command)
        .where(
            Command.ocpp_connector_id == command.ocpp_connector_id,
            # A hard reset may be needed where a soft one leads to nothing.
            Command.kind == command.kind,
            Command.state == "accepted",
            Command.sent_at > now - RESTART_WITHIN,
        )
        .order_by(Command.id.desc())
    ).first()
    return before is not None and seen_of(store, before, RESTART_WITHIN).back_at is None


def _check_agreed(status: str, operation: Operation) -> None:
    if status not in operation.accepted:
        raise BackendRefused(_REFUSALS.get(status, f"The charge point answered {status[:50]}."), 409, status)


def _in_words(error: BackendError) -> BackendError:
    """Where a backend has no such address, its own words do not say so."""
    if isinstance(error, BackendRefused) and error.status in _NO_SUCH_ADDRESS and not error.backend_code:
        return BackendRefused("This OCPP backend does not take this command.", error.status)
    return error
