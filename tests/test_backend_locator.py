"""The locator API: what it promises to the platform."""

from __future__ import annotations

import sqlite3
from concurrent.futures import wait
from pathlib import Path
from typing import Any

import pytest
import requests
from backend_support import Backend, ChargePoint, Receiver, begin_remotely, meanwhile

pytest_plugins = ["backend_fixtures"]


def code_of(answer: requests.Response) -> tuple[int, str]:
    body = answer.json()
    assert body["error"]
    return answer.status_code, body["code"]


def test_sync_answers_with_the_address_to_connect_to(backend: Backend) -> None:
    assert backend.sync("ST1")["ocpp_websocket"] == f"{backend.settings.ocpp_websocket_url}ST1"


def test_sync_counts_connectors(backend: Backend) -> None:
    assert backend.sync(connectors=3)["connectors_count"] == 3


def test_sync_sent_again_duplicates_nothing(backend: Backend) -> None:
    backend.sync()
    again = backend.sync()
    assert (again["connectors_created"], again["connectors_updated"]) == (0, 2)


def test_numbers_may_be_decimal_strings(backend: Backend) -> None:
    body = {
        "station_id": "ST1",
        "latitude": "9.0054",
        "longitude": "38.7636",
        "connectors": [{"connector_id": "1", "connector_type": "ccs2", "max_power": "60.0"}],
    }
    assert backend.http.post("/api/locator/sync-station/", json=body).status_code == 200


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"station_id": ""}, "station_id"),
        ({"station_id": "a/b"}, "station_id"),
        ({"latitude": 91}, "latitude"),
        ({"latitude": "NaN"}, "latitude"),
        ({"name": "a\0b"}, "name"),
        ({"connectors": [{"connector_id": 0}]}, "connectors.0.connector_id"),
        ({"connectors": [{"connector_id": 1, "max_power": -1}]}, "connectors.0.max_power"),
        ({"connectors": [{"connector_id": 1, "price_per_kwh": "1e999"}]}, "connectors.0.price_per_kwh"),
    ],
)
def test_a_bad_field_is_named(backend: Backend, change: dict[str, Any], field: str) -> None:
    answer = backend.http.post("/api/locator/sync-station/", json={"station_id": "ST1"} | change)
    assert (answer.status_code, answer.json()["field"]) == (422, field)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"\\ud800"', b"[" * 5000, b"\xff"])
def test_a_body_that_is_no_json_object_is_refused(backend: Backend, body: bytes) -> None:
    assert backend.http.post("/api/locator/sync-station/", data=body).status_code == 422


def test_a_huge_body_is_refused(backend: Backend) -> None:
    answer = backend.http.post("/api/locator/sync-station/", data=b" " * 300_000)
    assert code_of(answer) == (413, "body_too_large")


@pytest.mark.parametrize("header", [None, "Bearer wrong", "locator-key", "Bearer \u00e9"])
def test_without_the_key_nothing_is_answered(backend: Backend, header: str | None) -> None:
    headers = {"Authorization": header} if header else {}
    url = f"http://127.0.0.1:{backend.port}/api/locator/stations/"
    assert code_of(requests.get(url, headers=headers, timeout=20)) == (401, "unauthorized")


def test_health_needs_no_key(backend: Backend) -> None:
    assert requests.get(f"http://127.0.0.1:{backend.port}/healthz", timeout=20).json()["status"] == "ok"


def test_an_unknown_address_answers_in_json(backend: Backend) -> None:
    assert code_of(backend.http.get("/api/locator/nothing/")) == (404, "not_found")


def test_starting_at_an_unknown_station_is_not_found(backend: Backend) -> None:
    assert code_of(backend.initiate()) == (404, "station_not_found")


@pytest.mark.usefixtures("station")
def test_starting_at_an_unknown_connector_is_not_found(backend: Backend) -> None:
    assert code_of(backend.initiate(connector_id=9)) == (404, "connector_not_found")


@pytest.mark.usefixtures("station")
def test_a_connector_that_the_platform_removed_is_not_found(backend: Backend) -> None:
    backend.sync(connectors=1)
    assert code_of(backend.initiate(connector_id=2)) == (404, "connector_not_found")


def test_starting_at_a_station_that_is_not_connected_is_unavailable(backend: Backend) -> None:
    backend.sync()
    assert code_of(backend.initiate()) == (503, "charge_point_not_connected")


@pytest.mark.parametrize("status", ["Faulted", "Unavailable"])
def test_a_connector_out_of_order_is_not_started(backend: Backend, station: ChargePoint, status: str) -> None:
    station.status(status)
    assert code_of(backend.initiate()) == (409, "connector_unavailable")


def test_starting_on_a_busy_connector_is_a_conflict(backend: Backend, station: ChargePoint) -> None:
    begin_remotely(backend, station)
    assert code_of(backend.initiate()) == (409, "connector_busy")


def test_of_starts_at_once_one_reaches_the_charge_point(backend: Backend, station: ChargePoint) -> None:
    asked = [meanwhile(backend.initiate) for _ in range(5)]
    station.answer_command()
    wait(asked)
    assert sorted(future.result().status_code for future in asked) == [200, 409, 409, 409, 409]


def test_a_start_names_its_transaction(backend: Backend, station: ChargePoint) -> None:
    asked = meanwhile(backend.initiate)
    id_tag = station.answer_command()[3]["idTag"]
    transaction = asked.result().json()["transaction"]
    assert transaction["id_tag"] == id_tag
    assert len(id_tag) <= 20
    assert {"transaction_id", "status", "start_time"} <= transaction.keys()


def test_a_start_that_the_charge_point_rejects_is_a_conflict(backend: Backend, station: ChargePoint) -> None:
    asked = meanwhile(backend.initiate)
    station.answer_command("Rejected")
    assert code_of(asked.result()) == (409, "charge_point_rejected")


def test_a_rejected_start_leaves_the_connector_free(backend: Backend, station: ChargePoint) -> None:
    asked = meanwhile(backend.initiate)
    station.answer_command("Rejected")
    asked.result()
    begin_remotely(backend, station)


def test_a_callerror_to_a_start_is_a_rejection(backend: Backend, station: ChargePoint) -> None:
    asked = meanwhile(backend.initiate)
    command = station.receive()
    station.send([4, command[1], "InternalError", "", {}])
    assert code_of(asked.result()) == (409, "charge_point_rejected")


def test_a_charge_point_that_leaves_without_an_answer_is_a_timeout(
    backend: Backend, station: ChargePoint
) -> None:
    asked = meanwhile(backend.initiate)
    station.receive()
    station.socket.close()
    assert code_of(asked.result()) == (504, "charge_point_timeout")


@pytest.mark.usefixtures("station")
def test_a_charge_point_that_is_silent_is_a_timeout(backend: Backend) -> None:
    assert code_of(backend.initiate()) == (504, "charge_point_timeout")


def test_an_unknown_session_is_not_found(backend: Backend) -> None:
    for number in ("1", "x", "9" * 30, "-1"):
        assert code_of(backend.http.get(f"/api/locator/session/{number}/"))[0] == 404


def test_stopping_an_unknown_transaction_is_not_found(backend: Backend) -> None:
    assert code_of(backend.halt(2**63 - 1)) == (404, "transaction_not_found")


def test_stopping_reaches_the_charge_point(backend: Backend, station: ChargePoint) -> None:
    transaction_id = begin_remotely(backend, station)
    asked = meanwhile(lambda: backend.halt(transaction_id))
    assert station.answer_command()[2:] == ["RemoteStopTransaction", {"transactionId": transaction_id}]
    assert asked.result().json() == {"transaction_id": transaction_id, "status": "Stopping"}


def test_stopping_what_is_over_is_a_conflict(backend: Backend, station: ChargePoint) -> None:
    transaction_id = begin_remotely(backend, station)
    station.end(transaction_id, 121_000)
    assert code_of(backend.halt(transaction_id)) == (409, "transaction_over")


def test_a_start_can_be_cancelled_before_the_car_is_plugged_in(
    backend: Backend, station: ChargePoint
) -> None:
    asked = meanwhile(backend.initiate)
    station.answer_command()
    transaction_id = asked.result().json()["transaction"]["transaction_id"]
    assert backend.halt(transaction_id).json()["status"] == "Stopped"


@pytest.mark.usefixtures("station")
def test_stations_are_listed_with_their_connectors(backend: Backend) -> None:
    (listed,) = backend.http.get("/api/locator/stations/").json()
    assert listed["connected"] is True
    assert listed["connectors"][0] == {"connector_id": 1, "status": "available", "error_code": "NoError"}


def test_a_store_that_is_locked_is_unavailable_not_lost(tmp_path: Path, receiver: Receiver) -> None:
    backend = Backend(tmp_path, receiver.url)
    try:
        blocker = sqlite3.connect(tmp_path / "backend.db", isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        answer = backend.http.post("/api/locator/sync-station/", json={"station_id": "ST1"})
        blocker.execute("ROLLBACK")
        blocker.close()
        assert code_of(answer) == (503, "store_unavailable")
        backend.sync()
    finally:
        backend.stop()
