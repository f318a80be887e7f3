"""The time zones of a scope: each has its own instants at which a day of its clocks begins and ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import ColumnElement, Select, SQLColumnExpression, String, and_, bindparam, false, or_, select
from sqlalchemy.orm import Session

from db.analytics.scope import Period, Scope
from db.analytics.statements import built_once
from db.columns import UTCDateTime
from db.membership import among
from db.models import ChargingStation, ConnectorStatusInterval, OCPPConnector, OCPPStation

_T = TypeVar("_T")
# No clock on Earth is further than this from UTC.
FROM_UTC = timedelta(days=1)


def timezones(store: Session, scope: Scope) -> list[str]:
    """The names of the zones by whose clocks a scope's stations live."""
    return [name for (name,) in _timezones(scope).rows(store)]


def in_period(
    store: Session, scope: Scope, period: Period, at: SQLColumnExpression[Any]
) -> ColumnElement[bool]:
    """Whether `at`, a time of one of the scope's stations, is in the period by the station's clock."""
    spans = {zone: period.bounds(zone) for zone in timezones(store, scope)}
    return or_(
        false(),
        *(
            and_(ChargingStation.timezone == zone, at >= start, at < end)
            for zone, (start, end) in spans.items()
        ),
    )


@built_once
def _timezones(scope: Scope) -> Select[str]:
    return _clocks(scope).distinct()


def _clocks(scope: Scope) -> Select[str]:
    names = select(ChargingStation.timezone)
    if scope.kind == "network":
        return names
    if scope.kind == "owner":
        return names.where(ChargingStation.owner_id == scope.id)
    return names.join(OCPPStation).where(OCPPStation.id.in_(scope.stations()))


class Zone(NamedTuple):
    """A time zone of a scope, and the instants between which its clocks read a period. `is_only` where the
    scope has no other.
    """

    name: str
    is_only: bool
    since: datetime
    until: datetime

    @property
    def told(self) -> dict[str, Any]:
        """What statements with `of_zone` are to be executed with."""
        return {"zone": self.name, "since": self.since, "until": self.until}


SINCE, UNTIL = (bindparam(name, type_=UTCDateTime()) for name in ("since", "until"))


def zones(store: Session, scope: Scope, period: Period) -> list[Zone]:
    names = timezones(store, scope)
    return [Zone(name, len(names) == 1, *period.bounds(name)) for name in names]


def is_only_zone(scope: Scope) -> ColumnElement[bool]:
    """Whether all of the scope's stations live by the clocks of a `Zone`, for `in_zones`."""
    others = _clocks(scope).where(ChargingStation.timezone != bindparam("zone", type_=String))
    return ~others.exists()


# The one zone that was found last: nearly always that of the next question, too.
_ONLY: WeakKeyDictionary[Any, dict[Scope, str]] = WeakKeyDictionary()


def in_zones(
    store: Session,
    scope: Scope,
    period: Period,
    ask: Callable[[Zone], Sequence[_T]],
    is_only: Callable[[_T], bool],
) -> list[tuple[Zone, Sequence[_T]]]:
    """What `ask` finds in each zone of the scope. `is_only` tells of anything found whether the store said
    `is_only_zone` with it: then a zone that was only guessed was right, and a question for it is saved.
    """
    known = _ONLY.setdefault(store.get_bind(), {})
    if (name := known.get(scope)) is not None:
        zone = Zone(name, True, *period.bounds(name))
        found = ask(zone)
        if found and is_only(found[0]):
            return [(zone, found)]
    there = zones(store, scope, period)
    if len(there) == 1 and scope.kind != "stations":
        known[scope] = there[0].name
    else:
        known.pop(scope, None)
    return [(zone, ask(zone)) for zone in there]


def of_zone(scope: Scope, is_only: bool) -> list[ColumnElement[bool]]:
    """Conditions on statuses of the scope's connectors where a `Zone` holds. They join nothing, so that an
    index of the statuses gives them in its order.
    """
    if scope.kind == "network" and is_only:
        return []
    stations = stations_of_zone(scope, is_only)
    of_stations: ColumnElement[bool] = OCPPConnector.ocpp_station_id.in_(stations)
    if scope.kind != "network":
        of_stations = among(OCPPConnector.ocpp_station_id, stations)
    # A list of connectors PostgreSQL would rather look for along the time than look each of them up.
    connectors = select(OCPPConnector.id).where(of_stations)
    return [ConnectorStatusInterval.ocpp_connector_id.in_(connectors)]


def stations_of_zone(scope: Scope, is_only: bool) -> Select[int]:
    """The scope's stations where a `Zone` holds."""
    if is_only:
        return scope.stations()
    there = select(ChargingStation.id).where(ChargingStation.timezone == bindparam("zone"))
    return scope.stations().where(OCPPStation.charging_station_id.in_(there))
