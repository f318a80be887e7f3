"""What is asked all the time reads a few rows by their index, however many there ever were; so do pages, of
their period.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, cast

import factories
import pytest
from one_station import add_network
from query_plans import planned
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session
from webhooks import NOON

from db.analytics import drivers, errors, live, revenue, sessions, success
from db.analytics.definitions import KPIS
from db.analytics.scope import Period, Scope
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
    """A station of which a start was never answered, and one of another zone."""
    add_network(engine)
    with writing(engine) as store:
        connector = _connector(store)
        owner = connector.station.charging_station.owner
        factories.add_station(store, owner, "Berlin", timezone="Europe/Berlin")
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
}


@pytest.mark.parametrize("name", WORK)
def test_what_is_asked_all_the_time_reads_no_whole_table(network: Engine, name: str) -> None:
    with planned(network) as steps:
        WORK[name](network)
    assert steps
    assert [step for step in steps if WHOLE.search(step)] == []


# All that there ever was of a connector, of a station or of a status. To read no more than an index of those
# that run is to read few.
EVER = re.compile(
    r"charging_sessions USING INDEX \S+ \((ocpp_connector_id|ocpp_station_id|status)=\?\)"
    r"|connector_status_intervals USING .*INDEX \S+ \(ocpp_connector_id=\?\)"
)
MONTH = Period(date(2026, 3, 1), date(2026, 4, 1))
PAGES: dict[str, Callable[[Session, Scope], Any]] = {
    "connectors now": live.connectors,
    "whether a connector is free": lambda store, _: why_not(store, _connector(store)),
    "how many sessions": lambda store, scope: sessions.count_sessions(
        store, scope, sessions.SessionFilter(MONTH)
    ),
    "sessions": lambda store, scope: sessions.list_sessions(store, scope, sessions.SessionFilter(MONTH)),
    "tariffs": lambda store, scope: revenue.by_tariff(store, scope, MONTH),
    "drivers": lambda store, scope: drivers.whole(store, scope, MONTH),
    "success": lambda store, scope: success.success(store, scope, MONTH),
    "stations with errors": lambda store, scope: errors.by_station(store, scope, MONTH, NOON),
    "errors by day": lambda store, scope: errors.by_day(store, scope, MONTH),
    "rows behind energy": lambda store, scope: KPIS["energy"].count_rows(store, scope, MONTH, NOON, 10),
    "rows behind congestion": lambda store, scope: KPIS["congestion"].count_rows(
        store, scope, MONTH, NOON, 10
    ),
    "rows behind visits": lambda store, scope: KPIS["first_attempt_success"].count_rows(
        store, scope, MONTH, NOON, 10
    ),
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_reads_its_period_and_not_all_that_ever_was(network: Engine, name: str) -> None:
    for scope in (Scope.network(), Scope.owner(1)):
        with planned(network) as steps:
            _read(network, lambda store, scope=scope: PAGES[name](store, scope))
        assert steps
        assert [step for step in steps if WHOLE.search(step) or EVER.search(step)] == []
