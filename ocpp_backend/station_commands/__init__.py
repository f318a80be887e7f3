"""Commands of an operator to a charge point, each told in the words of its version of OCPP.

A command is a body in `bodies.py` and an entry in the table of each version.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection as Database

from ocpp_backend import evses, stations
from ocpp_backend.bodies import Body
from ocpp_backend.connection import Connection
from ocpp_backend.failures import CallError, CallTimeout, Failure
from ocpp_backend.hub import Hub
from ocpp_backend.masking import masked
from ocpp_backend.protocol import Command
from ocpp_backend.station_commands import v16, v201
from ocpp_backend.station_commands.bodies import BODIES
from ocpp_backend.station_commands.wording import Place, Wording
from ocpp_backend.store import Store

_log = logging.getLogger(__name__)

WORDINGS: Mapping[str, Mapping[str, Wording]] = {"ocpp1.6": v16.WORDINGS, "ocpp2.0.1": v201.WORDINGS}


@dataclass(frozen=True)
class StationCommands:
    store: Store
    hub: Hub

    async def send(self, station_id: str, name: str, body: Body) -> dict[str, Any]:
        """`status` and the whole `answer` of the charge point, whatever it is. Raises `Failure`."""
        number = getattr(body, "connector_id", None) or 0
        place = await self.store.read(lambda db: _find(db, station_id, number))
        connection = self.hub.get(station_id)
        if connection is None:
            raise Failure(503, "charge_point_not_connected", "The charge point is not connected.")
        wording = WORDINGS[connection.protocol.subprotocol][name]
        command = wording.command(body, place)
        _check_sayable(connection, command)
        answer = await _ask(connection, command)
        status = wording.status(answer)
        _log.info("%s answered %s with %s", station_id, command.action, status)
        return {"status": status, "answer": masked(answer)}


def body_of(name: str) -> type[Body]:
    """What the body of a command must be. Raises `Failure` 404."""
    if name not in BODIES:
        known = ", ".join(BODIES)
        raise Failure(404, "command_not_found", f"There is no command {name[:50]}; there are {known}.")
    return BODIES[name]


def _find(db: Database, station_id: str, number: int) -> Place | None:
    """The connector of this number; None is the charge point as a whole. Raises `Failure` 404."""
    if stations.find(db, station_id) is None:
        raise Failure(404, "station_not_found", f"There is no station {station_id[:255]}.")
    if number == 0:
        return None
    if stations.connector(db, station_id, number) is None:
        raise Failure(404, "connector_not_found", f"Station {station_id} has no connector {number}.")
    return Place(number, *evses.place_of(db, station_id, number))


def _check_sayable(connection: Connection, command: Command) -> None:
    protocol = connection.protocol
    try:
        protocol.schemas.check_request(command.action, command.payload)
    except CallError as error:
        sentence = f"{protocol.subprotocol} cannot say this in {command.action}: {error.description}."
        raise Failure(422, "invalid_field", sentence) from error


async def _ask(connection: Connection, command: Command) -> dict[str, Any]:
    try:
        return await connection.call(command)
    except CallTimeout as error:
        sentence = f"The charge point did not answer {command.action}: {error.description}."
        raise Failure(504, "charge_point_timeout", sentence) from error
    except CallError as error:
        sentence = f"The charge point cannot do {command.action}: {error}."
        raise Failure(409, "charge_point_error", sentence, ocpp_error=error.code[:50]) from error
