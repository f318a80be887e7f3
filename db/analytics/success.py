"""The ChargeX indicators of a scope and a period, by day and by station, from one pass over its attempts.

An attempt is in the local day in which it ended, a visit in that of its last attempt's end: a period's
figures are the sums of its days'. What is read are the sessions themselves, since who came back after a
failure cannot be told from sums; the cost grows with the period.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from heapq import nlargest
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.analytics import attempts
from db.analytics.attempts import StationAttempts
from db.analytics.charge_success import Attempt, Outcome, Tally, Visit, pooled, visits
from db.analytics.scope import Period, Scope
from db.clocks import DAY, clock, date_of
from db.models import ChargingSession, ChargingStation, Command, OCPPConnector, OCPPStation

# No clock on Earth is further than a day from UTC, and a visit that ends in a period began not much more
# than another day before it.
_AROUND = timedelta(days=2)

Grain = Literal["day", "week", "month"]


@dataclass(frozen=True)
class Success:
    """`by_day` has the days in which something ended, `by_station` is by `ocpp_stations.id`. `troubled` are
    visits whose first attempt did not succeed, the newest first; there may be more than are listed.
    """

    total: Tally
    by_day: Mapping[date, Tally] = field(default_factory=dict)
    by_station: Mapping[int, Tally] = field(default_factory=dict)
    troubled: Sequence[Visit] = ()

    def by(self, grain: Grain) -> dict[date, Tally]:
        """Pooled by the first day of each week (a Monday) or month, in order."""
        grouped: dict[date, list[Tally]] = defaultdict(list)
        for day in sorted(self.by_day):
            grouped[first_day(day, grain)].append(self.by_day[day])
        return {day: pooled(tallies) for day, tallies in grouped.items()}


def first_day(day: date, grain: Grain) -> date:
    if grain == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if grain == "month" else day


def success(store: Session, scope: Scope, period: Period, *, listed: int = 200) -> Success:
    """The indicators of what ended in the period by the stations' own clocks."""
    adding = _Adding(period)
    start, end = period.bounds("UTC")
    for station in attempts.by_station(store, scope, start - _AROUND, end + _AROUND):
        adding.add(station)
    return Success(
        total=pooled(adding.by_station.values()),
        by_day={date_of(day): tally for day, tally in adding.by_day.items()},
        by_station=adding.by_station,
        troubled=nlargest(listed, adding.troubled, key=lambda visit: (visit.stop, visit.start)),
    )


class _Adding:
    """Adds up attempts and visits by the days of their stations' clocks."""

    def __init__(self, period: Period):
        self.by_day: dict[int, Tally] = defaultdict(Tally)
        self.by_station: dict[int, Tally] = {}
        self.troubled: list[Visit] = []
        self._bounds = lru_cache(lambda timezone: [int(at.timestamp()) for at in period.bounds(timezone)])

    def add(self, station: StationAttempts) -> None:
        local, (start, end) = clock(station.timezone), self._bounds(station.timezone)
        here = Tally()
        for attempt in station.attempts:
            if attempt.is_over and start <= attempt.stop < end:
                here.add_attempt(attempt)
                self.by_day[local.reading(attempt.stop) // DAY].add_attempt(attempt)
        for visit in visits(station.attempts):
            stop = visit.stop
            if start <= stop < end and visit.is_over:
                outcome = visit.outcome
                here.add_visit(outcome)
                self.by_day[local.reading(stop) // DAY].add_visit(outcome)
                if outcome is not Outcome.FIRST_ATTEMPT:
                    self.troubled.append(visit)
        if here.attempts:
            self.by_station[station.station] = here


@dataclass(frozen=True)
class AttemptRow:
    """One attempt of a visit with what its reader wants to know. Energy in Wh, `at` aware UTC.

    `error` is why a start from afar was refused, `stop_reason` why a session ended.
    """

    at: datetime
    connector_number: int | None
    is_valid: bool
    energy_wh: int | None = None
    stop_reason: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class VisitRow:
    """One visit with the names that a reader needs, its attempts in order."""

    station_name: str
    station_id: str
    timezone: str
    driver: str | None
    outcome: Outcome
    start: datetime
    stop: datetime
    attempts: tuple[AttemptRow, ...]


def rows_of(store: Session, scope: Scope, found: Sequence[Visit]) -> list[VisitRow]:
    """The visits, in their order, with what was said of their attempts."""
    told = _Told(store, scope, found)
    return [told.row(visit) for visit in found if visit.attempts[0].station in told.stations]


class _Told:
    """What the store says of the attempts of some visits."""

    def __init__(self, store: Session, scope: Scope, found: Sequence[Visit]):
        pks = {kind: [a.pk for v in found for a in v.attempts if a.kind == kind] for kind in _KINDS}
        stations = {visit.attempts[0].station for visit in found}
        places = store.execute(
            select(OCPPStation.id, ChargingStation.name, OCPPStation.station_id, ChargingStation.timezone)
            .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
            .where(OCPPStation.id.in_(stations), OCPPStation.id.in_(scope.stations()))
        )
        self.stations = {pk: (name, station_id, timezone) for pk, name, station_id, timezone in places}
        numbers = select(OCPPConnector.id, OCPPConnector.connector_id).where(
            OCPPConnector.ocpp_station_id.in_(self.stations)
        )
        self._numbers = dict(store.execute(numbers).all())
        self._sessions = {
            s.id: s
            for s in store.scalars(select(ChargingSession).where(ChargingSession.id.in_(pks["session"])))
        }
        self._commands = {
            c.id: c for c in store.scalars(select(Command).where(Command.id.in_(pks["command"])))
        }

    def row(self, visit: Visit) -> VisitRow:
        name, station_id, timezone = self.stations[visit.attempts[0].station]
        return VisitRow(
            station_name=name,
            station_id=station_id,
            timezone=timezone,
            driver=self._driver(visit),
            outcome=visit.outcome,
            start=_at(visit.start),
            stop=_at(visit.stop),
            attempts=tuple(map(self._attempt, visit.attempts)),
        )

    def _attempt(self, attempt: Attempt) -> AttemptRow:
        number = None if attempt.port is None else self._numbers.get(attempt.port)
        at = _at(attempt.start)
        if attempt.kind == "command":
            return AttemptRow(at, number, False, error=self._commands[attempt.pk].error)
        session = self._sessions[attempt.pk]
        return AttemptRow(at, number, attempt.is_valid, session.energy_wh, session.stop_reason)

    def _driver(self, visit: Visit) -> str | None:
        """The id tag, where one was told."""
        sessions = (self._sessions[each.pk] for each in visit.attempts if each.kind == "session")
        return next((session.id_tag for session in sessions if session.id_tag), None)


_KINDS = ("session", "command")


def _at(instant: int) -> datetime:
    return datetime.fromtimestamp(instant, UTC)
