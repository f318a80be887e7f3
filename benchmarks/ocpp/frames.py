"""What the load's charge points say: frames of prepared text, so that making one costs next to nothing."""

from __future__ import annotations

from dataclasses import dataclass

SUBPROTOCOLS = ("ocpp1.6", "ocpp2.0.1")
STEP_WH = 40


@dataclass(frozen=True)
class Script:
    """The frames of one station, with fields for the message id, the time and the register."""

    boot: bytes
    status: bytes
    start: bytes
    value: bytes

    def filled(self, frame: bytes, number: int, now: bytes) -> bytes:
        return frame % {b"id": number, b"now": now, b"wh": number * STEP_WH}


def script(subprotocol: str, name: str) -> Script:
    return _script_16() if subprotocol == "ocpp1.6" else _script_201(name)


def with_transaction(frame: bytes, transaction_id: int) -> bytes:
    """The frame of 1.6 that carries the transaction id which the central system gave."""
    return frame.replace(b"TRANSACTION", b"%d" % transaction_id)


def _script_16() -> Script:
    return Script(
        boot=b'[2,"%(id)d","BootNotification",{"chargePointVendor":"Bench","chargePointModel":"1"}]',
        status=b'[2,"%(id)d","StatusNotification",{"connectorId":1,"errorCode":"NoError",'
        b'"status":"Charging","timestamp":"%(now)b"}]',
        start=b'[2,"%(id)d","StartTransaction",{"connectorId":1,"idTag":"BENCH","meterStart":0,'
        b'"timestamp":"%(now)b"}]',
        value=b'[2,"%(id)d","MeterValues",{"connectorId":1,"transactionId":TRANSACTION,"meterValue":'
        b'[{"timestamp":"%(now)b","sampledValue":[{"value":"%(wh)d","context":"Sample.Periodic",'
        b'"measurand":"Energy.Active.Import.Register","unit":"Wh"},{"value":"50000",'
        b'"context":"Sample.Periodic","measurand":"Power.Active.Import","unit":"W"}]}]}]',
    )


def _script_201(name: str) -> Script:
    transaction = b'"transactionInfo":{"transactionId":"%b","chargingState":"Charging"}' % name[-36:].encode()
    return Script(
        boot=b'[2,"%(id)d","BootNotification",{"reason":"PowerUp","chargingStation":{"model":"1",'
        b'"vendorName":"Bench"}}]',
        status=b'[2,"%(id)d","StatusNotification",{"timestamp":"%(now)b","connectorStatus":"Occupied",'
        b'"evseId":1,"connectorId":1}]',
        start=b'[2,"%(id)d","TransactionEvent",{"eventType":"Started","timestamp":"%(now)b",'
        b'"triggerReason":"Authorized","seqNo":0,' + transaction + b',"evse":{"id":1,"connectorId":1},'
        b'"idToken":{"idToken":"BENCH","type":"ISO14443"},"meterValue":[{"timestamp":"%(now)b",'
        b'"sampledValue":[{"value":0,"measurand":"Energy.Active.Import.Register",'
        b'"context":"Transaction.Begin","unitOfMeasure":{"unit":"Wh"}}]}]}]',
        value=b'[2,"%(id)d","TransactionEvent",{"eventType":"Updated","timestamp":"%(now)b",'
        b'"triggerReason":"MeterValuePeriodic","seqNo":%(id)d,' + transaction + b',"meterValue":'
        b'[{"timestamp":"%(now)b","sampledValue":[{"value":%(wh)d,"context":"Sample.Periodic",'
        b'"measurand":"Energy.Active.Import.Register","unitOfMeasure":{"unit":"Wh"}},{"value":50000,'
        b'"context":"Sample.Periodic","measurand":"Power.Active.Import","unitOfMeasure":{"unit":"W"}}]}]}]',
    )
