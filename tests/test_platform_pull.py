"""Stations from MengedMate in the store: added, changed, deactivated, priced, told to the backend."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import factories
import pytest
from alembic import command
from locator import html, reply, running_locator
from mengedmate import OWN, Platform, connector, paged, running_platform, station, station_id
from sqlalchemy import Engine, event, func, select, text
from webhooks import at, progress, started, tell, webhook

from db import migrate, rollups
from db.analytics import live
from db.analytics.scope import Scope
from db.engine import make_engine, reading, writing
from db.models import (
    ChargingConnector,
    ChargingSession,
    ChargingStation,
    OCPPStation,
    Rollup,
    StationOwner,
    Tariff,
    TariffAssignment,
    User,
)
from jobs import work
from jobs.runs import Outcome
from ocpp_integration import sync
from ocpp_integration.backend import BackendClient
from ocpp_integration.platform import Plan, pull, terms_of
from ocpp_integration.services import OCPPIntegrationService
from schedule import Schedule

NOW = at(3600)
# A station with a connector, as the first schema has them.
FIRST_ROWS = (
    "INSERT INTO station_owners VALUES (1, 'Addis', :now, :now)",
    "INSERT INTO charging_stations (id, owner_id, name, address, city, country, timezone, currency,"
    " is_active, created_at, updated_at)"
    " VALUES (:id, 1, 'Bole', '', '', '', 'Africa/Addis_Ababa', 'ETB', 1, :now, :now)",
    "INSERT INTO charging_connectors (id, station_id, number, connector_type, created_at, updated_at)"
    " VALUES (1, :id, 1, 'ccs2', :now, :now)",
)


@dataclass
class Pulling:
    engine: Engine
    platform: Platform

    def pull(self, now: datetime = NOW, **options: Any) -> Plan:
        settings = self.platform.settings(currency="ETB", vat_percent="15")
        return pull(self.engine, self.platform.source(), terms_of(settings), now=now, **options)[1]

    def job(self) -> Outcome:
        return work.pull_stations(self.engine, self.platform.settings(), lambda: NOW)

    def lists(self, *stations: dict[str, Any], **more: Any) -> Plan:
        self.platform.lists(*stations, **more)
        return self.pull()

    def place(self, number: int = 1) -> ChargingStation:
        with reading(self.engine) as store:
            place = store.get_one(ChargingStation, station_id(number))
            # Read now: the store is closed when the test looks at them.
            store.refresh(place, ["owner", "connectors"])
            for each in place.connectors:
                store.refresh(each, ["tariff"])
            return place

    def connectors(self, number: int = 1) -> list[tuple[int, str | None, bool]]:
        return [(each.number, each.external_id, each.is_active) for each in self.place(number).connectors]

    def count(self, model: type) -> int:
        with reading(self.engine) as store:
            return store.scalar(select(func.count()).select_from(model)) or 0

    def due(self) -> list[UUID]:
        with reading(self.engine) as store:
            return sync.stations_to_sync(store, datetime.now(UTC))

    def sync(self, number: int = 1) -> dict[str, Any]:
        """What the backend is told of the station."""
        with running_locator() as locator:
            locator.answer(reply(200, {}))
            backend = BackendClient(locator.settings())
            sync.sync_station(self.engine, backend, station_id(number), now=datetime.now(UTC))
            body: dict[str, Any] = locator.requests[0].body
            return body


@pytest.fixture
def pulling(engine: Engine) -> Iterator[Pulling]:
    with running_platform() as platform:
        platform.lists()
        yield Pulling(engine, platform)


# Stations


def test_a_station_comes_with_all_that_is_told_of_it(pulling: Pulling) -> None:
    pulling.lists(station(1))
    place = pulling.place()
    assert (place.name, place.address, place.city, place.country, place.latitude, place.longitude) == (
        "Station 1",
        "Africa Avenue",
        "Addis Ababa",
        "Ethiopia",
        8.980603,
        38.757761,
    )
    assert (place.owner.name, place.timezone, place.currency, place.source, place.is_active) == (
        "Addis Charge",
        "Africa/Addis_Ababa",
        "ETB",
        "mengedmate",
        True,
    )


def test_its_connectors_come_with_type_power_price_and_token(pulling: Pulling) -> None:
    pulling.lists(station(1, connector(7, power_kw="22.5", price_per_kwh="9.5")))
    (found,) = pulling.place().connectors
    assert found.tariff is not None
    tariff = found.tariff
    assert (found.number, found.connector_type, found.power_w, found.qr_code_token) == (
        1,
        "ccs2",
        22_500,
        "qr-7",
    )
    assert (tariff.price_per_kwh, tariff.currency, tariff.vat_percent, tariff.valid_from) == (
        Decimal("9.5"),
        "ETB",
        Decimal(15),
        NOW,
    )


def test_a_station_without_coordinates_has_none(pulling: Pulling) -> None:
    pulling.lists(station(1, latitude=None, longitude=None))
    assert (pulling.place().latitude, pulling.place().longitude) == (None, None)


def test_a_second_pull_writes_nothing(pulling: Pulling) -> None:
    pulling.platform.lists(station(1, connector(1, quantity=3)), public=[station(5, owner_name="Other")])
    pulling.pull()
    written: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE", "LOCK", "BEGIN IMMEDIATE")):
            written.append(statement)

    event.listen(pulling.engine, "before_cursor_execute", note)
    try:
        plan = pulling.pull(NOW + timedelta(hours=1))
    finally:
        event.remove(pulling.engine, "before_cursor_execute", note)
    assert (plan.changes, plan.problems, written) == ((), (), [])


def test_a_change_of_one_station_touches_no_other(pulling: Pulling) -> None:
    pulling.lists(station(1), station(2))
    before = pulling.place(2).updated_at, pulling.place(2).connectors[0].updated_at
    pulling.lists(station(1, name="Bole"), station(2))
    assert (pulling.place(2).updated_at, pulling.place(2).connectors[0].updated_at) == before
    assert pulling.place(1).name == "Bole"


def test_a_station_that_vanishes_is_deactivated_and_comes_back(pulling: Pulling) -> None:
    pulling.lists(station(1), station(2))
    pulling.lists(station(2))
    gone = pulling.place(1).is_active
    pulling.lists(station(1), station(2))
    assert (gone, pulling.place(1).is_active, pulling.count(ChargingStation)) == (False, True, 2)


def test_a_list_that_is_suddenly_empty_deactivates_nothing_and_is_reported(pulling: Pulling) -> None:
    pulling.lists(station(1), station(2))
    plan = pulling.lists()
    assert (plan.changes, len(plan.problems), pulling.place(1).is_active) == ((), 1, True)


def test_a_list_that_is_rightly_empty_is_believed_by_hand(pulling: Pulling) -> None:
    pulling.lists(station(1))
    pulling.platform.lists()
    pulling.pull(trusted=True)
    assert not pulling.place().is_active


def test_a_failure_in_the_middle_of_paging_takes_what_came_and_deactivates_nothing(pulling: Pulling) -> None:
    pulling.lists(station(1), station(2), station(3))
    paged(pulling.platform, OWN, [station(1, name="Bole"), station(4)], [station(2)])
    pulling.platform.answer(f"{OWN}?page=2", html(500))
    plan = pulling.pull()
    assert [pulling.place(each).is_active for each in (1, 2, 3, 4)] == [True] * 4
    assert (pulling.place(1).name, len(plan.problems)) == ("Bole", 2)


def test_a_wrong_station_stays_as_it_is_and_stops_no_other(pulling: Pulling) -> None:
    pulling.lists(station(1), station(2))
    plan = pulling.lists(station(1, connector(1, power_kw="-1"), name="Bad"), station(2, name="Good"))
    assert (pulling.place(1).name, pulling.place(1).is_active, pulling.place(2).name) == (
        "Station 1",
        True,
        "Good",
    )
    assert len(plan.left_out) == 1


def test_a_station_of_a_file_is_not_mengedmates_to_close(pulling: Pulling) -> None:
    with writing(pulling.engine) as store:
        by_hand = factories.add_station(store, factories.add_owner(store)).charging_station_id
    pulling.lists(station(1))
    with reading(pulling.engine) as store:
        assert store.get_one(ChargingStation, by_hand).is_active


def test_what_was_imported_under_the_ocpp_id_keeps_its_sessions_and_tariff(pulling: Pulling) -> None:
    with writing(pulling.engine) as store:
        owner = factories.add_owner(store, "Imported")
        row = factories.add_station(
            store, owner, station_id=f"STATION_{station_id(1)}", connectors=1, connector_type="ccs2"
        )
        factories.add_session(store, row, at(0))
        row.charging_station.is_active = False
        store.add(TariffAssignment(code="night", station=row.charging_station, valid_from=at(0)))
    pulling.lists(station(1, connector(7)))
    with reading(pulling.engine) as store:
        session = store.scalars(select(ChargingSession)).one()
        place = session.station.charging_station
        described = session.connector.charging_connector if session.connector else None
        assert (place.id, place.owner.name, place.is_active) == (station_id(1), "Addis Charge", True)
        assert described is not None
        assert (described.station_id, described.number, described.external_id) == (place.id, 1, "7")
        assert store.scalars(select(TariffAssignment.charging_station_id)).one() == place.id
    assert pulling.count(ChargingStation) == 1


def test_a_dry_run_changes_nothing_and_tells_the_same(pulling: Pulling) -> None:
    pulling.platform.lists(station(1))
    told = pulling.pull(dry_run=True)
    assert pulling.count(ChargingStation) == pulling.count(StationOwner) == 0
    assert told == pulling.pull()


def test_two_pulls_at_once_add_each_station_once(pulling: Pulling) -> None:
    pulling.platform.lists(*(station(each) for each in range(1, 20)))
    with ThreadPoolExecutor(3) as pool:
        for future in [pool.submit(pulling.pull) for _ in range(3)]:
            future.result()
    assert (pulling.count(ChargingStation), pulling.count(ChargingConnector)) == (19, 38)


# Owners


def test_a_new_name_of_the_tokens_owner_leaves_its_users_where_they_are(pulling: Pulling) -> None:
    pulling.lists(station(1), station(2))
    with writing(pulling.engine) as store:
        user = factories.add_user(store, "selam", "owner", store.scalars(select(StationOwner)).one()).id
    pulling.lists(station(1, owner_name="Addis Power"), station(2, owner_name="Addis Power"))
    with reading(pulling.engine) as store:
        owner = store.get_one(User, user).owner
        assert owner is not None and owner.name == "Addis Power"
    assert pulling.count(StationOwner) == 1


def test_a_public_station_that_changes_hands_goes_to_its_new_owner(pulling: Pulling) -> None:
    pulling.lists(public=[station(1), station(2)])
    pulling.lists(public=[station(1, owner_name="Addis Power"), station(2, owner_name="Addis Power")])
    assert (pulling.place(1).owner.name, pulling.count(StationOwner)) == ("Addis Power", 2)


def test_the_money_of_a_station_that_changes_hands_goes_to_its_new_owner(pulling: Pulling) -> None:
    pulling.lists(public=[station(1), station(2)])
    pulling.sync(1)
    pulling.sync(2)
    for number in (1, 2):
        of_it: dict[str, Any] = {"station": f"STATION_{station_id(number)}", "transaction": number}
        tell(pulling.engine, webhook("session_started", 0, meter_start=1000, **of_it))
        tell(pulling.engine, webhook("session_stopped", 600, meter_stop=1000 + 4000 * number, **of_it))
    before = pulling.place(1).owner_id
    pulling.lists(public=[station(1, owner_name="Addis Power"), station(2)])
    with reading(pulling.engine) as store:
        assert rollups.differing(store, NOW.date(), NOW.date()) == 0
        rows = store.execute(
            select(Rollup.scope_id, Rollup.energy_wh).where(Rollup.scope == "owner", Rollup.grain == "month")
        )
        assert dict(map(tuple, rows)) == {before: 8000, pulling.place(1).owner_id: 4000}


# Connectors


def test_connectors_come_and_go_under_numbers_that_stay(pulling: Pulling) -> None:
    pulling.lists(station(1, connector(10), connector(11)))
    pulling.lists(station(1, connector(12), connector(11)))
    changed = pulling.connectors()
    pulling.lists(station(1, connector(10), connector(11), connector(12)))
    assert changed == [(1, "10", False), (2, "11", True), (3, "12", True)]
    assert pulling.connectors() == [(1, "10", True), (2, "11", True), (3, "12", True)]


def test_a_quantity_grows_and_shrinks(pulling: Pulling) -> None:
    pulling.lists(station(1, connector(10, quantity=2), connector(11)))
    pulling.lists(station(1, connector(10, quantity=3), connector(11)))
    grown = pulling.connectors()
    pulling.lists(station(1, connector(10, quantity=1), connector(11)))
    assert grown == [(1, "10", True), (2, "10", True), (3, "11", True), (4, "10", True)]
    assert pulling.connectors() == [(1, "10", True), (2, "10", False), (3, "11", True), (4, "10", False)]


def test_a_connector_of_another_type_and_power_is_the_same_connector(pulling: Pulling) -> None:
    pulling.lists(station(1, connector(1)))
    pulling.lists(station(1, connector(1, connector_type="chademo", power_kw=50)))
    (found,) = pulling.place().connectors
    assert (found.number, found.connector_type, found.power_w) == (1, "chademo", 50_000)


@pytest.fixture
def shrunk(pulling: Pulling) -> Pulling:
    """A station that is online, whose second connector the platform no longer lists."""
    pulling.lists(station(1, connector(1), connector(2)))
    pulling.sync()
    pulling.lists(station(1, connector(1)))
    with writing(pulling.engine) as store:
        row = store.scalars(select(OCPPStation)).one()
        row.is_online = True
        for each in row.connectors:
            each.status = "available"
    return pulling


def test_a_connector_out_of_operation_is_not_told_to_the_backend(shrunk: Pulling) -> None:
    assert [each["connector_id"] for each in shrunk.sync()["connectors"]] == [1]


def test_a_connector_out_of_operation_is_not_shown_as_live(shrunk: Pulling) -> None:
    with reading(shrunk.engine) as store:
        assert [each.number for each in live.connectors(store, Scope.network())] == [1]


def test_a_connector_out_of_operation_is_shown_while_something_charges_there(shrunk: Pulling) -> None:
    name = f"STATION_{station_id(1)}"
    tell(
        shrunk.engine,
        started(0, station=name, connector_id=2),
        progress(9, 1.0, station=name, connector_id=2),
    )
    with reading(shrunk.engine) as store:
        assert [each.number for each in live.connectors(store, Scope.network())] == [1, 2]


def test_a_connector_out_of_operation_cannot_be_started(shrunk: Pulling) -> None:
    with writing(shrunk.engine) as store:
        user = factories.add_user(store)
    service = OCPPIntegrationService(settings=shrunk.platform.settings(), engine=shrunk.engine)
    answer = service.initiate_charging(
        station_id=f"STATION_{station_id(1)}", connector_id=2, user=user, payment_transaction_id="P1"
    )
    assert (answer["success"], answer["error"]) == (False, "The connector is not in operation.")


# Prices


def test_a_new_price_is_a_new_version_of_the_tariff(pulling: Pulling) -> None:
    pulling.lists(station(1, connector(1)))
    pulling.platform.lists(station(1, connector(1, price_per_kwh="12")))
    pulling.pull(NOW + timedelta(days=1))
    with reading(pulling.engine) as store:
        versions = [
            (tariff.price_per_kwh, tariff.valid_from)
            for tariff in store.scalars(select(Tariff).order_by(Tariff.id))
        ]
    assert versions == [(Decimal(10), NOW), (Decimal(12), NOW + timedelta(days=1))]
    tariff = pulling.place().connectors[0].tariff
    assert tariff is not None and tariff.price_per_kwh == Decimal(12)


def test_a_price_that_returns_is_a_version_of_its_own(pulling: Pulling) -> None:
    for price in ("10", "12", "10"):
        pulling.lists(station(1, connector(1, price_per_kwh=price)))
    assert pulling.count(Tariff) == 3


def test_connectors_of_one_price_share_a_version(pulling: Pulling) -> None:
    pulling.lists(station(1, connector(1, quantity=4)), station(2, connector(1)))
    assert pulling.count(Tariff) == 1


def test_a_session_that_began_before_a_new_price_keeps_its_own(pulling: Pulling) -> None:
    pulling.lists(station(1, connector(1)))
    pulling.sync()
    name = f"STATION_{station_id(1)}"
    tell(pulling.engine, started(0, station=name))
    pulling.lists(station(1, connector(1, price_per_kwh="12")))
    tell(
        pulling.engine,
        progress(600, 5.0, station=name),
        started(900, transaction=2, station=name),
        progress(1200, 5.0, transaction=2, station=name),
    )
    with reading(pulling.engine) as store:
        costs = [
            (session.transaction_id, session.cost)
            for session in store.scalars(select(ChargingSession).order_by(ChargingSession.transaction_id))
        ]
    assert costs == [(1, Decimal(50)), (2, Decimal(60))]


# To the backend


def test_a_new_station_is_told_to_the_backend_under_mengedmates_id(pulling: Pulling) -> None:
    pulling.lists(station(1, connector(7)))
    assert pulling.due() == [station_id(1)]
    told = pulling.sync()
    assert (told["station_id"], told["latitude"]) == (f"STATION_{station_id(1)}", 8.980603)
    assert told["connectors"] == [
        {
            "connector_id": 1,
            "connector_type": "ccs2",
            "max_power": 60.0,
            "price_per_kwh": "10.0000",
            "currency": "ETB",
        }
    ]


def test_an_ocpp_id_set_by_hand_is_kept(pulling: Pulling) -> None:
    pulling.lists(station(1))
    pulling.sync()
    with writing(pulling.engine) as store:
        store.scalars(select(OCPPStation)).one().station_id = "BOLE-01"
    pulling.lists(station(1, name="Bole"))
    assert pulling.sync()["station_id"] == "BOLE-01"


@pytest.mark.parametrize(
    "changed",
    [
        station(1, name="Bole"),
        station(1, connector(1)),
        station(1, connector(1, quantity=2), connector(2)),
        station(1, connector(1, price_per_kwh=11), connector(2, connector_type="type2", power_kw=22)),
        station(1, connector(1), connector(2, connector_type="type2", power_kw=11)),
    ],
)
def test_a_station_that_changed_is_due_again(pulling: Pulling, changed: dict[str, Any]) -> None:
    pulling.lists(station(1), station(2))
    pulling.sync(1)
    pulling.sync(2)
    pulling.lists(changed, station(2))
    assert pulling.due() == [station_id(1)]


def test_a_station_that_did_not_change_is_not_due(pulling: Pulling) -> None:
    pulling.lists(station(1))
    pulling.sync()
    pulling.pull()
    assert pulling.due() == []


def test_a_station_is_not_told_to_the_backend_as_it_was_before_a_change_under_way(pulling: Pulling) -> None:
    pulling.lists(station(1))
    with ThreadPoolExecutor(1) as pool:
        with writing(pulling.engine) as store:
            store.get_one(ChargingStation, station_id(1)).name = "Bole"
            store.flush()
            telling = pool.submit(pulling.sync)
            # Long enough for a reader that does not wait; one that does, waits for this transaction.
            wait([telling], timeout=0.5)
        assert telling.result()["name"] == "Bole"


# The job


def test_the_job_says_how_many_stations_there_were(pulling: Pulling) -> None:
    pulling.platform.lists(station(1), station(2))
    assert pulling.job() == Outcome(2, 0)


def test_the_job_says_what_it_left_out(pulling: Pulling) -> None:
    pulling.platform.lists(station(1, latitude="x"), station(2))
    outcome = pulling.job()
    assert (outcome.processed, outcome.failed) == (2, 1)
    assert outcome.error is not None and "latitude is not a number" in outcome.error


def test_a_job_whose_platform_answers_html_has_failed(pulling: Pulling) -> None:
    for path in (OWN, "/api/public/stations/"):
        pulling.platform.answer(path, html())
    outcome = pulling.job()
    assert (outcome.processed, outcome.failed) == (0, 1)
    assert outcome.error is not None and "no JSON" in outcome.error


@pytest.mark.parametrize(
    ("changes", "scheduled"),
    [({}, True), ({"mengedmate_url": None}, False), ({"mengedmate_token": None}, False)],
)
def test_the_job_is_there_where_it_is_known_where_to_pull_from(
    pulling: Pulling, changes: dict[str, Any], scheduled: bool
) -> None:
    settings = pulling.platform.settings(pull_schedule="77", **changes)
    jobs = work.all_jobs(settings, pulling.engine, BackendClient(settings))
    found = [job.schedule for job in jobs if job.name == "pull"]
    assert found == ([Schedule(seconds=77)] if scheduled else [])


def test_a_store_of_the_first_schema_keeps_its_connectors(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'old.db'}")
    config = migrate._config()
    with engine.execution_options(writes=True).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        known = {"id": station_id(1).hex, "now": "2026-01-01 00:00:00"}
        for statement in FIRST_ROWS:
            connection.execute(text(statement), known)
    migrate.upgrade(engine)
    with reading(engine) as store:
        kept = store.scalars(select(ChargingConnector)).one()
        assert (kept.is_active, kept.unit, kept.external_id, kept.station.source) == (True, 1, None, "")
    engine.dispose()
