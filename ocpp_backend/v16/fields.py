"""What the schemas of OCPP 1.6 let pass and a central system must not."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from ocpp_backend.clock import not_ahead
from ocpp_backend.fields import MAX_CONNECTOR, measured, number, time, token, violation
from ocpp_backend.samples import MAX_REGISTER_WH, Sample
from ocpp_integration.events import normalise_measurand

_MAX_DIGITS = 64

__all__ = ["connector", "id_tag", "register", "samples", "time"]


def connector(payload: dict[str, Any], *, least: int) -> int:
    return number(payload, "connectorId", least, MAX_CONNECTOR)


def register(payload: dict[str, Any], name: str) -> int:
    wh: int = payload[name]
    if not 0 <= wh < MAX_REGISTER_WH:
        raise violation(name, "no register in Wh")
    return wh


def id_tag(payload: dict[str, Any]) -> str:
    return token(payload, "idTag")


def samples(meter_values: Iterable[dict[str, Any]], arrival: datetime) -> list[Sample]:
    """All raw values of a `meterValue` or `transactionData`, their times no later than they can be.

    Signed values are left out. Raises `CallError` where a value is no finite number.
    """
    return [
        _sample(value, moment)
        for group in meter_values
        for moment in [not_ahead(time(group), arrival)]
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
        return measured(Decimal(text))
    except InvalidOperation:
        raise violation("value", "no number") from None
