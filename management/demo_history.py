"""The demo's history in the store: sessions, their meter values where recent, and who was in which status."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import insert, select
from sqlalchemy.orm import Session
from tqdm import tqdm

from db import rollups
from db.models import (
    ChargingSession,
    ChargingStation,
    ConnectorStatusInterval,
    OCPPConnector,
    OCPPStation,
    SessionMeterValue,
)
from db.sums import IntervalFacts
from ocpp_integration.imports import EndedSession, insert_sessions
from ocpp_integration.pricing import energy_bill
from simulator.fleet import Fleet
from simulator.history import HistoricOutage, HistoricSession, make_history, meter_curve

SEED = 1
SOURCE = "demo"
METER_VALUES_FOR = timedelta(days=7)
METER_INTERVAL = timedelta(minutes=2)

Row = dict[str, Any]
Span = tuple[datetime, datetime, str, str, str]  # from, to, status, error code, vendor's error code


def add_history(
    store: Session,
    fleet: Fleet,
    stations: Mapping[str, OCPPStation],
    start: datetime,
    end: datetime,
    zone: ZoneInfo,
) -> None:
    """Make and store everything that happened between `start` and `end`, with a progress bar."""
    history = make_history(fleet, start, end, SEED, zone=zone)
    by_station = groupby(history, key=lambda entry: entry.station_id)
    for station_id, entries in tqdm(by_station, "Making history", len(stations), unit="station", leave=False):
        happened = list(entries)
        sessions = [entry for entry in happened if isinstance(entry, HistoricSession)]
        outages = [entry for entry in happened if isinstance(entry, HistoricOutage)]
        station = stations[station_id]
        connectors = {connector.connector_id: connector for connector in station.connectors}
        ended = (_ended(session, connectors[session.connector_id]) for session in sessions)
        insert_sessions(store, ended, source=SOURCE)
        _add_meter_values(store, [s for s in sessions if s.connection_end > end - METER_VALUES_FOR])
        for connector in station.connectors:
            _add_statuses(store, connector, station.charging_station, sessions, outages, start)


def _ended(session: HistoricSession, connector: OCPPConnector) -> EndedSession:
    tariff = connector.charging_connector.tariff if connector.charging_connector else None
    bill = energy_bill(session.energy_wh, tariff.price_per_kwh, tariff.vat_percent) if tariff else None
    return EndedSession(
        external_id=_external_id(session),
        station_id=session.station_id,
        connector_id=session.connector_id,
        start_time=session.connection_start,
        stop_time=session.connection_end,
        energy_wh=session.energy_wh,
        id_tag=session.driver_id,
        status="completed" if session.energy_wh else "failed",
        stop_reason=session.stop_reason,
        charging_seconds=_seconds(session.charging_start, session.charging_end),
        max_power_w=session.peak_power_w,
        meter_start=session.meter_start,
        meter_stop=session.meter_stop,
        tariff_id=tariff.id if tariff else None,
        cost=bill.gross if bill else None,
        tax=bill.tax if bill else None,
    )


def _external_id(session: HistoricSession) -> str:
    return f"DEMO-{session.session_id}"


def _seconds(start: datetime | None, end: datetime | None) -> int:
    return int((end - start).total_seconds()) if start and end else 0


def _add_meter_values(store: Session, sessions: Iterable[HistoricSession]) -> None:
    for session in sessions:
        pk = store.scalars(
            select(ChargingSession.id).where(
                ChargingSession.source == SOURCE,
                ChargingSession.external_id == _external_id(session),
            )
        ).one()
        if rows := list(_meter_rows(session, pk)):
            store.execute(insert(SessionMeterValue), rows)


def _meter_rows(session: HistoricSession, pk: int) -> Iterator[Row]:
    for reading in meter_curve(session, METER_INTERVAL):
        common = {
            "session_id": pk,
            "timestamp": reading.time,
            "context": "Sample.Periodic",
            "location": "Outlet",
            "created_at": reading.time,
        }
        yield common | _value("energy_active_import_register", reading.register_wh, "Wh")
        yield common | _value("power_active_import", reading.power_w, "W")
        if reading.soc_percent is not None:
            yield common | _value("soc", reading.soc_percent, "Percent")


def _value(measurand: str, value: int, unit: str) -> Row:
    return {"measurand": measurand, "value": value, "unit": unit}


def _add_statuses(
    store: Session,
    connector: OCPPConnector,
    place: ChargingStation,
    sessions: Iterable[HistoricSession],
    outages: Iterable[HistoricOutage],
    start: datetime,
) -> None:
    spans = sorted(
        [
            *(
                (
                    s.connection_start,
                    s.connection_end,
                    "charging" if s.charging_start else "preparing",
                    "",
                    "",
                )
                for s in sessions
                if s.connector_id == connector.connector_id
            ),
            *(
                (o.start, o.end, o.status, _error(o), o.vendor_error_code or "")
                for o in outages
                if o.connector_id in (None, connector.connector_id)
            ),
        ]
    )
    rows = list(_intervals(connector, spans, start))
    store.execute(insert(ConnectorStatusInterval), rows)
    rollups.add_intervals(
        store,
        (
            IntervalFacts(
                connector.ocpp_station_id,
                place.owner_id,
                place.timezone,
                place.currency,
                row["status"],
                row["started_at"],
                row["ended_at"],
            )
            for row in rows
            if row["ended_at"] is not None
        ),
    )


def _intervals(connector: OCPPConnector, spans: Iterable[Span], start: datetime) -> Iterator[Row]:
    """Without a gap from `start` on: available between what happened, and available still."""
    at = start
    for begin, end, status, error_code, vendor_error_code in spans:
        if begin > at:
            yield _interval(connector, at, begin, "available")
        if end > max(begin, at):
            yield _interval(connector, max(begin, at), end, status, error_code, vendor_error_code)
        at = max(at, end)
    yield _interval(connector, at, None, "available")


def _interval(
    connector: OCPPConnector,
    begin: datetime,
    end: datetime | None,
    status: str,
    error_code: str = "",
    vendor_error_code: str = "",
) -> Row:
    return {
        "ocpp_connector_id": connector.id,
        "status": status,
        "error_code": error_code,
        "vendor_error_code": vendor_error_code,
        "started_at": begin,
        "ended_at": end,
    }


def _error(outage: HistoricOutage) -> str:
    return "" if outage.error_code == "NoError" else outage.error_code
