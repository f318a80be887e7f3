"""Who is online, since when, and how stations and connectors are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from backend_support import Backend, ChargePoint, Receiver, eventually

from ocpp_backend.presence import Presence
from ocpp_backend.stations import station_status

pytest_plugins = ["backend_fixtures"]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LIMIT = timedelta(seconds=180)


def offline(receiver: Receiver) -> list[dict[str, Any]]:
    return [event for event in receiver.of_type("station_status") if not event["data"]["is_online"]]


def online(receiver: Receiver) -> list[dict[str, Any]]:
    return [event for event in receiver.of_type("station_status") if event["data"]["is_online"]]


def test_a_boot_is_answered_with_the_time_and_the_interval(station: ChargePoint) -> None:
    answer = station.boot()
    assert (answer["status"], answer["interval"]) == ("Accepted", 60)


@pytest.mark.usefixtures("station")
def test_a_boot_tells_of_the_hardware(receiver: Receiver) -> None:
    receiver.wait_for("connector_status")
    data = receiver.of_type("station_status")[-1]["data"]
    assert (data["vendor"], data["model"], data["is_online"]) == ("ABB", "Terra", True)


def test_silence_is_offline_since_the_last_message(
    backend: Backend, station: ChargePoint, receiver: Receiver
) -> None:
    station.call("Heartbeat", {})
    before = backend.clock()
    backend.clock.advance(181)
    (event,) = eventually(lambda: offline(receiver))
    assert before - timedelta(seconds=2) < datetime.fromisoformat(event["timestamp"]) <= before
    assert event["data"]["last_heartbeat"] == event["timestamp"]


def test_a_station_that_speaks_again_is_online(
    backend: Backend, station: ChargePoint, receiver: Receiver
) -> None:
    backend.clock.advance(181)
    eventually(lambda: offline(receiver))
    known = len(online(receiver))
    station.call("Authorize", {"idTag": "CARD"})
    assert eventually(lambda: len(online(receiver)) > known)


def test_a_short_gap_of_the_socket_is_no_outage(
    backend: Backend, station: ChargePoint, receiver: Receiver
) -> None:
    station.socket.close()
    backend.clock.advance(100)
    with backend.charge_point() as charge_point:
        charge_point.status("Charging")
        backend.clock.advance(100)
        charge_point.status("Finishing")
        receiver.wait_for("connector_status", 3)
    assert offline(receiver) == []


@pytest.mark.usefixtures("station")
def test_a_station_that_does_not_come_back_after_a_restart_is_offline(
    backend: Backend, receiver: Receiver
) -> None:
    backend.restart()
    backend.clock.advance(181)
    assert eventually(lambda: offline(receiver))[0]["station_id"] == "ST1"


@pytest.mark.usefixtures("station")
def test_a_station_that_comes_back_after_a_long_restart_was_never_offline(
    backend: Backend, receiver: Receiver
) -> None:
    backend.stop()
    backend.clock.advance(1000)
    backend.start()
    with backend.charge_point() as charge_point:
        charge_point.status("Charging")
        receiver.wait_for("connector_status", 2)
    assert offline(receiver) == []


def test_heartbeats_are_told_once_a_minute(
    backend: Backend, station: ChargePoint, receiver: Receiver
) -> None:
    known = len(eventually(lambda: len(found := online(receiver)) >= 2 and found))
    for _ in range(5):
        station.call("Heartbeat", {})
    backend.clock.advance(61)
    station.call("Heartbeat", {})
    station.status("Charging")
    receiver.wait_for("connector_status", 2)
    assert len(online(receiver)) == known + 2


def test_a_status_is_told_with_its_own_time_and_words(station: ChargePoint, receiver: Receiver) -> None:
    more: dict[str, Any] = {
        "errorCode": "GroundFailure",
        "info": "i",
        "vendorId": "v",
        "vendorErrorCode": "CX002",
    }
    station.status("Faulted", at=NOON, **more)
    event = receiver.wait_for("connector_status", 2)[1]
    assert event["timestamp"] == "2026-03-01T12:00:00.000Z"
    assert event["data"] == {
        "connector_id": 1,
        "status": "faulted",
        "error_code": "GroundFailure",
        "info": "i",
        "vendor_id": "v",
        "vendor_error_code": "CX002",
    }


def test_a_status_from_before_does_not_replace_a_newer_one(backend: Backend, station: ChargePoint) -> None:
    station.status("Faulted", at=NOON)
    (listed,) = backend.http.get("/api/locator/stations/").json()
    assert listed["connectors"][0]["status"] == "available"


def test_who_is_there_is_told_with_when_each_was_last_heard(backend: Backend, station: ChargePoint) -> None:
    station.call("Heartbeat", {})
    heard = backend.clock()
    told = backend.http.get("/api/locator/presence/").json()["stations"]
    (one,) = told.values()
    assert (one["online"], abs(datetime.fromisoformat(one["last_seen"]) - heard) < timedelta(seconds=2)) == (
        True,
        True,
    )
    backend.clock.advance(181)

    def is_gone() -> bool:
        (now,) = backend.http.get("/api/locator/presence/").json()["stations"].values()
        return not now["online"] and now["last_seen"] == one["last_seen"]

    assert eventually(is_gone)


def test_the_charge_point_as_a_whole_is_no_connector(station: ChargePoint, receiver: Receiver) -> None:
    station.status("Unavailable", connector_id=0)
    station.status("Charging")
    receiver.wait_for("connector_status", 2)
    assert receiver.of_type("station_status")[-1]["data"]["status"] == "unavailable"
    assert {event["data"]["connector_id"] for event in receiver.of_type("connector_status")} == {1}


@pytest.mark.parametrize(
    ("own", "connectors", "expected"),
    [
        (None, [], "available"),
        (None, ["charging", "available"], "available"),
        (None, ["charging", "faulted"], "occupied"),
        (None, ["unavailable", "faulted"], "unavailable"),
        (None, ["faulted"], "faulted"),
        ("faulted", ["available"], "faulted"),
    ],
)
def test_a_station_is_as_good_as_its_best_connector(
    own: str | None, connectors: list[str], expected: str
) -> None:
    assert station_status(own, connectors) == expected


def test_who_was_heard_is_not_silent() -> None:
    presence = Presence()
    presence.heard("ST1", NOON)
    assert presence.take_silent(NOON + LIMIT - timedelta(seconds=1), LIMIT) == {}


def test_silence_is_reported_once() -> None:
    presence = Presence()
    presence.heard("ST1", NOON)
    reports = [presence.take_silent(NOON + LIMIT, LIMIT) for _ in range(2)]
    assert reports == [{"ST1": NOON}, {}]
