"""A charge as the charge point tells it, and what the backend makes of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from backend_support import Backend, ChargePoint, Receiver, begin_remotely, eventually, meanwhile

pytest_plugins = ["backend_fixtures"]

START = datetime(2026, 3, 1, 10, tzinfo=UTC)


def later(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def stopped(backend: Backend, transaction_id: int) -> dict[str, Any]:
    session = eventually(lambda: (s := backend.session(transaction_id)) and s["status"] == "Stopped" and s)
    assert isinstance(session, dict)
    return session


def test_a_charge_is_counted_and_priced(backend: Backend, station: ChargePoint) -> None:
    transaction_id = begin_remotely(backend, station, START)
    station.measure(transaction_id, later(10), register="124.0 kWh", power="22 kW")
    station.end(transaction_id, 128_500, later(20))
    session = backend.session(transaction_id)
    assert (session["energy_consumed_kwh"], session["final_cost"], session["duration_seconds"]) == (
        8.5,
        106.25,
        1200,
    )


def test_what_is_measured_is_seen_at_once(backend: Backend, station: ChargePoint) -> None:
    transaction_id = begin_remotely(backend, station, START)
    station.measure(transaction_id, later(10), register="124000 Wh", power="21900 W", soc="40 Percent")
    session = backend.session(transaction_id)
    shown = (session["status"], session["energy_consumed_kwh"], session["current_power_kw"])
    assert shown == ("Charging", 4.0, 21.9)
    assert (session["soc_percent"], session["estimated_cost"]) == (40.0, 50.0)


def test_without_a_price_there_is_no_cost(backend: Backend) -> None:
    backend.sync()
    with backend.charge_point() as charge_point:
        transaction_id = charge_point.begin()["transactionId"]
        charge_point.end(transaction_id, 128_500)
    assert backend.session(transaction_id)["final_cost"] is None


def test_the_price_is_the_one_of_the_start(backend: Backend, station: ChargePoint) -> None:
    transaction_id = begin_remotely(backend, station)
    backend.sync(price_per_kwh="99")
    station.end(transaction_id, 121_000)
    assert backend.session(transaction_id)["final_cost"] == 12.5


def test_a_card_at_the_charge_point_starts_a_transaction(backend: Backend, station: ChargePoint) -> None:
    answer = station.begin("04A2B3C4")
    assert answer["idTagInfo"]["status"] == "Accepted"
    assert backend.session(answer["transactionId"])["id_tag"] == "04A2B3C4"


def test_transactions_of_a_new_store_do_not_begin_at_one(station: ChargePoint) -> None:
    assert station.begin()["transactionId"] > 10_000_000


def test_a_start_sent_twice_is_one_transaction(station: ChargePoint) -> None:
    assert station.begin(at=START) == station.begin(at=START)


def test_an_id_tag_of_ours_is_authorised(backend: Backend, station: ChargePoint) -> None:
    asked = meanwhile(backend.initiate)
    id_tag = station.answer_command()[3]["idTag"]
    asked.result()
    assert station.call("Authorize", {"idTag": id_tag})["idTagInfo"]["status"] == "Accepted"


def test_an_id_tag_of_ours_is_used_up_by_its_transaction(backend: Backend, station: ChargePoint) -> None:
    transaction_id = begin_remotely(backend, station)
    station.end(transaction_id, 121_000)
    id_tag = backend.session(transaction_id)["id_tag"]
    assert station.call("Authorize", {"idTag": id_tag})["idTagInfo"]["status"] == "Expired"


def test_a_start_binds_to_its_request_whatever_the_case_of_its_tag(
    backend: Backend, station: ChargePoint
) -> None:
    asked = meanwhile(backend.initiate)
    id_tag = station.answer_command()[3]["idTag"]
    started = station.begin(id_tag.lower())["transactionId"]
    assert started == asked.result().json()["transaction"]["transaction_id"]


def test_a_start_that_does_not_come_in_time_ends(
    backend: Backend, station: ChargePoint, receiver: Receiver
) -> None:
    asked = meanwhile(backend.initiate)
    station.answer_command()
    transaction_id = asked.result().json()["transaction"]["transaction_id"]
    backend.clock.advance(61)
    (event,) = receiver.wait_for("session_stopped")
    assert event["transaction_id"] == transaction_id
    assert (event["data"]["stop_reason"], event["data"]["energy_consumed_kwh"]) == ("Timeout", 0.0)


def test_a_start_after_its_time_was_over_is_invalid(backend: Backend, station: ChargePoint) -> None:
    asked = meanwhile(backend.initiate)
    id_tag = station.answer_command()[3]["idTag"]
    backend.clock.advance(61)
    stopped(backend, asked.result().json()["transaction"]["transaction_id"])
    answer = station.begin(id_tag, at=backend.clock() + timedelta(seconds=1))
    assert answer["idTagInfo"]["status"] == "Invalid"


def test_a_start_told_late_but_begun_in_time_is_its_users(backend: Backend, station: ChargePoint) -> None:
    asked = meanwhile(backend.initiate)
    id_tag = station.answer_command()[3]["idTag"]
    begun = backend.clock()
    backend.clock.advance(61)
    first = asked.result().json()["transaction"]["transaction_id"]
    stopped(backend, first)
    answer = station.begin(id_tag, at=begun)
    assert answer["idTagInfo"]["status"] == "Accepted"
    assert answer["transactionId"] != first


def test_a_stop_sent_twice_counts_once(backend: Backend, station: ChargePoint, receiver: Receiver) -> None:
    transaction_id = begin_remotely(backend, station)
    station.end(transaction_id, 121_000, reason="EVDisconnected")
    station.end(transaction_id, 129_000)
    station.status("Finishing")
    receiver.wait_for("connector_status", 2)
    assert len(receiver.of_type("session_stopped")) == 1
    assert backend.session(transaction_id)["energy_consumed_kwh"] == 1.0


def test_an_unknown_stop_is_answered(station: ChargePoint) -> None:
    assert station.end(7, 121_000) == {}


def test_a_station_cannot_stop_the_transaction_of_another(backend: Backend, station: ChargePoint) -> None:
    transaction_id = begin_remotely(backend, station)
    backend.sync("ST2")
    with backend.charge_point("ST2") as other:
        other.end(transaction_id, 121_000)
    assert backend.session(transaction_id)["status"] == "Started"


def test_a_station_cannot_add_to_the_transaction_of_another(backend: Backend, station: ChargePoint) -> None:
    transaction_id = begin_remotely(backend, station)
    backend.sync("ST2")
    with backend.charge_point("ST2") as other:
        other.measure(transaction_id, register="190000 Wh")
    assert backend.session(transaction_id)["energy_consumed_kwh"] == 0.0


def test_a_stop_that_we_asked_for_is_remote_whatever_it_is_called(
    backend: Backend, station: ChargePoint
) -> None:
    transaction_id = begin_remotely(backend, station)
    asked = meanwhile(lambda: backend.halt(transaction_id))
    station.answer_command()
    asked.result()
    station.end(transaction_id, 121_000, reason="Local")
    assert backend.session(transaction_id)["stop_reason"] == "Remote"


def test_a_stop_without_a_reason_is_local(backend: Backend, station: ChargePoint) -> None:
    transaction_id = begin_remotely(backend, station)
    station.end(transaction_id, 121_000)
    assert backend.session(transaction_id)["stop_reason"] == "Local"


def test_a_stop_before_the_answer_to_ours_is_not_lost(backend: Backend, station: ChargePoint) -> None:
    transaction_id = begin_remotely(backend, station)
    asked = meanwhile(lambda: backend.halt(transaction_id))
    command = station.receive()
    station.end(transaction_id, 121_000)
    station.send([3, command[1], {"status": "Accepted"}])
    assert asked.result().json()["status"] == "Stopped"


def test_the_next_start_ends_a_transaction_without_a_stop(backend: Backend, station: ChargePoint) -> None:
    first = station.begin("CARD1", at=START)["transactionId"]
    station.measure(first, later(10), register="126400 Wh")
    station.begin("CARD2", meter=126_900, at=later(60))
    session = backend.session(first)
    assert (session["status"], session["estimated"], session["energy_consumed_kwh"]) == ("Stopped", True, 6.4)


def test_a_connector_that_stays_free_ends_a_transaction_without_a_stop(
    backend: Backend, station: ChargePoint, receiver: Receiver
) -> None:
    transaction_id = station.begin(at=START)["transactionId"]
    station.measure(transaction_id, later(10), register="126400 Wh")
    station.status("Available", at=backend.clock())
    backend.clock.advance(61)
    (event,) = receiver.wait_for("session_stopped")
    assert (event["transaction_id"], event["data"]["estimated"]) == (transaction_id, True)


def test_a_connector_that_is_used_again_keeps_its_transaction(
    backend: Backend, station: ChargePoint, receiver: Receiver
) -> None:
    transaction_id = station.begin(at=START)["transactionId"]
    station.status("Available", at=backend.clock())
    station.status("Charging", at=backend.clock())
    backend.clock.advance(61)
    station.status("Charging", connector_id=2, at=backend.clock())
    receiver.wait_for("connector_status", 4)
    assert backend.session(transaction_id)["status"] == "Charging"


def test_the_stop_of_the_charge_point_replaces_an_estimate(backend: Backend, station: ChargePoint) -> None:
    first = station.begin("CARD1", at=START)["transactionId"]
    station.begin("CARD2", meter=126_900, at=later(60))
    station.end(first, 126_500, later(50))
    session = backend.session(first)
    assert (session["estimated"], session["energy_consumed_kwh"]) == (False, 6.5)


def test_a_suspended_car_is_shown(backend: Backend, station: ChargePoint) -> None:
    transaction_id = begin_remotely(backend, station)
    station.status("SuspendedEV")
    assert backend.session(transaction_id)["status"] == "Suspended"


def test_values_after_the_stop_are_kept_and_change_nothing(
    backend: Backend, station: ChargePoint, receiver: Receiver
) -> None:
    transaction_id = station.begin(at=START)["transactionId"]
    station.end(transaction_id, 121_000, later(20))
    station.measure(transaction_id, later(21), register="150000 Wh")
    (event,) = receiver.wait_for("session_progress")
    assert event["data"]["meter_values"][0]["value"] == "150000"
    assert backend.session(transaction_id)["energy_consumed_kwh"] == 1.0


def test_an_older_value_is_no_reset(backend: Backend, station: ChargePoint) -> None:
    transaction_id = station.begin(at=START)["transactionId"]
    station.measure(transaction_id, later(20), register="128000 Wh")
    station.measure(transaction_id, later(10), register="124000 Wh")
    assert backend.session(transaction_id)["energy_consumed_kwh"] == 8.0


def test_values_of_no_transaction_are_no_progress(station: ChargePoint, receiver: Receiver) -> None:
    values = [{"timestamp": START.isoformat(), "sampledValue": [{"value": "1"}]}]
    station.call("MeterValues", {"connectorId": 1, "meterValue": values})
    station.status("Preparing")
    receiver.wait_for("connector_status", 2)
    assert receiver.of_type("session_progress") == []


def test_values_sent_with_the_stop_come_before_it(station: ChargePoint, receiver: Receiver) -> None:
    transaction_id = station.begin(at=START)["transactionId"]
    values = [{"timestamp": later(5).isoformat(), "sampledValue": [{"value": "122000"}]}]
    station.end(transaction_id, 123_000, later(10), transactionData=values)
    receiver.wait_for("session_stopped")
    kinds = [event["type"] for event in receiver.taken if event.get("transaction_id") == transaction_id]
    assert kinds == ["session_started", "session_progress", "session_stopped"]


def test_a_wrong_value_beside_a_stop_does_not_lose_the_stop(backend: Backend, station: ChargePoint) -> None:
    transaction_id = station.begin(at=START)["transactionId"]
    values = [{"timestamp": later(5).isoformat(), "sampledValue": [{"value": "NaN"}]}]
    station.end(transaction_id, 123_000, later(10), transactionData=values)
    assert backend.session(transaction_id)["energy_consumed_kwh"] == 3.0


def test_a_start_from_the_future_counts_from_its_arrival(
    backend: Backend, station: ChargePoint, receiver: Receiver
) -> None:
    station.begin(at=backend.clock() + timedelta(hours=3))
    (event,) = receiver.wait_for("session_started")
    assert event["data"]["clock_ahead"] is True
    assert datetime.fromisoformat(event["timestamp"]) <= backend.clock()


@pytest.mark.parametrize("ahead_at_the_stop", [timedelta(0), timedelta(minutes=7)])
def test_a_transaction_does_not_end_before_it_began_though_its_clock_was_ahead_at_its_start(
    backend: Backend, station: ChargePoint, receiver: Receiver, ahead_at_the_stop: timedelta
) -> None:
    began = backend.clock()
    transaction_id = station.begin(at=began + timedelta(minutes=4))["transactionId"]
    backend.clock.advance(120)
    station.end(transaction_id, 121_000, backend.clock() + ahead_at_the_stop)
    session = backend.session(transaction_id)
    assert 119 <= session["duration_seconds"] < 180
    *_, corrected = receiver.wait_for("session_started", 2)
    assert (corrected["data"]["clock_ahead"], session["clock_ahead"]) == (True, True)


def test_a_long_frame_of_values_fits_into_webhooks(station: ChargePoint, receiver: Receiver) -> None:
    transaction_id = station.begin(at=START)["transactionId"]
    sampled = [{"value": "120001"}] * 1500
    values = [{"timestamp": later(5).isoformat(), "sampledValue": sampled}]
    payload = {"connectorId": 1, "transactionId": transaction_id, "meterValue": values}
    station.call("MeterValues", payload)
    receiver.wait_for("session_progress", 10)
    assert max(len(body) for _, body in receiver.raw) < 64 * 1024


@pytest.mark.parametrize("again", range(2))
def test_a_transaction_survives_a_restart_of_the_backend(
    backend: Backend, station: ChargePoint, again: int
) -> None:
    transaction_id = station.begin(at=START)["transactionId"]
    station.measure(transaction_id, later(10), register="124000 Wh")
    for _ in range(again + 1):
        backend.restart()
    with backend.charge_point() as charge_point:
        charge_point.end(transaction_id, 128_500, later(20))
    assert backend.session(transaction_id)["energy_consumed_kwh"] == 8.5
