"""Each station's own figures, read for all of them at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from factories import add_owner, add_session, add_station, add_status, roll_up
from sqlalchemy import Engine

from db.analytics import kpis, stations
from db.analytics.scope import Period, Scope
from db.engine import reading, writing
from db.models import OCPPStation

NOW = datetime(2026, 3, 10, 21, 30, tzinfo=UTC)
PERIOD = Period(datetime(2026, 2, 20).date(), datetime(2026, 3, 12).date())  # noqa: DTZ001 - days


@pytest.fixture
def network(engine: Engine) -> tuple[Engine, OCPPStation, OCPPStation]:
    """In Addis Ababa it is the next day already, in London not yet."""
    with writing(engine) as store:
        addis = add_station(store, add_owner(store, "Addis Charge"), "Bole Road")
        london = add_station(store, add_owner(store, "Thames"), "Wapping", timezone="Europe/London")
        london.charging_station.is_active = False
        for station in (addis, london):
            for hours, energy_wh in ((1, 5_000), (3, 7_000), (30, 11_000)):
                add_session(store, station, NOW - timedelta(hours=hours), minutes=20, energy_wh=energy_wh)
            add_status(
                store, station.connectors[0], "available", NOW - timedelta(days=30), NOW - timedelta(days=4)
            )
            add_status(
                store, station.connectors[0], "faulted", NOW - timedelta(days=4), NOW - timedelta(days=3)
            )
        add_status(store, addis.connectors[0], "available", NOW - timedelta(days=3))
        add_status(store, london.connectors[0], "offline", NOW - timedelta(days=3))
        roll_up(store, PERIOD.start, PERIOD.end)
    return engine, addis, london


def test_todays_energy_is_of_the_day_on_the_stations_own_clock(
    network: tuple[Engine, OCPPStation, OCPPStation],
) -> None:
    engine, addis, london = network
    with reading(engine) as store:
        found = stations.figures(store, Scope.network(), PERIOD, NOW)
    assert (found[addis.id].energy_today_wh, found[london.id].energy_today_wh) == (0, 12_000)


def test_a_stations_availability_is_that_of_its_own_page(
    network: tuple[Engine, OCPPStation, OCPPStation],
) -> None:
    engine, addis, london = network
    with reading(engine) as store:
        found = stations.figures(store, Scope.network(), PERIOD, NOW)
        for pk in (addis.id, london.id):
            alone = kpis.summary(store, Scope.station(pk), PERIOD, NOW).availability
            assert found[pk].availability == pytest.approx(alone)
    assert (found[london.id].availability or 0) < (found[addis.id].availability or 0) < 1


def test_an_owner_has_only_its_stations(network: tuple[Engine, OCPPStation, OCPPStation]) -> None:
    engine, _, london = network
    with reading(engine) as store:
        scope = Scope.network().only([london.id])
        assert list(stations.figures(store, scope, PERIOD, NOW)) == [london.id]
        assert [station.name for station in stations.stations(store, scope)] == ["Wapping"]


def test_stations_without_a_place_or_not_active_are_there_too(
    network: tuple[Engine, OCPPStation, OCPPStation],
) -> None:
    engine, _, _ = network
    with reading(engine) as store:
        found = stations.stations(store, Scope.network())
    assert [(each.name, each.latitude, each.is_active) for each in found] == [
        ("Bole Road", None, True),
        ("Wapping", None, False),
    ]
