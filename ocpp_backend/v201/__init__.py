"""OCPP 2.0.1: one file per message of the charge point, and the table of them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from ocpp_backend.protocol import Command, Protocol
from ocpp_backend.schemas import load
from ocpp_backend.v201.authorize import authorize
from ocpp_backend.v201.boot_notification import boot_notification
from ocpp_backend.v201.data_transfer import data_transfer
from ocpp_backend.v201.firmware_status_notification import firmware_status_notification
from ocpp_backend.v201.heartbeat import heartbeat
from ocpp_backend.v201.log_status_notification import log_status_notification
from ocpp_backend.v201.meter_values import meter_values
from ocpp_backend.v201.notify_event import notify_event
from ocpp_backend.v201.notify_report import notify_report
from ocpp_backend.v201.security_event_notification import security_event_notification
from ocpp_backend.v201.status_notification import status_notification
from ocpp_backend.v201.transaction_event import transaction_event

HANDLERS = {
    "Authorize": authorize,
    "BootNotification": boot_notification,
    "DataTransfer": data_transfer,
    "FirmwareStatusNotification": firmware_status_notification,
    "Heartbeat": heartbeat,
    "LogStatusNotification": log_status_notification,
    "MeterValues": meter_values,
    "NotifyEvent": notify_event,
    "NotifyReport": notify_report,
    "SecurityEventNotification": security_event_notification,
    "StatusNotification": status_notification,
    "TransactionEvent": transaction_event,
}


def protocol() -> Protocol:
    return Protocol(
        subprotocol="ocpp2.0.1",
        schemas=load("v201"),
        handlers=HANDLERS,
        remote_start=_remote_start,
        remote_stop=_remote_stop,
    )


def _remote_start(transaction: Row[Any]) -> Command:
    # By the remoteStartId, or else by the token, the charge point's transaction will be known.
    payload = {
        "remoteStartId": transaction.transaction_id,
        "idToken": {"idToken": transaction.id_tag, "type": "Central"},
        "evseId": transaction.evse_id or transaction.connector_id,
    }
    return Command("RequestStartTransaction", payload)


def _remote_stop(transaction: Row[Any]) -> Command:
    # One that began under OCPP 1.6, before an update of the firmware, has only our number.
    known_as = transaction.ocpp_id or str(transaction.transaction_id)
    return Command("RequestStopTransaction", {"transactionId": known_as})
