"""The façade that the rest of the platform imports: sync a station, start, stop and read a session."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine

import settings as configuration
from db.engine import make_engine, reading
from db.models import ChargingSession, ChargingStation, OCPPConnector, User, utc_now
from ocpp_integration import polling, sync
from ocpp_integration.backend import A_PERSONS_PATIENCE, BackendClient
from ocpp_integration.backend_state import StoredState
from ocpp_integration.charging import Charging
from ocpp_integration.errors import IntegrationError, NotFound
from ocpp_integration.operating import Operating
from ocpp_integration.outcomes import Result, failure

__all__ = ["OCPPIntegrationService", "Result"]


class OCPPIntegrationService:
    """Each method returns a mapping with `success`, and `charging_session` or `ocpp_station`, `data` (the
    backend's answer), `command`; on failure `error` (a sentence), `code` (a word) and maybe `errors`.

    A command with a known `idempotency_key` is not sent again: its outcome is told once more, with the code
    `under_way` while there is none. Only one that never reached the backend, which was down, is sent after
    all. The key of another request is refused with the code `key_reused`.
    """

    def __init__(
        self,
        *,
        settings: configuration.Settings | None = None,
        engine: Engine | None = None,
        backend: BackendClient | None = None,
        clock: Callable[[], datetime] = utc_now,
    ):
        self._settings = settings or configuration.load()
        self._engine = engine or make_engine(self._settings.database_url)
        self._backend = backend or BackendClient(self._settings, watcher=StoredState(self._engine))
        self._clock = clock
        self._charging = Charging(self._engine, self._backend, clock)
        self._operating = Operating(self._engine, self._backend, clock)

    def sync_station_to_ocpp(
        self, station: ChargingStation, *, vendor: str | None = None, model: str | None = None
    ) -> Result:
        """Tell the backend about a station and its connectors; new ones get their OCPP rows."""
        try:
            ocpp_station, data = sync.sync_station(
                self._engine,
                self._backend,
                station.id,
                now=self._clock(),
                vendor=vendor,
                model=model,
                patience=A_PERSONS_PATIENCE,
            )
        except IntegrationError as error:
            return failure(error)
        return {"success": True, "ocpp_station": ocpp_station, "data": data}

    def initiate_charging(
        self,
        *,
        station_id: str,
        connector_id: int,
        user: User,
        payment_transaction_id: str,
        owner_info: Mapping[str, Any] | None = None,
        payment_method: str = "qr_code",
        idempotency_key: str | None = None,
    ) -> Result:
        """Start charging for `user` on a connector, by the station's OCPP id and the connector's number."""
        about = {
            "payment_transaction_id": payment_transaction_id,
            "payment_method": payment_method,
            **_known(owner_info, "owner_id", "owner_name"),
        }
        return self._charging.start(station_id, connector_id, user, about, idempotency_key)

    def start(
        self, connector_pk: int, user: User, idempotency_key: str, *, payment_transaction_id: str = ""
    ) -> Result:
        """The same by a connector's `ocpp_connectors.id`, for the dashboard."""
        with reading(self._engine) as store:
            connector = store.get(OCPPConnector, connector_pk)
            if connector is None:
                return failure(NotFound("There is no such connector."))
            station_id, number = connector.station.station_id, connector.connector_id
        return self.initiate_charging(
            station_id=station_id,
            connector_id=number,
            user=user,
            payment_transaction_id=payment_transaction_id or f"dashboard-{idempotency_key}"[:255],
            payment_method="dashboard",
            idempotency_key=idempotency_key,
        )

    def get_session_data(self, *, transaction_id: int) -> Result:
        """Ask the backend about a session, store what it says, and return both."""
        try:
            session, data = polling.refresh(self._engine, self._backend, transaction_id, now=self._clock())
        except IntegrationError as error:
            return failure(error)
        return {"success": True, "charging_session": session, "data": data}

    def stop_charging(
        self,
        *,
        transaction_id: int,
        user_id: UUID | str | None = None,
        idempotency_key: str | None = None,
        user: User | None = None,
    ) -> Result:
        """Stop a running session."""
        return self._charging.stop(transaction_id, user, user_id, idempotency_key)

    def stop(self, session_pk: int, user: User, idempotency_key: str) -> Result:
        """The same by a session's `charging_sessions.id`, for the dashboard."""
        with reading(self._engine) as store:
            session = store.get(ChargingSession, session_pk)
            transaction_id = session.transaction_id if session else None
        if transaction_id is None:
            return failure(NotFound("There is no such session."))
        return self.stop_charging(transaction_id=transaction_id, user=user, idempotency_key=idempotency_key)

    def operate(self, kind: str, connector_pk: int, user: User, idempotency_key: str) -> Result:
        """Reset, unlock or switch by a connector's `ocpp_connectors.id`; `kind` is a key of
        `operating.OPERATIONS`. Only for those who run the network: who that is, the caller decides.
        """
        return self._operating.operate(kind, connector_pk, user, idempotency_key)


def _known(info: Mapping[str, Any] | None, *names: str) -> dict[str, str]:
    return {name: str(info[name]) for name in names if info and info.get(name) is not None}
