"""The REST API's objects. Every key is always present; what is not known is null.

Times are ISO 8601 in UTC, energy is kWh, power kW. Decimals are text with fixed places: energy three,
power and money two, meter values three.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from db.analytics.outcome import ENDED_STATUSES
from db.models import (
    ChargingSession,
    OCPPConnector,
    OCPPLog,
    OCPPStation,
    Receipt,
    SessionMeterValue,
    Statement,
    StatementLine,
)
from webhook_receiver import objects


def station(row: OCPPStation) -> objects.Station:
    place = row.charging_station
    return {
        "id": row.id,
        "station_id": row.station_id,
        "charging_station": str(place.id),
        "charging_station_name": place.name,
        "charging_station_address": _address(row),
        "owner_name": place.owner.name,
        "vendor": row.vendor or None,
        "model": row.model or None,
        "firmware_version": row.firmware_version or None,
        "status": row.status,
        "ocpp_websocket_url": row.ocpp_websocket_url or None,
        "last_heartbeat": time(row.last_heartbeat) if row.last_heartbeat else None,
        "is_online": row.is_online,
        "created_at": time(row.created_at),
        "updated_at": time(row.updated_at),
    }


def station_with_connectors(row: OCPPStation) -> objects.StationWithConnectors:
    return {**station(row), "connectors": [connector(each) for each in row.connectors]}


def connector(row: OCPPConnector) -> objects.Connector:
    described = row.charging_connector
    return {
        "id": row.id,
        "connector_id": row.connector_id,
        "charging_connector": row.charging_connector_id,
        "charging_connector_type": described.connector_type if described else None,
        "charging_connector_power": kilo(described.power_w, 2) if described else None,
        "status": row.status,
        "error_code": row.error_code or None,
        "info": row.info or None,
        "vendor_id": row.vendor_id or None,
        "vendor_error_code": row.vendor_error_code or None,
        "created_at": time(row.created_at),
        "updated_at": time(row.updated_at),
    }


def session(row: ChargingSession, now: datetime) -> objects.Session:
    """A session as lists hold it: station and connector by their id, `meter_values` an empty list."""
    described = row.connector.charging_connector if row.connector else None
    return {
        "id": row.id,
        "transaction_id": row.transaction_id,
        "user": str(row.user_id) if row.user_id else None,
        "user_email": row.user.email if row.user else None,
        "user_name": row.user.name if row.user else None,
        "ocpp_station": row.ocpp_station_id,
        "ocpp_connector": row.ocpp_connector_id,
        "station_name": row.station.charging_station.name,
        "station_address": _address(row.station),
        "connector_type": described.connector_type if described else None,
        "payment_transaction_id": row.payment_transaction_id,
        "payment_method": row.payment_method,
        "id_tag": row.id_tag,
        "status": row.status,
        "payment_status": row.payment_status,
        "start_time": time(row.start_time),
        "stop_time": time(row.stop_time) if row.stop_time else None,
        "duration_seconds": duration_seconds(row, now),
        "energy_consumed_kwh": kilo(row.energy_wh, 3),
        "current_power_kw": kilo(row.power_w, 2),
        "max_power_kw": kilo(row.max_power_w, 2),
        "estimated_cost": money(row.cost),
        "final_cost": money(row.cost) if is_final(row) else None,
        "stop_reason": row.stop_reason,
        "meter_start": row.meter_start,
        "meter_stop": row.meter_stop,
        "meter_values": [],
        "flags": row.flags,
        "verdict": row.verdict,
        "created_at": time(row.created_at),
        "updated_at": time(row.updated_at),
    }


def session_in_full(
    row: ChargingSession, values: Sequence[SessionMeterValue], now: datetime
) -> objects.SessionInFull:
    """A session as its own address holds it: whole station, whole connector, all meter values."""
    return {
        **session(row, now),
        "ocpp_station": station(row.station),
        "ocpp_connector": connector(row.connector) if row.connector else None,
        "meter_values": [meter_value(value) for value in values],
    }


def meter_value(row: SessionMeterValue) -> objects.SessionMeterValue:
    return {
        "id": row.id,
        "timestamp": time(row.timestamp),
        "measurand": row.measurand,
        "value": _decimal(row.value, 3),
        "unit": row.unit,
        "context": row.context,
        "location": row.location,
        "phase": row.phase,
        "created_at": time(row.created_at),
    }


def log(row: OCPPLog) -> objects.Log:
    return {
        "id": row.id,
        "station_id": row.station_id,
        "session_transaction_id": row.session_transaction_id,
        "level": row.level,
        "message_type": row.message_type,
        "action": row.action,
        "message": row.message,
        "raw_data": row.raw_data,
        "timestamp": time(row.timestamp),
    }


def statement(row: Statement) -> objects.Statement:
    return {
        "id": row.id,
        "name": row.name,
        "owner_name": row.owner_name,
        "month": f"{row.month:%Y-%m}",
        "currency": row.currency,
        "issued_at": time(row.issued_at),
        "sessions": row.sessions,
        "energy_kwh": _decimal(Decimal(row.energy_wh) / 1000, 3),
        "gross": _decimal(row.gross, 2),
        "vat": _decimal(row.tax, 2),
        "fee": _decimal(row.fee, 2),
        "due": _decimal(row.due, 2),
    }


def statement_in_full(row: Statement, lines: Sequence[StatementLine]) -> objects.StatementInFull:
    return {**statement(row), "lines": [_statement_line(line) for line in lines]}


def _statement_line(row: StatementLine) -> objects.StatementLine:
    return {
        "kind": row.kind,
        "stated_month": f"{row.stated_month:%Y-%m}" if row.stated_month else None,
        "station_name": row.station_name,
        "connector_number": row.connector_number,
        "session": row.session_name,
        "ended_at": time(row.ended_at),
        "energy_kwh": _decimal(Decimal(row.energy_wh) / 1000, 3),
        "gross": _decimal(row.gross, 2),
        "vat": _decimal(row.tax, 2),
        "fee_percent": _decimal(row.fee_percent, 2),
        "fee": _decimal(row.fee, 2),
    }


def receipt(row: Receipt, transaction_id: int | None) -> objects.Receipt:
    told = row.document
    return {
        "name": row.name,
        "issued_at": time(row.issued_at),
        "corrects": told["corrects"]["receipt"] if told["corrects"] else None,
        "transaction_id": transaction_id,
        "owner_name": told["owner"],
        "station_id": told["station_id"],
        "station_name": told["station"],
        "station_address": told["address"],
        "connector_number": told["connector"],
        "start_time": time(datetime.fromisoformat(told["started"])),
        "stop_time": time(datetime.fromisoformat(told["ended"])),
        "timezone": told["timezone"],
        "meter_start": told["meter_start"],
        "meter_stop": told["meter_stop"],
        "energy_kwh": _decimal(Decimal(row.energy_wh) / 1000, 3),
        "currency": told["currency"],
        "lines": told["bill"]["lines"],
        "tax_included": told["bill"]["tax_included"],
        "vat": money(row.tax),
        "total": _decimal(row.gross, 2),
    }


def duration_seconds(row: ChargingSession, now: datetime) -> int | None:
    """From start to stop, or so far. None where a session ended and nobody said when."""
    if row.stop_time is None and row.status in ENDED_STATUSES:
        return None
    return max(0, int(((row.stop_time or now) - row.start_time).total_seconds()))


def is_final(row: ChargingSession) -> bool:
    """Whether the cost will be asked for as it is: not as long as the session is held back."""
    return row.status in ENDED_STATUSES and row.verdict != "held"


def _address(row: OCPPStation) -> str:
    place = row.charging_station
    return ", ".join(part for part in (place.address, place.city) if part)


def time(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")


def kilo(value: int | None, places: int) -> str | None:
    """Wh as kWh, W as kW."""
    return None if value is None else _decimal(Decimal(value) / 1000, places)


def money(value: Decimal | None) -> str | None:
    return None if value is None else _decimal(value, 2)


def _decimal(value: Decimal, places: int) -> str:
    return format(value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP), "f")
