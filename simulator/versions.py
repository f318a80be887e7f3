"""Which class speaks which version of OCPP."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from simulator.fleet import OcppVersion, Station
from simulator.ocpp16 import Ocpp16
from simulator.ocpp201 import Ocpp201

OcppProtocol = type[Ocpp16] | type[Ocpp201]
_PROTOCOLS: Mapping[OcppVersion, OcppProtocol] = MappingProxyType({"1.6": Ocpp16, "2.0.1": Ocpp201})


def protocol_of(station: Station) -> OcppProtocol:
    return _PROTOCOLS[station.ocpp]
