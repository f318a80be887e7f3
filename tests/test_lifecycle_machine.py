"""Webhooks come late, twice, in uneven batches, between polls and restarts: the end is the same."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from one_station import add_network, differing_in, empty, row_of, session_of, sessions, sums_of
from sqlalchemy import Engine, select
from webhooks import NOON, STATION, Body, apply, at, record, tell

from db.engine import reading, writing
from db.models import ChargingSession
from ocpp_integration.inbox import apply_batch
from ocpp_integration.lifecycle import apply_event
from ocpp_integration.polling import Asked, as_events

FEW = settings(
    max_examples=12,
    stateful_step_count=10,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


# The backend counts its session's seconds from noon on.
_ASKED = Asked(1, STATION, NOON, None, None, None)


class OneSession(RuleBasedStateMachine):
    """The store is told what happened in any order; the backend, when it is asked, knows all of it."""

    def __init__(self, engine: Engine):
        super().__init__()
        self.engine = engine
        self.happened: list[Body] = []
        self.untold: list[Body] = []
        self.ended = False
        self.energy_wh = 0

    @initialize(happened=sessions(), data=st.data())
    def begin(self, happened: list[Body], data: st.DataObject) -> None:
        empty(self.engine)
        tell(self.engine, *happened)
        self.in_order = row_of(self.engine), sums_of(self.engine)
        empty(self.engine)
        self.happened = happened
        self.untold = data.draw(st.permutations(happened))

    @precondition(lambda self: self.untold)
    @rule()
    def receive(self) -> None:
        record(self.engine, self.untold.pop())

    @rule(data=st.data())
    def receive_again(self, data: st.DataObject) -> None:
        if told := [body for body in self.happened if body not in self.untold]:
            record(self.engine, data.draw(st.sampled_from(told)))

    @rule(limit=st.integers(1, 4))
    def apply_some(self, limit: int) -> None:
        apply_batch(self.engine, now=at(3600), limit=limit)

    @rule()
    def restart(self) -> None:
        self.engine.dispose()

    @rule()
    def poll(self) -> None:
        if not self._is_known():
            return
        with writing(self.engine) as store:
            for event in as_events(_answer(self.happened), _ASKED, at(3600)):
                apply_event(store, event, at(3600))

    @invariant()
    def an_ended_session_stays_so_and_energy_never_shrinks(self) -> None:
        if self._is_known():
            session = session_of(self.engine)
            ended, energy_wh = session.stop_time is not None, session.energy_wh or 0
            assert (self.ended, self.energy_wh) <= (ended, energy_wh)
            assert self.energy_wh <= energy_wh
            self.ended, self.energy_wh = ended, energy_wh

    @invariant()
    def the_sums_are_what_their_rows_add_up_to(self) -> None:
        assert differing_in(self.engine) == 0

    def teardown(self) -> None:
        if self.happened:
            record(self.engine, *self.untold)
            apply(self.engine)
            assert (row_of(self.engine), sums_of(self.engine)) == self.in_order

    def _is_known(self) -> bool:
        with reading(self.engine) as store:
            return store.scalar(select(ChargingSession.id)) is not None


def _answer(happened: list[Body]) -> dict[str, Any]:
    """What a backend to which all of this happened answers about the session."""
    answer: dict[str, Any] = {"status": "Started"}
    for body in happened:
        known = {name: value for name, value in body["data"].items() if value is not None}
        if body["type"] == "session_started":
            answer |= known
        elif body["type"] == "session_progress":
            # Dated by its duration, which only a session whose start is known has.
            seconds = int((_time(body) - NOON).total_seconds())
            answer |= known | {"status": "Charging", "duration_seconds": seconds}
        else:
            answer = {"status": "Stopped", **{n: answer[n] for n in _OF_THE_START if n in answer}, **known}
    return answer


_OF_THE_START = ("start_time", "meter_start", "id_tag")


def _time(body: Body) -> datetime:
    return datetime.fromisoformat(body["timestamp"])


def test_whatever_happens_on_the_way_a_session_ends_in_the_same_row_and_the_same_sums(engine: Engine) -> None:
    add_network(engine)
    run_state_machine_as_test(lambda: OneSession(engine), settings=FEW)
