"""A network and a million sessions at it in three years, the same in every run; fewer take less time."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sqlalchemy.orm import Session

from db.models import ChargingConnector, ChargingStation, OCPPConnector, OCPPStation, StationOwner

STATIONS, CONNECTORS, OWNERS, DAYS = 500, 2, 50, 3 * 365 + 1
END = datetime(2026, 1, 15, tzinfo=UTC)
A_MILLION = 1_000_000
_REASONS = ("Local", "EVDisconnected", "Remote", "PowerLoss")
# More people charge by day than by night.
_HOURS = [1, 1, 1, 1, 2, 3, 6, 9, 10, 9, 8, 8, 9, 9, 8, 8, 9, 11, 12, 10, 8, 5, 3, 2]

_RATED_W = 150_000


@dataclass(frozen=True, slots=True)
class Charge:
    """A session that has ended. `station` counts from 0, `connector` from 1."""

    number: int
    station: int
    connector: int
    start: datetime
    stop: datetime
    energy_wh: int
    charging_seconds: int
    cost: Decimal
    tax: Decimal
    stop_reason: str


def add_network(store: Session) -> None:
    """`STATION_0` and so on, each tenth of them with the same owner."""
    owners = [StationOwner(name=f"Owner {number}") for number in range(OWNERS)]
    for number in range(STATIONS):
        place = ChargingStation(
            owner=owners[number % OWNERS],
            name=f"Station {number}",
            timezone="Africa/Addis_Ababa",
            currency="ETB",
        )
        station = OCPPStation(station_id=f"STATION_{number}", charging_station=place)
        for connector in range(1, CONNECTORS + 1):
            listed = ChargingConnector(
                station=place, number=connector, connector_type="ccs2", power_w=_RATED_W
            )
            station.connectors.append(OCPPConnector(connector_id=connector, charging_connector=listed))
        store.add(station)


def charges(count: int, in_three_years: int = A_MILLION) -> Iterator[Charge]:
    """By the day on which they began; there are as many to a day as `in_three_years` tells."""
    chance = random.Random(1)
    first = END - timedelta(days=2 + count * DAYS // in_three_years)
    for number in range(count):
        day = first + timedelta(days=number * DAYS // in_three_years)
        hour = chance.choices(range(24), _HOURS)[0]
        start = day + timedelta(hours=hour, seconds=chance.randrange(3600))
        seconds = chance.randrange(600, 7200)
        # Never more than the connector can deliver: what cannot be is in no sum.
        most_wh = _RATED_W * seconds * 9 // 36_000
        energy_wh = min(most_wh, chance.randrange(600, 60_000)) if number % 20 else 80
        cost = Decimal(energy_wh * 12).scaleb(-3).quantize(Decimal("0.01"))
        yield Charge(
            number=number,
            station=chance.randrange(STATIONS),
            connector=chance.randrange(1, CONNECTORS + 1),
            start=start,
            stop=start + timedelta(seconds=seconds),
            energy_wh=energy_wh,
            charging_seconds=seconds - seconds // 10,
            cost=cost,
            tax=(cost * 15 / 115).quantize(Decimal("0.01")),
            stop_reason=chance.choice(_REASONS),
        )
