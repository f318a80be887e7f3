"""A virtual charging station of OCPP 2.0.1 against a central system made of the `ocpp` package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ocpp.v201 import call
from simulator_central import Central
from simulator_stage import FAULT, POWER_CUT, Stage, a_charge_under_way, plug_in

from simulator.charge_point import VirtualChargePoint


def a_station(**more: Any) -> Stage:
    return Stage(ocpp="2.0.1", **more)


def registers(events: list[dict[str, Any]]) -> list[float]:
    return [
        sample["value"]
        for event in events
        for value in event["meter_value"]
        for sample in value["sampled_value"]
        if sample["measurand"] == "Energy.Active.Import.Register"
    ]


def request_start(token: str, number: int = 9, evse_id: int = 1) -> Any:
    id_token = {"id_token": token, "type": "Central"}
    return call.RequestStartTransaction(id_token=id_token, remote_start_id=number, evse_id=evse_id)


def test_it_boots_with_a_reason_and_reports_each_evse() -> None:
    async def scene(central: Central, _: VirtualChargePoint) -> None:
        boot = central.all("BootNotification")[0]
        assert (boot["reason"], boot["charging_station"]["vendor_name"]) == ("PowerUp", "Test")
        assert [central.statuses(number) for number in (0, 1, 2)] == [[], ["Available"], ["Available"]]

    a_station().run(scene)


def test_a_visit_is_a_transaction_with_its_triggers_and_states() -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        plug_in(charge_point)
        await central.until(lambda: central.statuses()[-1] == "Available" and central.events("Ended"))
        told = [
            (e["event_type"], e["trigger_reason"], e["transaction_info"]["charging_state"])
            for e in central.events()
        ]
        assert told[0] == ("Started", "Authorized", "EVConnected")
        assert told[1] == ("Updated", "ChargingStateChanged", "Charging")
        assert told[2] == ("Updated", "MeterValuePeriodic", "Charging")
        assert ("Updated", "ChargingStateChanged", "SuspendedEV") in told
        assert told[-1] == ("Ended", "EVCommunicationLost", "Idle")
        assert central.statuses() == ["Available", "Occupied", "Available"]

    a_station(speed=2400).run(scene)


def test_events_of_a_transaction_share_its_own_id_and_are_numbered_from_zero() -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        plug_in(charge_point)
        await central.until(lambda: central.events("Ended"))
        events = central.events()
        assert len({e["transaction_info"]["transaction_id"] for e in events}) == 1
        assert [e["seq_no"] for e in events] == list(range(len(events)))

    a_station(speed=2400).run(scene)


def test_registers_are_numbers_that_rise_to_the_energy_of_the_diary() -> None:
    stage = a_station(speed=2400)

    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        plug_in(charge_point)
        await central.until(lambda: central.events("Ended"))
        shown = registers(central.events())
        assert shown == sorted(shown)
        assert shown[-1] - shown[0] == int(0.7 * 77_000)
        await central.until(lambda: stage.diary)
        [entry] = [line for line in stage.diary if line["event"] == "transaction"]
        assert entry["energy_wh"] == shown[-1] - shown[0]
        assert entry["transaction_id"] == central.events()[0]["transaction_info"]["transaction_id"]

    stage.run(scene)


def test_a_remote_start_is_echoed_with_its_number_and_a_remote_stop_ends_it() -> None:
    async def scene(central: Central, _: VirtualChargePoint) -> None:
        assert (await central.ask(request_start("REMOTE-1", 77))).status == "Accepted"
        await central.until(lambda: len(central.events("Updated")) > 3)
        started = central.events("Started")[0]
        assert started["trigger_reason"] == "RemoteStart"
        assert started["transaction_info"]["remote_start_id"] == 77
        assert (started["id_token"]["id_token"], started["evse"]) == (
            "REMOTE-1",
            {"id": 1, "connector_id": 1},
        )
        transaction_id = started["transaction_info"]["transaction_id"]
        stop = await central.ask(call.RequestStopTransaction(transaction_id))
        assert stop.status == "Accepted"
        await central.until(lambda: central.events("Ended"))
        ended = central.events("Ended")[0]
        assert (ended["trigger_reason"], ended["transaction_info"]["stopped_reason"]) == (
            "RemoteStop",
            "Remote",
        )

    a_station().run(scene)


def test_a_remote_stop_of_a_transaction_that_is_not_there_is_rejected() -> None:
    async def scene(central: Central, _: VirtualChargePoint) -> None:
        assert (await central.ask(call.RequestStopTransaction("nothing"))).status == "Rejected"

    a_station().run(scene)


def test_a_token_refused_by_the_answer_to_the_start_ends_the_transaction() -> None:
    async def scene(central: Central, _: VirtualChargePoint) -> None:
        central.refused_tags.add("REMOTE-1")
        await central.ask(request_start("REMOTE-1"))
        await central.until(lambda: central.events("Ended"))
        assert central.events("Ended")[0]["transaction_info"]["stopped_reason"] == "DeAuthorized"

    a_station().run(scene)


def test_what_happened_offline_arrives_in_order_and_says_so() -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        await a_charge_under_way(central, charge_point)
        await central.kill()
        await central.until(lambda: any(m.kind == "stopped" for m in charge_point.outbox.waiting))
        await central.start()
        await central.until(lambda: central.events("Ended"))
        told = [event.get("offline", False) for event in central.events()]
        assert (told[0], told[-1]) == (False, True)
        assert told == sorted(told)
        times = [event["timestamp"] for event in central.events()]
        assert times == sorted(times)
        shown = registers(central.events())
        assert shown[-1] - shown[0] == int(0.7 * 77_000)

    a_station(speed=2400).run(scene)


def test_a_power_cut_ends_the_transaction_with_that_reason_after_a_boot() -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        await a_charge_under_way(central, charge_point)
        await charge_point.suffer(POWER_CUT, 120)
        await central.until(lambda: central.events("Ended"))
        assert len(central.all("BootNotification")) == 2
        assert central.events("Ended")[0]["transaction_info"]["stopped_reason"] == "PowerLoss"

    a_station().run(scene)


def test_a_fault_is_told_with_its_code_and_told_again_as_cleared() -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        await charge_point.suffer(FAULT, 60, charge_point.connectors[0])
        await central.until(lambda: len(central.all("NotifyEvent")) == 2)
        wrong, cleared = (event["event_data"][0] for event in central.all("NotifyEvent"))
        assert (wrong["tech_code"], wrong["tech_info"]) == ("CX002", "GroundFailure")
        assert (wrong["actual_value"], cleared["actual_value"], cleared["cleared"]) == ("true", "false", True)
        assert central.statuses() == ["Available", "Faulted", "Available"]

    a_station().run(scene)


def test_an_end_that_could_not_be_sent_before_the_shut_down_is_sent_at_the_next_start(tmp_path: Path) -> None:
    told: list[dict[str, Any]] = []

    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        await a_charge_under_way(central, charge_point)
        await central.kill()
        await charge_point.shut_down(grace=0.2)
        told.extend(central.events())

    async def later(central: Central, _: VirtualChargePoint) -> None:
        await central.until(lambda: central.events("Ended"))
        ended = central.events("Ended")[0]
        assert ended["transaction_info"]["transaction_id"] == told[0]["transaction_info"]["transaction_id"]
        assert ended["seq_no"] > told[-1]["seq_no"]

    a_station(memory=tmp_path).run(scene)
    a_station(memory=tmp_path).run(later)
