"""What there is to be used: connectors, since when, with how much power, and for how long they were open.

The store knows no opening hours: every connector counts as open for 24 hours a day. It does so from the
first local day on which its station was known (a session or a status of it, or its entry in the store) until
now; one that is no longer active, until it was last changed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Select, case, select
from sqlalchemy.orm import Session

from db.analytics.buckets import Grain, Key, instants, parts
from db.analytics.scope import Period, Scope
from db.analytics.statements import built_once
from db.models import ChargingConnector, ChargingStation, OCPPConnector, OCPPStation, Rollup


class Port(NamedTuple):
    """A connector. `since` and `until` (None: still open) are seconds since 1970, `power_w` its rating."""

    pk: int
    station_pk: int
    timezone: str
    power_w: int | None
    since: int
    until: int | None

    def open_in(self, period: Period, now: datetime) -> tuple[int, int]:
        """When in the period it was open, up to now; the end is not after the start where it was not."""
        start, end = instants(period, self.timezone)
        return max(start, self.since), min(end, int(now.timestamp()), self.until or end)


@dataclass(frozen=True)
class Capacity:
    """Open time summed over connectors, and what they would have delivered in it at their rated power: None
    where the rating of one is not known (`unrated` says of how many).
    """

    open: timedelta = timedelta()
    deliverable_wh: int | None = 0
    unrated: int = 0


def ports(store: Session, scope: Scope) -> list[Port]:
    """Every connector of the scope."""
    return [
        Port(pk, station_pk, timezone, power_w, _since(created_at, first_day, timezone), _instant(until))
        for pk, station_pk, timezone, power_w, created_at, first_day, until in _ports(scope).rows(store)
    ]


def capacity(
    open_ports: Iterable[Port], period: Period, grain: Grain | None, now: datetime
) -> dict[Key, Capacity]:
    """The capacity of these ports by bucket; buckets in which none was open are left out."""
    alike: dict[tuple[str, int, int], list[int | None]] = defaultdict(list)
    for port in open_ports:
        alike[port.timezone, *port.open_in(period, now)].append(port.power_w)
    sums: dict[Key, list[int]] = defaultdict(lambda: [0, 0, 0])
    for (timezone, start, end), ratings in alike.items():
        rated_w, unrated = sum(rating or 0 for rating in ratings), ratings.count(None)
        touched = set()
        for key, begun, ended in parts(timezone, start, end, grain):
            sums[key][0] += len(ratings) * (ended - begun)
            sums[key][1] += rated_w * (ended - begun)
            touched.add(key)
        for key in touched:
            sums[key][2] += unrated
    return {
        key: Capacity(timedelta(seconds=seconds), None if unrated else round(watt_seconds / 3600), unrated)
        for key, (seconds, watt_seconds, unrated) in sums.items()
    }


def open_stations(
    open_ports: Iterable[Port], period: Period, grain: Grain | None, now: datetime
) -> dict[Key, set[int]]:
    """The `ocpp_stations.id` of those that were open in each bucket."""
    alike: dict[tuple[str, int, int], set[int]] = defaultdict(set)
    for port in open_ports:
        alike[port.timezone, *port.open_in(period, now)].add(port.station_pk)
    found: dict[Key, set[int]] = defaultdict(set)
    for span, station_pks in alike.items():
        for key in {key for key, _, _ in parts(*span, grain)}:
            found[key] |= station_pks
    return found


@built_once
def _ports(scope: Scope) -> Select[int, int, str, int | None, datetime, date | None, datetime | None]:
    is_active = ChargingConnector.is_active.is_not(False) & ChargingStation.is_active
    # The key is in the order of days, so that each station's first one is one look.
    first_day = (
        select(Rollup.bucket)
        .where(Rollup.scope == "station", Rollup.scope_id == OCPPStation.id, Rollup.grain == "day")
        .order_by(Rollup.bucket)
        .limit(1)
        .scalar_subquery()
    )
    changed_at = case(
        (ChargingStation.is_active, ChargingConnector.updated_at), else_=ChargingStation.updated_at
    )
    return (
        select(
            OCPPConnector.id,
            OCPPStation.id,
            ChargingStation.timezone,
            ChargingConnector.power_w,
            ChargingStation.created_at,
            first_day,
            case((is_active, None), else_=changed_at),
        )
        .join(OCPPStation, OCPPConnector.ocpp_station_id == OCPPStation.id)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .outerjoin(ChargingConnector, OCPPConnector.charging_connector_id == ChargingConnector.id)
        .where(OCPPStation.id.in_(scope.stations()))
        .order_by(OCPPStation.id, OCPPConnector.connector_id)
    )


def _since(created_at: datetime, first_day: date | None, timezone: str) -> int:
    zone = ZoneInfo(timezone)
    day = created_at.astimezone(zone).date()
    return int(datetime.combine(min(day, first_day or day), time(), zone).timestamp())


def _instant(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp())
