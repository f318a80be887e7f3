"""What firmware does and should not, as the virtual charge points do it."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from ocpp import v201
from simulator_central import Central
from simulator_stage import Stage, a_charge_under_way

from simulator.charge_point import VirtualChargePoint
from simulator.messages import Stopped, Transaction
from simulator.meter_values import SIGNED_DATA
from simulator.quirks import FORGETS_STOP, as_sent

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)


def a_station(*quirks: str, version: str = "1.6", **more: Any) -> Stage:
    return Stage(quirks=frozenset(quirks), ocpp=version, **more)


async def a_stopped_charge(central: Central, charge_point: VirtualChargePoint) -> None:
    await a_charge_under_way(central, charge_point)
    charge_point.connectors[0].request_stop("Local")
    await central.until(lambda: central.statuses()[-1] == "Available")


def energy_samples(central: Central) -> list[dict[str, Any]]:
    return [
        sample
        for update in central.samples
        for value in update["meter_value"]
        for sample in value["sampled_value"]
        if sample.get("measurand") == "Energy.Active.Import.Register"
    ]


def test_a_stop_comes_twice_with_another_time_and_no_reason() -> None:
    stage = a_station("stop_twice")

    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        await a_stopped_charge(central, charge_point)
        await central.until(lambda: len(central.all("StopTransaction")) == 2)
        first, second = central.all("StopTransaction")
        assert first["transaction_id"] == second["transaction_id"]
        assert first["timestamp"] < second["timestamp"]
        assert (first["reason"], "reason" in second) == ("Local", False)
        assert [line["event"] for line in stage.diary] == ["transaction"]

    stage.run(scene)


def test_a_remote_stop_is_called_a_local_one() -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        await a_charge_under_way(central, charge_point)
        charge_point.remote.stop(central.next_transaction)
        await central.until(lambda: central.all("StopTransaction"))
        assert central.all("StopTransaction")[0]["reason"] == "Local"

    a_station("remote_as_local").run(scene)


def test_the_last_meter_value_comes_after_the_stop() -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        await a_stopped_charge(central, charge_point)
        actions = [action for action, _ in central.received]
        assert actions[actions.index("StopTransaction") + 1] == "MeterValues"

    a_station("late_meter_values").run(scene)


def test_a_stop_is_forgotten_now_and_then_and_its_energy_comes_as_a_meter_value() -> None:
    stop = Stopped(Transaction("a", 1, "DRIVER-00001", 1000, AT, 7), AT, 2000, "Local")
    rng = random.Random(1)
    sent = [as_sent(stop, frozenset({"never_stops"}), rng) for _ in range(2000)]
    forgotten = [messages for messages in sent if messages[0].forgotten]  # type: ignore[union-attr]
    assert len(forgotten) / len(sent) == pytest.approx(FORGETS_STOP, abs=0.03)
    assert all(len(messages) == 1 for messages in sent)


def test_a_forgotten_stop_leaves_the_register_of_the_end_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.quirks.FORGETS_STOP", 1.0)
    stage = a_station("never_stops")

    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        await a_stopped_charge(central, charge_point)
        [entry] = [line for line in stage.diary if line["event"] == "transaction"]
        assert (entry["stop_sent"], central.all("StopTransaction")) == (False, [])
        assert int(energy_samples(central)[-1]["value"]) == entry["meter_stop"]

    stage.run(scene)


def test_registers_come_as_kwh_with_the_noise_of_floating_point() -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        await a_charge_under_way(central, charge_point)
        sample = energy_samples(central)[0]
        assert sample["unit"] == "kWh"
        assert len(sample["value"]) > 15
        assert round(Decimal(sample["value"]) * 1000) == central.all("StartTransaction")[0]["meter_start"]

    a_station("kwh_strings").run(scene)


def test_registers_come_as_wh_under_the_name_of_kwh() -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        await a_charge_under_way(central, charge_point)
        sample = energy_samples(central)[0]
        assert (sample["unit"], int(sample["value"])) == (
            "kWh",
            central.all("StartTransaction")[0]["meter_start"],
        )

    a_station("wh_labelled_kwh").run(scene)


def test_signed_values_come_beside_the_plain_ones() -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        await a_stopped_charge(central, charge_point)
        [data] = central.all("StopTransaction")[0]["transaction_data"]
        assert len(SIGNED_DATA) > 1000
        assert SIGNED_DATA in [sample["value"] for sample in data["sampled_value"]]

    a_station("signed_values").run(scene)


def test_signed_values_have_a_place_of_their_own_in_201() -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        await a_charge_under_way(central, charge_point)
        assert energy_samples(central)[0]["signed_meter_value"]["signed_meter_data"] == SIGNED_DATA

    a_station("signed_values", version="2.0.1").run(scene)


def test_message_ids_begin_anew_at_each_connection() -> None:
    async def scene(central: Central, _: VirtualChargePoint) -> None:
        await central.kill()
        await central.start()
        await central.until(lambda: len(central.statuses(2)) == 2)
        assert central.message_ids.count("1") == 2

    a_station("repeats_message_ids").run(scene)


def test_it_boots_at_each_connection_in_the_middle_of_a_charge() -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        await a_charge_under_way(central, charge_point)
        await central.kill()
        await central.start()
        await central.until(lambda: len(central.all("BootNotification")) == 2)
        assert charge_point.connectors[0].running

    a_station("boots_on_reconnect").run(scene)


def test_it_says_nothing_of_its_connectors_when_it_is_back() -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        await central.kill()
        await central.until(lambda: not charge_point.link.is_online)
        told = len(central.received)
        await central.start()
        await central.until(lambda: charge_point.link.is_online)
        await a_charge_under_way(central, charge_point, samples=1)
        assert central.received[told][1] == {
            **central.received[told][1],
            "connector_id": 1,
            "status": "Preparing",
        }

    a_station("quiet_on_reconnect").run(scene)


def test_the_clock_of_a_charge_point_can_be_wrong() -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        now = charge_point._clock.now()
        told = datetime.fromisoformat(central.all("StatusNotification")[0]["timestamp"])
        assert 3000 < (told - now).total_seconds() < 3700

    a_station(clock_skew=3600, speed=1).run(scene)


def test_an_evse_without_its_connector_and_a_sequence_that_stands_still() -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        await a_charge_under_way(central, charge_point)
        assert central.events("Started")[0]["evse"] == {"id": 1}
        assert {event["seq_no"] for event in central.events()} == {0}

    a_station("missing_evse", "seq_no_zero", version="2.0.1").run(scene)


def test_a_remote_start_of_which_neither_number_nor_token_is_echoed() -> None:
    async def scene(central: Central, _: VirtualChargePoint) -> None:
        token = {"id_token": "REMOTE-1", "type": "Central"}
        await central.ask(v201.call.RequestStartTransaction(id_token=token, remote_start_id=7, evse_id=1))
        await central.until(lambda: central.events("Started"))
        started = central.events("Started")[0]
        assert "id_token" not in started
        assert "remote_start_id" not in started["transaction_info"]

    a_station("forgets_remote_start", version="2.0.1").run(scene)


def test_what_happened_offline_does_not_say_so() -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        await central.kill()
        await central.until(lambda: not charge_point.link.is_online)
        charge_point.plug_in(
            charge_point.connectors[0], charge_point._visit_for("D", charge_point.connectors[0])
        )
        await central.until(lambda: charge_point.outbox.waiting)
        await central.start()
        await central.until(lambda: central.events("Started"))
        assert "offline" not in central.events("Started")[0]

    a_station("no_offline_flag", version="2.0.1").run(scene)
