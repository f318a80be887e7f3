"""Starting and stopping: recorded first, then sent once, then what came of it is recorded.

Nothing waits on the network inside a transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from db.analytics.outcome import ENDED_STATUSES
from db.engine import reading, writing
from db.models import ChargingSession, Command, OCPPConnector, OCPPStation, User
from db.models.sessions import runs_at
from ocpp_integration.backend import BackendClient
from ocpp_integration.commands import claim, close_command, note_in_audit, open_command
from ocpp_integration.errors import (
    BackendError,
    BackendRefused,
    BackendSilent,
    IntegrationError,
    InvalidRequest,
    NotFound,
)
from ocpp_integration.events import InvalidEvent
from ocpp_integration.lifecycle import assign_connector, ensure_session, update_session
from ocpp_integration.outcomes import Result, close_failed, digest, failure, kept, told_again
from ocpp_integration.session_state import note_status

log = logging.getLogger(__name__)

Request = dict[str, Any]


@dataclass
class _Asked:
    """A command that was recorded, with what the backend is to be told."""

    command: Command
    is_new: bool
    request: Request


class Charging:
    """Start and stop by the numbers that the backend knows. Each returns a result as the service's do."""

    def __init__(self, engine: Engine, backend: BackendClient, clock: Callable[[], datetime]):
        self._engine = engine
        self._backend = backend
        self._clock = clock

    def start(
        self, station_id: str, number: int, user: User, about: Mapping[str, Any], key: str | None
    ) -> Result:
        """Have `user` charge on a connector; `about` is what the backend is told of payment and owner."""
        request = {"station_id": station_id, "connector_id": number, "user_id": str(user.id), **about}
        try:
            with writing(self._engine) as store:
                connector = _connector(store, station_id, number)
                asked = self._ask_to_start(store, connector, user, key, request)
                if asked.is_new:
                    asked.command.payment_transaction_id = about["payment_transaction_id"]
                    asked.command.payment_method = about["payment_method"]
        except IntegrationError as error:
            return failure(error)
        return (
            self._start(asked, connector, user) if asked.is_new else told_again(self._engine, asked.command)
        )

    def stop(
        self, transaction_id: int, user: User | None, user_id: UUID | str | None, key: str | None
    ) -> Result:
        """End a running session for `user`, or for whoever `user_id` says."""
        who = user_id or (user.id if user else None)
        request = {"transaction_id": transaction_id, **({"user_id": str(who)} if who else {})}
        try:
            with writing(self._engine) as store:
                session = _find_session(store, transaction_id)
                asked = self._ask_to_stop(store, session, user, key, request)
        except IntegrationError as error:
            return failure(error)
        return self._stop(asked, session) if asked.is_new else told_again(self._engine, asked.command)

    def _ask_to_start(
        self, store: Session, connector: OCPPConnector, user: User, key: str | None, request: Request
    ) -> _Asked:
        command, is_new = open_command(
            store,
            key=key or str(uuid4()),
            kind="start",
            user=user,
            connector=connector,
            now=self._clock(),
            digest=digest(request),
        )
        if is_new:
            # Only now: while this command is open no other can make a session behind this look.
            _check_startable(store, connector)
            note_in_audit(store, command, user, connector)
        return _Asked(command, is_new, request)

    def _ask_to_stop(
        self, store: Session, session: ChargingSession, user: User | None, key: str | None, request: Request
    ) -> _Asked:
        if session.connector is None:
            raise InvalidRequest("transaction_id", "The session's connector is not known yet.")
        command, is_new = open_command(
            store,
            key=key or str(uuid4()),
            kind="stop",
            user=user,
            connector=session.connector,
            now=self._clock(),
            digest=digest(request),
        )
        if is_new:
            command.transaction_id = session.transaction_id
            if session.status in ENDED_STATUSES:
                raise InvalidRequest("transaction_id", "The session is already over.")
            note_in_audit(store, command, user, session.connector)
        return _Asked(command, is_new, request)

    def _start(self, asked: _Asked, connector: OCPPConnector, user: User) -> Result:
        try:
            data = self._backend.initiate_charging(asked.request)
            transaction_id = _transaction_id(data.get("transaction"))
            session = self._record_start(asked, connector, user, transaction_id, data)
        except BackendError as error:
            return close_failed(self._engine, asked.command, error, self._clock()) | self._maybe_started(
                asked, connector, user, error
            )
        return self._result(asked.command.id, session.id, data)

    def _record_start(
        self, asked: _Asked, connector: OCPPConnector, user: User, transaction_id: int, data: Result
    ) -> ChargingSession:
        now = self._clock()
        try:
            with writing(self._engine) as store:
                command = store.get_one(Command, asked.command.id)
                close_command(
                    command,
                    state="accepted",
                    now=now,
                    transaction_id=transaction_id,
                    outcome={"data": kept(data)},
                )
                return _begin_session(store, asked, connector, user, transaction_id, now)
        except InvalidEvent as error:
            raise BackendSilent(f"The OCPP backend's answer cannot be used: {error}") from error

    def _maybe_started(
        self, asked: _Asked, connector: OCPPConnector, user: User, error: BackendError
    ) -> Result:
        """A transaction that the backend made but got no answer about is its driver's, should it begin."""
        if not isinstance(error, BackendRefused) or error.is_final or error.transaction_id is None:
            return {}
        try:
            transaction_id = _transaction_id({"transaction_id": error.transaction_id})
            with writing(self._engine) as store:
                command = store.get_one(Command, asked.command.id)
                command.transaction_id = transaction_id
                now = self._clock()
                session = _begin_session(store, asked, connector, user, transaction_id, now)
        except (BackendError, InvalidEvent):
            log.exception("the transaction of command %d cannot be kept", asked.command.id)
            return {}
        return {"charging_session": session, "command": command}

    def _stop(self, asked: _Asked, session: ChargingSession) -> Result:
        try:
            data = self._backend.stop_charging(asked.request)
        except BackendError as error:
            return close_failed(self._engine, asked.command, error, self._clock())
        now = self._clock()
        with writing(self._engine) as store:
            command = store.get_one(Command, asked.command.id)
            close_command(command, state="accepted", now=now, outcome={"data": kept(data)})
            stopping = store.get_one(ChargingSession, session.id)
            update_session(store, stopping, lambda s: note_status(s, "stopping", now))
        return self._result(command.id, stopping.id, data)

    def _result(self, command_pk: int, session_pk: int, data: Result) -> Result:
        with reading(self._engine) as store:
            return {
                "success": True,
                "charging_session": store.get_one(ChargingSession, session_pk),
                "command": store.get_one(Command, command_pk),
                "data": data,
            }


def _connector(store: Session, station_id: str, number: int) -> OCPPConnector:
    connector = store.scalar(
        select(OCPPConnector)
        .join(OCPPStation)
        .where(OCPPStation.station_id == station_id, OCPPConnector.connector_id == number)
    )
    if connector is None:
        raise NotFound(f"There is no connector {number} at a station {station_id}.")
    return connector


def _check_startable(store: Session, connector: OCPPConnector) -> None:
    if not connector.station.charging_station.is_active:
        raise InvalidRequest("station_id", "The station is not active.")
    if not connector.station.is_online:
        raise InvalidRequest("station_id", "The station is offline.")
    if connector.charging_connector is not None and not connector.charging_connector.is_active:
        raise InvalidRequest("connector_id", "The connector is not in operation.")
    if connector.status not in ("available", "preparing"):
        raise InvalidRequest("connector_id", f"The connector is not available: {connector.status}.")
    busy = select(ChargingSession.id).where(runs_at(connector))
    if store.scalar(busy.limit(1)) is not None:
        raise InvalidRequest("connector_id", "The connector has a session already.")


def _find_session(store: Session, transaction_id: int) -> ChargingSession:
    session = store.scalar(select(ChargingSession).where(ChargingSession.transaction_id == transaction_id))
    if session is None:
        raise NotFound(f"There is no session {transaction_id}.")
    return session


def _begin_session(
    store: Session,
    asked: _Asked,
    connector: OCPPConnector,
    user: User,
    transaction_id: int,
    now: datetime,
) -> ChargingSession:
    station = store.get_one(OCPPStation, connector.ocpp_station_id)
    session = ensure_session(store, station, transaction_id, now)
    assign_connector(store, session, connector.connector_id)
    update_session(store, session, lambda s: claim(s, asked.command, user.id))
    return session


def _transaction_id(transaction: object) -> int:
    found = transaction.get("transaction_id") if isinstance(transaction, dict) else None
    if isinstance(found, str) and found.isdecimal():
        found = int(found)
    if not isinstance(found, int) or isinstance(found, bool) or not 0 < found < 2**63:
        raise BackendSilent("The OCPP backend's answer has no transaction id.")
    return found
