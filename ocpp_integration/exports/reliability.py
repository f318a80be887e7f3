"""When connectors were down and why it does or does not count, and which errors they reported."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from sqlalchemy.orm import Session

from db.analytics import errors
from db.analytics.availability import Outage
from db.analytics.errors import ErrorTotal
from db.analytics.outages import Port, PortLog, each_log
from db.analytics.scope import Period, Scope
from ocpp_integration.exports.table import Table, decimal, integer, text, time


class PortOutage(NamedTuple):
    port: Port
    outage: Outage
    reasons: tuple[str, ...]


OUTAGE_COLUMNS = (
    text("station", lambda row: row.port.station_name),
    text("station_id", lambda row: row.port.station_id),
    integer("connector", lambda row: row.port.number),
    time("start", lambda row: row.outage.start),
    time("end", lambda row: None if row.outage.is_open else row.outage.end),
    text("timezone", lambda row: row.port.timezone),
    decimal("duration", lambda row: minutes(row.outage.length), "min"),
    decimal("excluded", lambda row: minutes(row.outage.excluded), "min"),
    text("excluded_because", lambda row: "; ".join(row.reasons)),
    text("statuses", lambda row: " ".join(row.outage.statuses)),
    text("error_codes", lambda row: " ".join(row.outage.error_codes)),
    text("errors", lambda row: "; ".join(row.outage.errors)),
)
ERROR_COLUMNS = (
    text("error_code", lambda row: row.error_code),
    text("vendor_error_code", lambda row: row.vendor_error_code),
    text("meaning", lambda row: row.words),
    integer("faults", lambda row: row.faults),
    integer("warnings", lambda row: row.warnings),
    integer("connectors", lambda row: row.connectors),
    integer("stations", lambda row: row.stations),
    decimal("time", lambda row: minutes(row.time), "min"),
    time("first", lambda row: row.first),
    time("last", lambda row: row.last),
)


def outages(store: Session, scope: Scope, period: Period, now: datetime) -> Table[PortOutage]:
    """Every outage, clipped to the period, by station, connector and time; one that lasts has no end."""
    return Table(OUTAGE_COLUMNS, _outages(each_log(store, scope, period, now)))


def by_error(store: Session, scope: Scope, period: Period | None, now: datetime) -> Table[ErrorTotal]:
    """The errors reported in the period, the most frequent first."""
    return Table(ERROR_COLUMNS, errors.by_code(store, scope, period, now))


def minutes(length: timedelta) -> Decimal:
    """With two places, rounded half up."""
    exact = Decimal(length // timedelta(microseconds=1)) / 60_000_000
    return exact.quantize(Decimal("0.01"), ROUND_HALF_UP)


def _outages(logs: Iterator[PortLog]) -> Iterator[PortOutage]:
    for log in logs:
        for outage in log.outages:
            yield PortOutage(log.port, outage, log.reasons_of(outage))
