"""The bodies of commands to charge points, the same for every version of OCPP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from ocpp_backend.bodies import Body, ConnectorId, Text

# 0 is the charge point as a whole.
_Anywhere = Annotated[int, Field(ge=0, le=1000)]
_Key = Annotated[Text, Field(min_length=1)]


def _capitalised(value: object) -> object:
    return value.capitalize() if isinstance(value, str) else value


class ResetBody(Body):
    """Soft ends transactions in order first, hard does not wait."""

    type: Annotated[Literal["Soft", "Hard"], BeforeValidator(_capitalised)] = "Soft"


class UnlockConnectorBody(Body):
    connector_id: ConnectorId


class ChangeAvailabilityBody(Body):
    connector_id: _Anywhere = 0
    operative: bool


class TriggerMessageBody(Body):
    """`message` is the action that the charge point is to send."""

    message: _Key
    connector_id: ConnectorId | None = None


class GetConfigurationBody(Body):
    """Keys of 2.0.1 are written Component.Variable."""

    keys: Annotated[tuple[_Key, ...], Field(max_length=200)] = ()


class ChangeConfigurationBody(Body):
    key: _Key
    value: Annotated[str, Field(max_length=1000)]


class ClearCacheBody(Body):
    """Nothing needs to be said."""


BODIES: Mapping[str, type[Body]] = {
    "reset": ResetBody,
    "unlock-connector": UnlockConnectorBody,
    "change-availability": ChangeAvailabilityBody,
    "trigger-message": TriggerMessageBody,
    "get-configuration": GetConfigurationBody,
    "change-configuration": ChangeConfigurationBody,
    "clear-cache": ClearCacheBody,
}
