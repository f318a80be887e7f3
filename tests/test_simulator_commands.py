"""What the central system can do to a virtual charge point, in both versions of OCPP."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from ocpp import v201
from ocpp.v16 import call
from simulator_central import Central, remote_start
from simulator_stage import Stage, a_charge_under_way

from simulator.charge_point import VirtualChargePoint

FIRST_EVSE = {"id": 1}


def a_station(**more: Any) -> Stage:
    return Stage(ocpp="2.0.1", **more)


async def ended(central: Central) -> dict[str, Any]:
    """How the only transaction ended, in 1.6's words."""
    await central.until(lambda: central.all("StopTransaction") or central.events("Ended"))
    if stops := central.all("StopTransaction"):
        return stops[0]
    event = central.events("Ended")[0]
    return {"reason": event["transaction_info"]["stopped_reason"], "trigger": event["trigger_reason"]}


@pytest.mark.parametrize(("kind", "reason"), [("Soft", "SoftReset"), ("Hard", "HardReset")])
def test_a_reset_ends_the_transaction_and_boots(kind: str, reason: str) -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        await a_charge_under_way(central, charge_point)
        assert (await central.ask(call.Reset(kind))).status == "Accepted"
        assert (await ended(central))["reason"] == reason
        await central.until(lambda: len(central.all("BootNotification")) == 2)
        await central.until(lambda: central.statuses()[-1] == "Available")

    Stage().run(scene)


def test_after_a_soft_reset_the_stop_comes_before_the_boot() -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        await a_charge_under_way(central, charge_point)
        await central.ask(call.Reset("Soft"))
        await central.until(lambda: len(central.all("BootNotification")) == 2)
        actions = [action for action, _ in central.received]
        assert actions.index("StopTransaction") < actions.index("BootNotification", 1)

    Stage().run(scene)


def test_an_immediate_reset_ends_the_transaction_and_boots_with_that_reason() -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        await a_charge_under_way(central, charge_point)
        assert (await central.ask(v201.call.Reset("Immediate"))).status == "Accepted"
        await central.until(lambda: len(central.all("BootNotification")) == 2)
        assert central.all("BootNotification")[1]["reason"] == "RemoteReset"
        assert (await ended(central))["reason"] == "ImmediateReset"

    a_station().run(scene)


def test_a_reset_on_idle_waits_for_the_car_to_leave() -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        await a_charge_under_way(central, charge_point)
        assert (await central.ask(v201.call.Reset("OnIdle"))).status == "Scheduled"
        charge_point.connectors[0].request_stop("Local")
        await central.until(lambda: len(central.all("BootNotification")) == 2)
        assert (await ended(central))["reason"] == "Local"

    a_station().run(scene)


def test_unlocking_ends_a_charge_in_16() -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        await a_charge_under_way(central, charge_point)
        assert (await central.ask(call.UnlockConnector(1))).status == "Unlocked"
        assert (await ended(central))["reason"] == "UnlockCommand"

    Stage().run(scene)


def test_unlocking_is_refused_during_a_charge_in_201() -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        await a_charge_under_way(central, charge_point)
        answers = [(await central.ask(v201.call.UnlockConnector(evse_id, 1))).status for evse_id in (1, 2, 3)]
        assert answers == ["OngoingAuthorizedTransaction", "Unlocked", "UnknownConnector"]
        assert charge_point.connectors[0].running

    a_station().run(scene)


def test_a_connector_out_of_service_takes_nobody_until_it_is_back() -> None:
    async def scene(central: Central, _: VirtualChargePoint) -> None:
        assert (await central.ask(call.ChangeAvailability(1, "Inoperative"))).status == "Accepted"
        await central.until(lambda: central.statuses()[-1] == "Unavailable")
        assert (await central.ask(remote_start("REMOTE-1"))).status == "Rejected"
        await central.ask(call.ChangeAvailability(1, "Operative"))
        await central.until(lambda: central.statuses()[-1] == "Available")
        assert (await central.ask(remote_start("REMOTE-1"))).status == "Accepted"

    Stage().run(scene)


def test_a_charge_goes_on_when_its_connector_is_taken_out_of_service() -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        await a_charge_under_way(central, charge_point)
        assert (await central.ask(call.ChangeAvailability(0, "Inoperative"))).status == "Scheduled"
        await central.until(lambda: central.statuses(2)[-1] == "Unavailable")
        assert central.statuses(1)[-1] == "Charging"
        charge_point.connectors[0].request_stop("Local")
        await central.until(lambda: central.statuses(1)[-1] == "Unavailable")

    Stage().run(scene)


def test_an_evse_is_taken_out_of_service_by_its_id() -> None:
    async def scene(central: Central, _: VirtualChargePoint) -> None:
        out = v201.call.ChangeAvailability("Inoperative", evse=FIRST_EVSE)
        assert (await central.ask(out)).status == "Accepted"
        await central.until(lambda: central.statuses(1)[-1] == "Unavailable")
        assert central.statuses(2)[-1] == "Available"
        unknown = v201.call.ChangeAvailability("Inoperative", evse={"id": 9})
        assert (await central.ask(unknown)).status == "Rejected"

    a_station().run(scene)


def test_out_of_service_outlives_a_restart(tmp_path: Path) -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        await central.ask(call.ChangeAvailability(1, "Inoperative"))
        await central.until(lambda: central.statuses()[-1] == "Unavailable")
        await charge_point.shut_down(grace=5)

    async def later(central: Central, _: VirtualChargePoint) -> None:
        assert central.statuses() == ["Unavailable"]

    Stage(memory=tmp_path).run(scene)
    Stage(memory=tmp_path).run(later)


@pytest.mark.parametrize(
    "message",
    ["BootNotification", "Heartbeat", "StatusNotification", "MeterValues", "FirmwareStatusNotification"],
)
def test_a_message_can_be_triggered(message: str) -> None:
    async def scene(central: Central, _: VirtualChargePoint) -> None:
        before = len(central.all(message))
        assert (await central.ask(call.TriggerMessage(message, connector_id=1))).status == "Accepted"
        await central.until(lambda: len(central.all(message)) > before)

    Stage().run(scene)


@pytest.mark.parametrize(
    "message",
    ["BootNotification", "Heartbeat", "StatusNotification", "MeterValues", "LogStatusNotification"],
)
def test_a_message_can_be_triggered_in_201(message: str) -> None:
    async def scene(central: Central, _: VirtualChargePoint) -> None:
        before = len(central.all(message))
        assert (await central.ask(v201.call.TriggerMessage(message, evse=FIRST_EVSE))).status == "Accepted"
        await central.until(lambda: len(central.all(message)) > before)

    a_station().run(scene)


def test_a_transaction_event_can_be_triggered_only_during_a_transaction() -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        trigger = v201.call.TriggerMessage("TransactionEvent", evse=FIRST_EVSE)
        assert (await central.ask(trigger)).status == "Rejected"
        await a_charge_under_way(central, charge_point)
        assert (await central.ask(trigger)).status == "Accepted"
        await central.until(lambda: "Trigger" in [e["trigger_reason"] for e in central.events()])

    a_station().run(scene)


def test_what_cannot_be_triggered_says_so() -> None:
    async def scene(central: Central, _: VirtualChargePoint) -> None:
        triggers = [
            v201.call.TriggerMessage("SignCombinedCertificate"),
            v201.call.TriggerMessage("Heartbeat", evse={"id": 9}),
        ]
        answers = [(await central.ask(trigger)).status for trigger in triggers]
        assert answers == ["NotImplemented", "Rejected"]

    a_station().run(scene)


def test_the_configuration_is_read_by_key_and_unknown_keys_are_named() -> None:
    async def scene(central: Central, _: VirtualChargePoint) -> None:
        answer = await central.ask(call.GetConfiguration(["NumberOfConnectors", "heartbeatinterval", "Moon"]))
        assert answer.configuration_key == [
            {"key": "NumberOfConnectors", "readonly": True, "value": "2"},
            {"key": "HeartbeatInterval", "readonly": False, "value": "300"},
        ]
        assert answer.unknown_key == ["Moon"]
        everything = await central.ask(call.GetConfiguration())
        assert len(everything.configuration_key) > 5

    Stage().run(scene)


@pytest.mark.parametrize(
    ("key", "value", "status"),
    [
        ("HeartbeatInterval", "60", "Accepted"),
        ("HeartbeatInterval", "soon", "Rejected"),
        ("HeartbeatInterval", "-1", "Rejected"),
        ("NumberOfConnectors", "7", "Rejected"),
        ("Moon", "full", "NotSupported"),
    ],
)
def test_a_change_of_configuration_is_accepted_only_where_it_makes_sense(
    key: str, value: str, status: str
) -> None:
    async def scene(central: Central, _: VirtualChargePoint) -> None:
        assert (await central.ask(call.ChangeConfiguration(key, value))).status == status

    Stage().run(scene)


def test_a_shorter_heartbeat_interval_counts_from_now_on() -> None:
    async def scene(central: Central, _: VirtualChargePoint) -> None:
        assert central.all("Heartbeat") == []
        await central.ask(call.ChangeConfiguration("HeartbeatInterval", "1"))
        await central.until(lambda: central.all("Heartbeat"))

    Stage().run(scene)


def test_another_sample_interval_counts_for_the_next_sample() -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        change = v201.call.SetVariables(
            [
                {
                    "attribute_value": "600",
                    "component": {"name": "SampledDataCtrlr"},
                    "variable": {"name": "TxUpdatedInterval"},
                }
            ]
        )
        answer = await central.ask(change)
        assert answer.set_variable_result[0]["attribute_status"] == "Accepted"
        await a_charge_under_way(central, charge_point, samples=3)
        first, second = (json.dumps(e["timestamp"]) for e in central.events("Updated")[:2])
        assert first[:16] != second[:16]
        assert charge_point.configuration.meter_interval == 600

    a_station().run(scene)


def test_a_change_outlives_a_restart(tmp_path: Path) -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        await central.ask(call.ChangeConfiguration("MeterValueSampleInterval", "77"))
        await charge_point.shut_down(grace=5)

    async def later(_: Central, charge_point: VirtualChargePoint) -> None:
        assert charge_point.configuration.meter_interval == 77

    Stage(memory=tmp_path).run(scene)
    Stage(memory=tmp_path).run(later)


def test_variables_are_read_by_component_and_name() -> None:
    async def scene(central: Central, _: VirtualChargePoint) -> None:
        names = [("ChargingStation", "VendorName"), ("ChargingStation", "Moon"), ("Moon", "VendorName")]
        asked = [{"component": {"name": c}, "variable": {"name": v}} for c, v in names]
        results = (await central.ask(v201.call.GetVariables(asked))).get_variable_result
        assert [(r["attribute_status"], r.get("attribute_value")) for r in results] == [
            ("Accepted", "Test"),
            ("UnknownVariable", None),
            ("UnknownComponent", None),
        ]
        assert [(r["component"]["name"], r["variable"]["name"]) for r in results] == names

    a_station().run(scene)


def test_a_remote_start_asks_for_authorisation_where_it_is_told_to() -> None:
    async def scene(central: Central, _: VirtualChargePoint) -> None:
        await central.ask(call.ChangeConfiguration("AuthorizeRemoteTxRequests", "true"))
        await central.ask(remote_start("REMOTE-1"))
        await central.until(lambda: central.all("StartTransaction"))
        assert central.all("Authorize") == [{"id_tag": "REMOTE-1"}]

    Stage().run(scene)


def test_offline_only_who_is_in_the_cache_may_charge_where_it_is_told_so() -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        await central.ask(call.ChangeConfiguration("AllowOfflineTxForUnknownId", "false"))
        assert await charge_point.link.authorise("DRIVER-00007")
        await central.kill()
        await central.until(lambda: not charge_point.link.is_online)
        known = [await charge_point.link.authorise(tag) for tag in ("DRIVER-00007", "DRIVER-00008")]
        assert known == [True, False]

    Stage().run(scene)


def test_a_cleared_cache_knows_nobody() -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        await central.ask(call.ChangeConfiguration("AllowOfflineTxForUnknownId", "false"))
        assert await charge_point.link.authorise("DRIVER-00007")
        assert (await central.ask(call.ClearCache())).status == "Accepted"
        await central.kill()
        await central.until(lambda: not charge_point.link.is_online)
        assert not await charge_point.link.authorise("DRIVER-00007")

    Stage().run(scene)


def test_nobody_starts_while_a_reset_is_under_way() -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        await a_charge_under_way(central, charge_point)
        await central.ask(v201.call.Reset("OnIdle"))
        token = {"id_token": "REMOTE-1", "type": "Central"}
        start = v201.call.RequestStartTransaction(id_token=token, remote_start_id=1, evse_id=2)
        assert (await central.ask(start)).status == "Rejected"

    a_station().run(scene)


HOSTILE = (
    "no JSON",
    b"\x00\xff\x00",
    "{}",
    "[]",
    "7",
    "null",
    '[2,"a"]',
    '[2,"a",{},{}]',
    '[2,"a",[],{}]',
    '[2,"a","NoAction",{}]',
    '[2,"a","Reset",[]]',
    '[2,"a","Reset",{"type":"Sideways"}]',
    '[2,"a","RemoteStopTransaction",{"transactionId":null}]',
    '[2,{},"Reset",{}]',
    '[3,"nobody asked",{}]',
    '[3,"nobody asked",null]',
    '[4,"nobody asked","NoError","",{}]',
    '[4,"x"]',
    '[9,"x","y",{}]',
    "[" * 100_000,
    '[2,"a","Reset",' + '{"a":' * 5_000 + "1" + "}" * 5_000 + "]",
)


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_whatever_the_central_system_sends_the_charge_point_goes_on(version: str) -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        for frame in HOSTILE:
            await central.throw(frame)
        await a_charge_under_way(central, charge_point)
        assert len(central.all("BootNotification")) == 1

    Stage(ocpp=version).run(scene)


def test_an_action_that_is_none_is_answered_with_an_error() -> None:
    async def scene(central: Central, _: VirtualChargePoint) -> None:
        await central.throw('[2,"odd",{},{}]')
        await central.until(lambda: [reply[:2] for reply in central.replies] == [[4, "odd"]])

    Stage().run(scene)


def test_a_refusal_with_a_code_that_ocpp_does_not_know_does_not_end_the_charge_point() -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        central.silent_about.add("Heartbeat")
        await central.ask(call.ChangeConfiguration("HeartbeatInterval", "1"))
        await central.until(lambda: central.all("Heartbeat"))
        await central.throw(json.dumps([4, central.message_ids[-1], "Nonsense", "", {}]))
        await central.until(lambda: len(central.credentials) == 2)
        central.silent_about.clear()
        await central.until(lambda: charge_point.link.is_online)

    Stage().run(scene)


def test_a_stop_that_is_refused_again_and_again_is_in_the_diary_as_not_delivered() -> None:
    stage = Stage()

    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        charge_point.outbox._retry_seconds = 0.01
        central.failing_about.add("StopTransaction")
        await a_charge_under_way(central, charge_point)
        charge_point.connectors[0].request_stop("Local")
        await central.until(lambda: [e for e in stage.diary if e["event"] == "transaction"])
        [entry] = [line for line in stage.diary if line["event"] == "transaction"]
        assert (entry["delivered"], len(central.all("StopTransaction"))) == (False, 3)
        await asyncio.sleep(0)

    stage.run(scene)
