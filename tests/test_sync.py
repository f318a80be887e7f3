"""Which stations the backend is told of, and what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import factories
import pytest
from locator import Locator, refusal, reply, running_locator
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import object_session

from db.engine import reading, writing
from db.models import ChargingConnector, ChargingStation, OCPPConnector, OCPPStation
from ocpp_integration import sync
from ocpp_integration.backend import BackendClient
from ocpp_integration.errors import BackendDown, BackendRefused, NotFound


@dataclass
class Syncing:
    engine: Engine
    locator: Locator
    backend: BackendClient
    station: UUID

    def sync(self, **more: Any) -> OCPPStation:
        return sync.sync_station(self.engine, self.backend, self.station, now=datetime.now(UTC), **more)[0]

    def due(self, after: timedelta = timedelta()) -> list[UUID]:
        with reading(self.engine) as store:
            return sync.stations_to_sync(store, datetime.now(UTC) + after)


@pytest.fixture
def syncing(engine: Engine) -> Iterator[Syncing]:
    """A station of the platform with one connector, of which the backend knows nothing."""
    with writing(engine) as store:
        owner = factories.add_owner(store)
        place = ChargingStation(
            owner=owner,
            name="Bole",
            address="Africa Avenue",
            city="Addis Ababa",
            latitude=8.99,
            longitude=38.79,
            timezone="Africa/Addis_Ababa",
            currency="ETB",
        )
        tariff = factories.add_tariff(store, Decimal("9.5"))
        place.connectors.append(
            ChargingConnector(number=1, connector_type="ccs2", power_w=60_500, tariff=tariff)
        )
        store.add(place)
        store.flush()
        station = place.id
    with running_locator() as locator:
        locator.answer(reply(200, {"ocpp_websocket": "ws://backend/ws/X"}))
        settings = locator.settings(ocpp_retry_attempts=0)
        yield Syncing(engine, locator, BackendClient(settings), station)


def test_a_new_station_is_due(syncing: Syncing) -> None:
    assert syncing.due() == [syncing.station]


def test_a_station_is_told_with_place_connectors_and_price(syncing: Syncing) -> None:
    syncing.sync(vendor="V", model="M")
    assert syncing.locator.requests[0].body == {
        "station_id": f"STATION_{syncing.station}",
        "name": "Bole",
        "latitude": 8.99,
        "longitude": 38.79,
        "address": "Africa Avenue, Addis Ababa",
        "vendor": "V",
        "model": "M",
        "connectors": [
            {
                "connector_id": 1,
                "connector_type": "ccs2",
                "max_power": 60.5,
                "price_per_kwh": "9.5000",
                "currency": "ETB",
            }
        ],
    }


def test_a_station_that_was_told_has_its_rows_and_address(syncing: Syncing) -> None:
    row = syncing.sync()
    with reading(syncing.engine) as store:
        numbers = list(store.scalars(select(OCPPConnector.connector_id)))
    assert (row.ocpp_websocket_url, row.sync_error, numbers) == ("ws://backend/ws/X", None, [1])


def test_a_station_that_was_told_is_not_due(syncing: Syncing) -> None:
    syncing.sync()
    assert syncing.due() == []


def test_telling_a_station_again_makes_no_second_row(syncing: Syncing) -> None:
    assert syncing.sync().id == syncing.sync().id


def _rename(place: ChargingStation, _other: Any) -> None:
    place.name = "Bole Road"


def _reprice(place: ChargingStation, tariff: Any) -> None:
    place.connectors[0].tariff = tariff


def _repower(place: ChargingStation, _other: Any) -> None:
    place.connectors[0].power_w = 120_000


def _extend(place: ChargingStation, _other: Any) -> None:
    place.connectors.append(ChargingConnector(number=2))


def _shrink(place: ChargingStation, _other: Any) -> None:
    store = object_session(place)
    assert store
    store.execute(update(OCPPConnector).values(charging_connector_id=None))
    place.connectors.clear()


@pytest.mark.parametrize("change", [_rename, _reprice, _repower, _extend, _shrink])
def test_a_station_that_changed_is_due_again(syncing: Syncing, change: Any) -> None:
    syncing.sync()
    with writing(syncing.engine) as store:
        tariff = factories.add_tariff(store, Decimal(12))
        change(store.get_one(ChargingStation, syncing.station), tariff)
    assert syncing.due() == [syncing.station]


def test_a_change_of_another_station_makes_none_but_that_one_due(syncing: Syncing) -> None:
    syncing.sync()
    with writing(syncing.engine) as store:
        other = factories.add_station(store, factories.add_owner(store, "Other owner"), "Elsewhere")
        changed = other.charging_station_id
    assert syncing.due() == [changed]


def test_a_report_of_the_charge_point_does_not_make_its_station_due(syncing: Syncing) -> None:
    syncing.sync()
    with writing(syncing.engine) as store:
        row = store.scalars(select(OCPPStation)).one()
        row.is_online, row.connectors[0].status = True, "charging"
    assert syncing.due() == []


def test_a_closed_station_is_not_due(syncing: Syncing) -> None:
    with writing(syncing.engine) as store:
        store.get_one(ChargingStation, syncing.station).is_active = False
    assert syncing.due() == []


def test_a_refused_station_keeps_the_reason_and_stays_due(syncing: Syncing) -> None:
    syncing.locator.answer(refusal(422, "invalid_field", "latitude: too far north"))
    with pytest.raises(BackendRefused):
        syncing.sync()
    with reading(syncing.engine) as store:
        row = store.scalars(select(OCPPStation)).one()
    assert (row.sync_error, row.sync_failed_at is not None, row.synced_at, syncing.due()) == (
        "latitude: too far north",
        True,
        None,
        [syncing.station],
    )


def _refuse(syncing: Syncing, times: int, status: int = 422) -> None:
    syncing.locator.answer(refusal(status, "x"))
    for _ in range(times):
        with pytest.raises(BackendRefused):
            syncing.sync()


@pytest.mark.parametrize(("times", "minutes"), [(2, 2), (3, 4), (5, 16), (9, 60), (40, 60)])
def test_a_station_that_is_refused_again_waits_longer(syncing: Syncing, times: int, minutes: int) -> None:
    _refuse(syncing, times)
    early, late = timedelta(minutes=minutes - 0.5), timedelta(minutes=minutes + 0.5)
    assert (syncing.due(early), syncing.due(late)) == ([], [syncing.station])


def test_a_refused_station_that_was_changed_is_due_at_once(syncing: Syncing) -> None:
    _refuse(syncing, 3)
    with writing(syncing.engine) as store:
        store.get_one(ChargingStation, syncing.station).latitude = 9.0
    assert syncing.due() == [syncing.station]


def test_a_backend_that_fails_makes_no_station_wait(syncing: Syncing) -> None:
    _refuse(syncing, 3, status=500)
    assert syncing.due() == [syncing.station]


def test_a_backend_that_is_away_is_no_refusal_of_the_station(syncing: Syncing) -> None:
    away = syncing.locator.settings(ocpp_base_url="http://127.0.0.1:1", ocpp_retry_attempts=0)
    with pytest.raises(BackendDown):
        sync.sync_station(syncing.engine, BackendClient(away), syncing.station, now=datetime.now(UTC))
    with reading(syncing.engine) as store:
        row = store.scalars(select(OCPPStation)).one()
    assert (row.sync_error, row.sync_failed_at, syncing.due()) == (None, None, [syncing.station])


def test_a_refusal_is_forgotten_once_the_station_is_taken_as_it_was_before(syncing: Syncing) -> None:
    syncing.sync()
    syncing.locator.answer(refusal(422, "x"), reply())
    for name in ("Bole Road", "Bole"):
        with writing(syncing.engine) as store:
            store.get_one(ChargingStation, syncing.station).name = name
        if name == "Bole Road":
            with pytest.raises(BackendRefused):
                syncing.sync()
    assert (syncing.due(), syncing.sync().sync_error, syncing.due()) == ([syncing.station], None, [])


def test_a_change_that_was_taken_back_is_not_told(syncing: Syncing) -> None:
    syncing.sync()
    for name in ("Bole Road", "Bole"):
        with writing(syncing.engine) as store:
            store.get_one(ChargingStation, syncing.station).name = name
    assert syncing.due() == []


def test_a_station_that_is_taken_after_all_has_no_error(syncing: Syncing) -> None:
    syncing.locator.answer(refusal(500, "x"), reply())
    with pytest.raises(BackendRefused):
        syncing.sync()
    row = syncing.sync()
    assert (row.sync_error, row.sync_failed_at, row.sync_failures, row.sync_after) == (None, None, 0, None)


def test_what_the_charge_point_said_of_its_make_stays(syncing: Syncing) -> None:
    syncing.sync(vendor="ABB", model="Terra")
    assert (syncing.sync().vendor, syncing.sync(model="Terra 2").model) == ("ABB", "Terra 2")


def test_a_station_that_is_not_there_is_not_found(syncing: Syncing) -> None:
    syncing.station = uuid4()
    with pytest.raises(NotFound):
        syncing.sync()


def test_how_a_stations_sync_stands_is_told_from_new_to_refused(syncing: Syncing) -> None:
    def state() -> sync.SyncState:
        with reading(syncing.engine) as store:
            (only,) = sync.states(store, datetime.now(UTC))
        return only

    seen = [state().state]
    syncing.sync()
    seen.append(state().state)
    with writing(syncing.engine) as store:
        store.execute(update(ChargingStation).values(name="Bole Road"))
    seen.append(state().state)
    syncing.locator.answer(refusal(422, "bad_name", "The name is taken."))
    for _ in range(2):
        with pytest.raises(BackendRefused):
            syncing.sync()
    assert [*seen, state().state] == ["new", "synced", "changed", "refused"]
    assert (state().error, state().failures) == ("The name is taken.", 2)
    assert state().again_at is not None


def test_a_refused_station_is_told_at_once_where_somebody_asks_for_it(syncing: Syncing) -> None:
    syncing.locator.answer(refusal(422, "bad_name", "The name is taken."))
    for _ in range(2):
        with pytest.raises(BackendRefused):
            syncing.sync()
    assert syncing.due() == []
    with writing(syncing.engine) as store:
        sync.ask_again(store)
    assert syncing.due() == [syncing.station]
