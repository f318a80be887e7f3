"""The commands in OCPP 2.0.1."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ocpp_backend.failures import Failure
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

_RESETS = {"Soft": "OnIdle", "Hard": "Immediate"}


def _reset(body: ResetBody, _place: Place | None) -> dict[str, Any]:
    return {"type": _RESETS[body.type]}


def _unlock_connector(_body: UnlockConnectorBody, place: Place | None) -> dict[str, Any]:
    assert place is not None  # noqa: S101 - the body names a connector
    return {"evseId": place.evse_id, "connectorId": place.evse_connector_id}


def _change_availability(body: ChangeAvailabilityBody, place: Place | None) -> dict[str, Any]:
    where = {} if place is None else {"evse": {"id": place.evse_id, "connectorId": place.evse_connector_id}}
    return {"operationalStatus": "Operative" if body.operative else "Inoperative", **where}


def _trigger_message(body: TriggerMessageBody, place: Place | None) -> dict[str, Any]:
    if place is None:
        return {"requestedMessage": body.message}
    evse = {"id": place.evse_id}
    # The status is that of a connector, everything else that of the EVSE.
    if body.message == "StatusNotification":
        evse["connectorId"] = place.evse_connector_id
    return {"requestedMessage": body.message, "evse": evse}


def _get_variables(body: GetConfigurationBody, _place: Place | None) -> dict[str, Any]:
    if not body.keys:
        raise Failure(422, "invalid_field", "keys: OCPP 2.0.1 needs at least one key.", field="keys")
    return {"getVariableData": [_variable(key) for key in body.keys]}


def _status_of_variables(answer: dict[str, Any]) -> str:
    return _worst(result["attributeStatus"] for result in answer["getVariableResult"])


def _set_variables(body: ChangeConfigurationBody, _place: Place | None) -> dict[str, Any]:
    return {"setVariableData": [{**_variable(body.key), "attributeValue": body.value}]}


def _status_of_setting(answer: dict[str, Any]) -> str:
    return _worst(result["attributeStatus"] for result in answer["setVariableResult"])


def _clear_cache(_body: ClearCacheBody, _place: Place | None) -> dict[str, Any]:
    return {}


def _variable(key: str) -> dict[str, Any]:
    component, dot, variable = key.partition(".")
    if not (component and dot and variable):
        sentence = f"{key}: a key of OCPP 2.0.1 is written Component.Variable."
        raise Failure(422, "invalid_field", sentence, field="key")
    return {"component": {"name": component}, "variable": {"name": variable}}


def _worst(statuses: Iterable[str]) -> str:
    """Accepted only where everything is."""
    return next((status for status in statuses if status != "Accepted"), "Accepted")


WORDINGS: Mapping[str, Wording] = {
    "reset": Wording("Reset", _reset),
    "unlock-connector": Wording("UnlockConnector", _unlock_connector),
    "change-availability": Wording("ChangeAvailability", _change_availability),
    "trigger-message": Wording("TriggerMessage", _trigger_message),
    "get-configuration": Wording("GetVariables", _get_variables, _status_of_variables),
    "change-configuration": Wording("SetVariables", _set_variables, _status_of_setting),
    "clear-cache": Wording("ClearCache", _clear_cache),
}
