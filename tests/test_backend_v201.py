"""A charge as a charge point of OCPP 2.0.1 tells it, and what the backend makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from backend_support import Backend, Receiver, eventually, meanwhile
from charge_point_201 import ChargePoint201, wh

pytest_plugins = ["backend_fixtures"]

START = datetime(2026, 3, 1, 10, tzinfo=UTC)
EVSE1 = {"id": 1, "connectorId": 1}


def later(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


@pytest.fixture
def station(backend: Backend) -> Iterator[ChargePoint201]:
    """Station ST1 with two EVSEs of one connector at 12.50 ETB/kWh, connected, booted and free."""
    backend.sync(price_per_kwh="12.50", currency="ETB")
    with ChargePoint201(backend) as charge_point:
        charge_point.boot()
        charge_point.state("Available", at=START)
        yield charge_point


def begun(receiver: Receiver, count: int = 1) -> dict[str, Any]:
    event: dict[str, Any] = receiver.wait_for("session_started", count)[count - 1]
    return event


def ended(receiver: Receiver, count: int = 1) -> dict[str, Any]:
    event: dict[str, Any] = receiver.wait_for("session_stopped", count)[count - 1]
    return event


def statuses(receiver: Receiver, connector_id: int = 1) -> list[str]:
    events = [event["data"] for event in receiver.of_type("connector_status")]
    return [data["status"] for data in events if data["connector_id"] == connector_id]


def order(backend: Backend, station: ChargePoint201, connector_id: int = 1) -> tuple[int, dict[str, Any]]:
    """A remote start that the charge point accepts: our number of it, and what was asked."""
    asked = meanwhile(lambda: backend.initiate(connector_id))
    command = station.answer_command()
    answer = asked.result()
    assert answer.status_code == 200, answer.text
    return answer.json()["transaction"]["transaction_id"], command[3]


def test_a_boot_is_accepted_and_told(station: ChargePoint201, receiver: Receiver) -> None:
    assert station.boot()["status"] == "Accepted"
    data = receiver.wait_for("station_status", 2)[-1]["data"]
    assert (data["vendor"], data["model"], data["firmware_version"]) == ("ABB", "Terra", "2.0")


def test_a_heartbeat_is_answered_with_the_time(station: ChargePoint201) -> None:
    assert datetime.fromisoformat(station.call("Heartbeat", {})["currentTime"])


def test_a_charge_is_counted_and_priced(station: ChargePoint201, receiver: Receiver) -> None:
    station.start(at=START)
    station.event("Updated", at=later(10), values=[wh(124.0, later(10), unit="kWh")])
    answer = station.event("Ended", at=later(20), reason="Local", values=[wh(128_500, later(20))])
    data = ended(receiver)["data"]
    assert (data["energy_consumed_kwh"], data["final_cost"], data["duration_seconds"]) == (8.5, 106.25, 1200)
    assert answer["totalCost"] == 106.25


def test_its_own_id_of_a_transaction_is_served_as_an_integer(
    backend: Backend, station: ChargePoint201, receiver: Receiver
) -> None:
    station.start("b7a5c0de-0000-4000-8000-000000000000", START)
    number = begun(receiver)["transaction_id"]
    assert backend.session(number)["status"] == "Started"


def test_the_same_id_at_two_stations_is_two_transactions(
    backend: Backend, station: ChargePoint201, receiver: Receiver
) -> None:
    backend.sync("ST2")
    station.start("1")
    with ChargePoint201(backend, "ST2") as other:
        other.start("1")
        other.event("Ended", "1", values=[wh(121_000, backend.clock())])
    assert ended(receiver)["station_id"] == "ST2"
    (first,) = [event for event in receiver.wait_for("session_started", 2) if event["station_id"] == "ST1"]
    assert backend.session(first["transaction_id"])["status"] == "Started"


def test_a_remote_start_is_known_by_its_number(
    backend: Backend, station: ChargePoint201, receiver: Receiver
) -> None:
    number, command = order(backend, station)
    assert (command["remoteStartId"], command["evseId"]) == (number, 1)
    station.event("Started", evse=EVSE1, remote=number, triggerReason="RemoteStart")
    assert begun(receiver)["transaction_id"] == number


def test_a_remote_start_is_known_by_its_token(
    backend: Backend, station: ChargePoint201, receiver: Receiver
) -> None:
    number, command = order(backend, station)
    station.start(token=command["idToken"]["idToken"].lower())
    assert begun(receiver)["transaction_id"] == number


def test_a_remote_start_is_known_by_its_evse_where_nothing_is_echoed(
    backend: Backend, station: ChargePoint201, receiver: Receiver
) -> None:
    number, _ = order(backend, station)
    station.event("Started", evse={"id": 1}, triggerReason="RemoteStart")
    assert begun(receiver)["transaction_id"] == number


def test_a_remote_start_is_known_where_not_even_the_evse_is_told(
    backend: Backend, station: ChargePoint201, receiver: Receiver
) -> None:
    number, _ = order(backend, station)
    station.event("Started", triggerReason="RemoteStart")
    event = begun(receiver)
    assert (event["transaction_id"], event["data"]["connector_id"]) == (number, 1)


def test_a_card_is_not_taken_for_the_remote_start(
    backend: Backend, station: ChargePoint201, receiver: Receiver
) -> None:
    number, _ = order(backend, station)
    station.start(token="04A2B3C4")
    assert begun(receiver)["transaction_id"] != number


def test_a_cable_that_was_plugged_in_is_no_session(
    backend: Backend, station: ChargePoint201, receiver: Receiver
) -> None:
    station.event("Started", evse=EVSE1, state="EVConnected", values=[wh(120_000, backend.clock())])
    station.event("Ended", reason="EVDisconnected", values=[wh(120_000, backend.clock())])
    station.state("Available")
    eventually(lambda: statuses(receiver)[-1:] == ["available"] and len(statuses(receiver)) > 2)
    assert receiver.of_type("session_started") == receiver.of_type("session_stopped") == []


def test_a_plugged_in_car_is_started_from_afar(
    backend: Backend, station: ChargePoint201, receiver: Receiver
) -> None:
    station.event("Started", evse=EVSE1, state="EVConnected", values=[wh(120_000, backend.clock())])
    number, command = order(backend, station)
    assert command["remoteStartId"] == number
    station.event("Updated", remote=number, triggerReason="RemoteStart", state="Charging")
    station.event("Ended", values=[wh(121_000, backend.clock())])
    event = ended(receiver)
    assert (event["transaction_id"], event["data"]["energy_consumed_kwh"]) == (number, 1.0)
    assert begun(receiver)["data"]["user_id"] == "user-1"


def test_a_plugged_in_car_whose_start_was_refused_can_be_started_again(
    backend: Backend, station: ChargePoint201
) -> None:
    station.event("Started", evse=EVSE1, state="EVConnected")
    asked = meanwhile(backend.initiate)
    station.answer_command("Rejected")
    assert asked.result().status_code == 409
    order(backend, station)


def test_a_car_that_charges_without_anybody_is_a_session(station: ChargePoint201, receiver: Receiver) -> None:
    station.event("Started", evse=EVSE1, values=[wh(120_000, START)], at=START)
    station.event("Updated", at=later(5), values=[wh(121_000, later(5))])
    assert begun(receiver)["data"]["id_tag"] is None


def test_a_card_shown_after_the_cable_is_the_sessions(station: ChargePoint201, receiver: Receiver) -> None:
    station.event("Started", evse=EVSE1)
    answer = station.event("Updated", token="04A2B3C4", triggerReason="Authorized")
    assert answer["idTokenInfo"]["status"] == "Accepted"
    assert begun(receiver)["data"]["id_tag"] == "04A2B3C4"


def test_what_later_events_leave_out_is_what_the_first_one_said(
    station: ChargePoint201, receiver: Receiver
) -> None:
    station.start(at=START, evse={"id": 2})
    station.event("Ended", at=later(10), values=[wh(121_000, later(10))])
    assert ended(receiver)["data"]["connector_id"] == 2


def test_a_start_sent_twice_is_one_transaction(station: ChargePoint201, receiver: Receiver) -> None:
    station.start(at=START)
    station.start(at=START)
    station.event("Ended", at=later(10), values=[wh(121_000, later(10))])
    ended(receiver)
    assert len(receiver.of_type("session_started")) == 1


def test_an_end_sent_twice_counts_once(backend: Backend, station: ChargePoint201, receiver: Receiver) -> None:
    station.start(at=START)
    station.event("Ended", at=later(10), reason="EVDisconnected", values=[wh(121_000, later(10))])
    station.event("Ended", at=later(11), seqNo=1, values=[wh(129_000, later(10))])
    station.state("Available")
    eventually(lambda: statuses(receiver)[-2:] == ["finishing", "available"])
    assert len(receiver.of_type("session_stopped")) == 1
    session = backend.session(ended(receiver)["transaction_id"])
    assert (session["energy_consumed_kwh"], session["stop_reason"]) == (1.0, "EVDisconnected")


def test_an_end_without_a_start_is_a_session(station: ChargePoint201, receiver: Receiver) -> None:
    values = [
        wh(120_000, START, context="Transaction.Begin"),
        wh(126_000, later(30), context="Transaction.End"),
    ]
    station.event("Ended", at=later(30), evse=EVSE1, token="CARD", values=values, offline=True)
    data = ended(receiver)["data"]
    assert (data["energy_consumed_kwh"], data["duration_seconds"]) == (6.0, 1800)


def test_events_in_any_order_end_in_the_same_session(
    backend: Backend, station: ChargePoint201, receiver: Receiver
) -> None:
    station.event("Ended", at=later(30), values=[wh(126_000, later(30))])
    station.event("Updated", at=later(10), values=[wh(122_000, later(10))])
    station.start(at=START)
    number = begun(receiver)["transaction_id"]
    session = eventually(lambda: (s := backend.session(number))["meter_start"] == 120_000 and s)
    assert (session["energy_consumed_kwh"], session["duration_seconds"]) == (6.0, 1800)
    assert (session["id_tag"], session["connector_id"]) == ("CARD", 1)


def test_a_charge_that_was_queued_offline_keeps_its_times(
    backend: Backend, station: ChargePoint201, receiver: Receiver
) -> None:
    station.start(at=START, offline=True)
    station.event("Updated", at=later(10), values=[wh(124_000, later(10))], offline=True)
    station.event("Ended", at=later(20), values=[wh(128_500, later(20))], offline=True)
    event = ended(receiver)
    assert datetime.fromisoformat(event["data"]["stop_time"]) == later(20)
    assert backend.session(event["transaction_id"])["clock_ahead"] is False


def test_an_id_that_is_used_again_is_another_transaction(station: ChargePoint201, receiver: Receiver) -> None:
    station.start("1", START)
    station.event("Ended", "1", later(10), values=[wh(121_000, later(10))])
    station.start("1", later(60))
    station.event("Ended", "1", later(70), values=[wh(123_000, later(70))])
    energies = [event["data"]["energy_consumed_kwh"] for event in receiver.wait_for("session_stopped", 2)]
    assert energies == [1.0, 3.0]


def test_a_stop_from_afar_names_the_transaction_as_its_charge_point_does(
    backend: Backend, station: ChargePoint201, receiver: Receiver
) -> None:
    station.start("abc")
    number = begun(receiver)["transaction_id"]
    asked = meanwhile(lambda: backend.halt(number))
    command = station.answer_command()
    assert command[2:] == ["RequestStopTransaction", {"transactionId": "abc"}]
    assert asked.result().json()["status"] == "Stopping"
    station.event("Ended", "abc", reason="Local", values=[wh(121_000, backend.clock())])
    assert ended(receiver)["data"]["stop_reason"] == "Remote"


@pytest.mark.parametrize(
    ("trigger", "reason"),
    [("RemoteStop", "Remote"), ("EVDeparted", "EVDisconnected"), ("StopAuthorized", "Local")],
)
def test_an_end_without_a_reason_is_told_by_its_trigger(
    station: ChargePoint201, receiver: Receiver, trigger: str, reason: str
) -> None:
    station.start()
    station.event("Ended", triggerReason=trigger)
    assert ended(receiver)["data"]["stop_reason"] == reason


def test_a_start_after_its_time_was_over_is_no_session(
    backend: Backend, station: ChargePoint201, receiver: Receiver
) -> None:
    number, command = order(backend, station)
    backend.clock.advance(61)
    ended(receiver)
    token = command["idToken"]["idToken"]
    answer = station.start(token=token, at=backend.clock() + timedelta(seconds=1))
    assert answer["idTokenInfo"]["status"] == "Invalid"
    station.event("Ended", values=[wh(121_000, backend.clock())])
    station.state("Available")
    eventually(lambda: statuses(receiver)[-1:] == ["available"])
    assert (len(receiver.of_type("session_started")), len(receiver.of_type("session_stopped"))) == (0, 1)
    assert backend.session(number)["stop_reason"] == "Timeout"


def test_a_token_of_ours_is_used_up_by_its_transaction(backend: Backend, station: ChargePoint201) -> None:
    number, command = order(backend, station)
    token = {"idToken": command["idToken"]["idToken"], "type": "Central"}
    assert station.call("Authorize", {"idToken": token})["idTokenInfo"]["status"] == "Accepted"
    station.start(token=token["idToken"], remote=number)
    station.event("Ended")
    assert station.call("Authorize", {"idToken": token})["idTokenInfo"]["status"] == "Expired"


def test_occupied_is_told_apart_by_the_charging_state(
    backend: Backend, station: ChargePoint201, receiver: Receiver
) -> None:
    station.state("Occupied")
    station.start(state="EVConnected")
    for state in ("Charging", "SuspendedEV", "SuspendedEVSE", "Charging"):
        station.event("Updated", state=state, triggerReason="ChargingStateChanged")
    station.state("Occupied")
    station.event("Ended", state="EVConnected", values=[wh(121_000, backend.clock())])
    station.state("Occupied")
    station.state("Available")
    eventually(lambda: statuses(receiver)[-1:] == ["available"] and len(statuses(receiver)) > 2)
    changes = [
        s for s, before in zip(statuses(receiver), ["", *statuses(receiver)], strict=False) if s != before
    ]
    assert changes == [
        "available",
        "preparing",
        "charging",
        "suspended_ev",
        "suspended_evse",
        "charging",
        "finishing",
        "available",
    ]


def test_the_session_follows_the_charging_state(
    backend: Backend, station: ChargePoint201, receiver: Receiver
) -> None:
    station.start(state="Charging")
    number = begun(receiver)["transaction_id"]
    assert backend.session(number)["status"] == "Charging"
    station.event("Updated", state="SuspendedEVSE")
    assert backend.session(number)["status"] == "Suspended"


def test_an_older_event_does_not_bring_an_older_state_back(
    backend: Backend, station: ChargePoint201, receiver: Receiver
) -> None:
    station.start(at=START)
    station.event("Updated", at=later(10), state="SuspendedEV")
    station.event("Updated", at=later(5), state="Charging")
    assert backend.session(begun(receiver)["transaction_id"])["status"] == "Suspended"


@pytest.mark.parametrize(
    ("unit", "start", "stop"),
    [
        ({"unit": "kWh"}, 120.0, 0.15005000000000002 + 120),
        ({"unit": "Wh"}, 120_000, 120_150.05),
        ({"unit": "Wh", "multiplier": 3}, 120, 120.15005),
        ({"unit": "kWh", "multiplier": -3}, 120_000, 120_150.05),
    ],
)
def test_units_and_multipliers_are_wh_in_the_end(
    station: ChargePoint201,
    receiver: Receiver,
    unit: dict[str, Any],
    start: float,
    stop: float,
) -> None:
    station.start(at=START, values=[wh(start, START, **unit)])
    station.event("Ended", at=later(5), values=[wh(stop, later(5), **unit)])
    assert ended(receiver)["data"]["energy_consumed_kwh"] == 0.15


def test_wh_labelled_kwh_from_start_to_end_is_wh(station: ChargePoint201, receiver: Receiver) -> None:
    station.start(at=START, values=[wh(120_000, START, unit="kWh")])
    for minute in range(1, 11):
        value = 120_000 + 120 * minute
        station.event("Updated", at=later(minute), values=[wh(value, later(minute), unit="kWh")])
    station.event("Ended", at=later(10), values=[wh(121_200, later(10), unit="kWh")])
    assert ended(receiver)["data"]["energy_consumed_kwh"] == 1.2


def test_phases_are_summed(station: ChargePoint201, receiver: Receiver) -> None:
    def phases(each: int, at: datetime) -> list[dict[str, Any]]:
        sampled = [{"value": each, "phase": phase} for phase in ("L1", "L2", "L3")]
        return [{"timestamp": at.isoformat(), "sampledValue": sampled}]

    station.start(at=START, values=phases(1000, START))
    station.event("Ended", at=later(5), values=phases(1200, later(5)))
    assert ended(receiver)["data"]["energy_consumed_kwh"] == 0.6


def test_a_meter_that_tells_only_intervals_is_summed_up(station: ChargePoint201, receiver: Receiver) -> None:
    interval = {"measurand": "Energy.Active.Import.Interval"}
    station.start(at=START, values=[wh(0, START, **interval)])
    for minute in (5, 10, 10, 15):
        station.event("Updated", at=later(minute), values=[wh(1000, later(minute), **interval)])
    station.event("Ended", at=later(16))
    assert ended(receiver)["data"]["energy_consumed_kwh"] == 3.0


def test_begin_and_end_of_one_moment_are_told_apart(station: ChargePoint201, receiver: Receiver) -> None:
    station.event("Started", at=START, evse=EVSE1, token="CARD")
    values = [
        wh(126_000, later(9), context="Transaction.End"),
        wh(120_000, later(9), context="Transaction.Begin"),
    ]
    station.event("Ended", at=later(9), values=values)
    assert ended(receiver)["data"]["energy_consumed_kwh"] == 6.0


def test_signed_values_do_not_matter(station: ChargePoint201, receiver: Receiver) -> None:
    signed = {
        "signedMeterData": "x" * 2500,
        "signingMethod": "ECDSA",
        "encodingMethod": "OCMF",
        "publicKey": "y" * 2500,
    }
    station.start(at=START, values=[wh(120_000, START, signedMeterValue=signed)])
    station.event("Ended", at=later(5), values=[wh(121_000, later(5), signedMeterValue=signed)])
    assert ended(receiver)["data"]["energy_consumed_kwh"] == 1.0


@pytest.mark.parametrize("value", [-1, 1e300, 2.0**60])
def test_a_value_that_cannot_be_does_not_lose_the_event(
    station: ChargePoint201, receiver: Receiver, value: float
) -> None:
    station.start(at=START)
    station.event("Updated", at=later(5), values=[wh(122_000, later(5))])
    station.event("Ended", at=later(10), values=[wh(value, later(10))])
    assert ended(receiver)["data"]["energy_consumed_kwh"] == 2.0


def test_values_of_an_evse_belong_to_its_transaction(station: ChargePoint201, receiver: Receiver) -> None:
    station.start(at=START)
    station.call("MeterValues", {"evseId": 1, "meterValue": [wh(123_000, later(5))]})
    station.call("MeterValues", {"evseId": 0, "meterValue": [wh(900_000, later(5))]})
    assert receiver.wait_for("session_progress", 2)[-1]["data"]["energy_consumed_kwh"] == 3.0


def test_a_start_from_the_future_counts_from_its_arrival(
    backend: Backend, station: ChargePoint201, receiver: Receiver
) -> None:
    station.start(at=backend.clock() + timedelta(hours=3))
    event = begun(receiver)
    assert event["data"]["clock_ahead"] is True
    assert datetime.fromisoformat(event["timestamp"]) <= backend.clock()


def test_connectors_of_an_evse_get_numbers_of_their_own(backend: Backend, receiver: Receiver) -> None:
    backend.sync("ST2", connectors=4)
    with ChargePoint201(backend, "ST2") as twin:
        for evse in (1, 2):
            for connector in (1, 2):
                twin.state("Available", evse, connector)
        twin.start(evse={"id": 2, "connectorId": 1})
    assert begun(receiver)["data"]["connector_id"] == 3


def test_a_remote_start_on_a_second_connector_names_its_evse(backend: Backend, receiver: Receiver) -> None:
    backend.sync("ST2", connectors=2)
    with ChargePoint201(backend, "ST2") as twin:
        twin.state("Available", 1, 1)
        twin.state("Available", 1, 2)
        asked = meanwhile(lambda: backend.initiate(2, "ST2"))
        command = twin.answer_command()
        number = asked.result().json()["transaction"]["transaction_id"]
        twin.event("Started", evse={"id": 1, "connectorId": 2}, remote=number)
    assert (command[3]["evseId"], begun(receiver)["data"]["connector_id"]) == (1, 2)


def test_what_is_wrong_with_a_connector_is_told(
    backend: Backend, station: ChargePoint201, receiver: Receiver
) -> None:
    event = {
        "eventId": 1,
        "timestamp": backend.clock().isoformat(),
        "trigger": "Alerting",
        "actualValue": "true",
        "techCode": "CX002",
        "techInfo": "GroundFailure",
        "eventNotificationType": "HardWiredNotification",
        "component": {"name": "Connector", "evse": EVSE1},
        "variable": {"name": "Problem"},
    }
    station.call("NotifyEvent", {"generatedAt": event["timestamp"], "seqNo": 0, "eventData": [event]})
    station.state("Faulted")
    data = receiver.wait_for("connector_status", 3)[-1]["data"]
    assert (data["status"], data["error_code"], data["vendor_error_code"]) == (
        "faulted",
        "OtherError",
        "CX002",
    )


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("SecurityEventNotification", {"type": "SettingSystemTime", "timestamp": START.isoformat()}),
        ("LogStatusNotification", {"status": "Uploaded", "requestId": 1}),
        ("FirmwareStatusNotification", {"status": "Installed", "requestId": 1}),
        (
            "NotifyReport",
            {
                "requestId": 1,
                "generatedAt": START.isoformat(),
                "seqNo": 0,
                "reportData": [
                    {
                        "component": {"name": f"C{n}"},
                        "variable": {"name": "Available"},
                        "variableAttribute": [{"value": "x" * 100}],
                    }
                    for n in range(150)
                ],
            },
        ),
    ],
)
def test_notifications_are_answered(station: ChargePoint201, action: str, payload: dict[str, Any]) -> None:
    assert station.call(action, payload) == {}


def test_a_vendors_message_is_not_known(station: ChargePoint201) -> None:
    assert station.call("DataTransfer", {"vendorId": "x"})["status"] == "UnknownVendorId"


def test_a_boot_of_1_6_on_a_socket_of_2_0_1_is_answered_with_an_error(station: ChargePoint201) -> None:
    answer = station.ask("BootNotification", {"chargePointVendor": "ABB", "chargePointModel": "Terra"})
    assert answer[0] == 4


@pytest.mark.parametrize(
    "wrong",
    [
        {"evse": {"id": -1}},
        {"evse": {"id": 1, "connectorId": -1}},
        {"evse": {"id": 2**40}},
        {"timestamp": "yesterday"},
        {"transactionInfo": {"transactionId": " "}},
        {"idToken": {"idToken": "", "type": "Central"}},
    ],
)
def test_an_event_that_cannot_be_is_answered_with_an_error(
    station: ChargePoint201, wrong: dict[str, Any]
) -> None:
    event = {
        "eventType": "Started",
        "timestamp": START.isoformat(),
        "triggerReason": "CablePluggedIn",
        "seqNo": 0,
        "transactionInfo": {"transactionId": "T1"},
        "evse": EVSE1,
    }
    answer = station.ask("TransactionEvent", event | wrong)
    assert answer[:3] == [4, "message", "PropertyConstraintViolation"]
