"""Who may see and do what: every address of the REST API, asked by everybody."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from receiver_app import FakeBackend, People, Running, running_receiver
from sqlalchemy import Engine, select, update

from db.access import create_api_token, hash_token
from db.engine import reading, writing
from db.models import ApiToken, User

NOBODY, OTHER_OWNER, DRIVER, OTHER_DRIVER, OWNER, ADMIN = (
    None,
    "other owner",
    "driver",
    "other driver",
    "owner",
    "admin",
)
CALLERS = (NOBODY, OTHER_OWNER, DRIVER, OTHER_DRIVER, OWNER, ADMIN)

# What each caller is answered, in the order of CALLERS, about the owner's station and the driver's session.
ANSWERS: dict[str, tuple[int, ...]] = {
    "station": (401, 404, 200, 200, 200, 200),
    "session": (401, 404, 200, 404, 200, 200),
    "session-status": (401, 404, 200, 404, 200, 200),
    "sync-station": (401, 404, 404, 404, 200, 200),
    "initiate-charging": (401, 404, 200, 400, 200, 200),
    "stop-charging": (401, 404, 200, 404, 200, 200),
}
CASES = [
    (address, who, expected)
    for address, answers in ANSWERS.items()
    for who, expected in zip(CALLERS, answers, strict=True)
]

# How many objects each caller finds in the lists, of two stations, two sessions and two logs.
FOUND: dict[str, tuple[int, ...]] = {
    "stations": (1, 2, 2, 1, 2),
    "sessions": (1, 1, 0, 1, 2),
    "logs": (1, 0, 0, 1, 2),
}
LISTS = [
    (name, who, expected)
    for name, numbers in FOUND.items()
    for who, expected in zip(CALLERS[1:], numbers, strict=True)
]


@pytest.fixture
def receiver(engine: Engine) -> Iterator[Running]:
    with running_receiver(engine) as running:
        _agree(running.backend, running.people)
        yield running


def _agree(backend: FakeBackend, people: People) -> None:
    started = {"transaction_id": 5000, "status": "Started", "id_tag": "TAG", "start_time": None}
    backend.answers = {
        "/sync-station/": (200, {"station_id": people.station_id, "ocpp_websocket": "ws://backend.test/1"}),
        "/initiate-charging/": (200, {"transaction": started}),
        "/stop-charging/": (200, {"transaction_id": people.transaction_id, "status": "Stopping"}),
        f"/session/{people.transaction_id}/": (200, {"session_data": {"status": "Charging"}}),
    }


def _request(address: str, people: People) -> tuple[str, str, dict[str, Any]]:
    start = {
        "station_id": people.station_id,
        "connector_id": 2,
        "user_id": str(people.user_ids["driver"]),
        "payment_transaction_id": "PAY-1",
    }
    stop = {"transaction_id": people.transaction_id}
    return {
        "station": ("GET", f"stations/{people.station_id}/", {}),
        "session": ("GET", f"sessions/{people.transaction_id}/", {}),
        "session-status": ("GET", "session-status/", {"params": stop}),
        "sync-station": ("POST", "sync-station/", {"json": {"charging_station_id": people.place_id}}),
        "initiate-charging": ("POST", "initiate-charging/", {"json": start}),
        "stop-charging": ("POST", "stop-charging/", {"json": stop}),
    }[address]


@pytest.mark.parametrize(("address", "who", "expected"), CASES)
def test_each_caller_is_answered_what_it_may_see(
    receiver: Running, address: str, who: str | None, expected: int
) -> None:
    method, path, options = _request(address, receiver.people)
    assert receiver.ask(who, method, f"/api/ocpp/{path}", **options).status_code == expected


@pytest.mark.parametrize(("address", "who", "expected"), CASES)
def test_a_refused_caller_reaches_no_backend(
    receiver: Running, address: str, who: str | None, expected: int
) -> None:
    method, path, options = _request(address, receiver.people)
    receiver.ask(who, method, f"/api/ocpp/{path}", **options)
    assert expected == 200 or receiver.backend.asked == []


@pytest.mark.parametrize(("name", "who", "expected"), LISTS)
def test_a_list_holds_what_the_caller_may_see(receiver: Running, name: str, who: str, expected: int) -> None:
    assert len(receiver.ask(who, "GET", f"/api/ocpp/{name}/").json()) == expected


@pytest.mark.parametrize("name", FOUND)
def test_no_list_is_shown_to_nobody(receiver: Running, name: str) -> None:
    assert receiver.ask(NOBODY, "GET", f"/api/ocpp/{name}/").status_code == 401


def test_what_is_not_visible_answers_as_what_is_not_there(receiver: Running) -> None:
    invisible = receiver.ask(OWNER, "GET", f"/api/ocpp/stations/{receiver.people.foreign_station_id}/")
    missing = receiver.ask(OWNER, "GET", "/api/ocpp/stations/STATION_NONE/")
    assert (invisible.status_code, invisible.json()) == (missing.status_code, missing.json())


def test_logs_of_a_foreign_station_are_not_found_by_its_name(receiver: Running) -> None:
    path = f"/api/ocpp/logs/?station_id={receiver.people.foreign_station_id}"
    assert receiver.ask(OWNER, "GET", path).json() == []


def test_a_drivers_wrong_user_id_does_not_tell_whether_it_exists(receiver: Running) -> None:
    _, path, options = _request("initiate-charging", receiver.people)
    known = receiver.ask(OTHER_DRIVER, "POST", f"/api/ocpp/{path}", **options)
    options["json"]["user_id"] = "00000000-0000-0000-0000-000000000000"
    unknown = receiver.ask(OTHER_DRIVER, "POST", f"/api/ocpp/{path}", **options)
    assert known.json() == unknown.json()


def test_a_driver_cannot_stop_in_the_name_of_another(receiver: Running) -> None:
    body = {
        "transaction_id": receiver.people.transaction_id,
        "user_id": str(receiver.people.user_ids["other driver"]),
    }
    answer = receiver.ask(DRIVER, "POST", "/api/ocpp/stop-charging/", json=body)
    assert (answer.status_code, list(answer.json())) == (400, ["user_id"])


@pytest.mark.parametrize(
    "header",
    ["", "Token", "Token ", "Token wrong", "Bearer {}", "{}", "Token {} ", "Token {}x", "Token \xe9"],
)
def test_only_the_token_itself_lets_in(receiver: Running, header: str) -> None:
    given = header.format(receiver.people.tokens["admin"]).encode("latin-1")
    answer = receiver.ask(None, "GET", "/api/ocpp/stations/", headers={"Authorization": given})
    assert answer.status_code == (200 if header == "Token {} " else 401)


@pytest.mark.parametrize("column", ["expires_at", "revoked_at"])
def test_a_token_past_its_time_is_refused(receiver: Running, column: str) -> None:
    with writing(receiver.engine) as store:
        store.execute(update(ApiToken).values({column: datetime.now(UTC) - timedelta(seconds=1)}))
    assert receiver.ask(ADMIN, "GET", "/api/ocpp/stations/").status_code == 401


def test_the_token_of_a_deactivated_user_is_refused(receiver: Running) -> None:
    with writing(receiver.engine) as store:
        store.execute(update(User).values(is_active=False))
    assert receiver.ask(ADMIN, "GET", "/api/ocpp/stations/").status_code == 401


def test_an_owner_without_stations_to_own_sees_none(receiver: Running) -> None:
    with writing(receiver.engine) as store:
        store.execute(update(User).where(User.user_name == "owner").values(owner_id=None))
    assert receiver.ask(OWNER, "GET", "/api/ocpp/stations/").json() == []


def test_an_unknown_role_sees_nothing(receiver: Running) -> None:
    with writing(receiver.engine) as store:
        store.execute(update(User).where(User.user_name == "admin").values(role="auditor"))
    assert receiver.ask(ADMIN, "GET", "/api/ocpp/stations/").json() == []


def test_the_use_of_a_token_is_marked(receiver: Running) -> None:
    receiver.ask(ADMIN, "GET", "/api/ocpp/stations/")
    assert _last_used(receiver, "admin") is not None


def test_the_use_of_a_token_is_not_marked_again_within_the_minute(receiver: Running) -> None:
    receiver.ask(ADMIN, "GET", "/api/ocpp/stations/")
    first = _last_used(receiver, "admin")
    receiver.ask(ADMIN, "GET", "/api/ocpp/stations/")
    assert _last_used(receiver, "admin") == first


def test_a_second_token_of_a_user_lets_in_as_well(receiver: Running) -> None:
    with writing(receiver.engine) as store:
        admin = store.scalars(select(User).where(User.user_name == "admin")).one()
        receiver.people.tokens["second"] = create_api_token(store, admin)
    assert receiver.ask("second", "GET", "/api/ocpp/stations/").status_code == 200


def _last_used(receiver: Running, who: str) -> datetime | None:
    with reading(receiver.engine) as store:
        token_hash = hash_token(receiver.people.tokens[who])
        return store.scalars(select(ApiToken.last_used_at).where(ApiToken.token_hash == token_hash)).one()
