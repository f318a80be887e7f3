"""How virtual charge points authenticate themselves, and change their key when they are told to."""

from __future__ import annotations

import base64
import stat
from pathlib import Path

import pytest
from ocpp import v201
from ocpp.v16 import call
from simulator_central import Central, small_fleet
from simulator_stage import Stage

from simulator.charge_point import VirtualChargePoint
from simulator.fleet import FleetError
from simulator.keys import Keys, load_keys, save_keys

STATION_ID = small_fleet().stations[0].station_id
OLD, NEW = "a-key-of-its-own", "another-key-of-its-own"


def basic(key: str) -> str:
    return "Basic " + base64.b64encode(f"{STATION_ID}:{key}".encode()).decode()


def test_it_connects_with_its_key() -> None:
    async def scene(central: Central, _: VirtualChargePoint) -> None:
        assert central.credentials == [basic(OLD)]

    Stage(key=OLD).run(scene)


def test_told_a_new_key_it_connects_with_that() -> None:
    stage = Stage(key=OLD)

    async def scene(central: Central, _: VirtualChargePoint) -> None:
        assert (await central.ask(call.ChangeConfiguration("AuthorizationKey", NEW))).status == "Accepted"
        await central.until(lambda: central.credentials == [basic(OLD), basic(NEW)])
        assert stage.keys.get(STATION_ID) == NEW

    stage.run(scene)


def test_told_a_new_key_in_201_it_connects_with_that() -> None:
    async def scene(central: Central, _: VirtualChargePoint) -> None:
        where = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
        answer = await central.ask(v201.call.SetVariables([{**where, "attribute_value": NEW}]))
        assert answer.set_variable_result[0]["attribute_status"] == "Accepted"
        await central.until(lambda: central.credentials == [basic(OLD), basic(NEW)])
        read = await central.ask(v201.call.GetVariables([where]))
        assert "attribute_value" not in read.get_variable_result[0]

    Stage(key=OLD, ocpp="2.0.1").run(scene)


def test_its_key_is_told_to_nobody() -> None:
    async def scene(central: Central, _: VirtualChargePoint) -> None:
        answer = await central.ask(call.GetConfiguration(["AuthorizationKey"]))
        assert answer.configuration_key == [{"key": "AuthorizationKey", "readonly": False}]

    Stage(key=OLD).run(scene)


def test_a_new_key_is_kept_in_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    path = tmp_path / "new" / "keys.json"
    save_keys(path, {STATION_ID: OLD, "STATION_2": OLD})
    Keys(load_keys(path), path).replace(STATION_ID, NEW)
    assert load_keys(path) == {STATION_ID: NEW, "STATION_2": OLD}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_without_a_key_it_sends_none() -> None:
    async def scene(central: Central, _: VirtualChargePoint) -> None:
        assert central.credentials == [None]

    Stage().run(scene)


def test_keys_are_read_by_station_id(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text('{"STATION_1": "abc"}', encoding="utf-8")
    assert load_keys(path) == {"STATION_1": "abc"}
    assert load_keys(tmp_path / "none.json") == {}


def test_a_file_of_keys_that_cannot_be_read_is_refused_without_showing_it(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text('{"STATION_1": ["secret"]}', encoding="utf-8")
    with pytest.raises(FleetError) as refusal:
        load_keys(path)
    assert "keys.json" in str(refusal.value)
    assert "secret" not in str(refusal.value)
