"""What a version of OCPP brings to a connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row

from ocpp_backend.failures import CallError
from ocpp_backend.schemas import Schemas


class Request(NamedTuple):
    """A valid CALL of a charge point. `heartbeat_interval` is what we ask of it, in seconds."""

    station_id: str
    payload: dict[str, Any]
    received_at: datetime
    heartbeat_interval: int


# Runs in a unit of work, so that its answer leaves only once what it changed is committed. It cannot wait
# for the charge point: a charge point may send its own CALLs before it answers ours.
Handler = Callable[[Connection, Request], dict[str, Any]]


@dataclass(frozen=True)
class Command:
    """A CALL of ours."""

    action: str
    payload: dict[str, Any]


@dataclass(frozen=True)
class Protocol:
    """One version: its handlers by action, its schemas, and its words for our commands."""

    subprotocol: str
    schemas: Schemas
    handlers: Mapping[str, Handler]
    # The commands that start and stop a transaction; each is answered with a `status`.
    remote_start: Callable[[Row[Any]], Command]
    remote_stop: Callable[[Row[Any]], Command]

    def handler(self, action: str) -> Handler:
        """Raises `CallError`: NotImplemented for an action unknown to OCPP, NotSupported for one to us."""
        if action in self.handlers:
            return self.handlers[action]
        if action in self.schemas.requests:
            raise CallError("NotSupported", f"{action} is not supported")
        raise CallError("NotImplemented", f"{action[:50]} is no action of {self.subprotocol}")
