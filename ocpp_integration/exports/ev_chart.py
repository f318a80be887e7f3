"""EV-ChART's quarterly modules: 2 (sessions), 3 (uptime) and 4 (outages), as its templates name the columns.

Source: the open-source release of the EV Charging Analytics and Reporting Tool (US Joint Office of Energy and
Transportation, US-JOET/ev-chart-open-source). Times are UTC with a Z, energy is kWh, power kW, outages are
minutes; what has decimals has two.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

from db.analytics.outages import OutagePart, PortLog
from db.analytics.outcome import is_success
from db.analytics.sessions import SessionRow
from ocpp_integration.exports import names
from ocpp_integration.exports.reliability import minutes
from ocpp_integration.exports.table import Column, Kind, Table, kw, kwh

SHORTEST_OUTAGE = Decimal("0.01")
_MOST_KW = Decimal("99999.99")
_CENT = Decimal("0.01")


class PortOutagePart(NamedTuple):
    log: PortLog
    part: OutagePart


def _text(name: str, value: Any) -> Column[Any]:
    return Column(name, Kind.TEXT, value)


def _time(name: str, value: Any) -> Column[Any]:
    # A text, so that it reads the same in every format: the template knows one spelling.
    return Column(name, Kind.TEXT, lambda row: _utc(value(row)))


def _decimal(name: str, value: Any) -> Column[Any]:
    return Column(name, Kind.DECIMAL, value)


def session_columns(provider: str) -> Sequence[Column[SessionRow]]:
    return (
        _text("station_id", lambda row: names.station_id(row.place_id)),
        _text("port_id", lambda row: names.port_id(row.station_pk, row.connector_number)),
        _text("network_provider", lambda _: provider),
        _text("charger_id", lambda row: row.station_id),
        _text("session_id", lambda row: names.session_id(row.transaction_id, row.pk)),
        _text("connector_id", lambda row: str(row.connector_number or "")),
        _time("session_start", lambda row: row.start_time),
        _time("session_end", lambda row: row.stop_time),
        _text("session_error", _session_error),
        _text("error_other", lambda row: "" if _succeeded(row) else " ".join(row.flags)),
        _decimal("energy_kwh", lambda row: _rounded(kwh(row.energy_wh))),
        _decimal("power_kw", lambda row: _peak_kw(row.max_power_w)),
        _text("payment_method", lambda row: row.payment_method or "unknown"),
        _text("payment_other", lambda _: ""),
    )


def uptime_columns(provider: str) -> Sequence[Column[PortLog]]:
    return (
        *_port_columns(provider),
        _time("uptime_reporting_start", lambda log: log.log[0].start),
        _time("uptime_reporting_end", lambda log: log.log[-1].end),
        _decimal("uptime", _percent),
        _decimal("total_outage", lambda log: minutes(log.uptime.outage)),
        _decimal("total_outage_excl", lambda log: minutes(log.uptime.excluded)),
    )


def outage_columns(provider: str) -> Sequence[Column[PortOutagePart]]:
    return (
        *(_of_log(column) for column in _port_columns(provider)),
        _time("outage_id", lambda row: row.part.span.start),
        _decimal("outage_duration", lambda row: max(SHORTEST_OUTAGE, minutes(row.part.span.length))),
        _text("excluded_outage", lambda row: "TRUE" if row.part.reasons else "FALSE"),
        # It numbers its reasons 1 to 6 and does not publish which is which: whoever hands it in fills it in
        # by the words beside it.
        _text("excluded_outage_reason", lambda _: ""),
        _text("excluded_outage_notes", lambda row: "; ".join(row.part.reasons)),
    )


def sessions(rows: Iterable[SessionRow], provider: str) -> Table[SessionRow]:
    """Module 2: a row for each session that ended and is not held back."""
    ended = (row for row in rows if row.stop_time is not None and not row.is_held)
    return Table(session_columns(provider), ended, for_people=False)


def uptime(logs: Iterable[PortLog], provider: str) -> Table[PortLog]:
    """Module 3: each port's uptime over the time in which it was observed."""
    return Table(uptime_columns(provider), logs, for_people=False)


def outages(logs: Iterable[PortLog], provider: str) -> Table[PortOutagePart]:
    """Module 4: every outage; one that is excluded in part is a row for each part."""
    return Table(outage_columns(provider), _parts(logs), for_people=False)


def _port_columns(provider: str) -> Sequence[Column[PortLog]]:
    return (
        _text("station_id", lambda log: names.station_id(log.port.place_id)),
        _text("port_id", lambda log: names.port_id(log.port.station_pk, log.port.number)),
        _text("network_provider", lambda _: provider),
    )


def _of_log(column: Column[PortLog]) -> Column[PortOutagePart]:
    return Column(column.name, column.kind, lambda row: column.value(row.log))


def _parts(logs: Iterable[PortLog]) -> Iterator[PortOutagePart]:
    for log in logs:
        for outage in log.outages:
            for part in log.parts(outage):
                yield PortOutagePart(log, part)


def _succeeded(row: SessionRow) -> bool:
    return is_success(row.energy_wh, row.stop_reason)


def _session_error(row: SessionRow) -> str:
    """Empty for a session that succeeded, else what is known of its end."""
    return "" if _succeeded(row) else row.stop_reason or "no energy"


def _peak_kw(watt: int | None) -> Decimal | None:
    """None where nothing was measured, and where the meter told what seven digits cannot hold."""
    power = _rounded(kw(watt))
    return power if power is not None and power <= _MOST_KW else None


def _percent(log: PortLog) -> Decimal:
    share = log.uptime.share
    return _half_up(Decimal(share.numerator * 100) / share.denominator)


def _rounded(value: Decimal | None) -> Decimal | None:
    return None if value is None else _half_up(value)


def _half_up(value: Decimal) -> Decimal:
    return value.quantize(_CENT, ROUND_HALF_UP)


def _utc(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
