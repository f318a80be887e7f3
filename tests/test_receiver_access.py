"""Who may see and do what: every address of the REST API, asked by everybody."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
import requests
from pypdf import PdfReader
from receiver_app import ENDED, FakeBackend, People, Running, running_receiver, settle
from sqlalchemy import Engine, select, update

from db.access import create_api_token, hash_token
from db.engine import reading, writing
from db.models import ApiToken, User
from webhook_receiver.operation import Operation
from webhook_receiver.operations import OPERATIONS

NOBODY, OTHER_OWNER, DRIVER, OTHER_DRIVER, OWNER, ADMIN = (
    None,
    "other owner",
    "driver",
    "other driver",
    "owner",
    "admin",
)
CALLERS = (NOBODY, OTHER_OWNER, DRIVER, OTHER_DRIVER, OWNER, ADMIN)

# What a driver may not touch at all; what else there is, it may where it is its own.
NOT_FOR_DRIVERS = {
    "sync_station",
    "list_logs",
    "qr_sheet",
    "qr_code",
    "revoke_qr_code",
    "list_statements",
    "get_statement",
    "get_statement_file",
}
# These are of a session that has ended; the others of one that runs.
OF_THE_ENDED = {"get_receipt", "get_receipt_file"}

# Everybody has files, of what is its own; tests/test_receiver_exports.py looks into them.
FILES = {"list_exports", "get_export"}

GUARDED = [operation for operation in OPERATIONS if operation.needs_token]
ABOUT_ONE = [each for each in GUARDED if not each.is_list and each.name not in FILES]
LISTING = [each for each in GUARDED if each.is_list and each.name not in FILES]
OPEN = [operation for operation in OPERATIONS if not operation.needs_token]


def _name(operation: Operation) -> str:
    return operation.name


@pytest.fixture
def receiver(engine: Engine) -> Iterator[Running]:
    with running_receiver(engine) as running:
        _agree(running.backend, running.people)
        settle(running)
        yield running


def _agree(backend: FakeBackend, people: People) -> None:
    started = {"transaction_id": 5000, "status": "Started", "id_tag": "TAG", "start_time": None}
    backend.answers = {
        "/sync-station/": (200, {"station_id": people.station_id, "ocpp_websocket": "ws://backend.test/1"}),
        "/initiate-charging/": (200, {"transaction": started}),
        "/stop-charging/": (200, {"transaction_id": people.transaction_id, "status": "Stopping"}),
        f"/session/{people.transaction_id}/": (200, {"session_data": {"status": "Charging"}}),
    }


def _values(people: People, operation: Operation | None = None) -> dict[str, Any]:
    """What to ask with, by the name of the field: all of it the owner's, or the driver's at its station."""
    return {
        "station_id": people.station_id,
        "charging_station_id": people.place_id,
        "transaction_id": ENDED if operation and operation.name in OF_THE_ENDED else people.transaction_id,
        "statement_id": people.statement_id,
        "connector_id": 2,
        "user_id": str(people.user_ids["driver"]),
        "payment_transaction_id": "PAY-1",
        "name": "sessions",
        "format": "csv",
        "kind": "svg",
    }


MISSING: dict[str, Any] = {
    "station_id": "STATION_NONE",
    "charging_station_id": "00000000-0000-0000-0000-000000000000",
    "transaction_id": 999_999,
    "statement_id": 999_999,
    "name": "nothing",
}


def _required(model: Any) -> list[str]:
    fields = model.model_fields if model is not None else {}
    return [name for name, field in fields.items() if field.is_required()]


def _ask(
    receiver: Running, who: str | None, operation: Operation, values: dict[str, Any]
) -> requests.Response:
    """The operation with what it requires; a field of a new one wants a value in `_values`."""
    options: dict[str, Any] = {"params": {name: values[name] for name in _required(operation.query_model)}}
    if operation.body_model is not None:
        options["json"] = {name: values[name] for name in _required(operation.body_model)}
    return receiver.ask(who, operation.method, operation.path.format(**values), **options)


def _sees(who: str | None, operation: Operation) -> bool:
    return who in (OWNER, ADMIN) or (who == DRIVER and operation.name not in NOT_FOR_DRIVERS)


@pytest.mark.parametrize("who", [OTHER_OWNER, DRIVER, OWNER, ADMIN])
@pytest.mark.parametrize("operation", ABOUT_ONE, ids=_name)
def test_what_is_not_ones_own_does_not_exist(receiver: Running, operation: Operation, who: str) -> None:
    values = _values(receiver.people, operation)
    answer = _ask(receiver, who, operation, values)
    if _sees(who, operation):
        assert answer.status_code == 200
    else:
        missing = _ask(receiver, who, operation, values | MISSING)
        assert (answer.status_code, answer.content) == (404, missing.content)
        assert (missing.status_code, receiver.backend.asked) == (404, [])


@pytest.mark.parametrize("who", [OTHER_OWNER, DRIVER, OWNER, ADMIN])
@pytest.mark.parametrize("operation", LISTING, ids=_name)
def test_a_list_holds_ones_own_only(receiver: Running, operation: Operation, who: str) -> None:
    people = receiver.people
    answer = receiver.ask(who, operation.method, operation.path)
    mine = {people.station_id, str(people.transaction_id), "Addis Charge"}
    found = {word for word in mine if word in answer.text}
    assert (answer.status_code, bool(found)) == (200, _sees(who, operation))


@pytest.mark.parametrize("operation", GUARDED, ids=_name)
def test_nobody_is_told_anything(receiver: Running, operation: Operation) -> None:
    values = _values(receiver.people)
    answers = [_ask(receiver, NOBODY, operation, each) for each in (values, values | MISSING)]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert (answers[0].content, receiver.backend.asked) == (answers[1].content, [])


@pytest.mark.parametrize("operation", OPEN, ids=_name)
def test_what_is_open_is_the_same_for_all(receiver: Running, operation: Operation) -> None:
    answers = [receiver.ask(who, operation.method, operation.path, json={}) for who in CALLERS]
    # Each look at the metrics is one request more.
    told = [b"" if operation.name == "metrics" else answer.content for answer in answers]
    assert len({(answer.status_code, text) for answer, text in zip(answers, told, strict=True)}) == 1


@pytest.mark.parametrize("name", ["get_session", "session_status", "stop_charging"])
def test_a_session_of_another_driver_does_not_exist(receiver: Running, name: str) -> None:
    operation = next(each for each in OPERATIONS if each.name == name)
    assert _ask(receiver, OTHER_DRIVER, operation, _values(receiver.people)).status_code == 404


@pytest.mark.parametrize("name", sorted(OF_THE_ENDED))
def test_a_receipt_of_another_driver_does_not_exist(receiver: Running, name: str) -> None:
    operation = next(each for each in OPERATIONS if each.name == name)
    assert _ask(receiver, OTHER_DRIVER, operation, _values(receiver.people, operation)).status_code == 404


@pytest.mark.parametrize("who", CALLERS)
def test_a_login_does_not_stand_in_for_the_token_of_a_payment(receiver: Running, who: str | None) -> None:
    for token in (receiver.people.token, str(receiver.people.transaction_id), str(ENDED)):
        path = f"/api/payments/qr-sessions/{token}/receipt.pdf"
        assert receiver.ask(who, "GET", path).status_code == 404


def test_a_receipt_and_a_statement_are_told_as_objects_and_as_files(receiver: Running) -> None:
    receipt = receiver.ask(DRIVER, "GET", f"/api/ocpp/sessions/{ENDED}/receipt/").json()
    assert (receipt["total"], receipt["transaction_id"]) == ("125.00", ENDED)
    address = f"/api/ocpp/statements/{receiver.people.statement_id}"
    statement = receiver.ask(OWNER, "GET", f"{address}/").json()
    assert (statement["gross"], [line["session"] for line in statement["lines"]]) == ("125.00", [str(ENDED)])
    files = (
        (DRIVER, f"/api/ocpp/sessions/{ENDED}/receipt.pdf", receipt["name"]),
        (OWNER, f"{address}.pdf", statement["name"]),
    )
    for who, path, name in files:
        answer = receiver.ask(who, "GET", path)
        assert answer.headers["Content-Type"] == "application/pdf"
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}.pdf"'
        assert name in PdfReader(BytesIO(answer.content)).pages[0].extract_text()


def test_a_session_that_runs_has_no_receipt_and_says_why(receiver: Running) -> None:
    answer = receiver.ask(DRIVER, "GET", f"/api/ocpp/sessions/{receiver.people.transaction_id}/receipt/")
    assert (answer.status_code, "not ended" in answer.json()["error"]) == (404, True)


def _start(receiver: Running, who: str, user_id: str) -> requests.Response:
    operation = next(each for each in OPERATIONS if each.name == "initiate_charging")
    values = _values(receiver.people)
    body = {name: values[name] for name in _required(operation.body_model)} | {"user_id": user_id}
    return receiver.ask(who, "POST", operation.path, json=body)


NO_USER = "00000000-0000-0000-0000-000000000000"


def test_an_owner_charges_for_nobody_of_another_owner(receiver: Running) -> None:
    foreign = str(receiver.people.user_ids["other owner"])
    answers = [_start(receiver, OWNER, user_id) for user_id in (foreign, NO_USER)]
    assert [answer.status_code for answer in answers] == [400, 400]
    assert answers[0].content == answers[1].content


def test_what_is_not_visible_answers_as_what_is_not_there(receiver: Running) -> None:
    invisible = receiver.ask(OWNER, "GET", f"/api/ocpp/stations/{receiver.people.foreign_station_id}/")
    missing = receiver.ask(OWNER, "GET", "/api/ocpp/stations/STATION_NONE/")
    assert (invisible.status_code, invisible.json()) == (missing.status_code, missing.json())


def test_logs_of_a_foreign_station_are_not_found_by_its_name(receiver: Running) -> None:
    path = f"/api/ocpp/logs/?station_id={receiver.people.foreign_station_id}"
    assert receiver.ask(OWNER, "GET", path).json() == []


def test_a_drivers_wrong_user_id_does_not_tell_whether_it_exists(receiver: Running) -> None:
    foreign = str(receiver.people.user_ids["driver"])
    answers = [_start(receiver, OTHER_DRIVER, user_id) for user_id in (foreign, NO_USER)]
    assert [answer.status_code for answer in answers] == [400, 400]
    assert answers[0].json() == answers[1].json()


def test_who_names_no_user_charges_for_itself(receiver: Running) -> None:
    operation = next(each for each in OPERATIONS if each.name == "initiate_charging")
    answer = _ask(receiver, DRIVER, operation, _values(receiver.people))
    assert answer.json()["charging_session"]["user"] == str(receiver.people.user_ids["driver"])


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
