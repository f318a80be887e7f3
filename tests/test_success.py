"""The success of charges and the errors of connectors, from the rows in the store."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import factories
import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from db.analytics import attempts, errors
from db.analytics.charge_success import Outcome, Tally
from db.analytics.scope import Period, Scope
from db.analytics.success import Success, VisitRow, success, troubled_visits
from db.engine import reading, writing
from db.models import Command, OCPPConnector, OCPPStation
from ocpp_integration.errors import BackendDown
from ocpp_integration.exports.reliability import BROKE_OFF, outcome_in_words

DAY = date(2025, 6, 10)
MIDNIGHT = datetime(2025, 6, 9, 21, tzinfo=UTC)  # in Addis Ababa
TODAY = Period(DAY, DAY + timedelta(days=1))
NETWORK = Scope.network()


def _at(hours: float) -> datetime:
    return MIDNIGHT + timedelta(hours=hours)


def _found(engine: Engine, scope: Scope = NETWORK, period: Period = TODAY) -> Success:
    with reading(engine) as store:
        return success(store, scope, period)


def _told(engine: Engine) -> list[VisitRow]:
    with reading(engine) as store:
        return troubled_visits(store, NETWORK, TODAY)


def _station(store: Session, name: str = "Bole Road", **more: object) -> OCPPStation:
    return factories.add_station(store, factories.add_owner(store, name), name, **more)  # type: ignore[arg-type]


def _session(store: Session, station: OCPPStation, hours: float, **columns: object) -> None:
    factories.add_session(store, station, _at(hours), **columns)  # type: ignore[arg-type]


def _refused(
    store: Session, connector: OCPPConnector, hours: float, code: str = "refused", **columns: object
) -> None:
    at = _at(hours)
    known: dict[str, object] = {
        "idempotency_key": f"{at}{code}",
        "kind": "start",
        "state": "failed",
        "error": "It said no.",
    }
    known |= {"outcome": {"success": False, "code": code}}
    store.add(Command(connector=connector, sent_at=at, answered_at=at, **known | columns))
    store.flush()


def test_v2a_is_what_the_store_says_of_such_a_day(engine: Engine) -> None:
    with writing(engine) as store:
        station = _station(store)
        for number in range(100):
            failure = {"energy_wh": 0, "status": "failed"} if number >= 88 else {"stop_reason": "PowerLoss"}
            _session(
                store,
                station,
                number / 10,
                minutes=5,
                id_tag=f"T{number}",
                **({} if number < 84 else failure),
            )
    total = _found(engine).total
    assert (total.attempts, total.powered, total.valid) == (100, 88, 84)
    assert total.first_attempt_success == (84, 100)


def test_v2c_at_the_store_is_one_troubled_visit_with_what_went_wrong(engine: Engine) -> None:
    with writing(engine) as store:
        station = _station(store)
        _session(store, station, 9, minutes=1, energy_wh=0, status="failed", stop_reason="EVDisconnected")
        _session(store, station, 9 + 5 / 60, minutes=45, connector=2)
    assert _found(engine).total.first_attempt_success == (0, 1)
    (visit,) = _told(engine)
    assert (visit.station_name, visit.driver, visit.outcome) == ("Bole Road", "TAG1", Outcome.TROUBLED)
    assert [(a.connector_number, a.is_valid, a.stop_reason) for a in visit.attempts] == [
        (1, False, "EVDisconnected"),
        (2, True, None),
    ]


def test_a_visit_with_energy_is_not_said_not_to_have_charged(engine: Engine) -> None:
    with writing(engine) as store:
        station = _station(store)
        _session(store, station, 9, minutes=20, energy_wh=13_400, stop_reason="PowerLoss")
        _session(store, station, 12, minutes=1, energy_wh=40, stop_reason="PowerLoss", id_tag="TAG2")
    assert {visit.driver: outcome_in_words(visit) for visit in _told(engine)} == {
        "TAG1": BROKE_OFF,
        "TAG2": "did not charge",
    }


def test_a_refused_remote_start_and_a_session_after_it_are_one_visit_of_the_user(engine: Engine) -> None:
    with writing(engine) as store:
        station, driver = _station(store), factories.add_user(store, "almaz", "driver")
        _refused(store, station.connectors[0], 9, user_id=driver.id)
        _session(store, station, 9.1, user_id=driver.id)
    total = _found(engine).total
    assert (total.attempts, total.powered, total.troubled) == (2, 1, 1)
    (visit,) = _told(engine)
    assert visit.attempts[0].error == "It said no."


@pytest.mark.parametrize(
    "columns",
    [
        {"code": BackendDown.code},
        {"code": "busy"},
        {"kind": "stop"},
        {"state": "accepted"},
        {"state": "unknown"},
    ],
)
def test_what_no_charge_point_refused_is_no_attempt(engine: Engine, columns: dict[str, str]) -> None:
    with writing(engine) as store:
        _refused(store, _station(store).connectors[0], 9, **columns)
    assert _found(engine).total == Tally()


def test_a_start_that_made_a_session_is_counted_once(engine: Engine) -> None:
    with writing(engine) as store:
        station = _station(store)
        _session(store, station, 9, transaction_id=77, energy_wh=0, status="failed")
        _refused(store, station.connectors[0], 9, transaction_id=77)
    assert _found(engine).total.attempts == 1


def test_without_energy_a_charging_status_is_power_all_the_same(engine: Engine) -> None:
    with writing(engine) as store:
        station = _station(store)
        for hours, connector in ((9, 1), (12, 2)):
            _session(store, station, hours, energy_wh=0, status="failed", connector=connector)
        factories.add_status(store, station.connectors[0], "charging", _at(9.1), _at(9.4))
        factories.add_status(store, station.connectors[1], "charging", _at(13), _at(14))
    total = _found(engine).total
    assert (total.powered, total.valid) == (1, 0)


@pytest.mark.parametrize(
    ("statuses", "valid"),
    [
        ((("charging", 9.0), ("finishing", 9.5), ("available", 9.6)), 1),
        ((("charging", 9.0), ("faulted", 9.49), ("available", 12)), 0),
        ((("charging", 9.0), ("faulted", 9.51)), 0),
        ((("charging", 9.0), ("finishing", 9.501), ("faulted", 9.51)), 0),
        ((("charging", 9.0), ("available", 9.5), ("faulted", 9.52)), 1),
        ((("faulted", 8.0), ("charging", 9.0), ("available", 9.5)), 1),
        ((("available", -20.0), ("faulted", 14)), 1),
    ],
)
def test_a_stop_in_a_fault_or_just_before_one_is_not_valid(
    engine: Engine, statuses: tuple[tuple[str, float], ...], valid: int
) -> None:
    with writing(engine) as store:
        station = _station(store)
        _session(store, station, 9, minutes=30)
        ends = [*(begun for _, begun in statuses[1:]), None]
        for (status, begun), end in zip(statuses, ends, strict=True):
            ended = None if end is None else _at(end)
            factories.add_status(store, station.connectors[0], status, _at(begun), ended)
    assert _found(engine).total.valid == valid


def test_a_vehicle_that_does_not_understand_spoils_no_stop(engine: Engine) -> None:
    with writing(engine) as store:
        station = _station(store)
        _session(store, station, 9, minutes=30)
        factories.add_status(
            store, station.connectors[0], "faulted", _at(9.4), _at(10), error_code="EVCommunicationError"
        )
    assert _found(engine).total.valid == 1


def test_what_is_under_way_and_the_visit_around_it_are_not_counted_yet(engine: Engine) -> None:
    with writing(engine) as store:
        station = _station(store)
        _session(store, station, 9, minutes=1, energy_wh=0, status="failed")
        _session(store, station, 9.1, minutes=None, status="charging")
    total = _found(engine).total
    assert (total.attempts, total.visits) == (1, 0)


def test_days_are_those_of_each_stations_clock_and_a_period_is_the_sum_of_its_days(engine: Engine) -> None:
    with writing(engine) as store:
        addis, lagos = _station(store), _station(store, "Lagos", timezone="Africa/Lagos")
        for station in (addis, lagos):
            for hours in (-0.6, 0.1, 1.9, 23.1):
                tag = f"{station.id} {hours}"
                _session(store, station, hours, minutes=30, id_tag=tag)
    today = _found(engine)
    # Lagos is two hours behind: of its day only what ends from 02:00 until before 26:00 in Addis Ababa.
    assert today.total.attempts == 3 + 2
    assert today.by_station == {addis.id: Tally(3, 3, 3, 3), lagos.id: Tally(2, 2, 2, 2)}
    week = _found(engine, period=Period(DAY - timedelta(days=3), DAY + timedelta(days=4)))
    assert {day.day: tally.attempts for day, tally in week.by_day.items()} == {9: 3, 10: 5}
    assert week.by("week") == {date(2025, 6, 9): week.total}
    assert week.by("month") == {date(2025, 6, 1): week.total}


def test_a_visit_over_midnight_is_in_the_day_in_which_it_ended(engine: Engine) -> None:
    with writing(engine) as store:
        station = _station(store)
        _session(store, station, -0.3, minutes=1, energy_wh=0, status="failed")
        _session(store, station, -0.2, minutes=30)
    yesterday = _found(engine, period=Period(DAY - timedelta(days=1), DAY)).total
    assert (yesterday.attempts, yesterday.visits) == (1, 0)
    total = _found(engine).total
    assert (total.attempts, total.troubled) == (1, 1)


def test_success_is_that_of_the_scope_alone(engine: Engine) -> None:
    with writing(engine) as store:
        bole, adama = _station(store), _station(store, "Adama")
        _session(store, bole, 9)
        _session(store, adama, 9, energy_wh=0, status="failed")
        _refused(store, adama.connectors[0], 12)
        owner_id = bole.charging_station.owner_id
    assert _found(engine, Scope.owner(owner_id)).total == Tally(1, 1, 1, 1)
    assert _found(engine, Scope.station(adama.id)).total == Tally(2, 0, 0, 0, 0, 2)
    with reading(engine) as store:
        assert troubled_visits(store, Scope.owner(owner_id), TODAY) == []


def _tried(store: Session, station: OCPPStation, *tried: tuple[float, float, object, int]) -> None:
    """Sessions of (begin in minutes after nine, minutes, id tag, connector), none of which succeeds."""
    for begun, minutes, id_tag, connector in tried:
        start = _at(9) + timedelta(minutes=begun)
        columns = {"energy_wh": 0, "status": "failed", "id_tag": id_tag, "connector": connector}
        factories.add_session(store, station, start, minutes=int(minutes), **columns)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tried", "visits"),
    [
        ([(0, 60, "A", 1), (90, 5, "A", 1)], 1),
        ([(0, 60, "A", 1), (91, 5, "A", 1)], 2),
        # The longest one counts, not the newest.
        ([(0, 60, "A", 1), (10, 5, "A", 2), (80, 5, "A", 1)], 1),
        ([(0, 5, "abebe", 1), (6, 5, "ABEBE", 2)], 1),
        ([(0, 5, "A", 1), (6, 5, "B", 1)], 2),
        ([(0, 5, None, 1), (7, 5, None, 1)], 1),
        ([(0, 5, None, 1), (8, 5, None, 1)], 2),
        ([(0, 5, "", 1), (6, 5, None, 2)], 2),
    ],
)
def test_a_visit_goes_on_while_the_same_person_tries_again_without_a_long_pause(
    engine: Engine, tried: list[tuple[float, float, object, int]], visits: int
) -> None:
    with writing(engine) as store:
        _tried(store, _station(store), *tried)
        _tried(store, _station(store, "Elsewhere"), (5, 1, "A", 1))
    assert _found(engine).total.failed == visits + 1


def test_on_the_day_on_which_clocks_jump_everything_is_in_its_own_day(engine: Engine) -> None:
    with writing(engine) as store:
        station = _station(store, timezone="Europe/Berlin")
        # Clocks are put back at 01:00 UTC: the 26th lasts from 22:00 UTC until 23:00 UTC a day later.
        for number, hour in enumerate((-3, -1, 1, 22.5, 23.5)):
            stop = datetime(2025, 10, 26, tzinfo=UTC) + timedelta(hours=hour)
            factories.add_session(store, station, stop - timedelta(minutes=5), minutes=5, id_tag=f"T{number}")
    found = _found(engine, period=Period(date(2025, 10, 20), date(2025, 11, 3)))
    assert {day.day: tally.attempts for day, tally in found.by_day.items()} == {25: 1, 26: 3, 27: 1}


# Errors


@pytest.fixture
def troubled(engine: Engine) -> OCPPStation:
    """Two faults and a warning at one station, none at another."""
    with writing(engine) as store:
        station = _station(store)
        _station(store, "Quiet")
        first, second = station.connectors
        for connector, status, hours, code, vendor_code in (
            (first, "faulted", 8, "OtherError", "CX008"),
            (second, "faulted", 9, "OtherError", "CX008"),
            (first, "available", 25, "HighTemperature", ""),
        ):
            interval = factories.add_status(store, connector, status, _at(hours), _at(hours + 1), code)
            interval.vendor_error_code = vendor_code
    return station


def test_errors_are_told_by_name_for_each_station(engine: Engine, troubled: OCPPStation) -> None:
    with reading(engine) as store:
        (found,) = errors.by_station(store, NETWORK, None, _at(48))
    assert (found.station_pk, found.faults, found.warnings) == (troubled.id, 2, 1)
    assert (found.worst, found.time) == ("CX008 EmergencyStop", timedelta(hours=3))


@pytest.mark.usefixtures("troubled")
def test_errors_are_told_for_each_day_of_the_stations_clock(engine: Engine) -> None:
    with reading(engine) as store:
        found = errors.by_day(store, NETWORK, Period(DAY, DAY + timedelta(days=7)))
    assert found == {
        DAY: Counter({"CX008 EmergencyStop": 2}),
        DAY + timedelta(days=1): Counter({"HighTemperature": 1}),
    }


def test_a_start_that_nobody_was_asked_for_is_called_as_the_integration_calls_it() -> None:
    assert BackendDown.code in attempts.NOT_ASKED
