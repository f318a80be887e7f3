"""What webhooks make of a session, whatever order they come in."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import factories
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from one_station import (
    add_network,
    differing_in,
    empty,
    intervals_of,
    row_of,
    session_of,
    sessions,
    sums_of,
)
from sqlalchemy import Engine, select
from webhooks import (
    NOON,
    STATION,
    Body,
    apply,
    at,
    presence,
    progress,
    record,
    started,
    status,
    stopped,
    tell,
    webhook,
)

from db.engine import reading, writing
from db.models import (
    ChargingSession,
    OCPPConnector,
    OCPPLog,
    OCPPStation,
    SessionMeterValue,
)
from ocpp_integration.lifecycle import ensure_session
from ocpp_integration.pricing import energy_bill

SLOW = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@pytest.fixture
def network(engine: Engine) -> Engine:
    """A store with one station of two connectors at 10 ETB/kWh."""
    add_network(engine)
    return engine


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A store that properties empty again for each of their examples."""
    engine = factories.make_store(tmp_path_factory.mktemp("scratch"))
    add_network(engine)
    yield engine
    engine.dispose()


def _apply_in_pieces(engine: Engine, bodies: list[Body], seed: int) -> None:
    """Record and apply in uneven batches, with a new process before each."""
    chance = random.Random(seed)
    rest = list(bodies)
    while rest:
        size = chance.randint(1, len(rest))
        now, rest = rest[:size], rest[size:]
        engine.dispose()
        record(engine, *now)
        apply(engine, limit=chance.randint(1, 4))


@SLOW
@given(happened=sessions(), data=st.data())
def test_any_order_of_a_sessions_events_ends_in_the_same_row_and_the_same_sums(
    scratch: Engine, happened: list[Body], data: st.DataObject
) -> None:
    empty(scratch)
    tell(scratch, *happened)
    in_order = row_of(scratch), sums_of(scratch)
    again = data.draw(st.lists(st.sampled_from(happened), max_size=4))
    shuffled = data.draw(st.permutations(happened + again))
    empty(scratch)
    _apply_in_pieces(scratch, shuffled, data.draw(st.integers(0, 1000)))
    assert (row_of(scratch), sums_of(scratch)) == in_order


@SLOW
@given(happened=sessions(), data=st.data())
def test_after_every_event_the_sums_are_what_their_rows_add_up_to(
    scratch: Engine, happened: list[Body], data: st.DataObject
) -> None:
    empty(scratch)
    differing = []
    for body in data.draw(st.permutations(happened)):
        tell(scratch, body)
        differing.append(differing_in(scratch))
    assert differing == [0] * len(happened)


@SLOW
@given(happened=sessions(), data=st.data())
def test_energy_never_shrinks_and_an_ended_session_never_runs_again(
    scratch: Engine, happened: list[Body], data: st.DataObject
) -> None:
    empty(scratch)
    seen: list[tuple[bool, int]] = []
    for body in data.draw(st.permutations(happened)):
        tell(scratch, body)
        session = session_of(scratch)
        seen.append((session.stop_time is not None, session.energy_wh or 0))
    assert all(before[0] <= after[0] and before[1] <= after[1] for before, after in itertools.pairwise(seen))


def test_a_session_costs_the_energy_between_its_registers(network: Engine) -> None:
    tell(network, started(0, meter_start=120_000), stopped(3600, meter_stop=133_000))
    session = session_of(network)
    assert (session.energy_wh, session.cost) == (13_000, Decimal("130.00"))


def test_a_late_progress_never_reopens_a_session(network: Engine) -> None:
    tell(network, started(0), stopped(600), progress(300, 2.5))
    assert session_of(network).status == "completed"


def test_a_progress_dated_after_the_stop_does_not_reopen_a_session_either(network: Engine) -> None:
    tell(network, started(0), stopped(600), progress(700, 2.5))
    assert session_of(network).status == "completed"


def test_an_ended_session_draws_no_power(network: Engine) -> None:
    tell(network, started(0), stopped(600), progress(300, 2.5))
    assert session_of(network).power_w is None


def test_the_power_of_a_running_session_is_that_of_its_newest_progress(network: Engine) -> None:
    tell(network, started(0), progress(120, 2, kw=7), progress(60, 1, kw=22))
    assert session_of(network).power_w == 7000


def test_a_register_that_was_reset_does_not_take_measured_energy_away(network: Engine) -> None:
    tell(network, started(0, meter_start=100), progress(600, 5.9), stopped(900, meter_stop=2900))
    session = session_of(network)
    assert (session.energy_wh, session.flags) == (5900, ["registers_disagree"])


def test_registers_further_apart_than_any_vehicle_takes_make_no_bill(network: Engine) -> None:
    tell(network, started(0, meter_start=0), progress(1200, 20), stopped(1800, meter_stop=5_234_567))
    session = session_of(network)
    assert (session.energy_wh, session.flags) == (20_000, ["registers_disagree"])


def test_a_reset_that_the_backend_tells_of_leaves_the_registers_out(network: Engine) -> None:
    reset = stopped(900, meter_stop=12_900, energy_consumed_kwh=8.9, meter_reset=True)
    tell(network, started(0, meter_start=100), reset)
    session = session_of(network)
    assert (session.energy_wh, session.flags) == (8900, ["meter_reset"])


def test_a_stop_below_the_start_counts_what_was_reported(network: Engine) -> None:
    tell(network, started(0, meter_start=120_000), stopped(60, meter_stop=2900, energy_consumed_kwh=8.9))
    assert session_of(network).energy_wh == 8900


def test_an_estimated_stop_is_flagged(network: Engine) -> None:
    tell(network, started(0), progress(600, 6.4), stopped(900, meter_stop=None, estimated=True))
    session = session_of(network)
    assert (session.energy_wh, session.flags) == (6400, ["estimated_stop"])


def test_the_real_stop_takes_the_place_of_an_estimated_one(network: Engine) -> None:
    tell(network, started(0), stopped(600, meter_stop=2000, estimated=True), stopped(900, meter_stop=3000))
    session = session_of(network)
    assert (session.stop_time, session.energy_wh, session.flags) == (at(900), 2000, [])


def test_a_session_without_energy_has_failed(network: Engine) -> None:
    tell(network, started(0), stopped(60, meter_stop=1000))
    assert (session_of(network).status, session_of(network).energy_wh) == ("failed", 0)


def test_a_session_of_which_only_the_stop_is_known_does_not_start_after_it(network: Engine) -> None:
    alone = stopped(60, meter_stop=None, energy_consumed_kwh=3)
    del alone["timestamp"]
    tell(network, alone)
    assert session_of(network).start_time == at(60)


def test_a_charge_points_clock_that_is_ahead_is_replaced_by_the_arrival_and_flagged(network: Engine) -> None:
    record(network, started(0), received_at=NOON - timedelta(minutes=6))
    apply(network)
    session = session_of(network)
    assert (session.start_time, session.flags) == (NOON - timedelta(minutes=6), ["clock_ahead"])


def test_a_meter_value_of_a_clock_that_is_ahead_is_dated_by_its_arrival(network: Engine) -> None:
    value = {"timestamp": at(9000).isoformat(), "value": "1200"}
    tell(network, started(0), progress(60, 0.2, meter_values=[value]))
    with reading(network) as store:
        assert store.scalars(select(SessionMeterValue.timestamp)).all() == [at(3600)]


def test_five_minutes_ahead_is_still_believed(network: Engine) -> None:
    record(network, started(0), received_at=NOON - timedelta(minutes=5))
    apply(network)
    assert (session_of(network).start_time, session_of(network).flags) == (NOON, [])


def test_meter_values_keep_the_charge_points_time_and_exact_value(network: Engine) -> None:
    value = {"timestamp": at(59).isoformat(), "value": "1200.125", "unit": "Wh", "measurand": "Voltage"}
    tell(network, started(0), progress(60, 0.2, meter_values=[value]))
    with reading(network) as store:
        row = store.scalars(select(SessionMeterValue)).one()
    assert (row.timestamp, row.value, row.measurand) == (at(59), Decimal("1200.125"), "voltage")


def test_a_later_price_does_not_rewrite_a_session(network: Engine) -> None:
    tell(network, started(0))
    with writing(network) as store:
        dear = factories.add_tariff(store, Decimal(99))
        for connector in store.scalars(select(OCPPConnector)):
            assert connector.charging_connector
            connector.charging_connector.tariff = dear
    tell(network, stopped(60, meter_stop=2000))
    assert session_of(network).cost == Decimal("10.00")


def test_a_price_that_a_webhook_names_is_not_what_the_driver_pays(network: Engine) -> None:
    tell(network, started(0), stopped(60, meter_stop=2000, final_cost=0.01))
    session = session_of(network)
    assert (session.cost, session.reported_cost) == (Decimal("10.00"), Decimal("0.01"))


def test_a_stop_told_by_two_sides_keeps_what_either_knew(network: Engine) -> None:
    tell(network, started(0), stopped(60, meter_stop=None, stop_reason="Remote"))
    tell(network, stopped(60, meter_stop=2000, stop_reason=None, final_cost=9))
    session = session_of(network)
    assert (session.energy_wh, session.stop_reason, session.reported_cost) == (1000, "Remote", Decimal(9))


def test_an_event_of_another_station_does_not_touch_a_session(network: Engine) -> None:
    with writing(network) as store:
        owner = factories.add_owner(store, "Other owner")
        factories.add_station(store, owner, "Elsewhere", station_id="STATION_ELSEWHERE")
    tell(network, started(0))
    foreign = stopped(60)
    foreign["station_id"] = "STATION_ELSEWHERE"
    assert (tell(network, foreign).dead, session_of(network).status) == (1, "started")


def test_a_connector_that_the_platform_does_not_list_is_made(network: Engine) -> None:
    tell(network, started(0, connector_id=7))
    with reading(network) as store:
        session = store.scalars(select(ChargingSession)).one()
        assert session.connector is not None
        assert session.connector.connector_id == 7


def test_a_pending_session_is_no_arrival(network: Engine) -> None:
    with writing(network) as store:
        ensure_session(store, store.scalars(select(OCPPStation)).one(), 1, NOON)
    assert (sums_of(network), differing_in(network)) == ({}, 0)


def test_a_bill_is_rounded_half_up_once_for_each_total() -> None:
    bill = energy_bill(1001, Decimal("2.5"), Decimal(15))
    assert (bill.gross, bill.tax, bill.net) == (Decimal("2.50"), Decimal("0.33"), Decimal("2.17"))


def test_half_a_cent_is_rounded_up() -> None:
    assert energy_bill(1, Decimal(5), Decimal(0)).gross == Decimal("0.01")


# Connectors: reports with the times 0, 60, 120, ... in any order.
_REPORTS = st.lists(
    st.sampled_from(["Available", "Preparing", "Charging", "SuspendedEV", "Faulted", "Unavailable"]),
    min_size=1,
    max_size=6,
)


@SLOW
@given(reports=_REPORTS, data=st.data())
def test_connector_reports_in_any_order_give_the_same_intervals_and_the_same_sums(
    scratch: Engine, reports: list[str], data: st.DataObject
) -> None:
    happened = [status(60 * n, report) for n, report in enumerate(reports)]
    empty(scratch)
    tell(scratch, *happened)
    in_order = intervals_of(scratch), sums_of(scratch)
    empty(scratch)
    _apply_in_pieces(scratch, data.draw(st.permutations(happened)), 1)
    assert (intervals_of(scratch), sums_of(scratch), differing_in(scratch)) == (*in_order, 0)


@SLOW
@given(reports=_REPORTS, data=st.data())
def test_the_newest_report_is_a_connectors_status_in_whatever_order_reports_come(
    scratch: Engine, reports: list[str], data: st.DataObject
) -> None:
    happened = [status(60 * n, report) for n, report in enumerate(reports)]
    empty(scratch)
    tell(scratch, *data.draw(st.permutations(happened)))
    assert _connector(scratch).status_at == at(60 * (len(reports) - 1))


@SLOW
@given(data=st.data())
def test_sums_match_their_intervals_whatever_stations_and_connectors_report(
    scratch: Engine, data: st.DataObject
) -> None:
    kinds = st.sampled_from(["Available", "Faulted", "Charging", "online", "offline"])
    reports = data.draw(st.lists(st.tuples(kinds, st.integers(0, 9)), max_size=8))
    empty(scratch)
    for kind, minute in reports:
        if kind in ("online", "offline"):
            tell(scratch, presence(60 * minute, online=kind == "online"))
        else:
            tell(scratch, status(60 * minute, kind))
    found = intervals_of(scratch)
    chained = all(a[3] == b[2] for a, b in itertools.pairwise(found))
    assert (differing_in(scratch), chained, [i[3] for i in found[-1:]]) == (0, True, [None] * len(found[-1:]))


def _connector(engine: Engine, number: int = 1) -> OCPPConnector:
    with reading(engine) as store:
        return store.scalars(select(OCPPConnector).where(OCPPConnector.connector_id == number)).one()


def _station(engine: Engine) -> OCPPStation:
    with reading(engine) as store:
        return store.scalars(select(OCPPStation).where(OCPPStation.station_id == STATION)).one()


def test_silence_is_an_outage_of_every_connector_until_the_station_is_back(network: Engine) -> None:
    tell(network, presence(0, online=True), status(0, "available"), presence(60, online=False))
    tell(network, presence(240, online=True))
    assert intervals_of(network) == [
        ("available", "", 0, 60),
        ("offline", "", 60, 240),
        ("available", "", 240, None),
    ]


def test_a_fault_before_the_silence_lasts_on_after_it(network: Engine) -> None:
    tell(network, status(0, "Faulted", error_code="GroundFailure"), presence(60, online=False))
    tell(network, presence(120, online=True))
    assert intervals_of(network)[-1] == ("faulted", "GroundFailure", 120, None)


def test_silence_counts_though_it_began_a_moment_before_the_last_heartbeat_was_dated(
    network: Engine,
) -> None:
    tell(network, status(0, "available"), presence(60, online=True), presence(59.99, online=False))
    assert (_station(network).is_online, intervals_of(network)[-1][0]) == (False, "offline")


def test_silence_of_long_ago_does_not_take_a_station_down_that_was_heard_since(network: Engine) -> None:
    tell(network, status(0, "available"), presence(600, online=True), presence(60, online=False))
    assert (_station(network).is_online, intervals_of(network)[-1][0]) == (True, "available")


@pytest.mark.parametrize("later", [1, 2, 3])
@pytest.mark.parametrize("limit", [1, 200])
def test_silence_that_is_told_after_the_return_is_the_outage_that_it_was(
    network: Engine, later: int, limit: int
) -> None:
    silence = presence(60, online=False)
    rest = [presence(240, online=True), presence(300, online=True), presence(360, online=True)]
    tell(network, presence(0, online=True), status(0, "faulted", error_code="GroundFailure"))
    tell(network, *rest[:later], silence, *rest[later:], limit=limit)
    assert intervals_of(network) == [
        ("faulted", "GroundFailure", 0, 60),
        ("offline", "", 60, 240),
        ("faulted", "GroundFailure", 240, None),
    ]
    assert (_station(network).is_online, differing_in(network)) == (True, 0)


def test_late_silence_ends_with_what_the_connector_said_meanwhile(network: Engine) -> None:
    tell(network, status(0, "available"), status(120, "charging"), presence(240, online=True))
    tell(network, presence(60, online=False))
    assert [interval[0] for interval in intervals_of(network)] == ["available", "offline", "charging"]
    assert intervals_of(network)[1][2:] == (60, 120)


def test_of_late_silence_within_a_known_outage_nothing_more_is_kept(network: Engine) -> None:
    tell(network, status(0, "available"), presence(60, online=False), presence(240, online=True))
    before = intervals_of(network)
    tell(network, presence(61, online=False) | {"event_id": "another"})
    assert intervals_of(network) == before


def test_an_earlier_silence_that_is_told_during_a_later_one_is_kept(network: Engine) -> None:
    tell(network, status(0, "available"), presence(120, online=True), presence(180, online=False))
    tell(network, presence(60, online=False))
    assert [(status, start) for status, _, start, _ in intervals_of(network)] == [
        ("available", 0),
        ("offline", 60),
        ("available", 120),
        ("offline", 180),
    ]
    assert _station(network).is_online is False


def test_silence_ends_the_status_of_a_charge_point_whose_clock_is_ahead(network: Engine) -> None:
    tell(network, presence(0, online=True), status(90, "charging"), presence(60, online=False))
    assert [interval[0] for interval in intervals_of(network)] == ["charging", "offline"]


def test_the_status_told_by_a_clock_that_is_behind_counts_after_the_station_is_back(network: Engine) -> None:
    tell(network, status(-600, "charging"), presence(0, online=False), presence(60, online=True))
    tell(network, status(-500, "available"))
    assert _connector(network).status == "available"


def test_a_fault_keeps_its_code_when_the_availability_is_told_beside_it(network: Engine) -> None:
    tell(network, status(0, "Faulted", error_code="GroundFailure", vendor_error_code="CX002"))
    tell(network, webhook("availability_changed", 0, connector_id=1, status="Faulted"))
    connector = _connector(network)
    assert (connector.error_code, connector.vendor_error_code) == ("GroundFailure", "CX002")


def test_no_error_is_no_error_code(network: Engine) -> None:
    tell(network, status(0, "Available", error_code="NoError"))
    assert _connector(network).error_code == ""


def test_the_status_of_connector_zero_is_the_stations_only(network: Engine) -> None:
    tell(network, status(0, "available"), status(60, "Faulted", connector=0))
    assert (_station(network).status, _connector(network).status) == ("faulted", "available")


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("first", [presence(0, online=True), status(0, "Faulted", connector=0)])
def test_whoever_spoke_last_tells_a_stations_status(network: Engine, first: Body, *, reverse: bool) -> None:
    said = [first, status(60, "charging"), status(60, "charging", connector=2)]
    tell(network, *(reversed(said) if reverse else said))
    assert _station(network).status == "occupied"


@pytest.mark.parametrize("reverse", [False, True])
def test_of_two_reports_of_connector_zero_the_newer_one_counts(network: Engine, *, reverse: bool) -> None:
    said = [status(0, "available", connector=0), status(60, "Faulted", connector=0)]
    tell(network, *(reversed(said) if reverse else said))
    assert _station(network).status == "faulted"


def test_an_old_report_does_not_bring_back_an_old_firmware(network: Engine) -> None:
    tell(network, webhook("station_status", 60, firmware_version="2.0"))
    tell(network, webhook("station_status", 0, firmware_version="1.0"))
    assert _station(network).firmware_version == "2.0"


def test_every_event_but_progress_leaves_a_log_line(network: Engine) -> None:
    tell(network, started(0), progress(60, 1), status(60, "charging"), stopped(90))
    with reading(network) as store:
        actions = sorted(store.scalars(select(OCPPLog.action)))
    assert actions == ["connector_status", "session_started", "session_stopped"]
