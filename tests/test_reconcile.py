"""Commands that nobody answered: the sessions tell later what became of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import factories
import pytest
from locator import Answer, Locator, cut, refusal, reply, running_locator
from sqlalchemy import Engine, select
from webhooks import NOON, STATION, at, progress, started, stopped, tell

from db import rollups
from db.engine import reading, writing
from db.models import ChargingSession, Command, OCPPConnector, User
from jobs import work
from ocpp_integration.backend import BackendClient
from ocpp_integration.reconcile import settle_unanswered
from ocpp_integration.services import OCPPIntegrationService

WITHIN = timedelta(seconds=60)
LATE = 181


@dataclass
class Unanswered:
    """A start of connector 1, paid as PAY, to which no answer came."""

    engine: Engine
    locator: Locator
    service: OCPPIntegrationService
    user: User
    now: float = 0

    def start(self, answer: Answer | None = None, payment: str = "PAY") -> None:
        self.locator.answer(answer or cut(b""))
        self.service.initiate_charging(
            station_id=STATION, connector_id=1, user=self.user, payment_transaction_id=payment
        )

    def stop(self) -> None:
        self.locator.answer(cut(b""))
        self.service.stop_charging(transaction_id=7)

    def settle(self, seconds: float = 30) -> int:
        return settle_unanswered(self.engine, now=at(seconds), start_within=WITHIN)

    def told(self) -> list[tuple[str, int | None]]:
        with reading(self.engine) as store:
            rows = store.execute(select(Command.state, Command.transaction_id).order_by(Command.id))
            return [(row[0], row[1]) for row in rows]

    def session(self) -> ChargingSession:
        with reading(self.engine) as store:
            return store.scalars(select(ChargingSession)).one()


@pytest.fixture
def unanswered(engine: Engine) -> Iterator[Unanswered]:
    with writing(engine) as store:
        factories.add_station(store, factories.add_owner(store), station_id=STATION)
        user = factories.add_user(store)
    with running_locator() as locator:
        settings = locator.settings(ocpp_retry_attempts=0)
        service = OCPPIntegrationService(
            settings=settings,
            engine=engine,
            backend=BackendClient(settings),
            clock=lambda: at(running.now),
        )
        running = Unanswered(engine, locator, service, user)
        yield running


def test_a_start_is_accepted_when_its_session_appears(unanswered: Unanswered) -> None:
    unanswered.start()
    tell(unanswered.engine, started(5, transaction=7, payment_transaction_id="PAY"))
    assert (unanswered.settle(), unanswered.told()) == (1, [("accepted", 7)])


def test_the_session_belongs_to_whoever_started_it_and_is_paid_as_was_said(unanswered: Unanswered) -> None:
    unanswered.start()
    tell(unanswered.engine, started(5, transaction=7, payment_transaction_id="PAY"))
    unanswered.settle()
    session = unanswered.session()
    assert (
        session.user_id,
        session.payment_transaction_id,
        session.payment_method,
        session.payment_status,
    ) == (unanswered.user.id, "PAY", "qr_code", "authorized")


def test_a_session_that_is_over_already_is_its_too_and_completed(unanswered: Unanswered) -> None:
    unanswered.start()
    tell(unanswered.engine, started(5, transaction=7), stopped(20, transaction=7, meter_stop=1200))
    unanswered.settle()
    session = unanswered.session()
    assert (unanswered.told(), session.payment_status) == ([("accepted", 7)], "completed")


@pytest.mark.parametrize(
    "named",
    [{"payment_transaction_id": "ANOTHER"}, {"payment_transaction_id": None}, {"user_id": "somebody else"}],
)
def test_a_session_of_somebody_else_is_not_taken_for_its_own(
    unanswered: Unanswered, named: dict[str, Any]
) -> None:
    unanswered.start()
    tell(unanswered.engine, started(5, transaction=7, **named))
    assert (unanswered.settle(), unanswered.session().user_id) == (0, None)


@pytest.mark.parametrize("named", [{}, {"user_id": "its own"}])
def test_a_backend_that_names_no_payment_leaves_user_place_and_time(
    unanswered: Unanswered, named: dict[str, Any]
) -> None:
    unanswered.start()
    told = {name: str(unanswered.user.id) for name in named}
    tell(unanswered.engine, started(5, transaction=7, **told))
    unanswered.settle()
    assert unanswered.told() == [("accepted", 7)]


@pytest.mark.parametrize(
    "elsewhere",
    [{"connector_id": 2}, {"start_time": at(-60).isoformat()}, {"start_time": at(LATE).isoformat()}],
)
def test_a_session_of_another_place_or_time_is_not_taken_for_its_own(
    unanswered: Unanswered, elsewhere: dict[str, Any]
) -> None:
    unanswered.start()
    tell(unanswered.engine, started(5, transaction=7, **elsewhere))
    assert (unanswered.settle(), unanswered.told()) == (0, [("unknown", None)])


def test_a_start_that_made_nothing_in_its_time_has_failed(unanswered: Unanswered) -> None:
    unanswered.start()
    assert (unanswered.settle(LATE - 2), unanswered.settle(LATE)) == (0, 1)
    assert unanswered.told() == [("failed", None)]


def test_of_two_starts_the_later_one_made_the_session(unanswered: Unanswered) -> None:
    unanswered.start()
    unanswered.now = 20
    unanswered.start(payment="PAY 2")
    tell(unanswered.engine, started(30, transaction=7))
    unanswered.settle(40)
    assert unanswered.told() == [("unknown", None), ("accepted", 7)]


def test_a_session_is_claimed_once(unanswered: Unanswered) -> None:
    unanswered.start(reply(200, {"transaction": {"transaction_id": 7}}))
    tell(unanswered.engine, started(5, transaction=7), stopped(10, transaction=7, meter_stop=1200))
    unanswered.now = 15
    unanswered.start()
    assert (unanswered.settle(), unanswered.told()) == (0, [("accepted", 7), ("unknown", None)])


def test_a_start_whose_transaction_is_known_is_accepted_when_that_begins(unanswered: Unanswered) -> None:
    unanswered.start(refusal(504, "charge_point_timeout", transaction_id=7))
    assert unanswered.settle(LATE) == 0
    tell(unanswered.engine, started(5, transaction=7))
    assert (unanswered.settle(LATE), unanswered.told()) == (1, [("accepted", 7)])


def test_a_command_whose_process_died_is_settled_too(unanswered: Unanswered) -> None:
    with writing(unanswered.engine) as store:
        connector = store.scalars(select(OCPPConnector).where(OCPPConnector.connector_id == 1)).one()
        store.add(Command(idempotency_key="left open", kind="start", connector=connector, sent_at=NOON))
    tell(unanswered.engine, started(5, transaction=7))
    assert (unanswered.settle(119), unanswered.settle(121)) == (0, 1)


def test_a_stop_is_accepted_when_its_session_is_over(unanswered: Unanswered) -> None:
    tell(unanswered.engine, started(-60, transaction=7))
    unanswered.stop()
    tell(unanswered.engine, stopped(10, transaction=7, meter_stop=1200))
    assert (unanswered.settle(), unanswered.told()) == (1, [("accepted", 7)])


def _hear_at(engine: Engine, seconds: float) -> None:
    with writing(engine) as store:
        store.scalars(select(ChargingSession)).one().heard_at = at(seconds)


def test_a_stop_whose_session_runs_on_has_failed(unanswered: Unanswered) -> None:
    tell(unanswered.engine, started(-60, transaction=7), progress(30, 1, transaction=7))
    unanswered.stop()
    _hear_at(unanswered.engine, 59)
    assert unanswered.settle(90) == 0
    _hear_at(unanswered.engine, 61)
    assert (unanswered.settle(90), unanswered.told()) == (1, [("failed", 7)])


def test_nothing_is_sent_to_find_out(unanswered: Unanswered) -> None:
    unanswered.start()
    unanswered.settle(LATE)
    assert len(unanswered.locator.requests) == 1


def test_the_poll_asks_for_what_was_not_answered_and_settles_it(unanswered: Unanswered) -> None:
    unanswered.start(refusal(504, "charge_point_timeout", transaction_id=7))
    begun = {"status": "Charging", "meter_start": 0, "start_time": at(5).isoformat(), "connector_id": 1}
    unanswered.locator.answer(reply(200, {"session_data": {**begun, "duration_seconds": 20}}))
    settings = unanswered.locator.settings()
    work.poll_sessions(unanswered.engine, BackendClient(settings), lambda: at(30), settings)
    assert unanswered.told() == [("accepted", 7)]


def test_a_transaction_that_the_backend_has_forgotten_makes_the_start_fail(unanswered: Unanswered) -> None:
    unanswered.start(refusal(504, "charge_point_timeout", transaction_id=7))
    unanswered.locator.answer(refusal(404, "transaction_not_found"))
    settings = unanswered.locator.settings()
    work.poll_sessions(unanswered.engine, BackendClient(settings), lambda: at(30), settings)
    assert (unanswered.told(), unanswered.session().status) == ([("failed", 7)], "failed")


def test_while_the_backend_is_down_no_start_is_said_to_have_failed(unanswered: Unanswered) -> None:
    unanswered.start()
    settings = unanswered.locator.settings(ocpp_retry_attempts=0)
    work.poll_sessions(unanswered.engine, BackendClient(settings), lambda: at(LATE), settings)
    assert unanswered.told() == [("unknown", None)]


def test_after_all_this_the_sums_are_what_their_rows_add_up_to(unanswered: Unanswered) -> None:
    unanswered.start()
    tell(unanswered.engine, started(5, transaction=7), stopped(20, transaction=7, meter_stop=1200))
    unanswered.settle()
    with reading(unanswered.engine) as store:
        assert rollups.differing(store, NOON.date(), NOON.date()) == 0
