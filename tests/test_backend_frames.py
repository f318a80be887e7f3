"""What charge points send that they should not, and who may connect."""

from __future__ import annotations

import json
from typing import Any

import pytest
from backend_support import Backend, ChargePoint, Receiver
from websockets.exceptions import ConnectionClosed, InvalidStatus

pytest_plugins = ["backend_fixtures"]

NOW = "2026-03-01T10:00:00Z"
START = {"connectorId": 1, "idTag": "CARD", "meterStart": 0, "timestamp": NOW}


def values(text: str) -> dict[str, Any]:
    return {"connectorId": 1, "meterValue": [{"timestamp": NOW, "sampledValue": [{"value": text}]}]}


@pytest.mark.parametrize(
    ("action", "payload", "code"),
    [
        ("Invented", {}, "NotImplemented"),
        ("RemoteStopTransaction", {"transactionId": 1}, "NotSupported"),
        ("Heartbeat", {"extra": 1}, "FormationViolation"),
        ("BootNotification", {"chargePointModel": "x"}, "OccurenceConstraintViolation"),
        ("Authorize", {"idTag": 5}, "TypeConstraintViolation"),
        ("Authorize", {"idTag": "x" * 21}, "PropertyConstraintViolation"),
        ("Authorize", {"idTag": "a\0b"}, "FormationViolation"),
        ("StartTransaction", START | {"meterStart": -1}, "PropertyConstraintViolation"),
        ("StartTransaction", START | {"meterStart": 2**53}, "PropertyConstraintViolation"),
        ("StartTransaction", START | {"meterStart": 2**70}, "TypeConstraintViolation"),
        ("StartTransaction", START | {"meterStart": 0.5}, "TypeConstraintViolation"),
        ("StartTransaction", START | {"timestamp": "yesterday"}, "PropertyConstraintViolation"),
        ("StartTransaction", START | {"connectorId": -1}, "PropertyConstraintViolation"),
        ("StartTransaction", START | {"connectorId": 0}, "PropertyConstraintViolation"),
        ("StatusNotification", {"connectorId": 1, "status": "Tired", "errorCode": "NoError"}, None),
        ("MeterValues", values("abc"), "PropertyConstraintViolation"),
        ("MeterValues", values("NaN"), "PropertyConstraintViolation"),
        ("MeterValues", values("1e30"), "PropertyConstraintViolation"),
        ("MeterValues", {"connectorId": 1, "meterValue": []}, "OccurenceConstraintViolation"),
    ],
)
def test_a_bad_payload_is_answered_with_the_fitting_error(
    station: ChargePoint, action: str, payload: dict[str, Any], code: str | None
) -> None:
    answer = station.ask(action, payload)
    assert answer[:3] == [4, "message", code or "PropertyConstraintViolation"]


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "{",
        "null",
        "[]",
        "[2]",
        '[2,"a"]',
        '[2,"a","Heartbeat"]',
        '[2,"a",{},{}]',
        '[2,"a",[],{}]',
        '[2,"a","Heartbeat",[]]',
        '[2,"a","Heartbeat",{},{}]',
        '[2,5,"Heartbeat",{}]',
        '[2,"' + "i" * 37 + '","Heartbeat",{}]',
        '[2,"a","Authorize",{"idTag":"\\ud800"}]',
        "[" * 3000,
        '[2,"a","Heartbeat",{"x":' + "[" * 2000 + "]" * 2000 + "}]",
        b"[2]",
        '[2,"a","DataTransfer",{"vendorId":"x","data":"' + "y" * 70_000 + '"}]',
    ],
)
def test_a_malformed_frame_is_answered_and_forgiven(station: ChargePoint, frame: str | bytes) -> None:
    station.send(frame)
    assert station.receive()[::2][:2] == [4, "FormationViolation"]
    assert "currentTime" in station.call("Heartbeat", {})


@pytest.mark.parametrize("frame", ["[3,1]", '[3,"x",{}]', '[4,"x","a","b",{}]', '[9,"x","y",{}]'])
def test_a_reply_that_nobody_asked_for_is_dropped(station: ChargePoint, frame: str) -> None:
    for _ in range(10):
        station.send(frame)
        if frame == "[3,1]":
            station.receive()
    assert "currentTime" in station.call("Heartbeat", {})


def test_a_whole_number_may_be_written_with_a_point(station: ChargePoint) -> None:
    assert station.ask("StartTransaction", START | {"meterStart": 100.0})[0] == 3


def test_a_time_without_an_offset_is_utc(station: ChargePoint, receiver: Receiver) -> None:
    station.call("StartTransaction", START | {"timestamp": "2026-03-01T10:00:00"})
    assert receiver.wait_for("session_started")[0]["timestamp"] == "2026-03-01T10:00:00.000Z"


def test_signed_values_are_no_numbers_and_no_fault(station: ChargePoint) -> None:
    assert station.ask("MeterValues", values("OCMF|" + "x" * 1200))[0] == 3


def test_a_vendors_extension_is_declined(station: ChargePoint) -> None:
    assert station.call("DataTransfer", {"vendorId": "x"}) == {"status": "UnknownVendorId"}


def test_twenty_bad_frames_a_minute_are_forgiven(station: ChargePoint) -> None:
    for _ in range(20):
        station.send("{")
        station.receive()
    assert "currentTime" in station.call("Heartbeat", {})


def test_one_more_bad_frame_closes_the_connection(station: ChargePoint) -> None:
    with pytest.raises(ConnectionClosed) as closed:
        for _ in range(22):
            station.send("{")
            station.receive()
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1008


def test_message_ids_may_repeat(station: ChargePoint) -> None:
    answers = [station.ask("Heartbeat", {})[1] for _ in range(3)]
    assert answers == ["message"] * 3


def test_frames_sent_at_once_are_answered_in_order(station: ChargePoint) -> None:
    for number in range(12):
        station.send(json.dumps([2, str(number), "Heartbeat", {}]))
    assert [station.receive()[1] for _ in range(12)] == [str(number) for number in range(12)]


def test_an_unknown_station_is_not_let_in(backend: Backend) -> None:
    with pytest.raises(InvalidStatus) as refused:
        backend.charge_point("NOBODY")
    assert refused.value.response.status_code == 404


@pytest.mark.parametrize("offered", [[], ["ocpp1.5"]])
def test_without_a_common_subprotocol_nobody_is_let_in(backend: Backend, offered: list[str]) -> None:
    backend.sync()
    with pytest.raises(InvalidStatus) as refused:
        backend.charge_point(subprotocols=offered)
    assert refused.value.response.status_code == 400


def test_a_refusal_is_logged_with_its_reason(backend: Backend, caplog: pytest.LogCaptureFixture) -> None:
    backend.sync()
    with pytest.raises(InvalidStatus):
        backend.charge_point(subprotocols=["ocpp1.6j"])
    assert "ocpp1.6j" in caplog.text


def test_of_the_subprotocols_offered_ours_is_taken(backend: Backend) -> None:
    backend.sync()
    with backend.charge_point(subprotocols=["ocpp2.1", "ocpp1.6"]) as charge_point:
        assert charge_point.socket.subprotocol == "ocpp1.6"


def test_a_newer_connection_replaces_the_older(backend: Backend, station: ChargePoint) -> None:
    with backend.charge_point(), pytest.raises(ConnectionClosed):
        station.receive()


def test_the_end_of_an_older_connection_does_not_end_the_newer(
    backend: Backend, station: ChargePoint
) -> None:
    with backend.charge_point() as newer:
        with pytest.raises(ConnectionClosed):
            station.receive()
        newer.call("Heartbeat", {})
        assert backend.http.get("/healthz").json()["stations_connected"] == 1


def test_a_stopping_backend_says_goodbye(backend: Backend, station: ChargePoint) -> None:
    backend.stop()
    with pytest.raises(ConnectionClosed) as closed:
        station.receive()
    backend.start()
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1001
