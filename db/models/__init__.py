"""The tables of the store, each in the module of its subject."""

from __future__ import annotations

from db.models.access import ApiToken, SignIn, SignInFailure, User
from db.models.base import Base, utc_now
from db.models.exclusions import OutageExclusion
from db.models.ocpp import ConnectorStatusInterval, OCPPConnector, OCPPLog, OCPPStation
from db.models.operations import Command, JobRun, Rollup, WebhookEvent
from db.models.platform import ChargingConnector, ChargingStation, StationOwner, Tariff
from db.models.sessions import ChargingSession, SessionMeterValue

__all__ = [
    "ApiToken",
    "Base",
    "ChargingConnector",
    "ChargingSession",
    "ChargingStation",
    "Command",
    "ConnectorStatusInterval",
    "JobRun",
    "OCPPConnector",
    "OCPPLog",
    "OCPPStation",
    "OutageExclusion",
    "Rollup",
    "SessionMeterValue",
    "SignIn",
    "SignInFailure",
    "StationOwner",
    "Tariff",
    "User",
    "WebhookEvent",
    "utc_now",
]
