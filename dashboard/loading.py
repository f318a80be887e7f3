"""What pages read from the store, each kept for a moment under its scope and period.

All caches of the dashboard are here. Whose data is read comes in as `scope`, which a page takes from
`visitor()` on each run.

Figures and lists come through `resources.read`, from a replica where there is one: they are some seconds old
anyhow. What a person watches in order to see the effect of an action is read from the store itself: the
connectors now, and the one session that was opened (its bill, just after it was stopped).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import streamlit as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard import resources
from dashboard.periods import History
from db.analytics import errors, kpis, live, outages, series, sessions, volume
from db.analytics import stations as station_figures
from db.analytics import success as charges
from db.analytics.availability import Outage
from db.analytics.definitions import Kpi, Value, kpis_with
from db.analytics.exclusions import Exclusion, entered
from db.analytics.scope import Period, Scope
from db.engine import reading
from db.job_states import JobState
from db.job_states import history as runs_of_job
from db.job_states import job_states as states_of_jobs
from db.models import ChargingStation, JobRun, OCPPStation, SessionDecision, StationOwner
from ocpp_integration import backend_state, operating, quarantine, session_events, sync
from ocpp_integration.errors import BackendError
from ocpp_integration.exports.catalogue import EXPORTS, Asked
from ocpp_integration.exports.files import FORMATS


@dataclass(frozen=True)
class Overview:
    """One period's figures. `revenue` and the days' revenue are in `currency`; others are in the summary."""

    summary: kpis.Summary
    days: list[series.DayPoint]
    currency: str

    @property
    def revenue(self) -> Decimal:
        return self.summary.revenue.get(self.currency, Decimal(0))


@dataclass(frozen=True)
class HourPoint:
    """What ended in an hour, with the meanings of `series.DayPoint`; `at` is the clock's reading."""

    at: datetime
    sessions: int
    energy_wh: int
    revenue: Decimal


@dataclass(frozen=True)
class LiveState:
    state: live.NetworkState
    connectors: list[live.LiveConnector]


@dataclass(frozen=True)
class Place:
    """A station as it is named in lists; `label` tells it from others of its name."""

    name: str
    city: str
    timezone: str

    @property
    def label(self) -> str:
        return f"{self.name} · {self.city}" if self.city else self.name


def today(zones: Collection[str] = ()) -> date:
    """The day on the clock of `zones` where that is one, else on the installation's."""
    zone = ZoneInfo(next(iter(zones))) if len(set(zones)) == 1 else resources.settings().zone
    return datetime.now(zone).date()


@st.cache_data(ttl=5, max_entries=1, show_spinner=False)
def backend_down_since() -> datetime | None:
    """Since when the OCPP backend does not answer, None where it does. The same for everybody."""
    with reading(resources.engine()) as store:
        state = backend_state.find(store)
        return state.down_since if state else None


@dataclass(frozen=True)
class Offer:
    """Which operators' commands the OCPP backend takes; `error` says why that is not known."""

    kinds: frozenset[str]
    error: str = ""


@st.cache_data(ttl=20, max_entries=1, show_spinner=False)
def offered_operations() -> Offer:
    """Asks the backend itself, so only where somebody is about to command."""
    try:
        return Offer(operating.offered(resources.backend()))
    except BackendError as error:
        return Offer(frozenset(), str(error))


@st.cache_data(ttl=60, max_entries=500, show_spinner=False)
def history(scope: Scope) -> History:
    return resources.read(lambda store: series.first_and_last_day(store, scope))


@st.cache_data(ttl=15, max_entries=500, show_spinner=False)
def overview(scope: Scope, period: Period, currency: str | None = None) -> Overview:
    """`currency` None takes the installation's, or the one that earned most where that earned nothing."""
    now = datetime.now(UTC)

    def work(store: Session) -> Overview:
        summary = kpis.summary(store, scope, period, now)
        chosen = currency or _main_currency(summary)
        return Overview(summary, series.daily(store, scope, period, now, chosen), chosen)

    return resources.read(work)


@st.cache_data(ttl=30, max_entries=200, show_spinner=False)
def by_hour(scope: Scope, period: Period, currency: str) -> list[HourPoint]:
    """A point for every hour of the stations' clocks; for few days, since it reads sessions."""
    found = resources.read(lambda store: volume.series(store, scope, period, "hour"))
    return [
        HourPoint(
            # A reading of the clock, whatever the clock's zone.
            datetime.combine(bucket.day, time(bucket.hour or 0)),
            each.sessions,
            each.energy_wh,
            each.revenue.get(currency, Decimal(0)),
        )
        for bucket, each in found.items()
    ]


@st.cache_data(ttl=30, max_entries=500, show_spinner=False)
def arrivals(scope: Scope, period: Period) -> list[list[int]]:
    return resources.read(lambda store: series.hour_by_weekday(store, scope, period))


@st.cache_data(ttl=30, max_entries=500, show_spinner=False)
def top_stations(scope: Scope, period: Period) -> list[series.StationTotal]:
    return resources.read(lambda store: series.top_stations(store, scope, period))


def definitions() -> Mapping[str, Kpi]:
    """The definitions of this installation."""
    return kpis_with(resources.settings().co2e_kg_per_kwh)


@st.cache_data(ttl=60, max_entries=2_000, show_spinner=False)
def kpi_value(scope: Scope, period: Period, key: str) -> Value:
    now = datetime.now(UTC)
    return resources.read(lambda store: definitions()[key].value(store, scope, period, now))


@st.cache_data(ttl=15, max_entries=500, show_spinner=False)
def kpi_row_count(scope: Scope, period: Period, key: str, most: int) -> int:
    """How many rows are behind a KPI; not looked further than `most`."""
    now = datetime.now(UTC)
    return resources.read(lambda store: definitions()[key].count_rows(store, scope, period, now, most))


@st.cache_data(ttl=15, max_entries=500, show_spinner=False)
def kpi_rows(scope: Scope, period: Period, key: str, limit: int, offset: int) -> list[tuple[Any, ...]]:
    now = datetime.now(UTC)
    return resources.read(
        lambda store: list(definitions()[key].each_row(store, scope, period, now, limit=limit, offset=offset))
    )


def kpi_file_rows(scope: Scope, period: Period, key: str, most: int) -> list[tuple[Any, ...]]:
    """The rows for a file, which is made once and so kept nowhere."""
    now = datetime.now(UTC)
    return resources.read(
        lambda store: list(definitions()[key].each_row(store, scope, period, now, limit=most))
    )


@st.cache_data(ttl=0.9, max_entries=500, show_spinner=False)
def live_state(scope: Scope) -> LiveState:
    """Every connector now. Pages of the same scope that refresh together share one read."""
    with reading(resources.engine()) as store:
        found = live.connectors(store, scope)
        return LiveState(live.state_of(found, live.newest_event(store, scope)), found)


@st.cache_data(ttl=3, max_entries=1, show_spinner=False)
def sync_states() -> list[sync.SyncState]:
    """Every station of the platform and how its sync stands; for admins."""
    with reading(resources.engine()) as store:
        return sync.states(store, datetime.now(UTC))


@st.cache_data(ttl=10, max_entries=1, show_spinner=False)
def owners() -> dict[int, str]:
    """The names of all owners by their id, for admins."""
    named = select(StationOwner.id, StationOwner.name).order_by(StationOwner.name)
    with reading(resources.engine()) as store:
        return {int(pk): str(name) for pk, name in store.execute(named)}


@st.cache_data(ttl=10, max_entries=500, show_spinner=False)
def places(scope: Scope) -> dict[int, Place]:
    """The stations in scope by `ocpp_stations.id`, in the order of their names."""
    named = (
        select(OCPPStation.id, ChargingStation.name, ChargingStation.city, ChargingStation.timezone)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .where(OCPPStation.id.in_(scope.stations()))
        .order_by(ChargingStation.name, OCPPStation.id)
    )
    return resources.read(
        lambda store: {
            int(pk): Place(name, city, timezone) for pk, name, city, timezone in store.execute(named)
        }
    )


@st.cache_data(ttl=2, max_entries=500, show_spinner=False)
def stations(scope: Scope) -> list[station_figures.Station]:
    """Every station in scope as it is, those that are not active among them, by name."""
    with reading(resources.engine()) as store:
        return station_figures.stations(store, scope)


@st.cache_data(ttl=15, max_entries=500, show_spinner=False)
def figures_by_station(scope: Scope, period: Period) -> dict[int, station_figures.StationFigures]:
    now = datetime.now(UTC)
    return resources.read(lambda store: dict(station_figures.figures(store, scope, period, now)))


@st.cache_data(ttl=15, max_entries=200, show_spinner=False)
def port_logs(scope: Scope, period: Period) -> list[outages.PortLog]:
    """What each connector was from when to when; for few stations, since a log has no end of rows."""
    now = datetime.now(UTC)
    return resources.read(lambda store: outages.logs(store, scope, period, now))


@st.cache_data(ttl=5, max_entries=500, show_spinner=False)
def session_count(scope: Scope, wanted: sessions.SessionFilter) -> sessions.SessionCount:
    return resources.read(lambda store: sessions.count_sessions(store, scope, wanted))


@st.cache_data(ttl=5, max_entries=500, show_spinner=False)
def session_rows(
    scope: Scope, wanted: sessions.SessionFilter, sort: str, descending: bool, limit: int, offset: int
) -> list[sessions.SessionRow]:
    return resources.read(
        lambda store: sessions.list_sessions(
            store, scope, wanted, sort=sort, descending=descending, limit=limit, offset=offset
        )
    )


@st.cache_data(ttl=2, max_entries=200, show_spinner=False)
def session(scope: Scope, pk: int) -> tuple[sessions.SessionRow, list[sessions.MeterPoint]] | None:
    """One session with its meter curve, None where the scope has no such session."""
    with reading(resources.engine()) as store:
        row = sessions.find_session(store, scope, pk)
        return (row, sessions.meter_curve(store, scope, pk)) if row else None


@st.cache_data(ttl=2, max_entries=200, show_spinner=False)
def decision(scope: Scope, pk: int) -> SessionDecision | None:
    """What an admin decided about a session of the scope that was held back."""
    with reading(resources.engine()) as store:
        return quarantine.decision_of(store, scope, pk)


@dataclass(frozen=True)
class PortOutage:
    port: outages.Port
    outage: Outage
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Availability:
    """A period by the three definitions, by day and by station, with its outages, the newest first."""

    told: outages.Definitions
    days: dict[date, outages.DayTime]
    stations: list[outages.StationAvailability]
    outages: list[PortOutage]


@dataclass(frozen=True)
class Errors:
    by_code: list[errors.ErrorTotal]
    by_station: list[errors.StationErrors]
    by_day: dict[date, Counter[str]]


def exclusions(scope: Scope) -> list[Exclusion]:
    """Those that count, the newest time first. Never kept, and read from the store itself: they are part of
    the key of what follows from them, so that whoever enters one sees at once what it changes.
    """
    with reading(resources.engine()) as store:
        return entered(store, scope)


@st.cache_data(ttl=60, max_entries=100, show_spinner=False)
def availability(scope: Scope, period: Period, excluded: tuple[Exclusion, ...]) -> Availability:
    now = datetime.now(UTC)

    def work(store: Session) -> Availability:
        logs = outages.logs(store, scope, period, now, excluded)
        down = [PortOutage(log.port, each, log.reasons_of(each)) for log in logs for each in log.outages]
        return Availability(
            told=outages.definitions(logs),
            days=outages.by_day(logs),
            stations=outages.by_station(logs),
            outages=sorted(down, key=lambda each: each.outage.start, reverse=True),
        )

    return resources.read(work)


@st.cache_data(ttl=300, max_entries=100, show_spinner=False)
def success(scope: Scope, period: Period) -> charges.Success:
    return resources.read(lambda store: charges.success(store, scope, period))


@st.cache_data(ttl=300, max_entries=100, show_spinner=False)
def troubled_visits(scope: Scope, period: Period, limit: int) -> list[charges.VisitRow]:
    return resources.read(lambda store: charges.troubled_visits(store, scope, period, limit=limit))


@st.cache_data(ttl=60, max_entries=100, show_spinner=False)
def reported_errors(scope: Scope, period: Period) -> Errors:
    now = datetime.now(UTC)
    return resources.read(
        lambda store: Errors(
            errors.by_code(store, scope, period, now),
            errors.by_station(store, scope, period, now),
            errors.by_day(store, scope, period),
        )
    )


def csv(name: str, scope: Scope, period: Period) -> bytes:
    """A table of the catalogue of exports as a file, of the scope's days."""
    asked = Asked(scope=scope, now=datetime.now(UTC), settings=resources.settings(), period=period)
    return resources.read(lambda store: b"".join(FORMATS["csv"].write(EXPORTS[name].make(store, asked))))


def meter_values(ending: str, scope: Scope, transaction_id: int) -> bytes:
    """What the meter of one session said as a file; `ending` is csv or xlsx."""
    asked = Asked(
        scope=scope, now=datetime.now(UTC), settings=resources.settings(), transaction_id=transaction_id
    )
    with reading(resources.engine()) as store:
        return b"".join(FORMATS[ending].write(EXPORTS["meter-values"].make(store, asked)))


@st.cache_data(ttl=2, max_entries=200, show_spinner=False)
def session_webhooks(scope: Scope, pk: int, limit: int, offset: int) -> session_events.Page:
    """The webhooks of one session's transaction; empty where the scope has no such session."""
    with reading(resources.engine()) as store:
        return session_events.page(store, scope, pk, limit=limit, offset=offset)


@st.cache_data(ttl=0.9, max_entries=1, show_spinner=False)
def job_states() -> list[JobState]:
    """How each job does. For admins; jobs belong to nobody's stations."""
    with reading(resources.engine()) as store:
        return states_of_jobs(store, datetime.now(UTC))


@st.cache_data(ttl=2, max_entries=50, show_spinner=False)
def job_history(name: str, limit: int) -> list[JobRun]:
    with reading(resources.engine()) as store:
        return list(runs_of_job(store, name, limit))


def _main_currency(summary: kpis.Summary) -> str:
    usual = resources.settings().currency
    if usual in summary.revenue or not summary.revenue:
        return usual
    return max(summary.revenue, key=lambda currency: summary.revenue[currency])
