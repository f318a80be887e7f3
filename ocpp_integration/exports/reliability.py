"""When connectors were down and why it does or does not count, and which errors they reported."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from sqlalchemy.orm import Session

from db.analytics import errors, exclusions
from db.analytics.availability import Outage
from db.analytics.charge_success import Outcome
from db.analytics.errors import ErrorTotal
from db.analytics.exclusions import REASONS, Exclusion
from db.analytics.outages import Port, PortLog, StationAvailability, by_station, each_log
from db.analytics.outcome import SUCCESS_OVER_WH
from db.analytics.scope import Period, Scope
from db.analytics.success import AttemptRow, VisitRow, troubled_visits
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
AVAILABILITY_COLUMNS = (
    text("station", lambda row: row.station_name),
    text("station_id", lambda row: row.station_id),
    decimal("availability", lambda row: _percent(row.plain), "%", 3),
    decimal("availability_without_excluded", lambda row: _percent(row.counted), "%", 3),
    integer("ports", lambda row: row.ports),
    integer("ports_over_97_percent", lambda row: row.passing),
    integer("outages", lambda row: row.outages),
    decimal("outage", lambda row: minutes(row.outage), "min"),
    decimal("excluded", lambda row: minutes(row.excluded), "min"),
)
EXCLUSION_COLUMNS = (
    integer("number", lambda row: row.pk),
    text("station", lambda row: row.station_name),
    text("station_id", lambda row: row.station_id),
    integer("connector", lambda row: row.connector_number),
    time("start", lambda row: row.start),
    time("end", lambda row: row.end),
    text("timezone", lambda row: row.timezone),
    text("reason", lambda row: REASONS[row.reason]),
    text("notes", lambda row: row.notes),
    text("entered_by", lambda row: row.entered_by),
    time("entered", lambda row: row.entered_at),
    time("revoked", lambda row: row.revoked_at),
)
VISIT_COLUMNS = (
    text("station", lambda row: row.station_name),
    text("station_id", lambda row: row.station_id),
    time("start", lambda row: row.start),
    time("end", lambda row: row.stop),
    text("timezone", lambda row: row.timezone),
    text("id_tag", lambda row: row.driver),
    text("outcome", lambda row: outcome_in_words(row)),
    integer("attempts", lambda row: len(row.attempts)),
    text("what_happened", lambda row: "; ".join(map(told, row.attempts))),
)
OUTCOMES: dict[Outcome, str] = {
    Outcome.FIRST_ATTEMPT: "charged at once",
    Outcome.TROUBLED: "charged after trouble",
    Outcome.FAILED: "did not charge",
}
BROKE_OFF = "began to charge, but broke off"
# As many as a file has; the newest ones.
VISITS = 100_000


def outcome_in_words(visit: VisitRow) -> str:
    """What came of a visit: that it did not charge is said where next to nothing flowed."""
    if visit.outcome is Outcome.FAILED and any(
        (attempt.energy_wh or 0) > SUCCESS_OVER_WH for attempt in visit.attempts
    ):
        return BROKE_OFF
    return OUTCOMES[visit.outcome]


def told(attempt: AttemptRow) -> str:
    """What became of an attempt, in words."""
    where = "" if attempt.connector_number is None else f"connector {attempt.connector_number}: "
    if attempt.error is not None:
        return f"{where}refused ({attempt.error.rstrip('.')})"
    energy = f"{(attempt.energy_wh or 0) / 1000:.1f} kWh"
    return f"{where}{energy}, {attempt.stop_reason or 'Local'}{'' if attempt.is_valid else ' (failed)'}"


def station_availability(
    store: Session, scope: Scope, period: Period, now: datetime
) -> Table[StationAvailability]:
    """The stations, the one that was available least first."""
    return Table(AVAILABILITY_COLUMNS, by_station(list(each_log(store, scope, period, now))))


def excluded(store: Session, scope: Scope) -> Table[Exclusion]:
    """All that was ever excluded, the newest time first; what is revoked says when."""
    return Table(EXCLUSION_COLUMNS, exclusions.entered(store, scope, with_revoked=True))


def troubled(store: Session, scope: Scope, period: Period) -> Table[VisitRow]:
    """The visits whose first attempt did not succeed, the newest first."""
    return Table(VISIT_COLUMNS, troubled_visits(store, scope, period, limit=VISITS))


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


def _percent(share: float) -> Decimal:
    return (Decimal(share) * 100).quantize(Decimal("0.001"), ROUND_HALF_UP)


def _outages(logs: Iterator[PortLog]) -> Iterator[PortOutage]:
    for log in logs:
        for outage in log.outages:
            yield PortOutage(log.port, outage, log.reasons_of(outage))
