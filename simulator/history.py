"""Demo history: what the fleet would have seen between two times, without playing it second by second."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from simulator.arrivals import arrivals
from simulator.fleet import Connector, ErrorCode, Fleet, Outage, OutageStatus, Station, StopReason
from simulator.messages import Reading
from simulator.meter import Meter
from simulator.troubles import Schedule, Trouble, stop_reason_for, troubles, within, without
from simulator.visits import Visit, choose_connector, draw_vehicle, draw_visit

DEFAULT_ZONE = ZoneInfo("Africa/Addis_Ababa")
_SESSIONS_PER_STATION = 1_000_000
_YEAR = timedelta(days=365)
_GROWTH_PER_YEAR = 0.45
_LEAST_DEMAND = 0.2
_STOPPED_FROM_APP = 0.35


@dataclass(frozen=True)
class HistoricSession:
    """One visit to a connector. Times are aware UTC in whole seconds, energy Wh, power W.

    A failed session took no energy or was cut short by a fault, which `error_code` names. Without any
    charging, `charging_start` and `charging_end` are None. `meter_start` is the connector's register.
    """

    session_id: int
    station_id: str
    connector_id: int
    driver_id: str
    connection_start: datetime
    connection_end: datetime
    charging_start: datetime | None
    charging_end: datetime | None
    energy_wh: int
    peak_power_w: int
    meter_start: int
    stop_reason: StopReason
    failed: bool
    error_code: ErrorCode
    vendor_error_code: str | None
    is_dc: bool
    visit: Visit = field(repr=False)

    @property
    def meter_stop(self) -> int:
        return self.meter_start + self.energy_wh


@dataclass(frozen=True)
class HistoricOutage:
    """A connector, or with `connector_id` None the whole station, was out of order. Times as in sessions.

    Outages of one connector, those of its station included, do not overlap, nor do its sessions.
    """

    station_id: str
    connector_id: int | None
    status: OutageStatus
    error_code: ErrorCode
    vendor_error_code: str | None
    start: datetime
    end: datetime


def make_history(
    fleet: Fleet, start: datetime, end: datetime, seed: int, *, zone: ZoneInfo = DEFAULT_ZONE
) -> Iterator[HistoricSession | HistoricOutage]:
    """Everything that began and ended between `start` and `end`, station by station in the fleet's order.

    Of each station first the sessions, then the outages, each by its start. Demand grows towards `end`,
    where it is what the fleet says. The same arguments give the same history.
    """
    for index, station in enumerate(fleet.stations, start=1):
        rng = random.Random(f"{seed} {station.id} history")
        whole = (start.replace(microsecond=0), end.replace(microsecond=0))
        yield from _StationHistory(fleet, station, *whole, zone, rng).make(index * _SESSIONS_PER_STATION)


def meter_curve(session: HistoricSession, interval: timedelta) -> list[Reading]:
    """Readings every `interval` from the begin of charging to its end, the last with all of its energy.

    Empty for a session without charging.
    """
    if session.charging_start is None or session.charging_end is None:
        return []
    meter = Meter(
        session.visit, begun=session.charging_start, register_wh=session.meter_start, is_dc=session.is_dc
    )
    count = -(-(session.charging_end - session.charging_start) // interval)
    moments = [session.charging_start + interval * step for step in range(count)]
    return [meter.at(moment) for moment in (*moments, session.charging_end)]


def growth_towards(end: datetime) -> Callable[[datetime], float]:
    """Level of demand at a time: 1 at `end`, less the longer before."""
    return lambda moment: max(_LEAST_DEMAND, 1 - _GROWTH_PER_YEAR * ((end - moment) / _YEAR))


@dataclass
class _Occupancy:
    """A connector as sessions are laid on it, in the order of their begin."""

    number: int
    spec: Connector
    troubles: Schedule
    register_wh: int
    free_from: datetime

    def is_free(self, moment: datetime) -> bool:
        return self.free_from <= moment and not self.troubles.has(moment)


@dataclass
class _StationHistory:
    fleet: Fleet
    station: Station
    start: datetime
    end: datetime
    zone: ZoneInfo
    rng: random.Random

    def make(self, first_id: int) -> Iterator[HistoricSession | HistoricOutage]:
        """Power cuts hide breakdowns, both end sessions; the network is out only while nobody charges.

        (A drop-out of the network during a session leaves no gap in it: its messages come later.)
        """
        power = self._draw([o for o in self._kinds("station") if o.error_code != "NoError"])
        connectors = [
            self._connector(number, spec, power) for number, spec in self.station.numbered_connectors
        ]
        taken: list[tuple[datetime, datetime]] = []
        for session in self._sessions([c for c, _ in connectors], first_id):
            taken.append((session.connection_start, session.connection_end))
            yield session
        network = self._draw([o for o in self._kinds("station") if o.error_code == "NoError"])
        quiet = [t for t in without(network, power) if not any(t.overlaps(*period) for period in taken)]
        whole = sorted([*power, *quiet], key=lambda trouble: trouble.start)
        yield from self._outages(None, whole)
        for connector, breakdowns in connectors:
            yield from self._outages(connector.number, without(breakdowns, quiet))

    def _kinds(self, scope: str) -> list[Outage]:
        return [outage for outage in self.fleet.outages if outage.scope == scope]

    def _draw(self, kinds: Sequence[Outage]) -> list[Trouble]:
        schedule = troubles(kinds, factor=self.station.trouble, start=self.start, rng=self.rng)
        return within(schedule, self.end)

    def _connector(
        self, number: int, spec: Connector, power: Sequence[Trouble]
    ) -> tuple[_Occupancy, list[Trouble]]:
        breakdowns = without(self._draw(self._kinds("connector")), power)
        register = self.rng.randrange(10_000, 900_000)
        schedule = Schedule([*breakdowns, *power])
        return _Occupancy(number, spec, schedule, register, self.start), breakdowns

    def _sessions(self, connectors: Sequence[_Occupancy], first_id: int) -> Iterator[HistoricSession]:
        growth = growth_towards(self.end)
        curve = self.fleet.curve_of(self.station)
        coming = arrivals(self.station, curve, start=self.start, zone=self.zone, rng=self.rng, growth=growth)
        session_id = first_id
        for moment in takewhile(lambda moment: moment < self.end, coming):
            session = self._session(session_id, moment.replace(microsecond=0), connectors)
            if session is not None and session.connection_end <= self.end:
                session_id += 1
                yield session

    def _session(
        self, session_id: int, moment: datetime, connectors: Sequence[_Occupancy]
    ) -> HistoricSession | None:
        """The session of a car that comes at `moment`, or None where nothing free fits."""
        free = {c.number: c for c in connectors if c.is_free(moment)}
        vehicle = draw_vehicle(self.fleet, self.rng)
        chosen = choose_connector(vehicle, [(number, c.spec) for number, c in free.items()], self.rng)
        if chosen is None:
            return None
        connector = free[chosen[0]]
        visit = draw_visit(self.fleet, self.station, connector.spec, vehicle, self.rng)
        session = _lay(session_id, self.station, connector, visit, moment, self.rng)
        connector.register_wh += session.energy_wh
        connector.free_from = session.connection_end + timedelta(seconds=self.rng.randrange(20, 180))
        return session

    def _outages(self, connector_id: int | None, schedule: Iterable[Trouble]) -> Iterator[HistoricOutage]:
        for trouble in schedule:
            outage = trouble.outage
            yield HistoricOutage(
                station_id=self.station.station_id,
                connector_id=connector_id,
                status=outage.status,
                error_code=outage.error_code,
                vendor_error_code=outage.vendor_error_code,
                start=trouble.start,
                end=trouble.end,
            )


def _lay(
    session_id: int,
    station: Station,
    connector: _Occupancy,
    visit: Visit,
    moment: datetime,
    rng: random.Random,
) -> HistoricSession:
    charging_start = moment + timedelta(seconds=rng.randrange(15, 75))
    stay = rng.uniform(10, 90) if visit.failure else visit.stay_seconds
    planned = charging_start + timedelta(seconds=1 + int(stay))
    trouble = connector.troubles.next_after(moment)
    cut = trouble if trouble is not None and trouble.start < planned else None
    end = cut.start if cut else planned
    charged = 0.0 if visit.failure else min((end - charging_start).total_seconds(), visit.curve.seconds)
    charged_seconds = max(0, int(charged))
    energy_wh = int(visit.curve.at(charged_seconds).energy_wh)
    culprit = visit.failure or (cut.outage if cut and cut.outage.status != "unavailable" else None)
    return HistoricSession(
        session_id=session_id,
        station_id=station.station_id,
        connector_id=connector.number,
        driver_id=visit.driver,
        connection_start=moment,
        connection_end=end,
        charging_start=charging_start if charged_seconds else None,
        charging_end=charging_start + timedelta(seconds=charged_seconds) if charged_seconds else None,
        energy_wh=energy_wh,
        peak_power_w=round(visit.curve.peak_power_w) if charged_seconds else 0,
        meter_start=connector.register_wh,
        stop_reason=_stop_reason(visit, cut, rng),
        failed=culprit is not None,
        error_code=culprit.error_code if culprit else "NoError",
        vendor_error_code=culprit.vendor_error_code if culprit else None,
        is_dc=connector.spec.is_dc,
        visit=visit,
    )


def _stop_reason(visit: Visit, cut: Trouble | None, rng: random.Random) -> StopReason:
    if cut is not None and cut.outage.status != "unavailable":
        return stop_reason_for(cut.outage)
    if visit.failure is not None:
        return visit.failure.stop_reason
    return "Remote" if rng.random() < _STOPPED_FROM_APP else visit.stop_reason
