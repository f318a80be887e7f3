"""Commands of an operator to a charge point, and its own answers to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests
from backend_support import Backend, ChargePoint, eventually, meanwhile

from ocpp_backend.failures import Failure
from ocpp_backend.schemas import load
from ocpp_backend.station_commands import WORDINGS
from ocpp_backend.station_commands.bodies import BODIES
from ocpp_backend.station_commands.wording import Place

pytest_plugins = ["backend_fixtures"]

SAID: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    ("reset", {}, "Reset", {"type": "Soft"}),
    ("reset", {"type": "hard"}, "Reset", {"type": "Hard"}),
    ("unlock-connector", {"connector_id": 2}, "UnlockConnector", {"connectorId": 2}),
    (
        "change-availability",
        {"connector_id": 1, "operative": False},
        "ChangeAvailability",
        {"connectorId": 1, "type": "Inoperative"},
    ),
    (
        "change-availability",
        {"operative": True},
        "ChangeAvailability",
        {"connectorId": 0, "type": "Operative"},
    ),
    ("trigger-message", {"message": "Heartbeat"}, "TriggerMessage", {"requestedMessage": "Heartbeat"}),
    (
        "trigger-message",
        {"message": "MeterValues", "connector_id": 1},
        "TriggerMessage",
        {"requestedMessage": "MeterValues", "connectorId": 1},
    ),
    ("get-configuration", {}, "GetConfiguration", {}),
    ("get-configuration", {"keys": ["A", "B"]}, "GetConfiguration", {"key": ["A", "B"]}),
    ("change-configuration", {"key": "A", "value": "1"}, "ChangeConfiguration", {"key": "A", "value": "1"}),
    ("clear-cache", {}, "ClearCache", {}),
]

SAID_IN_201: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    ("reset", {}, "Reset", {"type": "OnIdle"}),
    ("reset", {"type": "Hard"}, "Reset", {"type": "Immediate"}),
    ("unlock-connector", {"connector_id": 2}, "UnlockConnector", {"evseId": 7, "connectorId": 2}),
    (
        "change-availability",
        {"connector_id": 1, "operative": False},
        "ChangeAvailability",
        {"operationalStatus": "Inoperative", "evse": {"id": 7, "connectorId": 2}},
    ),
    ("change-availability", {"operative": True}, "ChangeAvailability", {"operationalStatus": "Operative"}),
    ("trigger-message", {"message": "Heartbeat"}, "TriggerMessage", {"requestedMessage": "Heartbeat"}),
    (
        "trigger-message",
        {"message": "StatusNotification", "connector_id": 1},
        "TriggerMessage",
        {"requestedMessage": "StatusNotification", "evse": {"id": 7, "connectorId": 2}},
    ),
    (
        "get-configuration",
        {"keys": ["OCPPCommCtrlr.HeartbeatInterval"]},
        "GetVariables",
        {
            "getVariableData": [
                {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}
            ]
        },
    ),
    (
        "change-configuration",
        {"key": "OCPPCommCtrlr.HeartbeatInterval", "value": "30"},
        "SetVariables",
        {
            "setVariableData": [
                {
                    "component": {"name": "OCPPCommCtrlr"},
                    "variable": {"name": "HeartbeatInterval"},
                    "attributeValue": "30",
                }
            ]
        },
    ),
    ("clear-cache", {}, "ClearCache", {}),
]

PLACE = Place(number=3, evse_id=7, evse_connector_id=2)


def send(backend: Backend, name: str, body: dict[str, Any] | None = None) -> requests.Response:
    return backend.http.post(f"/api/locator/stations/ST1/commands/{name}/", json=body or {})


def code_of(answer: requests.Response) -> tuple[int, str]:
    body = answer.json()
    assert body["error"]
    return answer.status_code, body["code"]


@pytest.mark.parametrize(("name", "body", "action", "payload"), SAID)
def test_a_command_reaches_the_charge_point_and_its_answer_comes_back(
    backend: Backend,
    station: ChargePoint,
    name: str,
    body: dict[str, Any],
    action: str,
    payload: dict[str, Any],
) -> None:
    asked = meanwhile(lambda: send(backend, name, body))
    command = station.receive()
    answers: dict[str, dict[str, Any]] = {
        "GetConfiguration": {"configurationKey": [{"key": "A", "readonly": False, "value": "1"}]},
        "UnlockConnector": {"status": "Unlocked"},
    }
    answer = answers.get(action, {"status": "Accepted"})
    station.send([3, command[1], answer])
    assert command[2:] == [action, payload]
    got = asked.result()
    assert (got.status_code, got.json()["answer"]) == (200, answer)
    assert got.json()["status"] == answer.get("status", "Accepted")


@pytest.mark.parametrize(("name", "body", "action", "payload"), SAID_IN_201)
def test_a_command_has_its_words_in_2_0_1(
    name: str, body: dict[str, Any], action: str, payload: dict[str, Any]
) -> None:
    place = PLACE if body.get("connector_id") else None
    command = WORDINGS["ocpp2.0.1"][name].command(BODIES[name].model_validate(body), place)
    assert (command.action, command.payload) == (action, payload)
    assert load("v201").check_request(action, payload) == payload


def test_every_command_is_worded_in_every_version() -> None:
    assert {version: set(words) for version, words in WORDINGS.items()} == {
        "ocpp1.6": set(BODIES),
        "ocpp2.0.1": set(BODIES),
    }


def test_the_charge_points_own_refusal_is_its_answer(backend: Backend, station: ChargePoint) -> None:
    asked = meanwhile(lambda: send(backend, "clear-cache"))
    station.answer_command("Rejected")
    assert (asked.result().status_code, asked.result().json()["status"]) == (200, "Rejected")


def test_an_unknown_key_is_its_answer(backend: Backend, station: ChargePoint) -> None:
    asked = meanwhile(lambda: send(backend, "get-configuration", {"keys": ["X"]}))
    station.send([3, station.receive()[1], {"unknownKey": ["X"]}])
    assert asked.result().json()["status"] == "UnknownKey"


def test_a_variable_that_was_not_set_is_not_accepted() -> None:
    results = [{"attributeStatus": "Accepted"}, {"attributeStatus": "RebootRequired"}]
    read = WORDINGS["ocpp2.0.1"]["change-configuration"].status
    assert read({"setVariableResult": results}) == "RebootRequired"
    assert read({"setVariableResult": results[:1]}) == "Accepted"


@pytest.mark.parametrize("key", ["HeartbeatInterval", ".x", "x."])
def test_a_key_of_2_0_1_names_its_component(key: str) -> None:
    body = BODIES["change-configuration"].model_validate({"key": key, "value": "1"})
    with pytest.raises(Failure) as refused:
        WORDINGS["ocpp2.0.1"]["change-configuration"].command(body, None)
    assert refused.value.status == 422


def test_a_key_of_the_charge_point_is_not_read_back(backend: Backend, station: ChargePoint) -> None:
    asked = meanwhile(lambda: send(backend, "get-configuration"))
    told = {"key": "AuthorizationKey", "readonly": False, "value": "secret-of-the-station"}
    station.send([3, station.receive()[1], {"configurationKey": [told]}])
    assert "secret-of-the-station" not in asked.result().text


def test_an_error_of_the_charge_point_is_a_conflict_that_names_it(
    backend: Backend, station: ChargePoint
) -> None:
    asked = meanwhile(lambda: send(backend, "clear-cache"))
    station.send([4, station.receive()[1], "NotImplemented", "", {}])
    assert code_of(asked.result()) == (409, "charge_point_error")
    assert asked.result().json()["ocpp_error"] == "NotImplemented"


def test_an_answer_that_is_none_is_a_conflict(backend: Backend, station: ChargePoint) -> None:
    asked = meanwhile(lambda: send(backend, "reset"))
    station.answer_command("Perhaps")
    assert code_of(asked.result()) == (409, "charge_point_error")


@pytest.mark.usefixtures("station")
def test_a_silent_charge_point_is_a_timeout(backend: Backend) -> None:
    assert code_of(send(backend, "reset")) == (504, "charge_point_timeout")


def test_a_charge_point_may_send_its_own_calls_before_it_answers(
    backend: Backend, station: ChargePoint
) -> None:
    asked = meanwhile(lambda: send(backend, "unlock-connector", {"connector_id": 1}))
    command = station.receive()
    station.status("Available")
    station.send([3, command[1], {"status": "Unlocked"}])
    assert asked.result().json()["status"] == "Unlocked"


def test_commands_to_one_charge_point_go_one_at_a_time(backend: Backend, station: ChargePoint) -> None:
    asked = [meanwhile(lambda: send(backend, "clear-cache")) for _ in range(3)]
    for _ in asked:
        command = station.receive()
        # Whatever else were sent by now would come before the answer to this.
        assert station.ask("Heartbeat", {})[1] == "message"
        station.send([3, command[1], {"status": "Accepted"}])
    assert [future.result().status_code for future in asked] == [200] * 3


def test_a_station_that_is_not_connected_is_unavailable(backend: Backend) -> None:
    backend.sync()
    assert code_of(send(backend, "reset")) == (503, "charge_point_not_connected")


def test_an_unknown_station_is_not_found(backend: Backend) -> None:
    assert code_of(send(backend, "reset")) == (404, "station_not_found")


@pytest.mark.usefixtures("station")
@pytest.mark.parametrize(
    ("name", "body", "expected"),
    [
        ("explode", {}, (404, "command_not_found")),
        ("unlock-connector", {"connector_id": 9}, (404, "connector_not_found")),
        ("unlock-connector", {}, (422, "invalid_field")),
        ("unlock-connector", {"connector_id": 0}, (422, "invalid_field")),
        ("reset", {"type": "gentle"}, (422, "invalid_field")),
        ("change-availability", {"connector_id": 1}, (422, "invalid_field")),
        ("trigger-message", {"message": "Reset"}, (422, "invalid_field")),
        ("change-configuration", {"key": "k" * 51, "value": "1"}, (422, "invalid_field")),
    ],
)
def test_what_cannot_be_asked_is_refused(
    backend: Backend, name: str, body: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert code_of(send(backend, name, body)) == expected


def test_a_command_without_a_body_means_the_defaults(backend: Backend, station: ChargePoint) -> None:
    ask: Callable[[], Any] = lambda: backend.http.post("/api/locator/stations/ST1/commands/reset/")  # noqa: E731
    asked = meanwhile(ask)
    assert station.answer_command()[3] == {"type": "Soft"}
    assert asked.result().status_code == 200


def test_a_command_is_in_the_log_of_frames(backend: Backend, station: ChargePoint) -> None:
    asked = meanwhile(lambda: send(backend, "clear-cache"))
    station.answer_command()
    asked.result()
    url = "/api/locator/frames/?action=ClearCache"
    found = eventually(lambda: len(f := backend.http.get(url).json()["frames"]) == 2 and f)
    assert [frame["direction"] for frame in found] == ["in", "out"]


def test_a_charge_point_of_2_0_1_is_told_in_its_own_words_and_numbers(backend: Backend) -> None:
    backend.sync()
    with backend.charge_point(subprotocols=["ocpp2.0.1"]) as charge_point:
        now = "2026-03-01T10:00:00Z"
        for evse_connector in (1, 2):
            status = {"evseId": 1, "connectorId": evse_connector, "connectorStatus": "Available"}
            charge_point.call("StatusNotification", {"timestamp": now, **status})
        asked = meanwhile(lambda: send(backend, "unlock-connector", {"connector_id": 2}))
        command = charge_point.receive()
        charge_point.send([3, command[1], {"status": "OngoingAuthorizedTransaction"}])
    assert command[2:] == ["UnlockConnector", {"evseId": 1, "connectorId": 2}]
    assert asked.result().json()["status"] == "OngoingAuthorizedTransaction"


def test_what_can_be_asked_of_charge_points_is_named(backend: Backend) -> None:
    answer = backend.http.get("/api/locator/commands/")
    assert (answer.status_code, answer.json()) == (200, {"commands": list(BODIES)})
