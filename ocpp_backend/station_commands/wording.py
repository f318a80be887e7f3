"""How one version of OCPP says a command, and reads its answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ocpp_backend.protocol import Command


def own_status(answer: dict[str, Any]) -> str:
    """The status that most answers carry."""
    return str(answer["status"])


@dataclass(frozen=True)
class Place:
    """A connector: its one number, and the two by which OCPP 2.0.1 knows it."""

    number: int
    evse_id: int
    evse_connector_id: int


# Of a command's body and, unless it is for the charge point as a whole, the connector it is for.
Payload = Callable[[Any, Place | None], dict[str, Any]]


@dataclass(frozen=True)
class Wording:
    action: str
    payload: Payload
    status: Callable[[dict[str, Any]], str] = own_status

    def command(self, body: Any, place: Place | None) -> Command:
        return Command(self.action, self.payload(body, place))
