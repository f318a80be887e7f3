"""The commands in OCPP 1.6."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ocpp_backend.station_commands.bodies import (
    ChangeAvailabilityBody,
    ChangeConfigurationBody,
    ClearCacheBody,
    GetConfigurationBody,
    ResetBody,
    TriggerMessageBody,
    UnlockConnectorBody,
)
from ocpp_backend.station_commands.wording import Place, Wording


def _reset(body: ResetBody, _place: Place | None) -> dict[str, Any]:
    return {"type": body.type}


def _unlock_connector(_body: UnlockConnectorBody, place: Place | None) -> dict[str, Any]:
    return {"connectorId": _number(place)}


def _change_availability(body: ChangeAvailabilityBody, place: Place | None) -> dict[str, Any]:
    return {"connectorId": _number(place), "type": "Operative" if body.operative else "Inoperative"}


def _trigger_message(body: TriggerMessageBody, place: Place | None) -> dict[str, Any]:
    where = {} if place is None else {"connectorId": place.number}
    return {"requestedMessage": body.message, **where}


def _get_configuration(body: GetConfigurationBody, _place: Place | None) -> dict[str, Any]:
    """Without keys, all of them are asked for."""
    return {"key": list(body.keys)} if body.keys else {}


def _status_of_configuration(answer: dict[str, Any]) -> str:
    """An answer without a status of its own."""
    return "UnknownKey" if answer.get("unknownKey") else "Accepted"


def _change_configuration(body: ChangeConfigurationBody, _place: Place | None) -> dict[str, Any]:
    return {"key": body.key, "value": body.value}


def _clear_cache(_body: ClearCacheBody, _place: Place | None) -> dict[str, Any]:
    return {}


def _number(place: Place | None) -> int:
    """0 is the charge point as a whole."""
    return 0 if place is None else place.number


WORDINGS: Mapping[str, Wording] = {
    "reset": Wording("Reset", _reset),
    "unlock-connector": Wording("UnlockConnector", _unlock_connector),
    "change-availability": Wording("ChangeAvailability", _change_availability),
    "trigger-message": Wording("TriggerMessage", _trigger_message),
    "get-configuration": Wording("GetConfiguration", _get_configuration, _status_of_configuration),
    "change-configuration": Wording("ChangeConfiguration", _change_configuration),
    "clear-cache": Wording("ClearCache", _clear_cache),
}
