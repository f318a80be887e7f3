"""What the schemas of OCPP 2.0.1 let pass and a central system must not."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from ocpp_backend import evses
from ocpp_backend.clock import not_ahead
from ocpp_backend.failures import CallError
from ocpp_backend.fields import MAX_CONNECTOR, measured, number, time, token, violation
from ocpp_backend.samples import Sample
from ocpp_integration.events import normalise_measurand

_log = logging.getLogger(__name__)

_MAX_CONNECTORS_OF_EVSE = 100
_MAX_MULTIPLIER = 30

__all__ = ["Evse", "connector", "evse", "id_token", "meter_values", "samples", "time", "transaction_id"]


@dataclass(frozen=True)
class Evse:
    """Where something happens: EVSE 0 is the charge point as a whole. Many leave out the connector."""

    evse_id: int
    connector_id: int | None = None


def evse(payload: dict[str, Any], evse_name: str = "id") -> Evse:
    evse_id = number(payload, evse_name, 0, MAX_CONNECTOR)
    # Some say connector 0 where they mean the EVSE.
    if not payload.get("connectorId"):
        return Evse(evse_id)
    return Evse(evse_id, number(payload, "connectorId", 1, _MAX_CONNECTORS_OF_EVSE))


def connector(db: Connection, station_id: str, place: Evse) -> int:
    """Our number of a connector; 0 for the charge point as a whole."""
    if place.evse_id == 0:
        return 0
    given = evses.number_of(db, station_id, place.evse_id, place.connector_id)
    if given > MAX_CONNECTOR:
        raise violation("connectorId", f"the station has more than {MAX_CONNECTOR} connectors")
    return given


def id_token(payload: dict[str, Any]) -> str:
    return token(payload["idToken"], "idToken")


def transaction_id(payload: dict[str, Any]) -> str:
    return token(payload["transactionInfo"], "transactionId")


def meter_values(groups: Iterable[dict[str, Any]], arrival: datetime) -> list[Sample]:
    """All values, their times no later than they can be. Raises `CallError` where one cannot be measured."""
    return [
        _sample(value, moment)
        for group in groups
        for moment in [not_ahead(time(group), arrival)]
        for value in group["sampledValue"]
    ]


def samples(groups: Iterable[dict[str, Any]], arrival: datetime) -> list[Sample]:
    """The same without what cannot be measured: a transaction's event must not be lost to a value in it."""
    return list(_measurable(groups, arrival))


def _measurable(groups: Iterable[dict[str, Any]], arrival: datetime) -> Iterator[Sample]:
    for group in groups:
        try:
            moment = not_ahead(time(group), arrival)
        except CallError as error:
            _log.warning("meter values are left out: %s", error)
            continue
        for value in group["sampledValue"]:
            try:
                yield _sample(value, moment)
            except CallError as error:
                _log.warning("a meter value is left out: %s", error)


def _sample(value: dict[str, Any], timestamp: datetime) -> Sample:
    """The plain value; a signed one beside it says the same."""
    measurand = normalise_measurand(value.get("measurand", "Energy.Active.Import.Register"))
    unit = value.get("unitOfMeasure", {})
    return Sample(
        timestamp=timestamp,
        measurand=measurand,
        value=_scaled(value["value"], unit.get("multiplier", 0)),
        unit=unit.get("unit") or ("Wh" if measurand.startswith("energy_active") else None),
        context=value.get("context", "Sample.Periodic"),
        location=value.get("location", "Outlet"),
        phase=value.get("phase"),
    )


def _scaled(value: float, multiplier: int) -> Decimal:
    if abs(multiplier) > _MAX_MULTIPLIER:
        raise violation("multiplier", "not a power of ten that is in use")
    exact = measured(Decimal(str(value)))
    return measured(exact.scaleb(multiplier)) if multiplier else exact
