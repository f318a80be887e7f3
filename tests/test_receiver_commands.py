"""What the REST API sends to the OCPP backend, and what it answers for what comes back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from receiver_app import Running, running_receiver
from sqlalchemy import Engine, update

from db.engine import writing
from db.models import ChargingStation, OCPPConnector, User
from ocpp_integration.errors import BackendDown, BackendSilent

STARTED = (200, {"transaction": {"transaction_id": 5000, "status": "Started", "id_tag": "TAG"}})


@pytest.fixture
def receiver(engine: Engine) -> Iterator[Running]:
    with running_receiver(engine) as running:
        stopping = {"transaction_id": running.people.transaction_id, "status": "Stopping"}
        running.backend.answers = {
            "/initiate-charging/": STARTED,
            "/stop-charging/": (200, stopping),
            "/sync-station/": (200, {"station_id": running.people.station_id, "ocpp_websocket": "ws://b/1"}),
        }
        yield running


def _start(receiver: Running, who: str = "owner", key: str | None = None, **fields: Any) -> requests.Response:
    body = {
        "station_id": receiver.people.station_id,
        "connector_id": 2,
        "user_id": str(receiver.people.user_ids["driver"]),
        "payment_transaction_id": "PAY-1",
    }
    headers = {"Idempotency-Key": key} if key is not None else {}
    return receiver.ask(who, "POST", "/api/ocpp/initiate-charging/", json=body | fields, headers=headers)


def _stop(receiver: Running, **fields: Any) -> requests.Response:
    body = {"transaction_id": receiver.people.transaction_id} | fields
    return receiver.ask("owner", "POST", "/api/ocpp/stop-charging/", json=body)


def test_a_start_answers_with_the_session_and_what_the_backend_said(receiver: Running) -> None:
    answer = _start(receiver).json()
    assert (answer["success"], answer["charging_session"]["transaction_id"], answer["data"]) == (
        True,
        5000,
        STARTED[1],
    )


def test_a_started_session_belongs_to_the_user_who_was_named(receiver: Running) -> None:
    assert _start(receiver).json()["charging_session"]["user"] == str(receiver.people.user_ids["driver"])


def test_a_start_tells_the_backend_who_pays_and_how(receiver: Running) -> None:
    _start(receiver, payment_method="chapa", owner_id=7, owner_name="Addis Charge")
    ((_, sent),) = receiver.backend.asked
    assert (sent["payment_transaction_id"], sent["payment_method"], sent["owner_id"], sent["owner_name"]) == (
        "PAY-1",
        "chapa",
        "7",
        "Addis Charge",
    )


def test_a_start_repeated_with_its_key_is_sent_once(receiver: Running) -> None:
    answers = [_start(receiver, key="k").json()["charging_session"]["transaction_id"] for _ in range(2)]
    assert (answers, len(receiver.backend.asked)) == ([5000, 5000], 1)


def test_the_same_key_of_another_caller_is_another_command(receiver: Running) -> None:
    _start(receiver, "driver", key="k")
    assert _start(receiver, "owner", key="k").status_code == 400


def test_a_key_that_is_too_long_is_refused(receiver: Running) -> None:
    assert list(_start(receiver, key="k" * 201).json()) == ["Idempotency-Key"]


def test_a_connector_that_is_not_available_is_named(receiver: Running) -> None:
    with writing(receiver.engine) as store:
        store.execute(update(OCPPConnector).values(status="faulted"))
    answer = _start(receiver)
    assert (answer.status_code, list(answer.json())) == (400, ["connector_id"])


def test_a_station_that_is_not_active_is_named(receiver: Running) -> None:
    with writing(receiver.engine) as store:
        store.execute(update(ChargingStation).values(is_active=False))
    answer = _start(receiver)
    assert (answer.status_code, list(answer.json())) == (400, ["station_id"])


def test_a_session_that_is_over_cannot_be_stopped(receiver: Running) -> None:
    body = {"transaction_id": receiver.people.foreign_transaction_id}
    answer = receiver.ask("admin", "POST", "/api/ocpp/stop-charging/", json=body)
    assert (answer.status_code, list(answer.json())) == (400, ["transaction_id"])


def test_a_stop_answers_with_the_session_stopping(receiver: Running) -> None:
    assert _stop(receiver).json()["charging_session"]["status"] == "stopping"


@pytest.mark.parametrize("who", ["owner", "driver"])
def test_who_names_nobody_charges_for_itself(receiver: Running, who: str) -> None:
    answer = _start(receiver, who, user_id=None)
    assert receiver.backend.asked[-1][1]["user_id"] == str(receiver.people.user_ids[who])
    assert answer.json()["charging_session"]["user"] == str(receiver.people.user_ids[who])


def test_a_user_who_does_not_exist_is_named(receiver: Running) -> None:
    answer = _start(receiver, user_id="00000000-0000-0000-0000-000000000000")
    assert (answer.status_code, list(answer.json())) == (400, ["user_id"])


def test_nobody_charges_for_a_deactivated_user(receiver: Running) -> None:
    with writing(receiver.engine) as store:
        store.execute(update(User).where(User.user_name == "driver").values(is_active=False))
    assert list(_start(receiver).json()) == ["user_id"]


def test_a_sync_tells_vendor_and_model(receiver: Running) -> None:
    body = {"charging_station_id": receiver.people.place_id, "vendor": "ABB", "model": "Terra 54"}
    receiver.ask("owner", "POST", "/api/ocpp/sync-station/", json=body)
    ((_, sent),) = receiver.backend.asked
    assert (sent["vendor"], sent["model"]) == ("ABB", "Terra 54")


def test_a_sync_answers_with_what_the_backend_said(receiver: Running) -> None:
    body = {"charging_station_id": receiver.people.place_id}
    answer = receiver.ask("owner", "POST", "/api/ocpp/sync-station/", json=body).json()
    assert (answer["success"], answer["data"]["ocpp_websocket"]) == (True, "ws://b/1")


def test_a_status_is_asked_of_the_backend_and_stored(receiver: Running) -> None:
    transaction_id = receiver.people.transaction_id
    said = {"status": "Charging", "energy_consumed_kwh": "20.5", "current_power_kw": 30}
    receiver.backend.answers[f"/session/{transaction_id}/"] = (200, {"session_data": said})
    asked = {"transaction_id": transaction_id}
    answer = receiver.ask("owner", "GET", "/api/ocpp/session-status/", params=asked).json()
    assert (answer["charging_session"]["energy_consumed_kwh"], answer["data"]) == ("20.500", said)


@pytest.mark.parametrize(
    "failure",
    [
        (500, {"error": "out of order", "code": "internal"}),
        (503, {"error": "the charge point is not connected", "code": "not_connected"}),
        (302, {}),
        (200, b"<html>"),
        (200, b""),
        (200, []),
        BackendSilent("too slow"),
        BackendSilent("reset"),
    ],
)
def test_a_backend_that_fails_us_is_answered_502(receiver: Running, failure: Any) -> None:
    receiver.backend.answers["/initiate-charging/"] = failure
    answer = _start(receiver)
    assert (answer.status_code, answer.json()["success"]) == (502, False)


def test_a_backend_that_is_down_is_answered_503_with_retry_after(receiver: Running) -> None:
    receiver.backend.answers["/initiate-charging/"] = BackendDown("no route")
    answer = _start(receiver)
    assert (answer.status_code, answer.headers["Retry-After"], answer.json()["success"]) == (503, "30", False)


def test_an_unanswered_start_is_not_sent_again_by_its_key(receiver: Running) -> None:
    receiver.backend.answers["/initiate-charging/"] = BackendSilent("too slow")
    answers = [_start(receiver, key="k").status_code for _ in range(2)]
    assert (answers, len(receiver.backend.asked)) == ([502, 502], 1)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"connector_id": 0}, "connector_id"),
        ({"connector_id": "one"}, "connector_id"),
        ({"connector_id": 1.5}, "connector_id"),
        ({"user_id": "driver"}, "user_id"),
        ({"station_id": ""}, "station_id"),
        ({"station_id": "a\0b"}, "station_id"),
        ({"station_id": ["a"]}, "station_id"),
        ({"payment_transaction_id": "x" * 256}, "payment_transaction_id"),
        ({"payment_method": "x" * 51}, "payment_method"),
    ],
)
def test_a_wrong_field_is_named(receiver: Running, fields: dict[str, Any], named: str) -> None:
    answer = _start(receiver, **fields)
    assert (answer.status_code, list(answer.json())) == (400, [named])


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b'"text"'])
def test_a_body_that_is_no_json_object_is_answered_400(receiver: Running, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = receiver.ask("admin", "POST", "/api/ocpp/stop-charging/", data=body, headers=headers)
    assert (answer.status_code, list(answer.json())) == (400, ["body"])


def test_a_form_is_refused(receiver: Running) -> None:
    answer = receiver.ask("admin", "POST", "/api/ocpp/stop-charging/", data={"transaction_id": 1})
    assert answer.status_code == 415
