"""Which charge points may connect, and with which version of OCPP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ocpp_backend import keys, stations
from ocpp_backend.bodies import is_station_id
from ocpp_backend.failures import Failure
from ocpp_backend.protocol import Protocol
from ocpp_backend.store import Store

# How some spell it, in lower case. Taken only where this is the version for those that offer none.
_OTHER_SPELLINGS = {"ocpp1.6": "ocpp1.6", "ocpp1.6j": "ocpp1.6", "ocpp2.0.1": "ocpp2.0.1"}
_NO_KEY = "its station has no key: make one with manage.py create-station-key"


@dataclass(frozen=True)
class Admission:
    """`protocols` by subprotocol, the preferred one first; the rest is from the settings."""

    store: Store
    protocols: Mapping[str, Protocol]
    require_keys: bool
    quarantine_unknown: bool
    default_protocol: str | None

    def choose(self, offered: Sequence[str]) -> tuple[Protocol, str | None]:
        """The version to speak, and the subprotocol to name as the one taken. Raises `Failure`."""
        for name, protocol in self.protocols.items():
            if name in offered:
                return protocol, name
        default = self.default_protocol
        if default is not None and not offered:
            return self.protocols[default], None
        for name in offered:
            if default is not None and _OTHER_SPELLINGS.get(name.lower()) == default:
                return self.protocols[default], name
        known = ", ".join(self.protocols)
        said = f"it offers the subprotocols {list(offered)}" if offered else "it offers no subprotocol"
        reason = f"{said}; known here: {known} (see OCPP_DEFAULT_PROTOCOL)"
        raise Failure(400, "no_common_subprotocol", reason)

    async def admit(self, station_id: str, authorization: str | None) -> bool:
        """Whether the station is known; False means quarantine. Raises `Failure`."""
        if not is_station_id(station_id):
            raise Failure(404, "station_not_found", "no station can have this id")
        known, key_hash = await self.store.read(
            lambda db: (stations.find(db, station_id) is not None, keys.hash_of(db, station_id))
        )
        if not known and not self.quarantine_unknown:
            raise Failure(404, "station_not_found", "no station of this id was registered by sync-station")
        if key_hash is not None:
            # Also where keys are not required, and for a station that is yet to be known.
            objection = keys.objection(authorization, station_id, key_hash)
        else:
            objection = _NO_KEY if known and self.require_keys else None
        if objection is not None:
            raise Failure(401, "unauthorized", objection)
        return known
