"""Tariffs in the store: which one holds, what sessions make of it, who changed it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import factories
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from one_station import add_network, differing_in, empty, row_of, session_of, sums_of
from sqlalchemy import Engine, select, update
from tariff_makers import BEFORE, IDLE, energy_at, give
from webhooks import NOON, STATION, Body, apply, at, progress, record, started, status, stopped, tell

from db.engine import reading, writing
from db.models import AuditEntry, ChargingSession, OCPPStation, SessionMeterValue
from ocpp_integration import sync, tariff_book
from ocpp_integration.metering import Observed, usage_of
from ocpp_integration.pricing import Bill, parse, price
from ocpp_integration.tariff_book import TariffRefused
from ocpp_integration.tariffs import Tariffs


@pytest.fixture
def network(engine: Engine) -> Engine:
    """A store with one station of two connectors at 10 ETB/kWh."""
    add_network(engine)
    return engine


def _charge(engine: Engine) -> Decimal | None:
    """What a kWh costs that is charged at noon on connector 1."""
    tell(engine, started(0, meter_start=1000), stopped(600, meter_stop=2000))
    return session_of(engine).cost


def test_a_connectors_tariff_comes_before_its_stations_and_that_before_its_owners(network: Engine) -> None:
    give(network, "owner", energy_at("11"), to="owner")
    with reading(network) as store:
        connectors = store.scalars(select(OCPPStation)).one().connectors
        tariffs = Tariffs(store)
        assert [_price_at(tariffs, each) for each in connectors] == [11, 11]
    give(network, "station", energy_at("12"), to="station")
    give(network, "connector", energy_at("13"), to="connector")
    with reading(network) as store:
        connectors = store.scalars(select(OCPPStation)).one().connectors
        tariffs = Tariffs(store)
        assert [_price_at(tariffs, each) for each in connectors] == [13, 12]
    assert _charge(network) == Decimal("13.00")


def _price_at(tariffs: Tariffs, connector: Any) -> Decimal | None:
    tariff = tariffs.holding(connector.charging_connector, NOON)
    return tariff.price_per_kwh if tariff else None


def test_where_nothing_is_assigned_the_platforms_price_holds(network: Engine) -> None:
    with writing(network) as store:
        tariff_book.add_version(store, None, parse(energy_at("99")), code="unused", now=BEFORE)
    assert _charge(network) == Decimal("10.00")


def test_a_session_keeps_the_version_of_its_start(network: Engine) -> None:
    give(network, "main", energy_at("12"))
    with writing(network) as store:
        dear = parse(energy_at("50"))
        tariff_book.add_version(store, None, dear, code="main", now=BEFORE, valid_from=at(300))
    assert _charge(network) == Decimal("12.00")


def test_the_start_counts_though_it_is_told_last(network: Engine) -> None:
    give(network, "main", energy_at("12"))
    with writing(network) as store:
        dear = parse(energy_at("50"))
        tariff_book.add_version(store, None, dear, code="main", now=BEFORE, valid_from=at(300))
    tell(network, stopped(600, meter_stop=2000, connector_id=1), started(0, meter_start=1000))
    assert session_of(network).cost == Decimal("12.00")


def test_a_tariff_that_has_ended_gives_way_to_the_platforms_price(network: Engine) -> None:
    give(network, "main", energy_at("12") | {"end_date_time": NOON.isoformat()})
    assert _charge(network) == Decimal("10.00")


def test_an_assignment_that_has_ended_gives_way_to_the_platforms_price(network: Engine) -> None:
    give(network, "main", energy_at("12"))
    with writing(network) as store:
        (assignment,) = tariff_book.list_assignments(store, BEFORE)
        tariff_book.end(store, None, assignment.id, now=BEFORE, at=NOON)
    assert _charge(network) == Decimal("10.00")


def test_a_plain_tariff_is_kept_as_a_price(network: Engine) -> None:
    made = give(network, "main", energy_at("12.5"))
    assert (made.document, made.price_per_kwh, made.vat_percent) == (None, Decimal("12.5"), Decimal(15))


def test_idle_time_is_billed_by_what_the_connector_said(network: Engine) -> None:
    give(network, "idle", IDLE)
    tell(network, started(0, meter_start=0), progress(1200, 10), status(1200, "SuspendedEV"))
    tell(network, status(2400, "SuspendedEVSE"), stopped(3000, meter_stop=10_000))
    session = session_of(network)
    assert session.bill is not None
    bill = Bill.read(session.bill)
    assert [(line.what, line.volume, line.gross) for line in bill.lines] == [
        ("ENERGY", Decimal(10), Decimal("100.00")),
        ("PARKING_TIME", Decimal("0.333333"), Decimal("20.00")),
    ]
    assert (session.cost, session.tax) == (Decimal("120.00"), Decimal("15.65"))


def test_a_status_that_comes_late_corrects_the_bill_and_the_sums(network: Engine) -> None:
    give(network, "idle", IDLE)
    tell(network, started(0, meter_start=0), stopped(3000, meter_stop=10_000))
    assert session_of(network).cost == Decimal("100.00")
    tell(network, status(2400, "SuspendedEV"))
    assert (session_of(network).cost, differing_in(network)) == (Decimal("110.00"), 0)


def test_a_car_that_was_paid_for_in_advance_is_idle_until_it_is_unplugged(network: Engine) -> None:
    give(network, "idle", IDLE)
    tell(network, started(0, meter_start=0))
    with writing(network) as store:
        store.execute(update(ChargingSession).values(prepaid=Decimal(500)))
    tell(network, stopped(1200, meter_stop=5000), status(1200, "Finishing"))
    assert session_of(network).cost == Decimal("50.00")
    tell(network, status(3600, "Available"))
    assert (session_of(network).cost, differing_in(network)) == (Decimal("90.00"), 0)


def test_who_got_no_energy_pays_nothing(network: Engine) -> None:
    fee = {"currency": "ETB", "elements": [{"price_components": [{"type": "FLAT", "price": 5, "vat": 15}]}]}
    give(network, "fee", fee)
    tell(network, started(0, meter_start=0), stopped(3000, meter_stop=0))
    assert (session_of(network).cost, session_of(network).bill) == (Decimal("0.00"), None)


def test_the_registers_in_between_say_when_energy_flowed(network: Engine) -> None:
    night = energy_at("10")
    cheap = energy_at("4")["elements"][0] | {"restrictions": {"start_time": "15:10", "end_time": "00:00"}}
    give(network, "night", night | {"elements": [cheap, *night["elements"]]})
    # Noon is three in the afternoon in Addis Ababa.
    value = {"timestamp": at(600).isoformat(), "value": "9.0", "unit": "kWh"}
    tell(network, started(0, meter_start=1000), progress(600, 8, meter_values=[value]))
    tell(network, stopped(1200, meter_stop=11_000))
    assert session_of(network).cost == 8 * 10 + 2 * 4


@pytest.mark.parametrize(
    ("told", "flags"), [("10.00", []), ("10.01", []), ("10.02", ["price_differs"]), (None, [])]
)
def test_a_cost_that_the_backend_reports_otherwise_flags_the_session(
    network: Engine, told: str | None, flags: list[str]
) -> None:
    cost = {} if told is None else {"final_cost": told}
    tell(network, started(0, meter_start=1000), stopped(600, meter_stop=2000, **cost))
    session = session_of(network)
    assert (session.cost, session.flags) == (Decimal("10.00"), flags)


def test_v4f_parking_is_when_the_vehicle_asks_for_nothing() -> None:
    plugged = NOON - timedelta(hours=2)

    def minute(number: int) -> Any:
        return plugged + timedelta(minutes=number)

    said = [("charging", 2, 30), ("suspended_evse", 30, 40), ("charging", 40, 80), ("suspended_ev", 80, 110)]
    observed = Observed("UTC", (), [(state, minute(start), minute(end)) for state, start, end in said])
    session = ChargingSession(start_time=plugged, stop_time=minute(110), energy_wh=20_000, meter_start=0)
    parking = {"type": "PARKING_TIME", "price": 1, "step_size": 1}
    tariff = parse({"currency": "ETB", "elements": [{"price_components": [parking]}]})
    assert [line.volume for line in price(tariff, usage_of(session, observed)).lines] == [Decimal("0.5")]


def test_a_vehicle_that_trickles_on_for_five_minutes_is_idle_and_a_reset_register_goes_on() -> None:
    registers = [(at(60 * n), wh) for n, wh in enumerate([5000, 8000, 100, 101, 102, 103, 104, 105, 3105])]
    session = ChargingSession(start_time=NOON, stop_time=at(540), energy_wh=6105, meter_start=5000)
    usage = usage_of(session, Observed("UTC", registers))
    assert [reading.energy_wh for reading in usage.readings][:4] == [0, 3000, 3100, 3101]
    assert [(each.start, each.end) for each in usage.stretches] == [(at(120), at(420))]


def test_the_backend_is_told_a_price_only_where_that_is_all(network: Engine) -> None:
    assert _told_prices(network) == ["10.0000", "10.0000"]
    give(network, "station", energy_at("12"), to="station")
    give(network, "idle", IDLE, to="connector")
    assert _told_prices(network) == [None, "12.0000"]


def _told_prices(engine: Engine) -> list[str | None]:
    with reading(engine) as store:
        told = sync.describe(store.scalars(select(OCPPStation)).one(), Tariffs(store), NOON)
        return [connector.get("price_per_kwh") for connector in told["connectors"]]


def test_every_change_is_told_in_the_audit_log(network: Engine) -> None:
    give(network, "main", energy_at("12"))
    with writing(network) as store:
        (assignment,) = tariff_book.list_assignments(store, NOON)
        tariff_book.end(store, None, assignment.id, now=NOON)
    with reading(network) as store:
        told = store.execute(select(AuditEntry.action, AuditEntry.subject).order_by(AuditEntry.id)).all()
    assert [tuple(each) for each in told] == [
        ("add tariff", "main version 1"),
        ("assign tariff", "main to Bole Road"),
        ("end tariff", "main at Bole Road"),
    ]


def test_a_later_assignment_takes_the_place_of_the_one_before(network: Engine) -> None:
    give(network, "main", energy_at("12"))
    give(network, "other", energy_at("14"))
    with reading(network) as store:
        assert [row.code for row in tariff_book.list_assignments(store, NOON)] == ["other"]
        rows = {row.code: row for row in tariff_book.list_tariffs(store, NOON)}
    assert (rows["main"].places, rows["other"].places) == ((), ("Bole Road",))
    assert rows["other"].words == ["Energy 14.00 ETB per kWh with 15 % VAT"]


def test_an_end_never_makes_an_assignment_hold_for_longer(network: Engine) -> None:
    give(network, "main", energy_at("12"))
    with writing(network) as store:
        (assignment,) = tariff_book.list_assignments(store, NOON)
        tariff_book.end(store, None, assignment.id, now=NOON, at=NOON + timedelta(days=1))
        row = tariff_book.end(store, None, assignment.id, now=NOON, at=NOON + timedelta(days=2))
    assert row.valid_until == NOON + timedelta(days=1)


def test_an_assignment_that_ended_before_it_began_is_not_to_come(network: Engine) -> None:
    later = NOON + timedelta(days=1)
    with writing(network) as store:
        tariff_book.add_version(store, None, parse(energy_at("12")), code="main", now=NOON)
        place = tariff_book.find_station(store, STATION)
        assigned = tariff_book.assign(store, None, "main", place, now=NOON, valid_from=later)
        tariff_book.end(store, None, assigned.id, now=NOON)
        assert tariff_book.list_assignments(store, NOON) == []
        assert [row.places for row in tariff_book.list_tariffs(store, NOON)] == [()]
        with pytest.raises(TariffRefused, match="has ended already"):
            tariff_book.end(store, None, assigned.id, now=NOON)


def test_of_two_who_add_a_version_at_once_the_second_is_told_so(network: Engine) -> None:
    """On SQLite it waits for the first and comes after it, so that there is nothing to tell."""

    def add() -> str:
        with writing(network) as store:
            added = tariff_book.add_version(store, None, parse(energy_at("12")), code="main", now=BEFORE)
            return f"version {added.version}"

    with ThreadPoolExecutor(1) as other:
        with writing(network) as store:
            tariff_book.add_version(store, None, parse(energy_at("13")), code="main", now=BEFORE)
            second = other.submit(add)
            # The first commits once the other waits for it.
            with pytest.raises(TimeoutError):
                second.result(timeout=0.5)
        if network.dialect.name == "sqlite":
            assert second.result() == "version 2"
        else:
            with pytest.raises(TariffRefused, match="another version of main was added just now"):
                second.result()


def test_what_is_past_or_does_not_fit_is_refused(network: Engine) -> None:
    give(network, "main", energy_at("12"))
    dollars = parse(energy_at("1") | {"currency": "USD"})
    with writing(network) as store:
        place = tariff_book.find_station(store, STATION)
        with pytest.raises(TariffRefused, match="past"):
            add = parse(energy_at("9"))
            tariff_book.add_version(store, None, add, code="main", now=NOON, valid_from=BEFORE)
        with pytest.raises(TariffRefused, match="past"):
            tariff_book.assign(store, None, "main", place, now=NOON, valid_from=BEFORE)
        with pytest.raises(TariffRefused, match="in ETB"):
            tariff_book.add_version(store, None, dollars, code="main", now=NOON)
        tariff_book.add_version(store, None, dollars, code="usd", now=NOON)
        with pytest.raises(TariffRefused, match="usd is in USD, Bole Road in ETB"):
            tariff_book.assign(store, None, "usd", place, now=NOON)
        with pytest.raises(TariffRefused, match="no tariff is called"):
            tariff_book.assign(store, None, "nothing", place, now=NOON)
        with pytest.raises(TariffRefused, match="up to 36"):
            tariff_book.add_version(store, None, dollars, code="a b", now=NOON)


# Any order of reports, with a tariff that asks for idle time.
@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = factories.make_store(tmp_path_factory.mktemp("scratch"))
    add_network(engine)
    give(engine, "idle", IDLE, valid_from=BEFORE)
    with writing(engine) as store:
        # In force from between the first two reports of a session.
        tariff_book.add_version(
            store, None, parse(energy_at("7")), code="idle", now=BEFORE, valid_from=at(30)
        )
    yield engine
    engine.dispose()


def _happened() -> list[Body]:
    def value(seconds: int, register: int) -> dict[str, Any]:
        return {"timestamp": at(seconds).isoformat(), "value": register, "unit": "Wh"}

    return [
        started(0, meter_start=1000, connector_id=1),
        progress(60, 1, meter_values=[value(60, 2000)], connector_id=1),
        status(300, "SuspendedEV"),
        progress(600, 1.5, meter_values=[value(600, 2500)], connector_id=1),
        status(900, "Charging"),
        stopped(1200, meter_stop=4000),
    ]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_order_of_reports_ends_in_the_same_bill(scratch: Engine, data: st.DataObject) -> None:
    empty(scratch)
    tell(scratch, *_happened())
    in_order = row_of(scratch), sums_of(scratch)
    assert in_order[0]["cost"] == Decimal("40.00")
    empty(scratch)
    shuffled = data.draw(st.permutations(_happened()))
    size = data.draw(st.integers(1, 6))
    for first in range(0, len(shuffled), size):
        record(scratch, *shuffled[first : first + size])
        apply(scratch)
    assert (row_of(scratch), sums_of(scratch), differing_in(scratch)) == (*in_order, 0)
    with reading(scratch) as store:
        assert len(store.scalars(select(SessionMeterValue)).all()) == 2


@pytest.mark.parametrize("kind", ["RESERVATION", "RESERVATION_EXPIRES"])
def test_prices_that_nobody_would_ever_pay_are_refused_with_the_reason(engine: Engine, kind: str) -> None:
    kept = {"price_components": [{"type": "FLAT", "price": "5"}], "restrictions": {"reservation": kind}}
    document = parse(IDLE | {"elements": [kept], "tax_included": "NO"})
    with pytest.raises(TariffRefused, match="cannot be reserved here"), writing(engine) as store:
        tariff_book.add_version(store, None, document, code="KEPT", now=BEFORE)
