"""Whose stations and which days: the two things that every read is told.

Statements over few rows are built once and prepared: to build, look up and wrap them would take longer than
to answer them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache, wraps
from typing import Any, Concatenate, Literal, NamedTuple, ParamSpec, TypeVar, TypeVarTuple
from weakref import WeakKeyDictionary
from zoneinfo import ZoneInfo

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Date,
    FromClause,
    Select,
    String,
    and_,
    bindparam,
    select,
    union_all,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.functions import FunctionElement

from db.columns import UTCDateTime
from db.models import (
    ChargingStation,
    ConnectorStatusInterval,
    HourProfile,
    OCPPConnector,
    OCPPStation,
    Rollup,
    User,
)
from db.prepared import Passing, Prepared

_P = ParamSpec("_P")
_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


@dataclass(frozen=True)
class Scope:
    """The network, one owner's stations (`id` a `station_owners.id`), one station (`ocpp_stations.id`), or
    those stations of a scope that somebody chose (`pks`, of `within`).
    """

    kind: Literal["network", "owner", "station", "stations"]
    id: int = 0
    pks: tuple[int, ...] = ()
    within: Scope | None = None

    @classmethod
    def network(cls) -> Scope:
        return cls("network")

    @classmethod
    def owner(cls, owner_id: int) -> Scope:
        return cls("owner", owner_id)

    @classmethod
    def station(cls, station_pk: int) -> Scope:
        return cls("station", station_pk)

    @classmethod
    def of(cls, user: User) -> Scope:
        """What this user may see. Raises `PermissionError` for one who may see no stations."""
        if user.role == "admin":
            return cls.network()
        if user.role == "owner" and user.owner_id is not None:
            return cls.owner(user.owner_id)
        raise PermissionError(f"{user.user_name} ({user.role}) has no stations to look at")

    def only(self, station_pks: Iterable[int]) -> Scope:
        """Those of `station_pks` that are in this scope: it gets no wider, and none of them are none."""
        chosen = set(station_pks)
        if self.kind == "stations":
            chosen.intersection_update(self.pks)
        return Scope("stations", pks=tuple(sorted(chosen)), within=self.within or self)

    @property
    def is_of_stations(self) -> bool:
        """Whether its sums are those of single stations, of which `hour_profiles` has no days."""
        return self.kind in ("station", "stations")

    def stations(self) -> Select[int]:
        """The `ocpp_stations.id` in this scope, for use with `.in_()`."""
        if self.within is not None:
            return self.within.stations().where(OCPPStation.id.op("IN")(_Listed(json.dumps(self.pks))))
        query = select(OCPPStation.id)
        if self.kind == "owner":
            places = select(ChargingStation.id).where(ChargingStation.owner_id == self.id)
            return query.where(among(OCPPStation.charging_station_id, places))
        if self.kind == "station":
            return query.where(OCPPStation.id == self.id)
        return query

    def rollups(self, table: type[Rollup | HourProfile] = Rollup) -> ColumnElement[bool]:
        columns = table.__table__.c
        if self.kind == "stations":
            return and_(columns.scope == "station", columns.scope_id.in_(self.stations()))
        return and_(columns.scope == self.kind, columns.scope_id == self.id)


class _Listed(FunctionElement[int]):
    """The numbers of a JSON list as rows: one value to tell, however many they are."""

    inherit_cache = True


@compiles(_Listed, "sqlite")
def _listed_in_sqlite(element: _Listed, compiler: Any, **options: Any) -> str:
    return f"(SELECT value FROM json_each{compiler.process(element.clause_expr, **options)})"  # noqa: S608 - a mark


@compiles(_Listed, "postgresql")
def _listed_in_postgresql(element: _Listed, compiler: Any, **options: Any) -> str:
    told = compiler.process(element.clause_expr, **options)
    return f"(SELECT CAST(json_array_elements_text(CAST({told} AS json)) AS bigint))"


class _Among(FunctionElement[bool]):
    """Whether the first clause is one of the rows of the second."""

    type = Boolean()
    inherit_cache = True

    def self_group(self, against: Any = None) -> _Among:  # noqa: ARG002 - by its name
        # Else SQLite is asked whether it is 1, for which it uses no index.
        return self


@compiles(_Among, "sqlite")
def _among_in_sqlite(element: _Among, compiler: Any, **options: Any) -> str:
    one, few = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{one} IN {few}"


@compiles(_Among, "postgresql")
def _among_in_postgresql(element: _Among, compiler: Any, **options: Any) -> str:
    # It takes a list for short and looks each of them up; of a subquery it may think that it is long.
    one, few = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{one} = ANY (ARRAY{few})"


def among(column: Any, few: Select[Any]) -> ColumnElement[bool]:
    """The rows whose `column` is among a `few`, each of which is looked up in an index of the column."""
    return _Among(column, few.scalar_subquery())


class _AmongAll(FunctionElement[bool]):
    """Whether the first clause is one of the rows of the second, which has all that there are."""

    type = Boolean()
    inherit_cache = True

    def self_group(self, against: Any = None) -> _AmongAll:  # noqa: ARG002 - by its name
        return self


compiles(_AmongAll, "sqlite")(_among_in_sqlite)


@compiles(_AmongAll, "postgresql")
def _among_all_in_postgresql(*_element: _AmongAll, **_options: Any) -> str:
    return "true"


def among_all(column: Any, every: Select[Any]) -> ColumnElement[bool]:
    """No row is left out. SQLite looks each up in an index of the column, which else it would walk through;
    PostgreSQL, which has nothing to look up, would only compare them.
    """
    return _AmongAll(column, every.scalar_subquery())


def listed(column: Any, pks: Any) -> ColumnElement[bool]:
    """The rows whose `column` is in a JSON list."""
    return _Among(column, _Listed(pks))


def built_once(
    build: Callable[Concatenate[Scope, _P], Select[*_Ts]],
) -> Callable[Concatenate[Scope, _P], Prepared[*_Ts]]:
    """Keep the statement that `build` makes for a scope. There are as many sets of stations as somebody
    thinks of, so theirs are not kept.
    """

    def prepared(scope: Scope, /, *args: _P.args, **named: _P.kwargs) -> Prepared[*_Ts]:
        return Prepared(build(scope, *args, **named))

    kept: Any = lru_cache(maxsize=512)(prepared)

    @wraps(build)
    def built(scope: Scope, /, *args: _P.args, **named: _P.kwargs) -> Prepared[*_Ts]:
        if scope.kind == "stations":
            return Passing(build(scope, *args, **named))
        statement: Prepared[*_Ts] = kept(scope, *args, **named)
        return statement

    return built


def timezones(store: Session, scope: Scope) -> list[str]:
    """The names of the zones by whose clocks a scope's stations live."""
    return [name for (name,) in _timezones(scope).rows(store)]


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


@dataclass(frozen=True)
class Period:
    """Local days from `start` until before `end`."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError(f"a period ends after it starts, not {self.start} to {self.end}")

    @classmethod
    def last_days(cls, days: int, today: date) -> Period:
        """The last `days` days, today included."""
        return cls(today - timedelta(days=days - 1), today + timedelta(days=1))

    @property
    def days(self) -> int:
        return (self.end - self.start).days

    def previous(self) -> Period:
        """As many days, just before."""
        return Period(self.start - timedelta(days=self.days), self.start)

    def shifted(self, days: int) -> Period:
        """As many days, that much later (earlier where `days` is negative)."""
        return Period(self.start + timedelta(days=days), self.end + timedelta(days=days))

    def without_day(self, last: date) -> Period | None:
        """The period before `last`, which is not over yet; None where nothing is left of it."""
        end = min(self.end, last)
        return Period(self.start, end) if end > self.start else None

    def widened(self, first: date, last: date) -> Period:
        """Whole months where it goes beyond the `first` and the `last` day of which anything is known: no row
        is there that it would not have as well.
        """
        if self.end <= first or self.start > last:
            return self
        start = self.start.replace(day=1) if self.start <= first else self.start
        end = _first_of_next_month(self.end - timedelta(days=1)) if self.end > last else self.end
        return Period(start, end)

    def bounds(self, timezone: str) -> tuple[datetime, datetime]:
        """The instants, in UTC, between which the clocks of `timezone` read this period."""
        # Python adds to and compares times of one zone by its clock, which jumps twice a year.
        zone = ZoneInfo(timezone)
        start, end = datetime.combine(self.start, time(), zone), datetime.combine(self.end, time(), zone)
        return start.astimezone(UTC), end.astimezone(UTC)

    def parts(self) -> tuple[Period | None, list[Period]]:
        """The whole months in it, and the days at its edges."""
        first, last = _first_of_next_month(self.start), self.end.replace(day=1)
        if self.start.day == 1:
            first = self.start
        if first >= last:
            return None, [self]
        edges = ((self.start, first), (last, self.end))
        return Period(first, last), [Period(start, end) for start, end in edges if start < end]

    @property
    def names_of_parts(self) -> tuple[str, ...]:
        """The parts that take the fewest rows: whole months, and the days at the edges."""
        months, edges = self.parts()
        return (*(("month",) if months else ()), *("first", "second")[: len(edges)])

    @property
    def told(self) -> dict[str, date]:
        """What statements with `ranges` or `in_days` are to be executed with."""
        months, edges = self.parts()
        first, second = (*edges, None, None)[:2]
        parts = {"month": months, "first": first, "second": second, "all": self}
        return {
            name: day
            for part, days in parts.items()
            for name, day in (
                (f"{part}_start", days.start if days else self.start),
                (f"{part}_end", days.end if days else self.start),
            )
        }


_RANGES = {"month": "month", "first": "day", "second": "day", "all": "day"}  # the grain of each part
DAYS = ("all",)  # a row for each day of the period


def ranges(parts: Collection[str], table: type[Rollup | HourProfile] = Rollup) -> list[ColumnElement[bool]]:
    """A condition for each of the `parts` of a period (`Period.names_of_parts`, or `DAYS`). The period is
    told when the statement is executed, so that it is built but once.
    """
    return [_of_grain(table, grain, name) for name, grain in _RANGES.items() if name in parts]


def rows_of(
    scope: Scope, parts: Collection[str], names: Sequence[str], table: type[Rollup | HourProfile] = Rollup
) -> FromClause:
    """Columns of a scope's rows in these parts of a period, to be told it as `ranges` are."""
    columns = [table.__table__.c[name] for name in names]
    # A part at a time: with a choice of parts, PostgreSQL would read and judge every row of the scope.
    pieces = (select(*columns).where(scope.rollups(table), part) for part in ranges(parts, table))
    return union_all(*pieces).subquery()


def in_days() -> ColumnElement[bool]:
    """The row of each day."""
    return ranges(DAYS)[0]


def _of_grain(table: type[Rollup | HourProfile], grain: str, part: str) -> ColumnElement[bool]:
    columns = table.__table__.c
    return and_(
        columns.grain == grain,
        columns.bucket >= bindparam(f"{part}_start", type_=Date),
        columns.bucket < bindparam(f"{part}_end", type_=Date),
    )


def _first_of_next_month(day: date) -> date:
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)
