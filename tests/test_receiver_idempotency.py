"""`Idempotency-Key`: a command is done once, whichever process it is sent to and however often."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from receiver_app import Running, populate, running_receiver
from receiver_process import agreeing_backend, receivers
from sqlalchemy import Engine, func, select

from db.engine import reading, writing
from db.models import ChargingSession, Command, OCPPConnector
from db.models.base import utc_now
from ocpp_integration.transport import NoAnswer, NotSent

START = "/api/ocpp/initiate-charging/"
STOP = "/api/ocpp/stop-charging/"


@pytest.fixture
def receiver(engine: Engine) -> Iterator[Running]:
    with running_receiver(engine) as running:
        running.backend.answers = {
            "/initiate-charging/": (200, {"transaction": {"transaction_id": 5000, "note": "as it came"}}),
            "/stop-charging/": (200, {"transaction_id": running.people.transaction_id, "status": "Stopping"}),
        }
        yield running


def _start(receiver: Running, key: str = "k", **fields: Any) -> requests.Response:
    body = {
        "station_id": receiver.people.station_id,
        "connector_id": 2,
        "user_id": str(receiver.people.user_ids["driver"]),
        "payment_transaction_id": "PAY-1",
    }
    headers = {"Idempotency-Key": key}
    return receiver.ask("owner", "POST", START, json=body | fields, headers=headers)


def _stop(receiver: Running, key: str = "k") -> requests.Response:
    body = {"transaction_id": receiver.people.transaction_id}
    return receiver.ask("owner", "POST", STOP, json=body, headers={"Idempotency-Key": key})


def _told(answer: requests.Response) -> tuple[int, Any, Any]:
    body = answer.json()
    session = body.pop("charging_session", None)
    return answer.status_code, body, session and session["transaction_id"]


@pytest.mark.parametrize("command", [_start, _stop])
def test_a_repeat_is_answered_as_the_first_was(receiver: Running, command: Any) -> None:
    first, again = _told(command(receiver)), _told(command(receiver))
    assert (first[0], first, len(receiver.backend.asked)) == (200, again, 1)


@pytest.mark.parametrize(
    "failure",
    [
        (500, {"error": "out of order"}),
        (409, {"error": "The connector is busy.", "code": "connector_busy"}),
        (200, b"<html>"),
        NoAnswer("gave no answer in time"),
    ],
)
@pytest.mark.parametrize("command", [_start, _stop])
def test_a_repeat_of_a_failure_is_answered_as_the_first_was(
    receiver: Running, command: Any, failure: Any
) -> None:
    receiver.backend.answers = dict.fromkeys(receiver.backend.answers, failure)
    first, again = _told(command(receiver)), _told(command(receiver))
    assert (first, len(receiver.backend.asked)) == (again, 1)
    assert first[0] in (400, 502)


def test_a_command_that_never_reached_the_backend_is_sent_by_its_repeat(receiver: Running) -> None:
    answered = receiver.backend.answers["/initiate-charging/"]
    receiver.backend.answers["/initiate-charging/"] = NotSent("cannot be reached")
    down = _start(receiver)
    receiver.backend.answers["/initiate-charging/"] = answered
    after = [_start(receiver) for _ in range(2)]
    assert (down.status_code, [each.status_code for each in after]) == (503, [200, 200])
    # The one that found no way, and the one that did.
    assert len(receiver.backend.asked) == 2


def test_a_command_that_is_opened_again_may_meet_another_one(receiver: Running) -> None:
    receiver.backend.answers["/initiate-charging/"] = NotSent("cannot be reached")
    _start(receiver)
    with writing(receiver.engine) as store:
        connector = store.scalars(select(OCPPConnector).where(OCPPConnector.connector_id == 2).limit(1)).one()
        store.add(Command(idempotency_key="other", kind="start", connector=connector, sent_at=utc_now()))
    answer = _start(receiver)
    assert (answer.status_code, list(answer.json())) == (400, ["connector_id"])


@pytest.mark.parametrize("fields", [{"payment_transaction_id": "PAY-2"}, {"connector_id": 1}])
def test_a_key_with_another_body_is_refused(receiver: Running, fields: dict[str, Any]) -> None:
    _start(receiver)
    answer = _start(receiver, **fields)
    assert (answer.status_code, "idempotency key" in answer.json()["error"]) == (422, True)
    assert len(receiver.backend.asked) == 1


def test_a_key_of_another_command_is_refused(receiver: Running) -> None:
    _stop(receiver)
    assert _start(receiver, connector_id=1).status_code == 422


def test_a_repeat_while_the_command_is_under_way_is_told_so(receiver: Running) -> None:
    _start(receiver)
    with writing(receiver.engine) as store:
        command = store.scalars(select(Command)).one()
        command.state, command.outcome = "open", None
    answer = _start(receiver)
    assert (answer.status_code, answer.headers["Retry-After"], answer.json()["success"]) == (409, "2", False)


def test_sent_to_two_processes_at_once_it_is_done_once(engine: Engine) -> None:
    people = populate(engine)
    body = {
        "station_id": people.station_id,
        "connector_id": 2,
        "user_id": str(people.user_ids["driver"]),
        "payment_transaction_id": "PAY-1",
    }
    headers = {"Authorization": f"Token {people.tokens['owner']}", "Idempotency-Key": "k"}
    with agreeing_backend() as backend, receivers(engine, 2, OCPP_BASE_URL=backend.url) as urls:

        def send(number: int) -> int:
            answer = requests.post(urls[number % 2] + START, json=body, headers=headers, timeout=20)
            return answer.status_code

        with ThreadPoolExecutor(8) as pool:
            statuses = set(pool.map(send, range(16)))
        last = send(0)
        paths = backend.paths()
    with reading(engine) as store:
        sessions = store.scalar(
            select(func.count()).select_from(ChargingSession).where(ChargingSession.transaction_id > 70_000)
        )
    assert (last, statuses <= {200, 409}, len(paths), sessions) == (200, True, 1, 1)
