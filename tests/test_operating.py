"""Resets, unlocks and switches: sent once, refused in plain words, and followed by what is reported since."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import factories
import pytest
from locator import Locator, cut, html, reply, running_locator
from sqlalchemy import Engine, select
from webhooks import STATION, at, presence, progress, started, status, stopped, tell, webhook

from db import audit
from db.analytics.scope import Scope
from db.engine import reading, writing
from db.models import ChargingSession, Command, OCPPConnector, User
from ocpp_integration import following, session_events
from ocpp_integration.backend import BackendClient
from ocpp_integration.commands import open_command
from ocpp_integration.errors import InvalidRequest
from ocpp_integration.operating import OPERATIONS, offered
from ocpp_integration.reconcile import settle_unanswered
from ocpp_integration.services import OCPPIntegrationService

WITHIN = timedelta(seconds=60)
ACCEPTED = reply(200, {"status": "Accepted", "answer": {}})


@dataclass
class Operator:
    """An admin before a station of two connectors, whose backend answers as it is told."""

    engine: Engine
    locator: Locator
    backend: BackendClient
    service: OCPPIntegrationService
    user: User
    connectors: list[int]
    now: float = 0

    def operate(self, kind: str, connector: int = 1, key: str = "key") -> dict[str, Any]:
        return self.service.operate(kind, self.connectors[connector - 1], self.user, key)

    def steps(self, seconds: float) -> list[tuple[str, str]]:
        """Of the newest command."""
        with reading(self.engine) as store:
            found = following.recent(
                store, Scope.network(), at(-1), limit=1, start_within=WITHIN, now=at(seconds)
            )
        return [(step.name, step.state) for step in found[0].progress.steps]

    def session(self, transaction: int) -> int:
        """Its primary key."""
        with reading(self.engine) as store:
            return store.scalars(
                select(ChargingSession.id).where(ChargingSession.transaction_id == transaction)
            ).one()

    def settle(self, seconds: float) -> list[str]:
        settle_unanswered(self.engine, now=at(seconds), start_within=WITHIN)
        with reading(self.engine) as store:
            return list(store.scalars(select(Command.state).order_by(Command.id)))


@pytest.fixture
def operator(engine: Engine) -> Iterator[Operator]:
    with writing(engine) as store:
        station = factories.add_station(store, factories.add_owner(store), station_id=STATION)
        user = factories.add_user(store)
        connectors = [connector.id for connector in station.connectors]
        station.last_heartbeat = None
    with running_locator() as locator:
        locator.answer(ACCEPTED)
        settings = locator.settings(ocpp_retry_attempts=0)
        backend = BackendClient(settings)
        service = OCPPIntegrationService(
            settings=settings, engine=engine, backend=backend, clock=lambda: at(running.now)
        )
        running = Operator(engine, locator, backend, service, user, connectors)
        yield running


def booted(seconds: float) -> dict[str, Any]:
    told = {"is_online": True, "last_heartbeat": at(seconds).isoformat(), "vendor": "ACME"}
    return webhook("station_status", seconds, status="available", **told)


@pytest.mark.parametrize(
    ("kind", "path", "body"),
    [
        ("reset_soft", "reset", {"type": "Soft"}),
        ("reset_hard", "reset", {"type": "Hard"}),
        ("unlock", "unlock-connector", {"connector_id": 2}),
        ("make_available", "change-availability", {"connector_id": 2, "operative": True}),
        ("make_unavailable", "change-availability", {"connector_id": 2, "operative": False}),
    ],
)
def test_each_command_is_told_in_the_backends_words_and_is_in_the_audit_log(
    operator: Operator, kind: str, path: str, body: dict[str, Any]
) -> None:
    operator.locator.answer(reply(200, {"status": OPERATIONS[kind].accepted[0], "answer": {}}))
    assert operator.operate(kind, connector=2)["success"]
    (sent,) = operator.locator.requests
    assert (sent.path, sent.body) == (f"/api/locator/stations/{STATION}/commands/{path}/", body)
    with reading(operator.engine) as store:
        (entry,) = audit.newest(store, limit=5)
    assert (entry.user_name, STATION in entry.subject) == ("admin", True)


def test_one_key_sends_once_and_tells_the_outcome_again(operator: Operator) -> None:
    first, second = operator.operate("reset_soft"), operator.operate("reset_soft")
    assert (first["command"].id, len(operator.locator.requests)) == (second["command"].id, 1)
    assert first["success"] and second["success"]


def test_a_second_reset_is_refused_while_the_first_is_open_whichever_connector_it_was_asked_at(
    operator: Operator,
) -> None:
    with writing(operator.engine) as store:
        connector = store.get_one(OCPPConnector, operator.connectors[0])
        store.add(Command(idempotency_key="a", kind="reset_soft", connector=connector, sent_at=at(0)))
    refused = [operator.operate(kind, 2, kind) for kind in ("reset_soft", "reset_hard")]
    assert {result["error"] for result in refused} == {"Another command for this connector is under way."}
    assert operator.locator.requests == []


def test_of_clicks_at_the_same_moment_one_is_recorded(operator: Operator) -> None:
    def click(number: int) -> bool:
        kind = ("reset_soft", "reset_hard")[number % 2]
        try:
            with writing(operator.engine) as store:
                connector = store.get_one(OCPPConnector, operator.connectors[0])
                open_command(
                    store, key=str(number), kind=kind, user=operator.user, connector=connector, now=at(0)
                )
        except InvalidRequest:
            return False
        return True

    with ThreadPoolExecutor(6) as clicks:
        assert sum(clicks.map(click, range(6))) == 1


def test_until_the_charge_point_is_back_it_is_not_reset_in_the_same_way_again(operator: Operator) -> None:
    operator.operate("reset_hard")
    operator.now = 10
    assert "not back yet" in operator.operate("reset_hard", key="another")["error"]
    tell(operator.engine, booted(20))
    operator.now = 30
    assert operator.operate("reset_hard", key="a third")["success"]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({"status": "Rejected"}, "The charge point refused."),
        ({"status": "UnlockFailed"}, "could not open the lock"),
        ({"status": "Strange"}, "answered Strange"),
    ],
)
def test_what_the_charge_point_refuses_has_failed_with_the_reason(
    operator: Operator, answer: dict[str, Any], says: str
) -> None:
    operator.locator.answer(reply(200, answer))
    result = operator.operate("unlock")
    assert (result["success"], says in result["error"]) == (False, True)
    assert operator.steps(5) == [("sent", "done"), ("accepted", "failed")]


def test_what_a_charge_point_that_is_offline_should_do_is_not_sent(operator: Operator) -> None:
    tell(operator.engine, presence(0, online=False))
    assert operator.operate("reset_soft")["error"] == "The station is offline."
    assert operator.locator.requests == []


def test_a_backend_without_such_commands_offers_none_and_says_so(operator: Operator) -> None:
    operator.locator.answer(html(404))
    assert offered(operator.backend) == frozenset()
    assert operator.operate("unlock")["error"] == "This OCPP backend does not take this command."


def test_what_a_backend_names_is_offered(operator: Operator) -> None:
    operator.locator.answer(reply(200, {"commands": ["reset", "trigger-message"]}))
    assert offered(operator.backend) == {"reset_soft", "reset_hard"}


def test_a_reset_is_followed_until_the_charge_point_has_booted(operator: Operator) -> None:
    operator.operate("reset_hard", connector=2)
    tell(operator.engine, presence(5, online=True))
    assert operator.steps(10)[-1] == ("back", "waiting")
    tell(operator.engine, booted(20))
    assert operator.steps(30)[-1] == ("back", "done")


def test_a_charge_point_that_went_away_and_came_back_has_restarted(operator: Operator) -> None:
    operator.operate("reset_hard")
    tell(operator.engine, presence(5, online=False), presence(20, online=True))
    assert operator.steps(30)[-1] == ("back", "done")


def test_a_boot_from_before_the_reset_is_none_of_it(operator: Operator) -> None:
    operator.operate("reset_hard")
    tell(operator.engine, booted(-60))
    assert operator.steps(10)[-1] == ("back", "waiting")


def test_a_switch_that_waits_for_a_session_is_done_when_the_connector_says_so(operator: Operator) -> None:
    tell(operator.engine, started(-60, transaction=7), status(-60, "charging"))
    operator.locator.answer(reply(200, {"status": "Scheduled"}))
    operator.operate("make_unavailable")
    assert operator.steps(3000)[-1] == ("switched", "waiting")
    tell(operator.engine, stopped(3000, transaction=7), status(3001, "unavailable"))
    assert operator.steps(3010)[-1] == ("switched", "done")


def test_a_switch_that_nobody_answered_is_settled_by_the_connectors_status(operator: Operator) -> None:
    operator.locator.answer(cut(b""))
    operator.operate("make_unavailable")
    assert (operator.steps(5)[-1], operator.settle(5)) == (("accepted", "waiting"), ["unknown"])
    tell(operator.engine, status(6, "unavailable"))
    assert operator.settle(10) == ["accepted"]


def test_a_reset_that_nobody_answered_is_settled_by_a_boot_or_else_has_failed(operator: Operator) -> None:
    operator.locator.answer(cut(b""))
    operator.operate("reset_hard", key="first")
    tell(operator.engine, booted(20))
    assert operator.settle(30) == ["accepted"]
    operator.now = 1000
    operator.operate("reset_hard", key="second")
    assert operator.settle(1200) == ["accepted", "unknown"]
    assert operator.settle(1301) == ["accepted", "failed"]


def test_an_unlock_that_nobody_answered_is_said_to_be_unknowable(operator: Operator) -> None:
    operator.locator.answer(cut(b""))
    operator.operate("unlock")
    assert operator.settle(1) == ["failed"]


def test_a_start_is_followed_from_the_plug_to_the_first_energy(operator: Operator) -> None:
    operator.locator.answer(reply(200, {"transaction": {"transaction_id": 7}}))
    operator.service.start(operator.connectors[0], operator.user, "start")
    tell(operator.engine, status(4, "preparing"))
    assert operator.steps(5)[2:] == [
        ("plugged_in", "done"),
        ("transaction", "waiting"),
        ("energy", "waiting"),
    ]
    register = {"measurand": "energy_active_import_register", "unit": "kWh", "value": 1.5}
    values = [register | {"timestamp": at(9).isoformat()}]
    tell(operator.engine, started(6, transaction=7), progress(10, 0.5, transaction=7, meter_values=values))
    pk = operator.session(7)
    with reading(operator.engine) as store:
        (found,) = following.of_session(store, Scope.network(), pk, start_within=WITHIN, now=at(20))
    assert [step.at for step in found.progress.steps[2:]] == [at(4), at(6), at(9)]
    assert (found.progress.succeeded, found.by) == (True, "admin")


def test_a_sessions_webhooks_are_those_of_its_transaction_and_of_its_owner(operator: Operator) -> None:
    with writing(operator.engine) as store:
        stranger = factories.add_owner(store, "Other owner")
    tell(operator.engine, started(0, transaction=7), status(1, "charging"), started(2, transaction=8))
    nameless = stopped(9, transaction=7)
    del nameless["station_id"]
    tell(operator.engine, nameless)
    pk = operator.session(7)
    with reading(operator.engine) as store:
        whole = session_events.page(store, Scope.network(), pk, limit=10)
        others = session_events.page(store, Scope.owner(stranger.id), pk, limit=10)
        body = session_events.body_of(store, Scope.network(), pk, whole.webhooks[0].pk)
        status_pk = whole.webhooks[1].pk + 1
        foreign = session_events.body_of(store, Scope.network(), pk, status_pk)
    assert [webhook.type for webhook in whole.webhooks] == ["session_stopped", "session_started"]
    assert (whole.count, others.count, foreign) == (2, 0, None)
    assert body is not None and b"session_stopped" in body
