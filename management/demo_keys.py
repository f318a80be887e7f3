"""The keys of the simulated charge points: what they send, and what the backend takes of them."""

from __future__ import annotations

from ocpp_backend.keys import fresh_key, store_keys
from settings import Settings
from simulator.fleet import Fleet
from simulator.keys import load_keys, save_keys


def give_keys(settings: Settings, fleet: Fleet) -> None:
    """See to it that each charge point of the fleet has a key: the simulator the key, the backend its hash.

    Keys that are in the simulator's file already stay.
    """
    known = load_keys(settings.simulator_keys)
    names = [station.station_id for station in fleet.stations]
    keys = {name: known.get(name) or fresh_key() for name in names}
    if not keys.items() <= known.items():
        save_keys(settings.simulator_keys, {**known, **keys})
    store_keys(settings.ocpp_backend_database_url, keys)
