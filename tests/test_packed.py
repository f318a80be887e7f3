"""Packed columns of sessions: the same figures with them as without, and never what was before a change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import factories
import numpy as np
import pytest
from sqlalchemy import Engine, delete, event, func, select, update
from sqlalchemy.orm import Session

from db import packed
from db.analytics import congestion, drivers, load, per_session
from db.analytics.scope import Period, Scope
from db.analytics.success import success
from db.engine import reading, writing
from db.models import ChargingSession, OCPPStation, PackedColumn
from jobs.upkeep import pack_days

FIRST = datetime(2025, 6, 10, tzinfo=UTC)
NOW = FIRST + timedelta(days=6)
PERIOD = Period(date(2025, 6, 10), date(2025, 6, 16))


@pytest.fixture
def filled(engine: Engine) -> Engine:
    """Sessions of five days, in the last of which packing has to wait."""
    with writing(engine) as store:
        stations = [factories.add_station(store, factories.add_owner(store, name), name) for name in "AB"]
        for number in range(60):
            factories.add_session(
                store,
                stations[number % 2],
                FIRST + timedelta(hours=2.3 * number),
                connector=1 + number // 2 % 2,
                minutes=30 + 7 * number,
                energy_wh=number * 300,
                id_tag=f"tag{number % 7}" if number % 5 else None,
                stop_reason="PowerLoss" if number % 11 == 0 else None,
            )
    return engine


def _figures(engine: Engine) -> list[Any]:
    with reading(engine) as store:
        asked = [(store, scope, PERIOD) for scope in (Scope.network(), Scope.owner(1))]
        return [
            [
                per_session.series(*each, "day"),
                drivers.whole(*each),
                load.peak(*each),
                congestion.whole(*each, NOW),
                success(*each),
            ]
            for each in asked
        ]


def _days(engine: Engine) -> list[date]:
    with reading(engine) as store:
        return list(store.scalars(select(PackedColumn.day).distinct().order_by(PackedColumn.day)))


def _pack(engine: Engine, at: datetime = NOW) -> None:
    pack_days(engine, lambda: at)


def test_figures_are_the_same_with_packed_days_as_without(filled: Engine) -> None:
    plain = _figures(filled)
    _pack(filled, FIRST + timedelta(days=3))
    assert _days(filled) == [date(2025, 6, day) for day in (10, 11, 12)]
    partly = _figures(filled)
    _pack(filled)
    assert len(_days(filled)) == 6
    assert plain == partly == _figures(filled)


def test_what_is_packed_twice_is_what_it_was(filled: Engine) -> None:
    _pack(filled)
    with reading(filled) as store:
        assert packed.due(store, NOW.date()) == []
    _pack(filled)
    assert len(_days(filled)) == 6


def test_which_days_are_due_is_not_looked_for_in_those_that_are_packed(filled: Engine) -> None:
    with writing(filled) as store:
        station = store.scalars(select(OCPPStation)).all()[0]
        factories.add_session(store, station, FIRST - timedelta(days=20_000))
        factories.add_session(store, station, FIRST - timedelta(days=90))
    _pack(filled, FIRST + timedelta(days=2))
    with writing(filled) as store:
        station = store.scalars(select(OCPPStation)).all()[0]
        factories.add_session(store, station, FIRST - timedelta(days=90), connector=2)
    asked: list[str] = []
    event.listen(filled, "before_cursor_execute", lambda *given: asked.append(given[2]))
    with reading(filled) as store:
        due = packed.due(store, NOW.date())
    assert due == [*(date(2025, 6, day) for day in (15, 14, 13, 12)), (FIRST - timedelta(days=90)).date()]
    # The packed days, and a look for each that is not packed, or behind one that is packed.
    assert len([statement for statement in asked if statement.startswith("SELECT")]) < 12


def _corrected(store: Session) -> None:
    store.execute(update(ChargingSession).where(ChargingSession.id == _first(store)).values(energy_wh=99_000))


def _moved(store: Session) -> None:
    later = FIRST + timedelta(days=2, hours=1)
    store.execute(update(ChargingSession).where(ChargingSession.id == _first(store)).values(stop_time=later))


def _deleted(store: Session) -> None:
    store.execute(delete(ChargingSession).where(ChargingSession.id == _first(store)))


def _added(store: Session) -> None:
    station = store.scalars(select(ChargingSession)).first()
    assert station
    factories.add_session(store, station.station, FIRST + timedelta(hours=5), minutes=20, energy_wh=70_000)


def _first(store: Session) -> int:
    return store.scalars(select(func.min(ChargingSession.id))).one()


@pytest.mark.parametrize(
    ("change", "days"), [(_corrected, {10}), (_moved, {10, 12}), (_deleted, {10}), (_added, {10})]
)
def test_a_changed_session_unpacks_its_days_and_no_other(filled: Engine, change: Any, days: set[int]) -> None:
    _pack(filled)
    before = _figures(filled)
    with writing(filled) as store:
        change(store)
    assert {day.day for day in _days(filled)} == {10, 11, 12, 13, 14, 15} - days
    changed = _figures(filled)
    _pack(filled)
    assert changed == _figures(filled) != before


def test_a_change_that_is_rolled_back_unpacks_nothing(filled: Engine) -> None:
    _pack(filled)
    with reading(filled) as store:
        _deleted(store)
    assert len(_days(filled)) == 6


@pytest.mark.parametrize("value", [0, -128, 40_000, -(2**31), packed.UNKNOWN, 2**62])
def test_numbers_of_any_size_come_back(value: int) -> None:
    content = packed.packed(np.array([value, 1]))
    assert packed.unpacked(content).tolist() == [value, 1]
