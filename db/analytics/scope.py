"""Whose stations and which days: the two things that every read is told."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, and_, select

from db.membership import RowsOfList, among
from db.models import ChargingStation, HourProfile, OCPPStation, Rollup, User

_FEW_STATIONS = 20


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

    @property
    def is_of_few_stations(self) -> bool:
        """Whether what is looked for is sooner found among all of its stations than among all of the time."""
        return self.kind == "station" or (self.kind == "stations" and len(self.pks) <= _FEW_STATIONS)

    def stations(self) -> Select[int]:
        """The `ocpp_stations.id` in this scope, for use with `.in_()`."""
        if self.within is not None:
            return self.within.stations().where(OCPPStation.id.op("IN")(RowsOfList(json.dumps(self.pks))))
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


def _first_of_next_month(day: date) -> date:
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)
