"""The ChargeX indicators of a scope and a period, by day and by station, and the visits behind them.

An attempt is in the local day in which it ended, a visit in that of its last attempt's end: a period's
figures are the sums of its days'. Who came back after a failure cannot be told from sums: all attempts are
read (`db.analytics.tried`), and the cost grows with the period.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import numpy as np
from sqlalchemy import Row, Select, select
from sqlalchemy.orm import Session

from db.analytics.charge_success import Outcome, Tally, pooled
from db.analytics.ended import Places, days_within
from db.analytics.scope import Period, Scope
from db.analytics.tried import Attempts, Visits, attempts_and_visits, chunks
from db.arrays import Integers
from db.clocks import date_of
from db.models import ChargingSession, ChargingStation, Command, OCPPConnector, OCPPStation

# No clock on Earth is further than a day from UTC, and a visit that ends in a period began not much more
# than another day before it.
_AROUND = timedelta(days=2)
Grain = Literal["day", "week", "month"]


@dataclass(frozen=True)
class Success:
    """`by_day` has the days in which something ended, `by_station` is by `ocpp_stations.id`."""

    total: Tally
    by_day: Mapping[date, Tally] = field(default_factory=dict)
    by_station: Mapping[int, Tally] = field(default_factory=dict)

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


def success(store: Session, scope: Scope, period: Period) -> Success:
    """The indicators of what ended in the period by the stations' own clocks."""
    found, made = _tried(store, scope, period)
    places = Places.of(store, scope)
    sums = _Sums(places, period)
    sums.add(found.station, found.stop, found.is_over, _of_attempts(found))
    sums.add(made.station, made.stop, made.is_over, _of_visits(made))
    by_station = {int(places.pks[of]): tally for of, tally in sums.by_station.items()}
    by_day = {date_of(day): sums.by_day[day] for day in sorted(sums.by_day)}
    return Success(pooled(by_station.values()), by_day, by_station)


def _tried(store: Session, scope: Scope, period: Period) -> tuple[Attempts, Visits]:
    start, end = period.bounds("UTC")
    return attempts_and_visits(store, scope, start - _AROUND, end + _AROUND)


def _of_attempts(found: Attempts) -> dict[str, Integers]:
    """By the names of `Tally`."""
    return {"attempts": np.ones_like(found.pk), "powered": found.has_power, "valid": found.is_valid}


def _of_visits(made: Visits) -> dict[str, Integers]:
    return {
        "first_attempt": made.is_first_valid,
        "troubled": made.is_any_valid - made.is_first_valid,
        "failed": 1 - made.is_any_valid,
    }


class _Sums:
    """Of each station, by its position in `places`, and of each day, by its number."""

    def __init__(self, places: Places, period: Period):
        self._places, self._period = places, period
        self.by_station: dict[int, Tally] = {}
        self.by_day: dict[int, Tally] = {}

    def add(
        self, stations: Integers, stops: Integers, is_over: Integers, metrics: Mapping[str, Integers]
    ) -> None:
        of = self._places.located({"station": stations})[1]
        days = days_within(self._places, self._period, of, stops)
        chosen = (is_over == 1) & (days >= 0)
        rows = {name: values[chosen] for name, values in metrics.items()}
        for sums, keys in ((self.by_station, of[chosen]), (self.by_day, days[chosen])):
            present = np.flatnonzero(np.bincount(keys))
            # Sums of so few are exact in floating point.
            totals = {name: np.bincount(keys, values)[present].tolist() for name, values in rows.items()}
            for place, key in enumerate(present.tolist()):
                known = sums.get(key, Tally())
                sums[key] = replace(known, **{name: int(each[place]) for name, each in totals.items()})


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
    """One visit with the names that a reader needs, its attempts in order. `driver` is an id tag."""

    station_name: str
    station_id: str
    timezone: str
    driver: str | None
    outcome: Outcome
    start: datetime
    stop: datetime
    attempts: tuple[AttemptRow, ...]


def troubled_visits(store: Session, scope: Scope, period: Period, *, limit: int = 200) -> list[VisitRow]:
    """The newest visits whose first attempt did not succeed, whether or not a later one did."""
    found, made = _tried(store, scope, period)
    places = Places.of(store, scope)
    days = days_within(places, period, places.located({"station": made.station})[1], made.stop)
    troubled = np.flatnonzero((made.is_over == 1) & (made.is_first_valid == 0) & (days >= 0))
    newest = np.lexsort((made.who[troubled], made.station[troubled], -made.stop[troubled]))
    listed = troubled[newest[:limit]]
    told = _Told.of(store, found.at(np.isin(found.visit, listed)))
    return [told.visit(number) for number in listed.tolist()]


@dataclass(frozen=True)
class _Told:
    """Attempts by the number of their visit, and what there is to be told of them."""

    attempts: Mapping[int, list[tuple[int, ...]]]
    sessions: Mapping[int, Row[*tuple[Any, ...]]]
    commands: Mapping[int, Row[*tuple[Any, ...]]]
    stations: Mapping[int, Row[*tuple[Any, ...]]]

    @classmethod
    def of(cls, store: Session, found: Attempts) -> _Told:
        columns = (found.is_session, found.pk, found.start, found.stop, found.is_valid, found.station)
        of_visits: dict[int, list[tuple[int, ...]]] = defaultdict(list)
        for visit, *told in zip(found.visit.tolist(), *(each.tolist() for each in columns), strict=True):
            of_visits[visit].append(tuple(told))
        is_session = found.is_session == 1
        return cls(
            of_visits,
            _by_pk(store, _told_sessions(), ChargingSession.id, found.pk[is_session]),
            _by_pk(store, _told_commands(), Command.id, found.pk[~is_session]),
            _by_pk(store, _told_stations(), OCPPStation.id, np.unique(found.station)),
        )

    def visit(self, number: int) -> VisitRow:
        told = self.attempts[number]
        station = self.stations[told[0][-1]]
        tags = (self.sessions[pk].id_tag for is_session, pk, *_ in told if is_session)
        is_charged = any(is_valid for *_, is_valid, _ in told)
        return VisitRow(
            station_name=station.name,
            station_id=station.station_id,
            timezone=station.timezone,
            driver=next((tag for tag in tags if tag), None),
            outcome=Outcome.TROUBLED if is_charged else Outcome.FAILED,
            start=_at(told[0][2]),
            stop=_at(max(each[3] for each in told)),
            attempts=tuple(self._attempt(*each[:5]) for each in told),
        )

    def _attempt(self, is_session: int, pk: int, start: int, _stop: int, is_valid: int) -> AttemptRow:
        if not is_session:
            command = self.commands[pk]
            return AttemptRow(_at(start), command.connector_id, bool(is_valid), error=command.error)
        session = self.sessions[pk]
        told = (session.energy_wh, session.stop_reason)
        return AttemptRow(_at(start), session.connector_id, bool(is_valid), *told)


def _told_sessions() -> Select[*tuple[Any, ...]]:
    session = ChargingSession
    return select(
        session.id,
        session.id_tag,
        session.energy_wh,
        session.stop_reason,
        OCPPConnector.connector_id,
    ).outerjoin(OCPPConnector, session.ocpp_connector_id == OCPPConnector.id)


def _told_commands() -> Select[*tuple[Any, ...]]:
    return select(Command.id, Command.error, OCPPConnector.connector_id).outerjoin(
        OCPPConnector, Command.ocpp_connector_id == OCPPConnector.id
    )


def _told_stations() -> Select[*tuple[Any, ...]]:
    return select(
        OCPPStation.id, ChargingStation.name, OCPPStation.station_id, ChargingStation.timezone
    ).join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)


def _by_pk(
    store: Session, query: Select[*tuple[Any, ...]], key: Any, pks: Integers
) -> dict[int, Row[*tuple[Any, ...]]]:
    return {row[0]: row for some in chunks(pks) for row in store.execute(query.where(key.in_(some)))}


def _at(instant: int) -> datetime:
    return datetime.fromtimestamp(instant, UTC)
