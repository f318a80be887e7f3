"""A store with one station of two connectors at 10 ETB/kWh: emptied between examples, and looked at."""

from __future__ import annotations

from datetime import date
from typing import Any

import factories
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, select
from webhooks import NOON, STATION, Body, progress, started, stopped

from db import rollups
from db.engine import reading, writing
from db.models import (
    ChargingSession,
    ConnectorStatusInterval,
    HourProfile,
    OCPPConnector,
    OCPPLog,
    OCPPStation,
    Rollup,
    SessionMeterValue,
    WebhookEvent,
)

TODAY = date(2026, 3, 10)


def add_network(engine: Engine) -> None:
    with writing(engine) as store:
        tariff = factories.add_tariff(store)
        station = factories.add_station(store, factories.add_owner(store), station_id=STATION, tariff=tariff)
        station.last_heartbeat = None


def empty(engine: Engine) -> None:
    with writing(engine) as store:
        for model in (
            SessionMeterValue,
            ChargingSession,
            ConnectorStatusInterval,
            OCPPLog,
            HourProfile,
            Rollup,
            WebhookEvent,
        ):
            store.execute(delete(model))
        for connector in store.scalars(select(OCPPConnector)):
            connector.status, connector.status_at, connector.error_code = "unavailable", None, ""
        station = store.scalars(select(OCPPStation)).one()
        station.status_at = station.last_heartbeat = None
        station.is_online, station.status = True, "available"


def session_of(engine: Engine, transaction: int = 1) -> ChargingSession:
    with reading(engine) as store:
        return store.scalars(
            select(ChargingSession).where(ChargingSession.transaction_id == transaction)
        ).one()


_OWN = {"id", "created_at", "updated_at"}


def row_of(engine: Engine) -> dict[str, Any]:
    session = session_of(engine)
    return {c.key: getattr(session, c.key) for c in ChargingSession.__table__.columns if c.key not in _OWN}


def sums_of(engine: Engine) -> rollups.Sums:
    with reading(engine) as store:
        return rollups.stored(store, TODAY, TODAY)


def differing_in(engine: Engine) -> int:
    with reading(engine) as store:
        return rollups.differing(store, TODAY, TODAY)


def intervals_of(engine: Engine, connector: int = 1) -> list[tuple[str, str, float, float | None]]:
    """(status, error, from, to) in seconds after noon."""
    with reading(engine) as store:
        rows = store.scalars(
            select(ConnectorStatusInterval)
            .join(OCPPConnector)
            .where(OCPPConnector.connector_id == connector)
            .order_by(ConnectorStatusInterval.started_at)
        )
        return [
            (
                row.status,
                row.error_code,
                (row.started_at - NOON).total_seconds(),
                None if row.ended_at is None else (row.ended_at - NOON).total_seconds(),
            )
            for row in rows
        ]


# A session's events in the order in which they happened.
@st.composite
def sessions(draw: st.DrawFn) -> list[Body]:
    wh = draw(st.lists(st.integers(0, 4000), max_size=5))
    registers = [1000 + sum(wh[: n + 1]) for n in range(len(wh))]
    told = [
        progress(
            60 * (n + 1),
            (register - 1000) / 1000,
            draw(st.sampled_from([0, 3.7, 11])),
            soc_percent=draw(st.sampled_from([None, 20 + n])),
        )
        for n, register in enumerate(registers)
    ]
    last = registers[-1] if registers else 1000
    end = 60 * (len(wh) + 1)
    happened = [started(0, connector_id=draw(st.sampled_from([1, None])))] if draw(st.booleans()) else []
    happened += told
    if draw(st.booleans()):
        estimated = draw(st.booleans())
        happened.append(stopped(end, meter_stop=last, estimated=estimated, energy_consumed_kwh=None))
        if estimated and draw(st.booleans()):
            happened.append(stopped(end + 5, meter_stop=last + draw(st.integers(0, 500)), stop_reason=None))
    return happened or [stopped(end, meter_stop=None)]
