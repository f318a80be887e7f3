"""What is asked all the time reads a few rows by their index, however many there ever were."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import pytest
from one_station import add_network
from query_plans import planned
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session
from webhooks import NOON

from db.engine import reading, writing
from db.models import Command, OCPPConnector, Payment
from ocpp_integration import polling, silence
from ocpp_integration.claims import lanes_of
from ocpp_integration.payments import charging_work, provider_work
from ocpp_integration.payments.attempts import why_not
from ocpp_integration.reconcile import settle_unanswered

# Those that grow with every charge. To look at the newest row of one is no more than to look at one row.
GROWING = "charging_sessions|session_meter_values|ocpp_logs|commands|payments"
WHOLE = re.compile(rf"(SCAN|Seq Scan on) ({GROWING})\b")
HOUR = timedelta(hours=1)


@pytest.fixture
def network(engine: Engine) -> Engine:
    """A station of which a start was never answered."""
    add_network(engine)
    with writing(engine) as store:
        connector = _connector(store)
        store.add(
            Command(idempotency_key="k", kind="start", connector=connector, state="unknown", sent_at=NOON)
        )
    return engine


def _connector(store: Session) -> OCPPConnector:
    return store.scalars(select(OCPPConnector)).all()[0]


def _read(engine: Engine, ask: Callable[[Session], Any]) -> None:
    with reading(engine) as store:
        ask(store)


WORK: dict[str, Callable[[Engine], Any]] = {
    "who is silent": lambda engine: _read(engine, silence.known_stations),
    "sessions that nobody ends": lambda engine: _read(
        engine, lambda store: silence.stuck_sessions(store, NOON)
    ),
    "sessions to be polled": lambda engine: _read(
        engine, lambda store: polling.silent_sessions(store, NOON, 100)
    ),
    "webhooks to be applied": lambda engine: _read(engine, lambda store: lanes_of(store, 100)),
    "commands without an answer": lambda engine: settle_unanswered(engine, now=NOON, start_within=HOUR),
    "payments to be asked about": lambda engine: _read(engine, lambda store: provider_work.due(store, NOON)),
    "payments to be charged for": lambda engine: _read(engine, charging_work.open_payments),
    "whether a charge is being stopped": lambda engine: charging_work.stop(
        engine, cast(Any, None), Payment(created_at=NOON), NOON
    ),
    "whether a connector is free": lambda engine: _read(
        engine, lambda store: why_not(store, _connector(store))
    ),
}


@pytest.mark.parametrize("name", WORK)
def test_what_is_asked_all_the_time_reads_no_whole_table(network: Engine, name: str) -> None:
    with planned(network) as steps:
        WORK[name](network)
    assert steps
    assert [step for step in steps if WHOLE.search(step)] == []
