"""OCPP 1.6J: one file per message of the charge point, and the table of them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from ocpp_backend.protocol import Command, Protocol
from ocpp_backend.schemas import load
from ocpp_backend.v16.authorize import authorize
from ocpp_backend.v16.boot_notification import boot_notification
from ocpp_backend.v16.data_transfer import data_transfer
from ocpp_backend.v16.diagnostics_status_notification import diagnostics_status_notification
from ocpp_backend.v16.firmware_status_notification import firmware_status_notification
from ocpp_backend.v16.heartbeat import heartbeat
from ocpp_backend.v16.meter_values import meter_values
from ocpp_backend.v16.security_event_notification import security_event_notification
from ocpp_backend.v16.start_transaction import start_transaction
from ocpp_backend.v16.status_notification import status_notification
from ocpp_backend.v16.stop_transaction import stop_transaction

HANDLERS = {
    "Authorize": authorize,
    "BootNotification": boot_notification,
    "DataTransfer": data_transfer,
    "DiagnosticsStatusNotification": diagnostics_status_notification,
    "FirmwareStatusNotification": firmware_status_notification,
    "Heartbeat": heartbeat,
    "MeterValues": meter_values,
    "SecurityEventNotification": security_event_notification,
    "StartTransaction": start_transaction,
    "StatusNotification": status_notification,
    "StopTransaction": stop_transaction,
}


def protocol() -> Protocol:
    return Protocol(
        subprotocol="ocpp1.6",
        schemas=load("v16"),
        handlers=HANDLERS,
        remote_start=_remote_start,
        remote_stop=_remote_stop,
    )


def _remote_start(transaction: Row[Any]) -> Command:
    payload = {"connectorId": transaction.connector_id, "idTag": transaction.id_tag}
    return Command("RemoteStartTransaction", payload)


def _remote_stop(transaction: Row[Any]) -> Command:
    return Command("RemoteStopTransaction", {"transactionId": transaction.transaction_id})
