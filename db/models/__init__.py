"""The tables of the store, each in the module of its subject."""

from __future__ import annotations

from db.models.access import ApiToken, AuditEntry, SignIn, SignInFailure, User
from db.models.base import Base, utc_now
from db.models.billing import BillingFinding, Receipt, ReceiptNumber, Statement, StatementLine
from db.models.exclusions import OutageExclusion
from db.models.ocpp import ConnectorStatusInterval, OCPPConnector, OCPPLog, OCPPStation
from db.models.operations import (
    BackendState,
    Command,
    HourProfile,
    JobPosition,
    JobRun,
    JobSchedule,
    RequestCount,
    Rollup,
    WebhookEvent,
)
from db.models.payments import ConnectorToken, Payment, PaymentMovement, SandboxPayment
from db.models.platform import ChargingConnector, ChargingStation, StationOwner, Tariff, TariffAssignment
from db.models.sessions import ChargingSession, PackedColumn, SessionDecision, SessionMeterValue

__all__ = [
    "ApiToken",
    "AuditEntry",
    "BackendState",
    "Base",
    "BillingFinding",
    "ChargingConnector",
    "ChargingSession",
    "ChargingStation",
    "Command",
    "ConnectorStatusInterval",
    "ConnectorToken",
    "HourProfile",
    "JobPosition",
    "JobRun",
    "JobSchedule",
    "OCPPConnector",
    "OCPPLog",
    "OCPPStation",
    "OutageExclusion",
    "PackedColumn",
    "Payment",
    "PaymentMovement",
    "Receipt",
    "ReceiptNumber",
    "RequestCount",
    "Rollup",
    "SandboxPayment",
    "SessionDecision",
    "SessionMeterValue",
    "SignIn",
    "SignInFailure",
    "Statement",
    "StatementLine",
    "StationOwner",
    "Tariff",
    "TariffAssignment",
    "User",
    "WebhookEvent",
    "utc_now",
]
