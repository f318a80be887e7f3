"""The outbox: everything arrives, once per event id, in order per station, signed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import requests
from backend_support import KEY, SECRET, Backend, ChargePoint, Receiver, eventually

from ocpp_integration import events

pytest_plugins = ["backend_fixtures"]
ROOT = Path(__file__).resolve().parent.parent


def empty(backend: Backend) -> bool:
    return bool(backend.http.get("/healthz").json()["outbox"] == 0)


def numbers_by_station(taken: list[dict[str, Any]]) -> dict[str, list[int]]:
    """The connector statuses that carry a number in `info`, in order of arrival, each event once."""
    numbers: dict[str, list[int]] = defaultdict(list)
    seen = set()
    for event in taken:
        if event["type"] == "connector_status" and event["data"]["info"] and event["event_id"] not in seen:
            seen.add(event["event_id"])
            numbers[event["station_id"]].append(int(event["data"]["info"]))
    return numbers


@pytest.mark.usefixtures("station")
def test_a_webhook_is_signed(receiver: Receiver) -> None:
    receiver.wait_for("connector_status")
    for headers, body in receiver.raw:
        events.verify([SECRET], headers, body)


def test_a_webhook_is_what_the_receiver_expects(station: ChargePoint, receiver: Receiver) -> None:
    transaction_id = station.begin()["transactionId"]
    station.measure(transaction_id, register="120001 Wh", power="22000 W", soc="40 Percent")
    station.end(transaction_id, 121_000)
    station.status("Faulted", connector_id=0)
    receiver.wait_for("session_stopped")
    eventually(lambda: len(receiver.of_type("station_status")) >= 3)
    kinds = {events.parse(body).type for _, body in receiver.raw}
    assert kinds == set(events.PAYLOADS)


@pytest.mark.usefixtures("station")
def test_the_header_and_the_body_carry_the_same_event_id(receiver: Receiver) -> None:
    receiver.wait_for("connector_status")
    assert all(headers["webhook-id"] == events.parse(body).event_id for headers, body in receiver.raw)


@pytest.mark.parametrize("status", [500, 503, 429, 408, 401, 404, 302])
def test_a_webhook_is_repeated_until_it_is_taken(backend: Backend, receiver: Receiver, status: int) -> None:
    answers = iter([status])
    receiver.answer = lambda _event: next(answers, 200)
    backend.sync()
    with backend.charge_point() as charge_point:
        charge_point.status("Available")
        receiver.wait_for("connector_status")
    assert receiver.raw[0][1] == receiver.raw[1][1]


def test_order_is_kept_over_a_failure(backend: Backend, receiver: Receiver) -> None:
    failures = iter([500, 200, 200, 500])
    receiver.answer = lambda _event: next(failures, 200)
    backend.sync()
    with backend.charge_point() as charge_point:
        for number in range(10):
            charge_point.status("Available", info=str(number))
        eventually(lambda: len(numbers_by_station(receiver.taken)["ST1"]) == 10)
    assert numbers_by_station(receiver.taken)["ST1"] == list(range(10))


def test_a_station_that_waits_does_not_hold_up_another(backend: Backend, receiver: Receiver) -> None:
    receiver.answer = lambda event: 500 if event["station_id"] == "ST1" else 200
    backend.sync("ST1")
    backend.sync("ST2")
    with backend.charge_point("ST1"), backend.charge_point("ST2") as other:
        other.status("Available")
        assert receiver.wait_for("connector_status")[0]["station_id"] == "ST2"


def test_an_event_that_is_refused_for_good_is_put_aside(
    backend: Backend, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ocpp_backend.sender.TRIES_OF_A_REFUSED_EVENT", 2)
    receiver.answer = lambda event: 422 if event["type"] == "station_status" else 200
    backend.sync()
    with backend.charge_point() as charge_point:
        charge_point.status("Available")
        receiver.wait_for("connector_status")
    assert backend.http.get("/healthz").json()["outbox_refused"] == 1


def test_what_a_receiver_missed_while_down_comes_later_in_order(
    backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    backend.settings.ocpp_webhook_url = f"http://127.0.0.1:{port}/"
    backend.restart()
    names = [f"ST{n}" for n in range(5)]
    for name in names:
        backend.sync(name)
        with backend.charge_point(name) as charge_point:
            for number in range(20):
                charge_point.status("Available", info=str(number))
    assert backend.http.get("/healthz").json()["oldest_undelivered_seconds"] > 0
    receiver = Receiver(port)
    try:
        eventually(lambda: empty(backend))
        assert numbers_by_station(receiver.taken) == {name: list(range(20)) for name in names}
        assert caplog.text.count("the receiver is not reached") == 1
    finally:
        receiver.close()


def test_a_restart_delivers_what_was_left(backend: Backend, receiver: Receiver) -> None:
    receiver.answer = lambda _event: 500
    backend.sync()
    with backend.charge_point() as charge_point:
        charge_point.status("Available", info="7")
    backend.stop()
    receiver.answer = lambda _event: 200
    backend.start()
    eventually(lambda: empty(backend))
    assert numbers_by_station(receiver.taken)["ST1"] == [7]


def test_what_was_answered_survives_a_kill(tmp_path: Path) -> None:
    receiver = Receiver()
    receiver.answer = lambda _event: 500
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    environment = {
        **os.environ,
        "OCPP_BACKEND_PORT": str(port),
        "OCPP_BACKEND_DATABASE_URL": f"sqlite:///{tmp_path / 'backend.db'}",
        "OCPP_WEBHOOK_URL": receiver.url,
        "OCPP_API_KEY": KEY,
        "OCPP_REQUIRE_STATION_KEYS": "false",
        "WEBHOOK_SECRET": SECRET,
    }

    def launch() -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, "-m", "ocpp_backend"], cwd=ROOT, env=environment)
        eventually(lambda: healthy(port))
        return process

    process = launch()
    try:
        body = {"station_id": "ST1", "connectors": [{"connector_id": 1}]}
        url = f"http://127.0.0.1:{port}/api/locator/sync-station/"
        key = {"Authorization": f"Bearer {KEY}"}
        requests.post(url, json=body, headers=key, timeout=20).raise_for_status()
        charge_point = ChargePoint(port, "ST1")
        for number in range(50):
            charge_point.status("Available", info=str(number))
        process.send_signal(signal.SIGKILL)
        process.wait()
        charge_point.socket.close()
        receiver.answer = lambda _event: 200
        process = launch()
        eventually(lambda: len(numbers_by_station(receiver.taken)["ST1"]) == 50)
        assert numbers_by_station(receiver.taken)["ST1"] == list(range(50))
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        receiver.close()


def healthy(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5).status_code == 200
    except requests.ConnectionError:
        return False
