"""Times as numbers in SQL: no fraction of a second moves them, on either kind of store."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import factories
import pytest
from sqlalchemy import Engine, func, literal, select

from db import rollups
from db.analytics import per_session, volume
from db.analytics.scope import Period, Scope
from db.columns import UTCDateTime
from db.engine import reading, writing
from db.instants import Later, Microseconds, Seconds, SummedLengths, TimeOf
from db.models import ChargingSession
from db.prepared import Prepared

MIDNIGHT = datetime(2025, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize("microsecond", [0, 1, 499_500, 500_000, 999_500, 999_999])
def test_a_time_is_its_seconds_rounded_down(engine: Engine, microsecond: int) -> None:
    at = (MIDNIGHT - timedelta(seconds=1)).replace(microsecond=microsecond)
    told = literal(at, UTCDateTime())
    with reading(engine) as store:
        found = Prepared(select(Seconds(told), Microseconds(told), Seconds(literal(None, UTCDateTime()))))
        ((seconds, microseconds, unknown),) = found.rows(store)
    assert seconds == int(MIDNIGHT.timestamp()) - 1
    assert microseconds == seconds * 1_000_000 + microsecond
    assert unknown is None


def test_seconds_are_a_time_again(engine: Engine) -> None:
    with reading(engine) as store:
        ((found,),) = Prepared(select(TimeOf(literal(int(MIDNIGHT.timestamp()))))).rows(store)
    assert found == MIDNIGHT


def test_a_later_time_is_compared_as_those_that_are_kept_are(engine: Engine) -> None:
    with writing(engine) as store:
        station = factories.add_station(store, factories.add_owner(store, "A"), "A")
        factories.add_session(store, station, MIDNIGHT, minutes=10, energy_wh=1)
    start, stop = ChargingSession.start_time, ChargingSession.stop_time
    with reading(engine) as store:
        (found,) = Prepared(
            select(stop <= Later(start, 600), stop < Later(start, 600), stop > Later(start, 599))
        ).rows(store)
        nearly = literal(MIDNIGHT - timedelta(microseconds=100), UTCDateTime())
        ((later,),) = Prepared(select(Later(nearly, 60))).rows(store)
        lengths = store.execute(select(SummedLengths(start, func.coalesce(stop, start)))).scalar_one()
    assert [bool(each) for each in found] == [True, False, True]
    assert lengths == 600
    assert later == MIDNIGHT + timedelta(seconds=60) - timedelta(microseconds=100)


def test_a_session_that_stops_just_before_midnight_is_of_one_day_everywhere(engine: Engine) -> None:
    with writing(engine) as store:
        station = factories.add_station(store, factories.add_owner(store, "A"), "A", timezone="UTC")
        session = factories.add_session(
            store, station, MIDNIGHT - timedelta(hours=1), minutes=30, energy_wh=9_000
        )
        session.stop_time = MIDNIGHT - timedelta(microseconds=100)
        store.flush()
        rollups.rebuild(store, MIDNIGHT.date(), MIDNIGHT.date())
    first, second = (Period(date(2025, 1, day), date(2025, 1, day + 1)) for day in (1, 2))
    with reading(engine) as store:
        of = Scope.network()
        assert [volume.whole(store, of, day).sessions for day in (first, second)] == [1, 0]
        energy = [per_session.whole(store, of, day).energy for day in (first, second)]
    assert [each and each.count for each in energy] == [1, None]
