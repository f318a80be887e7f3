"""Every file that can be made, in one table: an entry here is an export, on the REST API and the CLI too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from db.analytics.buckets import Grain
from db.analytics.definitions import kpis_with
from db.analytics.outages import each_log
from db.analytics.scope import Period, Scope
from db.analytics.sessions import SessionFilter, each_session, each_session_at_place
from ocpp_integration.exports import (
    billing,
    ev_chart,
    figures,
    meter_values,
    ocpi,
    payments,
    periods,
    reliability,
    revenue,
    series,
    sessions,
    stations,
)
from ocpp_integration.exports.table import Objects, Table
from settings import Settings

TABLE_FORMATS = ("csv", "xlsx", "parquet")
GRAINS: tuple[Grain, ...] = ("hour", "day", "week", "month")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a file is to be of. `period` None: all days. `user_id`: only this driver's sessions. `grain`: of
    what a series has its rows.
    """

    scope: Scope
    now: datetime
    settings: Settings
    period: Period | None = None
    transaction_id: int | None = None
    user_id: UUID | None = None
    grain: Grain = "day"

    @property
    def filter(self) -> SessionFilter:
        return SessionFilter(period=self.period, user_id=self.user_id)

    @property
    def known_days(self) -> Period | None:
        """The period, without the days that have not come anywhere on Earth."""
        tomorrow = (self.now + timedelta(days=1)).date()
        if self.period is None or self.period.end <= tomorrow + timedelta(days=1):
            return self.period
        if self.period.start > tomorrow:
            return Period(self.period.start, self.period.start + timedelta(days=1))
        return Period(self.period.start, tomorrow + timedelta(days=1))


Make = Callable[[Session, Asked], Table[Any] | Objects]


@dataclass(frozen=True, kw_only=True)
class Export:
    """`make` gives the content, whose rows are read while the file is written.

    `is_quarterly`: without a period it is of the last quarter. `is_of_one_session`: it needs its transaction
    id. `for_drivers`: a driver may have it, of its own sessions.
    """

    name: str
    about: str
    make: Make
    formats: tuple[str, ...] = TABLE_FORMATS
    is_quarterly: bool = False
    is_of_one_session: bool = False
    for_drivers: bool = False

    def period(self, asked: Period | None, now: datetime) -> Period | None:
        """The one to take where `asked` was asked for."""
        return periods.last_quarter(now.date()) if asked is None and self.is_quarterly else asked

    def file_name(self, ending: str, period: Period | None) -> str:
        days = f"_{period.start}_{period.end - timedelta(days=1)}" if period else ""
        return f"{self.name}{days}.{ending}"


def _meter_values(store: Session, asked: Asked) -> Table[Any]:
    if asked.transaction_id is None:
        raise meter_values.NoSuchSession("a transaction id is needed")
    return meter_values.table(store, asked.scope, asked.transaction_id)


def _kpis(store: Session, asked: Asked) -> Table[Any]:
    table = kpis_with(asked.settings.co2e_kg_per_kwh)
    return figures.kpis(store, asked.scope, asked.known_days, asked.now, table)


def _kpi_series(store: Session, asked: Asked) -> Table[Any]:
    return figures.series(store, asked.scope, asked.known_days, asked.now, asked.grain)


def _outages(store: Session, asked: Asked) -> Table[Any]:
    return reliability.outages(store, asked.scope, asked.period or periods.everything(), asked.now)


def _station_availability(store: Session, asked: Asked) -> Table[Any]:
    period = asked.period or periods.everything()
    return reliability.station_availability(store, asked.scope, period, asked.now)


def _troubled_visits(store: Session, asked: Asked) -> Table[Any]:
    return reliability.troubled(store, asked.scope, asked.known_days or periods.everything())


def _ev_chart_uptime(store: Session, asked: Asked) -> Table[Any]:
    logs = each_log(store, asked.scope, asked.period or periods.everything(), asked.now)
    return ev_chart.uptime(logs, asked.settings.network_provider)


def _ev_chart_outages(store: Session, asked: Asked) -> Table[Any]:
    logs = each_log(store, asked.scope, asked.period or periods.everything(), asked.now)
    return ev_chart.outages(logs, asked.settings.network_provider)


def _ev_chart_sessions(store: Session, asked: Asked) -> Table[Any]:
    rows = each_session(store, asked.scope, asked.filter, asked.now)
    return ev_chart.sessions(rows, asked.settings.network_provider)


def _revenue_by(grain: Grain) -> Export:
    about = f"A row for each {grain} and currency: revenue with its VAT, and the average price per kWh."
    return Export(
        name=f"revenue-by-{grain}",
        about=about,
        make=lambda store, asked: revenue.by_time(store, asked.scope, asked.known_days, grain),
    )


def _ocpi_sessions(store: Session, asked: Asked) -> Objects:
    rows = each_session_at_place(store, asked.scope, asked.filter)
    return ocpi.sessions(rows, _party(asked.settings))


def _ocpi_cdrs(store: Session, asked: Asked) -> Objects:
    rows = each_session_at_place(store, asked.scope, asked.filter)
    return ocpi.cdrs(rows, _party(asked.settings))


def _party(settings: Settings) -> ocpi.Party:
    return ocpi.Party(settings.ocpi_country_code, settings.ocpi_party_id)


_ALL = (
    Export(
        name="sessions",
        about="Charging sessions in the period in which they ended; those that run, in that of their start.",
        make=lambda store, asked: sessions.table(store, asked.scope, asked.filter),
        for_drivers=True,
    ),
    Export(
        name="meter-values",
        about="Everything that the meter of one session said.",
        make=_meter_values,
        is_of_one_session=True,
    ),
    Export(
        name="daily",
        about="A row for each day: sessions, energy, availability, errors, and revenue with VAT by currency.",
        make=lambda store, asked: series.daily(store, asked.scope, asked.known_days, asked.now),
    ),
    Export(
        name="kpis",
        about="Every KPI with its unit, in the period and in as many days before.",
        make=_kpis,
    ),
    Export(
        name="kpi-series",
        about="A row for each hour, day, week or month (`grain`; else days) with the KPIs in it.",
        make=_kpi_series,
    ),
    Export(
        name="stations",
        about="The stations and how each is at this moment; a period changes nothing.",
        make=lambda store, asked: stations.table(store, asked.scope),
    ),
    Export(
        name="outages",
        about="Each time that a connector was down, with what it reported and why it does not count, if so.",
        make=_outages,
    ),
    Export(
        name="station-availability",
        about="The stations by the share of time in which they were not down, the least first.",
        make=_station_availability,
    ),
    Export(
        name="exclusions",
        about="Outages that are not held against a station, by whose word and why; a period changes nothing.",
        make=lambda store, asked: reliability.excluded(store, asked.scope),
    ),
    Export(
        name="troubled-visits",
        about="Visits of drivers whose first attempt to charge did not succeed, the newest first.",
        make=_troubled_visits,
    ),
    Export(
        name="errors",
        about="The errors that connectors reported, by code, with what they mean.",
        make=lambda store, asked: reliability.by_error(store, asked.scope, asked.period, asked.now),
    ),
    Export(
        name="top-stations",
        about="The stations by what they earned, then by energy; those without a session are left out.",
        make=lambda store, asked: series.top_stations(store, asked.scope, asked.known_days),
    ),
    _revenue_by("day"),
    _revenue_by("week"),
    _revenue_by("month"),
    Export(
        name="revenue-by-station",
        about="What each station earned, with its VAT and average price: by currency, the most first.",
        make=lambda store, asked: revenue.by_station(store, asked.scope, asked.known_days),
    ),
    Export(
        name="revenue-by-tariff",
        about="The same of each version of a tariff: a session belongs to the one in force when it started.",
        make=lambda store, asked: revenue.by_tariff(store, asked.scope, asked.known_days),
    ),
    Export(
        name="revenue-by-owner",
        about="The same of each owner of stations.",
        make=lambda store, asked: revenue.by_owner(store, asked.scope, asked.known_days),
    ),
    Export(
        name="statement-lines",
        about="What issued statements say of each session, in the period of the statements' months.",
        make=lambda store, asked: billing.statement_lines(store, asked.scope, asked.period),
    ),
    Export(
        name="billing-findings",
        about="What the billing audit found and still holds, the most money first; a period changes nothing.",
        make=lambda store, asked: billing.findings(store, asked.scope),
    ),
    Export(
        name="payments",
        about="Payments at codes that were begun in the period: paid, billed, given back and still held.",
        make=lambda store, asked: payments.table(store, asked.scope, asked.period, asked.now),
    ),
    Export(
        name="ev-chart-sessions",
        about="EV-ChART's module 2, of a quarter: each session that ended and is not held back.",
        make=_ev_chart_sessions,
        is_quarterly=True,
    ),
    Export(
        name="ev-chart-uptime",
        about="EV-ChART's module 3, of a quarter: each port's uptime over the time in which it was observed.",
        make=_ev_chart_uptime,
        is_quarterly=True,
    ),
    Export(
        name="ev-chart-outages",
        about="EV-ChART's module 4, of a quarter: each outage, its excluded parts as rows of their own.",
        make=_ev_chart_outages,
        is_quarterly=True,
    ),
    Export(
        name="ocpi-sessions",
        about="Sessions as objects of OCPI 2.2.1.",
        make=_ocpi_sessions,
        formats=("json",),
    ),
    Export(
        name="ocpi-cdrs",
        about="Charge detail records of OCPI 2.2.1, for sessions that ended with energy and a cost.",
        make=_ocpi_cdrs,
        formats=("json",),
    ),
)
EXPORTS = {export.name: export for export in _ALL}
