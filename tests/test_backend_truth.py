"""What the backend takes for true when charge points are late, confused, or gone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from backend_support import Backend, ChargePoint, Receiver, begin_remotely, eventually, meanwhile
from charge_point_201 import ChargePoint201, wh
from sqlalchemy import inspect, select

from ocpp_backend import stations
from ocpp_backend.evses import free_number
from ocpp_backend.protocol import Request
from ocpp_backend.store import create_tables, open_engine
from ocpp_backend.tables import transactions
from ocpp_backend.v201.transaction_event import transaction_event

pytest_plugins = ["backend_fixtures"]

START = datetime(2026, 3, 1, 10, tzinfo=UTC)
MINUTES_15 = 15 * 60
HOURS_24 = 24 * 3600


def later(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def energy(backend: Backend, transaction_id: int) -> Any:
    return backend.session(transaction_id)["energy_consumed_kwh"]


def over(backend: Backend, transaction_id: int) -> dict[str, Any]:
    session: dict[str, Any] = eventually(
        lambda: (s := backend.session(transaction_id)) and s["status"] == "Stopped" and s
    )
    return session


def looked(backend: Backend, station: ChargePoint, receiver: Receiver) -> None:
    """Wait until the watch has looked at the clock as it is now: it ends what a remote start leaves open."""
    known = len(receiver.of_type("session_stopped"))
    asked = meanwhile(lambda: backend.initiate(2))
    station.answer_command()
    asked.result()
    backend.clock.advance(61)
    receiver.wait_for("session_stopped", known + 1)


def test_v4a_energy_is_stop_minus_start(backend: Backend, station: ChargePoint) -> None:
    transaction_id = station.begin(meter=120_000, at=START)["transactionId"]
    station.end(transaction_id, 133_000, later(60))
    assert energy(backend, transaction_id) == 13.0


def test_v4b_registers_in_wh_and_kwh_mix(backend: Backend, station: ChargePoint) -> None:
    transaction_id = station.begin(meter=120_000, at=START)["transactionId"]
    station.measure(transaction_id, later(10), register="124.0 kWh")
    station.measure(transaction_id, later(20), register="128500 Wh")
    assert energy(backend, transaction_id) == 8.5


def test_v4c_after_a_reset_the_new_reading_is_added_and_flagged(
    station: ChargePoint, receiver: Receiver
) -> None:
    transaction_id = station.begin(meter=120_000, at=START)["transactionId"]
    for minute, register in ((10, 126_000), (20, 400), (30, 2_900)):
        station.measure(transaction_id, later(minute), register=f"{register} Wh")
    station.end(transaction_id, 2_900, later(31))
    (event,) = receiver.wait_for("session_stopped")
    assert (event["data"]["energy_consumed_kwh"], event["data"]["meter_reset"]) == (8.9, True)


def test_v4e_without_a_stop_the_last_sample_counts(station: ChargePoint, receiver: Receiver) -> None:
    transaction_id = station.begin(meter=120_000, at=START)["transactionId"]
    station.measure(transaction_id, later(10), register="126400 Wh")
    station.begin("OTHER", meter=130_000, at=later(60))
    (event,) = receiver.wait_for("session_stopped")
    told = event["data"]
    assert (told["energy_consumed_kwh"], told["meter_stop"], told["estimated"]) == (6.4, 126_400, True)


def test_what_is_only_concluded_from_the_next_start_is_not_told_as_consumed(
    station: ChargePoint, receiver: Receiver
) -> None:
    first = station.begin(meter=120_000, at=START)["transactionId"]
    station.begin("OTHER", meter=123_000, at=later(60))
    station.end(first, 122_500, later(50))
    estimated, real = (event["data"] for event in receiver.wait_for("session_stopped", 2))
    assert "energy_consumed_kwh" not in estimated
    assert (estimated["meter_stop"], real["energy_consumed_kwh"]) == (123_000, 2.5)


def test_a_late_stop_replaces_an_estimated_one(
    backend: Backend, station: ChargePoint, receiver: Receiver
) -> None:
    transaction_id = station.begin(at=START)["transactionId"]
    station.measure(transaction_id, later(10), register="126400 Wh")
    station.status("Available", at=backend.clock())
    backend.clock.advance(61)
    receiver.wait_for("session_stopped")
    station.end(transaction_id, 127_000, later(12), reason="PowerLoss")
    data = receiver.wait_for("session_stopped", 2)[1]["data"]
    assert (data["energy_consumed_kwh"], data["stop_reason"], "estimated" in data) == (
        7.0,
        "PowerLoss",
        False,
    )


def test_values_that_come_after_an_estimated_end_still_count(backend: Backend, station: ChargePoint) -> None:
    first = station.begin(at=START)["transactionId"]
    station.begin("OTHER", meter=126_900, at=later(60))
    station.measure(first, later(20), register="126000 Wh")
    session = backend.session(first)
    assert (session["status"], session["energy_consumed_kwh"]) == ("Stopped", 6.0)


def test_values_without_a_transaction_belong_to_the_one_on_their_connector(
    backend: Backend, station: ChargePoint
) -> None:
    transaction_id = station.begin(at=START)["transactionId"]
    values = [{"timestamp": later(5).isoformat(), "sampledValue": [{"value": "123000"}]}]
    station.call("MeterValues", {"connectorId": 1, "meterValue": values})
    assert energy(backend, transaction_id) == 3.0


@pytest.mark.parametrize("register", ["50", "99000000"])
def test_values_without_a_transaction_of_another_register_are_left_aside(
    backend: Backend, station: ChargePoint, register: str
) -> None:
    transaction_id = station.begin(at=START)["transactionId"]
    values = [{"timestamp": later(5).isoformat(), "sampledValue": [{"value": register}]}]
    station.call("MeterValues", {"connectorId": 1, "meterValue": values})
    station.end(transaction_id, 123_000, later(10))
    assert energy(backend, transaction_id) == 3.0


def test_a_meter_of_intervals_is_summed_up_until_the_registers_are_known(
    backend: Backend, station: ChargePoint
) -> None:
    transaction_id = station.begin(at=START)["transactionId"]
    for minute in (5, 10):
        sampled = [{"value": "1000", "measurand": "Energy.Active.Import.Interval", "unit": "Wh"}]
        values = [{"timestamp": later(minute).isoformat(), "sampledValue": sampled}]
        payload = {"connectorId": 1, "transactionId": transaction_id, "meterValue": values}
        station.call("MeterValues", payload)
    assert energy(backend, transaction_id) == 2.0
    station.end(transaction_id, 122_100, later(11))
    assert energy(backend, transaction_id) == 2.1


def test_a_start_from_the_queue_does_not_end_what_began_after_it(
    backend: Backend,
    station: ChargePoint,
) -> None:
    running = station.begin("NOW", meter=130_000, at=later(120))["transactionId"]
    queued = station.begin("BEFORE", meter=120_000, at=START)["transactionId"]
    station.end(queued, 125_000, later(30))
    session = backend.session(queued)
    assert (session["energy_consumed_kwh"], session["estimated"]) == (5.0, False)
    assert backend.session(running)["status"] == "Started"


def test_a_start_from_the_queue_does_not_take_the_place_of_an_order(
    backend: Backend, station: ChargePoint
) -> None:
    asked = meanwhile(backend.initiate)
    id_tag = station.answer_command()[3]["idTag"]
    ordered = asked.result().json()["transaction"]["transaction_id"]
    queued = station.begin("BEFORE", at=START)["transactionId"]
    station.end(queued, 125_000, later(30))
    assert station.begin(id_tag)["transactionId"] == ordered
    assert (energy(backend, queued), backend.session(ordered)["status"]) == (5.0, "Started")


def test_a_transaction_that_its_charge_point_forgot_ends(
    backend: Backend, station: ChargePoint, receiver: Receiver
) -> None:
    transaction_id = station.begin(at=START)["transactionId"]
    station.measure(transaction_id, later(10), register="126400 Wh")
    station.boot()
    backend.clock.advance(MINUTES_15 + 1)
    (event,) = receiver.wait_for("session_stopped")
    data = event["data"]
    assert (data["estimated"], data["energy_consumed_kwh"]) == (True, 6.4)
    assert datetime.fromisoformat(data["stop_time"]) == later(10)


def test_a_transaction_that_goes_on_after_a_boot_does_not_end(
    backend: Backend, station: ChargePoint, receiver: Receiver
) -> None:
    transaction_id = station.begin(at=START)["transactionId"]
    station.boot()
    station.measure(transaction_id, backend.clock() + timedelta(seconds=1), register="126400 Wh")
    backend.clock.advance(MINUTES_15 + 1)
    looked(backend, station, receiver)
    assert backend.session(transaction_id)["status"] == "Charging"


def test_values_queued_before_a_boot_do_not_mean_that_it_goes_on(
    backend: Backend,
    station: ChargePoint,
) -> None:
    transaction_id = station.begin(at=START)["transactionId"]
    station.boot()
    station.measure(transaction_id, later(10), register="126400 Wh")
    backend.clock.advance(MINUTES_15 + 1)
    assert over(backend, transaction_id)["estimated"] is True


def test_a_connector_in_preparation_after_a_boot_is_no_sign_of_its_transaction(
    backend: Backend, station: ChargePoint
) -> None:
    transaction_id = station.begin(at=START)["transactionId"]
    station.boot()
    station.status("Preparing", at=backend.clock())
    backend.clock.advance(MINUTES_15 + 1)
    assert over(backend, transaction_id)["estimated"] is True


def test_a_transaction_of_a_charge_point_that_is_gone_ends_and_its_late_stop_counts(
    backend: Backend,
    station: ChargePoint,
) -> None:
    transaction_id = station.begin(at=START)["transactionId"]
    station.measure(transaction_id, later(10), register="126400 Wh")
    station.status("Charging", at=backend.clock())
    station.socket.close()
    backend.clock.advance(HOURS_24 + 1)
    assert over(backend, transaction_id)["estimated"] is True
    with backend.charge_point() as back:
        back.end(transaction_id, 140_000, later(90))
    session = backend.session(transaction_id)
    assert (session["estimated"], session["energy_consumed_kwh"]) == (False, 20.0)


def test_a_car_that_says_nothing_for_days_but_is_connected_keeps_its_transaction(
    backend: Backend, station: ChargePoint, receiver: Receiver
) -> None:
    transaction_id = station.begin(at=START)["transactionId"]
    station.status("SuspendedEV", at=backend.clock())
    backend.clock.advance(HOURS_24 + 1)
    station.call("Heartbeat", {})
    looked(backend, station, receiver)
    assert backend.session(transaction_id)["status"] == "Suspended"


def test_a_stop_from_the_future_counts_from_its_arrival_and_is_flagged(
    backend: Backend, station: ChargePoint, receiver: Receiver
) -> None:
    transaction_id = begin_remotely(backend, station)
    station.end(transaction_id, 121_000, backend.clock() + timedelta(hours=3))
    (event,) = receiver.wait_for("session_stopped")
    assert event["data"]["clock_ahead"] is True
    assert datetime.fromisoformat(event["data"]["stop_time"]) <= backend.clock()


def test_a_start_by_a_clock_that_is_not_set_counts_from_its_arrival_and_is_flagged(
    backend: Backend, station: ChargePoint, receiver: Receiver
) -> None:
    station.begin(at=datetime(1970, 1, 1, 0, 3, tzinfo=UTC))
    (event,) = receiver.wait_for("session_started")
    assert event["data"]["clock_ahead"] is True
    assert backend.clock() - datetime.fromisoformat(event["timestamp"]) < timedelta(minutes=5)


def test_a_transaction_of_2_0_1_that_its_charge_point_forgot_ends_and_its_late_end_counts(
    backend: Backend, receiver: Receiver
) -> None:
    backend.sync()
    with ChargePoint201(backend) as station:
        station.start(at=START)
        station.event("Updated", at=later(10), values=[wh(126_400, later(10))])
        station.boot()
        station.state("Available")
        backend.clock.advance(61)
        receiver.wait_for("session_stopped")
        station.event("Ended", at=later(12), reason="PowerLoss", values=[wh(127_000, later(12))])
        estimated, real = (event["data"] for event in receiver.wait_for("session_stopped", 2))
    assert (estimated["estimated"], estimated["energy_consumed_kwh"]) == (True, 6.4)
    assert (real["energy_consumed_kwh"], real["stop_reason"]) == (7.0, "PowerLoss")


def test_the_next_start_ends_a_transaction_of_2_0_1_without_an_end(
    backend: Backend, receiver: Receiver
) -> None:
    backend.sync()
    with ChargePoint201(backend) as station:
        station.start("T1", START)
        station.start("T2", later(60), values=[wh(123_000, later(60))])
    (event,) = receiver.wait_for("session_stopped")
    assert (event["data"]["estimated"], event["data"]["meter_stop"]) == (True, 123_000)


def test_a_charge_point_that_changed_its_version_can_end_what_it_began(
    backend: Backend, station: ChargePoint
) -> None:
    transaction_id = station.begin(at=START)["transactionId"]
    station.socket.close()
    with ChargePoint201(backend) as updated:
        asked = meanwhile(lambda: backend.halt(transaction_id))
        command = updated.answer_command()
        asked.result()
    assert command[3] == {"transactionId": str(transaction_id)}


@pytest.mark.parametrize(
    ("places", "numbers"),
    [
        ([(1, 1), (2, 1), (3, 1)], [1, 2, 3]),
        ([(2, 1), (1, 1)], [2, 1]),
        ([(1, 1), (1, 2)], [1, 2]),
        ([(1, 1), (1, 2), (2, 1), (2, 2)], [1, 2, 3, 4]),
        ([(10, 1), (20, 1)], [10, 20]),
    ],
)
def test_connectors_are_numbered_by_their_evse_or_next_to_each_other(
    places: list[tuple[int, int]], numbers: list[int]
) -> None:
    taken: set[int] = set()
    given = []
    for place in places:
        given.append(free_number(*place, taken))
        taken.add(given[-1])
    assert given == numbers


def test_a_store_of_an_earlier_version_gets_what_it_lacks(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'store.db'}")
    create_tables(engine, START)
    with engine.execution_options(writes=True).begin() as db:
        for statement in (
            "DROP INDEX ix_transactions_ocpp_id",
            "DROP TABLE evses",
            *(f"ALTER TABLE transactions DROP COLUMN {name}" for name in ("ocpp_id", "told", "heard_at")),
            "INSERT INTO stations (station_id, is_online, created_at, updated_at) VALUES ('A', 0, '', '')",
            "INSERT INTO transactions (transaction_id, station_id, connector_id, id_tag, status, remote,"
            " initiated_at, clock_ahead, energy_wh, meter_reset, estimated)"
            " VALUES (1, 'A', 1, 'X', 'stopped', 0, '', 0, 0, 0, 0)",
        ):
            db.exec_driver_sql(statement)
    create_tables(engine, START)
    with engine.begin() as db:
        assert db.exec_driver_sql("SELECT told, ocpp_id FROM transactions").one() == (1, None)
    assert "evses" in inspect(engine).get_table_names()
    indexes = {index["name"] for index in inspect(engine).get_indexes("transactions")}
    assert "ix_transactions_ocpp_id" in indexes
    engine.dispose()


def _played(events: list[dict[str, Any]]) -> tuple[Any, ...]:
    """What the store has after TransactionEvents came in this order."""
    engine = open_engine("sqlite://")
    create_tables(engine, START)
    with engine.begin() as db:
        stations.sync(db, "ST1", {}, [{"connector_id": 1, "price_per_kwh": Decimal(10)}], START)
        for event in events:
            transaction_event(db, Request("ST1", event, later(600), 60))
        (row,) = db.execute(select(transactions)).all()
    engine.dispose()
    return (
        *(row.status, row.energy_wh, row.meter_start, row.meter_stop, row.meter_reset, row.estimated),
        *(row.start_time, row.stop_time, row.stop_reason, row.id_tag, row.connector_id, row.told),
    )


def _event(kind: str, minute: int, register: int, **more: Any) -> dict[str, Any]:
    return {
        "eventType": kind,
        "timestamp": later(minute).isoformat(),
        "triggerReason": "Trigger",
        "seqNo": 0,
        "transactionInfo": {"transactionId": "T1", **more.pop("info", {})},
        "meterValue": [wh(register, later(minute))],
        **more,
    }


def test_every_order_of_a_transactions_events_ends_in_the_same_row() -> None:
    card = {"idToken": {"idToken": "CARD", "type": "ISO14443"}}
    events = [
        _event("Started", 0, 120_000, evse={"id": 1}, **card),
        _event("Updated", 10, 122_000, info={"chargingState": "Charging"}),
        _event("Updated", 20, 124_000, info={"chargingState": "SuspendedEV"}),
        _event("Ended", 30, 126_000, info={"stoppedReason": "EVDisconnected"}),
        _event("Ended", 31, 126_000),
    ]
    in_order = _played(events)
    assert in_order[:4] == ("stopped", 6_000, 120_000, 126_000)
    for order in permutations(events[:4]):
        assert _played([*order, events[4]]) == in_order, [event["eventType"] for event in order]
