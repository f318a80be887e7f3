"""`manage.py create-station-key`: lets a charge point into the embedded backend."""

from __future__ import annotations

from ocpp_backend import keys, stations
from ocpp_backend.bodies import is_station_id
from ocpp_backend.engine import open_engine
from settings import ConfigurationError, Settings


def create(settings: Settings, station_id: str) -> str:
    """A new key for a station, in place of any it had; only its hash is kept."""
    if not is_station_id(station_id):
        raise ConfigurationError(f"{station_id!r} is no station id: it becomes a step of an address")
    key = keys.fresh_key()
    keys.store_key(settings.ocpp_backend_database_url, station_id, key)
    return key


NOT_KNOWN = (
    "The backend knows no station of this id yet. Keys may be made in advance; check the id, or wait for the "
    "sync job to tell the backend of the station."
)


def is_known(settings: Settings, station_id: str) -> bool:
    """Whether the backend was told of this station; its store must be there."""
    engine = open_engine(settings.ocpp_backend_database_url)
    try:
        with engine.connect() as db:
            return stations.find(db, station_id) is not None
    finally:
        engine.dispose()


def how_to_connect(settings: Settings, station_id: str) -> str:
    """What is entered at the charge point beside the key."""
    return (
        f"Shown only now. The charge point connects to {settings.ocpp_websocket_url}{station_id} "
        f"with the user name {station_id} and this key as password."
    )
