"""What the schemas of OCPP 1.6 let pass and a central system must not."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from ocpp_backend.clock import parse_time
from ocpp_backend.failures import CallError
from ocpp_backend.samples import Sample
from ocpp_integration.events import normalise_measurand

MAX_CONNECTOR = 1000
_MAX_REGISTER_WH = 2**53
_MAX_DIGITS = 64
_MAX_VALUE = Decimal(10) ** 15
_MIN_EXPONENT = -30


def time(payload: dict[str, Any], name: str = "timestamp") -> datetime:
    try:
        return parse_time(payload[name])
    except ValueError:
        raise _violation(name, "no time of ISO 8601") from None


def connector(payload: dict[str, Any], *, least: int) -> int:
    number: int = payload["connectorId"]
    if not least <= number <= MAX_CONNECTOR:
        raise _violation("connectorId", f"not between {least} and {MAX_CONNECTOR}")
    return number


def register(payload: dict[str, Any], name: str) -> int:
    wh: int = payload[name]
    if not 0 <= wh < _MAX_REGISTER_WH:
        raise _violation(name, "no register in Wh")
    return wh


def id_tag(payload: dict[str, Any]) -> str:
    tag: str = payload["idTag"]
    if not tag.strip():
        raise _violation("idTag", "empty")
    return tag


def samples(meter_values: Iterable[dict[str, Any]]) -> list[Sample]:
    """All raw values of a `meterValue` or `transactionData`; signed ones are left out.

    Raises `CallError` where a value is no finite number.
    """
    return [
        _sample(value, time(group))
        for group in meter_values
        for value in group["sampledValue"]
        if not _is_signed(value)
    ]


def _is_signed(value: dict[str, Any]) -> bool:
    # Signed values are long texts, and not always labelled.
    return value.get("format") == "SignedData" or len(value["value"]) > _MAX_DIGITS


def _sample(value: dict[str, Any], timestamp: datetime) -> Sample:
    measurand = normalise_measurand(value.get("measurand", "Energy.Active.Import.Register"))
    return Sample(
        timestamp=timestamp,
        measurand=measurand,
        value=_number(value["value"]),
        unit=value.get("unit") or ("Wh" if measurand.startswith("energy_active") else None),
        context=value.get("context", "Sample.Periodic"),
        location=value.get("location", "Outlet"),
        phase=value.get("phase"),
    )


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise _violation("value", "no number") from None
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < _MIN_EXPONENT or abs(number) >= _MAX_VALUE:
        raise _violation("value", "no number that can be measured")
    return number


def _violation(name: str, reason: str) -> CallError:
    return CallError("PropertyConstraintViolation", f"{name}: {reason}")
