"""A command's steps, read off the session that it made."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import factories
import pytest
from sqlalchemy import Engine
from webhooks import at

from db.analytics.scope import Scope
from db.engine import writing
from db.models import ChargingSession, Command, utc_now
from ocpp_integration.commands import close_command, find_progress, open_command, progress
from ocpp_integration.errors import InvalidRequest

WITHIN = timedelta(seconds=60)


def _command(kind: str = "start", state: str = "accepted", **columns: Any) -> Command:
    answered = None if state == "open" else at(1)
    return Command(kind=kind, state=state, sent_at=at(0), answered_at=answered, **columns)


def _session(**columns: Any) -> ChargingSession:
    return ChargingSession(start_time=at(1), **columns)


def _steps(
    command: Command, session: ChargingSession | None, now: datetime | None = None
) -> list[tuple[str, str]]:
    return [(step.name, step.state) for step in progress(command, session, now or at(10), WITHIN).steps]


def test_a_command_without_an_answer_waits_for_it() -> None:
    assert _steps(_command(state="open"), None) == [("sent", "done"), ("accepted", "waiting")]


@pytest.mark.parametrize("state", ["failed", "unknown"])
def test_a_command_that_was_not_accepted_is_finished_and_did_not_succeed(state: str) -> None:
    found = progress(_command(state=state, error="It said no."), None, at(10), WITHIN)
    assert (found.finished, found.succeeded, found.steps[-1].detail) == (True, False, "It said no.")


def test_a_command_that_met_no_backend_was_not_sent() -> None:
    down = _command(state="failed", error="The OCPP backend is down.", outcome={"code": "backend_down"})
    found = progress(down, None, at(10), WITHIN)
    assert [(step.name, step.state, step.detail) for step in found.steps] == [
        ("sent", "failed", "The OCPP backend is down.")
    ]
    assert (found.finished, found.succeeded) == (True, False)


def test_an_accepted_start_waits_for_the_vehicle() -> None:
    assert _steps(_command(), _session()) == [
        ("sent", "done"),
        ("accepted", "done"),
        ("transaction", "waiting"),
        ("energy", "waiting"),
    ]


def test_a_start_has_succeeded_when_the_meter_moves() -> None:
    found = progress(_command(), _session(reported_start=at(5), energy_wh=1), at(10), WITHIN)
    assert (found.finished, found.succeeded) == (True, True)


def test_a_transaction_without_energy_waits_for_the_meter() -> None:
    assert _steps(_command(), _session(reported_start=at(5), energy_wh=0))[-1] == ("energy", "waiting")


def test_a_vehicle_that_did_not_come_in_time_is_named() -> None:
    found = progress(_command(), _session(), at(1 + 60 + 16), WITHIN)
    assert (found.finished, found.succeeded, "no vehicle" in found.steps[-1].detail) == (True, False, True)


def test_a_transaction_that_ended_before_it_began_is_named() -> None:
    assert _steps(_command(), _session(stop_time=at(4)))[-1] == ("transaction", "failed")


def test_a_session_that_ended_without_energy_is_named_with_its_reason() -> None:
    ended = _session(reported_start=at(2), stop_time=at(4), stop_reason="EVDisconnected", energy_wh=0)
    step = progress(_command(), ended, at(10), WITHIN).steps[-1]
    assert (step.name, step.state, "EVDisconnected" in step.detail) == ("energy", "failed", True)


def test_a_vehicle_that_draws_nothing_is_named_after_two_minutes() -> None:
    assert _steps(_command(), _session(reported_start=at(5)), at(126))[-1] == ("energy", "failed")


def test_a_stop_waits_for_the_charge_point() -> None:
    assert _steps(_command("stop"), _session())[-1] == ("stopped", "waiting")


def test_a_stop_has_succeeded_when_the_session_is_over() -> None:
    found = progress(_command("stop"), _session(stop_time=at(4)), at(10), WITHIN)
    assert (found.finished, found.succeeded) == (True, True)


def test_a_stop_that_the_charge_point_forgot_is_named_after_a_minute() -> None:
    assert _steps(_command("stop"), _session(), at(62))[-1] == ("stopped", "failed")


def test_a_start_without_an_answer_is_known_by_its_session() -> None:
    found = progress(_command(state="unknown"), _session(reported_start=at(5), energy_wh=1), at(9), WITHIN)
    assert found.succeeded


def test_a_stop_without_an_answer_is_known_by_its_session() -> None:
    assert progress(_command("stop", "unknown"), _session(stop_time=at(4)), at(9), WITHIN).succeeded


def test_a_stop_without_an_answer_whose_session_runs_on_has_failed() -> None:
    assert _steps(_command("stop", "unknown"), _session(reported_start=at(0)))[-1] == ("accepted", "failed")


def test_a_refused_start_does_not_take_a_session_for_its_own() -> None:
    found = progress(_command(state="failed"), _session(reported_start=at(5), energy_wh=1), at(9), WITHIN)
    assert not found.succeeded


def test_a_command_of_another_owner_does_not_exist(engine: Engine) -> None:
    with writing(engine) as store:
        own = factories.add_owner(store)
        other = factories.add_station(store, factories.add_owner(store, "Other owner"))
        command, _ = open_command(
            store, key="k", kind="start", user=None, connector=other.connectors[0], now=at(0)
        )
        scopes = Scope.owner(own.id), Scope.network()
        found = [find_progress(store, scope, command.id, start_within=WITHIN) for scope in scopes]
    assert [each is None for each in found] == [True, False]


def test_a_known_key_gives_the_command_back_as_it_stands(engine: Engine) -> None:
    with writing(engine) as store:
        connector = factories.add_station(store, factories.add_owner(store)).connectors[0]
        (first, was_new), (second, is_new) = (
            open_command(store, key="k", kind="start", user=None, connector=connector, now=at(n))
            for n in (0, 5)
        )
        assert (first.id, was_new, is_new, second.sent_at) == (second.id, True, False, at(0))


def test_a_start_and_a_stop_may_be_open_at_once(engine: Engine) -> None:
    with writing(engine) as store:
        connector = factories.add_station(store, factories.add_owner(store)).connectors[0]
        for kind in ("start", "stop"):
            _, is_new = open_command(store, key=kind, kind=kind, user=None, connector=connector, now=at(0))
            assert is_new


def test_two_starts_may_not_be_open_at_once(engine: Engine) -> None:
    with writing(engine) as store:
        connector = factories.add_station(store, factories.add_owner(store)).connectors[0]
        open_command(store, key="a", kind="start", user=None, connector=connector, now=at(0))
        with pytest.raises(InvalidRequest):
            open_command(store, key="b", kind="start", user=None, connector=connector, now=at(1))


def test_a_start_without_an_answer_is_not_taken_for_a_session_without_a_transaction(engine: Engine) -> None:
    with writing(engine) as store:
        station = factories.add_station(store, factories.add_owner(store))
        factories.add_session(store, station, utc_now())
        connector = station.connectors[0]
        command, _ = open_command(
            store, key="unanswered", kind="start", user=None, connector=connector, now=utc_now()
        )
        close_command(command, state="unknown", now=utc_now())
        found = find_progress(store, Scope.network(), command.id, start_within=timedelta(seconds=60))
    assert found is not None
    assert [step.state for step in found.steps] == ["done", "failed"]
