"""A virtual charge point against a central system made of the `ocpp` package, over real sockets."""

from __future__ import annotations

import asyncio
import shutil
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from ocpp.exceptions import OCPPError
from ocpp.v16 import call
from simulator_central import Central, central_system, register_of, remote_start, remote_stop, small_fleet
from simulator_stage import FAULT, POWER_CUT, Stage, a_charge_under_way, a_visit, plug_in

from simulator.charge_point import VirtualChargePoint
from simulator.clock import Clock
from simulator.fleet import Failure, load_fleet
from simulator.visits import Visit, draw_visit, vehicle_for
from simulator.world import Play, play


def test_it_boots_with_its_vendor_and_model_and_reports_every_connector() -> None:
    async def scene(central: Central, _: VirtualChargePoint) -> None:
        assert central.received[0][0] == "BootNotification"
        assert central.received[0][1]["charge_point_vendor"] == "Test"
        assert [central.statuses(number) for number in (0, 1, 2)] == [["Available"]] * 3

    Stage().run(scene)


def test_a_visit_goes_through_every_state() -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        plug_in(charge_point)
        await central.until(lambda: central.statuses()[1:] and central.statuses()[-1] == "Available")
        assert central.statuses() == [
            "Available",
            "Preparing",
            "Charging",
            "SuspendedEV",
            "Finishing",
            "Available",
        ]

    Stage(speed=2400).run(scene)


def test_the_driver_is_authorised_before_the_start() -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        await a_charge_under_way(central, charge_point)
        actions = [action for action, _ in central.received]
        assert actions.index("Authorize") < actions.index("StartTransaction")
        assert central.all("Authorize") == [{"id_tag": "DRIVER-00007"}]

    Stage().run(scene)


def test_a_driver_who_is_refused_charges_nothing() -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        central.refused_tags.add("DRIVER-00007")
        plug_in(charge_point)
        await central.until(lambda: central.statuses()[1:] and central.statuses()[-1] == "Available")
        assert central.all("StartTransaction") == []

    Stage().run(scene)


def test_registers_rise_from_the_start_to_the_stop() -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        plug_in(charge_point)
        await central.until(lambda: central.all("StopTransaction"))
        registers = [register_of(values) for values in central.all("MeterValues")]
        assert registers == sorted(registers)
        assert registers[0] == central.all("StartTransaction")[0]["meter_start"]
        assert registers[-1] == central.all("StopTransaction")[0]["meter_stop"]

    Stage(speed=2400).run(scene)


def test_the_energy_delivered_is_what_the_car_wanted() -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        plug_in(charge_point)
        await central.until(lambda: central.all("StopTransaction"))
        start, stop = central.all("StartTransaction")[0], central.all("StopTransaction")[0]
        assert stop["meter_stop"] - start["meter_start"] == int(0.7 * 77_000)

    Stage(speed=2400).run(scene)


def test_fast_charging_tells_the_state_of_charge_and_slow_charging_its_phases() -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        plug_in(charge_point, 1)
        plug_in(charge_point, 2)
        await central.until(lambda: {v["connector_id"] for v in central.all("MeterValues")} == {1, 2})
        samples = {
            v["connector_id"]: v["meter_value"][0]["sampled_value"] for v in central.all("MeterValues")
        }
        assert "SoC" in [sample["measurand"] for sample in samples[1]]
        assert [s["phase"] for s in samples[2] if s["measurand"] == "Current.Import"] == ["L1", "L2", "L3"]

    Stage().run(scene)


def test_a_failed_session_moves_no_energy() -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        failure = Failure(error_code="EVCommunicationError", stop_reason="Other")
        visit = Visit(**{**vars(a_visit(charge_point)), "failure": failure})
        charge_point.plug_in(charge_point.connectors[0], visit)
        await central.until(lambda: central.all("StopTransaction"))
        start, stop = central.all("StartTransaction")[0], central.all("StopTransaction")[0]
        assert (stop["meter_stop"] - start["meter_start"], stop["reason"]) == (0, "Other")
        errors = [report["error_code"] for report in central.all("StatusNotification")]
        assert "EVCommunicationError" in errors

    Stage().run(scene)


def test_a_remote_start_plugs_a_car_in_under_the_given_id_tag() -> None:
    async def scene(central: Central, _: VirtualChargePoint) -> None:
        assert (await central.ask(remote_start("REMOTE-1"))).status == "Accepted"
        await central.until(lambda: central.all("MeterValues"))
        assert central.all("StartTransaction")[0]["id_tag"] == "REMOTE-1"

    Stage().run(scene)


def test_a_second_remote_start_on_the_connector_is_rejected() -> None:
    async def scene(central: Central, _: VirtualChargePoint) -> None:
        await central.ask(remote_start("REMOTE-1"))
        assert (await central.ask(remote_start("REMOTE-2"))).status == "Rejected"

    Stage().run(scene)


def test_a_remote_start_of_a_connector_that_is_not_there_is_rejected() -> None:
    async def scene(central: Central, _: VirtualChargePoint) -> None:
        assert (await central.ask(remote_start("REMOTE-1", connector_id=9))).status == "Rejected"

    Stage().run(scene)


def test_a_remote_stop_ends_the_transaction_with_that_reason() -> None:
    async def scene(central: Central, _: VirtualChargePoint) -> None:
        await central.ask(remote_start("REMOTE-1"))
        await central.until(lambda: central.all("MeterValues"))
        assert (await central.ask(remote_stop(central.next_transaction))).status == "Accepted"
        await central.until(lambda: central.all("StopTransaction"))
        assert central.all("StopTransaction")[0]["reason"] == "Remote"

    Stage().run(scene)


def test_a_remote_stop_of_a_foreign_transaction_is_rejected() -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        await a_charge_under_way(central, charge_point)
        assert (await central.ask(remote_stop(7))).status == "Rejected"

    Stage().run(scene)


def test_a_request_it_does_not_know_is_answered_with_an_error() -> None:
    async def scene(central: Central, _: VirtualChargePoint) -> None:
        with pytest.raises(OCPPError):
            await central.ask(call.GetLocalListVersion())

    Stage().run(scene)


def test_a_start_answered_invalid_is_stopped_as_deauthorised() -> None:
    async def scene(central: Central, _: VirtualChargePoint) -> None:
        central.refused_tags.add("REMOTE-1")
        await central.ask(remote_start("REMOTE-1"))
        await central.until(lambda: central.all("StopTransaction"))
        assert central.all("StopTransaction")[0]["reason"] == "DeAuthorized"

    Stage().run(scene)


def test_a_fault_ends_the_transaction_and_the_connector_recovers() -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        await a_charge_under_way(central, charge_point)
        await charge_point.suffer(FAULT, 300, charge_point.connectors[0])
        await central.until(lambda: central.statuses()[-1] == "Available")
        assert central.statuses()[-3:] == ["Charging", "Faulted", "Available"]
        assert central.all("StopTransaction")[0]["reason"] == "Other"
        [fault] = [r for r in central.all("StatusNotification") if r["status"] == "Faulted"]
        assert (fault["error_code"], fault["vendor_error_code"]) == ("GroundFailure", "CX002")

    Stage().run(scene)


def test_nobody_starts_at_a_faulted_connector() -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        fault = asyncio.create_task(charge_point.suffer(FAULT, 3600, charge_point.connectors[0]))
        await central.until(lambda: central.statuses()[-1] == "Faulted")
        assert (await central.ask(remote_start("REMOTE-1"))).status == "Rejected"
        fault.cancel()

    Stage().run(scene)


def test_a_power_cut_ends_transactions_and_it_boots_anew() -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        await a_charge_under_way(central, charge_point)
        await charge_point.suffer(POWER_CUT, 120)
        await central.until(lambda: central.all("StopTransaction"))
        assert len(central.all("BootNotification")) == 2
        assert central.all("StopTransaction")[0]["reason"] == "PowerLoss"

    Stage().run(scene)


def test_a_transaction_that_outlives_the_central_system_loses_no_energy() -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        await a_charge_under_way(central, charge_point)
        await central.kill()
        await central.until(lambda: len(charge_point.outbox.waiting) > 20)
        await central.start()
        await central.until(lambda: central.all("StopTransaction"))
        start, stop = central.all("StartTransaction")[0], central.all("StopTransaction")[0]
        assert stop["meter_stop"] - start["meter_start"] == int(0.7 * 77_000)
        registers = [register_of(values) for values in central.all("MeterValues")]
        assert registers == sorted(registers)
        assert len(central.all("BootNotification")) == 1

    Stage(speed=1200).run(scene)


def test_a_whole_session_offline_arrives_in_order_with_its_own_times() -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        await central.kill()
        await central.until(lambda: not charge_point.link.is_online)
        plug_in(charge_point)
        await central.until(lambda: any(m.kind == "stopped" for m in charge_point.outbox.waiting))
        back = charge_point._clock.now()
        await central.start()
        await central.until(lambda: central.all("StopTransaction"))
        sent = [name for name, _ in central.received if name.endswith("Transaction") or name == "MeterValues"]
        assert (sent[0], sent[-1]) == ("StartTransaction", "StopTransaction")
        stop = central.all("StopTransaction")[0]
        assert stop["transaction_id"] == central.next_transaction
        assert datetime.fromisoformat(stop["timestamp"]) < back

    Stage(speed=2400).run(scene)


def test_a_start_whose_answer_was_lost_is_sent_again() -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        central.silent_about.add("StartTransaction")
        plug_in(charge_point)
        await central.until(lambda: central.all("StartTransaction"))
        await central.kill()
        central.silent_about.clear()
        await central.start()
        await central.until(lambda: len(central.all("StartTransaction")) == 2)
        first, second = central.all("StartTransaction")
        assert first == second

    Stage().run(scene)


def test_the_diary_tells_what_arrived() -> None:
    stage = Stage()

    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        await a_charge_under_way(central, charge_point)
        charge_point.remote.stop(central.next_transaction)
        await central.until(lambda: central.statuses()[-1] == "Available")
        [entry] = [line for line in stage.diary if line["event"] == "transaction"]
        stop = central.all("StopTransaction")[0]
        assert entry["meter_stop"] == stop["meter_stop"]
        assert entry["transaction_id"] == stop["transaction_id"]
        assert entry["delivered"] is True

    stage.run(scene)


def test_shutting_down_ends_transactions_and_keeps_the_register(tmp_path: Path) -> None:
    stops: list[int] = []

    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        await a_charge_under_way(central, charge_point)
        await charge_point.shut_down(grace=10)
        assert central.all("StopTransaction")[0]["reason"] == "Reboot"
        stops.append(central.all("StopTransaction")[0]["meter_stop"])

    async def later(_: Central, charge_point: VirtualChargePoint) -> None:
        assert charge_point.connectors[0].register_wh == stops[0]

    Stage(memory=tmp_path).run(scene)
    Stage(memory=tmp_path).run(later)


def test_a_stop_that_could_not_be_sent_before_the_end_is_sent_at_the_next_start(tmp_path: Path) -> None:
    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        await a_charge_under_way(central, charge_point)
        await central.kill()
        # Nobody is there to hear of it: were the grace waited for, the test would not end.
        await charge_point.shut_down(grace=3600)

    async def later(central: Central, _: VirtualChargePoint) -> None:
        await central.until(lambda: central.all("StopTransaction"))
        assert central.all("StopTransaction")[0]["transaction_id"] == 42

    Stage(memory=tmp_path).run(scene)
    Stage(memory=tmp_path).run(later)


def test_a_charge_point_that_loses_power_in_a_charge_shows_no_less_than_it_has_told(tmp_path: Path) -> None:
    told: list[int] = []

    async def scene(central: Central, charge_point: VirtualChargePoint) -> None:
        await a_charge_under_way(central, charge_point)
        told.append(register_of(central.samples[-1]))
        shutil.copytree(tmp_path / "now", tmp_path / "then")

    async def later(central: Central, _: VirtualChargePoint) -> None:
        await central.until(lambda: central.all("StopTransaction"))
        assert central.all("StopTransaction")[0]["meter_stop"] >= told[0] > 0

    Stage(memory=tmp_path / "now").run(scene)
    Stage(memory=tmp_path / "then").run(later)


def test_the_world_begins_with_cars_in_mid_charge() -> None:
    async def run() -> None:
        async with central_system() as central:
            stop = asyncio.Event()
            what = Play(
                fleet=load_fleet().first(3),
                url=central.url,
                zone=ZoneInfo("UTC"),
                clock=Clock(speed=60, hours=1),
            )
            playing = asyncio.create_task(play(what, stop))
            await central.until(lambda: central.all("MeterValues"))
            stop.set()
            await playing
            stopped = {stop["transaction_id"] for stop in central.all("StopTransaction")}
            assert len(stopped) == len(central.all("StartTransaction"))
            assert len(central.events("Ended")) == len(central.events("Started"))

    asyncio.run(run())


def test_visits_fit_the_connector_they_are_drawn_for() -> None:
    async def scene(_: Central, charge_point: VirtualChargePoint) -> None:
        fleet, station = small_fleet(), charge_point.station
        for connector in station.connectors:
            for _number in range(200):
                vehicle = vehicle_for(connector, fleet, charge_point._rng)
                visit = draw_visit(fleet, station, connector, vehicle, charge_point._rng)
                assert visit.curve.peak_power_w <= connector.power_kw * 1000
                assert visit.soc_after(visit.curve.energy_wh) <= 1

    Stage().run(scene)
