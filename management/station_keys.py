"""`manage.py create-station-key`: lets a charge point into the embedded backend."""

from __future__ import annotations

from urllib.parse import urlsplit

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


_ONLY_HERE = ("127.0.0.1", "::1", "localhost")
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
    address = f"{settings.ocpp_websocket_url}{station_id}"
    told = f"Shown only now. The charge point connects to {address} with the user name {station_id} "
    told += "and this key as password."
    if urlsplit(address).hostname in _ONLY_HERE:
        told += "\nNone elsewhere reaches that: set OCPP_WEBSOCKET_URL to the address from outside, and "
        told += "HOST=0.0.0.0 where no proxy is in front."
    return told
