"""Stations as a list wants them to be: what a pull or a file says, in our units, before it is compared."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

_OF_PLATFORM = re.compile(r"STATION_([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.ASCII)


@dataclass(frozen=True)
class StationKey:
    """What a list calls a station: the platform's id, its OCPP id, or both."""

    id: UUID | None = None
    ocpp_id: str | None = None

    @property
    def station_id(self) -> str:
        """The OCPP id: the platform's id makes one where none was set by hand."""
        return self.ocpp_id or f"STATION_{self.id}"

    @property
    def new_id(self) -> UUID:
        """The id that a new station gets: the platform's, or one that follows from its OCPP id."""
        if self.id is not None:
            return self.id
        of_platform = _OF_PLATFORM.fullmatch(self.station_id)
        return UUID(of_platform[1]) if of_platform else uuid5(NAMESPACE_URL, f"ocpp:{self.station_id}")


@dataclass(frozen=True)
class WantedConnector:
    """A physical connector. It is known by its OCPP `number`, or else by the platform's id and a unit.

    `fields` are the columns of `ChargingConnector` that the list tells, and `price_per_kwh`.
    """

    fields: Mapping[str, Any] = field(default_factory=dict)
    number: int | None = None
    external_id: str | None = None
    unit: int = 1


@dataclass(frozen=True)
class WantedStation:
    """`fields` are the columns of `ChargingStation` that the list tells; others stay as they are.

    `connectors` is None where the list does not tell them, `is_own` marks a station of the token's owner.
    """

    key: StationKey
    fields: Mapping[str, Any] = field(default_factory=dict)
    connectors: tuple[WantedConnector, ...] | None = None
    owner: str | None = None
    is_own: bool = False


@dataclass
class Listing:
    """A list of stations as far as it could be read.

    `left_out` are stations that it names but that could not be read; `problems` says why. It is `complete`
    where every station of the list is in one of the two: only then is a missing one known to be gone.
    `ignored` are columns that we have no field for.
    """

    stations: list[WantedStation] = field(default_factory=list)
    left_out: list[StationKey] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    complete: bool = True
    ignored: tuple[str, ...] = ()
