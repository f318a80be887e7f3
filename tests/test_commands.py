"""A command's steps, read off the session that it made."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import factories
import pytest
from sqlalchemy import Engine
from webhooks import at

from db.analytics.scope import Scope
from db.engine import writing
from db.models import ChargingSession, Command, utc_now
from ocpp_integration.commands import close_command, open_command
from ocpp_integration.errors import InvalidRequest
from ocpp_integration.following import find
from ocpp_integration.steps import Progress, Seen, Step, progress

WITHIN = timedelta(seconds=60)


def _command(kind: str = "start", state: str = "accepted", **columns: Any) -> Command:
    answered = None if state == "open" else at(1)
    return Command(kind=kind, state=state, sent_at=at(0), answered_at=answered, **columns)


def _session(**columns: Any) -> ChargingSession:
    return ChargingSession(start_time=at(1), **columns)


def _progress(
    command: Command, session: ChargingSession | None, now: datetime | None = None, **seen: Any
) -> Progress:
    return progress(command, Seen(session, **seen), now or at(10), WITHIN)


def _steps(
    command: Command, session: ChargingSession | None = None, now: datetime | None = None, **seen: Any
) -> list[tuple[str, str]]:
    return [(step.name, step.state) for step in _progress(command, session, now, **seen).steps]


def test_a_command_without_an_answer_waits_for_it() -> None:
    assert _steps(_command(state="open"), None) == [("sent", "done"), ("accepted", "waiting")]


def test_a_command_that_was_refused_is_finished_and_did_not_succeed() -> None:
    found = _progress(_command(state="failed", error="It said no."), None)
    assert (found.finished, found.succeeded, found.steps[-1].detail) == (True, False, "It said no.")


def test_a_command_that_met_no_backend_was_not_sent() -> None:
    down = _command(state="failed", error="The OCPP backend is down.", outcome={"code": "backend_down"})
    found = _progress(down, None, at(10))
    assert [(step.name, step.state, step.detail) for step in found.steps] == [
        ("sent", "failed", "The OCPP backend is down.")
    ]
    assert (found.finished, found.succeeded) == (True, False)


def test_of_a_command_that_nobody_answered_it_is_said_that_it_is_being_found_out() -> None:
    found = _progress(_command(state="unknown", error="It was cut."), None)
    assert (found.finished, found.steps[-1].state) == (False, "waiting")
    assert found.steps[-1].detail == "It was cut. What happened is being found out."


def test_an_accepted_start_waits_for_the_vehicle() -> None:
    assert _steps(_command(), _session()) == [
        ("sent", "done"),
        ("accepted", "done"),
        ("plugged_in", "waiting"),
        ("transaction", "waiting"),
        ("energy", "waiting"),
    ]


def test_a_start_has_succeeded_when_the_meter_moves() -> None:
    found = _progress(_command(), _session(reported_start=at(5), energy_wh=1), at(10))
    assert (found.finished, found.succeeded) == (True, True)


def test_a_transaction_without_energy_waits_for_the_meter() -> None:
    assert _steps(_command(), _session(reported_start=at(5), energy_wh=0))[-1] == ("energy", "waiting")


def test_a_vehicle_that_did_not_come_in_time_is_named() -> None:
    found = _progress(_command(), _session(), at(1 + 60 + 16))
    assert (found.finished, found.succeeded, found.steps[-1]) == (
        True,
        False,
        Step("plugged_in", "failed", None, "No vehicle was plugged in within 60 s."),
    )


def test_a_vehicle_that_is_plugged_in_and_begins_nothing_is_named() -> None:
    found = _progress(_command(), _session(), at(1 + 60 + 16), plugged_at=at(3))
    assert [(step.name, step.state, step.at) for step in found.steps[2:]] == [
        ("plugged_in", "done", at(3)),
        ("transaction", "failed", None),
    ]


def test_a_step_that_is_waited_for_says_until_when() -> None:
    step = _progress(_command(), _session()).steps[2]
    assert (step.name, step.until) == ("plugged_in", at(1 + 60 + 15))


def test_the_first_energy_is_dated_by_the_meter() -> None:
    found = _progress(
        _command(), _session(reported_start=at(5), energy_wh=1, power_at=at(9)), energy_at=at(7)
    )
    assert found.steps[-1].at == at(7)


def test_a_transaction_that_ended_before_it_began_is_named() -> None:
    assert _steps(_command(), _session(stop_time=at(4)))[-1] == ("plugged_in", "failed")


def test_a_session_that_ended_without_energy_is_named_with_its_reason() -> None:
    ended = _session(reported_start=at(2), stop_time=at(4), stop_reason="EVDisconnected", energy_wh=0)
    step = _progress(_command(), ended, at(10)).steps[-1]
    assert (step.name, step.state, "EVDisconnected" in step.detail) == ("energy", "failed", True)


def test_a_vehicle_that_draws_nothing_is_named_after_two_minutes() -> None:
    assert _steps(_command(), _session(reported_start=at(5)), at(126))[-1] == ("energy", "failed")


def test_a_stop_waits_for_the_charge_point_and_then_for_the_bill() -> None:
    assert _steps(_command("stop"), _session())[2:] == [("stopped", "waiting"), ("billed", "waiting")]
    assert _steps(_command("stop"), _session(stop_time=at(4)))[2:] == [
        ("stopped", "done"),
        ("billed", "waiting"),
    ]


@pytest.mark.parametrize(("known", "cause"), [({}, "No tariff"), ({"verdict": "held"}, "administrator")])
def test_a_stop_whose_session_is_not_billed_says_why(known: dict[str, Any], cause: str) -> None:
    step = _progress(_command("stop"), _session(stop_time=at(4), heard_at=at(4), **known), at(65)).steps[-1]
    assert (step.name, step.state, cause in step.detail) == ("billed", "failed", True)


def test_a_stop_has_succeeded_when_the_session_is_over_and_billed() -> None:
    found = _progress(_command("stop"), _session(stop_time=at(4), cost=Decimal(0)), at(10))
    assert (found.finished, found.succeeded) == (True, True)


def test_a_stop_that_the_charge_point_forgot_is_named_after_a_minute() -> None:
    assert _steps(_command("stop"), _session(), at(62))[-1] == ("stopped", "failed")


def test_a_start_without_an_answer_is_known_by_its_session() -> None:
    found = _progress(_command(state="unknown"), _session(reported_start=at(5), energy_wh=1), at(9))
    assert found.succeeded


def test_a_stop_without_an_answer_is_known_by_its_session() -> None:
    ended = _session(stop_time=at(4), cost=Decimal(5))
    assert _progress(_command("stop", "unknown"), ended, at(9)).succeeded


@pytest.mark.parametrize("kind", ["reset_soft", "reset_hard"])
def test_a_reset_has_succeeded_when_the_charge_point_is_back(kind: str) -> None:
    assert _steps(_command(kind))[-1] == ("back", "waiting")
    assert _progress(_command(kind), None, back_at=at(8)).succeeded


@pytest.mark.parametrize(("is_online", "cause"), [(True, "has not restarted"), (False, "went away")])
def test_a_reset_that_leads_to_nothing_says_what_is_seen(is_online: bool, cause: str) -> None:
    step = _progress(_command("reset_hard"), None, at(182), is_online=is_online).steps[-1]
    assert (step.state, cause in step.detail) == ("failed", True)


@pytest.mark.parametrize("kind", ["reset_soft", "make_unavailable"])
def test_what_waits_for_a_session_has_no_deadline_while_that_runs(kind: str) -> None:
    later = _command(kind, outcome={"data": {"status": "Scheduled"}})
    assert _steps(later, None, at(5000), is_charging=True)[-1][1] == "waiting"
    assert _steps(later, None, at(5000), freed_at=at(4990))[-1][1] == "waiting"
    assert _steps(later, None, at(5500), freed_at=at(4990))[-1][1] == "failed"


def test_a_connector_that_reports_what_it_was_told_to_be_is_switched() -> None:
    assert _steps(_command("make_unavailable"), None, at(63))[-1] == ("switched", "failed")
    assert _progress(_command("make_unavailable"), None, switched_at=at(2)).succeeded


def test_an_unlock_is_done_with_its_answer() -> None:
    assert _progress(_command("unlock"), None).succeeded


def test_a_refused_start_does_not_take_a_session_for_its_own() -> None:
    found = _progress(_command(state="failed"), _session(reported_start=at(5), energy_wh=1), at(9))
    assert not found.succeeded


def test_a_command_of_another_owner_does_not_exist(engine: Engine) -> None:
    with writing(engine) as store:
        own = factories.add_owner(store)
        other = factories.add_station(store, factories.add_owner(store, "Other owner"))
        command, _ = open_command(
            store, key="k", kind="start", user=None, connector=other.connectors[0], now=at(0)
        )
        scopes = Scope.owner(own.id), Scope.network()
        found = [find(store, scope, command.id, start_within=WITHIN) for scope in scopes]
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
        found = find(store, Scope.network(), command.id, start_within=timedelta(seconds=60))
    assert found is not None
    assert [step.state for step in found.progress.steps] == ["done", "waiting"]
