"""Who may connect to the OCPP backend: keys, unknown stations, versions, two with one id."""

from __future__ import annotations

import base64
import logging
import socket
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from backend_support import KEY, Backend, ChargePoint, Receiver, eventually
from websockets.exceptions import ConnectionClosed, InvalidStatus

from management import doctor
from management.commands import access
from ocpp_backend import keys
from ocpp_backend.slowdown import Slowdown

pytest_plugins = ["backend_fixtures"]

STATION_KEY = "0123456789abcdef0123456789abcdef01234567"
Made = Callable[..., Backend]


@pytest.fixture
def make(tmp_path: Path, receiver: Receiver) -> Iterator[Made]:
    """Makes backends with the settings of a test."""
    made: list[Backend] = []

    def backend(**overrides: Any) -> Backend:
        made.append(Backend(tmp_path, receiver.url, **overrides))
        return made[-1]

    yield backend
    for one in made:
        one.stop()


@pytest.fixture
def guarded(make: Made) -> Backend:
    """A backend that asks for keys, with station ST1 and its key."""
    backend = make(ocpp_require_station_keys=True)
    backend.sync()
    keys.store_key(backend.settings.ocpp_backend_database_url, "ST1", STATION_KEY)
    return backend


def basic(password: str | bytes, user: str = "ST1") -> dict[str, str]:
    secret = password if isinstance(password, bytes) else password.encode()
    return {"Authorization": "Basic " + base64.b64encode(user.encode() + b":" + secret).decode()}


def refusal(backend: Backend, station_id: str = "ST1", **more: Any) -> int:
    with pytest.raises(InvalidStatus) as refused:
        backend.charge_point(station_id, **more)
    return refused.value.response.status_code


def test_a_charge_point_with_its_key_is_let_in(guarded: Backend) -> None:
    with guarded.charge_point(headers=basic(STATION_KEY)) as charge_point:
        assert charge_point.boot()["status"] == "Accepted"


def test_a_key_may_be_sent_as_the_bytes_that_it_spells(guarded: Backend) -> None:
    with guarded.charge_point(headers=basic(bytes.fromhex(STATION_KEY))) as charge_point:
        assert charge_point.boot()["status"] == "Accepted"


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "no key"),
        (basic("wrong"), "its key is wrong"),
        (basic(""), "its key is wrong"),
        (basic(STATION_KEY, user="ST2"), "user name"),
        ({"Authorization": "Bearer " + STATION_KEY}, "not HTTP Basic"),
        ({"Authorization": "Basic ?"}, "not HTTP Basic"),
        ({"Authorization": "Basic \u00e9"}, "not HTTP Basic"),
    ],
)
def test_without_its_key_nobody_is_let_in_and_the_log_says_why(
    guarded: Backend, caplog: pytest.LogCaptureFixture, headers: dict[str, str], reason: str
) -> None:
    assert refusal(guarded, headers=headers) == 401
    assert reason in caplog.text
    assert STATION_KEY not in caplog.text


def test_a_station_without_a_key_is_not_let_in(guarded: Backend, caplog: pytest.LogCaptureFixture) -> None:
    guarded.sync("ST2")
    assert refusal(guarded, "ST2", headers=basic(STATION_KEY, user="ST2")) == 401
    assert "create-station-key" in caplog.text


def test_where_keys_are_not_required_a_key_that_exists_still_counts(make: Made) -> None:
    backend = make(ocpp_require_station_keys=False)
    backend.sync()
    keys.store_key(backend.settings.ocpp_backend_database_url, "ST1", STATION_KEY)
    assert refusal(backend) == 401


def test_a_refusal_is_no_error_of_the_server(guarded: Backend, caplog: pytest.LogCaptureFixture) -> None:
    assert refusal(guarded) == 401
    assert refusal(guarded, "NOBODY") == 404
    guarded.stop()
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_a_key_is_made_over_http_and_shown_once(guarded: Backend) -> None:
    answer = guarded.http.post("/api/locator/stations/ST1/key/")
    new = answer.json()["key"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert refusal(guarded, headers=basic(STATION_KEY)) == 401
    with guarded.charge_point(headers=basic(new)) as charge_point:
        assert charge_point.boot()["status"] == "Accepted"


def test_a_new_key_leaves_the_connection_that_its_charge_point_is_told_it_over(guarded: Backend) -> None:
    with guarded.charge_point(headers=basic(STATION_KEY)) as charge_point:
        guarded.http.post("/api/locator/stations/ST1/key/")
        assert charge_point.boot()["status"] == "Accepted"


def test_a_station_whose_key_is_withdrawn_is_disconnected_and_not_let_in_again(make: Made) -> None:
    backend = make(ocpp_require_station_keys=False)
    backend.sync()
    with backend.charge_point() as charge_point:
        assert backend.http.delete("/api/locator/stations/ST1/key/").json()["disconnected"]
        with pytest.raises(ConnectionClosed):
            charge_point.boot()
    assert refusal(backend) == 401
    assert not backend.http.delete("/api/locator/stations/ST1/key/").json()["disconnected"]


def test_an_unknown_station_gets_no_key_over_http(guarded: Backend) -> None:
    assert guarded.http.post("/api/locator/stations/NOBODY/key/").status_code == 404


def test_without_an_api_key_no_station_gets_a_key_over_http(make: Made) -> None:
    backend = make(ocpp_api_key=None)
    backend.sync()
    assert backend.http.post("/api/locator/stations/ST1/key/").status_code == 401


def test_the_list_of_stations_tells_which_has_a_key(guarded: Backend) -> None:
    guarded.sync("ST2")
    listed = guarded.http.get("/api/locator/stations/").json()
    assert {station["station_id"]: station["has_key"] for station in listed} == {"ST1": True, "ST2": False}


def test_the_doctor_names_the_stations_without_a_key(
    guarded: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    guarded.sync("ST2")
    base_url = f"http://127.0.0.1:{guarded.port}"
    monkeypatch.setattr(
        doctor, "load", lambda: guarded.settings.model_copy(update={"ocpp_base_url": base_url})
    )
    findings = {finding.subject: finding for finding in doctor.examine()}
    assert not findings["station keys"].good
    assert "missing for 1 (ST2)" in findings["station keys"].message


def test_the_store_does_not_hold_the_key(guarded: Backend, tmp_path: Path) -> None:
    guarded.stop()
    held = (tmp_path / "backend.db").read_bytes()
    assert (b"ST1" in held, STATION_KEY.encode() in held) == (True, False)
    guarded.start()


def test_the_command_prints_a_key_that_works(
    guarded: Backend, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(access, "load", lambda: guarded.settings)
    access.create_station_key(Namespace(station_id="ST1"))
    printed = capsys.readouterr().out.strip()
    with guarded.charge_point(headers=basic(printed)) as charge_point:
        assert charge_point.boot()["status"] == "Accepted"


def test_a_key_can_be_made_before_the_backend_ever_ran(make: Made, tmp_path: Path) -> None:
    keys.store_key(f"sqlite:///{tmp_path / 'backend.db'}", "ST1", STATION_KEY)
    backend = make(ocpp_require_station_keys=True)
    backend.sync()
    with backend.charge_point(headers=basic(STATION_KEY)) as charge_point:
        assert charge_point.boot()["status"] == "Accepted"


def test_a_short_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="16 characters"):
        keys.store_key(f"sqlite:///{tmp_path / 'backend.db'}", "ST1", "secret")


def test_fresh_keys_differ() -> None:
    assert keys.fresh_key() != keys.fresh_key()


def test_wrong_keys_wait_longer_and_longer(guarded: Backend, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        refusal(guarded)
    assert "answered 0.5 s later" in caplog.text


HANDSHAKE = (
    b"GET /ws/ev-locator/ST1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
)


def test_who_leaves_while_waiting_is_forgotten(guarded: Backend, caplog: pytest.LogCaptureFixture) -> None:
    waiting = [socket.create_connection(("127.0.0.1", guarded.port)) for _ in range(6)]
    for impatient in waiting:
        impatient.sendall(HANDSHAKE)
    eventually(lambda: "answered 4 s later" in caplog.text)
    for impatient in waiting:
        impatient.close()
    with guarded.charge_point(headers=basic(STATION_KEY)) as charge_point:
        assert charge_point.boot()["status"] == "Accepted"
    guarded.stop()
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_pauses_begin_after_the_free_tries_double_and_end() -> None:
    slowdown = Slowdown(free=2, clock=lambda: 0.0)
    assert [slowdown.count("x") for _ in range(9)] == [0, 0, 0.5, 1, 2, 4, 8, 8, 8]


def test_pauses_are_of_each_alone_and_end_with_time() -> None:
    now = [0.0]
    slowdown = Slowdown(free=1, window=60, clock=lambda: now[0])
    assert [slowdown.count(who) for who in ("x", "x", "y")] == [0, 0.5, 0]
    now[0] = 61.0
    assert slowdown.count("x") == 0


# Two charge points with one id


def test_two_charge_points_with_one_id_are_slowed_down_and_named_in_the_log(
    guarded: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    headers = basic(STATION_KEY)
    for _ in range(5):
        guarded.charge_point(headers=headers).boot()
    assert "two charge points with this id" in caplog.text


def test_an_unauthenticated_newcomer_does_not_replace_a_connection(guarded: Backend) -> None:
    with guarded.charge_point(headers=basic(STATION_KEY)) as charge_point:
        refusal(guarded, headers=basic("wrong"))
        assert charge_point.boot()["status"] == "Accepted"


# Versions


@pytest.mark.parametrize("offered", [[], ["ocpp1.6J"]])
def test_a_default_protocol_is_taken_where_none_is_offered(make: Made, offered: list[str]) -> None:
    backend = make(ocpp_default_protocol="ocpp1.6")
    backend.sync()
    with backend.charge_point(subprotocols=offered) as charge_point:
        assert charge_point.boot()["status"] == "Accepted"


def test_a_default_protocol_is_not_imposed_on_another(make: Made) -> None:
    backend = make(ocpp_default_protocol="ocpp1.6")
    backend.sync()
    assert refusal(backend, subprotocols=["ocpp1.5"]) == 400


# Unknown stations


@pytest.fixture
def quarantining(make: Made) -> Backend:
    return make(ocpp_require_station_keys=True, ocpp_unknown_stations="quarantine")


@pytest.fixture
def stranger(quarantining: Backend) -> Iterator[ChargePoint]:
    with quarantining.charge_point("NEW1") as charge_point:
        yield charge_point


def test_an_unknown_station_in_quarantine_is_booted_as_pending(stranger: ChargePoint) -> None:
    answer = stranger.boot()
    assert (answer["status"], answer["interval"]) == ("Pending", 60)


def test_quarantine_speaks_2_0_1_too(quarantining: Backend) -> None:
    with quarantining.charge_point("NEW2", subprotocols=["ocpp2.0.1"]) as stranger:
        station = {"model": "Terra", "vendorName": "ABB"}
        answer = stranger.call("BootNotification", {"reason": "PowerUp", "chargingStation": station})
        assert answer["status"] == "Pending"


@pytest.mark.parametrize("action", ["Heartbeat", "Authorize", "StartTransaction"])
def test_in_quarantine_nothing_but_a_boot_is_believed(stranger: ChargePoint, action: str) -> None:
    start = {"connectorId": 1, "idTag": "C", "meterStart": 0, "timestamp": "2026-03-01T10:00:00Z"}
    payloads: dict[str, dict[str, Any]] = {"StartTransaction": start, "Authorize": {"idTag": "C"}}
    assert stranger.ask(action, payloads.get(action, {}))[2] == "SecurityError"


def test_who_is_in_quarantine_is_listed(quarantining: Backend, stranger: ChargePoint) -> None:
    stranger.boot()
    (listed,) = quarantining.http.get("/api/locator/quarantine/").json()
    assert (listed["station_id"], listed["connected"], listed["address"]) == ("NEW1", True, "127.0.0.1")
    assert listed["boot"]["chargePointVendor"] == "ABB"
    assert quarantining.http.get("/healthz").json()["stations_connected"] == 0


def test_frames_in_quarantine_are_recorded(quarantining: Backend, stranger: ChargePoint) -> None:
    stranger.boot()
    found = eventually(lambda: quarantining.http.get("/api/locator/frames/?station_id=NEW1").json()["frames"])
    assert {frame["action"] for frame in found} == {"BootNotification"}


def test_quarantine_sends_no_webhooks(
    quarantining: Backend, stranger: ChargePoint, receiver: Receiver
) -> None:
    stranger.boot()
    assert quarantining.http.get("/healthz").json()["outbox"] == 0
    assert receiver.taken == []


def test_once_its_station_is_known_a_charge_point_leaves_quarantine(
    quarantining: Backend, stranger: ChargePoint
) -> None:
    stranger.boot()
    quarantining.sync("NEW1")
    with pytest.raises(ConnectionClosed):
        stranger.receive()
    assert quarantining.http.get("/api/locator/quarantine/").json() == []
    assert refusal(quarantining, "NEW1") == 401
    key = quarantining.http.post("/api/locator/stations/NEW1/key/").json()["key"]
    with quarantining.charge_point("NEW1", headers=basic(key, user="NEW1")) as charge_point:
        assert charge_point.boot()["status"] == "Accepted"


def test_a_key_made_in_advance_keeps_others_out_of_quarantine(quarantining: Backend) -> None:
    keys.store_key(quarantining.settings.ocpp_backend_database_url, "SOON", STATION_KEY)
    assert refusal(quarantining, "SOON") == 401
    with quarantining.charge_point("SOON", headers=basic(STATION_KEY, user="SOON")) as charge_point:
        assert charge_point.boot()["status"] == "Pending"


def test_quarantine_has_room_for_few(quarantining: Backend) -> None:
    held = [quarantining.charge_point(f"NEW{number}") for number in range(20)]
    assert refusal(quarantining, "NEW99") == 503
    for charge_point in held:
        charge_point.socket.close()


def test_an_id_that_no_station_can_have_is_not_quarantined(quarantining: Backend) -> None:
    assert refusal(quarantining, "a%20b") == 404


def test_the_endpoints_of_operators_need_the_api_key(guarded: Backend) -> None:
    root = f"http://127.0.0.1:{guarded.port}/api/locator"
    answers = [
        requests.post(f"{root}/stations/ST1/key/", timeout=20),
        requests.delete(f"{root}/stations/ST1/key/", timeout=20),
        requests.post(f"{root}/stations/ST1/commands/reset/", timeout=20),
        requests.get(f"{root}/quarantine/", timeout=20),
        requests.get(f"{root}/frames/", timeout=20),
    ]
    assert [answer.status_code for answer in answers] == [401] * 5
    assert all(KEY not in answer.text for answer in answers)
