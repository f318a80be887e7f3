"""When connectors were down, and what follows from it in each definition of availability."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby, pairwise
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Result, Row, Select, and_, false, or_, select
from sqlalchemy.orm import Session, aliased

from db.analytics import availability, exclusions
from db.analytics.availability import Outage, PortTime, StatusSpan, Uptime
from db.analytics.exclusions import Excluded, Exclusion
from db.analytics.outcome import DOWN_STATUSES
from db.analytics.scope import Period, Scope
from db.analytics.spans import Span, intersection, total, union
from db.clocks import DAY, clock, date_of
from db.models import (
    ChargingConnector,
    ChargingStation,
    ConnectorStatusInterval,
    OCPPConnector,
    OCPPStation,
)
from db.models.ocpp import IS_DOWN

# No clock on Earth is further than a day from UTC.
_ZONES = timedelta(days=1)


@dataclass(frozen=True)
class Port:
    """A connector with its place. `power_w` is its rating, None where it is not known.

    `station_id` is the charge point's OCPP id, `place_id` the platform's id of the station.
    """

    connector_pk: int
    station_pk: int
    station_name: str
    number: int
    power_w: int | None
    timezone: str
    station_id: str
    place_id: UUID


class OutagePart(NamedTuple):
    """A part of an outage that counts whole or not at all; `reasons`, in words, say why it does not."""

    span: Span
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class PortLog:
    """What a port was from when to when, clipped to `within`: the period by its clock, up to now."""

    port: Port
    within: Span
    log: Sequence[StatusSpan]
    excluded: Sequence[Excluded] = ()

    @property
    def observed(self) -> timedelta:
        return total(each.span for each in self.log)

    @property
    def down(self) -> list[Span]:
        return availability.down(self.log)

    @property
    def outages(self) -> list[Outage]:
        return availability.outages(self.log, self.excluded_spans, known_until=self.within.end)

    @property
    def uptime(self) -> Uptime:
        """By NEVI's rule, over the time that was observed."""
        return availability.nevi(self.down, self.excluded_spans, within=self.within, period=self.observed)

    def parts(self, outage: Outage) -> list[OutagePart]:
        """The outage, taken apart where an exclusion begins or ends."""
        cuts = {time for each in self.excluded for time in each.span if outage.start < time < outage.end}
        times = sorted({outage.start, outage.end} | cuts)
        return [OutagePart(Span(*bounds), self._reasons(Span(*bounds))) for bounds in pairwise(times)]

    def reasons_of(self, outage: Outage) -> tuple[str, ...]:
        """Why some of the outage does not count, in words; empty where all of it does."""
        return self._reasons(Span(outage.start, outage.end))

    @property
    def excluded_spans(self) -> list[Span]:
        return [each.span for each in self.excluded]

    def _reasons(self, span: Span) -> tuple[str, ...]:
        touching = (each.words for each in self.excluded if intersection([each.span], [span]))
        return tuple(dict.fromkeys(touching))


@dataclass(frozen=True)
class Definitions:
    """The three definitions side by side. Shares 0..1, None where nothing was observed.

    `nevi` holds each port's own, `nevi_mean` their pooled share; `uk` is the mean of the rapid ports.
    """

    plain: float | None
    nevi_mean: float | None
    nevi: Mapping[Port, Uptime] = field(default_factory=dict)
    uk: Uptime | None = None
    observed: timedelta = timedelta()
    outage: timedelta = timedelta()
    excluded: timedelta = timedelta()


def logs(
    store: Session,
    scope: Scope,
    period: Period,
    now: datetime,
    excluded: Sequence[Exclusion] | None = None,
) -> list[PortLog]:
    """The log of every connector in scope that has one in the period, by station and number.

    `excluded` None: by all exclusions that hold.
    """
    start, end = period.bounds("UTC")
    found = exclusions.within(store, scope, start - _ZONES, end + _ZONES) if excluded is None else excluded
    made = []
    rows = _intervals(store, scope, start - _ZONES, end + _ZONES)
    for told, theirs in groupby(rows, key=lambda row: row[_TOLD_BY:]):
        port = Port(*told)
        within = _clipped(period, port.timezone, now)
        log = [span for each in theirs if (span := _span(each, within)) is not None]
        if log:
            of_port = exclusions.of_connector(found, port.station_pk, port.connector_pk)
            made.append(PortLog(port, within, log, of_port))
    return made


def each_log(store: Session, scope: Scope, period: Period, now: datetime) -> Iterator[PortLog]:
    """The same logs one by one, by the stations' names; no more than a station's are in memory."""
    stations = store.scalars(
        select(OCPPStation.id)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .where(OCPPStation.id.in_(scope.stations()))
        .order_by(ChargingStation.name, OCPPStation.id)
    ).all()
    for station_pk in stations:
        yield from logs(store, Scope.station(station_pk), period, now)


class PortOutage(NamedTuple):
    port: Port
    outage: Outage


def newest(store: Session, scope: Scope, period: Period, now: datetime, limit: int = 100) -> list[PortOutage]:
    """The outages that began in the period by their stations' clocks, the newest first, each with its whole
    length up to `now`; only statuses that were down are read.
    """
    began: dict[int, set[datetime]] = {}
    for connector_pk, start in store.execute(_beginnings(store, scope, period, limit)):
        began.setdefault(connector_pk, set()).add(start)
    if not began:
        return []
    first = min(min(starts) for starts in began.values())
    excluded = exclusions.within(store, scope, first, now)
    of_these = (IS_DOWN, ConnectorStatusInterval.started_at >= first, OCPPConnector.id.in_(began))
    within = Span(first, now)
    logs_of: dict[Port, list[StatusSpan]] = {}
    for row in _with_ports(store, *of_these):
        if (span := _span(row, within)) is not None:
            logs_of.setdefault(Port(*row[_TOLD_BY:]), []).append(span)
    found = [
        PortOutage(port, outage)
        for port, log in logs_of.items()
        for outage in availability.outages(log, _spans(excluded, port), known_until=now)
        if outage.start in began[port.connector_pk]
    ]
    return sorted(found, key=lambda each: (each.outage.start, each.port.connector_pk), reverse=True)


def _spans(found: Sequence[Exclusion], port: Port) -> list[Span]:
    return [each.span for each in exclusions.of_connector(found, port.station_pk, port.connector_pk)]


def _beginnings(store: Session, scope: Scope, period: Period, limit: int) -> Select[int, datetime]:
    """The connector and the time of the first status of each outage."""
    status, before = ConnectorStatusInterval, aliased(ConnectorStatusInterval)
    was_down = (
        select(before.id)
        .where(
            before.ended_at == status.started_at,
            before.ocpp_connector_id == status.ocpp_connector_id,
            before.status.in_(sorted(DOWN_STATUSES)),
        )
        .exists()
    )
    return (
        select(status.ocpp_connector_id, status.started_at)
        .where(IS_DOWN, _began_in(store, scope, period), ~was_down)
        .order_by(status.started_at.desc(), status.ocpp_connector_id.desc())
        .limit(limit)
    )


def _began_in(store: Session, scope: Scope, period: Period) -> ColumnElement[bool]:
    """By the clocks of the scope's connectors. Without a join, so that the newest are found in order."""
    began, pk = ConnectorStatusInterval.started_at, ConnectorStatusInterval.ocpp_connector_id
    connectors = select(OCPPConnector.id).where(OCPPConnector.ocpp_station_id.in_(scope.stations()))
    zones = store.scalars(select(ChargingStation.timezone).distinct()).all()
    if len(zones) == 1:
        start, end = period.bounds(zones[0])
        of_scope = () if scope.kind == "network" else (pk.in_(connectors),)
        return and_(began >= start, began < end, *of_scope)
    conditions: list[ColumnElement[bool]] = [false()]
    for zone in zones:
        start, end = period.bounds(zone)
        of_zone = connectors.join(OCPPStation).join(ChargingStation).where(ChargingStation.timezone == zone)
        conditions.append(and_(began >= start, began < end, pk.in_(of_zone)))
    return or_(*conditions)


def definitions(found: Sequence[PortLog], *, unknown_counts: bool = True) -> Definitions:
    """What the three definitions say of these logs."""
    uptimes = {each.port: each.uptime for each in found if each.observed}
    observed = sum((uptime.period for uptime in uptimes.values()), timedelta())
    outage = sum((uptime.outage for uptime in uptimes.values()), timedelta())
    excluded = sum((uptime.excluded for uptime in uptimes.values()), timedelta())
    return Definitions(
        plain=availability.plain(observed, outage),
        nevi_mean=availability.plain(observed, outage - excluded),
        nevi=uptimes,
        uk=availability.uk(_rapid(found), unknown_counts=unknown_counts),
        observed=observed,
        outage=outage,
        excluded=excluded,
    )


@dataclass(frozen=True)
class StationAvailability:
    """One station's ports together: shares 0..1, `passing` how many of its `ports` NEVI's rule passes."""

    station_pk: int
    station_name: str
    station_id: str
    plain: float
    counted: float
    ports: int
    passing: int
    outages: int
    outage: timedelta
    excluded: timedelta


def by_station(found: Sequence[PortLog]) -> list[StationAvailability]:
    """The stations, the one that was available least first; `counted` leaves out what is excluded."""
    made = [_of_station(list(theirs)) for _, theirs in groupby(found, key=lambda log: log.port.station_pk)]
    return sorted(made, key=lambda each: (each.plain, each.counted, each.station_name))


def _of_station(theirs: Sequence[PortLog]) -> StationAvailability:
    told, port = definitions(theirs), theirs[0].port
    return StationAvailability(
        station_pk=port.station_pk,
        station_name=port.station_name,
        station_id=port.station_id,
        plain=told.plain or 0.0,
        counted=told.nevi_mean or 0.0,
        ports=len(told.nevi),
        passing=sum(uptime.passes for uptime in told.nevi.values()),
        outages=sum(len(log.outages) for log in theirs),
        outage=told.outage,
        excluded=told.excluded,
    )


@dataclass
class DayTime:
    """Seconds of one local day, of all ports together."""

    observed: int = 0
    outage: int = 0
    excluded: int = 0


def by_day(found: Sequence[PortLog]) -> dict[date, DayTime]:
    """What was observed, down and excluded on each day of the stations' clocks, in order."""
    days: dict[int, DayTime] = defaultdict(DayTime)
    for log in found:
        down = log.down
        for name, spans in (
            ("observed", union(each.span for each in log.log)),
            ("outage", down),
            ("excluded", intersection(down, log.excluded_spans)),
        ):
            for day, seconds in _split(log.port.timezone, spans):
                setattr(days[day], name, getattr(days[day], name) + seconds)
    return {date_of(day): days[day] for day in sorted(days)}


def _split(timezone: str, spans: Sequence[Span]) -> Iterator[tuple[int, int]]:
    local = clock(timezone)
    for span in spans:
        for part in local.days(int(span.start.timestamp()), int(span.end.timestamp())):
            yield part.reading // DAY, part.seconds


def _rapid(found: Sequence[PortLog]) -> list[PortTime]:
    return [
        availability.uk_port(each.log, opening=[each.within])
        for each in found
        if (each.port.power_w or 0) >= availability.UK_RAPID_W
    ]


def _clipped(period: Period, timezone: str, now: datetime) -> Span:
    start, end = period.bounds(timezone)
    return Span(start, max(start, min(end, now)))


def _span(row: Row[*tuple[Any, ...]], within: Span) -> StatusSpan | None:
    status, started_at, ended_at, error_code, vendor_error_code = row[:_TOLD_BY]
    start = max(started_at, within.start)
    end = within.end if ended_at is None else min(ended_at, within.end)
    return StatusSpan(status, start, end, error_code, vendor_error_code) if start < end else None


# How many columns tell of the interval; the others tell of its port.
_TOLD_BY = 5


def _intervals(store: Session, scope: Scope, start: datetime, end: datetime) -> Result[*tuple[Any, ...]]:
    return _with_ports(
        store,
        OCPPConnector.ocpp_station_id.in_(scope.stations()),
        ConnectorStatusInterval.started_at < end,
        or_(ConnectorStatusInterval.ended_at.is_(None), ConnectorStatusInterval.ended_at > start),
    )


def _with_ports(store: Session, *conditions: ColumnElement[bool]) -> Result[*tuple[Any, ...]]:
    interval = ConnectorStatusInterval
    return store.execute(
        select(
            interval.status,
            interval.started_at,
            interval.ended_at,
            interval.error_code,
            interval.vendor_error_code,
            OCPPConnector.id,
            OCPPStation.id,
            ChargingStation.name,
            OCPPConnector.connector_id,
            ChargingConnector.power_w,
            ChargingStation.timezone,
            OCPPStation.station_id,
            ChargingStation.id,
        )
        .join(OCPPConnector, interval.ocpp_connector_id == OCPPConnector.id)
        .join(OCPPStation, OCPPConnector.ocpp_station_id == OCPPStation.id)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .outerjoin(ChargingConnector, OCPPConnector.charging_connector_id == ChargingConnector.id)
        .where(*conditions)
        .order_by(ChargingStation.name, OCPPStation.id, OCPPConnector.connector_id, interval.started_at)
    )
