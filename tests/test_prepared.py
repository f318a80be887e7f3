"""Statements that the store's driver executes: what comes back is what SQLAlchemy would give."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import factories
import pytest
from sqlalchemy import Engine, Integer, Select, bindparam, cast, func, select
from sqlalchemy.exc import DBAPIError

from db.engine import reading, writing
from db.models import ChargingSession, StationOwner
from db.prepared import PLANNED_ANEW, Prepared

_AT = datetime(2025, 5, 10, 9, tzinfo=UTC)
_SINCE = bindparam("since", type_=ChargingSession.start_time.type)
_FOUND = (
    select(ChargingSession.start_time, ChargingSession.cost, ChargingSession.stop_reason)
    .where(ChargingSession.start_time >= _SINCE, ChargingSession.status.in_(["completed", "stopped"]))
    .order_by(ChargingSession.start_time)
)


@pytest.mark.parametrize("statement", [_FOUND, _FOUND.execution_options(**PLANNED_ANEW)])
def test_rows_are_those_of_sqlalchemy(engine: Engine, statement: Select[Any]) -> None:
    with writing(engine) as store:
        station = factories.add_station(store, factories.add_owner(store))
        factories.add_session(store, station, _AT)
    prepared = Prepared(statement)
    with reading(engine) as store:
        for since in (_AT, datetime(2025, 5, 11, tzinfo=UTC)):
            expected = [tuple(row) for row in store.execute(_FOUND, {"since": since})]
            assert list(prepared.rows(store, {"since": since, "unknown": 1})) == expected


def test_what_a_session_has_not_written_yet_is_written_before(engine: Engine) -> None:
    found = Prepared(select(StationOwner.name).where(StationOwner.name == "Later"))
    with writing(engine) as store:
        store.add(StationOwner(name="Later"))
        assert list(found.rows(store)) == [("Later",)]


def test_a_failure_is_raised_as_of_any_statement_without_its_values(engine: Engine) -> None:
    failing = Prepared(select(cast(func.no_such_function(bindparam("tag", type_=Integer)), Integer)))
    with reading(engine) as store, pytest.raises(DBAPIError) as raised:
        failing.rows(store, {"tag": 4711})
    assert "4711" not in str(raised.value)
