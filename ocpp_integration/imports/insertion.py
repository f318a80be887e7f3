"""Ended sessions into the store, many at a time, and their sums with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Table, text
from sqlalchemy.orm import Session

from db import rollups
from db.analytics.judgement import Evidence, judge
from db.columns import to_minor
from db.models import ChargingSession, utc_now
from db.sums import SessionFacts
from ocpp_integration.chunks import in_chunks
from ocpp_integration.imports.bulk import BulkInsert
from ocpp_integration.imports.known import KnownSessions
from ocpp_integration.imports.session import EndedSession
from ocpp_integration.imports.stations import Connector, Stations

CHUNK = 5000
_TABLE = cast("Table", ChargingSession.__table__)


def insert_sessions(
    store: Session,
    sessions: Iterable[EndedSession],
    *,
    source: str,
    stations: Stations | None = None,
    now: datetime | None = None,
) -> int:
    """Add those sessions that the store has not got from this source yet; returns how many.

    No id may occur twice in `sessions`. Raises `NotFound` for a station that is not in the store;
    connectors that are not are added.
    """
    stations = stations or Stations(store)
    known_sessions = KnownSessions(store, source)
    sums = rollups.Changes()
    added = 0
    for chunk in in_chunks(sessions, CHUNK):
        known = known_sessions.find([session.external_id for session in chunk])
        new = [
            judged(session, stations.connector(session.station_id, session.connector_id))
            for session in chunk
            if session.external_id not in known
        ]
        add_sessions(store, new, sums, source=source, stations=stations, now=now)
        added += len(new)
    sums.write(store)
    if added:
        refresh_statistics(store)
    return added


def add_sessions(
    store: Session,
    sessions: Sequence[EndedSession],
    sums: rollups.Changes,
    *,
    source: str,
    stations: Stations,
    now: datetime | None = None,
) -> None:
    """Insert the rows and add to `sums`, which the caller writes in the end: the more rows share a day, the
    less there is to write. Raises `IntegrityError` where a row is in the store already.
    """
    if not sessions:
        return
    now = now or utc_now()
    same = {
        "source": source,
        "stop_is_estimated": False,
        "created_at": now,
        "updated_at": now,
    }
    insert = BulkInsert(store.connection(), _TABLE, _COLUMNS, same)
    insert.execute(_values(session, stations) for session in sessions)
    for session in sessions:
        sums.add_session(_facts(session, stations))
    if sums.are_many:
        sums.write(store)


def judged(session: EndedSession, connector: Connector) -> EndedSession:
    """The session with the flags and the verdict that it has at this connector."""
    charging = session.charging_seconds
    found = judge(
        Evidence(
            start=session.start_time,
            stop=session.stop_time,
            energy_wh=session.energy_wh,
            charging=None if charging is None else timedelta(seconds=charging),
            rated_w=connector.rated_power_w,
            connector_type=connector.connector_type,
            peak_w=session.max_power_w,
            meter_start=session.meter_start,
            meter_stop=session.meter_stop,
            stop_reason=session.stop_reason,
        )
    )
    if not found.codes:
        return session
    return replace(session, flags=tuple(sorted({*session.flags, *found.codes})), verdict=found.verdict)


def refresh_statistics(store: Session) -> None:
    """After many rows: until its statistics are made anew PostgreSQL plans for the tables as they were."""
    if store.get_bind().dialect.name == "postgresql":
        store.execute(text("ANALYZE charging_sessions, rollups, hour_profiles"))


# The columns that differ from session to session, in the order of `_values`.
_COLUMNS = (
    "external_id",
    "ocpp_station_id",
    "ocpp_connector_id",
    "id_tag",
    "payment_method",
    "payment_status",
    "tariff_id",
    "reported_start",
    "start_time",
    "stop_time",
    "meter_start",
    "meter_stop",
    "reported_energy_wh",
    "reported_cost",
    "stop_reason",
    "heard_at",
    "max_power_w",
    "soc_percent",
    "charging_seconds",
    "status",
    "energy_wh",
    "cost",
    "tax",
    "flags",
    "verdict",
)


def _values(session: EndedSession, stations: Stations) -> tuple[Any, ...]:
    # What was reported is filled in too, so that energy and cost computed from it come out the same.
    return (
        session.external_id,
        stations.get(session.station_id).pk,
        stations.connector(session.station_id, session.connector_id).pk,
        session.id_tag,
        session.payment_method,
        _payment_status(session),
        session.tariff_id,
        session.start_time,
        session.start_time,
        session.stop_time,
        session.meter_start,
        session.meter_stop,
        session.energy_wh,
        session.cost,
        session.stop_reason,
        session.stop_time,
        session.max_power_w,
        session.soc_percent,
        session.charging_seconds,
        session.status,
        session.energy_wh,
        session.cost,
        session.tax,
        list(session.flags),
        session.verdict,
    )


def _payment_status(session: EndedSession) -> str:
    if session.status == "failed":
        return "failed"
    return "pending" if session.cost is None else "completed"


def _facts(session: EndedSession, stations: Stations) -> SessionFacts:
    station = stations.get(session.station_id)
    return SessionFacts(
        station_pk=station.pk,
        owner_id=station.owner_id,
        timezone=station.timezone,
        currency=station.currency,
        start_time=session.start_time,
        stop_time=session.stop_time,
        status=session.status,
        energy_wh=session.energy_wh,
        cost_minor=None if session.cost is None else to_minor(session.cost),
        stop_reason=session.stop_reason,
        tax_minor=None if session.tax is None else to_minor(session.tax),
        charging_seconds=session.charging_seconds,
        is_held=session.verdict == "held",
    )
