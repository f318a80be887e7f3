"""`manage.py test_ocpp_integration`: a real charge through every part, step by step."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID, uuid4

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from db.analytics.outcome import ENDED_STATUSES
from db.analytics.scope import Scope
from db.engine import reading, writing
from db.models import (
    ChargingConnector,
    ChargingSession,
    ChargingStation,
    OCPPConnector,
    OCPPStation,
    StationOwner,
    Tariff,
    User,
    utc_now,
)
from db.models.sessions import is_running
from ocpp_integration.errors import NotFound
from ocpp_integration.following import find
from ocpp_integration.services import OCPPIntegrationService
from settings import Settings

Say = Callable[[str], None]

SAMPLE_OWNER = "Sample owner"
_POLL = 0.5


class StepFailed(Exception):
    """A step of the test did not come; the message says which, and why."""


@dataclass
class IntegrationTest:
    """Runs the parts that were asked for, saying each step. Raises `StepFailed` where one does not come."""

    settings: Settings
    engine: Engine
    say: Say
    charge_seconds: float = 15
    service: OCPPIntegrationService = field(init=False)

    def __post_init__(self) -> None:
        self.service = OCPPIntegrationService(settings=self.settings, engine=self.engine)

    def create_sample_data(self) -> None:
        """An owner with one station of two connectors, where there is none yet."""
        with writing(self.engine) as store:
            if store.scalar(select(StationOwner.id).where(StationOwner.name == SAMPLE_OWNER)):
                self.say("The sample station is there already.")
                return
            station = _sample_station(store, self.settings)
        self.say(f"Created {station.name} ({station.id}) of {SAMPLE_OWNER}.")

    def sync_station(self, station_id: str) -> None:
        """Tell the backend about a station, by its OCPP id or its UUID."""
        with reading(self.engine) as store:
            station = _find_station(store, station_id)
        result = self.service.sync_station_to_ocpp(station)
        if not result["success"]:
            raise StepFailed(f"Sync of {station.name}: {result['error']}")
        self.say(f"Synced {station.name}; it connects to {result['ocpp_station'].ocpp_websocket_url}")

    def charge(self) -> None:
        """Start a charge on an available connector, let it run, stop it, and tell energy and cost."""
        connector, name = self._available_connector()
        self.say(f"Connector {connector.connector_id} of {name} is available.")
        started = self.service.start(connector.id, self._user(), f"integration-test-{uuid4()}")
        if not started["success"]:
            raise StepFailed(f"Start: {started['error']}")
        transaction_id = started["charging_session"].transaction_id
        self.say(f"The charge point accepted transaction {transaction_id}.")
        self._follow(started["command"].id)
        self.say(f"Charging for {self.charge_seconds:.0f} s...")
        time.sleep(self.charge_seconds)
        status = self.service.get_session_data(transaction_id=transaction_id)
        if not status["success"]:
            raise StepFailed(f"Session status: {status['error']}")
        self.say(f"The backend reports {status['data'].get('energy_consumed_kwh')} kWh so far.")
        stopped = self.service.stop_charging(transaction_id=transaction_id)
        if not stopped["success"]:
            raise StepFailed(f"Stop: {stopped['error']}")
        self._follow(stopped["command"].id)
        self._tell_result(transaction_id)

    def _available_connector(self) -> tuple[OCPPConnector, str]:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with reading(self.engine) as store:
                found = _fastest_available(store)
                if found is not None:
                    return found, found.station.charging_station.name
            time.sleep(_POLL)
        raise StepFailed("No connector became available within 60 s: are charge points connected?")

    def _user(self) -> User:
        with reading(self.engine) as store:
            user = store.scalar(select(User).where(User.role == "admin", User.is_active).limit(1))
        if user is None:
            raise StepFailed("There is no admin; make one: python manage.py create-user NAME --role admin")
        return user

    def _follow(self, command_id: int) -> None:
        told: set[str] = {"sent", "accepted"}
        while True:
            with reading(self.engine) as store:
                followed = find(store, Scope.network(), command_id, start_within=self.settings.start_within)
            if followed is None:
                raise StepFailed("The command has vanished from the store.")
            progress = followed.progress
            for step in progress.steps:
                # Without a tariff there is no bill, and that is told with the result.
                if step.state == "failed" and step.name != "billed":
                    raise StepFailed(f"{step.name}: {step.detail}")
                if step.state == "done" and step.name not in told:
                    told.add(step.name)
                    self.say(f"{_SAID[step.name]}.")
            if progress.finished:
                return
            time.sleep(_POLL)

    def _tell_result(self, transaction_id: int) -> None:
        with reading(self.engine) as store:
            session = store.scalars(
                select(ChargingSession).where(ChargingSession.transaction_id == transaction_id)
            ).one()
            currency = session.station.charging_station.currency
        if session.status not in ENDED_STATUSES or not session.energy_wh:
            raise StepFailed(f"The session ended as {session.status} with {session.energy_wh or 0} Wh.")
        cost = f"{session.cost} {currency}" if session.cost is not None else "none (no tariff)"
        self.say(f"Energy: {session.energy_consumed_kwh} kWh. Cost: {cost}.")


_SAID = {
    "plugged_in": "The vehicle is plugged in",
    "transaction": "The transaction has begun",
    "energy": "The meter moves",
    "stopped": "The transaction has ended",
    "billed": "The bill is made",
}


def _fastest_available(store: Session) -> OCPPConnector | None:
    busy = select(ChargingSession.ocpp_connector_id).where(
        is_running(), ChargingSession.ocpp_connector_id.is_not(None)
    )
    return store.scalar(
        select(OCPPConnector)
        .join(OCPPStation)
        .join(ChargingStation)
        .join(ChargingConnector, OCPPConnector.charging_connector_id == ChargingConnector.id)
        .where(
            OCPPConnector.status == "available",
            OCPPConnector.id.not_in(busy),
            OCPPStation.is_online,
            ChargingStation.is_active,
        )
        # Of some the power is not known; PostgreSQL would begin with them.
        .order_by(ChargingConnector.power_w.desc().nulls_last(), OCPPConnector.id)
        .limit(1)
    )


def _find_station(store: Session, station_id: str) -> ChargingStation:
    row = store.scalar(select(OCPPStation).where(OCPPStation.station_id == station_id))
    if row is not None:
        return row.charging_station
    try:
        station = store.get(ChargingStation, UUID(station_id.removeprefix("STATION_")))
    except ValueError:
        station = None
    if station is None:
        raise NotFound(f"There is no station {station_id}.")
    return station


def _sample_station(store: Session, settings: Settings) -> ChargingStation:
    tariff = Tariff(
        name="Sample tariff",
        currency=settings.currency,
        price_per_kwh=Decimal(12),
        vat_percent=settings.vat_percent,
        valid_from=utc_now(),
    )
    station = ChargingStation(
        owner=StationOwner(name=SAMPLE_OWNER),
        name="Sample station",
        timezone=settings.timezone,
        currency=settings.currency,
        connectors=[
            ChargingConnector(number=1, connector_type="ccs2", power_w=60_000, tariff=tariff),
            ChargingConnector(number=2, connector_type="type2", power_w=22_000, tariff=tariff),
        ],
    )
    store.add(station)
    store.flush()
    return station
