"""Start, stop, sync and read through the façade, with a backend that may answer anything."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import factories
import pytest
from locator import ACCEPTED, Answer, Locator, cut, html, refusal, reply, running_locator, silence
from sqlalchemy import Engine, func, select
from webhooks import STATION, at, presence, started, stopped, tell

from db import rollups
from db.engine import reading, writing
from db.models import ChargingSession, Command, OCPPConnector, OCPPStation, User
from ocpp_integration.backend import BackendClient
from ocpp_integration.services import OCPPIntegrationService

Row = TypeVar("Row")

START = "/api/locator/initiate-charging/"
STOP = "/api/locator/stop-charging/"
NOW = at(0)


@dataclass
class Platform:
    """A store with a station, the service over it, and the backend that it talks to."""

    engine: Engine
    locator: Locator
    service: OCPPIntegrationService
    user: User
    now: datetime = NOW

    def start(self, connector: int = 1, **more: Any) -> dict[str, Any]:
        asked: dict[str, Any] = {
            "station_id": STATION,
            "connector_id": connector,
            "payment_transaction_id": "PAY",
        }
        return self.service.initiate_charging(user=self.user, **asked | more)

    def started(self, transaction: int = 501) -> dict[str, Any]:
        self.locator.answer(reply(200, {"transaction": {"transaction_id": transaction}}))
        result = self.start()
        self.locator.requests.clear()
        return result

    def only(self, model: type[Row]) -> Row:
        with reading(self.engine) as store:
            return store.scalars(select(model)).one()

    def count(self, model: type[Any]) -> int:
        with reading(self.engine) as store:
            return store.scalar(select(func.count()).select_from(model)) or 0


@pytest.fixture
def platform(engine: Engine) -> Iterator[Platform]:
    with writing(engine) as store:
        tariff = factories.add_tariff(store)
        station = factories.add_station(store, factories.add_owner(store), station_id=STATION, tariff=tariff)
        station.last_heartbeat = None
        user = factories.add_user(store)
    with running_locator() as locator:
        locator.answer(reply(200, ACCEPTED))
        settings = locator.settings(ocpp_timeout=1, ocpp_retry_attempts=1)
        service = OCPPIntegrationService(
            settings=settings,
            engine=engine,
            backend=BackendClient(settings, sleep=lambda _: None),
            clock=lambda: running.now,
        )
        running = Platform(engine, locator, service, user)
        yield running


def _change(engine: Engine, **columns: Any) -> None:
    with writing(engine) as store:
        connector = store.scalars(select(OCPPConnector).where(OCPPConnector.connector_id == 1)).one()
        for name, value in columns.items():
            setattr(connector, name, value)


# Start


def test_a_start_tells_the_backend_who_where_and_how_it_is_paid(platform: Platform) -> None:
    platform.start(owner_info={"owner_id": 7, "owner_name": "Addis Charge"})
    assert platform.locator.requests[0].body == {
        "station_id": STATION,
        "connector_id": 1,
        "user_id": str(platform.user.id),
        "payment_transaction_id": "PAY",
        "payment_method": "qr_code",
        "owner_id": "7",
        "owner_name": "Addis Charge",
    }


def test_an_accepted_start_makes_a_pending_session_of_the_user(platform: Platform) -> None:
    result = platform.start()
    session = platform.only(ChargingSession)
    assert (result["success"], session.transaction_id, session.status, session.user_id) == (
        True,
        501,
        "pending",
        platform.user.id,
    )


def test_an_accepted_start_is_recorded_as_a_command(platform: Platform) -> None:
    platform.start()
    command = platform.only(Command)
    assert (command.kind, command.state, command.transaction_id) == ("start", "accepted", 501)


def test_a_session_has_the_energy_and_the_cost_that_the_seed_reads(platform: Platform) -> None:
    session = platform.start()["charging_session"]
    assert (session.energy_consumed_kwh, session.cost) == (None, None)


def test_a_transaction_id_may_come_as_text(platform: Platform) -> None:
    platform.locator.answer(reply(200, {"transaction": {"transaction_id": "77"}}))
    assert platform.start()["charging_session"].transaction_id == 77


def test_webhooks_that_overtake_the_answer_lose_nothing(platform: Platform) -> None:
    def answer_late(handler: Any) -> None:
        told = [
            started(0, transaction=501, connector_id=None),
            stopped(60, transaction=501, meter_stop=3000),
        ]
        tell(platform.engine, *told)
        reply(200, ACCEPTED)(handler)

    platform.locator.answer(answer_late)
    session = platform.start()["charging_session"]
    assert (session.status, session.cost, session.payment_status, session.user_id) == (
        "completed",
        Decimal("20.00"),
        "completed",
        platform.user.id,
    )


UNKNOWN: dict[str, Answer] = {
    "an empty body": reply(200, b""),
    "HTML": html(),
    "a cut connection": cut(b""),
    "half an answer": cut(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"),
    "no transaction": reply(200, {}),
    "a transaction without an id": reply(200, {"transaction": {}}),
    "an id that is none": reply(200, {"transaction": {"transaction_id": True}}),
    "an id that no store takes": reply(200, {"transaction": {"transaction_id": 2**63}}),
    "a failure on the way": html(502),
    "a failure of the backend": refusal(500, "internal_error"),
    "a charge point that did not answer": refusal(504, "charge_point_timeout"),
}
FAILED: dict[str, Answer] = {
    "a busy connector": refusal(409, "connector_busy", "The connector is busy."),
    "a charge point that is away": refusal(503, "charge_point_not_connected", "It is not connected."),
    "a wrong key": refusal(401, "unauthorized"),
    "a bad field": refusal(422, "invalid_field"),
    "a redirect": reply(302, b"", Location="/elsewhere"),
    "HTML of a proxy": html(404),
}


@pytest.mark.parametrize("answer", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_a_start_that_may_have_been_done_is_unknown(platform: Platform, answer: Answer) -> None:
    platform.locator.answer(answer, reply(200, ACCEPTED))
    platform.start()
    assert (platform.only(Command).state, platform.locator.paths()) == ("unknown", [START])


@pytest.mark.parametrize("answer", FAILED.values(), ids=FAILED.keys())
def test_a_start_that_was_refused_has_failed(platform: Platform, answer: Answer) -> None:
    platform.locator.answer(answer, reply(200, ACCEPTED))
    platform.start()
    assert (platform.only(Command).state, platform.locator.paths()) == ("failed", [START])


@pytest.mark.parametrize("answer", [*UNKNOWN.values(), *FAILED.values()])
def test_a_failure_is_never_answered_with_success(platform: Platform, answer: Answer) -> None:
    platform.locator.answer(answer)
    result = platform.start()
    assert (result["success"], bool(result["error"]), platform.count(ChargingSession)) == (False, True, 0)


def test_a_start_that_nobody_answers_is_unknown(platform: Platform) -> None:
    platform.locator.answer(silence(platform.locator))
    platform.start()
    assert platform.only(Command).state == "unknown"


def test_a_busy_connector_is_told_in_the_backends_words_as_the_askers_mistake(platform: Platform) -> None:
    platform.locator.answer(refusal(409, "connector_busy", "The connector is busy."))
    result = platform.start()
    assert (result["code"], result["errors"], platform.only(Command).error) == (
        "busy",
        {"connector_id": ["The connector is busy."]},
        "The connector is busy.",
    )


def test_a_backend_that_is_down_was_asked_nothing(engine: Engine, platform: Platform) -> None:
    settings = platform.locator.settings(ocpp_base_url="http://127.0.0.1:1")
    service = OCPPIntegrationService(settings=settings, engine=engine)
    result = service.initiate_charging(
        station_id=STATION, connector_id=1, user=platform.user, payment_transaction_id="P"
    )
    assert (result["code"], result["retry_after"], platform.only(Command).state) == (
        "backend_down",
        30,
        "failed",
    )


def test_a_transaction_that_the_charge_point_left_unanswered_is_its_drivers_if_it_begins(
    platform: Platform,
) -> None:
    platform.locator.answer(refusal(504, "charge_point_timeout", transaction_id=501))
    platform.start()
    tell(platform.engine, started(5, transaction=501))
    session, command = platform.only(ChargingSession), platform.only(Command)
    assert (session.user_id, session.status, command.state, command.transaction_id) == (
        platform.user.id,
        "started",
        "unknown",
        501,
    )


def test_a_transaction_of_another_station_is_not_taken_over(platform: Platform) -> None:
    with writing(platform.engine) as store:
        owner = factories.add_owner(store, "Other owner")
        other = factories.add_station(store, owner, "Elsewhere")
        factories.add_session(store, other, NOW, transaction_id=501)
    result = platform.start()
    session = platform.only(ChargingSession)
    assert (result["success"], session.user_id, platform.only(Command).state) == (False, None, "unknown")


# The same command twice


def test_the_same_key_never_starts_twice(platform: Platform) -> None:
    first, second = platform.start(idempotency_key="k"), platform.start(idempotency_key="k")
    assert (platform.locator.paths(), second["success"]) == ([START], True)
    assert first["charging_session"].id == second["charging_session"].id


@pytest.mark.parametrize("answer", [cut(b""), refusal(409, "connector_busy"), html(500)])
def test_the_same_key_is_not_sent_again_after_a_failure(platform: Platform, answer: Answer) -> None:
    platform.locator.answer(answer, reply(200, ACCEPTED))
    platform.start(idempotency_key="k")
    again = platform.start(idempotency_key="k")
    assert (platform.locator.paths(), again["success"]) == ([START], False)


def test_two_at_once_start_once(platform: Platform) -> None:
    with ThreadPoolExecutor(2) as pool:
        results = [future.result() for future in [pool.submit(platform.start) for _ in range(2)]]
    assert (sorted(r["success"] for r in results), platform.locator.paths()) == ([False, True], [START])


def test_two_at_once_with_the_same_key_start_once(platform: Platform) -> None:
    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(platform.start, idempotency_key="k") for _ in range(2)]:
            future.result()
    assert (platform.locator.paths(), platform.count(Command)) == ([START], 1)


def test_a_key_of_another_connector_is_refused(platform: Platform) -> None:
    platform.start(idempotency_key="k")
    assert platform.start(connector=2, idempotency_key="k")["code"] == "key_reused"


def _open(platform: Platform, kind: str = "start") -> None:
    with writing(platform.engine) as store:
        connector = store.scalars(select(OCPPConnector).where(OCPPConnector.connector_id == 1)).one()
        store.add(
            Command(idempotency_key=f"left open {kind}", kind=kind, connector=connector, sent_at=platform.now)
        )


def test_an_open_command_bars_the_next_one(platform: Platform) -> None:
    _open(platform)
    platform.now += timedelta(seconds=120)
    assert (platform.start()["code"], platform.locator.paths()) == ("invalid", [])


def test_a_command_that_was_abandoned_bars_nothing(platform: Platform) -> None:
    _open(platform)
    platform.now += timedelta(seconds=121)
    assert platform.start()["success"]


def test_a_command_that_was_abandoned_is_unknown(platform: Platform) -> None:
    _open(platform)
    platform.now += timedelta(seconds=121)
    platform.start()
    with reading(platform.engine) as store:
        assert list(store.scalars(select(Command.state).order_by(Command.id))) == ["unknown", "accepted"]


# What cannot be started


@pytest.mark.parametrize(
    "status", ["charging", "suspended_ev", "finishing", "reserved", "unavailable", "faulted"]
)
def test_a_connector_that_is_not_free_is_not_started(platform: Platform, status: str) -> None:
    _change(platform.engine, status=status)
    result = platform.start()
    assert (list(result["errors"]), platform.locator.paths()) == (["connector_id"], [])


def test_a_connector_with_a_plugged_in_vehicle_is_started(platform: Platform) -> None:
    _change(platform.engine, status="preparing")
    assert platform.start()["success"]


def test_a_connector_with_a_session_is_not_started(platform: Platform) -> None:
    platform.started()
    assert (list(platform.start()["errors"]), platform.locator.paths()) == (["connector_id"], [])


def test_a_connector_whose_session_is_over_is_started(platform: Platform) -> None:
    platform.started()
    tell(platform.engine, started(0, transaction=501), stopped(60, transaction=501))
    platform.locator.answer(reply(200, {"transaction": {"transaction_id": 502}}))
    assert platform.start()["success"]


def test_an_offline_station_is_not_started(platform: Platform) -> None:
    tell(platform.engine, presence(0, online=False))
    assert (list(platform.start()["errors"]), platform.locator.paths()) == (["station_id"], [])


def test_a_closed_station_is_not_started(platform: Platform) -> None:
    with writing(platform.engine) as store:
        store.scalars(select(OCPPStation)).one().charging_station.is_active = False
    assert list(platform.start()["errors"]) == ["station_id"]


@pytest.mark.parametrize("where", [{"connector": 9}, {"station_id": "STATION_NONE"}])
def test_a_connector_that_is_not_there_is_not_found(platform: Platform, where: dict[str, Any]) -> None:
    assert (platform.start(**where)["code"], platform.count(Command)) == ("not_found", 0)


def test_a_refused_start_leaves_no_command_behind(platform: Platform) -> None:
    _change(platform.engine, status="faulted")
    platform.start()
    assert platform.count(Command) == 0


# Stop


def test_a_stop_tells_the_backend_the_transaction(platform: Platform) -> None:
    platform.started()
    platform.service.stop_charging(transaction_id=501, user_id="U")
    (request,) = platform.locator.requests
    assert (request.path, request.body) == (STOP, {"transaction_id": 501, "user_id": "U"})


def test_an_accepted_stop_is_stopping_until_the_charge_point_says_so(platform: Platform) -> None:
    platform.started()
    tell(platform.engine, started(-5, transaction=501))
    result = platform.service.stop_charging(transaction_id=501)
    assert (result["success"], result["charging_session"].status) == (True, "stopping")


@pytest.mark.parametrize(("answer", "state"), [(cut(b""), "unknown"), (refusal(409, "x"), "failed")])
def test_a_stop_is_never_sent_again(platform: Platform, answer: Answer, state: str) -> None:
    platform.started()
    platform.locator.answer(answer, reply())
    result = platform.service.stop_charging(transaction_id=501)
    assert (result["success"], result["command"].state, platform.locator.paths()) == (False, state, [STOP])


def test_the_same_key_never_stops_twice(platform: Platform) -> None:
    platform.started()
    for _ in range(2):
        result = platform.service.stop_charging(transaction_id=501, idempotency_key="stop")
    assert (result["success"], platform.locator.paths()) == (True, [STOP])


def test_an_open_stop_bars_the_second(platform: Platform) -> None:
    platform.started()
    _open(platform, "stop")
    result = platform.service.stop_charging(transaction_id=501)
    assert (result["code"], platform.locator.paths()) == ("invalid", [])


def test_a_session_that_is_over_is_not_stopped(platform: Platform) -> None:
    platform.started()
    tell(platform.engine, started(0, transaction=501), stopped(60, transaction=501))
    result = platform.service.stop_charging(transaction_id=501)
    assert (list(result["errors"]), platform.locator.paths()) == (["transaction_id"], [])


def test_a_session_that_is_not_there_is_not_found(platform: Platform) -> None:
    assert platform.service.stop_charging(transaction_id=9)["code"] == "not_found"


def test_a_key_of_another_session_is_refused(platform: Platform) -> None:
    platform.started()
    platform.service.stop_charging(transaction_id=501, idempotency_key="k")
    with writing(platform.engine) as store:
        station = store.scalars(select(OCPPStation)).one()
        factories.add_session(store, station, NOW, minutes=None, status="charging", transaction_id=502)
    result = platform.service.stop_charging(transaction_id=502, idempotency_key="k")
    assert result["code"] == "key_reused"


# By the keys of our rows, for the dashboard


def test_a_connector_of_the_live_page_is_started(platform: Platform) -> None:
    with reading(platform.engine) as store:
        pk = store.scalars(select(OCPPConnector.id).where(OCPPConnector.connector_id == 2)).one()
    platform.service.start(pk, platform.user, "k")
    (request,) = platform.locator.requests
    assert (request.body["connector_id"], request.body["payment_method"]) == (2, "dashboard")


def test_a_session_of_the_live_page_is_stopped(platform: Platform) -> None:
    session = platform.started()["charging_session"]
    platform.service.stop(session.id, platform.user, "k")
    assert platform.locator.requests[0].body == {
        "transaction_id": 501,
        "user_id": str(platform.user.id),
    }


def test_rows_that_are_not_there_are_not_found(platform: Platform) -> None:
    codes = [platform.service.start(99, platform.user, "a")["code"]]
    codes.append(platform.service.stop(99, platform.user, "b")["code"])
    assert codes == ["not_found", "not_found"]


# Read and sync


def test_a_session_that_is_asked_for_is_stored_and_returned(platform: Platform) -> None:
    platform.started()
    told = {
        "status": "Charging",
        "start_time": at(-600).isoformat(),
        "meter_start": 1000,
        "duration_seconds": 300,
        "energy_consumed_kwh": 1.5,
        "current_power_kw": 11,
    }
    platform.locator.answer(reply(200, {"session_data": told}))
    result = platform.service.get_session_data(transaction_id=501)
    session = result["charging_session"]
    assert (session.status, session.energy_consumed_kwh, session.cost, result["data"]) == (
        "charging",
        Decimal("1.500"),
        Decimal("15.00"),
        told,
    )


def test_a_session_that_the_backend_does_not_tell_of_stays_as_it_is(platform: Platform) -> None:
    platform.started()
    platform.locator.answer(refusal(500, "x"))
    result = platform.service.get_session_data(transaction_id=501)
    assert (result["success"], platform.only(ChargingSession).status) == (False, "pending")


def test_a_station_is_told_with_its_connectors(platform: Platform) -> None:
    with reading(platform.engine) as store:
        place = store.scalars(select(OCPPStation)).one().charging_station
    platform.locator.answer(reply(200, {"ocpp_websocket": "ws://backend/ws/X"}))
    result = platform.service.sync_station_to_ocpp(place, vendor="V")
    assert (result["success"], result["ocpp_station"].ocpp_websocket_url, result["ocpp_station"].vendor) == (
        True,
        "ws://backend/ws/X",
        "V",
    )


def test_a_refused_sync_is_no_success(platform: Platform) -> None:
    with reading(platform.engine) as store:
        place = store.scalars(select(OCPPStation)).one().charging_station
    platform.locator.answer(refusal(422, "invalid_field", "latitude is missing."))
    assert platform.service.sync_station_to_ocpp(place)["error"] == "latitude is missing."


def test_nobody_waits_for_a_sync_as_long_as_the_backend_asks_for(platform: Platform) -> None:
    pauses: list[float] = []
    settings = platform.locator.settings(ocpp_retry_attempts=3)
    backend = BackendClient(settings, sleep=pauses.append, jitter=lambda _least, longest: longest)
    service = OCPPIntegrationService(settings=settings, engine=platform.engine, backend=backend)
    with reading(platform.engine) as store:
        place = store.scalars(select(OCPPStation)).one().charging_station
    platform.locator.answer(reply(503, {}, Retry_After="60"), reply())
    assert not service.sync_station_to_ocpp(place)["success"]
    platform.locator.answer(reply(503, {}), reply(200, {"ocpp_websocket": "ws://x"}))
    assert service.sync_station_to_ocpp(place)["success"]
    assert pauses == [0.5]


def test_after_all_this_the_sums_are_what_their_rows_add_up_to(platform: Platform) -> None:
    platform.started()
    tell(platform.engine, started(0, transaction=501), stopped(60, transaction=501))
    with reading(platform.engine) as store:
        assert rollups.differing(store, NOW.date(), NOW.date()) == 0
